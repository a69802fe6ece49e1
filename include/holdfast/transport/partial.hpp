#pragma once
// Partial transport: only so much mass must move, the cheapest; the rest stays. Exact, as an ordinary problem with one
// dummy row and column that take what stays. Builds on exact.hpp. Leaves out penalties for what stays (unbalanced.hpp).

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/exact.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

namespace holdfast::transport {

/// The cost of a partial plan, with its proof.
struct partial_result : certified<double> {
    std::vector<plan_entry> plan;  ///< at most n + m entries, by i, then j
    double mass = 0;               ///< what they sum to: what was asked for, up to rounding
};

namespace detail {

/// @return their sum @throw invalid_argument for a mass that is negative or not finite, or none at all
inline double sum_of_masses(std::span<const double> masses, const char* function) {
    double sum = 0;
    for (std::size_t i = 0; i < masses.size(); ++i) {
        require(std::isfinite(masses[i]) && masses[i] >= 0, function, ": masses must be finite and not negative, mass ",
                i, " is ", masses[i]);
        sum += masses[i];
    }
    require(sum > 0, function, ": a measure needs mass, it has ", sum);
    return sum;
}

}  // namespace detail

/// Exact transport of part of the mass.
///
///     min_P <P, C>,   P >= 0, row sums at most a, column sums at most b, sum of all entries = mass
///
/// Masses need not sum to 1, nor to the same. Zero costs for what stays, on either side; no mass goes from dummy to
/// dummy, since that would make more than `mass` move.
///
/// @param cost  C [n, m], finite, of any sign
/// @param a     [n] masses of the rows, not negative
/// @param b     [m] masses of the columns, not negative
/// @param mass  how much moves, from 0 to the lesser of both sums
/// @throw       invalid_argument for bad masses or costs, or more mass than there is
/// @cost        that of `exact` on (n + 1) x (m + 1), and a copy of the cost
/// @see         Caffarelli & McCann 2010; Chapel et al. 2020, arXiv:2002.08276
template <matrix_like Matrix>
    requires std::floating_point<element_t<Matrix>>
[[nodiscard]] partial_result partial(const Matrix& cost, std::span<const double> a, std::span<const double> b,
                                     double mass) {
    const auto c = view(cost);
    const std::size_t n = c.rows(), m = c.cols();
    require(n > 0 && m > 0, "transport::partial: the cost must not be empty, it is ", n, " x ", m);
    require(a.size() == n && b.size() == m, "transport::partial: a cost of ", n, " x ", m,
            " needs as many masses, got ", a.size(), " and ", b.size());
    const double all_a = detail::sum_of_masses(a, "transport::partial");
    const double all_b = detail::sum_of_masses(b, "transport::partial");
    const double most = std::min(all_a, all_b);
    require(mass >= 0 && mass <= most * (1 + 1e-12), "transport::partial: from 0 to ", most,
            " can move, the lesser of both sums; asked for ", mass);
    mass = std::min(mass, most);

    double largest = 0;
    matrix<double> wide(n + 1, m + 1, 0.0);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < m; ++j) {
            wide(i, j) = static_cast<double>(c(i, j));
            largest = std::max(largest, std::abs(wide(i, j)));
        }
    wide(n, m) = largest > 0 ? 2 * largest : 1;
    const double total = all_a + all_b - mass;
    std::vector<double> rows(a.begin(), a.end()), columns(b.begin(), b.end());
    rows.push_back(all_b - mass);
    columns.push_back(all_a - mass);
    for (double& w : rows) w /= total;
    for (double& w : columns) w /= total;

    exact_result whole = exact(wide, rows, columns);
    partial_result result;
    for (const plan_entry& e : whole.plan) {
        if (e.i == n || e.j == m) continue;
        result.plan.push_back({e.i, e.j, e.mass * total});
        result.mass += e.mass * total;
        result.value += e.mass * total * wide(e.i, e.j);
    }
    result.status = whole.status;
    result.lower = std::min(whole.lower * total, result.value);
    result.upper = std::max(whole.upper * total, result.value);
    return result;
}

}  // namespace holdfast::transport
