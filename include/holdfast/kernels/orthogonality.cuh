#pragma once
// O-LoRA's penalty for all adapted modules of a model at once: how much a new task's A overlaps those of earlier tasks,
// and its gradient. One launch, one block per module, nothing of the overlap is written. Builds on detail/. Leaves out
// the weight lambda's schedule, and the penalty on the size of the new adapter.

#include <holdfast/kernels/detail/lora_steps.cuh>

#include <cstdint>
#include <string>

namespace holdfast::kernels {

/// sum |P A'| as the published code has it, or sum (P A')^2, the squared Frobenius norm.
enum class overlap { absolute, squared };

/// One module, an entry of a table in device memory. P: the A of all earlier tasks, one below the other.
template <class T>
struct overlap_entry {
    const T* previous = nullptr;  ///< P [previous_rank, width]; null or 0 rows: no overlap
    const T* current = nullptr;   ///< A [rank, width]
    float* gradient = nullptr;    ///< [rank, width], added to; or null
    std::int64_t ldp = 0, lda = 0, ldg = 0;
    std::int32_t previous_rank = 0, rank = 0;
    std::int64_t width = 0;  ///< k of this module; modules may differ
};

template <class T>
struct orthogonality_args {
    const overlap_entry<T>* modules = nullptr;  ///< [count], on the device
    std::int64_t count = 0;
    float weight = 0.5f;  ///< lambda
    overlap kind = overlap::absolute;
    float* losses = nullptr;  ///< [count], written: weight times the overlap of each module; their sum is the penalty
};

namespace detail {

struct overlap_tile {
    static constexpr int threads = 256, warps = threads / 32, previous = 64, ranks = 8;
};

/// dL/dG of one element of the overlap, without the weight; what is not a number stays so.
[[nodiscard]] __device__ __forceinline__ float overlap_slope(overlap kind, float g) {
    if (kind == overlap::squared) return 2.0f * g;
    return g > 0.0f ? 1.0f : g < 0.0f ? -1.0f : g == 0.0f ? 0.0f : g;
}

/// One block per module: for 64 earlier rows and 8 new ones at a time the overlap into shared memory, then its part of
/// the gradient, so that P is read once from memory and once more from the cache.
template <class T>
__global__ void __launch_bounds__(overlap_tile::threads, 2)
    overlap_and_gradient(const __grid_constant__ orthogonality_args<T> p) {
    constexpr int ranks = overlap_tile::ranks, rows = overlap_tile::previous;
    float* const g = reinterpret_cast<float*>(dynamic_shared());  // [rows, ranks], then one sum per warp
    const overlap_entry<T> e = p.modules[blockIdx.x];
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
    const bool empty = e.previous == nullptr || e.current == nullptr;
    float loss = 0;  // of this thread's elements of G, in a fixed order
    for (int q0 = 0; q0 < e.rank && !empty; q0 += ranks)
        for (int p0 = 0; p0 < e.previous_rank; p0 += rows) {
            const int some = smaller(rows, e.previous_rank - p0), wide = smaller(ranks, e.rank - q0);
            synchronise_block();
            for (int i = warp; i < some; i += overlap_tile::warps) {
                const T* const row = e.previous + (p0 + i) * e.ldp;
                float acc[ranks] = {};
                for (std::int64_t k = lane; k < e.width; k += 32) {
                    const float x = to_float(row[k]);
                    HOLDFAST_UNROLL
                    for (int q = 0; q < ranks; ++q)
                        if (q < wide) acc[q] += x * to_float(e.current[(q0 + q) * e.lda + k]);
                }
                HOLDFAST_UNROLL
                for (int q = 0; q < ranks; ++q) {
                    const float sum = sum_over_warp(acc[q]);
                    if (lane == q) g[i * ranks + q] = sum;
                }
            }
            synchronise_block();
            for (int i = thread; i < some * ranks; i += overlap_tile::threads)
                if (i % ranks < wide) loss += p.kind == overlap::squared ? g[i] * g[i] : fabsf(g[i]);
            if (e.gradient == nullptr) continue;
            for (std::int64_t k = thread; k < e.width; k += overlap_tile::threads) {
                float acc[ranks] = {};
                for (int i = 0; i < some; ++i) {
                    const float x = to_float(e.previous[(p0 + i) * e.ldp + k]);
                    HOLDFAST_UNROLL
                    for (int q = 0; q < ranks; ++q)
                        if (q < wide) acc[q] += overlap_slope(p.kind, g[i * ranks + q]) * x;
                }
                HOLDFAST_UNROLL
                for (int q = 0; q < ranks; ++q)
                    if (q < wide) e.gradient[(q0 + q) * e.ldg + k] += p.weight * acc[q];
            }
        }
    if (p.losses == nullptr) return;
    synchronise_block();
    const float sum = sum_over_warp(loss);
    if (lane == 0) g[warp] = sum;
    synchronise_block();
    if (thread != 0) return;
    float total = 0;
    for (int w = 0; w < overlap_tile::warps; ++w) total += g[w];
    p.losses[blockIdx.x] = p.weight * total;
}

template <class T>
[[nodiscard]] refused check(const orthogonality_args<T>& g) noexcept {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (g.count < 0 || g.count > most) return {refusal::too_large, "count", g.count, most};
    return first_of(check_matrix("modules", g.modules, 1, g.count, 1, alignof(overlap_entry<T>)),
                    check_matrix("losses", g.losses, 1, g.losses != nullptr, 1, 4));
}

}  // namespace detail

/// What is wrong with the arguments, as a sentence; empty if orthogonality would take them.
template <class T>
[[nodiscard]] std::string explain(const orthogonality_args<T>& args) {
    return detail::in_words("kernels::orthogonality", detail::check(args));
}

/// losses_i = lambda sum |P_i A_i'|, gradient_i += lambda sign(P_i A_i')' P_i (or the squares', 2 lambda (P A')' P),
/// for every module of the table in one launch.
///
/// @stream       enqueues on `stream`, does not synchronise; what is in the table is read on the device
/// @determinism  bitwise run to run; no atomics
/// @precision    fp32; the sign of an overlap that rounds to 0 is 0
/// @return       cudaErrorInvalidValue or cudaErrorMisalignedAddress for what explain(args) names, else CUDA's own
/// @see          Wang et al. 2023 (O-LoRA), arXiv:2310.14152
template <class T>
[[nodiscard]] cudaError_t orthogonality(const orthogonality_args<T>& g, cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (const kd::refused r = kd::check(g); r.why != kd::refusal::none) return kd::code_of(r);
    if (g.count == 0) return cudaSuccess;
    return kd::launch(kd::overlap_and_gradient<T>, dim3(static_cast<unsigned>(g.count)), kd::overlap_tile::threads,
                      kd::overlap_tile::previous * kd::overlap_tile::ranks * sizeof(float), stream, g);
}

}  // namespace holdfast::kernels
