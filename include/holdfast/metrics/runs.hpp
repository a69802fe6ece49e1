#pragma once
// The same metric over several runs (seeds, orders of the tasks): its mean with an interval, and two methods compared
// run by run. Builds on significance.hpp (so it needs Boost.Math). Leaves out more than two methods (ranking.hpp) and
// resampling (bootstrap.hpp), both of which take the values that come back from here.

#include <holdfast/metrics/accuracy_matrix.hpp>
#include <holdfast/metrics/options.hpp>
#include <holdfast/metrics/result.hpp>
#include <holdfast/metrics/significance.hpp>

#include <concepts>
#include <cstddef>
#include <limits>
#include <ostream>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::metrics {

/// A metric of one table: r -> result, or (r, options) -> result as those of this folder are.
template <class M>
concept table_metric = requires(const M& m, const accuracy_matrix& r) {
    { m(r) } -> std::convertible_to<result>;
}
|| requires(const M& m, const accuracy_matrix& r, const options& o) {
    { m(r, o) } -> std::convertible_to<result>;
};

/// A metric over several runs.
struct runs_result {
    result mean;                   ///< the mean; the variant says of how many runs
    interval spread{};             ///< t interval of the mean over runs; its bounds are NaN for one run, which has none
    std::vector<double> values{};  ///< one per run
};

/// "BWT (mean over T-1 earlier tasks, mean of 3 runs) = -0.1400 [-0.1710, -0.1090] at 95 %", or "= -0.1400, one run".
inline std::ostream& operator<<(std::ostream& out, const runs_result& r) {
    out << r.mean;
    if (r.values.size() < 2) return out << ", one run";
    result lower = r.mean, upper = r.mean;
    lower.value = r.spread.lower, upper.value = r.spread.upper;
    return out << " [" + text(lower) + ", " + text(upper) + "] at " + sentence(100 * r.spread.confidence, " %");
}

namespace detail {

template <class Metric>
result measure(const Metric& metric, const accuracy_matrix& r) {
    if constexpr (requires { metric(r); })
        return metric(r);
    else
        return metric(r, options{});
}

/// The t interval, or one without bounds where there is one run.
inline interval interval_over_runs(std::span<const double> values, double confidence) {
    if (values.size() >= 2) return t_interval(values, confidence);
    return {values[0], not_evaluated, not_evaluated, confidence, 1, "t"};
}

}  // namespace detail

/// A metric's mean over runs, with the t interval of that mean.
/// @param runs        one table per run [n], n >= 1
/// @param metric      for example metrics::backward_transfer, or a lambda with a baseline in it
/// @param confidence  0..1
/// @throw             invalid_argument if there is no run, or what the metric throws
template <table_metric Metric>
[[nodiscard]] runs_result over_runs(std::span<const accuracy_matrix> runs, const Metric& metric,
                                    double confidence = 0.95) {
    constexpr auto function = "metrics::over_runs";
    require(!runs.empty(), function, ": needs at least one run, got none");
    detail::check_confidence(function, confidence);
    runs_result out{.mean = detail::measure(metric, runs[0])};
    double sum = 0;
    for (const auto& r : runs) {
        out.values.push_back(detail::measure(metric, r).value);
        sum += out.values.back();
    }
    out.mean.value = sum / static_cast<double>(runs.size());
    if (runs.size() > 1) out.mean.variant += sentence(", mean of ", runs.size(), " runs");
    out.spread = detail::interval_over_runs(out.values, confidence);
    return out;
}

/// Two methods, run by run.
struct comparison {
    runs_result a, b;
    interval difference{};  ///< of a − b over pairs of runs; bounds NaN for one pair
    test_result test{};     ///< exact sign-flip test of the same pairs; says when so few cannot tell
};

/// Compares two methods by one metric, paired: run i of both has the same seed and order.
///
/// Five seeds cannot reach p = 0.05 by themselves: read comparison::test.verdict(), not p alone.
/// @param a, b  one table per run [n], n >= 1, in the same order
template <table_metric Metric>
[[nodiscard]] comparison compare_runs(std::span<const accuracy_matrix> a, std::span<const accuracy_matrix> b,
                                      const Metric& metric, double confidence = 0.95) {
    require(a.size() == b.size(), "metrics::compare_runs: pairs need as many runs on either side, got ", a.size(),
            " and ", b.size());
    comparison c{over_runs(a, metric, confidence), over_runs(b, metric, confidence)};
    const auto d = detail::differences("metrics::compare_runs", c.a.values, c.b.values);
    c.difference = detail::interval_over_runs(d, confidence);
    c.test = sign_flip(d);
    return c;
}

}  // namespace holdfast::metrics
