#pragma once
// The adapted product as one call of cuBLASLt over a bordered weight: [x | u] [[W, B], [A, 0]]' gives y, and
// [dy | ds] times its first columns gives dx. The frozen W is copied into the bordered buffer once, A and B after every
// step of the optimiser; x and dy are kept by the caller with padded_rank(r) spare columns, into which u and ds are
// written. No dropout: its mask would have to part the sum. Builds on lora_cublaslt.cuh; link CUDA::cublasLt.

#include <holdfast/kernels/lora_cublaslt.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::kernels {

/// Columns that a bordered buffer, x and dy have beyond their width: the rank, up to a multiple of 8.
[[nodiscard]] inline std::int64_t border_width(std::int64_t rank) noexcept { return detail::padded_rank(rank); }

/// Arguments of both directions. Spare columns are the last border_width(r) of a row.
template <class T, class G = float>
struct bordered_lora_args {
    lora_shape shape;           ///< tokens m, in k, out n, rank r
    const T* weight = nullptr;  ///< [n + border, k + border] as border_weight and border_adapter wrote it
    std::int64_t ldw = 0;
    T* x = nullptr;  ///< [m, k + border]: x, and room for u, which forward writes
    std::int64_t ldx = 0;
    T* y = nullptr;  ///< [m, n], overwritten by forward
    std::int64_t ldy = 0;
    const T* bias = nullptr;      ///< [n] or null
    const T* residual = nullptr;  ///< [m, n] or null; may be y
    std::int64_t ldr = 0;
    float scale = 1;
    T* dy = nullptr;  ///< [m, n + border]: dy, and room for ds, which backward writes
    std::int64_t lddy = 0;
    T* dx = nullptr;  ///< [m, k] or null
    std::int64_t lddx = 0;
    G* da = nullptr;  ///< [r, k] or null
    std::int64_t ldda = 0;
    G* db = nullptr;  ///< [n, r] or null
    std::int64_t lddb = 0;
    bool accumulate = false;          ///< da and db are added to
    void* workspace = nullptr;        ///< aligned to 256 bytes
    std::size_t workspace_bytes = 0;  ///< at least cublaslt_scratch
};

namespace detail {

template <class T, class G>
[[nodiscard]] refused check(const bordered_lora_args<T, G>& g, bool backward) noexcept {
    const auto& s = g.shape;
    if (const refused r = check_shape(s); r.why != refusal::none) return r;
    const std::int64_t border = padded_rank(s.rank), any = s.tokens > 0 ? 1 : 0;
    const refused common =
        first_of(check_matrix("weight", g.weight, g.ldw, any, s.in + border, sizeof(T)),
                 check_matrix("x", g.x, g.ldx, s.tokens * (!backward || g.da || g.db), s.in + border, sizeof(T)),
                 check_space(g.workspace, g.workspace_bytes, cublaslt_scratch));
    if (common.why != refusal::none) return common;
    if (!backward)
        return first_of(check_matrix("y", g.y, g.ldy, s.tokens, s.out, sizeof(T)),
                        check_matrix("bias", g.bias, s.out, g.bias != nullptr, s.out, sizeof(T)),
                        check_matrix("residual", g.residual, g.ldr, g.residual != nullptr, s.out, sizeof(T)));
    return first_of(check_matrix("dy", g.dy, g.lddy, s.tokens, s.out + border, sizeof(T)),
                    check_matrix("dx", g.dx, g.lddx, g.dx != nullptr, s.in, sizeof(T)),
                    check_matrix("da", g.da, g.ldda, g.da != nullptr, s.in, sizeof(G)),
                    check_matrix("db", g.db, g.lddb, g.db != nullptr, s.rank, sizeof(G)));
}

/// Copies [rows, cols] from one place on the device to another.
template <class T>
[[nodiscard]] cudaError_t copy_matrix(T* to, std::int64_t ld_to, const T* from, std::int64_t ld_from, std::int64_t rows,
                                      std::int64_t cols, cudaStream_t stream) noexcept {
    const auto bytes = [](std::int64_t n) { return sizeof(T) * static_cast<std::size_t>(n); };
    return cudaMemcpy2DAsync(to, bytes(ld_to), from, bytes(ld_from), bytes(cols), static_cast<std::size_t>(rows),
                             cudaMemcpyDeviceToDevice, stream);
}

template <class T>
[[nodiscard]] refused check_border(const lora_shape& s, const T* bordered, std::int64_t ld) noexcept {
    const lora_shape layer{0, s.in, s.out, s.rank};
    return first_of(check_shape(layer),
                    check_matrix("bordered", bordered, ld, 1, s.in + padded_rank(s.rank), sizeof(T)));
}

}  // namespace detail

/// W [n, k] into bordered [n + border, k + border], and zeros where neither A nor B will be. Once per frozen weight.
/// @return  cudaErrorInvalidValue or cudaErrorMisalignedAddress for what does not fit, else CUDA's own
template <class T>
[[nodiscard]] cudaError_t border_weight(const lora_shape& s, T* bordered, std::int64_t ld, const T* w, std::int64_t ldw,
                                        cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (const kd::refused r =
            kd::first_of(kd::check_border(s, bordered, ld), kd::check_matrix("w", w, ldw, s.out, s.in, sizeof(T)));
        r.why != kd::refusal::none)
        return kd::code_of(r);
    const std::int64_t border = kd::padded_rank(s.rank);
    const cudaError_t error = cudaMemset2DAsync(bordered, sizeof(T) * static_cast<std::size_t>(ld), 0,
                                                sizeof(T) * static_cast<std::size_t>(s.in + border),
                                                static_cast<std::size_t>(s.out + border), stream);
    return error != cudaSuccess ? error : kd::copy_matrix(bordered, ld, w, ldw, s.out, s.in, stream);
}

