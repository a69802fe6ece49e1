#pragma once
// Bounds on the distance between two tasks from their means and variances alone: O(d) a pair, before any cost matrix.
// And the root of W that is a metric, so that distances measured bound those that are not. Builds on cost.hpp and
// measure.hpp. Leaves out what is done with the bounds (nearest.hpp, decision.hpp).

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace holdfast::transport {

/// A distance between tasks that obeys the triangle inequality: √(2 W) under cosine (the 2-Wasserstein distance of the
/// directions), √W under squared_euclidean, W under euclidean. W itself does not, under the first two.
/// @throw invalid_argument for a cost of the user's, about which nothing is known
[[nodiscard]] inline double to_metric(const ground_cost& cost, double w) {
    w = std::max(w, 0.0);
    switch (cost.kind()) {
        case ground_cost::kinds::cosine:
            return std::sqrt(2 * w);
        case ground_cost::kinds::squared_euclidean:
            return std::sqrt(w);
        case ground_cost::kinds::euclidean:
            return w;
        default:
            refuse("transport::to_metric: a metric is known for cosine, squared_euclidean and euclidean alone");
    }
}

/// Mean and variance of a measure, its points scaled to unit length where the cost asks for it.
struct moments {
    std::vector<double> mean;  ///< [d]
    double deviation = 0;      ///< square root of Σ w |x − mean|²
    double rounding = 0;       ///< how far the mean and the deviation may be off
};

/// @throw invalid_argument for a zero vector under cosine
/// @cost  O(n d)
template <class Real>
[[nodiscard]] moments moments_of(const discrete_measure<Real>& measure, const ground_cost& cost) {
    const prepared_points<double> points = prepare<double>(measure.points, cost);
    const std::size_t n = measure.size(), d = points.dimension;
    moments made{std::vector<double>(d, 0.0), 0, 0};
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < d; ++k) made.mean[k] += measure.weights[i] * points.points(i, k);
    double square = 0;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < d; ++k) {
            const double t = points.points(i, k) - made.mean[k];
            square += measure.weights[i] * t * t;
        }
    made.deviation = std::sqrt(square);
    made.rounding = 4 * static_cast<double>(n + d) * std::numeric_limits<double>::epsilon() * points.largest;
    return made;
}

/// Bounds on W between measures of these moments.
///
///     |m_a − m_b|² + (s_a − s_b)²  <=  W_2²  <=  |m_a − m_b|² + s_a² + s_b²
///
/// The lower is Cauchy and Schwarz's for centred points, the upper the cost of the plan a b'. Under cosine half of
/// both; under euclidean |m_a − m_b| <= W_1 <= the root of the upper.
///
/// @return value in the middle, status `not_converged`
/// @throw  invalid_argument for other costs or dimensions that differ
/// @see    Gelbrich 1990
[[nodiscard]] inline certified<double> moment_bounds(const moments& a, const moments& b, const ground_cost& cost) {
    require(a.mean.size() == b.mean.size(), "transport::moment_bounds: points must have one dimension, they have ",
            a.mean.size(), " and ", b.mean.size());
    double square = 0;
    for (std::size_t k = 0; k < a.mean.size(); ++k) square += (a.mean[k] - b.mean[k]) * (a.mean[k] - b.mean[k]);
    const double apart = std::sqrt(square), slack = a.rounding + b.rounding + 1e-14 * apart;
    const double means = std::max(0.0, apart - slack);
    const double widths = std::max(0.0, std::abs(a.deviation - b.deviation) - slack);
    const double far = apart + slack, wide_a = a.deviation + slack, wide_b = b.deviation + slack;
    double lower = means * means + widths * widths, upper = far * far + wide_a * wide_a + wide_b * wide_b;
    switch (cost.kind()) {
        case ground_cost::kinds::cosine:
            lower /= 2;
            upper = std::min(upper / 2, 2.0);
            break;
        case ground_cost::kinds::squared_euclidean:
            break;
        case ground_cost::kinds::euclidean:
            lower = means;
            upper = std::sqrt(upper);
            break;
        default:
            refuse("transport::moment_bounds: moments bound cosine, squared_euclidean and euclidean alone");
    }
    return {lower + (upper - lower) / 2, lower, upper, status::not_converged};
}

}  // namespace holdfast::transport
