#pragma once
// Sliced Wasserstein: the mean, over random directions, of the distance between the shadows that two clouds cast on a
// line, where sorting solves it. Never above the distance itself, and O(n log n) a direction. Builds on line.hpp and
// measure.hpp. Leaves out learnt directions.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/line.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport {

struct sliced_options {
    std::size_t projections = 100;  ///< directions, uniform on the sphere
    double power = 2;               ///< p >= 1 of |x − y|^p on the line
    std::uint64_t seed = 1;         ///< direction l depends on the seed and l alone
};

/// Of W_p^p, not its root.
struct sliced_result {
    double value = 0;           ///< mean over the directions
    double standard_error = 0;  ///< of the mean, from the directions' spread; NaN for a single one
    double largest = 0;  ///< of one direction: W_p^p of the clouds is at least this (max-sliced, as far as drawn)
    std::size_t projections = 0;
};

/// The mean over directions of the user's.
///
/// @param directions  [L, d] of any length but zero; scaled to unit length
/// @throw             invalid_argument for dimensions that differ, no direction, a direction that is zero, power below
/// 1
/// @cost              O(L (n + m) (d + log(n + m))), directions in parallel
template <class A, class B>
[[nodiscard]] sliced_result sliced(const discrete_measure<A>& a, const discrete_measure<B>& b,
                                   const matrix<double>& directions, double power = 2) {
    const std::size_t count = directions.rows(), d = directions.cols();
    require(a.dimension() == d && b.dimension() == d,
            "transport::sliced: points and directions must have one dimension, they have ", a.dimension(), ", ",
            b.dimension(), " and ", d);
    require(count > 0, "transport::sliced: at least one direction is needed, got 0");
    std::vector<double> cost(count);
    parallel_for(count, [&](std::size_t l) {
        double square = 0;
        for (std::size_t k = 0; k < d; ++k) square += directions(l, k) * directions(l, k);
        require(std::isfinite(square) && square > 0, "transport::sliced: directions must be finite and not zero, ", l,
                " has length ", std::sqrt(square));
        const double length = std::sqrt(square);
        const auto shadow = [&](const auto& measure) {
            std::vector<double> on(measure.size(), 0.0);
            for (std::size_t i = 0; i < on.size(); ++i)
                for (std::size_t k = 0; k < d; ++k)
                    on[i] += static_cast<double>(measure.points(i, k)) * directions(l, k) / length;
            return on;
        };
        cost[l] = wasserstein_on_line(shadow(a), a.weights, shadow(b), b.weights, power);
    });
    sliced_result result{0, std::numeric_limits<double>::quiet_NaN(), 0, count};
    for (const double c : cost) {
        result.value += c / static_cast<double>(count);
        result.largest = std::max(result.largest, c);
    }
    if (count < 2) return result;
    double square = 0;
    for (const double c : cost) square += (c - result.value) * (c - result.value);
    result.standard_error = std::sqrt(square / static_cast<double>(count - 1) / static_cast<double>(count));
    return result;
}

/// The mean over random directions.
///
///     SW_p^p = E_θ W_p^p(<θ, x>, <θ, y>),   θ uniform on the unit sphere of R^d
///
/// SW_2^2 <= W_2^2 / d, and a translation by t gives |t|^2 / d. The same bits on any number of threads and any
/// platform.
///
/// @see Bonneel et al. 2015; Deshpande et al. 2019 (max-sliced)
template <class A, class B>
[[nodiscard]] sliced_result sliced(const discrete_measure<A>& a, const discrete_measure<B>& b,
                                   const sliced_options& options = {}) {
    require(a.dimension() == b.dimension(), "transport::sliced: points must have one dimension, they have ",
            a.dimension(), " and ", b.dimension());
    require(options.projections > 0, "transport::sliced: at least one direction is needed, got 0");
    matrix<double> directions(options.projections, a.dimension());
    for (std::size_t l = 0; l < options.projections; ++l) {
        philox g{options.seed, l};
        for (std::size_t k = 0; k < a.dimension(); ++k) directions(l, k) = normal(g);
    }
    return sliced(a, b, directions, options.power);
}

}  // namespace holdfast::transport
