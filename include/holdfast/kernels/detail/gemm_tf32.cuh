#pragma once
// The fp32 product on tensor cores, for callers who ask for it: factors are rounded to tf32 (10 bits after the point),
// to the nearest; sums and everything stored are fp32. The loop of gemm.cuh with elements of four bytes: where the
// summed index runs along rows ldmatrix reads them, four bytes being two of its elements; across, ordinary loads do.
// Builds on gemm.cuh.

#include <holdfast/kernels/detail/gemm.cuh>

namespace holdfast::kernels::detail {

template <int BM, int BN, int WarpsM, int WarpsN, int Stages>
struct tf32_tile {
    static constexpr int bm = BM, bn = BN, stages = Stages;
    static constexpr int warps_n = WarpsN, threads = 32 * WarpsM * WarpsN;
    static constexpr int mi = BM / WarpsM / 16, ni = BN / WarpsN / 8;  // 16x8 products per warp
    static constexpr int a_bytes = BM * step_depth * 4, stage_bytes = a_bytes + BN * step_depth * 4;
    static constexpr int shared_bytes = Stages * stage_bytes;
    static_assert(BM % (16 * WarpsM) == 0 && BN % (16 * WarpsN) == 0 && shared_bytes <= 99 * 1024);
};

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

/// Zero where x was dropped; `token` and `feature` are those of the fragment's first element.
template <along A>
__device__ __forceinline__ void tf32_mask(std::uint32_t (&a)[4], const gemm_problem<float>& p, int token, int feature,
                                          int lane) {
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

template <class Tile>
__device__ __forceinline__ void store_tf32(const gemm_problem<float>& p, const float (&acc)[Tile::mi][Tile::ni][4],
                                           int m0, int n0, int split) {
    each_pair<Tile>(acc, [&](int row, int col, float x, float y) {
        const std::int64_t r = m0 + row;
        HOLDFAST_UNROLL
        for (int i = 0; i < 2; ++i) {
            const int c = n0 + col + i;
            if (r >= p.m || c >= p.n) continue;
            float value = i == 0 ? x : y;
            if (p.partial != nullptr) {
                p.partial[(static_cast<std::int64_t>(split) * p.m + r) * p.n + c] = value;
                continue;
            }
            value *= p.scale;
            if (p.column_scale != nullptr) value *= p.column_scale[c];
            if (p.bias != nullptr) value += p.bias[c];
            if (p.residual != nullptr) value += p.residual[r * p.ldr + c];
            p.c[r * p.ldc + c] = value;
        }
    });
}

template <class Tile, along A, along B>
__global__ void __launch_bounds__(Tile::threads, 1) gemm_tf32(const __grid_constant__ gemm_problem<float> p) {
    constexpr int bm = Tile::bm, bn = Tile::bn, stages = Tile::stages, threads = Tile::threads;
    let_kernel_behind_begin();
    unsigned char* const shared = dynamic_shared();
    const tile_index tile = tile_of(static_cast<int>(blockIdx.x), ceil_div(p.m, bm), ceil_div(p.n, bn), 8);
    const int m0 = tile.m * bm, n0 = tile.n * bn, split = static_cast<int>(blockIdx.y);
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int warp_m = warp / Tile::warps_n * Tile::mi * 16, warp_n = warp % Tile::warps_n * Tile::ni * 8;
    const int first = split * p.split.steps, steps = smaller(p.split.steps, steps_of(p, p.count) - first);
    const int low_rank = steps_of(p, p.low_rank);

    const auto load = [&](int step) {
        unsigned char* const to = shared + step % stages * Tile::stage_bytes;
        const sum_position at = position_of(p, first + step);
        const factors<float>& f = p.sum[at.product];
        if constexpr (A == along::row)
            load_tile<bm, step_depth / 4, threads>(to, f.a, f.lda, m0, p.m, at.depth, f.depth, f.fast_a);
        else
            load_tile<step_depth, bm / 4, threads>(to, f.a, f.lda, at.depth, f.depth, m0, p.m, f.fast_a);
        if constexpr (B == along::row)
            load_tile<bn, step_depth / 4, threads>(to + Tile::a_bytes, f.b, f.ldb, n0, p.n, at.depth, f.depth,
                                                   f.fast_b);
        else
            load_tile<step_depth, bn / 4, threads>(to + Tile::a_bytes, f.b, f.ldb, at.depth, f.depth, n0, p.n,
                                                   f.fast_b);
    };

    float acc[Tile::mi][Tile::ni][4] = {};
    for (int s = 0; s < stages - 1; ++s) {
        if (s < steps) load(s);
        copy_async_commit();
    }
    for (int step = 0; step < steps; ++step) {
        copy_async_wait<stages - 2>();
        synchronise_block();  // the step has arrived, and all have left the stage that is loaded next
        if (step + stages - 1 < steps) load(step + stages - 1);
        copy_async_commit();
        if (p.mask_on == masking::extension && step == low_rank) {
            HOLDFAST_UNROLL
            for (int i = 0; i < Tile::mi; ++i)
                for (int j = 0; j < Tile::ni; ++j)
                    for (int e = 0; e < 4; ++e) {
                        const int row = m0 + warp_m + 16 * i + lane / 4 + 8 * (e / 2),
                                  col = n0 + warp_n + 8 * j + 2 * (lane % 4) + e % 2;
                        const bool kept =
                            row < p.m && col < p.n && (p.mask[row * p.mask_ld + col / 32] >> (col % 32) & 1u) != 0u;
                        if (!kept) acc[i][j][e] = 0;
                    }
        }
        const unsigned char* const a_tile = shared + step % stages * Tile::stage_bytes;
        const unsigned char* const b_tile = a_tile + Tile::a_bytes;
        const sum_position at = position_of(p, first + step);
        const int k0 = at.depth, remaining = p.sum[at.product].depth - k0;
        HOLDFAST_UNROLL
        for (int k = 0; k < step_depth; k += 8) {
            if (k >= remaining) break;
            std::uint32_t a[Tile::mi][4], b[Tile::ni / 2][4];
            HOLDFAST_UNROLL
            for (int i = 0; i < Tile::mi; ++i) {
                const int m = warp_m + 16 * i;
                tf32_a<A, bm>(a[i], a_tile, m, k, lane);
                if (p.mask_on == masking::operand_a)
                    tf32_mask<A>(a[i], p, A == along::row ? m0 + m : k0 + k, A == along::row ? k0 + k : m0 + m, lane);
                HOLDFAST_UNROLL
                for (int e = 0; e < 4; ++e) a[i][e] = rounded_to_tf32(a[i][e]);
            }
            HOLDFAST_UNROLL
            for (int j = 0; j < Tile::ni / 2; ++j) {
                tf32_b<B, bn>(b[j], b_tile, warp_n + 16 * j, k, lane);
                HOLDFAST_UNROLL
                for (int e = 0; e < 4; ++e) b[j][e] = rounded_to_tf32(b[j][e]);
            }
            HOLDFAST_UNROLL
            for (int i = 0; i < Tile::mi; ++i)
                for (int j = 0; j < Tile::ni; ++j)
                    multiply_add_tf32(acc[i][j], a[i], b[j / 2][2 * (j % 2)], b[j / 2][2 * (j % 2) + 1]);
        }
    }
    store_tf32<Tile>(p, acc, m0, n0, split);
}

}  // namespace holdfast::kernels::detail
