#pragma once
// The steps of an adapted product, for those who put them together: lora_matmul.cuh, mixture.cuh. `g` is a struct with
// the fields of lora_matmul_args, or of lora_matmul_backward_args. Builds on products.cuh.

#include <holdfast/kernels/detail/products.cuh>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace holdfast::kernels::detail {

template <class... Checks>
[[nodiscard]] refused first_of(const Checks&... checks) noexcept {
    refused found;
    (void)((found = checks, found.why != refusal::none) || ...);
    return found;
}

[[nodiscard]] inline refused check_space(const void* workspace, std::size_t bytes, std::size_t needed) noexcept {
    if (needed == 0) return {};
    if (workspace == nullptr || bytes < needed)
        return {refusal::small_workspace, "workspace", static_cast<std::int64_t>(workspace == nullptr ? 0 : bytes),
                static_cast<std::int64_t>(needed)};
    return check_matrix("workspace", workspace, 1, 1, 1, workspace_alignment);
}

[[nodiscard]] inline refused check_dropout(const dropout_key& key) noexcept {
    if (key.threshold < 65536u) return {};
    return {refusal::dropout_out_of_range, "dropout", key.threshold, 65535};
}

template <class T>
[[nodiscard]] refused check_tf32(bool wanted) noexcept {
    if (!wanted || sizeof(T) == 4) return {};
    return {refusal::not_fp32, "tf32", 0, 0};
}

/// Whether fp32 may be rounded to tf32: the forms that have no such option do not.
template <class Args>
[[nodiscard]] bool rounds_to_tf32(const Args& g) noexcept {
    if constexpr (requires { g.tf32; })
        return g.tf32;
    else
        return false;
}

template <class P>
[[nodiscard]] P* part(void* workspace, std::size_t at) noexcept {
    return reinterpret_cast<P*>(static_cast<unsigned char*>(workspace) + at);
}

[[nodiscard]] inline std::int64_t words_of(std::int64_t in) noexcept {
    return static_cast<std::int64_t>(mask_words(static_cast<std::size_t>(in)));
}

/// s, and 1 / (1 - p) where elements are dropped.
template <class Args>
[[nodiscard]] float factor_of(const Args& g) noexcept {
    return static_cast<float>(g.scale * (g.dropout.threshold > 0 ? g.dropout.keep_scale() : 1.0));
}

template <class Args>
[[nodiscard]] cudaError_t draw_mask_of(const Args& g, std::uint32_t* mask, cudaStream_t stream) noexcept {
    if (g.dropout.threshold == 0) return cudaSuccess;
    return draw_mask(g.dropout, mask, g.shape.tokens, words_of(g.shape.in), stream);
}

/// u = s / (1 - p) (m . x) A', without a place to go.
template <class Args>
[[nodiscard]] auto shrink_of(const Args& g, const std::uint32_t* mask) noexcept {
    gemm_problem<std::remove_pointer_t<decltype(g.y)>> p;
    p.m = static_cast<int>(g.shape.tokens), p.n = static_cast<int>(g.shape.rank), p.scale = factor_of(g),
    p.tf32 = rounds_to_tf32(g);
    p.add(g.x, g.ldx, g.a, g.lda, static_cast<int>(g.shape.in), 0);
    if (g.dropout.threshold > 0) p.mask_on = masking::operand_a, p.mask = mask, p.mask_ld = words_of(g.shape.in);
    return p;
}

/// y = x W' + u B' with its epilogue.
template <class Args, class T>
[[nodiscard]] cudaError_t expand(const Args& g, const T* u, std::int64_t ldu, cudaStream_t stream) noexcept {
    gemm_problem<T> p;
    p.m = static_cast<int>(g.shape.tokens), p.n = static_cast<int>(g.shape.out), p.low_rank = 1, p.count = 2;
    p.tf32 = rounds_to_tf32(g);
    p.add(u, ldu, g.b, g.ldb, static_cast<int>(g.shape.rank), 0);
    p.add(g.x, g.ldx, g.w, g.ldw, static_cast<int>(g.shape.in), 1);
    p.c = g.y, p.ldc = g.ldy, p.column_scale = g.column_scale, p.bias = g.bias, p.residual = g.residual, p.ldr = g.ldr;
    p.f = g.f, p.z = g.z, p.ldz = g.ldz;
    return wide_product<along::row, along::row>(p, stream);
}

