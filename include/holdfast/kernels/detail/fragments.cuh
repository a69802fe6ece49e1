#pragma once
// What a warp multiplies: fragments of A and B from the swizzled tiles in shared memory, with dropped elements made
// zero. 16-bit elements by ldmatrix, 16 of the sum at a time. fp32 as tf32 (rounded to the nearest with 10 bits after
// the point), 8 at a time: along rows ldmatrix reads it, four bytes being two of its elements; across, ordinary loads
// do. Builds on gemm_problem.cuh and ptx.cuh.

#include <holdfast/kernels/detail/gemm_problem.cuh>
#include <holdfast/kernels/detail/numbers.cuh>
#include <holdfast/kernels/detail/ptx.cuh>
#include <holdfast/kernels/detail/tile.hpp>

#include <cstdint>

namespace holdfast::kernels::detail {

/// Lane `lane`'s row address of a 16 x 16 block of A at (m, k) of the tile, in the order that mma wants.
template <along A, int BM>
__device__ __forceinline__ const unsigned char* a_block(const unsigned char* tile, int m, int k, int lane) {
    const int i = lane & 7, j = lane >> 3;
    if constexpr (A == along::row)
        return tile + 16 * swizzled<step_depth / 8>(m + i + (j & 1) * 8, k / 8 + (j >> 1));
    else
        return tile + 16 * swizzled<BM / 8>(k + i + (j >> 1) * 8, m / 8 + (j & 1));
}

/// The same for a 16 x 16 block of B at (k, n): two 16 x 8 fragments.
template <along B, int BN>
__device__ __forceinline__ const unsigned char* b_block(const unsigned char* tile, int n, int k, int lane) {
    const int i = lane & 7, j = lane >> 3;
    if constexpr (B == along::row)
        return tile + 16 * swizzled<step_depth / 8>(n + i + (j >> 1) * 8, k / 8 + (j & 1));
    else
        return tile + 16 * swizzled<BN / 8>(k + i + (j & 1) * 8, n / 8 + (j >> 1));
}

/// A fragment with the dropped elements of x made zero. For A along rows the fragment's rows are tokens, for A along
/// columns its columns are; `token` and `feature` are those of its first element.
template <along A, class T>
__device__ __forceinline__ void mask_fragment(std::uint32_t (&a)[4], const gemm_problem<T>& p, int token, int feature,
                                              int lane) {
    const int g = lane >> 2, t = 2 * (lane & 3);
    if constexpr (A == along::row) {
        HOLDFAST_UNROLL
        for (int half = 0; half < 2; ++half) {
            const int row = token + g + 8 * half;
            if (row >= p.m || feature >= p.frozen().depth) continue;  // loaded as zero
            const std::uint32_t bits = p.mask[row * p.mask_ld + feature / 32] >> (feature % 32 + t);
            a[half] &= spread(bits);
            a[half + 2] &= spread(bits >> 8);
        }
    } else {
        HOLDFAST_UNROLL
        for (int half = 0; half < 2; ++half) {  // tokens t, t + 1 and t + 8, t + 9; features g and g + 8
            const int row = token + t + 8 * half;
            const bool inside = feature < p.m;
            const std::uint32_t first = inside && row < p.frozen().depth ? p.mask[row * p.mask_ld + feature / 32] : 0u;
            const std::uint32_t second =
                inside && row + 1 < p.frozen().depth ? p.mask[(row + 1) * p.mask_ld + feature / 32] : 0u;
            const int bit = feature % 32 + g;
            a[2 * half] &= spread((first >> bit & 1u) | (second >> bit & 1u) << 1);
            a[2 * half + 1] &= spread((first >> (bit + 8) & 1u) | (second >> (bit + 8) & 1u) << 1);
        }
    }
}

/// Element (row, col) of a shared tile whose rows hold Width floats.
template <int Width>
[[nodiscard]] __device__ __forceinline__ const unsigned char* tf32_at(const unsigned char* tile, int row, int col) {
    return tile + 16 * swizzled<Width / 4>(row, col / 4) + 4 * (col % 4);
}
template <int Width>
[[nodiscard]] __device__ __forceinline__ std::uint32_t tf32_word(const unsigned char* tile, int row, int col) {
    return *reinterpret_cast<const std::uint32_t*>(tf32_at<Width>(tile, row, col));
}

/// The 16 x 8 fragment of A at (m, k) of the tile: lane (g, t) has rows g and g + 8, summed indices t and t + 4.
template <along A, int BM>
__device__ __forceinline__ void tf32_a(std::uint32_t (&a)[4], const unsigned char* tile, int m, int k, int lane) {
    if constexpr (A == along::row) {
        load_matrices(a, tf32_at<step_depth>(tile, m + (lane & 7) + (lane >> 3 & 1) * 8, k + (lane >> 4) * 4));
    } else {
        const int g = lane / 4, t = lane % 4;
        HOLDFAST_UNROLL
        for (int i = 0; i < 4; ++i) a[i] = tf32_word<BM>(tile, k + t + i / 2 * 4, m + g + i % 2 * 8);
    }
}

/// Two 8 x 8 fragments of B at (k, n): columns n + g and n + 8 + g.
template <along B, int BN>
__device__ __forceinline__ void tf32_b(std::uint32_t (&b)[4], const unsigned char* tile, int n, int k, int lane) {
    if constexpr (B == along::row) {
        load_matrices(b, tf32_at<step_depth>(tile, n + (lane & 7) + (lane >> 4) * 8, k + (lane >> 3 & 1) * 4));
    } else {
        const int g = lane / 4, t = lane % 4;
        HOLDFAST_UNROLL
        for (int i = 0; i < 4; ++i) b[i] = tf32_word<BN>(tile, k + t + i % 2 * 4, n + g + i / 2 * 8);
    }
}

/// mask_fragment for it.
template <along A>
__device__ __forceinline__ void mask_fragment(std::uint32_t (&a)[4], const gemm_problem<float>& p, int token,
                                              int feature, int lane) {
    const int g = lane / 4, t = lane % 4, depth = p.frozen().depth;
    HOLDFAST_UNROLL
    for (int i = 0; i < 4; ++i) {
        const int along_m = g + i % 2 * 8, along_k = t + i / 2 * 4;
        const int row = token + (A == along::row ? along_m : along_k),
                  col = feature + (A == along::row ? along_k : along_m);
        if (row >= (A == along::row ? p.m : depth) || col >= (A == along::row ? depth : p.m))
            continue;  // zero as it is
        if (!(p.mask[row * p.mask_ld + col / 32] >> (col % 32) & 1u)) a[i] = 0;
    }
}

/// A's fragment at (m, k) of the tile, whatever its type.
template <class T, along A, int BM>
__device__ __forceinline__ void load_a(std::uint32_t (&a)[4], const unsigned char* tile, int m, int k, int lane) {
    if constexpr (sizeof(T) == 4)
        tf32_a<A, BM>(a, tile, m, k, lane);
    else if constexpr (A == along::row)
        load_matrices(a, a_block<A, BM>(tile, m, k, lane));
    else
        load_matrices_transposed(a, a_block<A, BM>(tile, m, k, lane));
}
/// Two fragments of B, of 16 columns from n on.
template <class T, along B, int BN>
__device__ __forceinline__ void load_b(std::uint32_t (&b)[4], const unsigned char* tile, int n, int k, int lane) {
    if constexpr (sizeof(T) == 4)
        tf32_b<B, BN>(b, tile, n, k, lane);
    else if constexpr (B == along::row)
        load_matrices(b, b_block<B, BN>(tile, n, k, lane));
    else
        load_matrices_transposed(b, b_block<B, BN>(tile, n, k, lane));
}
/// As the multiply takes it.
template <class T>
__device__ __forceinline__ void round_fragment(std::uint32_t (&f)[4]) {
    if constexpr (sizeof(T) == 4) {
        HOLDFAST_UNROLL
        for (int e = 0; e < 4; ++e) f[e] = rounded_to_tf32(f[e]);
    }
}
template <class T>
__device__ __forceinline__ void multiply_fragments(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                                   std::uint32_t b1) {
    if constexpr (sizeof(T) == 4)
        multiply_add_tf32(c, a, b0, b1);
    else
        multiply_add<T>(c, a, b0, b1);
}

}  // namespace holdfast::kernels::detail
