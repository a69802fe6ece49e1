#pragma once
// How the distance changes with the points and with the weights: the envelope theorem, so no solver is differentiated.
// Of the exact cost, of the entropic one, and of the debiased divergence. Builds on wasserstein's parts: cost.hpp,
// exact.hpp, sinkhorn.hpp. Leaves out the gradient of plans.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/exact.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace holdfast::transport {

struct gradient_options {
    ground_cost cost{};       ///< cosine, squared_euclidean or euclidean
    double epsilon = 0;       ///< 0: of the exact cost; else of the entropic one (relative to a b'), in its unit
    double tolerance = 1e-9;  ///< of Sinkhorn's marginals
    std::size_t max_iterations = 10000;
};

/// A value, and what it changes by.
struct cost_gradient {
    double value = 0;
    matrix<double> x, y;       ///< [n, d], [m, d] with respect to the points
    std::vector<double> a, b;  ///< [n], [m] with respect to the weights, up to a constant: Σ a_i grad_i = 0
    holdfast::status status = holdfast::status::exact;
};

namespace detail {

/// Adds mass times the gradients of the cost at (x, y) to `at_x` and `at_y`.
inline void add_cost_gradient(ground_cost::kinds kind, std::span<const double> x, std::span<const double> y,
                              double mass, std::span<double> at_x, std::span<double> at_y) {
    const std::size_t d = x.size();
    if (kind == ground_cost::kinds::cosine) {
        double xx = 0, yy = 0, xy = 0;
        for (std::size_t k = 0; k < d; ++k) xx += x[k] * x[k], yy += y[k] * y[k], xy += x[k] * y[k];
        const double lengths = std::sqrt(xx) * std::sqrt(yy), cosine = xy / lengths;
        for (std::size_t k = 0; k < d; ++k) {
            at_x[k] += mass * (cosine * x[k] / xx - y[k] / lengths);
            at_y[k] += mass * (cosine * y[k] / yy - x[k] / lengths);
        }
        return;
    }
    double factor = 2 * mass;
    if (kind == ground_cost::kinds::euclidean) {
        double square = 0;
        for (std::size_t k = 0; k < d; ++k) square += (x[k] - y[k]) * (x[k] - y[k]);
        factor = square > 0 ? mass / std::sqrt(square) : 0;  // at equal points: 0, one of the subgradients
    }
    for (std::size_t k = 0; k < d; ++k) {
        at_x[k] += factor * (x[k] - y[k]);
        at_y[k] -= factor * (x[k] - y[k]);
    }
}

/// Potentials as gradients: without their weighted mean.
inline std::vector<double> centred(std::span<const double> potential, std::span<const double> weights) {
    double mean = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) mean += weights[i] * potential[i];
    std::vector<double> g(potential.begin(), potential.end());
    for (double& v : g) v -= mean;
    return g;
}

inline matrix<double> in_double(const auto& points) {
    const auto from = view(points);
    matrix<double> to(from.rows(), from.cols());
    for (std::size_t i = 0; i < to.rows(); ++i)
        for (std::size_t k = 0; k < to.cols(); ++k) to(i, k) = static_cast<double>(from(i, k));
    return to;
}

}  // namespace detail

