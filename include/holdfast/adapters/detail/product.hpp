#pragma once
// Matrix products on the CPU over views of any stride, by Eigen, on all cores. The only header of adapters/ that
// includes Eigen. Builds on core/matrix.hpp and core/parallel.hpp; leaves out everything that is not C += alpha A B.

#if !__has_include(<Eigen/Core>)
#error "holdfast/adapters/lora.hpp needs Eigen 3.4: install libeigen3-dev and link holdfast::eigen"
#endif

#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cstddef>

namespace holdfast::adapters::detail {

template <class T, int Order>
using eigen_matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Order>;

template <class T, int Order>
using eigen_map = Eigen::Map<eigen_matrix<T, Order>, 0, Eigen::OuterStride<>>;

template <class T, int Order>
using eigen_const_map = Eigen::Map<const eigen_matrix<T, Order>, 0, Eigen::OuterStride<>>;

[[nodiscard]] inline Eigen::Index index(std::size_t n) { return static_cast<Eigen::Index>(n); }

template <class T>
[[nodiscard]] bool row_major(matrix_view<T> m) {
    return m.col_stride() == 1 || m.cols() <= 1;
}

template <class T>
[[nodiscard]] bool col_major(matrix_view<T> m) {
    return m.row_stride() == 1 || m.rows() <= 1;
}

/// Rows [begin, begin + count) of m.
template <class T>
[[nodiscard]] matrix_view<T> rows_of(matrix_view<T> m, std::size_t begin, std::size_t count) {
    return {m.data() + static_cast<std::ptrdiff_t>(begin) * m.row_stride(), count, m.cols(), m.row_stride(),
            m.col_stride()};
}

template <class T>
[[nodiscard]] matrix_view<T> cols_of(matrix_view<T> m, std::size_t begin, std::size_t count) {
    return rows_of(m.transposed(), begin, count).transposed();
}

/// m itself where Eigen can read it in place, else a row-major copy in `storage` (both strides above 1: rare).
template <class T>
[[nodiscard]] matrix_view<const T> direct(matrix_view<const T> m, matrix<T>& storage) {
    if (row_major(m) || col_major(m)) return m;
    storage = matrix<T>(m.rows(), m.cols());
    for (std::size_t i = 0; i < m.rows(); ++i)
        for (std::size_t j = 0; j < m.cols(); ++j) storage(i, j) = m(i, j);
    return std::as_const(storage).view();
}

template <int OrderA, int OrderB, class T>
void product_as(matrix_view<T> c, matrix_view<const T> a, matrix_view<const T> b, T alpha, bool add) {
    const auto outer = [](auto m, int order) {
        return Eigen::OuterStride<>(
            static_cast<Eigen::Index>(order == Eigen::RowMajor ? m.row_stride() : m.col_stride()));
    };
    eigen_map<T, Eigen::RowMajor> to(c.data(), index(c.rows()), index(c.cols()), outer(c, Eigen::RowMajor));
    const eigen_const_map<T, OrderA> left(a.data(), index(a.rows()), index(a.cols()), outer(a, OrderA));
    const eigen_const_map<T, OrderB> right(b.data(), index(b.rows()), index(b.cols()), outer(b, OrderB));
    if (add)
        to.noalias() += alpha * left * right;
    else
        to.noalias() = alpha * left * right;
}

/// C = alpha A B, or C += alpha A B, in the calling thread.
template <class T>
void product_here(matrix_view<T> c, matrix_view<const T> a, matrix_view<const T> b, T alpha, bool add) {
    if (!row_major(c)) return product_here<T>(c.transposed(), b.transposed(), a.transposed(), alpha, add);
    constexpr int row = Eigen::RowMajor, col = Eigen::ColMajor;
    if (row_major(a))
        row_major(b) ? product_as<row, row>(c, a, b, alpha, add) : product_as<row, col>(c, a, b, alpha, add);
    else
        row_major(b) ? product_as<col, row>(c, a, b, alpha, add) : product_as<col, col>(c, a, b, alpha, add);
}

/// C = alpha A B, or C += alpha A B, on all cores. C [n, m] is split along its longer side into blocks that depend on
/// its shape only, so the bits do not depend on the number of threads.
template <class T>
void product(matrix_view<T> c, matrix_view<const T> a, matrix_view<const T> b, T alpha, bool add) {
    if (c.empty()) return;
    if (!row_major(c) && !col_major(c)) {  // a view with two strides: through a row-major copy
        matrix<T> through(c.rows(), c.cols());
        product<T>(through.view(), a, b, alpha, false);
        for (std::size_t i = 0; i < c.rows(); ++i)
            for (std::size_t j = 0; j < c.cols(); ++j) c(i, j) = (add ? c(i, j) : T{0}) + through(i, j);
        return;
    }
    matrix<T> copy_a, copy_b;
    a = direct(a, copy_a);
    b = direct(b, copy_b);
    if (c.rows() < c.cols()) {
        c = c.transposed();
        std::swap(a, b);
        a = a.transposed();
        b = b.transposed();
    }
    const std::size_t work = std::max<std::size_t>(1, c.cols() * a.cols());  // multiply-adds per row
    const std::size_t least = c.rows() < 1024 ? 64 : 128;                    // every block packs all of B again
    const std::size_t grain = std::max(least, (std::size_t{1} << 20) / work);
    parallel_chunks(c.rows(), grain, [&](std::size_t begin, std::size_t end, std::size_t) {
        product_here<T>(rows_of(c, begin, end - begin), rows_of(a, begin, end - begin), b, alpha, add);
    });
}

}  // namespace holdfast::adapters::detail
