#pragma once
// The part of cuBLASLt that holdfast uses, for the emulated GPU: column-major products by plain loops, and the promises
// of the caller (leading dimensions, borders, scratch memory) held against what is passed.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

enum cublasStatus_t {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_ALLOC_FAILED = 3,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_ARCH_MISMATCH = 8,
    CUBLAS_STATUS_EXECUTION_FAILED = 13,
    CUBLAS_STATUS_INTERNAL_ERROR = 14,
    CUBLAS_STATUS_NOT_SUPPORTED = 15
};
enum cudaDataType_t { CUDA_R_32F = 0, CUDA_R_16F = 2, CUDA_R_16BF = 14 };
enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cublasComputeType_t { CUBLAS_COMPUTE_32F = 68 };
enum cublasLtEpilogue_t { CUBLASLT_EPILOGUE_DEFAULT = 1, CUBLASLT_EPILOGUE_BIAS = 4 };
enum cublasLtMatmulDescAttributes_t {
    CUBLASLT_MATMUL_DESC_TRANSA,
    CUBLASLT_MATMUL_DESC_TRANSB,
    CUBLASLT_MATMUL_DESC_EPILOGUE,
    CUBLASLT_MATMUL_DESC_BIAS_POINTER
};
enum cublasLtMatmulPreferenceAttributes_t {
    CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES
};
struct cublasLtContext {
    int suggestions = 1;  // 0: nothing is suggested
};
using cublasLtHandle_t = cublasLtContext*;
struct cublasLtMatmulDescOpaque_t {
    cublasOperation_t op_a = CUBLAS_OP_N, op_b = CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    const void* bias = nullptr;
};
struct cublasLtMatrixLayoutOpaque_t {
    cudaDataType_t type;
    std::uint64_t rows, cols;
    std::int64_t ld;
};
struct cublasLtMatmulPreferenceOpaque_t {
    std::size_t workspace = 0;
    std::uint32_t border[4] = {256, 256, 256, 256};
};
struct cublasLtMatmulAlgo_t {
    std::size_t workspace;
    std::uint32_t border[4];
};
struct cublasLtMatmulHeuristicResult_t {
    cublasLtMatmulAlgo_t algo;
    std::size_t workspaceSize;
    cublasStatus_t state;
    float wavesCount;
};

