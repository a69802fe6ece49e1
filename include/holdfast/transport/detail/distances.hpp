#pragma once
// Squared distances between all rows of two matrices, as sums of squared differences: no |x|^2 + |y|^2 - 2xy, hence no
// cancellation, nothing negative, and exactly zero for equal rows. On machines that add and multiply on separate units
// this costs what the product costs. Tiled in registers, blocked for the cache, rows in parallel. Builds on simd.hpp.

#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cstddef>

namespace holdfast::transport::detail {

/// Columns are padded with zeros to a multiple of this many.
template <class Real>
inline constexpr std::size_t padding = 64 / sizeof(Real);

/// Rows of y that stay in the cache while rows of x pass by.
template <class Real>
std::size_t distance_block(std::size_t d) {
    return std::max<std::size_t>(16, 262144 / (d * sizeof(Real) + 1) / 16 * 16);
}

#if HOLDFAST_TRANSPORT_SIMD

/// out[i * stride + j] = scale |x_i - y_j|^2 for I rows of x and J of y.
template <class Real, std::size_t Bytes, int I, int J>
[[gnu::always_inline]] inline void distance_tile(const Real* x, const Real* y, std::size_t d, Real scale, Real* out,
                                                 std::size_t stride) {
    using v = vec<Real, Bytes>;
    constexpr int parts = 64 / Bytes, tile = I * J * parts;  // innermost loops alone: GCC keeps these in registers
    typename v::type sum[tile] = {};
    for (std::size_t k = 0; k < d; k += 64 / sizeof(Real)) {
        typename v::type from[I * parts], to[parts];
#pragma GCC unroll 16
        for (int r = 0; r < I * parts; ++r)
            v::load(from[r],
                    x + static_cast<std::size_t>(r / parts) * d + k + static_cast<std::size_t>(r % parts) * v::lanes);
#pragma GCC unroll 32
        for (int r = 0; r < tile; ++r) {
            const int j = r / (I * parts), i = r / parts % I, p = r % parts;
            if (i == 0) {
                v::load(to[p], y + static_cast<std::size_t>(j) * d + k + static_cast<std::size_t>(p) * v::lanes);
                in_register(to[p]);
            }
            const typename v::type t = from[i * parts + p] - to[p];
            sum[r] += t * t;
        }
    }
#pragma GCC unroll 32
    for (int r = 0; r < I * J; ++r) {
        typename v::type part[parts];
#pragma GCC unroll 4
        for (int p = 0; p < parts; ++p) part[p] = sum[r * parts + p];
        out[static_cast<std::size_t>(r % I) * stride + static_cast<std::size_t>(r / I)] =
            scale * sum_parts<Real, Bytes>(part);
    }
}

/// Rows of y outside, rows of x inside: x is a short panel that stays in the nearest cache.
template <class Real, std::size_t Bytes, int I, int J>
[[gnu::always_inline]] inline void distance_panel(const Real* x, std::size_t n, const Real* y, std::size_t m,
                                                  std::size_t d, Real scale, Real* out, std::size_t stride) {
    std::size_t j = 0;
    for (; j + J <= m; j += J) {
        std::size_t i = 0;
        for (; i + I <= n; i += I)
            distance_tile<Real, Bytes, I, J>(x + i * d, y + j * d, d, scale, out + i * stride + j, stride);
        for (; i < n; ++i)
            distance_tile<Real, Bytes, 1, J>(x + i * d, y + j * d, d, scale, out + i * stride + j, stride);
    }
    for (; j < m; ++j)
        for (std::size_t i = 0; i < n; ++i)
            distance_tile<Real, Bytes, 1, 1>(x + i * d, y + j * d, d, scale, out + i * stride + j, stride);
}

template <class Real>
void distances_baseline(const Real* x, std::size_t n, const Real* y, std::size_t m, std::size_t d, Real scale,
                        Real* out, std::size_t stride) {
    distance_panel<Real, 16, 1, 2>(x, n, y, m, d, scale, out, stride);
}
#if HOLDFAST_TRANSPORT_X86
template <class Real>
HOLDFAST_TRANSPORT_AVX2 void distances_avx2(const Real* x, std::size_t n, const Real* y, std::size_t m, std::size_t d,
                                            Real scale, Real* out, std::size_t stride) {
    distance_panel<Real, 32, 2, 2>(x, n, y, m, d, scale, out, stride);
}
template <class Real>
HOLDFAST_TRANSPORT_AVX512 void distances_avx512(const Real* x, std::size_t n, const Real* y, std::size_t m,
                                                std::size_t d, Real scale, Real* out, std::size_t stride) {
    distance_panel<Real, 64, 4, 4>(x, n, y, m, d, scale, out, stride);
}
#endif

#else

template <class Real>
void distances_baseline(const Real* x, std::size_t n, const Real* y, std::size_t m, std::size_t d, Real scale,
                        Real* out, std::size_t stride) {
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < m; ++j) {
            Real lane[padding<Real>] = {};
            for (std::size_t k = 0; k < d; k += padding<Real>)
                for (std::size_t l = 0; l < padding<Real>; ++l) {
                    const Real t = x[i * d + k + l] - y[j * d + k + l];
                    lane[l] += t * t;
                }
            for (std::size_t width = padding<Real> / 2; width > 0; width /= 2)
                for (std::size_t l = 0; l < width; ++l) lane[l] += lane[l + width];
            out[i * stride + j] = scale * lane[0];
        }
}

#endif

/// out[i * stride + j] = scale |x_i - y_j|^2 for n rows of x and m of y, all of d numbers, d a multiple of
/// padding<Real>.
template <class Real>
void distances(simd_level level, const Real* x, std::size_t n, const Real* y, std::size_t m, std::size_t d, Real scale,
               Real* out, std::size_t stride) {
#if HOLDFAST_TRANSPORT_X86
    if (level == simd_level::avx512) return distances_avx512(x, n, y, m, d, scale, out, stride);
    if (level == simd_level::avx2) return distances_avx2(x, n, y, m, d, scale, out, stride);
#else
    static_cast<void>(level);
#endif
    distances_baseline(x, n, y, m, d, scale, out, stride);
}

/// finish(row, count) of scale |x_i - y_j|^2 for all rows of x and y, made 16 rows of x at a time; out(i, 0) is where
/// row i begins, `stride` numbers after the one before.
template <class Real, class Finish>
void all_distances(const aligned_rows<Real>& x, const aligned_rows<Real>& y, Real* out, std::size_t stride, Real scale,
                   Finish finish, simd_level level = machine_level()) {
    const std::size_t d = x.stride(), m = y.rows(), block = distance_block<Real>(d);
    parallel_chunks(x.rows(), 16, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t j = 0; j < m; j += block) {
            const std::size_t width = std::min(block, m - j);
            distances(level, x.data() + begin * d, end - begin, y.data() + j * d, width, d, scale,
                      out + begin * stride + j, stride);
            for (std::size_t i = begin; i < end; ++i) finish(out + i * stride + j, width);
        }
    });
}

}  // namespace holdfast::transport::detail
