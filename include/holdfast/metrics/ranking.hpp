#pragma once
// Many methods on many tasks, by rank: Friedman's test, Nemenyi's critical difference, and the agreement of two orders.
// Builds on significance.hpp (distributions; so it needs Boost.Math). Leaves out the diagram.
// Rank 1 is the best; ties share the mean rank.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/metrics/significance.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::metrics {

/// Ranks of the values, 1 for the highest; ties share the mean of their ranks.
[[nodiscard]] inline std::vector<double> ranks(std::span<const double> values) {
    detail::check_finite("metrics::ranks", values);
    std::vector<std::size_t> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] > values[j]; });
    std::vector<double> rank(values.size());
    for (std::size_t first = 0; first < order.size();) {
        std::size_t end = first + 1;
        while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
        for (std::size_t k = first; k < end; ++k) rank[order[k]] = static_cast<double>(first + end + 1) / 2;
        first = end;
    }
    return rank;
}

/// What Friedman's test finds.
struct friedman_result {
    std::vector<double> mean_ranks;  ///< [methods]; 1 is the best possible
    double chi_squared = 0;          ///< Friedman's statistic, methods − 1 degrees of freedom
    double p = 1;                    ///< by it
    double f = 0;                    ///< Iman and Davenport's, less conservative; infinite if all rows agree
    double p_f = 1;                  ///< by that
    std::size_t rows = 0;
};

/// Friedman's test: do methods differ in rank over tasks (or data sets, or runs)?
///
///     χ² = 12/(N k (k+1)) Σ_j S_j² − 3 N (k+1),  S_j = rank sums, corrected for ties
///     F  = (N−1) χ² / (N (k−1) − χ²),            k−1 and (k−1)(N−1) degrees of freedom
///
/// @param scores  [rows N, methods k], N >= 2, k >= 2; higher is better
/// @throw         invalid_argument if there are fewer, or a score is not finite
/// @see           Friedman 1937; Iman & Davenport 1980; Demšar 2006
template <matrix_like M>
[[nodiscard]] friedman_result friedman(const M& scores) {
    constexpr auto function = "metrics::friedman";
    const auto v = holdfast::view(scores);
    require(v.rows() >= 2 && v.cols() >= 2, function, ": needs at least 2 rows and 2 methods, got ", v.rows(), " and ",
            v.cols());
    const auto n = static_cast<double>(v.rows()), k = static_cast<double>(v.cols());
    friedman_result out;
    out.rows = v.rows();
    out.mean_ranks.assign(v.cols(), 0.0);
    std::vector<double> row(v.cols());
    double squares = 0;  // of all ranks: n k (k+1) (2k+1) / 6 without ties
    for (std::size_t i = 0; i < v.rows(); ++i) {
        for (std::size_t j = 0; j < row.size(); ++j) row[j] = static_cast<double>(v(i, j));
        const auto rank = ranks(row);
        for (std::size_t j = 0; j < row.size(); ++j) out.mean_ranks[j] += rank[j] / n, squares += rank[j] * rank[j];
    }
    double between = 0;
    for (double m : out.mean_ranks) between += (m - (k + 1) / 2) * (m - (k + 1) / 2);
    const double spread = squares - n * k * (k + 1) * (k + 1) / 4;
    if (spread <= 0) return out;  // every row is one tie: no difference at all
    out.chi_squared = n * n * (k - 1) * between / spread;
    out.p = detail::chi_squared_tail(k - 1, out.chi_squared);
    const double rest = n * (k - 1) - out.chi_squared;
    if (rest > 1e-12 * n * k) {
        out.f = (n - 1) * out.chi_squared / rest;
        out.p_f = detail::fisher_f_tail(k - 1, (k - 1) * (n - 1), out.f);
    } else {
        out.f = std::numeric_limits<double>::infinity();
        out.p_f = 0;
    }
    return out;
}

