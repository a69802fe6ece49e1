#pragma once
// The same product as gemm.cuh in fp32 throughout, on the ordinary arithmetic units: 64 x 64 tiles, no tensor cores, so
// that gradients can be checked to fp32's own precision. Builds on gemm.cuh's problem.

#include <holdfast/kernels/detail/gemm.cuh>

namespace holdfast::kernels::detail {

struct simt_tile {
    static constexpr int bm = 64, bn = 64, depth = 16, threads = 256;
    static constexpr int pitch = 68;  // floats per row of a shared tile: 16 bytes off, against bank conflicts
    static constexpr int shared_bytes = 2 * depth * pitch * 4;
};

/// B's element (summed index k, tile column n), and the store of a thread's 4 x 4: gemm_paired.cuh has others.
template <along B>
[[nodiscard]] __device__ __forceinline__ float simt_b(const gemm_problem<float>& p, int product, int n0, int n, int k) {
    const factors<float>& f = p.sum[product];
    if (n0 + n >= p.n) return 0;
    const std::int64_t row = B == along::row ? n0 + n : k, col = B == along::row ? k : n0 + n;
    return f.b[row * f.ldb + col];
}

__device__ __forceinline__ void store_simt(const gemm_problem<float>& p, const float (&acc)[4][4], int m0, int n0,
                                           int split) {
    const int thread = static_cast<int>(threadIdx.x), row0 = thread / 16 * 4, col0 = thread % 16 * 4;
    HOLDFAST_UNROLL
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) {
            const int r = m0 + row0 + i, c = n0 + col0 + j;
            if (r >= p.m || c >= p.n) continue;
            if (p.partial != nullptr) {
                p.partial[(static_cast<std::int64_t>(split) * p.m + r) * p.n + c] = acc[i][j];
                continue;
            }
            float value = acc[i][j] * p.scale;
            if (p.column_scale != nullptr) value *= p.column_scale[c];
            if (p.bias != nullptr) value += p.bias[c];
            if (p.residual != nullptr) value += p.residual[r * p.ldr + c];
            p.c[r * p.ldc + c] = value;
        }
    if (p.f == activation::none || p.partial != nullptr) return;
    HOLDFAST_NO_UNROLL
    for (int i = 0; i < 16; ++i) {  // this thread's own
        const int r = m0 + row0 + i / 4, c = n0 + col0 + i % 4;
        if (r >= p.m || c >= p.n) continue;
        const float z = p.c[r * p.ldc + c];
        if (p.z != nullptr) p.z[r * p.ldz + c] = z;
        p.c[r * p.ldc + c] = activated(p.f, z);
    }
}

template <along A, along B, class Problem>
__device__ __forceinline__ void gemm_simt_tile(const Problem& p, int block, int split) {
    constexpr int bm = simt_tile::bm, bn = simt_tile::bn, depth = simt_tile::depth, pitch = simt_tile::pitch;
    float* const a_tile = reinterpret_cast<float*>(dynamic_shared());  // [depth, pitch], the summed index first
    float* const b_tile = a_tile + depth * pitch;
    const int columns = tile_columns(p, bn);
    const tile_index tile = tile_of(block, ceil_div(p.m, bm), ceil_div(p.n, columns), 8);
    const int m0 = tile.m * bm, n0 = tile.n * columns, thread = static_cast<int>(threadIdx.x);
    const int row0 = thread / 16 * 4, col0 = thread % 16 * 4;
    float acc[4][4] = {};

    const auto sum_over = [&](int product, int from, int to, bool masked) {
        const float* const a = p.sum[product].a;
        const std::int64_t lda = p.sum[product].lda;
        for (int k0 = from; k0 < to; k0 += depth) {
            for (int i = thread; i < bm * depth; i += simt_tile::threads) {  // neighbours in memory to neighbours
                const int k = A == along::row ? i % depth : i / bm, m = A == along::row ? i / depth : i % bm;
                float value = 0;
                if (m0 + m < p.m && k0 + k < to) {
                    const int token = A == along::row ? m0 + m : k0 + k, feature = A == along::row ? k0 + k : m0 + m;
                    const bool kept =
                        !masked || (p.mask[token * p.mask_ld + feature / 32] >> (feature % 32) & 1u) != 0u;
                    if (kept) value = a[token * lda + feature];
                }
                a_tile[k * pitch + m] = value;
            }
            for (int i = thread; i < bn * depth; i += simt_tile::threads) {
                const int k = B == along::row ? i % depth : i / bn, n = B == along::row ? i / depth : i % bn;
                b_tile[k * pitch + n] = k0 + k < to ? simt_b<B>(p, product, n0, n, k0 + k) : 0.0f;
            }
            synchronise_block();
            HOLDFAST_UNROLL
            for (int k = 0; k < depth; ++k)
                for (int i = 0; i < 4; ++i)
                    for (int j = 0; j < 4; ++j)
                        acc[i][j] += a_tile[k * pitch + row0 + i] * b_tile[k * pitch + col0 + j];
            synchronise_block();
        }
    };

    const int first = split * p.split.steps;  // splits cut a single product
    for (int i = 0; i < p.count; ++i) {
        const factors<float>& f = p.sum[i];
        const int last = smaller(steps_of(p, p.count), first + p.split.steps);
        sum_over(i, first * step_depth, p.count > 1 ? f.depth : smaller(f.depth, last * step_depth),
                 p.mask_on == masking::operand_a);
        if (p.mask_on != masking::extension || i + 1 != p.low_rank) continue;
        for (int ii = 0; ii < 4; ++ii)
            for (int j = 0; j < 4; ++j) {
                const int r = m0 + row0 + ii, c = n0 + col0 + j;
                if (r < p.m && c < p.n && !(p.mask[r * p.mask_ld + c / 32] >> (c % 32) & 1u)) acc[ii][j] = 0;
            }
    }

    store_simt(p, acc, m0, n0, split);
}

template <along A, along B>
__global__ void __launch_bounds__(simt_tile::threads, 2) gemm_simt(const __grid_constant__ gemm_problem<float> p) {
    gemm_simt_tile<A, B>(p, static_cast<int>(blockIdx.x), static_cast<int>(blockIdx.y));
}

template <along A, along B>
__global__ void __launch_bounds__(simt_tile::threads, 2) gemm_simt_batch(const __grid_constant__ gemm_batch<float> g) {
    const int block = static_cast<int>(blockIdx.x);
    int i = 0;
    while (i + 1 < g.count && block >= g.first_tile[i + 1]) ++i;
    gemm_simt_tile<A, B>(g.problem[i], block - g.first_tile[i], 0);
}

}  // namespace holdfast::kernels::detail
