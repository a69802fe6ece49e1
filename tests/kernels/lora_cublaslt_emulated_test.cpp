// The cuBLASLt routes with an emulated cuBLASLt: which way round every operand lies, what is accumulated, where u and
// ds are put, and what is refused.
#include "cublaslt_cases.hpp"

#include "support/test.hpp"

using namespace lora_cases;

namespace {

struct with_handle {
    with_handle() { cublas_handle() = &context; }
    ~with_handle() { cublas_handle() = nullptr; }
    cublasLtContext context;
};

template <class T>
std::string lt_verdict(const lora_case& c) {
    return verdict<T, float, cublaslt_route>(c);
}

}  // namespace

TEST_CASE("the accumulating calls give what fp64 gives") {
    const with_handle set_up;
    for (const std::int64_t m : {0, 1, 17, 64})
        CHECK(lt_verdict<__nv_bfloat16>({.tokens = m, .in = 40, .out = 56, .rank = 8}) == "");
    CHECK(lt_verdict<__nv_bfloat16>(
              {.tokens = 33, .in = 65, .out = 50, .rank = 5, .p = 0.3, .pad = 3, .offset = 1, .accumulate = true}) ==
          "");
    CHECK(lt_verdict<__nv_bfloat16>(
              {.tokens = 40, .in = 64, .out = 48, .rank = 16, .p = 0.5, .bias = true, .residual = true}) == "");
    CHECK(lt_verdict<__nv_bfloat16>(
              {.tokens = 30, .in = 64, .out = 48, .rank = 8, .p = 0.5, .zero_w = true, .scale = 30.0f}) == "");
    CHECK(lt_verdict<__half>({.tokens = 20, .in = 33, .out = 1, .rank = 3, .p = 0.2, .keep = false}) == "");
    CHECK(lt_verdict<float>({.tokens = 31, .in = 1, .out = 40, .rank = 2, .p = 0.4, .pad = 1, .bias = true}) == "");
    CHECK(verdict<__nv_bfloat16, __nv_bfloat16, cublaslt_route>({.tokens = 40, .in = 32, .out = 24, .rank = 4}) == "");
}

TEST_CASE("the bordered weight gives what fp64 gives") {
    const with_handle set_up;
    CHECK(bordered_verdict<__nv_bfloat16>(20, 40, 56, 8, false) == "");
    CHECK(bordered_verdict<__nv_bfloat16>(33, 50, 30, 5, true, true) == "");
    CHECK(bordered_verdict<__half>(1, 24, 17, 12, false) == "");
    CHECK(bordered_verdict<float>(19, 33, 20, 3, true) == "");
    CHECK(bordered_verdict<float>(0, 33, 20, 3, true) == "");
    CHECK(bordered_verdict<float>(0, 33, 20, 3, false) == "");
}

TEST_CASE("a cuBLASLt route refuses with a code and a sentence") {
    const with_handle set_up;
    buffer<float> x(4, 8, 0, 0), w(6, 8, 0, 0), a(2, 8, 0, 0), b(6, 2, 0, 0), y(4, 6, 0, 0), scale(1, 6, 0, 0);
    kernels::lora_matmul_args<float> f;
    f.shape = {4, 8, 6, 2};
    f.x = x.data(), f.ldx = 8, f.w = w.data(), f.ldw = 8, f.a = a.data(), f.lda = 8;
    f.b = b.data(), f.ldb = 2, f.y = y.data(), f.ldy = 6;
    CHECK_THAT(kernels::explain_cublaslt(f),
               Contains("kernels::lora_matmul_cublaslt: the workspace must hold 33554688 bytes, it holds 0"));
    CHECK(kernels::lora_matmul_cublaslt(cublas_handle(), f, nullptr) == CUBLAS_STATUS_INVALID_VALUE);
    buffer<float> space(1, std::int64_t(kernels::lora_cublaslt_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    CHECK(kernels::explain_cublaslt(f).empty());
    CHECK(kernels::lora_matmul_cublaslt(nullptr, f, nullptr) == CUBLAS_STATUS_NOT_INITIALIZED);
    cublas_handle()->suggestions = 0;
    CHECK(kernels::lora_matmul_cublaslt(cublas_handle(), f, nullptr) == CUBLAS_STATUS_NOT_SUPPORTED);
    cublas_handle()->suggestions = 1;
    f.column_scale = scale.data();
    CHECK_THAT(kernels::explain_cublaslt(f), Contains("column_scale must be null: cuBLASLt scales no columns"));
    f.column_scale = nullptr, f.f = kernels::activation::relu;
    CHECK_THAT(kernels::explain_cublaslt(f), Contains("f must be none: there are no activations here"));
    f.f = kernels::activation::none, f.ldw = 7;
    CHECK_THAT(kernels::explain_cublaslt(f), Contains("leading dimension of w must be at least its width 8, it is 7"));

    kernels::bordered_lora_args<float> h;
    h.shape = f.shape;
    h.weight = w.data(), h.ldw = 8;
    CHECK_THAT(kernels::explain(h), Contains("kernels::bordered_lora: the leading dimension of weight must be at least "
                                             "its width 16, it is 8"));
    CHECK(kernels::bordered_lora(cublas_handle(), h, nullptr) == CUBLAS_STATUS_INVALID_VALUE);
    CHECK(kernels::border_weight(f.shape, x.data(), 8, w.data(), 8, nullptr) == cudaErrorInvalidValue);
    for (const double value : y.read()) CHECK(std::isnan(value));

    CHECK_THAT(kernels::explain(CUBLAS_STATUS_NOT_INITIALIZED), Contains("a driver older than the library"));
    CHECK_THAT(kernels::explain(CUBLAS_STATUS_ARCH_MISMATCH), Contains("no kernels for this GPU"));
    CHECK_THAT(kernels::explain(CUBLAS_STATUS_NOT_SUPPORTED), Contains("lora_matmul takes any"));
    CHECK_THAT(kernels::explain(CUBLAS_STATUS_INTERNAL_ERROR), Contains("status 14"));
    CHECK(kernels::explain(CUBLAS_STATUS_SUCCESS).empty());
}
