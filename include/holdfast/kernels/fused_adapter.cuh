#pragma once
// Several adapted projections of one input as one: query, key and value, or gate and up. One dropout mask, one pass
// over x for all u, one launch for all outputs, one product for dx. Builds on detail/; each slice is what
// lora_matmul.cuh computes alone; swiglu.cuh has gate and up with their activation.

#include <holdfast/kernels/lora_matmul.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::kernels {

inline constexpr int most_slices = 3;

/// One projection of the fused layer: y_i = x W_i' + s drop(x) A_i' B_i' (+ bias_i) (+ residual_i).
template <class T>
struct fused_slice {
    std::int64_t out = 0;  ///< n_i
    const T* w = nullptr;  ///< [n_i, k], frozen
    std::int64_t ldw = 0;
    const T* b = nullptr;  ///< [n_i, r]
    std::int64_t ldb = 0;
    T* y = nullptr;  ///< [m, n_i]: output of forward
    std::int64_t ldy = 0;
    const T* bias = nullptr;      ///< [n_i] or null
    const T* residual = nullptr;  ///< [m, n_i], added to y_i; or null; may be y_i itself
    std::int64_t ldr = 0;
    activation f = activation::none;  ///< y_i = f(all that); activation_gradient.cuh has its gradient
    T* z = nullptr;                   ///< [m, n_i], written where there is an activation: what f is of; or null
    std::int64_t ldz = 0;
    const T* dy = nullptr;  ///< [m, n_i]: input of backward
    std::int64_t lddy = 0;
    float* db = nullptr;  ///< [n_i, r]: gradient of B_i, or null
    std::int64_t lddb = 0;
};

/// Arguments of the fused layer, forward and backward. All slices have rank r and scale s, and drop the same elements
/// of x; their A_i lie one below the other: a [count r, k], rows i r to (i + 1) r belong to slice i.
template <class T>
struct fused_adapter_args {
    std::int64_t tokens = 0, in = 0, rank = 0;
    int count = 0;  ///< slices, 1 to 3
    fused_slice<T> slice[most_slices];
    const T* x = nullptr;  ///< [m, k]
    std::int64_t ldx = 0;
    const T* a = nullptr;  ///< [count r, k]
    std::int64_t lda = 0;
    float scale = 1;
    bool tf32 = false;  ///< fp32 only: factors may be rounded to tf32, for tensor cores
    dropout_key dropout;
    std::uint32_t* mask = nullptr;  ///< [m, mask_words(k)]: written by forward, read by backward; needed if p > 0
    T* u = nullptr;                 ///< [m, count padded_rank(r)]: written by forward, read by backward
    std::int64_t ldu = 0;           ///< a multiple of 8 is faster
    T* dx = nullptr;                ///< [m, k], or null
    std::int64_t lddx = 0;
    float* da = nullptr;  ///< [count r, k], or null
    std::int64_t ldda = 0;
    bool accumulate = false;          ///< da and db are added to
    void* workspace = nullptr;        ///< aligned to 256 bytes
    std::size_t workspace_bytes = 0;  ///< at least fused_adapter_workspace(args)
};

/// Columns of u that one slice takes: the rank, up to a multiple of 8.
[[nodiscard]] inline std::int64_t fused_u_cols(std::int64_t rank) noexcept { return detail::padded_rank(rank); }

