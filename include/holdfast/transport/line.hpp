#pragma once
// Transport on the real line, where sorting solves it: the quantiles are coupled. Builds on measure.hpp. Leaves out
// higher dimensions (similarity.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace holdfast::transport {

/// Exact transport cost on the line for |x − y|^p, p >= 1.
///
///     W = ∫_0^1 |F_a^{-1}(t) − F_b^{-1}(t)|^p dt
///
/// W itself, not its p-th root; p = 1 is the area between the two distribution functions.
///
/// @param x, a  points [n] and their weights [n] (not negative, sum 1; empty: 1/n each)
/// @param y, b  the same of the other measure
/// @throw       invalid_argument for no points, points that are not finite, bad weights, p below 1
/// @cost        O((n + m) log(n + m))
/// @see         Peyre & Cuturi 2019, remark 2.30
[[nodiscard]] inline double wasserstein_on_line(std::span<const double> x, std::span<const double> a,
                                                std::span<const double> y, std::span<const double> b, double p = 1) {
    require(std::isfinite(p) && p >= 1, "transport::wasserstein_on_line: p must be finite and at least 1, it is ", p);
    struct atom {
        double at, weight;
    };
    const auto sorted = [](std::span<const double> points, std::span<const double> weights) {
        require(!points.empty(), "transport::wasserstein_on_line: a measure needs points, got none");
        require(weights.empty() || weights.size() == points.size(),
                "transport::wasserstein_on_line: one weight for each point, got ", weights.size(), " weights for ",
                points.size(), " points");
        const double sum = weights.empty() ? 1 : detail::check_weights(weights, "transport::wasserstein_on_line");
        std::vector<atom> atoms(points.size());
        for (std::size_t i = 0; i < points.size(); ++i) {
            require(std::isfinite(points[i]), "transport::wasserstein_on_line: points must be finite, point ", i,
                    " is ", points[i]);
            atoms[i] = {points[i], weights.empty() ? 1 / static_cast<double>(points.size()) : weights[i] / sum};
        }
        std::sort(atoms.begin(), atoms.end(), [](const atom& s, const atom& t) { return s.at < t.at; });
        return atoms;
    };
    std::vector<atom> from = sorted(x, a), to = sorted(y, b);
    double cost = 0;
    for (std::size_t i = 0, j = 0; i < from.size() && j < to.size();) {
        const double moved = std::min(from[i].weight, to[j].weight), distance = std::abs(from[i].at - to[j].at);
        cost += moved * (p == 1 ? distance : p == 2 ? distance * distance : std::pow(distance, p));
        from[i].weight -= moved;
        to[j].weight -= moved;
        // One of the two is now exactly empty; what rounding leaves of the last atom has no partner and costs nothing.
        if (from[i].weight <= 0) ++i;
        if (j < to.size() && to[j].weight <= 0) ++j;
    }
    return cost;
}

}  // namespace holdfast::transport
