// The kernels of lora_matmul.cuh, run on the emulated GPU (tests/kernels/emulation): the same source that nvcc
// compiles, so that tiles, fragments, masks, splits and barriers are checked on every machine.
#include "lora_cases.hpp"

#include "support/test.hpp"

using namespace lora_cases;

namespace {

template <class T>
void check_all(const std::vector<lora_case>& cases) {
    for (const auto& c : cases) CHECK(verdict<T>(c) == "");
}

}  // namespace

TEST_CASE("bf16: every edge of the shape list gives what fp64 gives") {
    auto& machine = gpu_emulation::machine::instance();
    machine.bank_conflicts = 0;
    std::vector<lora_case> cases;
    for (const std::int64_t m : {0, 1, 2, 15, 16, 17, 63, 65, 130})
        cases.push_back({.tokens = m, .in = 72, .out = 100, .rank = 16});
    for (const std::int64_t k : {1, 8, 64, 127}) cases.push_back({.tokens = 33, .in = k, .out = 72, .rank = 8});
    for (const std::int64_t n : {1, 16, 127, 130}) cases.push_back({.tokens = 70, .in = 40, .out = n, .rank = 12});
    for (const std::int64_t r : {1, 3, 7, 17, 64, 65, 256})
        cases.push_back({.tokens = 20, .in = 48, .out = 40, .rank = r});
    check_all<__nv_bfloat16>(cases);
    CHECK(machine.bank_conflicts == 0);
}

TEST_CASE("bf16: dropout, gaps, odd pointers, bias, residual, accumulation, inference") {
    check_all<__nv_bfloat16>({
        {.tokens = 40, .in = 96, .out = 48, .rank = 8, .p = 0.5},
        {.tokens = 129, .in = 130, .out = 131, .rank = 20, .p = 0.05},
        {.tokens = 70, .in = 64, .out = 64, .rank = 16, .p = 0.3, .pad = 8, .bias = true, .residual = true},
        {.tokens = 33,
         .in = 65,
         .out = 50,
         .rank = 5,
         .p = 0.3,
         .pad = 3,
         .offset = 1,
         .bias = true,
         .accumulate = true},
        {.tokens = 33, .in = 64, .out = 64, .rank = 8, .pad = 8, .offset = 4},
        {.tokens = 70, .in = 64, .out = 64, .rank = 8, .p = 0.5, .zero_w = true, .scale = 30.0f},
        {.tokens = 18, .in = 70, .out = 40, .rank = 8, .p = 0.5, .keep = false},
        {.tokens = 18, .in = 70, .out = 40, .rank = 8, .residual = true, .keep = false},
    });
}

TEST_CASE("bf16: long sums are cut, and the parts added in order") {
    check_all<__nv_bfloat16>({
        {.tokens = 5, .in = 2048, .out = 16, .rank = 4, .p = 0.1},
        {.tokens = 700, .in = 40, .out = 24, .rank = 4, .p = 0.1, .accumulate = true},
        {.tokens = 3, .in = 16, .out = 1100, .rank = 20, .pad = 1},
    });
}

TEST_CASE("bf16 gradients can be written as bf16") {
    CHECK(verdict<__nv_bfloat16, __nv_bfloat16>({.tokens = 70, .in = 64, .out = 40, .rank = 8, .p = 0.2}) == "");
    CHECK(verdict<__nv_bfloat16, __nv_bfloat16>({.tokens = 40, .in = 33, .out = 20, .rank = 3, .accumulate = true}) ==
          "");
}

TEST_CASE("fp16 and fp32 give what fp64 gives") {
    const std::vector<lora_case> cases{
        {.tokens = 1, .in = 100, .out = 72, .rank = 4},
        {.tokens = 66, .in = 130, .out = 72, .rank = 17, .p = 0.5, .pad = 8},
        {.tokens = 130,
         .in = 72,
         .out = 130,
         .rank = 8,
         .p = 0.05,
         .pad = 1,
         .offset = 1,
         .bias = true,
         .residual = true},
        {.tokens = 600, .in = 24, .out = 16, .rank = 2, .accumulate = true},
        {.tokens = 0, .in = 24, .out = 16, .rank = 2},
    };
    check_all<__half>(cases);
    check_all<float>(cases);
}

