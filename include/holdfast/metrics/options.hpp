#pragma once
// What a caller may choose for any metric: the denominator, the stage, and what to do about a score that is missing.
// Builds on accuracy_matrix.hpp and result.hpp. Leaves out the metrics themselves.
// Its detail namespace holds the one mean that all metrics share.

#include <holdfast/metrics/accuracy_matrix.hpp>
#include <holdfast/metrics/result.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>

namespace holdfast::metrics {

/// Over how many tasks a mean is taken, where the literature disagrees. T counts the tasks learned up to the stage.
enum averaging {
    as_defined,          ///< as the metric's own comment says
    over_earlier_tasks,  ///< T-1: the task just learned is left out
    over_later_tasks,    ///< T-1: the first task is left out
    over_all_tasks,      ///< T: a task that has no term of its own counts as 0
};

enum class missing_cells {
    refuse,  ///< a score that the metric needs and the matrix lacks is an error
    skip,    ///< tasks that lack one are left out; the result says how many were used
};

/// The stage after which to measure, unless another is named: the last one.
inline constexpr std::size_t last_stage = std::numeric_limits<std::size_t>::max();

struct options {
    averaging denominator = as_defined;
    std::size_t stage = last_stage;  ///< counts from 0; only tasks 0..stage are seen by then
    missing_cells missing = missing_cells::refuse;
};

namespace detail {

/// The stage asked for, checked: it exists, a task was learned at it, and at least `least` tasks are seen by then.
inline std::size_t stage_of(const char* function, const accuracy_matrix& r, const options& o, std::size_t least) {
    require(r.stages() > 0, function, ": the matrix has no stage yet, append a row first");
    const std::size_t stage = o.stage == last_stage ? r.stages() - 1 : o.stage;
    require(stage < r.stages(), function, ": stage ", stage, " of ", r.stages(), " (they count from 0)");
    require(stage < r.tasks(), function, ": stage ", stage, " learned no task, there are ", r.tasks(),
            " tasks and one is learned per stage");
    require(stage + 1 >= least, function, ": needs at least ", least, " stages, got ", stage + 1);
    return stage;
}

/// R[stage][task] on the common scale; where it is missing, NaN under skip, else an error that names the cell.
inline double cell(const char* function, const accuracy_matrix& r, std::size_t stage, std::size_t task,
                   const options& o) {
    const double x = r.score(stage, task);
    require(!std::isnan(x) || o.missing == missing_cells::skip, function, ": needs the score of task ", task, " (",
            r.names()[task], ") after stage ", stage, ", which was not evaluated (both count from 0)");
    return x;
}

/// A score given beside the matrix (a baseline, a single-task model) on the common scale.
inline double given(const char* function, const char* what, const accuracy_matrix& r, std::span<const double> row,
                    std::size_t task, const options& o) {
    const double x = r.comparable(task, row[task]);
    require(!std::isnan(x) || o.missing == missing_cells::skip, function, ": needs ", what, " of task ", task, " (",
            r.names()[task], "), which is not there");
    return x;
}

/// A row given beside the matrix must have a place for each of its tasks.
inline void check_given(const char* function, const char* what, const accuracy_matrix& r, std::span<const double> row) {
    require(row.size() == r.tasks(), function, ": needs ", what, " of each of ", r.tasks(), " tasks, got ", row.size());
}

/// The scores before training, which a metric asks for.
inline std::span<const double> given_before(const char* function, const accuracy_matrix& r) {
    require(!r.before().empty(), function,
            ": needs the scores before training, which were not given (accuracy_matrix::before)");
    return r.before();
}

/// A mean in the order of the tasks that counts what it used; a NaN term is a task left out.
class mean {
  public:
    void add(double term) {
        ++asked_;
        if (std::isnan(term)) return;
        sum_ += term;
        ++used_;
    }

    [[nodiscard]] std::size_t used() const { return used_; }

    /// @param beyond  tasks that count in the denominator and have no term
    /// @return         NaN where no term was evaluated, which only skip lets happen
    [[nodiscard]] result over(const char* name, std::string variant, std::size_t stages, double scale,
                              std::size_t beyond = 0) const {
        if (used_ < asked_) variant += sentence(", ", used_, " of ", asked_, " evaluated");
        const auto n = static_cast<double>(used_ + beyond);
        return {.value = used_ > 0 ? sum_ / n : not_evaluated,
                .variant = std::move(variant),
                .name = name,
                .denominator = n,
                .tasks = used_,
                .stages = stages,
                .scale = scale};
    }

  private:
    double sum_ = 0;
    std::size_t used_ = 0, asked_ = 0;
};

/// The denominator asked for, where the metric knows the two in question; `own` is what as_defined means.
inline averaging denominator_of(const char* function, const options& o, averaging own, averaging other) {
    if (o.denominator == as_defined) return own;
    require(o.denominator == own || o.denominator == other, function,
            ": the denominator asked for does not belong to this metric");
    return o.denominator;
}

/// ", after stage 2" where the caller named a stage.
inline std::string at_stage(const options& o) {
    return o.stage == last_stage ? std::string{} : sentence(", after stage ", o.stage);
}

/// A mean over the tasks before the one just learned, closed by either denominator.
inline result close_earlier(const mean& m, const char* name, const std::string& what, averaging denominator,
                            std::size_t stages, double scale, const options& o) {
    const bool all = denominator == over_all_tasks;
    return m.over(
        name, what + (all ? "mean over all T tasks, the last counts 0" : "mean over T-1 earlier tasks") + at_stage(o),
        stages, scale, all ? 1 : 0);
}

}  // namespace detail

}  // namespace holdfast::metrics
