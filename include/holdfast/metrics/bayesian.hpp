#pragma once
// A Bayesian comparison that assumes no distribution: how likely one method is better, equal for all practical
// purposes, or worse, instead of a p value. Builds on significance.hpp (correlated_t and rope_result are there;
// Boost.Math).

#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/metrics/significance.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::metrics {

struct signed_rank_options {
    double rope = 0;     ///< half the width of what counts as equal, in the unit of the differences
    double prior = 0.5;  ///< weight of one imagined pair without a difference, > 0, a multiple of 0.5
    std::size_t samples = 50'000;
    std::uint64_t seed = 0;
};

/// Bayesian signed-rank test: the chance that each of the three outcomes is the likeliest.
///
/// The differences, and one imagined difference of 0, get random weights from a Dirichlet distribution; the weighted
/// Walsh averages (z_i + z_j)/2 fall below, inside or above the region of equivalence.
///
/// @param differences  d [n], n >= 1: scores of two methods on the same tasks or runs, subtracted
/// @return             shares of samples in which below, inside, above has the most weight; they sum to 1
/// @cost               O(samples · n), on all cores; the same bits for any number of threads
/// @see                Benavoli et al. 2014; Benavoli et al. 2017, arXiv:1606.04316
[[nodiscard]] inline rope_result bayesian_signed_rank(std::span<const double> differences,
                                                      const signed_rank_options& o = {}) {
    constexpr auto function = "metrics::bayesian_signed_rank";
    require(!differences.empty(), function, ": needs at least one difference, got none");
    require(o.rope >= 0, function, ": a region of equivalence has a width of at least 0, got ", o.rope);
    require(o.prior > 0 && 2 * o.prior == std::floor(2 * o.prior), function,
            ": the prior weight is a multiple of 0.5 above 0, got ", o.prior);
    require(o.samples > 0, function, ": needs at least one sample, got 0");
    detail::check_finite(function, differences);
    std::vector<double> z{0.0};
    z.insert(z.end(), differences.begin(), differences.end());
    std::sort(z.begin() + 1, z.end());
    // where each z_i finds the first z_j (of the sorted ones) that makes the average leave "below", and reach "above"
    const std::size_t n = z.size();
    std::vector<std::size_t> inside_from(n), above_from(n);
    for (std::size_t i = 0; i < n; ++i) {
        inside_from[i] = 1, above_from[i] = 1;
        while (inside_from[i] < n && z[i] + z[inside_from[i]] < -2 * o.rope) ++inside_from[i];
        while (above_from[i] < n && z[i] + z[above_from[i]] <= 2 * o.rope) ++above_from[i];
    }
    using tally = std::array<double, 3>;
    const auto total = parallel_reduce(
        o.samples, 256, tally{},
        [&](std::size_t begin, std::size_t end) {
            tally wins{};
            std::vector<double> w(n), before(n + 1);  // before[j] = weight of z[1..j-1]
            for (std::size_t s = begin; s < end; ++s) {
                philox g(o.seed, s);
                w[0] = 0;  // gamma(prior): half squares of normals, and exponentials
                for (int k = 0; k < static_cast<int>(2 * o.prior) / 2; ++k) w[0] += exponential(g);
                if (static_cast<int>(2 * o.prior) % 2 == 1) {
                    const double x = normal(g);
                    w[0] += x * x / 2;
                }
                for (std::size_t i = 1; i < n; ++i) w[i] = exponential(g);
                before[0] = before[1] = 0;
                for (std::size_t i = 1; i < n; ++i) before[i + 1] = before[i] + w[i];
                tally mass{};
                mass[1] = w[0] * w[0];  // the imagined pair with itself: exactly 0, which is inside
                for (std::size_t i = 0; i < n; ++i) {
                    const double below = before[inside_from[i]], up = before[n] - before[above_from[i]];
                    const double pairs = w[i] * (i == 0 ? 2 : 1);  // (0, j) and (j, 0)
                    mass[0] += pairs * below, mass[2] += pairs * up;
                    mass[1] += pairs * (before[n] - below - up);
                }
                wins[mass[0] > mass[1] && mass[0] > mass[2] ? 0 : mass[2] > mass[1] ? 2 : 1] += 1;
            }
            return wins;
        },
        [](tally a, const tally& b) {
            for (std::size_t k = 0; k < 3; ++k) a[k] += b[k];
            return a;
        });
    const auto samples = static_cast<double>(o.samples);
    return {total[0] / samples, total[1] / samples, total[2] / samples};
}

}  // namespace holdfast::metrics
