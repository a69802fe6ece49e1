#pragma once
// Sinkhorn on an engine by name: the same loop and the same bounds, computed by plain loops in double, by SIMD or by
// Eigen in single precision.

#include <holdfast/core/certified.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/engine_eigen.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/similarity.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <string>

#include "tasks.hpp"

namespace similarity {

template <class Engine, class Real>
holdfast::certified<double> by_engine(const cloud& a, const cloud& b, const transport::wasserstein_options& options) {
    if (transport::detail::same_measure(a, b)) return {};
    const auto x = transport::prepare<Real>(a.points, options.cost),
               y = transport::prepare<Real>(b.points, options.cost);
    const auto cost = transport::cost_matrix(x, y, options.cost);
    Engine engine(cost.view(), a.weights, b.weights);
    const auto r = transport::sinkhorn(
        engine, {.epsilon_scale = 0.1, .max_iterations = options.max_iterations, .relative_gap = options.relative_gap});
    const double margin =
        transport::rounding_bound<Real>(options.cost, r.upper, x.dimension, std::max(x.largest, y.largest), true);
    holdfast::certified<double> w{r.value, std::max(0.0, r.lower - margin), r.upper + margin};
    const bool close = w.upper - w.lower <= options.relative_gap * w.lower;
    w.status = close ? holdfast::status::certified : holdfast::status::not_converged;
    return w;
}

/// @param engine  plain, simd or eigen
inline holdfast::certified<double> by_engine(const std::string& engine, const cloud& a, const cloud& b,
                                             const transport::wasserstein_options& options) {
    if (engine == "plain") return by_engine<transport::plain_engine, double>(a, b, options);
    if (engine == "simd") return by_engine<transport::simd_engine<float>, float>(a, b, options);
    return by_engine<transport::eigen_engine<float>, float>(a, b, options);
}

}  // namespace similarity
