#pragma once
// Many comparisons at once: p values corrected so that their number is paid for.
// Builds on error.hpp. Leaves out the tests themselves (permutation.hpp, significance.hpp).
// Corrected values come back in the order of the input, each at most 1.

#include <holdfast/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace holdfast::metrics {

namespace detail {

inline std::vector<std::size_t> by_size(const char* function, std::span<const double> p) {
    for (std::size_t i = 0; i < p.size(); ++i)
        require(p[i] >= 0 && p[i] <= 1, function, ": a p value lies in 0..1, value ", i, " is ", p[i]);
    std::vector<std::size_t> order(p.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return p[i] < p[j]; });
    return order;
}

inline std::vector<double> step_up(const char* function, std::span<const double> p, double factor) {
    const auto order = by_size(function, p);
    std::vector<double> corrected(p.size());
    const auto n = static_cast<double>(p.size());
    double least = 1;
    for (std::size_t k = order.size(); k-- > 0;) {
        least = std::min(least, p[order[k]] * n * factor / static_cast<double>(k + 1));
        corrected[order[k]] = least;
    }
    return corrected;
}

}  // namespace detail

/// Holm's correction: bounds the chance of one false finding, whatever the dependence; never weaker than Bonferroni.
///
///     p'_(k) = max_{i<=k} min( 1, (n − i) p_(i) ),   p_(0) <= p_(1) <= ...
///
/// @see  Holm 1979
[[nodiscard]] inline std::vector<double> holm(std::span<const double> p) {
    const auto order = detail::by_size("metrics::holm", p);
    std::vector<double> corrected(p.size());
    double most = 0;
    for (std::size_t k = 0; k < order.size(); ++k) {
        most = std::max(most, std::min(1.0, p[order[k]] * static_cast<double>(p.size() - k)));
        corrected[order[k]] = most;
    }
    return corrected;
}

/// Benjamini-Hochberg: bounds the expected share of false findings, for independent or positively dependent tests.
///
///     p'_(k) = min_{i>=k} n p_(i) / (i + 1)
///
/// @see  Benjamini & Hochberg 1995
[[nodiscard]] inline std::vector<double> benjamini_hochberg(std::span<const double> p) {
    return detail::step_up("metrics::benjamini_hochberg", p, 1);
}

/// Benjamini-Yekutieli: the same bound under any dependence, at the price of a factor Σ 1/i.
/// @see  Benjamini & Yekutieli 2001
[[nodiscard]] inline std::vector<double> benjamini_yekutieli(std::span<const double> p) {
    double harmonic = 0;
    for (std::size_t i = 1; i <= p.size(); ++i) harmonic += 1 / static_cast<double>(i);
    return detail::step_up("metrics::benjamini_yekutieli", p, harmonic);
}

}  // namespace holdfast::metrics
