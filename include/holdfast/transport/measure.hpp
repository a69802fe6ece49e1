#pragma once
// A task as a cloud of weighted points: the distinct rows of a matrix, how much each weighs, and which row became
// which. Equal rows are merged exactly (hash, then compare), rows of weight zero are dropped: templated tasks of a
// thousand examples often have twenty distinct instructions. Builds on core. Leaves out merging points that are merely
// close.

#include <holdfast/core/error.hpp>
#include <holdfast/core/half.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/row_facts.hpp>
#include <holdfast/transport/detail/row_identity.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport {

/// A probability measure on finitely many distinct points.
template <std::floating_point Real>
struct discrete_measure {
    static constexpr std::uint32_t dropped = std::numeric_limits<std::uint32_t>::max();

    matrix<Real> points;               ///< [n, d] distinct, in the order of their first appearance
    std::vector<double> weights;       ///< [n] positive, sum 1
    std::vector<std::uint32_t> index;  ///< [rows given] which point a row became; `dropped` if its weight was zero

    [[nodiscard]] std::size_t size() const { return points.rows(); }
    [[nodiscard]] std::size_t dimension() const { return points.cols(); }
};

namespace detail {

/// How far from 1 a sum of weights may be: they may come from single precision. They are then made to sum to 1.
inline constexpr double weight_sum_tolerance = 1e-5;

/// @return the sum of the weights @throw invalid_argument for a bad weight or sum
inline double check_weights(std::span<const double> weights, const char* function) {
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        require(std::isfinite(weights[i]), function, ": weights must be finite, weight ", i, " is ", weights[i]);
        require(weights[i] >= 0, function, ": weights must not be negative, weight ", i, " is ", weights[i]);
        sum += weights[i];
    }
    require(std::abs(sum - 1) <= weight_sum_tolerance, function, ": weights must sum to 1, they sum to ", sum);
    return sum;
}

/// @throw invalid_argument for a cost that is not finite (says which)
template <class Real>
void check_costs(matrix_view<const Real> c, const char* function) {
    for (std::size_t i = 0; i < c.rows(); ++i) {
        if (c.col_stride() == 1 && row_facts<Real>::finite(&c(i, 0), c.cols())) continue;
        for (std::size_t j = 0; j < c.cols(); ++j)
            require(std::isfinite(c(i, j)), function, ": costs must be finite, entry (", i, ", ", j, ") is ", c(i, j));
    }
}

}  // namespace detail

/// What the points of a measure made of such a matrix are: float or double.
template <matrix_like Matrix>
using measured_t = computing_t<element_t<Matrix>>;

/// The measure of a cloud: equal rows merged, rows of weight zero dropped, weights summing to 1.
///
/// @param points   [N, d] of float, double, or numbers of 16 bits (which become floats), any layout that holdfast::view
///                 takes
/// @param weights  [N], not negative, sum 1 up to 1e-5; empty: every row weighs 1/N
/// @throw    invalid_argument for no rows or columns, a value that is not finite (says which row), weights of another
///           length, negative, not finite or not summing to 1
/// @cost     O(N d) time, one copy of the distinct rows
template <matrix_like Matrix>
    requires real_number<element_t<Matrix>>
[[nodiscard]] discrete_measure<measured_t<Matrix>> measure(const Matrix& points, std::span<const double> weights = {}) {
    using Real = measured_t<Matrix>;
    const matrix_view<const element_t<Matrix>> from = view(points);
    const std::size_t rows = from.rows(), d = from.cols();
    require(rows > 0 && d > 0, "transport::measure: a measure needs points, got ", rows, " rows of ", d, " columns");
    require(rows < discrete_measure<Real>::dropped, "transport::measure: at most 2^32 - 2 rows, got ", rows);
    require(weights.empty() || weights.size() == rows, "transport::measure: one weight for each row, got ",
            weights.size(), " weights for ", rows, " rows");
    const double sum = weights.empty() ? 1 : detail::check_weights(weights, "transport::measure");

    discrete_measure<Real> made;
    made.index.assign(rows, made.dropped);
    std::vector<Real> distinct;
    distinct.reserve(rows * d);  // at most; untouched memory costs nothing
    constexpr bool as_given = std::same_as<Real, element_t<Matrix>>;
    std::vector<Real> gathered(as_given && from.col_stride() == 1 ? 0 : d);   // rows that lie apart or are narrow
    std::vector<std::uint32_t> table(std::bit_ceil(2 * rows), made.dropped);  // open addressing: hash -> point
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < gathered.size(); ++j) gathered[j] = static_cast<Real>(from(i, j));
        std::span<const Real> row(gathered);
        if constexpr (as_given)
            if (gathered.empty()) row = std::span(&from(i, 0), d);
        const detail::row_digest digest = detail::row_identity<Real>::digest(row.data(), d);
        if (!digest.finite)
            for (std::size_t j = 0; j < d; ++j)
                require(std::isfinite(row[j]), "transport::measure: points must be finite, row ", i, " has ", row[j],
                        " in column ", j);
        const double weight = weights.empty() ? 1 / static_cast<double>(rows) : weights[i] / sum;
        if (weight == 0) continue;
        std::size_t slot = digest.hash & (table.size() - 1);
        while (table[slot] != made.dropped &&
               !detail::row_identity<Real>::same(row.data(), distinct.data() + table[slot] * d, d))
            slot = (slot + 1) & (table.size() - 1);
        if (table[slot] == made.dropped) {
            table[slot] = static_cast<std::uint32_t>(made.weights.size());
            made.weights.push_back(0);
            distinct.insert(distinct.end(), row.begin(), row.end());
        }
        made.index[i] = table[slot];
        made.weights[table[slot]] += weight;
    }
    made.points = matrix<Real>(made.weights.size(), d, std::move(distinct));
    return made;
}

}  // namespace holdfast::transport
