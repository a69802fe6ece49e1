#pragma once
// What network_simplex.hpp is asked about: masses as whole numbers, and costs that lie in memory as they are. Builds on
// core and pricing.hpp.

#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/pricing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace holdfast::transport::detail {

/// Masses as integers of equal sum: units of 2^-52, the leftover of rounding spread one unit each.
inline std::vector<std::int64_t> integer_masses(std::span<const double> weights, std::int64_t total) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<std::int64_t> units(weights.size());
    std::int64_t left = total;
    for (std::size_t i = 0; i < units.size(); ++i)
        left -= units[i] = std::llround(weights[i] / sum * static_cast<double>(total));
    const std::int64_t step = left < 0 ? -1 : 1;
    for (std::size_t i = 0; left != 0; i = (i + 1) % units.size())
        if (weights[i] > 0 && units[i] + step >= 0) {
            units[i] += step;
            left -= step;
        }
    return units;
}

/// Costs that are what they are: a matrix in memory, rows contiguous.
template <class Real>
struct dense_costs {
    using real = Real;
    static constexpr bool rounded = false;
    matrix_view<const Real> c;

    struct reader {
        matrix_view<const Real> c;
        [[nodiscard]] const Real* row(std::size_t i) const { return &c(i, 0); }
    };
    [[nodiscard]] std::size_t rows() const { return c.rows(); }
    [[nodiscard]] std::size_t cols() const { return c.cols(); }
    [[nodiscard]] reader read() const { return {c}; }
    [[nodiscard]] double precise(std::size_t i, std::size_t j) const { return static_cast<double>(c(i, j)); }
    [[nodiscard]] double slack(std::size_t) const { return 0; }
    [[nodiscard]] double largest() const {
        Real most = 0;
        for (std::size_t i = 0; i < c.rows(); ++i)
            most = std::max(most, row_pricing<Real>::largest(&c(i, 0), c.cols()));
        return static_cast<double>(most);
    }
};

}  // namespace holdfast::transport::detail
