#pragma once
// Intervals by resampling: what a statistic would have been on other draws of the same runs or items.
// Percentile, basic and BCa; of one sample, of pairs, of counts that add up (corpus scores), and of a hierarchy (orders
// hold seeds hold items). Builds on significance.hpp (interval, the normal distribution; so it needs Boost.Math) and
// resample.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/metrics/resample.hpp>
#include <holdfast/metrics/significance.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::metrics {

enum class bootstrap_rule {
    percentile,  ///< the quantiles of the resampled statistic
    basic,       ///< the same mirrored at the estimate
    bca,         ///< quantiles corrected for bias and skew (Efron 1987); the best of the three for few runs
};

struct bootstrap_options {
    double confidence = 0.95;
    std::size_t resamples = 10'000;
    bootstrap_rule rule = bootstrap_rule::bca;
    std::uint64_t seed = 0;
};

namespace detail {

inline void check_bootstrap(const char* function, std::size_t n, const bootstrap_options& o) {
    check_confidence(function, o.confidence);
    require(n >= 2, function, ": one value has no spread, needs at least 2, got ", n);
    require(n <= 0xffffffffu, function, ": takes at most 4294967295 values, got ", n);
    require(static_cast<double>(o.resamples) * (1 - o.confidence) >= 2, function, ": ", o.resamples,
            " resamples are too few for a confidence of ", o.confidence, ", the tails need at least one each");
}

/// The quantile between order statistics (type 7, as R and NumPy have it).
inline double quantile_of(const std::vector<double>& sorted, double p) {
    const double at = p * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<std::size_t>(at);
    if (low + 1 >= sorted.size()) return sorted.back();
    return sorted[low] + (at - static_cast<double>(low)) * (sorted[low + 1] - sorted[low]);
}

/// The interval that the resampled statistic gives by the rule.
/// @param jackknife  the statistic without each value [n]; only bca reads it
inline interval close_bootstrap(double estimate, std::vector<double> resampled, std::span<const double> jackknife,
                                std::size_t n, const bootstrap_options& o) {
    std::sort(resampled.begin(), resampled.end());
    double low = (1 - o.confidence) / 2, high = 1 - low;
    std::string method = o.rule == bootstrap_rule::percentile ? "percentile bootstrap" : "basic bootstrap";
    if (o.rule == bootstrap_rule::bca) {
        method = "BCa bootstrap";
        // sums of decimals that ought to equal the estimate differ in their last bits
        const double near = 1e-11 * (resampled.back() - resampled.front());
        const auto below = std::lower_bound(resampled.begin(), resampled.end(), estimate - near) - resampled.begin();
        const auto not_above =
            std::upper_bound(resampled.begin(), resampled.end(), estimate + near) - resampled.begin();
        const auto b = static_cast<double>(resampled.size());
        // ties with the estimate count half; kept off 0 and 1, where the correction has no end
        const double share = std::clamp(0.5 * static_cast<double>(below + not_above) / b, 0.5 / b, 1 - 0.5 / b);
        const double z0 = normal_quantile(share);
        double mean = 0, square = 0, cube = 0;
        for (double x : jackknife) mean += x / static_cast<double>(jackknife.size());
        for (double x : jackknife) square += (mean - x) * (mean - x), cube += (mean - x) * (mean - x) * (mean - x);
        const double skew = square > 0 ? cube / (6 * std::pow(square, 1.5)) : 0;
        const auto corrected = [&](double p) {
            const double z = z0 + normal_quantile(p);
            return normal_cdf(z0 + z / (1 - skew * z));
        };
        low = corrected(low), high = corrected(high);
    }
    const double a = quantile_of(resampled, low), c = quantile_of(resampled, high);
    if (o.rule == bootstrap_rule::basic) return {estimate, 2 * estimate - c, 2 * estimate - a, o.confidence, n, method};
    return {estimate, a, c, o.confidence, n, method};
}

}  // namespace detail

/// Bootstrap interval of any statistic of one sample.
///
/// Each resample draws n of the n values with replacement, from its own stream of the generator: the same bits for any
/// number of threads.
///
/// @param values     one per run or item [n], n >= 2
/// @param statistic  called with a span [n] (and [n-1] for bca); must not keep it; called from several threads
/// @throw            invalid_argument if n < 2, or the resamples are too few for the confidence
/// @cost             O(resamples · n) draws, and the statistic as often
/// @see              Efron & Tibshirani 1993
template <std::invocable<std::span<const double>> Statistic>
[[nodiscard]] interval bootstrap(std::span<const double> values, Statistic statistic, const bootstrap_options& o = {}) {
    constexpr auto function = "metrics::bootstrap";
    detail::check_bootstrap(function, values.size(), o);
    detail::check_finite(function, values);
    std::vector<double> resampled(o.resamples);
    parallel_chunks(o.resamples, 64, [&](std::size_t begin, std::size_t end, std::size_t) {
        std::vector<double> drawn(values.size());
        for (std::size_t i = begin; i < end; ++i) {
            auto next = drawn.begin();
            detail::each_draw(o.seed, i, values.size(), [&](std::span<const std::uint64_t> index) {
                next = std::transform(index.begin(), index.end(), next, [&](std::uint64_t k) { return values[k]; });
            });
            resampled[i] = statistic(std::span<const double>(drawn));
        }
    });
    std::vector<double> jackknife;
    if (o.rule == bootstrap_rule::bca) {
        std::vector<double> rest(values.begin() + 1, values.end());
        for (std::size_t i = 0; i < values.size(); ++i) {  // rest holds all but value i
            jackknife.push_back(statistic(std::span<const double>(rest)));
            if (i < rest.size()) rest[i] = values[i];
        }
    }
    return detail::close_bootstrap(statistic(values), std::move(resampled), jackknife, values.size(), o);
}

