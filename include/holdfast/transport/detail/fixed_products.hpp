#pragma once
// Products of points in whole numbers of 16 bits, two coordinates an instruction: eight points against up to three
// panels of sixteen. The same integers at every level. Builds on simd.hpp. Leaves out products on tiles
// (fixed_tiles.hpp).

#include <holdfast/core/amx.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if HOLDFAST_TRANSPORT_X86
#include <immintrin.h>
#endif

namespace holdfast::transport::detail {

/// Points that lie together: of a panel all first two coordinates, then all second two, ...
inline constexpr std::size_t fixed_panel = 16;

/// out[r * 16 * columns + c] = x_r y_c for `rows` points of a panel from `x` on and for `columns` panels.
inline void fixed_products_baseline(const std::int16_t* x, const std::int16_t* const* y, std::size_t pairs,
                                    std::int32_t* out, std::size_t rows, std::size_t columns) {
    constexpr std::size_t panel = fixed_panel;
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t p = 0; p < columns; ++p) {
            std::int32_t sum[panel] = {};
            for (std::size_t k = 0; k < pairs; ++k) {
                const std::int32_t first = x[k * 2 * panel + 2 * r], second = x[k * 2 * panel + 2 * r + 1];
                for (std::size_t c = 0; c < panel; ++c)
                    sum[c] += first * y[p][k * 2 * panel + 2 * c] + second * y[p][k * 2 * panel + 2 * c + 1];
            }
            std::copy_n(sum, panel, out + (r * columns + p) * panel);
        }
}

#if HOLDFAST_TRANSPORT_X86
#define HOLDFAST_TRANSPORT_VNNI __attribute__((target("avx512vnni,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))

template <int Rows, int Columns>
HOLDFAST_TRANSPORT_VNNI void fixed_tile_vnni(const std::int16_t* x, const std::int16_t* const* y, std::size_t pairs,
                                             std::int32_t* out) {
    constexpr std::size_t line = 2 * fixed_panel;
    __m512i sum[Rows * Columns];
#pragma GCC unroll 32
    for (int t = 0; t < Rows * Columns; ++t) sum[t] = _mm512_setzero_si512();
    for (std::size_t k = 0; k < pairs; ++k) {
        __m512i to[Columns];
#pragma GCC unroll 4
        for (int c = 0; c < Columns; ++c) to[c] = _mm512_load_si512(y[c] + k * line);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            std::int32_t two;
            std::memcpy(&two, x + k * line + 2 * r, sizeof two);
            const __m512i from = _mm512_set1_epi32(two);
#pragma GCC unroll 4
            for (int c = 0; c < Columns; ++c)
                sum[r * Columns + c] = _mm512_dpwssd_epi32(sum[r * Columns + c], from, to[c]);
        }
    }
#pragma GCC unroll 32
    for (int t = 0; t < Rows * Columns; ++t) _mm512_store_si512(out + t * 16, sum[t]);
}

template <int Rows>
HOLDFAST_TRANSPORT_AVX2 void fixed_tile_avx2(const std::int16_t* x, const std::int16_t* y, std::size_t pairs,
                                             std::int32_t* out, std::size_t stride) {
    constexpr std::size_t line = 2 * fixed_panel;
    __m256i sum[2 * Rows];
#pragma GCC unroll 8
    for (int t = 0; t < 2 * Rows; ++t) sum[t] = _mm256_setzero_si256();
    for (std::size_t k = 0; k < pairs; ++k) {
        const __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(y + k * line));
        const __m256i high = _mm256_load_si256(reinterpret_cast<const __m256i*>(y + k * line + 16));
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) {
            std::int32_t two;
            std::memcpy(&two, x + k * line + 2 * r, sizeof two);
            const __m256i from = _mm256_set1_epi32(two);
            sum[2 * r] = _mm256_add_epi32(sum[2 * r], _mm256_madd_epi16(from, low));
            sum[2 * r + 1] = _mm256_add_epi32(sum[2 * r + 1], _mm256_madd_epi16(from, high));
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
        auto* to = reinterpret_cast<__m256i*>(out + static_cast<std::size_t>(r) * stride);
        _mm256_store_si256(to, sum[2 * r]);
        _mm256_store_si256(to + 1, sum[2 * r + 1]);
    }
}

inline bool machine_has_vnni() {
    static const bool has = machine_level() == simd_level::avx512 && __builtin_cpu_supports("avx512vnni");
    return has;
}
#endif

/// How products of whole numbers are computed; the machine's best unless a test asks for less. Tiles want an order of
/// their own of the numbers (fixed_tiles.hpp).
enum class fixed_level { baseline, avx2, vnni, tiles };
inline fixed_level machine_fixed_level() {
#if HOLDFAST_AMX
    if (holdfast::detail::machine_tiles().int8) return fixed_level::tiles;
#endif
#if HOLDFAST_TRANSPORT_X86
    if (machine_has_vnni()) return fixed_level::vnni;
    if (machine_level() != simd_level::baseline) return fixed_level::avx2;
#endif
    return fixed_level::baseline;
}

/// Eight points of a panel against up to three panels.
inline void fixed_products([[maybe_unused]] fixed_level level, const std::int16_t* x, const std::int16_t* const* y,
                           std::size_t pairs, std::int32_t* out, std::size_t columns) {
#if HOLDFAST_TRANSPORT_X86
    if (level == fixed_level::vnni) {
        if (columns == 3) return fixed_tile_vnni<8, 3>(x, y, pairs, out);
        if (columns == 2) return fixed_tile_vnni<8, 2>(x, y, pairs, out);
        return fixed_tile_vnni<8, 1>(x, y, pairs, out);
    }
    if (level == fixed_level::avx2) {
        for (std::size_t r = 0; r < 8; r += 4)
            for (std::size_t c = 0; c < columns; ++c)
                fixed_tile_avx2<4>(x + 2 * r, y[c], pairs, out + (r * columns + c) * 16, columns * 16);
        return;
    }
#endif
    fixed_products_baseline(x, y, pairs, out, 8, columns);
}

}  // namespace holdfast::transport::detail
