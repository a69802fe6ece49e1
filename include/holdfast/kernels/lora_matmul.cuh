#pragma once
// A frozen linear layer with its low-rank adapter (LoRA) on the GPU: y = x W' + s (drop(x) A') B', and all gradients.
// Raw pointers, sizes, a stream, an error code: nothing is allocated, nothing waits, every call can be captured into a
// CUDA graph. Runs on compute capability 8.0 and later; bf16 and fp16 on tensor cores, fp32 on the ordinary units.
// The low-rank part rides in the accumulators of the frozen product (a K-extension), so y and dx are written once.
// Builds on detail/. Leaves out shapes-as-types and exceptions: adapters/lora.cuh has those.

#include <holdfast/kernels/detail/lora_steps.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::kernels {

/// Arguments of the forward product. Matrices are row-major on the device; a leading dimension counts elements from
/// one row to the next. T is float, __half or __nv_bfloat16. Any alignment works; 16-byte borders and leading
/// dimensions that are multiples of 8 are faster for 16-bit types.
template <class T>
struct lora_matmul_args {
    lora_shape shape;      ///< tokens m, in k, out n, rank r
    const T* x = nullptr;  ///< [m, k]
    std::int64_t ldx = 0;
    const T* w = nullptr;  ///< [n, k], frozen
    std::int64_t ldw = 0;
    const T* a = nullptr;  ///< [r, k]
    std::int64_t lda = 0;
    const T* b = nullptr;  ///< [n, r]
    std::int64_t ldb = 0;
    T* y = nullptr;  ///< [m, n], overwritten
    std::int64_t ldy = 0;
    float scale = 1;    ///< s: alpha / r or alpha / sqrt(r)
    bool tf32 = false;  ///< fp32 only: factors may be rounded to tf32, for tensor cores (cuBLASLt's are not)
    const float* column_scale = nullptr;  ///< [n], times x W' + u B' before bias and residual (DoRA); or null
    const T* bias = nullptr;              ///< [n], added to every row; or null
    const T* residual = nullptr;          ///< [m, n], added; or null; may be y itself
    std::int64_t ldr = 0;
    activation f = activation::none;  ///< y = f(all that); activation_gradient.cuh has its gradient
    T* z = nullptr;                   ///< [m, n], written where there is an activation: what f is of; or null
    std::int64_t ldz = 0;
    dropout_key dropout;              ///< threshold 0: no dropout
    std::uint32_t* mask = nullptr;    ///< written: [m, mask_words(k)], for backward; null: workspace, not kept
    T* u = nullptr;                   ///< written: s / (1 - p) (m . x) A' [m, r], for backward; null: not kept
    std::int64_t ldu = 0;             ///< a multiple of 8 is faster
    void* workspace = nullptr;        ///< aligned to 256 bytes
    std::size_t workspace_bytes = 0;  ///< at least lora_matmul_workspace(args)
};

/// Arguments of the gradients. G, the type of da and db, is float or T.
template <class T, class G = float>
struct lora_matmul_backward_args {
    lora_shape shape;
    const T* dy = nullptr;  ///< [m, n]
    std::int64_t lddy = 0;
    const T* x = nullptr;  ///< [m, k]; may be null where da is
    std::int64_t ldx = 0;
    const T* w = nullptr;  ///< [n, k]; may be null where dx is
    std::int64_t ldw = 0;
    const T* a = nullptr;  ///< [r, k]; may be null where dx is
    std::int64_t lda = 0;
    const T* b = nullptr;  ///< [n, r]
    std::int64_t ldb = 0;
    const T* u = nullptr;  ///< [m, r] that forward wrote; may be null where db is
    std::int64_t ldu = 0;
    const std::uint32_t* mask = nullptr;  ///< that forward wrote; needed if dropout.threshold > 0
    dropout_key dropout;
    float scale = 1;
    bool tf32 = false;  ///< as in forward
    T* dx = nullptr;    ///< [m, k], overwritten; null: not wanted
    std::int64_t lddx = 0;
    G* da = nullptr;  ///< [r, k]; null: not wanted (LoRA-FA)
    std::int64_t ldda = 0;
    G* db = nullptr;  ///< [n, r]; null: not wanted
    std::int64_t lddb = 0;
    bool accumulate = false;          ///< da += dA, db += dB instead of overwriting
    void* workspace = nullptr;        ///< aligned to 256 bytes
    std::size_t workspace_bytes = 0;  ///< at least lora_matmul_backward_workspace<T>(shape)
};

/// Bytes of workspace that lora_matmul needs for these arguments (pointers count only as null or not).
template <class T>
[[nodiscard]] std::size_t lora_matmul_workspace(const lora_matmul_args<T>& g) noexcept {
    if (detail::check_shape(g.shape).why != detail::refusal::none) return 0;
    return detail::plan_forward(g.shape, sizeof(T), g.dropout.threshold > 0, g.u != nullptr, g.mask != nullptr).bytes;
}

/// Bytes of workspace that lora_matmul_backward needs.
template <class T>
[[nodiscard]] std::size_t lora_matmul_backward_workspace(const lora_shape& shape) noexcept {
    return detail::check_shape(shape).why != detail::refusal::none ? 0 : detail::plan_backward(shape, sizeof(T)).bytes;
}

