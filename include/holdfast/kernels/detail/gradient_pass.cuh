#pragma once
// ds = s dy B and dB = dy' u from one pass over dy, for Hopper. A cluster of eight blocks has 4096 columns of dy and a
// range of its rows: each block keeps its columns' part of dB in registers over all rows, and the blocks' parts of ds
// are added, some rows at a time, through each other's shared memory. No atomics: ds is summed over warps, blocks and
// clusters in their order, dB over the ranges of rows by gather. Builds on gemm.cuh and ptx_cluster.cuh.

#include <holdfast/kernels/detail/gemm.cuh>
#include <holdfast/kernels/detail/hopper.hpp>
#include <holdfast/kernels/detail/ptx_cluster.cuh>

#include <cstdint>

namespace holdfast::kernels::detail {

template <class T>
struct pass_problem {
    const T *dy = nullptr, *b = nullptr, *u = nullptr;  // [m, n], [n, rank], [m, rank] or null where dB is not wanted
    std::int64_t lddy = 0, ldb = 0, ldu = 0;
    bool fast_dy = false, fast_b = false, fast_u = false;
    int m = 0, n = 0, rank = 0;
    pass_plan plan;
    float scale = 1;
    T* ds = nullptr;  // [m, ldds], of one group; or null, and then:
    std::int64_t ldds = 0;
    float* ds_parts = nullptr;  // [groups, m, rank], unscaled; or null where ds is not wanted
    float* db_parts = nullptr;  // [splits, n, rank]
};

#if HOLDFAST_HAS_CLUSTERS

/// What a block has in shared memory.
template <class T, int Ranks>
struct pass_shared {
    unsigned char *stages, *b;
    float *sums, *mine;  // [warps, rows, ranks]; [2, rows, ranks], of this step and of the one before

