#pragma once
// The same adapted product by calls of cuBLASLt: a fallback where its kernels are faster, and an oracle that shares no
// matrix product with lora_matmul.cuh. Chosen by the caller alone: nothing in this library includes this header. Link
// holdfast::cuda and CUDA::cublasLt. Two forms: accumulating calls (any matrices, dropout), and one product over a
// bordered weight (the caller leaves spare columns; no dropout). Builds on detail/cublaslt.cuh. Leaves out DoRA's
// column scale, and a search for the fastest algorithm.

#include <holdfast/kernels/detail/cublaslt.cuh>
#include <holdfast/kernels/lora_matmul.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::kernels {

/// Scratch memory that cuBLASLt is offered, a part of the workspaces below.
inline constexpr std::size_t cublaslt_scratch = std::size_t{32} << 20;

/// What a status of cuBLASLt means here, as a sentence.
[[nodiscard]] inline std::string explain(cublasStatus_t status) {
    switch (status) {
        case CUBLAS_STATUS_SUCCESS:
            return {};
        case CUBLAS_STATUS_NOT_INITIALIZED:
            return "cuBLASLt was not set up: no handle, no CUDA device, or a driver older than the library";
        case CUBLAS_STATUS_ARCH_MISMATCH:
            return "this cuBLASLt has no kernels for this GPU and these types: compute capability 8.0 is needed";
        case CUBLAS_STATUS_NOT_SUPPORTED:
            return "cuBLASLt has no algorithm for these shapes, types and borders: lora_matmul takes any";
        case CUBLAS_STATUS_INVALID_VALUE:
            return "an argument was refused: see explain(args)";
        case CUBLAS_STATUS_ALLOC_FAILED:
            return "cuBLASLt could not allocate memory of its own";
        case CUBLAS_STATUS_EXECUTION_FAILED:
            return "a kernel was not launched: cudaGetLastError has the reason";
        default:
            return sentence("cuBLASLt failed with status ", static_cast<int>(status));
    }
}

namespace detail {

struct lt_layout {
    std::size_t low = 0, mask = 0, masked = 0, scratch = 0, bytes = 0;
};

/// Room for u or ds, the mask and the masked copy of x, then the scratch memory.
[[nodiscard]] inline lt_layout plan_lt(const lora_shape& s, std::size_t element, bool dropout, bool own_low,
                                       bool own_mask) noexcept {
    lt_layout l;
    layout all;
    l.low = all.add(own_low ? s.tokens * padded_rank(s.rank) : 0, element);
    const auto words = static_cast<std::int64_t>(mask_words(static_cast<std::size_t>(s.in)));
    l.mask = all.add(dropout && own_mask ? s.tokens * words : 0, 4);
    l.masked = all.add(dropout ? s.tokens * s.in : 0, element);
    l.scratch = all.add(static_cast<std::int64_t>(cublaslt_scratch), 1);
    l.bytes = all.bytes();
    return l;
}
template <class T>
[[nodiscard]] lt_layout plan_lt(const lora_matmul_args<T>& g) noexcept {
    return plan_lt(g.shape, sizeof(T), g.dropout.threshold > 0, g.u == nullptr, g.mask == nullptr);
}
template <class T, class G>
[[nodiscard]] lt_layout plan_lt(const lora_matmul_backward_args<T, G>& g) noexcept {
    return plan_lt(g.shape, sizeof(T), g.dropout.threshold > 0, true, false);
}

template <class Args>
[[nodiscard]] refused check_lt(const Args& g) noexcept {
    refused scale;
    if constexpr (requires { g.column_scale; }) {
        if (g.column_scale != nullptr)
            scale = {refusal::no_column_scale, "column_scale", 0, 0};
        else if (g.f != activation::none)
            scale = {refusal::no_activation, "f", 0, 0};
    }
    return first_of(scale, check_within(g, plan_lt(g).bytes));
}

}  // namespace detail

/// Bytes of workspace that lora_matmul_cublaslt needs; of either direction.
template <class T>
[[nodiscard]] std::size_t lora_cublaslt_workspace(const lora_matmul_args<T>& args) noexcept {
    return detail::check_shape(args.shape).why != detail::refusal::none ? 0 : detail::plan_lt(args).bytes;
}
template <class T, class G>
[[nodiscard]] std::size_t lora_cublaslt_workspace(const lora_matmul_backward_args<T, G>& args) noexcept {
    return detail::check_shape(args.shape).why != detail::refusal::none ? 0 : detail::plan_lt(args).bytes;
}

/// What is wrong with the arguments, as a sentence; empty if lora_matmul_cublaslt would hand them to cuBLASLt.
template <class T>
[[nodiscard]] std::string explain_cublaslt(const lora_matmul_args<T>& args) {
    return detail::in_words("kernels::lora_matmul_cublaslt", detail::check_lt(args));
}
template <class T, class G>
[[nodiscard]] std::string explain_cublaslt(const lora_matmul_backward_args<T, G>& args) {
    return detail::in_words("kernels::lora_matmul_backward_cublaslt", detail::check_lt(args));
}

