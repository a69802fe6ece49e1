#pragma once
// A gated mixture of adapters (MoLoRA, X-LoRA, LoRAHub): y = x W' + sum_e g_e(token) s drop(x) A_e' B_e'. The experts'
// A_e lie one below the other and their B_e side by side, so the mixture is one adapter of rank R = experts r whose u
// is multiplied by the gates where it is summed: no pass more than a plain adapter. Gradients of the gates too. Builds
// on lora_matmul.cuh. Leaves out the router that makes the gates.

#include <holdfast/kernels/lora_matmul.cuh>

#include <cstdint>
#include <string>

namespace holdfast::kernels {

/// The gates of every token: column e is multiplied into ranks e R / experts to (e + 1) R / experts - 1.
struct expert_gates {
    std::int64_t experts = 1;     ///< divides the rank R
    const float* data = nullptr;  ///< [m, experts]
    std::int64_t ld = 0;
};

/// `product` is the adapter of rank R; its u, if kept, is the gated one; its workspace has mixture_workspace bytes.
template <class T>
struct mixture_args {
    lora_matmul_args<T> product;
    expert_gates gates;
    T* raw = nullptr;  ///< [m, R] or null, written: u before the gates; the gradient of the gates needs it
    std::int64_t ldraw = 0;
};

template <class T, class G = float>
struct mixture_backward_args {
    lora_matmul_backward_args<T, G> product;
    expert_gates gates;
    float* dgates = nullptr;  ///< [m, experts], overwritten; or null
    std::int64_t lddg = 0;
    const T* raw = nullptr;  ///< [m, R] that forward wrote; needed for dgates
    std::int64_t ldraw = 0;
};

namespace detail {

/// One thread per token and expert: the splits in their order, then the gate. Forward writes u and raw; backward writes
/// ds, and the gate's gradient, the product of raw with the ungated gradient of u.
template <int Threads, class T>
__global__ void __launch_bounds__(Threads)
    gate_forward(const float* partial, int splits, std::int64_t tokens, int rank, float scale, expert_gates gates, T* u,
                 std::int64_t ldu, T* raw, std::int64_t ldraw) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * Threads + threadIdx.x, count = tokens * rank;
    if (i >= tokens * gates.experts) return;
    const std::int64_t row = i / gates.experts, e = i % gates.experts;
    const int each = rank / static_cast<int>(gates.experts), q0 = static_cast<int>(e) * each;
    const float gate = gates.data[row * gates.ld + e];
    for (int q = q0; q < q0 + each; ++q) {
        float sum = 0;
        for (int s = 0; s < splits; ++s) sum += partial[s * count + row * rank + q];
        sum *= scale;
        if (raw != nullptr) raw[row * ldraw + q] = rounded<T>(sum);
        u[row * ldu + q] = rounded<T>(gate * sum);
    }
}

template <int Threads, class T>
__global__ void __launch_bounds__(Threads)
    gate_backward(const float* partial, int splits, std::int64_t tokens, int rank, float scale, expert_gates gates,
                  T* ds, std::int64_t ldds, const T* raw, std::int64_t ldraw, float* dgates, std::int64_t lddg) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * Threads + threadIdx.x, count = tokens * rank;
    if (i >= tokens * gates.experts) return;
    const std::int64_t row = i / gates.experts, e = i % gates.experts;
    const int each = rank / static_cast<int>(gates.experts), q0 = static_cast<int>(e) * each;
    const float gate = gates.data[row * gates.ld + e];
    float slope = 0;
    for (int q = q0; q < q0 + each; ++q) {
        float sum = 0;
        for (int s = 0; s < splits; ++s) sum += partial[s * count + row * rank + q];
        ds[row * ldds + q] = rounded<T>(scale * gate * sum);
        if (dgates != nullptr) slope += sum * to_float(raw[row * ldraw + q]);
    }
    if (dgates != nullptr) dgates[row * lddg + e] = slope;
}

