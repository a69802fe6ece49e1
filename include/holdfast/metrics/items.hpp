#pragma once
// What the number of test items alone says about a score: intervals for one run, the smallest difference that such a
// test set can show, and errors of items that come in clusters. Small test sets (81 items in TRACE's NumGLUE-cm) make
// differences of several points noise. Builds on significance.hpp (so it needs Boost.Math).
// Leaves out the spread between runs, which these intervals do not contain (runs.hpp, bootstrap.hpp).

#include <holdfast/metrics/averages.hpp>
#include <holdfast/metrics/backward_transfer.hpp>
#include <holdfast/metrics/options.hpp>
#include <holdfast/metrics/significance.hpp>

#include <cmath>
#include <cstddef>
#include <map>
#include <span>

namespace holdfast::metrics {

namespace detail {

/// p(1−p)/n of one cell on the common scale; NaN where it is skipped.
inline double item_variance(const char* function, const accuracy_matrix& r, std::size_t stage, std::size_t task,
                            const options& o) {
    const double x = cell(function, r, stage, task, o) / r.scale();
    const std::size_t n = r.traits()[task].size;
    require(n > 0, function, ": needs the number of test items of task ", task, " (", r.names()[task],
            "), say it in task_traits::size");
    require(!(x < 0 || x > 1), function, ": the score of task ", task, " (", r.names()[task], ") after stage ", stage,
            " must lie between 0 and its scale");
    return x * (1 - x) / static_cast<double>(n) * r.scale() * r.scale();
}

inline interval normal_interval(double estimate, double error, double confidence, std::size_t n) {
    const double half = normal_quantile(0.5 + confidence / 2) * error;
    return {estimate, estimate - half, estimate + half, confidence, n, "normal, over test items"};
}

}  // namespace detail

/// Overall performance of one run with the interval that its test items allow.
///
///     error² = 1/T² · Σ_j p_j (1 − p_j) / n_j
///
/// For tasks scored right or wrong per item; a graded score has less variance, and an interval no wider than this.
///
/// @param r  scores [stages, T] with the size of each task in its traits
/// @return   n: test items of all tasks
/// @throw    invalid_argument if a size is not known, or a score is missing or outside its scale
[[nodiscard]] inline interval overall_performance_interval(const accuracy_matrix& r, double confidence = 0.95,
                                                           const options& o = {}) {
    constexpr auto function = "metrics::overall_performance_interval";
    detail::check_confidence(function, confidence);
    const auto op = overall_performance(r, o);
    const std::size_t t = detail::stage_of(function, r, o, 1);
    double variance = 0;
    std::size_t items = 0;
    for (std::size_t j = 0; j <= t; ++j)
        if (const double v = detail::item_variance(function, r, t, j, o); !std::isnan(v))
            variance += v, items += r.traits()[j].size;
    return detail::normal_interval(op.value, std::sqrt(variance) / op.denominator, confidence, items);
}

/// Backward transfer of one run with the interval that its test items allow.
///
/// Takes the scores before and after as if from different items. They are the same ones, so that the truth is narrower
/// where a model keeps what it knew; with the scores of single items bootstrap_mean of their differences says how much.
[[nodiscard]] inline interval backward_transfer_interval(const accuracy_matrix& r, double confidence = 0.95,
                                                         const options& o = {}) {
    constexpr auto function = "metrics::backward_transfer_interval";
    detail::check_confidence(function, confidence);
    const auto bwt = backward_transfer(r, o);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    double variance = 0;
    std::size_t items = 0;
    for (std::size_t j = 0; j < t; ++j) {
        const double v = detail::item_variance(function, r, t, j, o) + detail::item_variance(function, r, j, j, o);
        if (!std::isnan(v)) variance += v, items += r.traits()[j].size;
    }
    return detail::normal_interval(bwt.value, std::sqrt(variance) / bwt.denominator, confidence, items);
}

struct detection_options {
    double confidence = 0.95;
    double power = 0.8;      ///< chance of finding a difference that is there
    double correlation = 0;  ///< between the two models' items: 0 is the worst case, the same model has 1
};

/// The smallest difference of two accuracies that so many items can be expected to show.
///
///     δ = ( z_{1−α/2} + z_power ) · √( 2 p (1−p) (1−ρ) / n )
///
/// @param share  accuracy p in 0..1 around which they lie
/// @param items  n >= 1
/// @return       a difference in 0..1 units; for n = 81, p = 0.272 it is 0.196
/// @see          Miller 2024, arXiv:2411.00640
[[nodiscard]] inline double smallest_detectable_difference(double share, std::size_t items,
                                                           const detection_options& o = {}) {
    constexpr auto function = "metrics::smallest_detectable_difference";
    detail::check_confidence(function, o.confidence);
    require(share >= 0 && share <= 1, function, ": a share lies in 0..1, got ", share);
    require(items > 0, function, ": needs at least one item, got none");
    require(o.power > 0 && o.power < 1, function, ": a power lies between 0 and 1, got ", o.power);
    require(o.correlation >= -1 && o.correlation <= 1, function, ": a correlation lies in -1..1, got ", o.correlation);
    const double z = detail::normal_quantile(0.5 + o.confidence / 2) + detail::normal_quantile(o.power);
    return z * std::sqrt(2 * share * (1 - share) * (1 - o.correlation) / static_cast<double>(items));
}

/// Standard error of a mean over items that come in clusters (questions on one passage, turns of one dialogue).
///
///     error² = 1/n² · Σ_c ( Σ_{i in c} (x_i − mean) )²
///
/// As many clusters as items gives the plain error with n below the line; equal items within clusters give the error of
/// the clusters' means, up to three times the plain one on reading comprehension sets.
///
/// @param values   x [n]
/// @param cluster  which cluster each item is of [n]
/// @see            Miller 2024, arXiv:2411.00640
[[nodiscard]] inline double clustered_error(std::span<const double> values, std::span<const std::size_t> cluster) {
    constexpr auto function = "metrics::clustered_error";
    require(values.size() == cluster.size() && !values.empty(), function,
            ": needs a cluster for each value and at least one, got ", cluster.size(), " for ", values.size());
    detail::check_finite(function, values);
    const auto n = static_cast<double>(values.size());
    double mean = 0;
    for (double x : values) mean += x / n;
    std::map<std::size_t, double> sums;
    for (std::size_t i = 0; i < values.size(); ++i) sums[cluster[i]] += values[i] - mean;
    double variance = 0;
    for (const auto& [c, s] : sums) variance += s * s;
    return std::sqrt(variance) / n;
}

}  // namespace holdfast::metrics
