#pragma once
// The same metrics after every stage, as curves to draw. Builds on the headers of the single values.
// Leaves out the drawing, and streams too long to recompute at each stage (running.hpp).
// Policy: where a metric is not defined yet (BWT and forgetting after the first stage) the curve has NaN, never 0.

#include <holdfast/metrics/averages.hpp>
#include <holdfast/metrics/backward_transfer.hpp>
#include <holdfast/metrics/forgetting.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace holdfast::metrics {

/// Any metric after each stage: metric(r, options) is called with options.stage set.
/// @param first  the first stage at which the metric is defined; NaN before it
/// @return       [stages, at most T]
template <class Metric>
[[nodiscard]] std::vector<double> by_stage(const accuracy_matrix& r, std::size_t first, Metric metric, options o = {}) {
    std::vector<double> curve(std::min(r.stages(), r.tasks()), not_evaluated);
    for (std::size_t t = first; t < curve.size(); ++t) {
        o.stage = t;
        curve[t] = metric(r, o).value;
    }
    return curve;
}

/// OP_t: the mean over tasks 0..t after stage t.
/// @throw  invalid_argument if a score is missing, unless o.missing is skip
[[nodiscard]] inline std::vector<double> overall_performance_by_stage(const accuracy_matrix& r, const options& o = {}) {
    return by_stage(r, 0, overall_performance, o);
}

/// BWT_t over the tasks before t; NaN at the first stage, where there are none.
[[nodiscard]] inline std::vector<double> backward_transfer_by_stage(const accuracy_matrix& r, const options& o = {}) {
    return by_stage(r, 1, backward_transfer, o);
}

/// F_t since each task's best stage before t; NaN at the first stage.
/// @cost  O(T³) additions of the simplest kind
[[nodiscard]] inline std::vector<double> forgetting_by_stage(const accuracy_matrix& r, const options& o = {}) {
    return by_stage(r, 1, forgetting, o);
}

/// Average incremental score so far, after each stage.
[[nodiscard]] inline std::vector<double> average_incremental_by_stage(const accuracy_matrix& r, const options& o = {}) {
    return by_stage(r, 0, average_incremental, o);
}

}  // namespace holdfast::metrics
