#pragma once
// What network_simplex.hpp is asked about: masses as whole numbers, and costs that lie in memory as they are. Builds on
// core and pricing.hpp.

#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/pricing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace holdfast::transport::detail {

/// The number of equal parts that all weights are whole numbers of (n, where they are equal; of a measure whose
/// equal points were made one, how many there were); 0 where it is not small.
inline std::int64_t equal_parts(std::span<const double> weights) {
    double least = std::numeric_limits<double>::infinity();
    for (const double w : weights)
        if (w > 0) least = std::min(least, w);
    for (int parts_of_least = 1; parts_of_least <= 16; ++parts_of_least) {
        double sum = 0;
        const bool whole = std::all_of(weights.begin(), weights.end(), [&](double w) {
            const double parts = w / least * parts_of_least, rounded = std::nearbyint(parts);
            sum += rounded;
            return std::abs(parts - rounded) <= 1e-15 * parts;  // of a few roundings
        });
        if (whole) return sum < 0x1p22 ? static_cast<std::int64_t>(sum) : 0;
    }
    return 0;
}

/// What a mass of 1 is as an integer. Where all weights are whole numbers of equal parts, so are their integers: then
/// sums of them are equal where they should be, and plans as sparse as they can be.
inline std::int64_t mass_unit(std::span<const double> a, std::span<const double> b) {
    const std::int64_t of_a = equal_parts(a), of_b = equal_parts(b);
    if (of_a == 0 || of_b == 0) return std::int64_t{1} << 52;
    // With room between the last bit of a double and 1: quotients are rounded to the integers that they should be.
    const std::int64_t parts = std::lcm(of_a, of_b);
    return (std::int64_t{1} << 46) / parts * parts;
}

/// Masses as integers of sum `total`, the leftover of rounding spread one unit each.
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
        [[nodiscard]] std::size_t readable() const { return c.cols(); }
    };
    [[nodiscard]] std::size_t rows() const { return c.rows(); }
    [[nodiscard]] std::size_t cols() const { return c.cols(); }
    [[nodiscard]] reader read() const { return {c}; }
    [[nodiscard]] bool any_order() const { return true; }
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