namespace detail {

template <class T>
[[nodiscard]] refused check(const lora_matmul_args<T>& g) noexcept {
    const auto& s = g.shape;
    const refused shape = check_shape(s);
    if (shape.why != refusal::none) return shape;
    const std::int64_t m = s.tokens, any = m > 0 ? 1 : 0;
    return first_of(check_dropout(g.dropout), check_tf32<T>(g.tf32), check_matrix("x", g.x, g.ldx, m, s.in, sizeof(T)),
                    check_matrix("w", g.w, g.ldw, any * s.out, s.in, sizeof(T)),
                    check_matrix("a", g.a, g.lda, any * s.rank, s.in, sizeof(T)),
                    check_matrix("b", g.b, g.ldb, any * s.out, s.rank, sizeof(T)),
                    check_matrix("y", g.y, g.ldy, m, s.out, sizeof(T)),
                    check_matrix("column_scale", g.column_scale, s.out, g.column_scale != nullptr, s.out, 4),
                    check_matrix("bias", g.bias, s.out, g.bias != nullptr, s.out, sizeof(T)),
                    check_matrix("residual", g.residual, g.ldr, g.residual != nullptr, s.out, sizeof(T)),
                    check_matrix("z", g.z, g.ldz, g.z != nullptr, s.out, sizeof(T)),
                    check_matrix("mask", g.mask, 1, g.mask != nullptr, 1, 4),
                    check_matrix("u", g.u, g.ldu, g.u != nullptr, s.rank, sizeof(T)),
                    check_space(g.workspace, g.workspace_bytes, lora_matmul_workspace(g)));
}

template <class T, class G>
[[nodiscard]] refused check(const lora_matmul_backward_args<T, G>& g) noexcept {
    const auto& s = g.shape;
    const refused shape = check_shape(s);
    if (shape.why != refusal::none) return shape;
    const std::int64_t m = s.tokens, any = m > 0 ? 1 : 0, dx = g.dx != nullptr, da = g.da != nullptr,
                       db = g.db != nullptr;
    refused mask;
    if (g.dropout.threshold > 0 && m > 0 && (dx || da) && g.mask == nullptr)
        mask = {refusal::missing_mask, "mask", 0, 0};
    refused u;
    if (db && m > 0 && g.u == nullptr) u = {refusal::missing_u, "u", 0, 0};
    return first_of(
        check_dropout(g.dropout), check_tf32<T>(g.tf32), mask, u, check_matrix("dy", g.dy, g.lddy, m, s.out, sizeof(T)),
        check_matrix("x", g.x, g.ldx, m * da, s.in, sizeof(T)),
        check_matrix("w", g.w, g.ldw, any * dx, s.in, sizeof(T)),
        check_matrix("a", g.a, g.lda, any * dx, s.in, sizeof(T)), check_matrix("b", g.b, g.ldb, any, s.rank, sizeof(T)),
        check_matrix("u", g.u, g.ldu, m * db, s.rank, sizeof(T)),
        check_matrix("mask", g.mask, 1, g.mask != nullptr, 1, 4), check_matrix("dx", g.dx, g.lddx, dx, s.in, sizeof(T)),
        check_matrix("da", g.da, g.ldda, da, s.in, sizeof(G)), check_matrix("db", g.db, g.lddb, db, s.rank, sizeof(G)),
        check_space(g.workspace, g.workspace_bytes, lora_matmul_backward_workspace<T>(s)));
}

/// The same checks for those who build on lora_matmul and need another workspace.
template <class Args>
[[nodiscard]] refused check_within(Args g, std::size_t needed) noexcept {
    if (const refused r = check_shape(g.shape); r.why != refusal::none) return r;
    const refused space = check_space(g.workspace, g.workspace_bytes, needed);
    g.workspace_bytes = std::numeric_limits<std::size_t>::max();
    return first_of(space, check(g));
}

/// The mask and u, then `last`(u, ldu): the product that a route ends with. For arguments that were checked.
template <class T, class Last>
[[nodiscard]] cudaError_t run_with(const lora_matmul_args<T>& g, cudaStream_t stream, const Last& last) noexcept {
    const lora_shape& s = g.shape;
    if (s.tokens == 0) return cudaSuccess;
    const forward_layout l = plan_forward(s, sizeof(T), g.dropout.threshold > 0, g.u != nullptr, g.mask != nullptr);
    std::uint32_t* const mask = g.mask != nullptr ? g.mask : part<std::uint32_t>(g.workspace, l.mask);
    cudaError_t error = draw_mask_of(g, mask, stream);
    if (error != cudaSuccess) return error;
    gemm_problem<T> shrink = shrink_of(g, mask);
    shrink.c = g.u != nullptr ? g.u : part<T>(g.workspace, l.u);
    shrink.ldc = g.u != nullptr ? g.ldu : padded_rank(s.rank);
    error = skinny_into<along::row, along::row>(shrink, l.shrink, part<float>(g.workspace, l.partial), stream);
    return error != cudaSuccess ? error : last(shrink.c, shrink.ldc);
}

template <class T>
[[nodiscard]] cudaError_t run(const lora_matmul_args<T>& g, cudaStream_t stream) noexcept {
    if (const refused r = check(g); r.why != refusal::none) return code_of(r);
    return run_with(g, stream, [&](const T* u, std::int64_t ldu) { return expand(g, u, ldu, stream); });
}

template <class T, class G>
[[nodiscard]] cudaError_t run(const lora_matmul_backward_args<T, G>& g, cudaStream_t stream) noexcept {
    if (const refused r = check(g); r.why != refusal::none) return code_of(r);
    const backward_layout l = plan_backward(g.shape, sizeof(T));
    T* const ds = part<T>(g.workspace, l.ds);
    const std::int64_t ldds = padded_rank(g.shape.rank);
    float* const partial = part<float>(g.workspace, l.partial);
    if (g.dx != nullptr || g.da != nullptr) {
        gemm_problem<T> p = shrink_gradient_of(g);
        p.c = ds, p.ldc = ldds;
        const cudaError_t error = skinny_into<along::row, along::column>(p, l.ds_split, partial, stream);
        if (error != cudaSuccess) return error;
    }
    return gradients_from(g, ds, ldds, partial, stream);
}

}  // namespace detail

