#pragma once
// Points of a measure that nearly coincide become one: each goes to the first point before it that is near enough. How
// far mass was moved is measured on the way, so that what merging changes of a distance has a proven bound. Builds on
// measure.hpp and cost.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/distances.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace holdfast::transport {

/// A measure on fewer points, and how far it is from the one it was made of.
template <class Real>
struct merged_measure {
    discrete_measure<Real> measure;  ///< its index says where the rows given to transport::measure went
    double moved = 0;          ///< at least Σ w_i |x_i − x'_i|: an upper bound of the distance under `euclidean`
    double moved_squared = 0;  ///< at least Σ w_i |x_i − x'_i|^2: the same under `squared_euclidean`
};

/// Merges points whose distance is at most `radius`, in the order they have: a point joins the nearest of those kept
/// before it, or is kept itself. Distances are between unit vectors where the cost normalises.
///
/// @param radius  not negative; 0 merges points that are equal once normalised
/// @return        |W(a, b) − W(a', b)| <= moved under cosine and euclidean; |sqrt(2W) − sqrt(2W')| <=
///                sqrt(moved_squared) under cosine, |sqrt(W) − sqrt(W')| likewise under squared_euclidean
/// @throw         invalid_argument for a bad radius, a cost without a distance, a zero vector under cosine
/// @cost          O(n k d) for k points kept
template <class Real>
[[nodiscard]] merged_measure<Real> merge_near(const discrete_measure<Real>& a, double radius, const ground_cost& cost) {
    require(std::isfinite(radius) && radius >= 0,
            "transport::merge_near: radius must be finite and not negative, it is ", radius);
    require(cost.kind() <= ground_cost::kinds::euclidean,
            "transport::merge_near: merging needs a cosine, squared_euclidean or euclidean cost");
    const std::size_t n = a.size(), d = a.dimension();
    const prepared_points<double> x = prepare<double>(a.points, cost);
    const std::size_t stride = x.points.stride();
    detail::aligned_rows<double> kept(n, d);  // the first `count` rows; memory that is not touched costs nothing
    std::vector<std::size_t> leader;
    std::vector<std::uint32_t> to(n);
    std::vector<double> s(n), weights;
    merged_measure<Real> made;
    // Distances of points rounded to double, computed in double.
    const double inexact = 4 * x.largest * std::numeric_limits<double>::epsilon();
    const double stretch = 1 + static_cast<double>(d + 16) * std::numeric_limits<double>::epsilon();
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t count = leader.size();
        if (count > 0)
            detail::distances(detail::machine_level(), x.points.data() + i * stride, 1, kept.data(), count, stride, 1.0,
                              s.data(), count);
        const auto near = std::min_element(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(count));
        const double distance = count > 0 ? std::sqrt(*near) * stretch + inexact : 0;
        if (count == 0 || std::sqrt(*near) > radius) {
            std::copy_n(x.points.data() + i * stride, stride, kept.data() + count * stride);
            to[i] = static_cast<std::uint32_t>(count);
            leader.push_back(i);
            weights.push_back(a.weights[i]);
        } else {
            to[i] = static_cast<std::uint32_t>(near - s.begin());
            weights[to[i]] += a.weights[i];
            made.moved += a.weights[i] * distance;
            made.moved_squared += a.weights[i] * distance * distance;
        }
    }
    matrix<Real> points(leader.size(), d);
    for (std::size_t k = 0; k < leader.size(); ++k)
        std::copy_n(a.points.row(leader[k]).begin(), d, points.row(k).begin());
    made.measure.points = std::move(points);
    made.measure.weights = std::move(weights);
    made.measure.index = a.index;
    for (std::uint32_t& at : made.measure.index)
        if (at != discrete_measure<Real>::dropped) at = to[at];
    return made;
}

}  // namespace holdfast::transport
