#pragma once
// Many adapters in one batch: each row of x has its own, or none. Adds the low-rank part to a product that somebody
// else computed, y += s_a (x A_a') B_a', and to its gradient, dx += s_a (dy B_a) A_a. Ranks may differ and are not
// padded, rows need not be sorted, nothing is zeroed first, and which adapters are in use is read on the device, so a
// captured graph serves every batch. Two launches on the ordinary arithmetic units, fp32 inside; few rows take one
// launch, detail/segmented_cluster.cuh, where the machine has clusters. Builds on segments.cuh.

#include <holdfast/kernels/detail/segmented_cluster.cuh>
#include <holdfast/kernels/lora_matmul.cuh>
#include <holdfast/kernels/segments.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::kernels {

namespace detail {

struct segment_tile {
    static constexpr int rows = 16, threads = 128, warps = threads / 32, chunk = 256;  // chunk: of the long sum
    static constexpr int most_splits = 16;
};

/// Whether row i is the first of the block with its adapter.
[[nodiscard]] __device__ __forceinline__ bool leads(const int* ids, int i) {
    if (ids[i] < 0) return false;
    for (int j = 0; j < i; ++j)
        if (ids[j] == ids[i]) return false;
    return true;
}

/// partial[split, row, q] = s_a sum over the split's part of x(row, .) times A_a(q, .) (Transposed: B_a(., q)). One
/// block per 16 rows and split; a warp takes two ranks at a time.
template <class T, bool Transposed>
__global__ void __launch_bounds__(segment_tile::threads, 4)
    segmented_shrink(const __grid_constant__ segmented_lora_args<T> p, float* partial, std::int64_t depth, int chunks) {
    constexpr int rows = segment_tile::rows, chunk = segment_tile::chunk;
    int* const ids = reinterpret_cast<int*>(dynamic_shared());
    float* const x_tile = reinterpret_cast<float*>(ids + rows);  // [rows, chunk]
    float* const sums = x_tile + rows * chunk;                   // [rows, rank]
    const std::int64_t row0 = static_cast<std::int64_t>(blockIdx.x) * rows;
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
    const int rank = static_cast<int>(p.rank);
    read_adapters<rows>(p, row0, ids);
    for (int i = thread; i < rows * rank; i += segment_tile::threads) sums[i] = 0;
    const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * chunks * chunk;
    const std::int64_t last = smaller(depth, first + static_cast<std::int64_t>(chunks) * chunk);
    for (std::int64_t k0 = first; k0 < last; k0 += chunk) {
        synchronise_block();
        for (int i = thread; i < rows * chunk; i += segment_tile::threads) {
            const std::int64_t row = row0 + i / chunk, k = k0 + i % chunk;
            x_tile[i] = row < p.tokens && k < last && ids[i / chunk] >= 0 ? to_float(p.x[row * p.ldx + k]) : 0.0f;
        }
        synchronise_block();
        for (int leader = 0; leader < rows; ++leader) {
            if (!leads(ids, leader)) continue;
            const adapter_entry<T> a = p.adapters[ids[leader]];
            const int ranks = smaller(a.rank, rank);
            for (int q = 2 * warp; q < ranks; q += 2 * segment_tile::warps) {
                const bool pair = q + 1 < ranks;
                float acc[2][rows] = {};
                for (int k = lane; k < chunk && k0 + k < last; k += 32) {
                    const std::int64_t at = k0 + k;
                    const float a0 = to_float(Transposed ? a.b[at * a.ldb + q] : a.a[q * a.lda + at]);
                    const float a1 =
                        pair ? to_float(Transposed ? a.b[at * a.ldb + q + 1] : a.a[(q + 1) * a.lda + at]) : 0.0f;
                    HOLDFAST_UNROLL
                    for (int i = 0; i < rows; ++i) {
                        const float x = x_tile[i * chunk + k];
                        acc[0][i] += x * a0;
                        acc[1][i] += x * a1;
                    }
                }
                HOLDFAST_UNROLL
                for (int i = 0; i < rows; ++i) {
                    const float first_rank = sum_over_warp(acc[0][i]), second_rank = sum_over_warp(acc[1][i]);
                    if (lane == 0 && ids[i] == ids[leader]) {
                        sums[i * rank + q] += a.scale * first_rank;
                        if (pair) sums[i * rank + q + 1] += a.scale * second_rank;
                    }
                }
            }
        }
    }
    synchronise_block();
    float* const out = partial + static_cast<std::int64_t>(blockIdx.y) * p.tokens * rank;
    for (int i = thread; i < rows * rank; i += segment_tile::threads)
        if (row0 + i / rank < p.tokens) out[(row0 + i / rank) * rank + i % rank] = sums[i];
}

/// y(row, n) += sum_q u(row, q) B_a(n, q) (Transposed: A_a(q, n)). One block per 16 rows and 128 columns; y is rounded
/// once.
template <class T, bool Transposed>
__global__ void __launch_bounds__(segment_tile::threads, 4)
    segmented_expand(const __grid_constant__ segmented_lora_args<T> p, const float* partial, int splits,
                     std::int64_t width) {
    constexpr int rows = segment_tile::rows;
    int* const ids = reinterpret_cast<int*>(dynamic_shared());
    float* const u = reinterpret_cast<float*>(ids + rows);  // [rank, rows]
    const std::int64_t row0 = static_cast<std::int64_t>(blockIdx.x) * rows;
    const std::int64_t n = static_cast<std::int64_t>(blockIdx.y) * segment_tile::threads + threadIdx.x;
    const int thread = static_cast<int>(threadIdx.x), rank = static_cast<int>(p.rank);
    read_adapters<rows>(p, row0, ids);
    for (int i = thread; i < rows * rank; i += segment_tile::threads) {
        const int row = i / rank, q = i % rank;
        float sum = 0;  // the splits in their order
        if (row0 + row < p.tokens)
            for (int s = 0; s < splits; ++s) sum += partial[(s * p.tokens + row0 + row) * rank + q];
        u[q * rows + row] = sum;
        if (p.u != nullptr && blockIdx.y == 0 && row0 + row < p.tokens) p.u[(row0 + row) * rank + q] = sum;
    }
    synchronise_block();
    if (n >= width) return;
    for (int leader = 0; leader < rows; ++leader) {
        if (!leads(ids, leader)) continue;
        const adapter_entry<T> a = p.adapters[ids[leader]];
        const int ranks = smaller(a.rank, rank);
        float acc[rows] = {};
        for (int q = 0; q < ranks; ++q) {
            const float b = to_float(Transposed ? a.a[q * a.lda + n] : a.b[n * a.ldb + q]);
            HOLDFAST_UNROLL
            for (int i = 0; i < rows; ++i) acc[i] += u[q * rows + i] * b;
        }
        HOLDFAST_UNROLL
        for (int i = 0; i < rows; ++i)
            if (ids[i] == ids[leader]) {
                T* const at = p.y + ((row0 + i) * p.ldy + n);
                *at = rounded<T>(to_float(*at) + acc[i]);
            }
    }
}

/// How a sum over `depth` is cut for m rows: chunks per split and splits. A function of the shape alone.
struct segment_split {
    int chunks = 1, splits = 1;
};
[[nodiscard]] inline segment_split cut_segments(std::int64_t m, std::int64_t depth) noexcept {
    const std::int64_t chunks = ceil_div<std::int64_t>(depth, segment_tile::chunk);
    const std::int64_t blocks = larger<std::int64_t>(1, ceil_div<std::int64_t>(m, segment_tile::rows));
    const std::int64_t wanted = larger<std::int64_t>(
        1, smaller<std::int64_t>(segment_tile::most_splits, smaller<std::int64_t>(256 / blocks, chunks)));
    const std::int64_t each = ceil_div(chunks, wanted);
    return {static_cast<int>(each), static_cast<int>(ceil_div(chunks, each))};
}

template <class T>
[[nodiscard]] std::size_t segmented_bytes(const segmented_lora_args<T>& g) noexcept {
    const int splits = larger(cut_segments(g.tokens, g.in).splits, cut_segments(g.tokens, g.out).splits);
    return round_up(static_cast<std::size_t>(splits * g.tokens * g.rank) * 4, workspace_alignment);
}

template <class T>
[[nodiscard]] refused check(const segmented_lora_args<T>& g, bool backward) noexcept {
    const lora_shape shape{g.tokens, g.in, g.out, g.rank};
    if (const refused r = check_shape(shape); r.why != refusal::none) return r;
    if (g.tokens == 0) return {};
    if (g.rows.token_adapter == nullptr && (g.rows.row_offsets == nullptr || g.rows.segment_adapter == nullptr))
        return {refusal::no_rows_named, "rows", 0, 0};
    return first_of(check_matrix("adapters", g.adapters, 1, g.adapter_count > 0, 1, alignof(adapter_entry<T>)),
                    check_matrix(backward ? "dy" : "x", g.x, g.ldx, g.tokens, backward ? g.out : g.in, sizeof(T)),
                    check_matrix(backward ? "dx" : "y", g.y, g.ldy, g.tokens, backward ? g.in : g.out, sizeof(T)),
                    check_matrix("u", g.u, g.rank, g.u != nullptr, g.rank, 4),
                    check_space(g.workspace, g.workspace_bytes, segmented_bytes(g)));
}

template <bool Backward, class T>
[[nodiscard]] cudaError_t run(const segmented_lora_args<T>& g, cudaStream_t stream) noexcept {
    if (const refused r = check(g, Backward); r.why != refusal::none) return code_of(r);
    if (g.tokens == 0 || g.adapter_count <= 0) return cudaSuccess;
    if constexpr (!Backward)
        if (takes_one_launch(g)) return add_in_one_launch(g, stream);
    const std::int64_t depth = Backward ? g.out : g.in, width = Backward ? g.in : g.out;
    const segment_split cut = cut_segments(g.tokens, depth);
    const unsigned blocks = static_cast<unsigned>(ceil_div<std::int64_t>(g.tokens, segment_tile::rows));
    const std::int64_t columns = ceil_div<std::int64_t>(width, segment_tile::threads);
    if (columns > 65535) return cudaErrorInvalidValue;
    float* const partial = static_cast<float*>(g.workspace);
    const std::size_t ids = segment_tile::rows * sizeof(int),
                      sums = segment_tile::rows * sizeof(float) * std::size_t(g.rank);
    const cudaError_t error = launch(
        segmented_shrink<T, Backward>, dim3(blocks, static_cast<unsigned>(cut.splits)), segment_tile::threads,
        ids + segment_tile::rows * segment_tile::chunk * sizeof(float) + sums, stream, g, partial, depth, cut.chunks);
    if (error != cudaSuccess) return error;
    return launch(segmented_expand<T, Backward>, dim3(blocks, static_cast<unsigned>(columns)), segment_tile::threads,
                  ids + sums, stream, g, partial, cut.splits, width);
}

}  // namespace detail