/// What is wrong with the arguments, as a sentence; empty if lora_matmul would take them.
template <class T>
[[nodiscard]] std::string explain(const lora_matmul_args<T>& args) {
    return detail::in_words("kernels::lora_matmul", detail::check(args));
}
template <class T, class G>
[[nodiscard]] std::string explain(const lora_matmul_backward_args<T, G>& args) {
    return detail::in_words("kernels::lora_matmul_backward", detail::check(args));
}

/// What a CUDA error that these functions returned means here, as a sentence.
[[nodiscard]] inline std::string explain(cudaError_t error) {
    switch (error) {
        case cudaErrorNoKernelImageForDevice:
        case cudaErrorInvalidDeviceFunction:
            return "this program holds no machine code for this GPU: compile with nvcc -arch=native, or with -gencode "
                   "for its compute capability, 8.0 at least";
        case cudaErrorUnsupportedPtxVersion:
        case cudaErrorInsufficientDriver:
            return "the driver is older than the CUDA runtime that this program was built with: update the driver, or "
                   "build with an older toolkit";
        case cudaErrorNoDevice:
            return "there is no CUDA device on this machine";
        case cudaErrorMisalignedAddress:
            return "a pointer does not lie on a border of its element: see explain(args)";
        case cudaErrorIllegalAddress:
            return "a kernel read or wrote where there is no device memory: a pointer of the host's, or a buffer "
                   "shorter "
                   "than its shape says; the process has lost its CUDA context";
        case cudaErrorLaunchFailure:
            return "a kernel stopped on the device: the Hopper route does unless it was compiled for sm_90a (nvcc "
                   "-gencode=arch=compute_90a,code=sm_90a)";
        case cudaErrorInvalidValue:
            return "an argument was refused: see explain(args)";
        default:
            return cudaGetErrorString(error);
    }
}

/// The adapted product:
///
///     u = s / (1 - p) (m . x) A'        z = x W' + u B' (+ bias) (+ residual)        y = f(z)
///
/// Two kernels: u (one pass over x), then the frozen product, whose accumulators begin with u B'. With dropout a third
/// writes the mask first, one bit per element of x, the bits of adapters::lora on the CPU for the same seed.
///
/// @stream        enqueues on `stream`, does not synchronise; memory must outlive the work
/// @determinism   bitwise run to run and from device to device of one architecture; no atomics
/// @precision     fp32 accumulation; u and y are rounded to T once each; with an activation z is rounded, and f of
/// that. fp32 with tf32: y and u to 5e-4 of their norm
///                (5e-6 without), since every factor is rounded to 11 bits
/// @return        cudaErrorInvalidValue or cudaErrorMisalignedAddress for what explain(args) names, else CUDA's own
/// @cpu           holdfast::adapters::lora<float>::forward in <holdfast/adapters/lora.hpp>
template <class T>
[[nodiscard]] cudaError_t lora_matmul(const lora_matmul_args<T>& args, cudaStream_t stream) noexcept {
    return detail::run(args, stream);
}

/// The gradients of lora_matmul, given dy = dL/dy:
///
///     ds = s / (1 - p) dy B      dx = dy W + m . (ds A)      dA = ds' (m . x)      dB = dy' u
///
/// Only those whose pointer is set are computed. dA and dB are summed over the tokens in parts of fixed size and
/// order: no atomics, the same bits every run. dx masks the low-rank part before the frozen product joins it.
///
/// @stream @determinism @return  as lora_matmul
/// @precision  fp32 accumulation; ds and dx are rounded to T once each, da and db to G
/// @cpu        holdfast::adapters::lora<float>::backward
template <class T, class G>
[[nodiscard]] cudaError_t lora_matmul_backward(const lora_matmul_backward_args<T, G>& args,
                                               cudaStream_t stream) noexcept {
    return detail::run(args, stream);
}

}  // namespace holdfast::kernels
