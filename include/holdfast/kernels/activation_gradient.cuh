#pragma once
// The gradient of an activation at the end of a layer: dz = dy f'(z), which lora_matmul_backward then takes for its dy.
// One pass over both. Builds on detail/products.cuh.

#include <holdfast/kernels/detail/lora_steps.cuh>

#include <cstdint>
#include <limits>
#include <string>

namespace holdfast::kernels {

template <class T>
struct activation_gradient_args {
    activation f = activation::none;
    std::int64_t rows = 0, cols = 0;
    const T* z = nullptr;  ///< [rows, cols] that lora_matmul wrote
    std::int64_t ldz = 0;
    const T* dy = nullptr;  ///< [rows, cols]
    std::int64_t lddy = 0;
    T* dz = nullptr;  ///< [rows, cols], written; may be dy's memory, or z's
    std::int64_t lddz = 0;
};

namespace detail {

/// A thread per 16 bytes of a row; it reads all that it needs before it writes.
template <int Threads, class T>
__global__ void __launch_bounds__(Threads)
    activation_gradients(const __grid_constant__ activation_gradient_args<T> p, bool wide) {
    constexpr int width = 16 / sizeof(T);
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * Threads + threadIdx.x,
                       chunks = ceil_div<std::int64_t>(p.cols, width), row = i / chunks, col = i % chunks * width;
    if (row >= p.rows) return;
    const int count = static_cast<int>(smaller<std::int64_t>(width, p.cols - col));
    const sixteen_bytes<T> z = load_chunk(p.z + (row * p.ldz + col), count, wide);
    sixteen_bytes<T> d = load_chunk(p.dy + (row * p.lddy + col), count, wide);
    HOLDFAST_UNROLL
    for (int j = 0; j < width; ++j) d.of[j] = rounded<T>(to_float(d.of[j]) * activation_slope(p.f, to_float(z.of[j])));
    store_chunk(p.dz + (row * p.lddz + col), d, count, wide);
}

template <class T>
[[nodiscard]] refused check(const activation_gradient_args<T>& g) noexcept {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (g.rows < 0) return {refusal::negative_tokens, "rows", g.rows, 0};
    if (g.cols < 1) return {refusal::empty_layer, "cols", g.cols, 1};
    if (g.rows > most) return {refusal::too_large, "rows", g.rows, most};
    if (g.cols > most) return {refusal::too_large, "cols", g.cols, most};
    return first_of(check_matrix("z", g.z, g.ldz, g.rows, g.cols, sizeof(T)),
                    check_matrix("dy", g.dy, g.lddy, g.rows, g.cols, sizeof(T)),
                    check_matrix("dz", g.dz, g.lddz, g.rows, g.cols, sizeof(T)));
}

}  // namespace detail

/// What is wrong with the arguments, as a sentence; empty if activation_gradient would take them.
template <class T>
[[nodiscard]] std::string explain(const activation_gradient_args<T>& args) {
    return detail::in_words("kernels::activation_gradient", detail::check(args));
}

/// dz = dy f'(z).
///
/// @stream, @determinism, @return  as lora_matmul
/// @precision  fp32, dz is rounded once
template <class T>
[[nodiscard]] cudaError_t activation_gradient(const activation_gradient_args<T>& g, cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (const kd::refused r = kd::check(g); r.why != kd::refusal::none) return kd::code_of(r);
    constexpr std::int64_t width = 16 / sizeof(T);
    const std::int64_t blocks = kd::ceil_div<std::int64_t>(g.rows * kd::ceil_div(g.cols, width), 256);
    if (blocks > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
    if (blocks == 0) return cudaSuccess;
    const bool wide = kd::fast(g.z, g.ldz) && kd::fast(g.dy, g.lddy) && kd::fast(g.dz, g.lddz);
    return kd::launch(kd::activation_gradients<256, T>, dim3(static_cast<unsigned>(blocks)), 256, 0, stream, g, wide);
}

}  // namespace holdfast::kernels
