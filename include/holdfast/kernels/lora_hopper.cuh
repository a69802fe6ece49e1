#pragma once
// lora_matmul for Hopper (compile for sm_90a), by the kernel of detail/hopper_product.cuh; u comes from the kernel
// ahead, and this one has begun before that has ended. NOT YET RUN ON A GPU: nothing in the library chooses it, a
// caller must. Its arithmetic, barriers, descriptors and schedule are tested on an emulated GPU; benchmarks/gpu.sh
// checks it against fp64 and times it. bf16 and fp16; lora_hopper_backward.cuh has the gradients. Builds on detail/.

#include <holdfast/kernels/detail/hopper_call.cuh>
#include <holdfast/kernels/lora_matmul.cuh>

#include <cstdint>
#include <string>

namespace holdfast::kernels {
namespace detail {

template <class T>
[[nodiscard]] refused check_hopper(const lora_matmul_args<T>& g) noexcept {
    if (const refused r = check(g); r.why != refusal::none) return r;
    if (g.f != activation::none) return {refusal::no_activation, "f", 0, 0};
    if (g.shape.tokens == 0) return {};
    return first_of(check_for_tma("x", g.x, g.ldx, g.shape.tokens), check_for_tma("w", g.w, g.ldw, g.shape.out),
                    check_for_tma("b", g.b, g.ldb, g.shape.out),
                    g.u != nullptr ? check_for_tma("u", g.u, g.ldu, g.shape.tokens) : refused{});
}

/// y = x W' + u B' with its epilogue, for u as it will be.
template <class T>
[[nodiscard]] hopper_call<T> expansion_of(const lora_matmul_args<T>& g, const T* u, std::int64_t ldu) noexcept {
    const lora_shape& s = g.shape;
    hopper_call<T> c{{},
                     {{g.x, s.tokens, s.in, g.ldx},
                      {g.w, s.out, s.in, g.ldw},
                      {u, s.tokens, s.rank, ldu},
                      {g.b, s.out, s.rank, g.ldb}},
                     static_cast<int>(s.in),
                     static_cast<int>(s.rank)};
    c.p.m = static_cast<int>(s.tokens), c.p.n = static_cast<int>(s.out), c.p.c = g.y, c.p.ldc = g.ldy;
    c.p.column_scale = g.column_scale, c.p.bias = g.bias, c.p.residual = g.residual, c.p.ldr = g.ldr;
    return c;
}

}  // namespace detail

/// What is wrong with the arguments, as a sentence; empty if lora_matmul_hopper would take them.
template <class T>
[[nodiscard]] std::string explain_hopper(const lora_matmul_args<T>& args) {
    return detail::in_words("kernels::lora_matmul_hopper", detail::check_hopper(args));
}

/// lora_matmul by the Hopper kernel, with lora_matmul's workspace: explicit, because it has not yet been measured, nor
/// run on a GPU. x, w, b (and u, if kept) must lie on borders of 16 bytes with leading dimensions that are multiples of
/// 8; lora_matmul takes any.
///
/// @stream, @determinism, @precision  as lora_matmul
/// @return  cudaErrorInvalidValue or cudaErrorMisalignedAddress for what explain_hopper(args) names,
///          cudaErrorNoKernelImageForDevice if the device is not of compute capability 9.0, else CUDA's own
template <class T>
[[nodiscard]] cudaError_t lora_matmul_hopper(const lora_matmul_args<T>& g, cudaStream_t stream) noexcept {
    static_assert(sizeof(T) == 2, "the Hopper kernel multiplies bf16 and fp16: lora_matmul has fp32");
    if (const detail::refused r = detail::check_hopper(g); r.why != detail::refusal::none) return detail::code_of(r);
    return detail::run_with(g, stream, [&](const T* u, std::int64_t ldu) {  // u is written by the kernel ahead
        return detail::run_hopper_product<detail::hopper_sum::forward, 1, 2, 3, 4>(detail::expansion_of(g, u, ldu),
                                                                                   stream);
    });
}

}  // namespace holdfast::kernels
