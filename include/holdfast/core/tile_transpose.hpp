#pragma once
// Turns 16 rows of 16 numbers of 32 bits into columns, in registers: between what a tile multiplies from the left,
// which has a row for each point, and from the right, which has a column. Builds on amx.hpp.

#include <holdfast/core/amx.hpp>

#include <cstddef>
#include <cstdint>

#if HOLDFAST_AMX
/// What every machine with tiles has beside them.
#define HOLDFAST_BESIDE_TILES __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))

namespace holdfast::detail {

/// Sixteen numbers of 32 bits.
typedef std::uint32_t lanes16 __attribute__((vector_size(64)));

/// to[j][i] = from[i][j] of 16 x 16 numbers of 32 bits, rows `stride` bytes apart in `from` and 64 in `to`; they may be
/// one.
HOLDFAST_BESIDE_TILES inline void transpose_tile(const void* from, std::size_t stride, void* to) {
    lanes16 a[16], b[16];
    const char* const rows = static_cast<const char*>(from);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) __builtin_memcpy(&a[i], rows + i * stride, 64);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {  // numbers of two rows in turn
        b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
        b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {  // of four rows, column c of each quarter of a row in c's register
        const int k = i / 4 * 4 + i % 4 / 2;
        a[i] = __builtin_shufflevector(b[k], b[k + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
        a[i + 1] = __builtin_shufflevector(b[k], b[k + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
    constexpr int half = 8;
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {  // of eight rows: quarters 0 and 2, quarters 1 and 3
        const int k = i / 4 * half + i % 4;
        b[i] = __builtin_shufflevector(a[k], a[k + 4], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        b[i + half] =
            __builtin_shufflevector(a[k], a[k + 4], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    }
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {  // of all
        const int k = i / 4 * half + i % 4;
        a[i] = __builtin_shufflevector(b[k], b[k + 4], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        a[i + half] =
            __builtin_shufflevector(b[k], b[k + 4], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    }
    char* const columns = static_cast<char*>(to);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) __builtin_memcpy(columns + i * 64, &a[i], 64);
}

}  // namespace holdfast::detail
#endif
