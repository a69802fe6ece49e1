#pragma once
// What all engines on the host share: the checks of a problem, the facts about its costs, and the guarded step.
// Builds on measure.hpp and sinkhorn.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport::detail {

/// Checks costs [n, m] and weights, makes the weights sum to 1 exactly, and returns the facts about the costs.
template <class Real>
cost_summary check_problem(matrix_view<const Real> c, std::vector<double>& a, std::vector<double>& b) {
    const std::size_t n = c.rows(), m = c.cols();
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
    check_costs(c, "transport::engine");
    // In one pass: moments about the first entry, which loses nothing that a choice of epsilon could notice.
    const Real origin = c(0, 0);
    Real least = origin, greatest = origin;
    double mean = 0, square = 0;
    for (std::size_t i = 0; i < n; ++i) {
        double sum = 0, squares = 0;
        for (std::size_t j = 0; j < m; ++j) {
            const Real x = c(i, j);
            least = std::min(least, x);
            greatest = std::max(greatest, x);
            const double y = static_cast<double>(x - origin);
            sum += b[j] * y;
            squares += b[j] * y * y;
        }
        mean += a[i] * sum;
        square += a[i] * squares;
    }
    cost_summary s;
    s.least = static_cast<double>(least);
    s.greatest = static_cast<double>(greatest);
    s.mean = static_cast<double>(origin) + mean;
    s.deviation = std::sqrt(std::max(0.0, square - mean * mean));
    return s;
}

/// x + omega (to − x), where what goes beyond `to` is at most eps: no over-relaxed step can make an exponential
/// overflow.
template <class Real>
Real relaxed(Real x, Real to, Real eps, Real omega) {
    if (omega == 1) return to;
    return to + std::clamp((omega - 1) * (to - x), -eps, eps);
}

}  // namespace holdfast::transport::detail
