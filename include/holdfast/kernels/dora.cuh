#pragma once
// DoRA's weight norm on the GPU: |W_j + s B_j A| of every output j, without writing B A anywhere; its quotient with the
// magnitude is the column scale that lora_matmul takes. Builds on detail/. Leaves out DoRA's own backward.

#include <holdfast/kernels/lora_matmul.cuh>

#include <cstdint>
#include <string>

namespace holdfast::kernels {

template <class T>
struct dora_norm_args {
    lora_shape shape;      ///< in k, out n, rank r; tokens are not used
    const T* w = nullptr;  ///< [n, k], frozen
    std::int64_t ldw = 0;
    const T* a = nullptr;  ///< [r, k]
    std::int64_t lda = 0;
    const T* b = nullptr;  ///< [n, r]
    std::int64_t ldb = 0;
    float scale = 1;                   ///< s
    const float* magnitude = nullptr;  ///< [n] the trained magnitudes; null: 1
    float* norm = nullptr;             ///< [n] written: |W_j + s B_j A|; or null
    float* column_scale = nullptr;     ///< [n] written: magnitude_j / norm_j, for lora_matmul; or null
};

namespace detail {

struct dora_tile {
    static constexpr int rows = 4, threads = 128, most_rank = static_cast<int>(largest_rank);
};

/// One block per 4 rows of W: a warp per row strides over k, B's rows wait in shared memory.
template <class T>
__global__ void __launch_bounds__(dora_tile::threads, 4) dora_norms(const __grid_constant__ dora_norm_args<T> p) {
    float* const b = reinterpret_cast<float*>(dynamic_shared());  // [rows, rank]
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
    const int rank = static_cast<int>(p.shape.rank);
    const std::int64_t n0 = static_cast<std::int64_t>(blockIdx.x) * dora_tile::rows, n = n0 + warp;
    for (int i = thread; i < dora_tile::rows * rank; i += dora_tile::threads)
        b[i] = n0 + i / rank < p.shape.out ? p.scale * to_float(p.b[(n0 + i / rank) * p.ldb + i % rank]) : 0.0f;
    synchronise_block();
    float sum = 0;
    for (std::int64_t k = lane; n < p.shape.out && k < p.shape.in; k += 32) {
        float value = to_float(p.w[n * p.ldw + k]);
        for (int q = 0; q < rank; ++q) value += b[warp * rank + q] * to_float(p.a[q * p.lda + k]);
        sum += value * value;
    }
    const float norm = sqrtf(sum_over_warp(sum));
    if (lane != 0 || n >= p.shape.out) return;
    if (p.norm != nullptr) p.norm[n] = norm;
    if (p.column_scale != nullptr) p.column_scale[n] = (p.magnitude != nullptr ? p.magnitude[n] : 1.0f) / norm;
}

template <class T>
[[nodiscard]] refused check(const dora_norm_args<T>& g) noexcept {
    const lora_shape s{0, g.shape.in, g.shape.out, g.shape.rank};
    return first_of(check_shape(s), check_matrix("w", g.w, g.ldw, s.out, s.in, sizeof(T)),
                    check_matrix("a", g.a, g.lda, s.rank, s.in, sizeof(T)),
                    check_matrix("b", g.b, g.ldb, s.out, s.rank, sizeof(T)),
                    check_matrix("magnitude", g.magnitude, s.out, g.magnitude != nullptr, s.out, 4),
                    check_matrix("norm", g.norm, s.out, g.norm != nullptr, s.out, 4),
                    check_matrix("column_scale", g.column_scale, s.out, g.column_scale != nullptr, s.out, 4));
}

}  // namespace detail

/// What is wrong with the arguments, as a sentence; empty if dora_norm would take them.
template <class T>
[[nodiscard]] std::string explain(const dora_norm_args<T>& args) {
    return detail::in_words("kernels::dora_norm", detail::check(args));
}

/// norm_j = |W_j + s B_j A|_2 and magnitude_j / norm_j: one read of W, nothing of W's size written.
///
/// @stream       enqueues on `stream`, does not synchronise
/// @determinism  bitwise run to run
/// @precision    fp32
/// @see          Liu et al. 2024 (DoRA), arXiv:2402.09353
template <class T>
[[nodiscard]] cudaError_t dora_norm(const dora_norm_args<T>& g, cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (const kd::refused r = kd::check(g); r.why != kd::refusal::none) return kd::code_of(r);
    const std::int64_t blocks = kd::ceil_div<std::int64_t>(g.shape.out, kd::dora_tile::rows);
    return kd::launch(kd::dora_norms<T>, dim3(static_cast<unsigned>(blocks)), kd::dora_tile::threads,
                      kd::dora_tile::rows * static_cast<std::size_t>(g.shape.rank) * sizeof(float), stream, g);
}

}  // namespace holdfast::kernels
