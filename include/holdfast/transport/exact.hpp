#pragma once
// Exact optimal transport between two weighted point sets, by our own network simplex for dense transportation
// problems. Masses become integers (so that feasibility and ties are exact and strongly feasible trees cannot cycle);
// pivots run on a short list of promising arcs, which passes over all arcs refill until none would lower the cost.
// Builds on core. Leaves out how costs are made (cost.hpp) and regularised transport (sinkhorn.hpp).

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/network_simplex.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::transport {

using holdfast::status;

/// One entry of a sparse plan: how much goes from point i of the first measure to point j of the second.
struct plan_entry {
    std::uint32_t i, j;
    double mass;

    friend bool operator==(const plan_entry&, const plan_entry&) = default;
};

struct exact_options {
    std::span<const double> f{};  ///< [n] and
    std::span<const double> g{};  ///< [m]: potentials to start from (of Sinkhorn, of a similar problem); empty: none
    std::size_t max_pivots = 0;   ///< 0: no limit
    double relative_gap = 0;  ///< > 0: may stop where upper − lower <= relative_gap · |lower|, with status `certified`
    bool plan = true;         ///< whether to return the plan
};

struct exact_result : certified<double> {  ///< value: cost of the plan; lower: value of the potentials
    std::vector<plan_entry> plan;          ///< at most n + m - 1 entries, by i, then j
    std::vector<double> f, g;              ///< [n], [m] potentials: f_i + g_j <= C_ij, equal where mass moves
    std::size_t pivots = 0;                ///< how many arcs entered the tree
    std::size_t passes = 0;                ///< how many times all arcs were looked at
};

namespace detail {

/// The exact solver over any costs that network_simplex takes; everything is checked already.
template <class Costs>
[[nodiscard]] exact_result solve_exactly(const Costs& costs, std::span<const double> a, std::span<const double> b,
                                         const exact_options& options) {
    network_simplex<Costs> simplex(costs, a, b);
    using outcome = typename network_simplex<Costs>::outcome;
    const outcome end = simplex.solve(options.f, options.g, options.max_pivots, options.relative_gap);
    exact_result result;
    result.f = simplex.row_potentials();
    result.g = simplex.column_potentials();
    result.pivots = simplex.pivots();
    result.passes = simplex.passes();
    simplex.each_flow([&](std::size_t i, std::size_t j, double mass, double cost) {
        result.value += mass * cost;
        if (options.plan) result.plan.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j), mass});
    });
    std::sort(result.plan.begin(), result.plan.end(),
              [](const plan_entry& x, const plan_entry& y) { return x.i != y.i ? x.i < y.i : x.j < y.j; });
    double dual = 0;
    for (std::size_t i = 0; i < a.size(); ++i) dual += a[i] * result.f[i];
    for (std::size_t j = 0; j < b.size(); ++j) dual += b[j] * result.g[j];
    result.lower = std::min(dual, result.value);
    result.upper = std::max(dual, result.value);  // the greater only by rounding
    result.status = end == outcome::optimal        ? status::exact
                    : end == outcome::close_enough ? status::certified
                                                   : status::not_converged;
    return result;
}

}  // namespace detail

/// Exact optimal transport cost: the least Σ P_ij C_ij over plans P >= 0 with row sums a and column sums b.
///
///     min_P <P, C>  =  max_{f_i + g_j <= C_ij} Σ a_i f_i + Σ b_j g_j
///
/// The result proves itself: `upper` is the cost of a plan, `lower` the value of potentials that respect every cost;
/// at the optimum they meet up to rounding (about 1e-15 of the largest cost), and the status says `exact`.
///
/// @param cost  C [n, m] of float or double, finite, of any sign, rows contiguous
/// @param a     [n] weights of the rows, not negative, sum 1
/// @param b     [m] weights of the columns, not negative, sum 1
/// @return      status `exact`; `not_converged` (with bounds that hold) only where max_pivots ends it
/// @throw       invalid_argument for an empty or non-finite cost, bad weights, shapes that do not match
/// @cost        memory O(n + m) beyond the cost; time about that of (n + m) log(n + m) pivots of O(sqrt(n + m)) to
///              O(n + m) steps, and a few passes over C; 1000 x 1000 in some tens of milliseconds
/// @see         Cunningham 1976 (strongly feasible trees); Bonneel et al. 2011; Peyre & Cuturi 2019, section 3.5
template <matrix_like Matrix>
    requires std::floating_point<element_t<Matrix>>
[[nodiscard]] exact_result exact(const Matrix& cost, std::span<const double> a, std::span<const double> b,
                                 const exact_options& options = {}) {
    using Real = element_t<Matrix>;
    const matrix_view<const Real> c = view(cost);
    const std::size_t n = c.rows(), m = c.cols();
    require(n > 0 && m > 0, "transport::exact: the cost must not be empty, it is ", n, " x ", m);
    require(n + m < (std::size_t{1} << 31), "transport::exact: at most 2^31 points, got ", n + m);
    require(a.size() == n && b.size() == m, "transport::exact: a cost of ", n, " x ", m, " needs as many weights, got ",
            a.size(), " and ", b.size());
    require((options.f.empty() && options.g.empty()) || (options.f.size() == n && options.g.size() == m),
            "transport::exact: potentials to start from must be of sizes ", n, " and ", m, ", got ", options.f.size(),
            " and ", options.g.size());
    require(c.col_stride() == 1 || m == 1, "transport::exact: rows of the cost must be contiguous, column stride is ",
            c.col_stride());
    detail::check_weights(a, "transport::exact");
    detail::check_weights(b, "transport::exact");
    require(options.relative_gap >= 0, "transport::exact: relative_gap must not be negative, it is ",
            options.relative_gap);
    detail::check_costs(c, "transport::exact");
    for (std::size_t i = 0; i < options.f.size(); ++i)
        require(std::isfinite(options.f[i]), "transport::exact: potentials must be finite, f[", i, "] is ",
                options.f[i]);
    for (std::size_t j = 0; j < options.g.size(); ++j)
        require(std::isfinite(options.g[j]), "transport::exact: potentials must be finite, g[", j, "] is ",
                options.g[j]);

    return detail::solve_exactly(detail::dense_costs<Real>{c}, a, b, options);
}

}  // namespace holdfast::transport
