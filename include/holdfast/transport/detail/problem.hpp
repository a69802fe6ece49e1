#pragma once
// What all engines on the host share: the checks of a problem, the facts about its costs, and the guarded step.
// Builds on measure.hpp and sinkhorn.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/row_facts.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport::detail {

/// Checks shapes and weights, makes the weights sum to 1 exactly.
inline void check_weights_of(std::size_t n, std::size_t m, std::vector<double>& a, std::vector<double>& b) {
    require(n > 0 && m > 0, "transport::engine: the cost must not be empty, it is ", n, " x ", m);
    require(a.size() == n && b.size() == m, "transport::engine: a cost of ", n, " x ", m,
            " needs as many weights, got ", a.size(), " and ", b.size());
    for (std::vector<double>* w : {&a, &b}) {
        const double sum = check_weights(*w, "transport::engine");
        for (std::size_t i = 0; i < w->size(); ++i) {
            require((*w)[i] > 0,
                    "transport::engine: weights must be positive (transport::measure drops zeros), weight ", i,
                    " is 0");
            (*w)[i] /= sum;
        }
    }
}

/// The facts about costs, in one pass over rows (`row(i)` -> pointer): moments about a row's mean, which loses nothing
/// that a choice of epsilon could notice.
template <class Real, class Row>
cost_summary summarise(std::size_t n, std::size_t m, Row row, std::span<const double> a, std::span<const double> b) {
    const std::vector<Real> weights(b.begin(), b.end());
    const Real* first = row(0);
    Real least = first[0], greatest = first[0];
    const auto about = row_facts<Real>::moments(first, weights.data(), first[0], m);
    const auto origin = static_cast<Real>(static_cast<double>(first[0]) + about.sum);
    double mean = 0, square = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const row_moments<Real> of = row_facts<Real>::moments(row(i), weights.data(), origin, m);
        least = std::min(least, of.least);
        greatest = std::max(greatest, of.greatest);
        mean += a[i] * of.sum;
        square += a[i] * of.squares;
    }
    cost_summary s;
    s.least = static_cast<double>(least);
    s.greatest = static_cast<double>(greatest);
    s.mean = static_cast<double>(origin) + mean;
    s.deviation = std::sqrt(std::max(0.0, square - mean * mean));
    return s;
}

/// Checks costs [n, m] and weights, makes the weights sum to 1 exactly, and returns the facts about the costs.
template <class Real>
cost_summary check_problem(matrix_view<const Real> c, std::vector<double>& a, std::vector<double>& b) {
    check_weights_of(c.rows(), c.cols(), a, b);
    check_costs(c, "transport::engine");
    std::vector<Real> gathered(c.col_stride() == 1 ? 0 : c.cols());
    const auto row = [&](std::size_t i) {
        for (std::size_t j = 0; j < gathered.size(); ++j) gathered[j] = c(i, j);
        return gathered.empty() ? &c(i, 0) : gathered.data();
    };
    return summarise<Real>(c.rows(), c.cols(), row, a, b);
}

/// x + omega (to − x), where what goes beyond `to` is at most eps: no over-relaxed step can make an exponential
/// overflow.
template <class Real>
Real relaxed(Real x, Real to, Real eps, Real omega) {
    if (omega == 1) return to;
    return to + std::clamp((omega - 1) * (to - x), -eps, eps);
}

}  // namespace holdfast::transport::detail