namespace detail {

/// P(range of k standard normals <= q), by Simpson's rule on k ∫ φ(z) (Φ(z) − Φ(z−q))^(k−1) dz.
inline double studentised_range_cdf(double q, std::size_t k) {
    constexpr std::size_t steps = 2000;
    const double from = -9, to = 9 + q, h = (to - from) / steps;
    double sum = 0;
    for (std::size_t i = 0; i <= steps; ++i) {
        const double z = from + h * static_cast<double>(i);
        const double density = std::exp(-z * z / 2) * 0.39894228040143267794;
        const double inside = 0.5 * (std::erfc((z - q) / std::sqrt(2.0)) - std::erfc(z / std::sqrt(2.0)));
        const double weight = i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2;
        sum += weight * density * std::pow(inside, static_cast<double>(k - 1));
    }
    return static_cast<double>(k) * sum * h / 3;
}

}  // namespace detail

/// The quantile of the studentised range for infinite degrees of freedom.
/// @param p  0..1, the share below
/// @param k  number of means, >= 2
[[nodiscard]] inline double studentised_range(double p, std::size_t k) {
    constexpr auto function = "metrics::studentised_range";
    require(p > 0 && p < 1, function, ": a share lies between 0 and 1, got ", p);
    require(k >= 2, function, ": needs at least 2 means, got ", k);
    double low = 0, high = 1;
    while (detail::studentised_range_cdf(high, k) < p && high < 64) high *= 2;
    for (int i = 0; i < 60; ++i) {
        const double middle = (low + high) / 2;
        (detail::studentised_range_cdf(middle, k) < p ? low : high) = middle;
    }
    return (low + high) / 2;
}

/// Nemenyi's critical difference: two methods whose mean ranks differ by more are told apart.
///
///     CD = q_α √( k (k+1) / (6 N) ),   q_α = studentised range / √2
///
/// @param methods, rows  k >= 2, N >= 1
/// @see                  Nemenyi 1963; Demšar 2006
[[nodiscard]] inline double critical_difference(std::size_t methods, std::size_t rows, double level = 0.05) {
    constexpr auto function = "metrics::critical_difference";
    require(rows >= 1, function, ": needs at least one row, got none");
    require(level > 0 && level < 1, function, ": a level lies between 0 and 1, got ", level);
    const auto k = static_cast<double>(methods);
    return studentised_range(1 - level, methods) / std::sqrt(2.0) *
           std::sqrt(k * (k + 1) / (6 * static_cast<double>(rows)));
}

/// Kendall's τ-b: the agreement of two orders, from −1 to 1, corrected for ties.
/// @param a, b  [n], n >= 2; not all alike on either side
/// @cost        O(n²)
[[nodiscard]] inline double kendall(std::span<const double> a, std::span<const double> b) {
    constexpr auto function = "metrics::kendall";
    require(a.size() == b.size() && a.size() >= 2, function, ": needs two lists of one length, at least 2, got ",
            a.size(), " and ", b.size());
    detail::check_finite(function, a);
    detail::check_finite(function, b);
    double agree = 0, in_a = 0, in_b = 0;
    const auto sign = [](double x) { return static_cast<double>((x > 0) - (x < 0)); };
    for (std::size_t i = 0; i < a.size(); ++i)
        for (std::size_t j = i + 1; j < a.size(); ++j) {
            const double x = sign(a[i] - a[j]), y = sign(b[i] - b[j]);
            agree += x * y, in_a += x * x, in_b += y * y;
        }
    require(in_a > 0 && in_b > 0, function, ": no order to compare, all values of one list are alike");
    return agree / std::sqrt(in_a * in_b);
}

/// Spearman's ρ: the correlation of the ranks.
/// @param a, b  [n], n >= 2; not all alike on either side
[[nodiscard]] inline double spearman(std::span<const double> a, std::span<const double> b) {
    constexpr auto function = "metrics::spearman";
    require(a.size() == b.size() && a.size() >= 2, function, ": needs two lists of one length, at least 2, got ",
            a.size(), " and ", b.size());
    const auto x = ranks(a), y = ranks(b);
    const double middle = static_cast<double>(a.size() + 1) / 2;
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xy += (x[i] - middle) * (y[i] - middle);
        xx += (x[i] - middle) * (x[i] - middle);
        yy += (y[i] - middle) * (y[i] - middle);
    }
    require(xx > 0 && yy > 0, function, ": no order to compare, all values of one list are alike");
    return xy / std::sqrt(xx * yy);
}

}  // namespace holdfast::metrics