/// Bytes of workspace that either direction needs.
template <class T>
[[nodiscard]] std::size_t segmented_lora_workspace(const segmented_lora_args<T>& args) noexcept {
    const lora_shape shape{args.tokens, args.in, args.out, args.rank};
    return detail::check_shape(shape).why != detail::refusal::none ? 0 : detail::segmented_bytes(args);
}

/// What is wrong with the arguments, as a sentence; empty if segmented_lora would take them.
template <class T>
[[nodiscard]] std::string explain(const segmented_lora_args<T>& args) {
    return detail::in_words("kernels::segmented_lora", detail::check(args, false));
}
template <class T>
[[nodiscard]] std::string explain_backward(const segmented_lora_args<T>& args) {
    return detail::in_words("kernels::segmented_lora_backward", detail::check(args, true));
}

/// y += s_a (x A_a') B_a' for every row and its adapter a; rows without one are left as they are. One launch for at
/// most 64 rows that do not keep u, in code for compute capability 9.0 or later; else two.
///
/// @stream        enqueues on `stream`, does not synchronise; the grid depends on shapes alone
/// @determinism   bitwise run to run, no atomics; a row's result does not depend on the adapters of the rows beside it
/// @precision     fp32 throughout, and y is rounded once; in one launch u of bf16 and fp16 goes on as two 16-bit
/// numbers,
///                its leading 16 bits (fp16: 22, and u must stay below 65504)
template <class T>
[[nodiscard]] cudaError_t segmented_lora(const segmented_lora_args<T>& args, cudaStream_t stream) noexcept {
    return detail::run<false>(args, stream);
}

/// dx += s_a (dy B_a) A_a: args.x is dy [m, n], args.y is dx [m, k], and args.u receives ds.
template <class T>
[[nodiscard]] cudaError_t segmented_lora_backward(const segmented_lora_args<T>& args, cudaStream_t stream) noexcept {
    return detail::run<true>(args, stream);
}

}  // namespace holdfast::kernels
