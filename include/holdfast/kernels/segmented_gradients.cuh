#pragma once
// Gradients of every adapter of a mixed batch: dA_a += sum over the rows of a of ds' x, dB_a += sum of dy' u, with the
// u and ds that segmented_lora and its backward wrote. No sorting, no padding, no atomics. Builds on
// segmented_lora.cuh. Made for batches of several adapters: where one adapter has all rows, lora_matmul_backward has
// more parallelism.

#include <holdfast/kernels/segmented_lora.cuh>

#include <cstdint>
#include <string>

namespace holdfast::kernels {

/// Where the gradients of one adapter go, an entry of a table in device memory; a null pointer means not wanted.
struct gradient_entry {
    float* da = nullptr;  ///< [rank, k], added to
    float* db = nullptr;  ///< [n, rank], added to
    std::int64_t ldda = 0, lddb = 0;
    int rank = 0;
};

template <class T>
struct segmented_gradient_args {
    std::int64_t tokens = 0, in = 0, out = 0, rank = 16;  ///< as in segmented_lora_args
    const gradient_entry* gradients = nullptr;            ///< [adapter_count], on the device
    std::int32_t adapter_count = 0;
    row_segments rows;
    const T* x = nullptr;  ///< [m, k]
    std::int64_t ldx = 0;
    const T* dy = nullptr;  ///< [m, n]
    std::int64_t lddy = 0;
    const float* u = nullptr;   ///< [m, rank] that segmented_lora wrote
    const float* ds = nullptr;  ///< [m, rank] that segmented_lora_backward wrote
};

namespace detail {

struct gradient_tile {
    static constexpr int columns = 128, ranks = 16, batch = 128;  // columns = threads; rows looked at together
};

/// One block per adapter, 128 columns of z (x for dA, dy for dB) and 16 ranks; rows in their order, 128 at a time.
template <class T, bool ForB>
__global__ void __launch_bounds__(gradient_tile::columns, 4)
    segmented_gradient(const __grid_constant__ segmented_gradient_args<T> p, std::int64_t width) {
    constexpr int ranks = gradient_tile::ranks, batch = gradient_tile::batch;
    int* const mine = reinterpret_cast<int*>(dynamic_shared());  // [batch] whether the row has this adapter
    float* const v = reinterpret_cast<float*>(mine + batch);     // [batch, ranks]
    const int adapter = static_cast<int>(blockIdx.y), q0 = static_cast<int>(blockIdx.z) * ranks;
    const gradient_entry g = p.gradients[adapter];
    const int thread = static_cast<int>(threadIdx.x),
              last = smaller(smaller(g.rank, static_cast<int>(p.rank)), q0 + ranks);
    if ((ForB ? g.db : g.da) == nullptr || q0 >= last) return;  // the whole block
    const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * gradient_tile::columns + thread;
    const T* const z = ForB ? p.dy : p.x;
    const std::int64_t ldz = ForB ? p.lddy : p.ldx;
    const float* const low_rank = ForB ? p.u : p.ds;
    float acc[ranks] = {};
    for (std::int64_t row0 = 0; row0 < p.tokens; row0 += batch) {
        synchronise_block();
        mine[thread] = row0 + thread < p.tokens && adapter_of(p.rows, row0 + thread, p.adapter_count) == adapter;
        for (int i = thread; i < batch * ranks; i += gradient_tile::columns) {
            const std::int64_t row = row0 + i / ranks;
            const int q = q0 + i % ranks;
            v[i] = row < p.tokens && q < last ? low_rank[row * p.rank + q] : 0.0f;
        }
        synchronise_block();
        if (c >= width) continue;
        for (int i = 0; i < batch; ++i) {
            if (!mine[i]) continue;
            const float value = to_float(z[(row0 + i) * ldz + c]);
            HOLDFAST_UNROLL
            for (int q = 0; q < ranks; ++q) acc[q] += v[i * ranks + q] * value;
        }
    }
    if (c >= width) return;
    HOLDFAST_UNROLL
    for (int q = 0; q < ranks; ++q)
        if (q0 + q < last) (ForB ? g.db[c * g.lddb + q0 + q] : g.da[(q0 + q) * g.ldda + c]) += acc[q];
}

template <class T>
[[nodiscard]] refused check(const segmented_gradient_args<T>& g) noexcept {
    const lora_shape shape{g.tokens, g.in, g.out, g.rank};
    if (const refused r = check_shape(shape); r.why != refusal::none) return r;
    if (g.tokens == 0) return {};
    if (g.rows.token_adapter == nullptr && (g.rows.row_offsets == nullptr || g.rows.segment_adapter == nullptr))
        return {refusal::no_rows_named, "rows", 0, 0};
    if (g.adapter_count > 65535) return {refusal::too_large, "adapter_count", g.adapter_count, 65535};
    return first_of(check_matrix("gradients", g.gradients, 1, g.adapter_count > 0, 1, alignof(gradient_entry)),
                    check_matrix("x", g.x, g.ldx, g.tokens, g.in, sizeof(T)),
                    check_matrix("dy", g.dy, g.lddy, g.tokens, g.out, sizeof(T)),
                    check_matrix("u", g.u, g.rank, g.tokens, g.rank, 4),
                    check_matrix("ds", g.ds, g.rank, g.tokens, g.rank, 4));
}

template <class T>
[[nodiscard]] cudaError_t run(const segmented_gradient_args<T>& g, cudaStream_t stream) noexcept {
    if (const refused r = check(g); r.why != refusal::none) return code_of(r);
    if (g.tokens == 0 || g.adapter_count <= 0) return cudaSuccess;
    const auto grid = [&](std::int64_t width) {
        return dim3(static_cast<unsigned>(ceil_div<std::int64_t>(width, gradient_tile::columns)),
                    static_cast<unsigned>(g.adapter_count),
                    static_cast<unsigned>(ceil_div<std::int64_t>(g.rank, gradient_tile::ranks)));
    };
    constexpr std::size_t shared = gradient_tile::batch * (sizeof(int) + gradient_tile::ranks * sizeof(float));
    const cudaError_t error =
        launch(segmented_gradient<T, false>, grid(g.in), gradient_tile::columns, shared, stream, g, g.in);
    if (error != cudaSuccess) return error;
    return launch(segmented_gradient<T, true>, grid(g.out), gradient_tile::columns, shared, stream, g, g.out);
}

}  // namespace detail

/// What is wrong with the arguments, as a sentence; empty if segmented_lora_gradients would take them.
template <class T>
[[nodiscard]] std::string explain(const segmented_gradient_args<T>& args) {
    return detail::in_words("kernels::segmented_lora_gradients", detail::check(args));
}

/// dA_a += sum over a's rows of ds' x and dB_a += sum of dy' u, for every adapter of the table, in two launches.
///
/// @stream        enqueues on `stream`, does not synchronise; the grid depends on shapes alone
/// @determinism   bitwise: rows are added in their order
/// @precision     fp32 throughout
template <class T>
[[nodiscard]] cudaError_t segmented_lora_gradients(const segmented_gradient_args<T>& args,
                                                   cudaStream_t stream) noexcept {
    return detail::run(args, stream);
}

}  // namespace holdfast::kernels