struct mixture_layout {
    std::size_t low = 0, mask = 0, partial = 0, bytes = 0;
};

template <class T>
[[nodiscard]] mixture_layout plan(const lora_matmul_args<T>& g) noexcept {
    mixture_layout l;
    layout all;
    const lora_shape& s = g.shape;
    l.low = all.add(g.u != nullptr ? 0 : s.tokens * padded_rank(s.rank), sizeof(T));
    l.mask = all.add(g.dropout.threshold > 0 && g.mask == nullptr ? s.tokens * words_of(s.in) : 0, 4);
    l.partial = all.add(partial_size(s.tokens, s.rank, skinny_split(s.tokens, s.rank, s.in), true), 4);
    l.bytes = all.bytes();
    return l;
}
template <class T, class G>
[[nodiscard]] mixture_layout plan(const lora_matmul_backward_args<T, G>& g) noexcept {
    mixture_layout l;
    layout all;
    const lora_shape& s = g.shape;
    l.low = all.add(s.tokens * padded_rank(s.rank), sizeof(T));
    const backward_layout b = plan_backward(s, sizeof(T));
    const std::int64_t parts = partial_size(s.tokens, s.rank, b.ds_split, true),
                       a = partial_size(s.in, s.rank, b.a_split, true),
                       out = partial_size(s.out, s.rank, b.b_split, true);
    l.partial = all.add(larger(parts, larger(a, out)), 4);
    l.bytes = all.bytes();
    return l;
}

[[nodiscard]] inline refused check_gates(const lora_shape& s, const expert_gates& g) noexcept {
    if (const refused r = check_shape(s); r.why != refusal::none) return r;
    if (g.experts < 1 || s.rank % g.experts != 0) return {refusal::experts_out_of_range, "experts", g.experts, s.rank};
    return check_matrix("gates", g.data, g.ld, s.tokens, g.experts, 4);
}

template <class T>
[[nodiscard]] refused check(const mixture_args<T>& g) noexcept {
    if (const refused r = check_gates(g.product.shape, g.gates); r.why != refusal::none) return r;
    return first_of(check_within(g.product, plan(g.product).bytes),
                    check_matrix("raw", g.raw, g.ldraw, g.raw != nullptr, g.product.shape.rank, sizeof(T)));
}
template <class T, class G>
[[nodiscard]] refused check(const mixture_backward_args<T, G>& g) noexcept {
    const lora_shape& s = g.product.shape;
    if (const refused r = check_gates(s, g.gates); r.why != refusal::none) return r;
    const bool wanted = g.dgates != nullptr && s.tokens > 0;
    return first_of(check_within(g.product, plan(g.product).bytes),
                    check_matrix("raw", g.raw, g.ldraw, wanted, s.rank, sizeof(T)),
                    check_matrix("dgates", g.dgates, g.lddg, wanted, g.gates.experts, 4));
}

[[nodiscard]] inline dim3 gate_grid(std::int64_t tokens, std::int64_t experts) noexcept {
    return dim3(static_cast<unsigned>(ceil_div<std::int64_t>(tokens * experts, 128)));
}

template <class T>
[[nodiscard]] cudaError_t run(const mixture_args<T>& g, cudaStream_t stream) noexcept {
    if (const refused r = check(g); r.why != refusal::none) return code_of(r);
    const auto& f = g.product;
    const lora_shape& s = f.shape;
    if (s.tokens == 0) return cudaSuccess;
    const mixture_layout l = plan(f);
    std::uint32_t* const mask = f.mask != nullptr ? f.mask : part<std::uint32_t>(f.workspace, l.mask);
    cudaError_t error = draw_mask_of(f, mask, stream);
    if (error != cudaSuccess) return error;
    gemm_problem<T> p = shrink_of(f, mask);
    const float scale = p.scale;
    p.split = skinny_split(s.tokens, s.rank, s.in), p.partial = part<float>(f.workspace, l.partial);
    error = skinny_product<along::row, along::row>(p, stream);
    if (error != cudaSuccess) return error;
    T* const u = f.u != nullptr ? f.u : part<T>(f.workspace, l.low);
    const std::int64_t ldu = f.u != nullptr ? f.ldu : padded_rank(s.rank);
    error = launch(gate_forward<128, T>, gate_grid(s.tokens, g.gates.experts), 128, 0, stream, p.partial,
                   p.split.splits, s.tokens, static_cast<int>(s.rank), scale, g.gates, u, ldu, g.raw, g.ldraw);
    return error != cudaSuccess ? error : expand(f, u, ldu, stream);
}