/// ds = s / (1 - p) dy B, without a place to go.
template <class Args>
[[nodiscard]] auto shrink_gradient_of(const Args& g) noexcept {
    gemm_problem<std::remove_pointer_t<decltype(g.dx)>> p;
    p.m = static_cast<int>(g.shape.tokens), p.n = static_cast<int>(g.shape.rank), p.scale = factor_of(g),
    p.tf32 = rounds_to_tf32(g);
    p.add(g.dy, g.lddy, g.b, g.ldb, static_cast<int>(g.shape.out), 0);
    return p;
}

/// dB = dy' u, in parts that are summed in their order.
template <class Args>
[[nodiscard]] cudaError_t gradient_of_b(const Args& g, const split_plan& split, float* partial,
                                        cudaStream_t stream) noexcept {
    const int m = static_cast<int>(g.shape.tokens), n = static_cast<int>(g.shape.out),
              r = static_cast<int>(g.shape.rank);
    gemm_problem<std::remove_cv_t<std::remove_pointer_t<decltype(g.dy)>>> p;
    p.m = n, p.n = r, p.split = split, p.partial = partial, p.tf32 = rounds_to_tf32(g);
    p.add(g.dy, g.lddy, g.u, g.ldu, m, 0);
    const cudaError_t error = m > 0 ? skinny_product<along::column, along::column>(p, stream) : cudaSuccess;
    if (error != cudaSuccess) return error;
    return gather(partial, m > 0 ? split.splits : 0, n, r, 1.0f, g.db, g.lddb, 1, g.accumulate, stream);
}

/// dA' = (m . x)' ds [k, r], to be summed in parts.
template <class Args, class T>
[[nodiscard]] gemm_problem<T> gradient_of_a_parts(const Args& g, const T* ds, std::int64_t ldds,
                                                  const split_plan& split, float* partial) noexcept {
    gemm_problem<T> p;
    p.m = static_cast<int>(g.shape.in), p.n = static_cast<int>(g.shape.rank), p.split = split, p.partial = partial;
    p.tf32 = rounds_to_tf32(g);
    p.add(g.x, g.ldx, ds, ldds, static_cast<int>(g.shape.tokens), 0);
    if (g.dropout.threshold > 0) p.mask_on = masking::operand_a, p.mask = g.mask, p.mask_ld = words_of(g.shape.in);
    return p;
}
/// Their sum, written across.
template <class Args>
[[nodiscard]] cudaError_t sum_of_a(const Args& g, const split_plan& split, const float* partial,
                                   cudaStream_t stream) noexcept {
    return gather(partial, g.shape.tokens > 0 ? split.splits : 0, g.shape.in, static_cast<int>(g.shape.rank), 1.0f,
                  g.da, 1, g.ldda, g.accumulate, stream);
}
/// dA = ds' (m . x), likewise.
template <class Args, class T>
[[nodiscard]] cudaError_t gradient_of_a(const Args& g, const T* ds, std::int64_t ldds, const split_plan& split,
                                        float* partial, cudaStream_t stream) noexcept {
    const gemm_problem<T> p = gradient_of_a_parts(g, ds, ldds, split, partial);
    const cudaError_t error =
        g.shape.tokens > 0 ? skinny_product<along::column, along::column>(p, stream) : cudaSuccess;
    return error != cudaSuccess ? error : sum_of_a(g, split, partial, stream);
}

/// Those of dB, dA, and dx = dy W + m . (ds A) that are wanted. `partial` holds one sum at a time.
template <class Args, class T>
[[nodiscard]] cudaError_t gradients_from(const Args& g, const T* ds, std::int64_t ldds, float* partial,
                                         cudaStream_t stream) noexcept {
    const lora_shape& s = g.shape;
    const backward_layout l = plan_backward(s, sizeof(T));
    cudaError_t error = g.db != nullptr ? gradient_of_b(g, l.b_split, partial, stream) : cudaSuccess;
    if (error == cudaSuccess && g.da != nullptr) error = gradient_of_a(g, ds, ldds, l.a_split, partial, stream);
    if (error != cudaSuccess || g.dx == nullptr) return error;
    gemm_problem<T> p;
    p.m = static_cast<int>(s.tokens), p.n = static_cast<int>(s.in), p.low_rank = 1, p.count = 2, p.c = g.dx,
    p.ldc = g.lddx;
    p.tf32 = rounds_to_tf32(g);
    p.add(ds, ldds, g.a, g.lda, static_cast<int>(s.rank), 0);
    p.add(g.dy, g.lddy, g.w, g.ldw, static_cast<int>(s.out), 1);
    if (g.dropout.threshold > 0) p.mask_on = masking::extension, p.mask = g.mask, p.mask_ld = words_of(s.in);
    return wide_product<along::row, along::column>(p, stream);
}

}  // namespace holdfast::kernels::detail