    [[nodiscard]] __device__ __forceinline__ static pass_shared make() {
        using tile = pass_tile<Ranks>;
        unsigned char *const stages = dynamic_shared(), *const b = stages + tile::stages * tile::stage_bytes;
        auto* const sums = reinterpret_cast<float*>(b + tile::b_bytes);
        return {stages, b, sums, sums + tile::sums_bytes / 4};
    }
};

/// A warp's 64 columns of a step's dy times those rows of B, to its sums.
template <class T, int Ranks>
__device__ __forceinline__ void pass_shrink(const unsigned char* dy, const pass_shared<T, Ranks>& s) {
    using tile = pass_tile<Ranks>;
    constexpr int ni = Ranks / 8;
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32, i = lane & 7,
              j = lane >> 3;
    HOLDFAST_UNROLL
    for (int m0 = 0; m0 < tile::rows; m0 += 16) {
        float acc[ni][4] = {};
        HOLDFAST_UNROLL
        for (int k = 0; k < 64; k += 16) {
            const int column = warp * 64 + k;
            std::uint32_t a[4];
            load_matrices(a, dy + 16 * swizzled<tile::columns / 8>(m0 + i + (j & 1) * 8, column / 8 + (j >> 1)));
            HOLDFAST_UNROLL
            for (int n = 0; n < Ranks; n += 16) {
                std::uint32_t b[4];
                load_matrices_transposed(b, b_block<along::column, Ranks>(s.b, n, column, lane));
                multiply_add<T>(acc[n / 8], a, b[0], b[1]);
                multiply_add<T>(acc[n / 8 + 1], a, b[2], b[3]);
            }
        }
        HOLDFAST_UNROLL
        for (int n = 0; n < ni; ++n)
            for (int e = 0; e < 4; ++e)
                s.sums[(warp * tile::rows + m0 + lane / 4 + e / 2 * 8) * Ranks + 8 * n + 2 * (lane % 4) + e % 2] =
                    acc[n][e];
    }
}

/// db [64 columns of this warp, ranks] += dy' u of a step.
template <class T, int Ranks>
__device__ __forceinline__ void pass_expand(float (&db)[4][Ranks / 8][4], const unsigned char* dy,
                                            const unsigned char* u) {
    using tile = pass_tile<Ranks>;
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    HOLDFAST_UNROLL
    for (int k = 0; k < tile::rows; k += 16) {
        std::uint32_t b[Ranks / 16][4];
        HOLDFAST_UNROLL
        for (int n = 0; n < Ranks; n += 16)
            load_matrices_transposed(b[n / 16], b_block<along::column, Ranks>(u, n, k, lane));
        HOLDFAST_UNROLL
        for (int i = 0; i < 4; ++i) {
            std::uint32_t a[4];
            load_matrices_transposed(a, a_block<along::column, tile::columns>(dy, warp * 64 + 16 * i, k, lane));
            HOLDFAST_UNROLL
            for (int n = 0; n < Ranks / 8; ++n)
                multiply_add<T>(db[i][n], a, b[n / 2][2 * (n % 2)], b[n / 2][2 * (n % 2) + 1]);
        }
    }
}

/// This block's share of the rows of a step whose parts all blocks of the cluster have by now.
template <class T, int Ranks>
__device__ __forceinline__ void pass_store(const pass_problem<T>& p, const pass_shared<T, Ranks>& s, int row0, int q0,
                                           int which) {
    using tile = pass_tile<Ranks>;
    constexpr int share = tile::rows / tile::blocks;
    if (p.ds == nullptr && p.ds_parts == nullptr) return;
    for (int i = static_cast<int>(threadIdx.x); i < share * Ranks; i += tile::threads) {
        const int within = static_cast<int>(block_in_cluster()) * share + i / Ranks, q = q0 + i % Ranks;
        const std::int64_t row = row0 + within;
        if (row >= p.m || q >= p.rank) continue;
        float sum = 0;
        for (unsigned block = 0; block < tile::blocks; ++block)
            sum += shared_of(s.mine, block)[(which * tile::rows + within) * Ranks + i % Ranks];
        if (p.ds != nullptr)
            p.ds[row * p.ldds + q] = rounded<T>(p.scale * sum);
        else
            p.ds_parts[(static_cast<std::int64_t>(blockIdx.x) / tile::blocks * p.m + row) * p.rank + q] = sum;
    }
}

#endif

/// Grid: 8 blocks per group of columns, the splits of the rows, ranks by `Ranks`.
template <class T, int Ranks>
__global__ void __launch_bounds__(pass_tile<Ranks>::threads, 1)
    gradient_pass(const __grid_constant__ pass_problem<T> p) {
#if HOLDFAST_HAS_CLUSTERS
    using tile = pass_tile<Ranks>;
    wait_for_kernel_ahead();
    let_kernel_behind_begin();
    const auto s = pass_shared<T, Ranks>::make();
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
    const int n0 = static_cast<int>(blockIdx.x) * tile::columns, q0 = static_cast<int>(blockIdx.z) * Ranks;
    const int first = static_cast<int>(blockIdx.y) * p.plan.rows, last = smaller(p.m, first + p.plan.rows);
    const int steps = ceil_div(last - first, tile::rows);
    const bool sums_ds = p.ds != nullptr || p.ds_parts != nullptr;

    const auto load = [&](int step) {
        unsigned char* const to = s.stages + step % tile::stages * tile::stage_bytes;
        const int row = first + step * tile::rows;
        load_tile<tile::rows, tile::columns / 8, tile::threads>(to, p.dy, p.lddy, row, last, n0, p.n, p.fast_dy);
        if (p.u != nullptr)
            load_tile<tile::rows, Ranks / 8, tile::threads>(to + tile::dy_bytes, p.u, p.ldu, row, last, q0, p.rank,
                                                            p.fast_u);
    };
    load_tile<tile::columns, Ranks / 8, tile::threads>(s.b, p.b, p.ldb, n0, p.n, q0, p.rank, p.fast_b);
    for (int step = 0; step < tile::stages - 1; ++step) {
        if (step < steps) load(step);
        copy_async_commit();
    }
    float db[4][Ranks / 8][4] = {};
    for (int step = 0; step < steps; ++step) {
        copy_async_wait<tile::stages - 2>();
        synchronise_block();  // the step has arrived, and all have left the stage that is loaded next
        if (step + tile::stages - 1 < steps) load(step + tile::stages - 1);
        copy_async_commit();
        const unsigned char* const dy = s.stages + step % tile::stages * tile::stage_bytes;
        if (sums_ds) {
            pass_shrink<T, Ranks>(dy, s);
            synchronise_block();
            for (int i = thread; i < tile::rows * Ranks; i += tile::threads) {
                float sum = 0;  // the warps in their order
                for (int w = 0; w < tile::warps; ++w) sum += s.sums[w * tile::rows * Ranks + i];
                s.mine[step % 2 * tile::rows * Ranks + i] = sum;
            }
        }
        arrive_at_cluster();  // the others' parts are waited for behind the other product; a part is written again two
        if (p.u != nullptr) pass_expand<T, Ranks>(db, dy, dy + tile::dy_bytes);  // steps on, when all have read it
        wait_for_cluster();
        pass_store<T, Ranks>(p, s, first + step * tile::rows, q0, step % 2);
    }
    synchronise_cluster();  // nobody ends before all have read its part
    if (p.u == nullptr) return;
    HOLDFAST_UNROLL
    for (int i = 0; i < 4; ++i)
        for (int n = 0; n < Ranks / 8; ++n)
            for (int e = 0; e < 4; ++e) {
                const std::int64_t row = n0 + warp * 64 + 16 * i + lane / 4 + e / 2 * 8;
                const int q = q0 + 8 * n + 2 * (lane % 4) + e % 2;
                if (row < p.n && q < p.rank)
                    p.db_parts[(blockIdx.y * std::int64_t{p.n} + row) * p.rank + q] = db[i][n][e];
            }
#else
    __trap();  // compiled for another architecture: loud, not wrong
#endif
}

/// Enqueues the pass; p.plan is plan_pass(p.m, p.n).
template <class T>
[[nodiscard]] cudaError_t run_pass(const pass_problem<T>& p, cudaStream_t stream) noexcept {
    const auto go = [&](auto kernel, auto tile) {
        using shape = decltype(tile);
        const dim3 grid(static_cast<unsigned>(shape::blocks * p.plan.groups), static_cast<unsigned>(p.plan.splits),
                        static_cast<unsigned>(ceil_div(p.rank, shape::ranks)));
        return launch_early(kernel, grid, shape::blocks, shape::threads, shape::shared_bytes, stream, p);
    };
    return p.rank <= 16 ? go(gradient_pass<T, 16>, pass_tile<16>{}) : go(gradient_pass<T, 64>, pass_tile<64>{});
}

}  // namespace holdfast::kernels::detail
