#pragma once
// vLLM's structure for the delta of a serving batch, rendered by us, not theirs: rows sorted by adapter, a zeroed fp32
// u, a shrink that is split along K and adds with atomics, an expand into y; u goes on in bf16. 256 of K and 128
// columns to a block, as vLLM's defaults for small batches have it, 16 rows instead of 32 and 64; mma.sync in place of
// Triton's dot. peers/lora_serving_peers.py has the same in Triton. For lora_serving_bench.cu, and for a test of its
// arithmetic on the emulated GPU.

#include <holdfast/kernels/detail/ptx.cuh>
#include <holdfast/kernels/detail/tile.hpp>

#include <cstddef>
#include <cstdint>

namespace lora_benchmarks {

/// A batch sorted by adapter, as vLLM's metadata has it.
struct sorted_rows {
    const std::int32_t *row, *first;  // [m] rows, those of one adapter together; [adapters + 1] where each begins
};
struct rendering {
    const __nv_bfloat16 *x, *a, *b;  // [m, k], [adapters, r, k], [adapters, n, r]
    __nv_bfloat16* y;
    float* u;  // [m, r], zeroed before the shrink
    int k, n, r;
    sorted_rows rows;
};
constexpr int rendered_rows = 16, rendered_depth = 256, rendered_columns = 128;  // of a block

/// Sixteen rows of one adapter, and where a lane's two of them are; a row beyond the last is read as the last.
struct rendered_block {
    int adapter, begin, end, upper, lower;
    [[nodiscard]] __device__ static rendered_block make(const sorted_rows& rows) {
        using holdfast::kernels::detail::smaller;
        const int adapter = static_cast<int>(blockIdx.z), end = rows.first[adapter + 1],
                  begin = rows.first[adapter] + rendered_rows * int(blockIdx.y), g = int(threadIdx.x) % 32 / 4;
        if (begin >= end) return {adapter, begin, end, 0, 0};
        return {adapter, begin, end, rows.row[smaller(begin + g, end - 1)], rows.row[smaller(begin + g + 8, end - 1)]};
    }
    /// Row of accumulator i of a lane, or -1.
    [[nodiscard]] __device__ int row(int i) const {
        return begin + int(threadIdx.x) % 32 / 4 + i / 2 * 8 < end ? (i < 2 ? upper : lower) : -1;
    }
};

/// u[row, r] += part of x A', by 16-byte loads. Grid: parts of K, sixteens of rows, adapters; a warp has 64 of 256.
template <int Threads>
__global__ void __launch_bounds__(Threads) rendered_shrink(const rendering p) {
    const auto block = rendered_block::make(p.rows);
    if (block.begin >= block.end) return;
    const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, g = lane / 4, t = lane % 4;
    const int k0 = int(blockIdx.x) * rendered_depth + warp * 64 + 8 * t;
    const auto load = [&](const __nv_bfloat16* from, std::int64_t row, int k) {
        return *reinterpret_cast<const uint4*>(from + row * p.k + k0 + k);
    };
    const uint4 x[2][2] = {{load(p.x, block.upper, 0), load(p.x, block.lower, 0)},
                           {load(p.x, block.upper, 32), load(p.x, block.lower, 32)}};
    for (int q = 0; q < p.r; q += 8) {
        const std::int64_t rank = std::int64_t{block.adapter} * p.r + q + g;
        const uint4 w[2] = {load(p.a, rank, 0), load(p.a, rank, 32)};
        float sum[4] = {};
        HOLDFAST_UNROLL
        for (int i = 0; i < 2; ++i) {
            const std::uint32_t even[4] = {x[i][0].x, x[i][1].x, x[i][0].y, x[i][1].y},
                                odd[4] = {x[i][0].z, x[i][1].z, x[i][0].w, x[i][1].w};
            holdfast::kernels::detail::multiply_add<__nv_bfloat16>(sum, even, w[i].x, w[i].y);
            holdfast::kernels::detail::multiply_add<__nv_bfloat16>(sum, odd, w[i].z, w[i].w);
        }
        for (int i = 0; i < 4; ++i)
            if (block.row(i) >= 0) atomicAdd(p.u + std::int64_t{block.row(i)} * p.r + q + 2 * t + i % 2, sum[i]);
    }
}

/// y[row, n] += u B'. Grid: columns by 128, sixteens of rows, adapters; a warp has 32 columns.
template <int Threads>
__global__ void __launch_bounds__(Threads) rendered_expand(const rendering p) {
    const auto block = rendered_block::make(p.rows);
    if (block.begin >= block.end) return;
    const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, g = lane / 4, t = lane % 4;
    struct alignas(4) pair {
        __nv_bfloat16 first, second;
    };
    struct alignas(8) words {
        std::uint32_t low, high;
    };
    const auto u_at = [&](int row, int q) {  // rounded to bf16, as vLLM does
        const float* const u = p.u + std::int64_t{row} * p.r + q;
        const pair two{__float2bfloat16_rn(u[0]), __float2bfloat16_rn(u[1])};
        return *reinterpret_cast<const std::uint32_t*>(&two);
    };
    float sum[4][4] = {};
    const int n0 = int(blockIdx.x) * rendered_columns + warp * 32;
    for (int q = 4 * t; q < p.r; q += 16) {
        const std::uint32_t left[4] = {u_at(block.upper, q), u_at(block.lower, q), u_at(block.upper, q + 2),
                                       u_at(block.lower, q + 2)};
        HOLDFAST_UNROLL
        for (int j = 0; j < 4; ++j) {
            const std::int64_t n = std::int64_t{block.adapter} * p.n + n0 + 8 * j + g;
            const words w = *reinterpret_cast<const words*>(p.b + n * p.r + q);
            holdfast::kernels::detail::multiply_add<__nv_bfloat16>(sum[j], left, w.low, w.high);
        }
    }
    HOLDFAST_UNROLL
    for (int j = 0; j < 4; ++j)
        for (int i = 0; i < 4; i += 2) {
            if (block.row(i) < 0) continue;
            auto* const to = reinterpret_cast<pair*>(p.y + std::int64_t{block.row(i)} * p.n + n0 + 8 * j + 2 * t);
            const pair old = *to;
            *to = {__float2bfloat16_rn(__bfloat162float(old.first) + sum[j][i]),
                   __float2bfloat16_rn(__bfloat162float(old.second) + sum[j][i + 1])};
        }
}

/// The memset and the two launches. k a multiple of 256, n of 128, r of 16.
[[nodiscard]] inline cudaError_t run_rendering(const rendering& p, int m, int adapters, cudaStream_t s) {
    using holdfast::kernels::detail::launch;
    const unsigned sixteens = unsigned((m + rendered_rows - 1) / rendered_rows), many = unsigned(adapters);
    cudaError_t error = cudaMemsetAsync(p.u, 0, std::size_t(m) * std::size_t(p.r) * 4, s);
    if (error == cudaSuccess)
        error = launch(rendered_shrink<128>, dim3(unsigned(p.k / rendered_depth), sixteens, many), 128, 0, s, p);
    if (error == cudaSuccess)
        error = launch(rendered_expand<128>, dim3(unsigned(p.n / rendered_columns), sixteens, many), 128, 0, s, p);
    return error;
}

}  // namespace lora_benchmarks
