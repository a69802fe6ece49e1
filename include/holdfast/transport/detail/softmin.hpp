#pragma once
// Soft minima over the rows of a cost, for solvers whose loop is not that of sinkhorn.hpp (unbalanced, barycentre).
// Plain double, rows in parallel. Builds on core.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport::detail {

/// out_i = −eps log Σ_j w_j exp((g_j − C_ij) / eps); g_j may be −infinity, but not all of those with w_j > 0.
/// An empty w is all ones.
inline void softmin_rows(const matrix<double>& c, std::span<const double> w, std::span<const double> g, double eps,
                         std::vector<double>& out) {
    out.resize(c.rows());
    parallel_for(c.rows(), [&](std::size_t i) {
        const double* row = c.row(i).data();
        double least = std::numeric_limits<double>::infinity(), sum = 0;
        for (std::size_t j = 0; j < c.cols(); ++j)
            if (w.empty() || w[j] > 0) least = std::min(least, row[j] - g[j]);
        for (std::size_t j = 0; j < c.cols(); ++j)
            sum += (w.empty() ? 1 : w[j]) * std::exp((least + g[j] - row[j]) / eps);
        out[i] = least - eps * std::log(sum);
    });
}

inline matrix<double> transposed(const matrix<double>& c) {
    matrix<double> t(c.cols(), c.rows());
    for (std::size_t i = 0; i < c.rows(); ++i)
        for (std::size_t j = 0; j < c.cols(); ++j) t(j, i) = c(i, j);
    return t;
}

/// A copy in double. @throw invalid_argument for an empty cost or an entry that is not finite
template <class Matrix>
matrix<double> checked_copy(const Matrix& cost, const char* function) {
    const auto c = view(cost);
    require(c.rows() > 0 && c.cols() > 0, function, ": the cost must not be empty, it is ", c.rows(), " x ", c.cols());
    matrix<double> copy(c.rows(), c.cols());
    for (std::size_t i = 0; i < c.rows(); ++i)
        for (std::size_t j = 0; j < c.cols(); ++j) {
            copy(i, j) = static_cast<double>(c(i, j));
            require(std::isfinite(copy(i, j)), function, ": costs must be finite, entry (", i, ", ", j, ") is ",
                    copy(i, j));
        }
    return copy;
}

}  // namespace holdfast::transport::detail
