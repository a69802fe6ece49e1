#pragma once
// lora_matmul_backward for Hopper (compile for sm_90a): one pass over dy for s dy B and dB, then dx by the forward's
// persistent kernel with the second factors across, the low-rank product masked where x was dropped; dA by the split
// product that every architecture has. NOT YET RUN ON A GPU: nothing in the library chooses it, a caller must. Tested
// on an emulated GPU; benchmarks/gpu.sh checks it against fp64 and times it. bf16 and fp16. Builds on detail/.

#include <holdfast/kernels/detail/gradient_pass.cuh>
#include <holdfast/kernels/detail/hopper_call.cuh>
#include <holdfast/kernels/lora_matmul.cuh>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace holdfast::kernels {
namespace detail {

struct hopper_backward_layout {
    std::size_t ds = 0, partial = 0, db_parts = 0, bytes = 0;
    pass_plan pass;
    split_plan a_split;
};

[[nodiscard]] inline hopper_backward_layout plan_hopper_backward(const lora_shape& s) noexcept {
    hopper_backward_layout l;
    layout all;
    l.pass = plan_pass(s.tokens, s.out);
    l.a_split = skinny_split(s.in, s.rank, s.tokens);
    l.ds = all.add(s.tokens * padded_rank(s.rank), 2);
    const std::int64_t ds_parts = l.pass.groups > 1 ? l.pass.groups * s.tokens * s.rank : 0;
    l.partial = all.add(larger(ds_parts, partial_size(s.in, s.rank, l.a_split, true)), 4);  // one after the other
    l.db_parts = all.add(l.pass.splits * s.out * s.rank, 4);
    l.bytes = all.bytes();
    return l;
}

template <class T, class G>
[[nodiscard]] refused check_hopper(const lora_matmul_backward_args<T, G>& g) noexcept {
    const lora_shape& s = g.shape;
    if (const refused r = check_shape(s); r.why != refusal::none) return r;
    if (const refused r = check_within(g, plan_hopper_backward(s).bytes); r.why != refusal::none) return r;
    if (s.tokens == 0 || g.dx == nullptr) return {};
    return first_of(check_for_tma("dy", g.dy, g.lddy, s.tokens), check_for_tma("w", g.w, g.ldw, s.out),
                    check_for_tma("a", g.a, g.lda, s.rank));
}

/// dx = dy W + m . (ds A), for ds as the kernel ahead will have written it.
template <class T, class G>
[[nodiscard]] hopper_call<T> dx_of(const lora_matmul_backward_args<T, G>& g, const T* ds, std::int64_t ldds) noexcept {
    const lora_shape& s = g.shape;
    hopper_call<T> c{{},
                     {{g.dy, s.tokens, s.out, g.lddy},
                      {g.w, s.out, s.in, g.ldw},
                      {ds, s.tokens, s.rank, ldds},
                      {g.a, s.rank, s.in, g.lda}},
                     static_cast<int>(s.out),
                     static_cast<int>(s.rank)};
    c.p.m = static_cast<int>(s.tokens), c.p.n = static_cast<int>(s.in), c.p.c = g.dx, c.p.ldc = g.lddx;
    if (g.dropout.threshold > 0) c.p.mask = g.mask, c.p.mask_ld = words_of(s.in);
    return c;
}

/// f(a hopper_sum, as a type): whether dx is masked.
template <class Args, class F>
[[nodiscard]] cudaError_t as_masked(const Args& g, const F& f) noexcept {
    if (g.dropout.threshold > 0) return f(std::integral_constant<hopper_sum, hopper_sum::masked_backward>{});
    return f(std::integral_constant<hopper_sum, hopper_sum::backward>{});
}

struct dx_alone {
    static constexpr bool with_da = false;
    template <class T, class G>
    cudaError_t operator()(const lora_matmul_backward_args<T, G>& g, const T* ds, std::int64_t ldds, const split_plan&,
                           float*, cudaStream_t stream) const noexcept {
        return as_masked(g, [&](auto sum) { return run_hopper_product<sum.value, 1, 4>(dx_of(g, ds, ldds), stream); });
    }
};

/// @param dx_step  enqueues dx, and, if it says so, the partial sums of dA too where that is wanted
template <class T, class G, class DxStep>
[[nodiscard]] cudaError_t run_on_hopper(const lora_matmul_backward_args<T, G>& g, const DxStep& dx_step,
                                        cudaStream_t stream) noexcept {
    const lora_shape& s = g.shape;
    const hopper_backward_layout l = plan_hopper_backward(s);
    int multiprocessors = 0;
    if (const cudaError_t error = hopper_multiprocessors(multiprocessors); error != cudaSuccess) return error;
    T* const ds = part<T>(g.workspace, l.ds);
    float *const partial = part<float>(g.workspace, l.partial), *const db_parts = part<float>(g.workspace, l.db_parts);
    const std::int64_t ldds = padded_rank(s.rank);
    const bool wants_ds = g.dx != nullptr || g.da != nullptr, whole = l.pass.groups == 1;
    cudaError_t error = cudaSuccess;
    if (s.tokens > 0 && (wants_ds || g.db != nullptr)) {
        pass_problem<T> p;
        p.dy = g.dy, p.lddy = g.lddy, p.b = g.b, p.ldb = g.ldb;
        if (g.db != nullptr) p.u = g.u, p.ldu = g.ldu, p.db_parts = db_parts;
        p.fast_dy = fast(p.dy, p.lddy), p.fast_b = fast(p.b, p.ldb), p.fast_u = fast(p.u, p.ldu);
        p.m = static_cast<int>(s.tokens), p.n = static_cast<int>(s.out), p.rank = static_cast<int>(s.rank);
        p.plan = l.pass, p.scale = factor_of(g), p.ldds = ldds;
        if (wants_ds && whole) p.ds = ds;
        if (wants_ds && !whole) p.ds_parts = partial;
        error = run_pass(p, stream);
        if (error == cudaSuccess && p.ds_parts != nullptr)
            error = gather(partial, l.pass.groups, s.tokens, p.rank, p.scale, ds, ldds, 1, false, stream);
        if (error == cudaSuccess && g.dx != nullptr) error = dx_step(g, ds, ldds, l.a_split, partial, stream);
    }
    if (error == cudaSuccess && g.db != nullptr)
        error = gather(db_parts, s.tokens > 0 ? l.pass.splits : 0, s.out, static_cast<int>(s.rank), 1.0f, g.db, g.lddb,
                       1, g.accumulate, stream);
    if (error != cudaSuccess || g.da == nullptr) return error;
    return DxStep::with_da && g.dx != nullptr ? sum_of_a(g, l.a_split, partial, stream)
                                              : gradient_of_a(g, ds, ldds, l.a_split, partial, stream);
}

}  // namespace detail

