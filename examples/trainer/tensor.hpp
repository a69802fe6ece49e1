// Memory and arithmetic that every layer needs: a tensor that is allocated once and reused, Eigen's view of it, sums
// that give the same bits at every address, and an exponential that the compiler can vectorise.
//
// Builds on holdfast's matrix_view and on Eigen. Nothing here knows what a layer is.
#pragma once

#include <holdfast/core/matrix.hpp>

#if defined(__GNUC__) && !defined(__clang__)  // GCC 12's own AVX-512 header warns when Eigen inlines it (bug 105593)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace trainer {

/// A matrix [rows, cols] that lies elsewhere, rows contiguous.
template <class Real>
using view = holdfast::matrix_view<Real>;

/// Rows [first, first + count) of a view.
template <class Real>
view<Real> rows_of(view<Real> m, std::size_t first, std::size_t count) {
    return {m.data() + static_cast<std::ptrdiff_t>(first) * m.row_stride(), count, m.cols(), m.row_stride(), 1};
}

/// Columns [first, first + count) of a view.
template <class Real>
view<Real> cols_of(view<Real> m, std::size_t first, std::size_t count) {
    return {m.data() + first, m.rows(), count, m.row_stride(), 1};
}

/// Start of row i.
template <class Real>
Real* row_of(view<Real> m, std::size_t i) {
    return m.data() + static_cast<std::ptrdiff_t>(i) * m.row_stride();
}

/// A matrix [rows, cols] whose memory only grows: shaping it anew in every step allocates in the first step alone.
template <class Real>
class tensor {
  public:
    void shape(std::size_t rows, std::size_t cols) {
        rows_ = rows;
        cols_ = cols;
        if (rows * cols > memory_.size()) memory_.resize(rows * cols);
    }
    void zero() { std::fill_n(memory_.data(), rows_ * cols_, Real(0)); }

    Real* data() { return memory_.data(); }
    const Real* data() const { return memory_.data(); }
    std::size_t rows() const { return rows_; }
    std::size_t cols() const { return cols_; }
    view<Real> all() { return {memory_.data(), rows_, cols_}; }
    view<const Real> all() const { return {memory_.data(), rows_, cols_}; }

  private:
    std::size_t rows_ = 0, cols_ = 0;
    std::vector<Real, Eigen::aligned_allocator<Real>> memory_;
};

/// Eigen's map of a view, for products.
template <class Real>
auto eigen(view<Real> m) {
    using matrix = Eigen::Matrix<std::remove_const_t<Real>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    using map = Eigen::Map<std::conditional_t<std::is_const_v<Real>, const matrix, matrix>, Eigen::Unaligned,
                           Eigen::OuterStride<>>;
    return map(m.data(), static_cast<Eigen::Index>(m.rows()), static_cast<Eigen::Index>(m.cols()),
               Eigen::OuterStride<>(m.row_stride()));
}

/// A view to read of a view to change: templates do not convert their arguments by themselves.
template <class Real>
view<const Real> reading(view<Real> m) {
    return m;
}

/// Σ term(i) over i < n in sixteen lanes: the order is fixed by n alone, and the compiler vectorises it without being
/// allowed to reorder anything.
template <class Real, class Term>
Real lane_sum(std::size_t n, Term term) {
    constexpr std::size_t lanes = 16;
    Real sum[lanes] = {};
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes)
        for (std::size_t l = 0; l < lanes; ++l) sum[l] += term(i + l);
    for (; i < n; ++i) sum[i % lanes] += term(i);
    for (std::size_t half = lanes / 2; half > 0; half /= 2)
        for (std::size_t l = 0; l < half; ++l) sum[l] += sum[l + half];
    return sum[0];
}

/// Largest of x[0..n), n ≥ 1, by lanes as well.
template <class Real>
Real lane_max(const Real* x, std::size_t n) {
    constexpr std::size_t lanes = 16;
    Real top[lanes];
    std::fill_n(top, lanes, x[0]);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes)
        for (std::size_t l = 0; l < lanes; ++l) top[l] = x[i + l] > top[l] ? x[i + l] : top[l];
    Real best = top[0];
    for (std::size_t l = 1; l < lanes; ++l) best = std::max(best, top[l]);
    for (; i < n; ++i) best = std::max(best, x[i]);
    return best;
}

/// out[l] = Σ_i weight[i] · rows[i·stride + l] for l < n: a vector times a matrix, its sums kept in registers.
template <class Real>
void weighted_rows(const Real* weight, std::size_t count, const Real* rows, std::size_t stride, std::size_t n,
                   Real* out) {
    constexpr std::size_t lanes = 32;
    std::size_t from = 0;
    for (; from + lanes <= n; from += lanes) {
        Real sum[lanes] = {};
        for (std::size_t i = 0; i < count; ++i)
            for (std::size_t l = 0; l < lanes; ++l) sum[l] += weight[i] * rows[i * stride + from + l];
        std::copy_n(sum, lanes, out + from);
    }
    if (from == n) return;
    Real sum[lanes] = {};
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t l = 0; l < n - from; ++l) sum[l] += weight[i] * rows[i * stride + from + l];
    std::copy_n(sum, n - from, out + from);
}

/// e^x. In float without branches or calls, so that a loop of it becomes vector code: x = k ln 2 + r, a polynomial of
/// degree 6 for e^r (|r| ≤ 0.35), and 2^k through the exponent bits. Relative error below 2e-7; below −87 it is 0.
inline float exponential(float x) {
    const float inside = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
    const float shifted = inside * 1.44269504f + 12582912.0f;  // 1.5·2^23: rounds to an integer in the low bits
    const float k = shifted - 12582912.0f;
    const float r = (inside - k * 0.693359375f) + k * 2.12194440e-4f;
    float p = 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const std::int32_t bits = (std::bit_cast<std::int32_t>(shifted) - 0x4B400000 + 127) << 23;
    return x < -87.0f ? 0.0f : p * std::bit_cast<float>(bits);
}
inline double exponential(double x) { return std::exp(x); }

}  // namespace trainer
