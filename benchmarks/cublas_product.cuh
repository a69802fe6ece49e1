#pragma once
// The peer of every LoRA kernel: one product by cuBLASLt, with the fastest of its suggestions. For lora_bench.cu.

#include "lora_support.cuh"

#include <cublasLt.h>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace lora_benchmarks {

/// Row-major C [m, n] = alpha op(A) op(B) + beta C by cuBLASLt, with the fastest of its suggestions.
class cublas_product {
  public:
    cublas_product(cublasLtHandle_t handle, bool transpose_a, bool transpose_b, int m, int n, int k, bool fp32_out,
                   float alpha, float beta)
        : handle_(handle), alpha_(alpha), beta_(beta), workspace_(1, 64 << 20) {
        // row-major is the transpose of column-major: C' = op(B)' op(A)'
        const cublasOperation_t first = transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
        const cublasOperation_t second = transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
        ok(cublasLtMatmulDescCreate(&operation_, CUBLAS_COMPUTE_32F, CUDA_R_32F));
        ok(cublasLtMatmulDescSetAttribute(operation_, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first));
        ok(cublasLtMatmulDescSetAttribute(operation_, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second));
        const int b_rows = transpose_b ? n : k, b_cols = transpose_b ? k : n;
        const int a_rows = transpose_a ? k : m, a_cols = transpose_a ? m : k;
        ok(cublasLtMatrixLayoutCreate(&b_, CUDA_R_16BF, b_cols, b_rows, b_cols));
        ok(cublasLtMatrixLayoutCreate(&a_, CUDA_R_16BF, a_cols, a_rows, a_cols));
        ok(cublasLtMatrixLayoutCreate(&c_, fp32_out ? CUDA_R_32F : CUDA_R_16BF, n, m, n));
        cublasLtMatmulPreference_t preference;
        ok(cublasLtMatmulPreferenceCreate(&preference));
        const std::size_t bytes = workspace_.size();
        ok(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
                                                sizeof bytes));
        int found = 0;
        ok(cublasLtMatmulAlgoGetHeuristic(handle_, operation_, b_, a_, c_, c_, preference, 16, suggestions_, &found));
        count_ = std::size_t(found);
        (void)cublasLtMatmulPreferenceDestroy(preference);
        if (count_ == 0) throw std::runtime_error("cuBLASLt suggests nothing for this product");
    }
    cublas_product(const cublas_product&) = delete;
    cublas_product& operator=(const cublas_product&) = delete;
    ~cublas_product() {
        (void)cublasLtMatrixLayoutDestroy(a_), (void)cublasLtMatrixLayoutDestroy(b_),
            (void)cublasLtMatrixLayoutDestroy(c_);
        (void)cublasLtMatmulDescDestroy(operation_);
    }

    void operator()(const bf16* a, const bf16* b, void* c, cudaStream_t s) {
        ok(cublasLtMatmul(handle_, operation_, &alpha_, b, b_, a, a_, &beta_, c, c_, c, c_, &suggestions_[best_].algo,
                          workspace_.data(), workspace_.size(), s));
    }
    /// Times every suggestion, and keeps the fastest.
    template <class Time>
    void tune(const Time& time, const bf16* a, const bf16* b, void* c, cudaStream_t s) {
        double fastest = 1e30;
        std::size_t chosen = 0;
        for (best_ = 0; best_ < count_; ++best_) {
            if (suggestions_[best_].state != CUBLAS_STATUS_SUCCESS) continue;
            const double t = time([&](int) { (*this)(a, b, c, s); });
            if (t < fastest) fastest = t, chosen = best_;
        }
        best_ = chosen;
    }

  private:
    static void ok(cublasStatus_t status) {
        if (status != CUBLAS_STATUS_SUCCESS)
            throw std::runtime_error("cuBLASLt: status " + std::to_string(int(status)));
    }
    cublasLtHandle_t handle_;
    cublasLtMatmulDesc_t operation_ = nullptr;
    cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, c_ = nullptr;
    cublasLtMatmulHeuristicResult_t suggestions_[16];  // not a vector: nvcc 13.0 fails on its destructor
    std::size_t count_ = 0, best_ = 0;
    float alpha_, beta_;
    device_matrix<std::byte> workspace_;
};

}  // namespace lora_benchmarks