TEST_CASE("what cannot run is refused with a code and a sentence, and nothing is written") {
    buffer<float> x(4, 8, 0, 0), w(6, 8, 0, 0), a(2, 8, 0, 0), b(6, 2, 0, 0), y(4, 6, 0, 0), da(2, 8, 0, 0);
    alignas(256) static unsigned char space[4096];
    kernels::lora_matmul_args<float> good;
    good.shape = {4, 8, 6, 2};
    good.x = x.data(), good.ldx = 8, good.w = w.data(), good.ldw = 8, good.a = a.data(), good.lda = 8;
    good.b = b.data(), good.ldb = 2, good.y = y.data(), good.ldy = 6;
    good.workspace = space, good.workspace_bytes = sizeof space;
    CHECK(kernels::explain(good).empty());
    const auto refuses = [&](auto change, cudaError_t code, const char* words) {
        auto bad = good;
        change(bad);
        CHECK(kernels::lora_matmul(bad, nullptr) == code);
        CHECK_THAT(kernels::explain(bad), Contains(words));
    };
    using args = kernels::lora_matmul_args<float>;
    refuses([](args& g) { g.shape.rank = 300; }, cudaErrorInvalidValue,
            "lora_matmul: rank must be 1 to 256, it is 300");
    refuses([](args& g) { g.x = nullptr; }, cudaErrorInvalidValue, "x is a null pointer");
    refuses([](args& g) { g.ldw = 7; }, cudaErrorInvalidValue,
            "leading dimension of w must be at least its width 8, it is 7");
    refuses([](args& g) { g.y = reinterpret_cast<float*>(reinterpret_cast<char*>(g.y) + 2); },
            cudaErrorMisalignedAddress, "y must lie on a border of 4 bytes, it is off by 2");
    refuses([](args& g) { g.workspace_bytes = 8; }, cudaErrorInvalidValue,
            "the workspace must hold 256 bytes, it holds 8");
    refuses([](args& g) { g.workspace = space + 16; }, cudaErrorMisalignedAddress,
            "workspace must lie on a border of 256 bytes, it is off by 16");
    refuses([](args& g) { g.dropout.threshold = 65536; }, cudaErrorInvalidValue, "threshold must be below 65536");
    refuses([&](args& g) { g.residual = y.data(), g.ldr = 2; }, cudaErrorInvalidValue, "leading dimension of residual");
    for (const double value : y.read()) CHECK(std::isnan(value));

    kernels::lora_matmul_backward_args<float> h;
    h.shape = good.shape;
    h.dy = y.data(), h.lddy = 6, h.b = b.data(), h.ldb = 2, h.x = x.data(), h.ldx = 8, h.da = da.data(), h.ldda = 8;
    h.workspace = space, h.workspace_bytes = sizeof space;
    CHECK(kernels::explain(h).empty());
    h.dropout.threshold = 9;
    CHECK_THAT(kernels::explain(h), Contains("backward needs the mask that forward wrote"));
    CHECK(kernels::lora_matmul_backward(h, nullptr) == cudaErrorInvalidValue);
    h.dropout.threshold = 0;
    h.db = da.data(), h.lddb = 2;
    CHECK_THAT(kernels::explain(h), Contains("the gradient of B needs what forward saved"));
    CHECK_THAT(kernels::explain(cudaErrorNoKernelImageForDevice), Contains("no machine code for this GPU"));
    CHECK_THAT(kernels::explain(cudaErrorInsufficientDriver), Contains("driver is older"));
}

TEST_CASE("what is not a number stays in its row") {
    CHECK(rows_stay_apart<__nv_bfloat16>() == "");
    CHECK(rows_stay_apart<float>() == "");
}

TEST_CASE("fp32 rounded to tf32, where it is asked for: what fp64 gives to 5e-4, and no other number without asking") {
    auto& machine = gpu_emulation::machine::instance();
    machine.bank_conflicts = 0;
    const auto rounded = [](const lora_case& c) { return verdict<float, float, tf32_route>(c); };
    for (const std::int64_t m : {0, 1, 17, 70}) CHECK(rounded({.tokens = m, .in = 72, .out = 100, .rank = 16}) == "");
    for (const std::int64_t r : {1, 5, 24, 72}) CHECK(rounded({.tokens = 20, .in = 48, .out = 40, .rank = r}) == "");
    CHECK(rounded({.tokens = 70,
                   .in = 61,
                   .out = 130,
                   .rank = 12,
                   .p = 0.3,
                   .pad = 3,
                   .offset = 1,
                   .bias = true,
                   .residual = true}) == "");
    CHECK(rounded({.tokens = 300, .in = 40, .out = 33, .rank = 8, .p = 0.5, .pad = 4, .accumulate = true}) == "");
    CHECK(rounded({.tokens = 33, .in = 600, .out = 24, .rank = 8, .zero_w = true, .scale = 30.0f}) == "");
    CHECK(rounded({.tokens = 10, .in = 24, .out = 140, .rank = 4, .p = 0.5, .keep = false}) == "");
    CHECK(machine.bank_conflicts == 0);
    const lora_errors exact = run<float>({.tokens = 40, .in = 64, .out = 64, .rank = 8}),
                      less = run<float, float, tf32_route>({.tokens = 40, .in = 64, .out = 64, .rank = 8});
    CHECK((exact.y < 1e-6 && less.y > 1e-5));
    CHECK((exact.dx < 1e-6 && less.dx > 1e-5));
    CHECK((exact.da < 1e-6 && less.da > 1e-5));
    CHECK((exact.db < 1e-6 && less.db > 1e-5));

    kernels::lora_matmul_args<__half> f;
    f.shape = {4, 8, 8, 2}, f.tf32 = true;
    CHECK_THAT(kernels::explain(f), Contains("kernels::lora_matmul: tf32 is there for fp32 only"));
    CHECK(kernels::lora_matmul(f, nullptr) == cudaErrorInvalidValue);
}
