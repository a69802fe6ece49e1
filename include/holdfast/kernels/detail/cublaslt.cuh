#pragma once
// One row-major product by cuBLASLt, which thinks in columns: C = alpha op(A) op(B) + beta C0 (+ bias) is handed over
// as C' = op(B)' op(A)'. Nothing is allocated: descriptors live on the stack, scratch memory is the caller's. Builds on
// the toolkit's cublasLt.h; leaves out a search for the fastest algorithm: cuBLASLt's first suggestion is taken.

#if !__has_include(<cublasLt.h>)
#error "the cuBLASLt route needs cublasLt.h: install libcublas-dev of the CUDA toolkit and link CUDA::cublasLt"
#endif

#include <holdfast/kernels/detail/products.cuh>

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace holdfast::kernels::detail {

template <class T>
inline constexpr cudaDataType_t cuda_type = std::is_same_v<T, float>    ? CUDA_R_32F
                                            : std::is_same_v<T, __half> ? CUDA_R_16F
                                                                        : CUDA_R_16BF;

/// Where products run, and cuBLASLt's scratch memory.
struct lt_context {
    cublasLtHandle_t handle = nullptr;
    void* scratch = nullptr;
    std::size_t scratch_bytes = 0;
    cudaStream_t stream = nullptr;
};

enum class as { stored, transposed };

template <class T>
struct lt_operand {
    const T* data = nullptr;
    std::int64_t ld = 0;
    as how = as::stored;
};

/// The border that a matrix really lies on: the largest power of two, 256 at most. cuBLASLt assumes 256 unless told.
template <class T>
[[nodiscard]] std::uint32_t border_of(const T* data, std::int64_t ld) noexcept {
    const std::uint64_t bits =
        reinterpret_cast<std::uintptr_t>(data) | (static_cast<std::uint64_t>(ld) * sizeof(T)) | 256u;
    return static_cast<std::uint32_t>(bits & (~bits + 1));
}

/// C [m, n] = alpha op(A) [m, k] op(B) [k, n] + beta C0 (+ bias [n]), accumulated in fp32. C0 may be C.
template <class In, class Out>
[[nodiscard]] cublasStatus_t lt_multiply(const lt_context& on, std::int64_t m, std::int64_t n, std::int64_t k,
                                         float alpha, lt_operand<In> a, lt_operand<In> b, float beta, const Out* c0,
                                         std::int64_t ldc0, Out* c, std::int64_t ldc,
                                         const Out* bias = nullptr) noexcept {
    if (m == 0 || n == 0) return CUBLAS_STATUS_SUCCESS;
    if (k == 0) {  // an empty sum: cuBLASLt takes no empty matrices
        if (beta != 0.0f) return c0 == c ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
        const cudaError_t error =
            cudaMemset2DAsync(c, sizeof(Out) * static_cast<std::size_t>(ldc), 0,
                              sizeof(Out) * static_cast<std::size_t>(n), static_cast<std::size_t>(m), on.stream);
        return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
    }
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    const auto then = [&status](cublasStatus_t next) {
        if (status == CUBLAS_STATUS_SUCCESS) status = next;
    };
    cublasLtMatmulDescOpaque_t operation{};
    then(cublasLtMatmulDescInit(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    const auto describe = [&](cublasLtMatmulDescAttributes_t what, const auto& value) {
        then(cublasLtMatmulDescSetAttribute(&operation, what, &value, sizeof value));
    };
    describe(CUBLASLT_MATMUL_DESC_TRANSA, b.how == as::transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    describe(CUBLASLT_MATMUL_DESC_TRANSB, a.how == as::transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (bias != nullptr) {
        describe(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
        describe(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    }
    cublasLtMatrixLayoutOpaque_t first{}, second{}, source{}, target{};
    const auto lay_out = [&](cublasLtMatrixLayoutOpaque_t& layout, cudaDataType_t type, std::int64_t rows,
                             std::int64_t cols,
                             std::int64_t ld) {  // row-major [rows, cols] is its transpose in columns
        if (rows <= 1 && ld < cols) ld = cols;
        then(cublasLtMatrixLayoutInit(&layout, type, static_cast<std::uint64_t>(cols), static_cast<std::uint64_t>(rows),
                                      ld));
    };
    lay_out(first, cuda_type<In>, b.how == as::transposed ? n : k, b.how == as::transposed ? k : n, b.ld);
    lay_out(second, cuda_type<In>, a.how == as::transposed ? k : m, a.how == as::transposed ? m : k, a.ld);
    lay_out(source, cuda_type<Out>, m, n, ldc0);
    lay_out(target, cuda_type<Out>, m, n, ldc);

    cublasLtMatmulPreferenceOpaque_t preference{};
    then(cublasLtMatmulPreferenceInit(&preference));
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, const auto& value) {
        then(cublasLtMatmulPreferenceSetAttribute(&preference, what, &value, sizeof value));
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, on.scratch_bytes);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, border_of(b.data, b.ld));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, border_of(a.data, a.ld));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, border_of(c0, ldc0));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, border_of(c, ldc));
    cublasLtMatmulHeuristicResult_t suggestion{};
    int found = 0;
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulAlgoGetHeuristic(on.handle, &operation, &first, &second, &source, &target, &preference,
                                                1, &suggestion, &found);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    if (found == 0) return CUBLAS_STATUS_NOT_SUPPORTED;
    return cublasLtMatmul(on.handle, &operation, &alpha, b.data, &first, a.data, &second, &beta, c0, &source, c,
                          &target, &suggestion.algo, on.scratch, on.scratch_bytes, on.stream);
}

/// out = in where the packed mask keeps, else 0; [rows, cols], in place too.
template <int Threads, class T>
__global__ void __launch_bounds__(Threads)
    keep_masked(const T* in, std::int64_t ldin, T* out, std::int64_t ldout, const std::uint32_t* mask,
                std::int64_t words, std::int64_t rows, std::int64_t cols) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * Threads + threadIdx.x;
    if (i >= rows * cols) return;
    const std::int64_t row = i / cols, col = i % cols;
    const bool kept = (mask[row * words + col / 32] >> (col % 32) & 1u) != 0u;
    out[row * ldout + col] = kept ? in[row * ldin + col] : rounded<T>(0.0f);
}

template <class T>
[[nodiscard]] cublasStatus_t lt_mask(const T* in, std::int64_t ldin, T* out, std::int64_t ldout,
                                     const std::uint32_t* mask, std::int64_t rows, std::int64_t cols,
                                     cudaStream_t stream) noexcept {
    if (rows == 0) return CUBLAS_STATUS_SUCCESS;
    const std::int64_t blocks = ceil_div<std::int64_t>(rows * cols, 256);
    if (blocks > std::numeric_limits<std::int32_t>::max()) return CUBLAS_STATUS_NOT_SUPPORTED;
    const auto words = static_cast<std::int64_t>(mask_words(static_cast<std::size_t>(cols)));
    const cudaError_t error = launch(keep_masked<256, T>, dim3(static_cast<unsigned>(blocks)), 256, 0, stream, in, ldin,
                                     out, ldout, mask, words, rows, cols);
    return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // namespace holdfast::kernels::detail