namespace detail {

struct fused_layout {
    std::size_t ds = 0, partial = 0, bytes = 0;
};

template <class T>
[[nodiscard]] fused_layout plan_fused(const fused_adapter_args<T>& g) noexcept {
    fused_layout l;
    layout all;
    const std::int64_t m = g.tokens, r = g.rank;
    l.ds = all.add(m * g.count * padded_rank(r), sizeof(T));
    std::int64_t most = larger(partial_size(m, r, skinny_split(m, r, g.in), false),
                               partial_size(m, r * g.count, skinny_split(m, r * g.count, g.in), false));
    most = larger(most, partial_size(g.in, r, skinny_split(g.in, r, m), true));
    for (int i = 0; i < g.count; ++i) {
        const std::int64_t n = g.slice[i].out;
        most = larger(most, partial_size(n, r, skinny_split(n, r, m), true));
    }
    l.partial = all.add(most, 4);
    l.bytes = all.bytes();
    return l;
}

template <class T>
[[nodiscard]] refused check_shapes(const fused_adapter_args<T>& g) noexcept {
    if (g.count < 1 || g.count > most_slices) return {refusal::slices_out_of_range, "count", g.count, most_slices};
    for (int i = 0; i < g.count; ++i) {
        const lora_shape shape{g.tokens, g.in, g.slice[i].out, g.rank};
        if (const refused r = check_shape(shape); r.why != refusal::none) return r;
    }
    return {};
}

template <class T>
[[nodiscard]] refused check_common(const fused_adapter_args<T>& g) noexcept {
    if (const refused r = check_shapes(g); r.why != refusal::none) return r;
    const std::int64_t any = g.tokens > 0 ? 1 : 0;
    refused mask;
    if (g.dropout.threshold > 0 && any && g.mask == nullptr) mask = {refusal::missing_mask, "mask", 0, 0};
    return first_of(check_dropout(g.dropout), check_tf32<T>(g.tf32), mask,
                    check_matrix("x", g.x, g.ldx, g.tokens, g.in, sizeof(T)),
                    check_matrix("a", g.a, g.lda, any, g.in, sizeof(T)),
                    check_matrix("u", g.u, g.ldu, any, g.count * padded_rank(g.rank), sizeof(T)),
                    check_space(g.workspace, g.workspace_bytes, plan_fused(g).bytes));
}

template <class T>
[[nodiscard]] refused check_forward(const fused_adapter_args<T>& g, bool writes_y = true) noexcept {
    if (const refused r = check_common(g); r.why != refusal::none) return r;
    const std::int64_t any = g.tokens > 0 ? 1 : 0;
    for (int i = 0; i < g.count; ++i) {
        const auto& s = g.slice[i];
        const refused r = first_of(check_matrix("w", s.w, s.ldw, any, g.in, sizeof(T)),
                                   check_matrix("b", s.b, s.ldb, any, g.rank, sizeof(T)),
                                   check_matrix("y", s.y, s.ldy, any * (writes_y || s.y), s.out, sizeof(T)),
                                   check_matrix("bias", s.bias, s.out, s.bias != nullptr, s.out, sizeof(T)),
                                   check_matrix("residual", s.residual, s.ldr, s.residual != nullptr, s.out, sizeof(T)),
                                   check_matrix("z", s.z, s.ldz, s.z != nullptr, s.out, sizeof(T)));
        if (r.why != refusal::none) return r;
    }
    return {};
}

template <class T>
[[nodiscard]] refused check_backward(const fused_adapter_args<T>& g) noexcept {
    if (const refused r = check_common(g); r.why != refusal::none) return r;
    const std::int64_t any = g.tokens > 0 ? 1 : 0;
    for (int i = 0; i < g.count; ++i) {
        const auto& s = g.slice[i];
        const refused r = first_of(check_matrix("dy", s.dy, s.lddy, any, s.out, sizeof(T)),
                                   check_matrix("b", s.b, s.ldb, any, g.rank, sizeof(T)),
                                   check_matrix("w", s.w, s.ldw, any * (g.dx != nullptr), g.in, sizeof(T)),
                                   check_matrix("db", s.db, s.lddb, s.db != nullptr, g.rank, sizeof(float)));
        if (r.why != refusal::none) return r;
    }
    return first_of(check_matrix("dx", g.dx, g.lddx, g.dx != nullptr, g.in, sizeof(T)),
                    check_matrix("da", g.da, g.ldda, g.da != nullptr, g.in, sizeof(float)));
}

/// The mask, and u of all slices: their A lie one below the other.
template <class T>
[[nodiscard]] cudaError_t shrink_all(const fused_adapter_args<T>& g, cudaStream_t stream) noexcept {
    const int m = static_cast<int>(g.tokens), k = static_cast<int>(g.in), r = static_cast<int>(g.rank);
    const std::int64_t width = padded_rank(r), words = words_of(k);
    const bool drops = g.dropout.threshold > 0;
    cudaError_t error = drops ? draw_mask(g.dropout, g.mask, g.tokens, words, stream) : cudaSuccess;
    gemm_problem<T> u;
    u.m = m, u.n = g.count * r, u.c = g.u, u.ldc = g.ldu, u.scale = factor_of(g), u.tf32 = g.tf32;
    if (drops) u.mask_on = masking::operand_a, u.mask = g.mask, u.mask_ld = words;
    u.add(g.x, g.ldx, g.a, g.lda, k, 0);
    float* const partial = part<float>(g.workspace, plan_fused(g).partial);
    if (width == r) {
        if (error == cudaSuccess)
            error = skinny_into<along::row, along::row>(u, skinny_split(m, u.n, k), partial, stream);
        return error;
    }
    for (int i = 0; i < g.count && error == cudaSuccess; ++i) {  // columns of u between the slices stay as they are
        u.n = r, u.c = g.u + i * width, u.sum[0].b = g.a + i * r * g.lda;
        error = skinny_into<along::row, along::row>(u, skinny_split(m, r, k), partial, stream);
    }
    return error;
}

template <class T>
[[nodiscard]] cudaError_t run_forward(const fused_adapter_args<T>& g, cudaStream_t stream) noexcept {
    if (const refused r = check_forward(g); r.why != refusal::none) return code_of(r);
    if (g.tokens == 0) return cudaSuccess;
    if (const cudaError_t error = shrink_all(g, stream); error != cudaSuccess) return error;
    gemm_batch<T> wide;
    wide.count = g.count;
    for (int i = 0; i < g.count; ++i) {
        const auto& s = g.slice[i];
        auto& y = wide.problem[i];
        y.m = static_cast<int>(g.tokens), y.n = static_cast<int>(s.out), y.low_rank = 1, y.count = 2;
        y.tf32 = g.tf32;
        y.add(g.u + i * padded_rank(g.rank), g.ldu, s.b, s.ldb, static_cast<int>(g.rank), 0);
        y.add(g.x, g.ldx, s.w, s.ldw, static_cast<int>(g.in), 1);
        y.c = s.y, y.ldc = s.ldy, y.bias = s.bias, y.residual = s.residual, y.ldr = s.ldr;
        y.f = s.f, y.z = s.z, y.ldz = s.ldz;
    }
    return wide_products<along::row, along::row>(wide, stream);
}

template <class T>
[[nodiscard]] cudaError_t run_backward(const fused_adapter_args<T>& g, cudaStream_t stream) noexcept {
    if (const refused r = check_backward(g); r.why != refusal::none) return code_of(r);
    const int m = static_cast<int>(g.tokens), k = static_cast<int>(g.in), r = static_cast<int>(g.rank);
    const std::int64_t width = padded_rank(r), words = words_of(k);
    const std::int64_t ldds = width * g.count;
    const bool drops = g.dropout.threshold > 0;
    const fused_layout l = plan_fused(g);
    T* const ds = part<T>(g.workspace, l.ds);
    float* const partial = part<float>(g.workspace, l.partial);
    cudaError_t error = cudaSuccess;

    gemm_batch<T> shrink;
    shrink.count = g.count;
    for (int i = 0; i < g.count; ++i) {
        const auto& s = g.slice[i];
        auto& p = shrink.problem[i];
        p.m = m, p.n = r, p.c = ds + i * width, p.ldc = ldds;
        p.scale = factor_of(g), p.tf32 = g.tf32;
        p.add(s.dy, s.lddy, s.b, s.ldb, static_cast<int>(s.out), 0);
    }
    if (m > 0 && (g.dx != nullptr || g.da != nullptr))
        error = skinny_products<along::row, along::column>(shrink, stream);

    // sums over the tokens, cut and added in a fixed order; they share the partial sums' memory, one after the other
    const auto over_tokens = [&](const T* z, std::int64_t ldz, int rows, bool masked, const T* v, std::int64_t ldv,
                                 float* out, std::int64_t row_stride, std::int64_t col_stride) {
        gemm_problem<T> p;
        p.m = rows, p.n = r, p.split = skinny_split(rows, r, m), p.partial = partial, p.tf32 = g.tf32;
        p.add(z, ldz, v, ldv, m, 0);
        if (masked) p.mask_on = masking::operand_a, p.mask = g.mask, p.mask_ld = words;
        if (m > 0) error = skinny_product<along::column, along::column>(p, stream);
        if (error == cudaSuccess)
            error = gather(partial, m > 0 ? p.split.splits : 0, rows, r, 1.0f, out, row_stride, col_stride,
                           g.accumulate, stream);
    };
    for (int i = 0; i < g.count && error == cudaSuccess; ++i) {
        const auto& s = g.slice[i];
        if (s.db != nullptr)
            over_tokens(s.dy, s.lddy, static_cast<int>(s.out), false, g.u + i * width, g.ldu, s.db, s.lddb, 1);
        if (g.da != nullptr && error == cudaSuccess)
            over_tokens(g.x, g.ldx, k, drops, ds + i * width, ldds, g.da + i * r * g.ldda, 1, g.ldda);
    }
    if (g.dx == nullptr || error != cudaSuccess) return error;
    gemm_problem<T> p;  // all slices at once: the sum runs over their outputs, after their masked low-rank parts
    p.m = m, p.n = k, p.low_rank = g.count, p.count = 2 * g.count, p.c = g.dx, p.ldc = g.lddx;
    p.tf32 = g.tf32;
    for (int i = 0; i < g.count; ++i) {
        const auto& s = g.slice[i];
        p.add(ds + i * width, ldds, g.a + i * r * g.lda, g.lda, r, i);
        p.add(s.dy, s.lddy, s.w, s.ldw, static_cast<int>(s.out), g.count + i);
    }
    if (drops) p.mask_on = masking::extension, p.mask = g.mask, p.mask_ld = words;
    return wide_product<along::row, along::column>(p, stream);
}

}  // namespace detail

