#pragma once
// The gradients of a DoRA layer, y_j = (magnitude_j / norm_j) (x W' + u B')_j + bias_j: with the norm held constant, as
// the paper does, dy is scaled by column and the rest is lora_matmul's; the magnitudes' own gradient is a sum over the
// tokens that the same pass makes. Builds on lora_matmul.cuh; dora.cuh has the norm.

#include <holdfast/kernels/lora_matmul.cuh>

#include <cstdint>
#include <string>

namespace holdfast::kernels {

/// `product.dy` is the gradient of DoRA's output; its workspace serves all steps, of dora_backward_workspace bytes.
template <class T, class G = float>
struct dora_backward_args {
    lora_matmul_backward_args<T, G> product;
    const float* column_scale = nullptr;  ///< [n] magnitude / norm, as forward had it
    T* scaled = nullptr;                  ///< [m, n], written: dy column_scale; may be dy's memory
    std::int64_t lds = 0;
    float* dmagnitude = nullptr;       ///< [n] or null; added to if product.accumulate
    const float* magnitude = nullptr;  ///< [n], needed for dmagnitude; where it is 0 the gradient comes out as 0
    const T* y =
        nullptr;  ///< [m, n] that forward wrote, without a residual; with an activation z; needed for dmagnitude
    std::int64_t ldy = 0;
    const T* bias = nullptr;  ///< [n] that is in y, or null
};

namespace detail {

inline constexpr int dora_columns = 128;

/// Rows of dy that one block sums: some 32 parts at most, added in their order.
[[nodiscard]] inline split_plan dora_split(std::int64_t tokens) noexcept {
    const std::int64_t rows = larger<std::int64_t>(64, ceil_div<std::int64_t>(tokens, 32));
    return {static_cast<int>(larger<std::int64_t>(1, ceil_div(tokens, rows))), static_cast<int>(rows)};
}

/// scaled = dy c, and partial[split, n] = sum over the split's rows of dy (y - bias) / magnitude = dy (y - bias) /
/// (c norm). One thread per column.
template <class T, class G>
__global__ void __launch_bounds__(dora_columns)
    dora_scale(const __grid_constant__ dora_backward_args<T, G> p, float* partial, std::int64_t rows) {
    const std::int64_t n = static_cast<std::int64_t>(blockIdx.x) * dora_columns + threadIdx.x,
                       first = static_cast<std::int64_t>(blockIdx.y) * rows,
                       last = smaller(p.product.shape.tokens, first + rows);
    if (n >= p.product.shape.out) return;
    const float scale = p.column_scale[n], bias = p.bias != nullptr ? to_float(p.bias[n]) : 0.0f;
    float sum = 0;
    for (std::int64_t i = first; i < last; ++i) {
        const float dy = to_float(p.product.dy[i * p.product.lddy + n]);
        if (partial != nullptr) sum += dy * (to_float(p.y[i * p.ldy + n]) - bias);
        p.scaled[i * p.lds + n] = rounded<T>(dy * scale);
    }
    if (partial == nullptr) return;
    const float magnitude = p.magnitude[n];
    partial[blockIdx.y * p.product.shape.out + n] = magnitude == 0.0f ? 0.0f : sum / magnitude;
}

struct dora_layout {
    std::size_t product = 0, partial = 0, bytes = 0;
};
[[nodiscard]] inline dora_layout plan_dora(const lora_shape& s, std::size_t element) noexcept {
    dora_layout l;
    layout all;
    l.product = all.add(static_cast<std::int64_t>(plan_backward(s, element).bytes), 1);
    l.partial = all.add(s.out * dora_split(s.tokens).splits, 4);
    l.bytes = all.bytes();
    return l;
}

template <class T, class G>
[[nodiscard]] refused check(const dora_backward_args<T, G>& g) noexcept {
    const lora_shape& s = g.product.shape;
    if (const refused r = check_shape(s); r.why != refusal::none) return r;
    const std::int64_t any = s.tokens > 0 ? 1 : 0, wanted = g.dmagnitude != nullptr ? any : 0;
    return first_of(check_within(g.product, plan_dora(s, sizeof(T)).bytes),
                    check_matrix("column_scale", g.column_scale, s.out, any, s.out, 4),
                    check_matrix("scaled", g.scaled, g.lds, any, s.out, sizeof(T)),
                    check_matrix("magnitude", g.magnitude, s.out, wanted, s.out, 4),
                    check_matrix("y", g.y, g.ldy, wanted, s.out, sizeof(T)),
                    check_matrix("bias", g.bias, s.out, g.bias != nullptr, s.out, sizeof(T)),
                    check_matrix("dmagnitude", g.dmagnitude, s.out, g.dmagnitude != nullptr, s.out, 4));
}

}  // namespace detail

/// Bytes of workspace that dora_backward needs, in product.workspace.
template <class T>
[[nodiscard]] std::size_t dora_backward_workspace(const lora_shape& shape) noexcept {
    return detail::check_shape(shape).why != detail::refusal::none ? 0 : detail::plan_dora(shape, sizeof(T)).bytes;
}

/// What is wrong with the arguments, as a sentence; empty if dora_backward would take them.
template <class T, class G>
[[nodiscard]] std::string explain(const dora_backward_args<T, G>& args) {
    return detail::in_words("kernels::dora_backward", detail::check(args));
}

/// dmagnitude_j = sum_i dy_ij (x W' + u B')_ij / norm_j, and dx, dA, dB of lora_matmul_backward for dy column_scale.
///
/// @stream, @determinism, @return  as lora_matmul_backward
/// @precision  fp32 sums; the scaled dy is rounded to T once
/// @see        Liu et al. 2024 (DoRA), arXiv:2402.09353, section 4.3: the norm is detached from the gradient
template <class T, class G>
[[nodiscard]] cudaError_t dora_backward(const dora_backward_args<T, G>& g, cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (const kd::refused r = kd::check(g); r.why != kd::refusal::none) return kd::code_of(r);
    const lora_shape& s = g.product.shape;
    const kd::dora_layout l = kd::plan_dora(s, sizeof(T));
    float* const partial = g.dmagnitude != nullptr ? kd::part<float>(g.product.workspace, l.partial) : nullptr;
    const kd::split_plan cut = kd::dora_split(s.tokens);
    cudaError_t error = cudaSuccess;
    if (s.tokens > 0) {
        const dim3 grid(static_cast<unsigned>(kd::ceil_div<std::int64_t>(s.out, kd::dora_columns)),
                        static_cast<unsigned>(cut.splits));
        error = kd::launch(kd::dora_scale<T, G>, grid, kd::dora_columns, 0, stream, g, partial,
                           static_cast<std::int64_t>(cut.steps));
    }
    if (error == cudaSuccess && g.dmagnitude != nullptr)
        error = kd::gather(partial, s.tokens > 0 ? cut.splits : 0, 1, s.out, 1.0f, g.dmagnitude, s.out, 1,
                           g.product.accumulate, stream);
    if (error != cudaSuccess) return error;
    lora_matmul_backward_args<T, G> rest = g.product;
    rest.dy = g.scaled, rest.lddy = g.lds;
    return lora_matmul_backward(rest, stream);
}

}  // namespace holdfast::kernels