template <class T, class G>
[[nodiscard]] cudaError_t run(const mixture_backward_args<T, G>& g, cudaStream_t stream) noexcept {
    if (const refused r = check(g); r.why != refusal::none) return code_of(r);
    const auto& f = g.product;
    const lora_shape& s = f.shape;
    const mixture_layout l = plan(f);
    T* const ds = part<T>(f.workspace, l.low);
    const std::int64_t ldds = padded_rank(s.rank);
    float* const partial = part<float>(f.workspace, l.partial);
    if (s.tokens > 0 && (f.dx != nullptr || f.da != nullptr || g.dgates != nullptr)) {
        gemm_problem<T> p = shrink_gradient_of(f);
        const float scale = p.scale;
        p.split = skinny_split(s.tokens, s.rank, s.out), p.partial = partial;
        cudaError_t error = skinny_product<along::row, along::column>(p, stream);
        if (error == cudaSuccess)
            error = launch(gate_backward<128, T>, gate_grid(s.tokens, g.gates.experts), 128, 0, stream, partial,
                           p.split.splits, s.tokens, static_cast<int>(s.rank), scale, g.gates, ds, ldds, g.raw, g.ldraw,
                           g.dgates, g.lddg);
        if (error != cudaSuccess) return error;
    }
    return gradients_from(f, ds, ldds, partial, stream);
}

}  // namespace detail

/// Bytes of workspace that a direction needs, in product.workspace.
template <class T>
[[nodiscard]] std::size_t mixture_workspace(const mixture_args<T>& args) noexcept {
    return detail::check_shape(args.product.shape).why != detail::refusal::none ? 0 : detail::plan(args.product).bytes;
}
template <class T, class G>
[[nodiscard]] std::size_t mixture_workspace(const mixture_backward_args<T, G>& args) noexcept {
    return detail::check_shape(args.product.shape).why != detail::refusal::none ? 0 : detail::plan(args.product).bytes;
}

/// What is wrong with the arguments, as a sentence; empty if mixture would take them.
template <class T>
[[nodiscard]] std::string explain(const mixture_args<T>& args) {
    return detail::in_words("kernels::mixture", detail::check(args));
}
template <class T, class G>
[[nodiscard]] std::string explain(const mixture_backward_args<T, G>& args) {
    return detail::in_words("kernels::mixture_backward", detail::check(args));
}

/// raw = s / (1 - p) (m . x) A', u = gate raw, y = x W' + u B' with lora_matmul's epilogue.
/// @stream, @determinism, @return  as lora_matmul
/// @precision  fp32 until u, raw and y are rounded, once each
template <class T>
[[nodiscard]] cudaError_t mixture(const mixture_args<T>& args, cudaStream_t stream) noexcept {
    return detail::run(args, stream);
}

/// dgate_e = sum over its ranks of (dy B) raw, ds = s / (1 - p) gate (dy B), then dB, dA and dx as
/// lora_matmul_backward.
template <class T, class G>
[[nodiscard]] cudaError_t mixture_backward(const mixture_backward_args<T, G>& args, cudaStream_t stream) noexcept {
    return detail::run(args, stream);
}

}  // namespace holdfast::kernels