/// Bytes of workspace that lora_matmul_backward_hopper needs.
[[nodiscard]] inline std::size_t lora_matmul_backward_hopper_workspace(const lora_shape& shape) noexcept {
    return detail::check_shape(shape).why != detail::refusal::none ? 0 : detail::plan_hopper_backward(shape).bytes;
}

/// What is wrong with the arguments, as a sentence; empty if lora_matmul_backward_hopper would take them.
template <class T, class G>
[[nodiscard]] std::string explain_hopper(const lora_matmul_backward_args<T, G>& args) {
    return detail::in_words("kernels::lora_matmul_backward_hopper", detail::check_hopper(args));
}

/// lora_matmul_backward by the Hopper kernels: explicit, because they have not yet been measured, nor run on a GPU.
/// Where dx is wanted, dy, w and a must lie on borders of 16 bytes with leading dimensions that are multiples of 8;
/// lora_matmul_backward takes any. Its workspace is lora_matmul_backward_hopper_workspace(shape) bytes.
///
/// @stream, @determinism, @precision  as lora_matmul_backward
/// @return  cudaErrorInvalidValue or cudaErrorMisalignedAddress for what explain_hopper(args) names,
///          cudaErrorNoKernelImageForDevice if the device is not of compute capability 9.0, else CUDA's own
template <class T, class G>
[[nodiscard]] cudaError_t lora_matmul_backward_hopper(const lora_matmul_backward_args<T, G>& g,
                                                      cudaStream_t stream) noexcept {
    static_assert(sizeof(T) == 2, "the Hopper kernels multiply bf16 and fp16: lora_matmul_backward has fp32");
    if (const detail::refused r = detail::check_hopper(g); r.why != detail::refusal::none) return detail::code_of(r);
    return detail::run_on_hopper(g, detail::dx_alone{}, stream);
}

}  // namespace holdfast::kernels
