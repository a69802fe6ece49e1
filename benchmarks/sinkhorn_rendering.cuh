#pragma once
// What a streaming Sinkhorn does that keeps no costs, in the structure of FlashSinkhorn (arXiv:2602.03067): costs of
// squared distances as biased dot products, made by tensor cores in TF32, rows' logarithms of sums of exponentials
// online, both half steps in turn. A rendering of ours, to be timed where the peer itself is not at hand; it proves
// nothing of its results.

#include <holdfast/core/launch.cuh>
#include <holdfast/core/tensor.cuh>
#include <holdfast/kernels/detail/ptx.cuh>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace sinkhorn_benchmarks {

inline constexpr unsigned rows = 128, columns = 64, stages = 4, chunk = 32;
inline constexpr std::size_t stage_bytes = (rows + columns) * chunk * sizeof(float);

/// Half a step for points x [n, d], y [m, d], d a multiple of 32, cost |x − y|^2 / 2, equal weights 1 / m:
/// f_i = |x_i|^2 / 2 − eps log Σ_j exp((x_i y_j + g_j − |y_j|^2 / 2) / eps) / m; half_x, half_y hold |.|^2 / 2.
struct half_step {
    const float *x, *y, *half_x, *half_y, *g;
    float* f;
    unsigned n, m, d;
    float eps;
};

template <int Tag = 0>
__global__ void __launch_bounds__(256, 1) render_half_step(half_step p) {
    using namespace holdfast::detail;
    unsigned char* const shared = dynamic_shared();
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32, begin = blockIdx.x * rows;
    const unsigned tiles = (p.m + columns - 1) / columns, chunks = p.d / chunk;
    unsigned next_tile = 0, next_chunk = 0, next_stage = 0;
    const auto fetch = [&] {
        if (next_tile < tiles) {
            HOLDFAST_UNROLL
            for (unsigned r = 0; r < (rows + columns) / 32; ++r) {
                const unsigned row = r * 32 + threadIdx.x / 8, part = threadIdx.x % 8;
                const unsigned i = r < rows / 32 ? begin + row : next_tile * columns + row - rows;
                const bool there = i < (r < rows / 32 ? p.n : p.m);
                copy_async(
                    shared + next_stage * stage_bytes + row * 128 + (part ^ row % 8) * 16,
                    (r < rows / 32 ? p.x : p.y) + std::size_t{there ? i : 0} * p.d + next_chunk * chunk + part * 4,
                    there ? 16 : 0);
            }
            if (++next_chunk == chunks) next_chunk = 0, ++next_tile;
            next_stage = (next_stage + 1) % stages;
        }
        copy_async_commit();
    };
    for (unsigned s = 0; s + 1 < stages; ++s) fetch();
    const float scale = 1.4426950F / p.eps;
    float most[4], sum[4];
    for (unsigned r = 0; r < 4; ++r) most[r] = static_cast<float>(-HUGE_VAL), sum[r] = 0;
    unsigned stage = 0;
    for (unsigned tile = 0; tile < tiles; ++tile) {
        float c[2][4][4] = {};
        for (unsigned k0 = 0; k0 < chunks; ++k0) {
            copy_async_wait<stages - 2>();
            synchronise_block();
            fetch();
            const unsigned char* const from = shared + stage * stage_bytes;
            const auto at = [&](unsigned row, unsigned part) { return from + row * 128 + (part ^ row % 8) * 16; };
            HOLDFAST_UNROLL
            for (unsigned k = 0; k < 4; ++k) {
                std::uint32_t a[2][4], b[2][4];
                HOLDFAST_UNROLL
                for (unsigned t = 0; t < 2; ++t) {
                    load_matrices(a[t], at(warp / 2 * 32 + t * 16 + lane % 16, k * 2 + lane / 16));
                    load_matrices(b[t],
                                  at(rows + warp % 2 * 32 + t * 16 + lane % 8 + lane / 16 * 8, k * 2 + lane / 8 % 2));
                }
                HOLDFAST_UNROLL
                for (unsigned t = 0; t < 8; ++t)
                    holdfast::kernels::detail::multiply_add_tf32(c[t / 4][t % 4], a[t / 4], b[t % 4 / 2][t % 2 * 2],
                                                                 b[t % 4 / 2][t % 2 * 2 + 1]);
            }
            stage = (stage + 1) % stages;
        }
        float bias[8];
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            const unsigned j = tile * columns + warp % 2 * 32 + k / 2 * 8 + lane % 4 * 2 + k % 2;
            bias[k] = j < p.m ? p.g[j] - p.half_y[j] : static_cast<float>(-HUGE_VAL);
        }
        HOLDFAST_UNROLL
        for (unsigned r = 0; r < 4; ++r) {
            float now = most[r];
            HOLDFAST_UNROLL
            for (unsigned k = 0; k < 8; ++k) {
                float& x = c[r / 2][k / 2][r % 2 * 2 + k % 2];
                x += bias[k];
                now = x > now ? x : now;
            }
            if (now == static_cast<float>(-HUGE_VAL)) continue;
            sum[r] *= std::exp2((most[r] - now) * scale);
            HOLDFAST_UNROLL
            for (unsigned k = 0; k < 8; ++k) sum[r] += std::exp2((c[r / 2][k / 2][r % 2 * 2 + k % 2] - now) * scale);
            most[r] = now;
        }
    }
    synchronise_block();
    auto* const part = reinterpret_cast<float*>(shared);  // [128, 8, 2]
    for (unsigned r = 0; r < 4; ++r) {
        const unsigned at = ((warp / 2 * 32 + r * 8 + lane / 4) * 8 + warp % 2 * 4 + lane % 4) * 2;
        part[at] = most[r], part[at + 1] = sum[r];
    }
    synchronise_block();
    const unsigned i = begin + threadIdx.x;
    if (threadIdx.x >= rows || i >= p.n) return;
    float all = static_cast<float>(-HUGE_VAL), total = 0;
    for (unsigned k = 0; k < 8; ++k) {
        const float x = part[(threadIdx.x * 8 + k) * 2];
        all = x > all ? x : all;
    }
    for (unsigned k = 0; k < 8; ++k)
        if (part[(threadIdx.x * 8 + k) * 2 + 1] > 0)
            total += part[(threadIdx.x * 8 + k) * 2 + 1] * std::exp2((part[(threadIdx.x * 8 + k) * 2] - all) * scale);
    p.f[i] = p.half_x[i] - all - p.eps * std::log(total / static_cast<float>(p.m));
}

[[nodiscard]] inline cudaError_t launch_half_step(const half_step& p, cudaStream_t on) {
    return holdfast::detail::launch(render_half_step<0>, dim3((p.n + rows - 1) / rows), 256, stages * stage_bytes, on,
                                    p);
}

}  // namespace sinkhorn_benchmarks