/// A [r, k] below W, B [n, r] beside it. After every step of the optimiser.
template <class T>
[[nodiscard]] cudaError_t border_adapter(const lora_shape& s, T* bordered, std::int64_t ld, const T* a,
                                         std::int64_t lda, const T* b, std::int64_t ldb, cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (const kd::refused r =
            kd::first_of(kd::check_border(s, bordered, ld), kd::check_matrix("a", a, lda, s.rank, s.in, sizeof(T)),
                         kd::check_matrix("b", b, ldb, s.out, s.rank, sizeof(T)));
        r.why != kd::refusal::none)
        return kd::code_of(r);
    const cudaError_t error = kd::copy_matrix(bordered + s.out * ld, ld, a, lda, s.rank, s.in, stream);
    return error != cudaSuccess ? error : kd::copy_matrix(bordered + s.in, ld, b, ldb, s.out, s.rank, stream);
}

/// What is wrong with the arguments, as a sentence; empty if bordered_lora would hand them to cuBLASLt.
template <class T, class G>
[[nodiscard]] std::string explain(const bordered_lora_args<T, G>& args) {
    return detail::in_words("kernels::bordered_lora", detail::check(args, false));
}
template <class T, class G>
[[nodiscard]] std::string explain_backward(const bordered_lora_args<T, G>& args) {
    return detail::in_words("kernels::bordered_lora_backward", detail::check(args, true));
}

/// y = [x | s x A'] [W | B]' (+ bias) (+ residual): two products, y is written once.
/// @stream, @determinism, @return  as lora_matmul_cublaslt
/// @precision  fp32 accumulation; u and y are rounded once each
template <class T, class G>
[[nodiscard]] cublasStatus_t bordered_lora(cublasLtHandle_t handle, const bordered_lora_args<T, G>& g,
                                           cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (kd::check(g, false).why != kd::refusal::none) return CUBLAS_STATUS_INVALID_VALUE;
    const std::int64_t m = g.shape.tokens, k = g.shape.in, n = g.shape.out, r = g.shape.rank;
    const std::int64_t border = kd::padded_rank(r);
    const kd::lt_context on{handle, g.workspace, cublaslt_scratch, stream};
    using in = kd::lt_operand<T>;
    T* const u = g.x + k;  // the zero rows below A make the columns beyond the rank zero
    const cublasStatus_t status =
        kd::lt_multiply<T, T>(on, m, border, k, g.scale, in{g.x, g.ldx},
                              in{g.weight + n * g.ldw, g.ldw, kd::as::transposed}, 0, u, g.ldx, u, g.ldx);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    const bool joins = g.residual != nullptr;
    return kd::lt_multiply<T, T>(on, m, n, k + border, 1, in{g.x, g.ldx}, in{g.weight, g.ldw, kd::as::transposed},
                                 joins ? 1.0f : 0.0f, joins ? g.residual : g.y, joins ? g.ldr : g.ldy, g.y, g.ldy,
                                 g.bias);
}

/// dx = [dy | s dy B] [W ; A], dB = dy' u, dA = ds' x: dx is written once, those that are null are left out.
template <class T, class G>
[[nodiscard]] cublasStatus_t bordered_lora_backward(cublasLtHandle_t handle, const bordered_lora_args<T, G>& g,
                                                    cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (kd::check(g, true).why != kd::refusal::none) return CUBLAS_STATUS_INVALID_VALUE;
    const std::int64_t m = g.shape.tokens, k = g.shape.in, n = g.shape.out, r = g.shape.rank;
    const std::int64_t border = kd::padded_rank(r);
    const kd::lt_context on{handle, g.workspace, cublaslt_scratch, stream};
    using in = kd::lt_operand<T>;
    constexpr auto crossed = kd::as::transposed;
    const float keep = g.accumulate ? 1.0f : 0.0f;
    T* const ds = g.dy + n;
    cublasStatus_t status = kd::lt_multiply<T, T>(on, m, border, n, g.scale, in{g.dy, g.lddy}, in{g.weight + k, g.ldw},
                                                  0, ds, g.lddy, ds, g.lddy);
    if (status == CUBLAS_STATUS_SUCCESS && g.db != nullptr)
        status = kd::lt_multiply<T, G>(on, n, r, m, 1, in{g.dy, g.lddy, crossed}, in{g.x + k, g.ldx}, keep, g.db,
                                       g.lddb, g.db, g.lddb);
    if (status == CUBLAS_STATUS_SUCCESS && g.da != nullptr)
        status = kd::lt_multiply<T, G>(on, r, k, m, 1, in{ds, g.lddy, crossed}, in{g.x, g.ldx}, keep, g.da, g.ldda,
                                       g.da, g.ldda);
    if (status == CUBLAS_STATUS_SUCCESS && g.dx != nullptr)
        status = kd::lt_multiply<T, T>(on, m, k, n + border, 1, in{g.dy, g.lddy}, in{g.weight, g.ldw}, 0, g.dx, g.lddx,
                                       g.dx, g.lddx);
    return status;
}

}  // namespace holdfast::kernels