/// Bootstrap interval of the mean; pass differences for paired scores.
/// @param values  [n], n >= 2
/// @cost          O(resamples · n), under a nanosecond a draw where the machine has wide vectors
[[nodiscard]] inline interval bootstrap_mean(std::span<const double> values, const bootstrap_options& o = {}) {
    constexpr auto function = "metrics::bootstrap_mean";
    detail::check_bootstrap(function, values.size(), o);
    detail::check_finite(function, values);
    const auto n = static_cast<double>(values.size());
    std::vector<double> resampled(o.resamples), jackknife(values.size());
    parallel_chunks(o.resamples, 64, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t i = begin; i < end; ++i) resampled[i] = detail::resampled_sum(values, o.seed, i) / n;
    });
    double sum = 0;
    for (double x : values) sum += x;
    for (std::size_t i = 0; i < values.size(); ++i) jackknife[i] = (sum - values[i]) / (n - 1);
    return detail::close_bootstrap(sum / n, std::move(resampled), jackknife, values.size(), o);
}

/// Bootstrap interval of a statistic of sums, such as the BLEU of a corpus from the counts of its items: each resample
/// adds up the rows it draws, so no text is looked at again.
///
/// @param numbers    what adds up, one row per item [n, w], n >= 2 (scoring::corpus_scores::numbers)
/// @param statistic  called with the sums over n rows [w] (n - 1 rows for the jackknife of bca), and how many rows
/// @throw            invalid_argument if n < 2, a number is not finite, or the resamples are too few for the confidence
/// @cost             O(resamples · n · w)
template <std::invocable<std::span<const double>, std::size_t> Statistic>
[[nodiscard]] interval bootstrap_sums(matrix_view<const double> numbers, Statistic statistic,
                                      const bootstrap_options& o = {}) {
    constexpr auto function = "metrics::bootstrap_sums";
    const std::size_t n = numbers.rows(), width = numbers.cols();
    detail::check_bootstrap(function, n, o);
    std::vector<double> total(width, 0);
    for (std::size_t i = 0; i < n; ++i) {
        detail::check_finite(function, numbers.row(i));
        for (std::size_t k = 0; k < width; ++k) total[k] += numbers(i, k);
    }
    std::vector<double> resampled(o.resamples), jackknife;
    parallel_chunks(o.resamples, 64, [&](std::size_t begin, std::size_t end, std::size_t) {
        std::vector<double> sums(width);
        for (std::size_t i = begin; i < end; ++i) {
            std::fill(sums.begin(), sums.end(), 0.0);
            detail::each_draw(o.seed, i, n, [&](std::span<const std::uint64_t> index) {
                for (const std::uint64_t row : index)
                    for (std::size_t k = 0; k < width; ++k) sums[k] += numbers(row, k);
            });
            resampled[i] = statistic(std::span<const double>(sums), n);
        }
    });
    if (o.rule == bootstrap_rule::bca) {
        std::vector<double> rest(width);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t k = 0; k < width; ++k) rest[k] = total[k] - numbers(i, k);
            jackknife.push_back(statistic(std::span<const double>(rest), n - 1));
        }
    }
    return detail::close_bootstrap(statistic(std::span<const double>(total), n), std::move(resampled), jackknife, n, o);
}

/// Bootstrap interval of a mean over groups, resampled on both levels: groups with replacement, then the values within
/// each. For items within seeds, seeds within orders: the spread between groups stays in the interval.
///
///     mean over groups of the mean within each; percentile rule
///
/// @param groups  [g] of [n_g], g >= 2, each at least one value
[[nodiscard]] inline interval bootstrap_groups(std::span<const std::vector<double>> groups, bootstrap_options o = {}) {
    constexpr auto function = "metrics::bootstrap_groups";
    detail::check_bootstrap(function, groups.size(), o);
    double estimate = 0;
    std::size_t n = 0;
    for (std::size_t k = 0; k < groups.size(); ++k) {
        require(!groups[k].empty(), function, ": group ", k, " has no values");
        detail::check_finite(function, groups[k]);
        double sum = 0;
        for (double x : groups[k]) sum += x;
        estimate += sum / static_cast<double>(groups[k].size()) / static_cast<double>(groups.size());
        n += groups[k].size();
    }
    o.rule = bootstrap_rule::percentile;
    std::vector<double> resampled(o.resamples);
    parallel_chunks(o.resamples, 64, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t i = begin; i < end; ++i) {
            philox g(o.seed, i);
            double total = 0;
            for (std::size_t k = 0; k < groups.size(); ++k) {
                const auto& group = groups[uniform_index(g, groups.size())];
                double sum = 0;
                for (std::size_t m = 0; m < group.size(); ++m) sum += group[uniform_index(g, group.size())];
                total += sum / static_cast<double>(group.size());
            }
            resampled[i] = total / static_cast<double>(groups.size());
        }
    });
    auto result = detail::close_bootstrap(estimate, std::move(resampled), {}, n, o);
    result.method = "hierarchical percentile bootstrap";
    return result;
}

}  // namespace holdfast::metrics
