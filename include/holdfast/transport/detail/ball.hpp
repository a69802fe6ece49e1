#pragma once
// How far points of two tasks can be apart, from what is known of each task alone. Builds on cost.hpp.

#include <holdfast/transport/cost.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace holdfast::transport::detail {

/// A ball that holds all points of a task: how far two tasks' points can be apart is known from their balls.
struct ball {
    std::vector<double> centre;
    double radius = 0;
};

inline ball ball_of(const prepared_points<float>& x, std::size_t n) {
    ball made{std::vector<double>(x.dimension, 0.0), 0};
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < x.dimension; ++k)
            made.centre[k] += static_cast<double>(x.points(i, k)) / static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i) {
        double s = 0;
        for (std::size_t k = 0; k < x.dimension; ++k) {
            const double apart = static_cast<double>(x.points(i, k)) - made.centre[k];
            s += apart * apart;
        }
        made.radius = std::max(made.radius, std::sqrt(s));
    }
    return made;
}

/// No cost between points of the two is above it.
inline float greatest_cost(const ball& a, const ball& b, const ground_cost& cost) {
    double s = 0;
    for (std::size_t k = 0; k < a.centre.size(); ++k) s += (a.centre[k] - b.centre[k]) * (a.centre[k] - b.centre[k]);
    const double apart = std::sqrt(s) + a.radius + b.radius;
    return static_cast<float>(cost.from_squared(apart * apart) * (1 + 1e-5));
}

}  // namespace holdfast::transport::detail