inline cublasStatus_t cublasLtMatmulDescInit(cublasLtMatmulDescOpaque_t* d, cublasComputeType_t, cudaDataType_t) {
    return *d = {}, CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDescOpaque_t* d, cublasLtMatmulDescAttributes_t what,
                                                     const void* value, std::size_t bytes) {
    void* const to = what == CUBLASLT_MATMUL_DESC_TRANSA     ? static_cast<void*>(&d->op_a)
                     : what == CUBLASLT_MATMUL_DESC_TRANSB   ? static_cast<void*>(&d->op_b)
                     : what == CUBLASLT_MATMUL_DESC_EPILOGUE ? static_cast<void*>(&d->epilogue)
                                                             : static_cast<void*>(&d->bias);
    if (bytes != (what == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? sizeof(void*) : 4)) return CUBLAS_STATUS_INVALID_VALUE;
    return std::memcpy(to, value, bytes), CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatrixLayoutInit(cublasLtMatrixLayoutOpaque_t* l, cudaDataType_t type, std::uint64_t rows,
                                               std::uint64_t cols, std::int64_t ld) {
    return *l = {type, rows, cols, ld}, CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatmulPreferenceInit(cublasLtMatmulPreferenceOpaque_t* p) {
    return *p = {}, CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreferenceOpaque_t* p,
                                                           cublasLtMatmulPreferenceAttributes_t what, const void* value,
                                                           std::size_t bytes) {
    if (what == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
        if (bytes != sizeof(std::size_t)) return CUBLAS_STATUS_INVALID_VALUE;
        std::memcpy(&p->workspace, value, bytes);
    } else {
        if (bytes != 4) return CUBLAS_STATUS_INVALID_VALUE;
        std::memcpy(&p->border[what - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, bytes);
    }
    return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDescOpaque_t* d,
                                                     cublasLtMatrixLayoutOpaque_t* a, cublasLtMatrixLayoutOpaque_t* b,
                                                     cublasLtMatrixLayoutOpaque_t* c, cublasLtMatrixLayoutOpaque_t* to,
                                                     cublasLtMatmulPreferenceOpaque_t* p, int wanted,
                                                     cublasLtMatmulHeuristicResult_t* result, int* found) {
    for (const auto* l : {a, b, c, to})
        if (l->rows == 0 || l->cols == 0 || l->ld < static_cast<std::int64_t>(l->rows))
            return CUBLAS_STATUS_INVALID_VALUE;
    const bool ta = d->op_a == CUBLAS_OP_T, tb = d->op_b == CUBLAS_OP_T;
    if ((ta ? a->cols : a->rows) != to->rows || (tb ? b->rows : b->cols) != to->cols ||
        (ta ? a->rows : a->cols) != (tb ? b->cols : b->rows) || c->rows != to->rows || c->cols != to->cols)
        return CUBLAS_STATUS_INVALID_VALUE;
    *found = wanted < handle->suggestions ? wanted : handle->suggestions;
    if (*found > 0) {
        result->algo.workspace = p->workspace;
        std::memcpy(result->algo.border, p->border, sizeof p->border);
        result->state = CUBLAS_STATUS_SUCCESS;
    }
    return CUBLAS_STATUS_SUCCESS;
}

namespace gpu_emulation {

inline float lt_read(const void* data, cudaDataType_t type, std::int64_t at) {
    if (type == CUDA_R_32F) return static_cast<const float*>(data)[at];
    if (type == CUDA_R_16F) return __half2float(static_cast<const __half*>(data)[at]);
    return __bfloat162float(static_cast<const __nv_bfloat16*>(data)[at]);
}
inline void lt_write(void* data, cudaDataType_t type, std::int64_t at, float value) {
    if (type == CUDA_R_32F)
        static_cast<float*>(data)[at] = value;
    else if (type == CUDA_R_16F)
        static_cast<__half*>(data)[at] = __float2half_rn(value);
    else
        static_cast<__nv_bfloat16*>(data)[at] = __float2bfloat16_rn(value);
}

}  // namespace gpu_emulation

inline cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDescOpaque_t* d, const void* alpha, const void* a,
                                     cublasLtMatrixLayoutOpaque_t* la, const void* b, cublasLtMatrixLayoutOpaque_t* lb,
                                     const void* beta, const void* c, cublasLtMatrixLayoutOpaque_t* lc, void* to,
                                     cublasLtMatrixLayoutOpaque_t* lto, const cublasLtMatmulAlgo_t* algo,
                                     void* workspace, std::size_t workspace_bytes, cudaStream_t) {
    const void* const pointers[] = {a, b, c, to};
    const cublasLtMatrixLayoutOpaque_t* const layouts[] = {la, lb, lc, lto};
    for (int i = 0; i < 4; ++i) {  // what the heuristic was promised
        const std::size_t element = layouts[i]->type == CUDA_R_32F ? 4 : 2;
        if (reinterpret_cast<std::uintptr_t>(pointers[i]) % algo->border[i] != 0 ||
            static_cast<std::size_t>(layouts[i]->ld) * element % algo->border[i] != 0)
            return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (workspace == nullptr || workspace_bytes < algo->workspace) return CUBLAS_STATUS_INVALID_VALUE;
    static_cast<unsigned char*>(workspace)[workspace_bytes - 1] = 1;
    float scale, keep;
    std::memcpy(&scale, alpha, 4);
    std::memcpy(&keep, beta, 4);
    const auto m = static_cast<std::int64_t>(lto->rows), n = static_cast<std::int64_t>(lto->cols);
    const auto k = static_cast<std::int64_t>(d->op_a == CUBLAS_OP_T ? la->rows : la->cols);
    for (std::int64_t j = 0; j < n; ++j)
        for (std::int64_t i = 0; i < m; ++i) {
            float sum = 0;
            for (std::int64_t q = 0; q < k; ++q)
                sum += gpu_emulation::lt_read(a, la->type, d->op_a == CUBLAS_OP_T ? q + i * la->ld : i + q * la->ld) *
                       gpu_emulation::lt_read(b, lb->type, d->op_b == CUBLAS_OP_T ? j + q * lb->ld : q + j * lb->ld);
            sum *= scale;
            if (keep != 0) sum += keep * gpu_emulation::lt_read(c, lc->type, i + j * lc->ld);
            if (d->epilogue == CUBLASLT_EPILOGUE_BIAS) sum += gpu_emulation::lt_read(d->bias, lto->type, i);
            gpu_emulation::lt_write(to, lto->type, i + j * lto->ld, sum);
        }
    return CUBLAS_STATUS_SUCCESS;
}
