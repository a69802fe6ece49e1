#pragma once
// The main metrics of a stream while it runs, each row in O(T) and without the table: for a trainer that logs them
// after every stage, and for many streams at once. The same numbers as continual.hpp and forgetting.hpp give of the
// table. Builds on error.hpp. Leaves out scales (one unit for all tasks), missing scores and every rarer variant.

#include <holdfast/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::metrics {

/// OP, BWT, forgetting, average incremental and learning accuracy after the rows so far.
///
/// Per task it keeps the score when learned, the best before the last row, and the best with it.
/// @cost  append O(T), every value O(1), memory O(T)
class running {
  public:
    /// @param tasks  T >= 1
    explicit running(std::size_t tasks) : tasks_(tasks) {
        require(tasks > 0, "metrics::running: needs at least one task, got none");
        learned_.reserve(tasks);
        best_.reserve(tasks);
    }

    /// @param row  scores after the next stage; those of the tasks seen by then must be there, the rest is not read
    /// @throw      invalid_argument if one is missing, or every task was learned already
    running& append(std::span<const double> row) {
        const std::size_t t = learned_.size();
        require(t < tasks_, "metrics::running::append: all ", tasks_, " tasks were learned, one per stage");
        require(row.size() > t, "metrics::running::append: stage ", t, " needs the scores of ", t + 1, " tasks, got ",
                row.size());
        for (std::size_t j = 0; j <= t; ++j)
            require(std::isfinite(row[j]), "metrics::running::append: needs the score of task ", j, " after stage ", t,
                    ", which was not evaluated (both count from 0)");
        double seen = 0, change = 0, lost = 0, lost_inclusive = 0;
        for (std::size_t j = 0; j < t; ++j) {
            seen += row[j];
            change += row[j] - learned_[j];
            lost += best_[j] - row[j];
            best_[j] = std::max(best_[j], row[j]);
            lost_inclusive += best_[j] - row[j];
        }
        seen += row[t];
        learned_.push_back(row[t]);
        best_.push_back(row[t]);
        learned_sum_ += row[t];
        op_ = seen / static_cast<double>(t + 1);
        op_sum_ += op_;
        const auto earlier = static_cast<double>(t);
        bwt_ = change / earlier, forgetting_ = lost / earlier, inclusive_ = lost_inclusive / earlier;  // NaN at t = 0
        return *this;
    }

    [[nodiscard]] std::size_t stages() const { return learned_.size(); }

    /// Of the last row; NaN before the first.
    [[nodiscard]] double overall_performance() const { return op_; }
    /// Over T-1 earlier tasks; NaN before the second row.
    [[nodiscard]] double backward_transfer() const { return bwt_; }
    /// Since each task's best earlier stage; NaN before the second row.
    [[nodiscard]] double forgetting() const { return forgetting_; }
    [[nodiscard]] double forgetting_inclusive() const { return inclusive_; }
    [[nodiscard]] double average_incremental() const { return op_sum_ / static_cast<double>(stages()); }
    [[nodiscard]] double learning_accuracy() const { return learned_sum_ / static_cast<double>(stages()); }

  private:
    static constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
    std::size_t tasks_;
    std::vector<double> learned_, best_;  // [stages]
    double op_ = undefined, bwt_ = undefined, forgetting_ = undefined, inclusive_ = undefined;
    double op_sum_ = 0, learned_sum_ = 0;
};

}  // namespace holdfast::metrics