/// The transport cost of two clouds and its gradient.
///
///     dW / dx_i = Σ_j P_ij ∇_x cost(x_i, y_j),   dW / da_i = f_i,
///
/// P the optimal plan and f the optimal potential: by the envelope theorem their own change does not enter. The exact
/// cost has a kink where the plan is not unique; there this is one of its one-sided slopes. The entropic one has none.
///
/// @param x, a  [n, d] and [n] weights, sum 1 (empty: 1/n each); positive where epsilon > 0
/// @param y, b  [m, d] and [m] of the other cloud. Rows stay apart, also equal ones.
/// @throw       invalid_argument for a cost of the user's, a zero vector under cosine, bad weights or options
/// @cost        the solver's, and O(d) for each pair that mass moves between (n m of them where epsilon > 0)
/// @see         Peyre & Cuturi 2019, sections 9.1.2 and 9.1.3; Feydy et al. 2019
template <matrix_like X, matrix_like Y>
[[nodiscard]] cost_gradient gradient(const X& x, std::span<const double> a, const Y& y, std::span<const double> b,
                                     const gradient_options& options = {}) {
    const ground_cost::kinds kind = options.cost.kind();
    require(kind <= ground_cost::kinds::euclidean,
            "transport::gradient: cosine, squared_euclidean and euclidean have known gradients, a cost of the user's "
            "has not");
    require(std::isfinite(options.epsilon) && options.epsilon >= 0,
            "transport::gradient: epsilon must be finite and not negative, it is ", options.epsilon);
    const matrix<double> from = detail::in_double(x), to = detail::in_double(y);
    const matrix<double> c = cost_matrix(from, to, options.cost);
    const auto weights = [](std::span<const double> w, std::size_t n) {
        return w.empty() ? std::vector<double>(n, 1 / static_cast<double>(n)) : std::vector<double>(w.begin(), w.end());
    };
    const std::vector<double> wa = weights(a, from.rows()), wb = weights(b, to.rows());
    cost_gradient g{0, matrix<double>(from.rows(), from.cols()), matrix<double>(to.rows(), to.cols()), {}, {}, {}};
    if (options.epsilon == 0) {
        const exact_result r = exact(c, wa, wb);
        for (const plan_entry& e : r.plan)
            detail::add_cost_gradient(kind, from.row(e.i), to.row(e.j), e.mass, g.x.row(e.i), g.y.row(e.j));
        g.value = r.value;
        g.status = r.status;
        g.a = detail::centred(r.f, wa);
        g.b = detail::centred(r.g, wb);
        return g;
    }
    simd_engine<double> engine(c.view(), wa, wb);
    const sinkhorn_result r = sinkhorn(
        engine, {.epsilon = options.epsilon, .tolerance = options.tolerance, .max_iterations = options.max_iterations});
    for (std::size_t i = 0; i < from.rows(); ++i)
        for (std::size_t j = 0; j < to.rows(); ++j) {
            const double mass = wa[i] * wb[j] * std::exp((r.f[i] + r.g[j] - c(i, j)) / r.epsilon);
            if (mass > 0) detail::add_cost_gradient(kind, from.row(i), to.row(j), mass, g.x.row(i), g.y.row(j));
        }
    g.value = r.entropic_cost;
    g.status = r.converged ? status::certified : status::not_converged;
    g.a = detail::centred(r.f, wa);
    g.b = detail::centred(r.g, wb);
    return g;
}

/// The debiased Sinkhorn divergence of two clouds and its gradient: that of OT(x, y) less half of those of OT(x, x) and
/// OT(y, y), each of which moves with both of its sides.
///
/// @param options  epsilon must be positive
/// @throw          as gradient
template <matrix_like X, matrix_like Y>
[[nodiscard]] cost_gradient divergence_gradient(const X& x, std::span<const double> a, const Y& y,
                                                std::span<const double> b, const gradient_options& options) {
    require(options.epsilon > 0, "transport::divergence_gradient: epsilon must be positive, it is ", options.epsilon);
    cost_gradient g = gradient(x, a, y, b, options);
    const cost_gradient xx = gradient(x, a, x, a, options), yy = gradient(y, b, y, b, options);
    g.value -= xx.value / 2 + yy.value / 2;
    const auto subtract = [](std::vector<double>& from, const std::vector<double>& one,
                             const std::vector<double>& two) {
        for (std::size_t k = 0; k < from.size(); ++k) from[k] -= (one[k] + two[k]) / 2;
    };
    subtract(g.x.values(), xx.x.values(), xx.y.values());
    subtract(g.y.values(), yy.x.values(), yy.y.values());
    subtract(g.a, xx.a, xx.b);
    subtract(g.b, yy.a, yy.b);
    g.status = std::max({g.status, xx.status, yy.status});
    return g;
}

}  // namespace holdfast::transport