/// Bytes of workspace that both directions need.
template <class T>
[[nodiscard]] std::size_t fused_adapter_workspace(const fused_adapter_args<T>& args) noexcept {
    return detail::check_shapes(args).why != detail::refusal::none ? 0 : detail::plan_fused(args).bytes;
}

/// What is wrong with the arguments, as a sentence; empty if fused_adapter would take them.
template <class T>
[[nodiscard]] std::string explain(const fused_adapter_args<T>& args) {
    return detail::in_words("kernels::fused_adapter", detail::check_forward(args));
}
template <class T>
[[nodiscard]] std::string explain_backward(const fused_adapter_args<T>& args) {
    return detail::in_words("kernels::fused_adapter_backward", detail::check_backward(args));
}

/// y_i = x W_i' + s drop(x) A_i' B_i' (+ bias_i) (+ residual_i) for every slice: one pass over x for all u if the rank
/// is a multiple of 8, then one launch for all y_i.
///
/// @stream, @determinism, @precision, @return  as lora_matmul; each y_i has the tolerance of a slice computed alone
template <class T>
[[nodiscard]] cudaError_t fused_adapter(const fused_adapter_args<T>& args, cudaStream_t stream) noexcept {
    return detail::run_forward(args, stream);
}

/// dx = sum_i dy_i W_i + m . sum_i ds_i A_i, written once; dA and every dB_i that is wanted.
template <class T>
[[nodiscard]] cudaError_t fused_adapter_backward(const fused_adapter_args<T>& args, cudaStream_t stream) noexcept {
    return detail::run_backward(args, stream);
}

}  // namespace holdfast::kernels
