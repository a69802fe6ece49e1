#pragma once
// The table everything else is computed from: the score of every task after every training stage, and before training.
// A score that was not evaluated is NaN, never 0; rows may be ragged, the upper triangle may be filled or not.
// Scale (0-1, 0-100) and orientation are said once per task, and handled here once.
// Builds on core. Leaves out the metrics (continual.hpp, forgetting.hpp ...) and files (formats/).

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace holdfast::metrics {

/// The score of a task that was not evaluated. Compare with std::isnan, or ask accuracy_matrix::has.
inline constexpr double not_evaluated = std::numeric_limits<double>::quiet_NaN();

enum class orientation { higher_is_better, lower_is_better };

/// What the numbers of one task mean.
struct task_traits {
    std::size_t size = 0;  ///< test items behind a score, for size-weighted means and intervals; 0 where unknown
    double scale = 1;      ///< what a perfect score is worth: 1, or 100 for per cent
    metrics::orientation orientation = metrics::orientation::higher_is_better;
};

/// Scores R of T tasks after each training stage (R[i][j] = score of task j after stage i), and before training.
///
/// Stages and tasks count from 0: stage i is the one that learned task i, so R[i][i] is a task's score just after it
/// was learned. The scores before training ("row 0" of the papers) stand apart, in before(). Rows beyond T are
/// allowed (a suite of capabilities measured after every stage is such a table too); metrics that need the diagonal
/// refuse them.
///
/// operator() gives what was put in. Metrics read score(), where all tasks have one scale and higher is better: that
/// changes nothing unless traits say otherwise.
class accuracy_matrix {
  public:
    /// @param names   one per task [T], in the order in which they are learned; T >= 1, no two alike
    /// @param traits  size, scale and orientation per task [T]; empty: all as task_traits has them
    explicit accuracy_matrix(std::vector<std::string> names, std::vector<task_traits> traits = {})
        : names_(std::move(names)), traits_(std::move(traits)) {
        require(!names_.empty(), "metrics::accuracy_matrix: needs at least one task, got none");
        for (std::size_t j = 1; j < names_.size(); ++j)
            require(std::find(names_.begin(), names_.begin() + static_cast<std::ptrdiff_t>(j), names_[j]) ==
                        names_.begin() + static_cast<std::ptrdiff_t>(j),
                    "metrics::accuracy_matrix: no two tasks may be named alike, two are named \"", names_[j], "\"");
        if (traits_.empty()) traits_.resize(names_.size());
        require(traits_.size() == names_.size(), "metrics::accuracy_matrix: needs traits for each of ", names_.size(),
                " tasks, got ", traits_.size());
        for (std::size_t j = 0; j < names_.size(); ++j)
            require(std::isfinite(traits_[j].scale) && traits_[j].scale > 0,
                    "metrics::accuracy_matrix: the scale of a task must be above 0 and finite, that of ", names_[j],
                    " is ", traits_[j].scale);
        scale_ = traits_[0].scale;
        for (const auto& t : traits_)
            if (t.scale != scale_) scale_ = 1;
    }

    /// A matrix that lies somewhere already; NaN is a score that was not evaluated.
    /// @param m      scores [stages, T], of any arithmetic type
    /// @param names  one per task [T]
    /// @cost         O(stages * T); copies
    template <matrix_like M>
    [[nodiscard]] static accuracy_matrix from(const M& m, std::vector<std::string> names,
                                              std::vector<task_traits> traits = {}) {
        static_assert(std::is_arithmetic_v<element_t<M>>, "accuracy_matrix::from needs a matrix of numbers");
        const auto v = holdfast::view(m);
        require(v.cols() == names.size(), "metrics::accuracy_matrix::from: needs a name for each of ", v.cols(),
                " columns, got ", names.size());
        accuracy_matrix r(std::move(names), std::move(traits));
        std::vector<double> row(r.tasks());
        for (std::size_t i = 0; i < v.rows(); ++i) {
            for (std::size_t j = 0; j < row.size(); ++j) row[j] = static_cast<double>(v(i, j));
            r.append(row);
        }
        return r;
    }

    /// The same, where the first row of m holds the scores before training: m is [1 + stages, T].
    template <matrix_like M>
    [[nodiscard]] static accuracy_matrix from_with_before(const M& m, std::vector<std::string> names,
                                                          std::vector<task_traits> traits = {}) {
        const auto v = holdfast::view(m);
        require(v.rows() > 0, "metrics::accuracy_matrix::from_with_before: needs a first row, the matrix has none");
        using element = std::remove_pointer_t<decltype(v.data())>;
        const matrix_view<element> rest(v.rows() > 1 ? &v(1, 0) : v.data(), v.rows() - 1, v.cols(), v.row_stride(),
                                        v.col_stride());
        auto r = from(rest, std::move(names), std::move(traits));
        std::vector<double> row(r.tasks());
        for (std::size_t j = 0; j < row.size(); ++j) row[j] = static_cast<double>(v(0, j));
        r.before(row);
        return r;
    }

    /// Adds the scores after the next stage; a row shorter than T leaves the rest not evaluated.
    /// @param row  scores [<= T] in each task's own unit; NaN = not evaluated
    /// @throw      invalid_argument if the row is longer than T or holds an infinity
    /// @cost       O(T), amortised
    accuracy_matrix& append(std::span<const double> row) {
        check("append", row);
        scores_.insert(scores_.end(), row.begin(), row.end());
        scores_.resize((stages_ + 1) * tasks(), not_evaluated);
        ++stages_;
        return *this;
    }
    accuracy_matrix& append(std::initializer_list<double> row) { return append(std::span(row.begin(), row.size())); }

    /// Sets the scores before training; given twice, the later holds.
    accuracy_matrix& before(std::span<const double> row) {
        check("before", row);
        before_.assign(row.begin(), row.end());
        before_.resize(tasks(), not_evaluated);
        return *this;
    }
    accuracy_matrix& before(std::initializer_list<double> row) { return before(std::span(row.begin(), row.size())); }

    /// Fills one cell of a stage that was appended: scores that come later, from an evaluation on the side.
    accuracy_matrix& set(std::size_t stage, std::size_t task, double score) {
        check_place("set", stage, task);
        require(!std::isinf(score), "metrics::accuracy_matrix::set: a score must be finite, that of ", names_[task],
                " after stage ", stage, " is ", score);
        scores_[stage * tasks() + task] = score;
        return *this;
    }

    [[nodiscard]] std::size_t tasks() const { return names_.size(); }  ///< T
    [[nodiscard]] std::size_t stages() const { return stages_; }       ///< rows appended
    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    [[nodiscard]] const std::vector<task_traits>& traits() const { return traits_; }

    /// The place of the task with this name.
    /// @throw invalid_argument if there is none
    [[nodiscard]] std::size_t index(std::string_view name) const {
        const auto at = std::find(names_.begin(), names_.end(), name);
        require(at != names_.end(), "metrics::accuracy_matrix::index: there is no task \"", name, "\"");
        return static_cast<std::size_t>(at - names_.begin());
    }

    /// The score as it was put in, NaN where it was not evaluated.
    /// @throw invalid_argument if there is no such stage or task
    [[nodiscard]] double operator()(std::size_t stage, std::size_t task) const {
        check_place("operator()", stage, task);
        return scores_[stage * tasks() + task];
    }

    [[nodiscard]] bool has(std::size_t stage, std::size_t task) const {
        return stage < stages_ && task < tasks() && !std::isnan(scores_[stage * tasks() + task]);
    }

    /// The scores before training, as put in [T]; empty if they were not given.
    [[nodiscard]] std::span<const double> before() const { return before_; }

    /// All rows as put in, [stages, T]; valid until the next change.
    [[nodiscard]] matrix_view<const double> scores() const { return {scores_.data(), stages_, tasks()}; }

    /// The unit of score(): the scale that all tasks share, else 1.
    [[nodiscard]] double scale() const { return scale_; }

    /// A number in task j's own unit as metrics see it: on the common scale, higher better.
    /// Lower-is-better becomes scale - x: an error rate becomes an accuracy.
    [[nodiscard]] double comparable(std::size_t task, double own) const {
        require(task < tasks(), "metrics::accuracy_matrix::comparable: task ", task, " of ", tasks());
        const auto& t = traits_[task];
        const double x = t.scale == scale_ ? own : own / t.scale * scale_;
        return t.orientation == orientation::higher_is_better ? x : scale_ - x;
    }

    /// R[stage][task] as metrics see it, NaN where it was not evaluated.
    [[nodiscard]] double score(std::size_t stage, std::size_t task) const {
        return comparable(task, (*this)(stage, task));
    }

  private:
    void check(const char* function, std::span<const double> row) const {
        require(row.size() <= tasks(), "metrics::accuracy_matrix::", function, ": a row has at most ", tasks(),
                " scores, one per task, got ", row.size());
        for (std::size_t j = 0; j < row.size(); ++j)
            require(!std::isinf(row[j]), "metrics::accuracy_matrix::", function,
                    ": a score must be finite (NaN = not evaluated), that of ", names_[j], " is ", row[j]);
    }

    void check_place(const char* function, std::size_t stage, std::size_t task) const {
        require(stage < stages_ && task < tasks(), "metrics::accuracy_matrix::", function, ": stage ", stage,
                " and task ", task, " of ", stages_, " stages and ", tasks(), " tasks (both count from 0)");
    }

    std::vector<std::string> names_;
    std::vector<task_traits> traits_;
    double scale_ = 1;
    std::size_t stages_ = 0;
    std::vector<double> scores_;  // [stages, T]
    std::vector<double> before_;
};

}  // namespace holdfast::metrics