/// lora_matmul by accumulating calls: u = s drop(x) A', y = x W' (+ bias) (+ residual), y += u B'.
///
/// @param handle  the caller's, of the device of `stream`
/// @stream        enqueues on `stream`, does not synchronise; can be captured
/// @determinism   cuBLASLt's: bitwise for one version, device and shape
/// @precision     fp32 accumulation; y is rounded twice, u once
/// @return        CUBLAS_STATUS_INVALID_VALUE for what explain_cublaslt(args) names, else cuBLASLt's own
template <class T>
[[nodiscard]] cublasStatus_t lora_matmul_cublaslt(cublasLtHandle_t handle, const lora_matmul_args<T>& g,
                                                  cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (kd::check_lt(g).why != kd::refusal::none) return CUBLAS_STATUS_INVALID_VALUE;
    const std::int64_t m = g.shape.tokens, k = g.shape.in, n = g.shape.out, r = g.shape.rank;
    if (m == 0) return CUBLAS_STATUS_SUCCESS;
    const kd::lt_layout l = kd::plan_lt(g);
    const kd::lt_context on{handle, kd::part<void>(g.workspace, l.scratch), cublaslt_scratch, stream};
    T* const u = g.u != nullptr ? g.u : kd::part<T>(g.workspace, l.low);
    const std::int64_t ldu = g.u != nullptr ? g.ldu : kd::padded_rank(r);
    const bool drops = g.dropout.threshold > 0;
    const T* x = g.x;
    std::int64_t ldx = g.ldx;
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    if (drops) {
        auto* const mask = g.mask != nullptr ? g.mask : kd::part<std::uint32_t>(g.workspace, l.mask);
        const auto words = static_cast<std::int64_t>(mask_words(static_cast<std::size_t>(k)));
        if (kd::draw_mask(g.dropout, mask, m, words, stream) != cudaSuccess) return CUBLAS_STATUS_EXECUTION_FAILED;
        T* const masked = kd::part<T>(g.workspace, l.masked);
        status = kd::lt_mask(g.x, g.ldx, masked, k, mask, m, k, stream);
        x = masked, ldx = k;
    }
    const auto factor = static_cast<float>(g.scale * (drops ? g.dropout.keep_scale() : 1.0));
    using in = kd::lt_operand<T>;
    constexpr auto crossed = kd::as::transposed;
    if (status == CUBLAS_STATUS_SUCCESS)
        status = kd::lt_multiply<T, T>(on, m, r, k, factor, in{x, ldx}, in{g.a, g.lda, crossed}, 0, u, ldu, u, ldu);
    const bool joins = g.residual != nullptr;
    if (status == CUBLAS_STATUS_SUCCESS)
        status = kd::lt_multiply<T, T>(on, m, n, k, 1, in{g.x, g.ldx}, in{g.w, g.ldw, crossed}, joins ? 1.0f : 0.0f,
                                       joins ? g.residual : g.y, joins ? g.ldr : g.ldy, g.y, g.ldy, g.bias);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = kd::lt_multiply<T, T>(on, m, n, r, 1, in{u, ldu}, in{g.b, g.ldb, crossed}, 1, g.y, g.ldy, g.y, g.ldy);
    return status;
}

/// The gradients of lora_matmul by calls of cuBLASLt; those whose pointer is set. With dropout dx is ds A, masked, then
/// joined by dy W; it is rounded twice.
template <class T, class G>
[[nodiscard]] cublasStatus_t lora_matmul_backward_cublaslt(cublasLtHandle_t handle,
                                                           const lora_matmul_backward_args<T, G>& g,
                                                           cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (kd::check_lt(g).why != kd::refusal::none) return CUBLAS_STATUS_INVALID_VALUE;
    const std::int64_t m = g.shape.tokens, k = g.shape.in, n = g.shape.out, r = g.shape.rank;
    const kd::lt_layout l = kd::plan_lt(g);
    const kd::lt_context on{handle, kd::part<void>(g.workspace, l.scratch), cublaslt_scratch, stream};
    T* const ds = kd::part<T>(g.workspace, l.low);
    const std::int64_t ldds = kd::padded_rank(r);
    const bool drops = g.dropout.threshold > 0;
    const auto factor = static_cast<float>(g.scale * (drops ? g.dropout.keep_scale() : 1.0));
    const float keep = g.accumulate ? 1.0f : 0.0f;
    using in = kd::lt_operand<T>;
    constexpr auto crossed = kd::as::transposed;
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    const auto then = [&status](auto&& call) {
        if (status == CUBLAS_STATUS_SUCCESS) status = call();
    };
    if (g.dx != nullptr || g.da != nullptr)
        then([&] {
            return kd::lt_multiply<T, T>(on, m, r, n, factor, in{g.dy, g.lddy}, in{g.b, g.ldb}, 0, ds, ldds, ds, ldds);
        });
    if (g.db != nullptr)
        then([&] {
            return kd::lt_multiply<T, G>(on, n, r, m, 1, in{g.dy, g.lddy, crossed}, in{g.u, g.ldu}, keep, g.db, g.lddb,
                                         g.db, g.lddb);
        });
    if (g.da != nullptr) {
        in x{g.x, g.ldx};
        if (drops) {
            T* const masked = kd::part<T>(g.workspace, l.masked);
            then([&] { return kd::lt_mask(g.x, g.ldx, masked, k, g.mask, m, k, stream); });
            x = in{masked, k};
        }
        then([&] {
            return kd::lt_multiply<T, G>(on, r, k, m, 1, in{ds, ldds, crossed}, x, keep, g.da, g.ldda, g.da, g.ldda);
        });
    }
    if (g.dx != nullptr) {
        then([&] {
            return kd::lt_multiply<T, T>(on, m, k, r, 1, in{ds, ldds}, in{g.a, g.lda}, 0, g.dx, g.lddx, g.dx, g.lddx);
        });
        if (drops) then([&] { return kd::lt_mask(g.dx, g.lddx, g.dx, g.lddx, g.mask, m, k, stream); });
        then([&] {
            return kd::lt_multiply<T, T>(on, m, k, n, 1, in{g.dy, g.lddy}, in{g.w, g.ldw}, 1, g.dx, g.lddx, g.dx,
                                         g.lddx);
        });
    }
    return status;
}

}  // namespace holdfast::kernels
