#pragma once
// Unbalanced transport: mass may appear and vanish, at a price (Kullback-Leibler) for each side. By Sinkhorn in the log
// domain, with both bounds of its own objective. Builds on core and partial.hpp's check of masses. Leaves out hard
// limits on what moves (partial.hpp).

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/softmin.hpp>
#include <holdfast/transport/partial.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport {

struct unbalanced_options {
    double epsilon = 0.05;               ///< of the entropy, in the unit of the cost
    double penalty_a = 1;                ///< of the row sums, in the unit of the cost; large: almost balanced
    double penalty_b = 1;                ///< of the column sums
    double tolerance = 1e-9;             ///< converged when the bounds are no further apart, relative to the value
    std::size_t max_iterations = 10000;  ///< both potentials each
};

/// The value is that of the whole objective, entropy included, between its dual value and the value of the plan.
struct unbalanced_result : certified<double> {
    double transport_cost = 0;  ///< <P, C> alone
    double mass = 0;            ///< Σ P
    std::vector<double> f, g;   ///< [n], [m] potentials: P_ij = a_i b_j exp((f_i + g_j − C_ij) / epsilon)
    std::size_t iterations = 0;
    bool converged = false;
};

namespace detail {

/// KL(p | q) of one entry.
inline double divergence(double p, double q) { return p > 0 ? p * std::log(p / q) - p + q : q; }

}  // namespace detail

/// Entropic unbalanced transport.
///
///     min_P <P, C> + epsilon KL(P | a b') + penalty_a KL(P 1 | a) + penalty_b KL(P' 1 | b)
///
/// with KL(p | q) = Σ p log(p / q) − p + q. Each potential is the balanced one times penalty / (penalty + epsilon);
/// after each round their difference is set to the best there is, which makes large penalties converge too.
///
/// @param cost  C [n, m], finite
/// @param a, b  [n], [m] masses, not negative; their sums need not be equal
/// @return      status `certified` (converged), else `not_converged` with bounds that hold
/// @throw       invalid_argument for bad masses, costs or options
/// @cost        two passes over C an iteration, a third one every tenth for the bounds; two copies of C
/// @see         Chizat et al. 2018, arXiv:1607.05816; Séjourné, Vialard & Peyré 2022, arXiv:2201.00730 (translation)
template <matrix_like Matrix>
    requires std::floating_point<element_t<Matrix>>
[[nodiscard]] unbalanced_result unbalanced(const Matrix& cost, std::span<const double> a, std::span<const double> b,
                                           const unbalanced_options& options = {}) {
    const matrix<double> c = detail::checked_copy(cost, "transport::unbalanced");
    const std::size_t n = c.rows(), m = c.cols();
    require(a.size() == n && b.size() == m, "transport::unbalanced: a cost of ", n, " x ", m,
            " needs as many masses, got ", a.size(), " and ", b.size());
    const double all_a = detail::sum_of_masses(a, "transport::unbalanced");
    const double all_b = detail::sum_of_masses(b, "transport::unbalanced");
    const double eps = options.epsilon, ra = options.penalty_a, rb = options.penalty_b;
    const auto positive = [](double x) { return std::isfinite(x) && x > 0; };
    require(positive(eps), "transport::unbalanced: epsilon must be positive and finite, it is ", eps);
    require(positive(ra) && positive(rb), "transport::unbalanced: penalties must be positive and finite, they are ", ra,
            " and ", rb);
    require(options.max_iterations > 0, "transport::unbalanced: max_iterations must be positive, it is 0");

    const matrix<double> turned = detail::transposed(c);
    unbalanced_result r;
    r.f.assign(n, 0);
    r.g.assign(m, 0);
    const auto bounds = [&] {
        std::vector<double> rows(n, 0), columns(m, 0);
        double relative = 0;  // KL(P | a b')
        r.transport_cost = r.mass = 0;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < m; ++j) {
                const double base = a[i] * b[j], exponent = (r.f[i] + r.g[j] - c(i, j)) / eps;
                const double p = base > 0 ? base * std::exp(exponent) : 0;
                rows[i] += p;
                columns[j] += p;
                r.transport_cost += p * c(i, j);
                relative += (p > 0 ? p * exponent : 0) - p + base;
                r.mass += p;
            }
        double primal = r.transport_cost + eps * relative, dual = -eps * (r.mass - all_a * all_b);
        for (std::size_t i = 0; i < n; ++i) {
            if (a[i] == 0) continue;
            primal += ra * detail::divergence(rows[i], a[i]);
            dual -= ra * a[i] * std::expm1(-r.f[i] / ra);
        }
        for (std::size_t j = 0; j < m; ++j) {
            if (b[j] == 0) continue;
            primal += rb * detail::divergence(columns[j], b[j]);
            dual -= rb * b[j] * std::expm1(-r.g[j] / rb);
        }
        r.value = r.lower = std::min(dual, primal);
        r.upper = std::max(dual, primal);
        return r.upper - r.lower <= options.tolerance * std::max(std::abs(r.lower), 1e-300);
    };
    // −r log Σ w exp(−p / r), shifted so that nothing overflows
    const auto softened = [](std::span<const double> w, const std::vector<double>& p, double rho) {
        double least = std::numeric_limits<double>::infinity(), sum = 0;
        for (std::size_t k = 0; k < p.size(); ++k)
            if (w[k] > 0) least = std::min(least, p[k]);
        for (std::size_t k = 0; k < p.size(); ++k) sum += w[k] > 0 ? w[k] * std::exp((least - p[k]) / rho) : 0;
        return std::log(sum) - least / rho;
    };
    while (!r.converged && r.iterations < options.max_iterations) {
        detail::softmin_rows(c, b, r.g, eps, r.f);
        for (double& x : r.f) x *= ra / (ra + eps);
        detail::softmin_rows(turned, a, r.f, eps, r.g);
        for (double& x : r.g) x *= rb / (rb + eps);
        // The best shift of f up and g down: the plan stays, the dual value rises.
        const double shift = ra * rb / (ra + rb) * (softened(a, r.f, ra) - softened(b, r.g, rb));
        for (double& x : r.f) x += shift;
        for (double& x : r.g) x -= shift;
        if (++r.iterations % 10 == 0 || r.iterations == options.max_iterations) r.converged = bounds();
    }
    r.status = r.converged ? status::certified : status::not_converged;
    return r;
}

}  // namespace holdfast::transport
