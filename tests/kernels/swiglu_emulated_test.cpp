// Gate and up with SwiGLU on the emulated GPU, against fp64.
#include "swiglu_cases.hpp"

#include "support/test.hpp"

using namespace lora_cases;

TEST_CASE("gate, up and their SwiGLU in one launch, forward and backward, are what fp64 gives") {
    auto& machine = gpu_emulation::machine::instance();
    machine.bank_conflicts = 0;
    for (const std::int64_t m : {0, 1, 17, 66})
        CHECK(swiglu_verdict<__nv_bfloat16>({.tokens = m, .in = 72, .out = 72, .rank = 8}) == "");
    CHECK(swiglu_verdict<__nv_bfloat16>(
              {.tokens = 70, .in = 40, .out = 130, .rank = 16, .p = 0.3, .bias = true, .in_place = true}) == "");
    CHECK(swiglu_verdict<__nv_bfloat16>(
              {.tokens = 33, .in = 51, .out = 37, .rank = 5, .p = 0.5, .accumulate = true, .pad = 3, .offset = 1}) ==
          "");
    CHECK(swiglu_verdict<__nv_bfloat16>({.tokens = 20, .in = 64, .out = 1, .rank = 65, .pad = 8}) == "");
    CHECK(swiglu_verdict<__nv_bfloat16>({.tokens = 20, .in = 64, .out = 48, .rank = 8, .keep = false}) == "");
    CHECK(swiglu_verdict<__half>({.tokens = 65, .in = 33, .out = 40, .rank = 12, .p = 0.2, .bias = true}) == "");
    CHECK(swiglu_verdict<float>({.tokens = 66, .in = 40, .out = 70, .rank = 6, .p = 0.2, .bias = true}) == "");
    CHECK(swiglu_verdict<float>({.tokens = 5, .in = 7, .out = 3, .rank = 2, .accumulate = true, .pad = 1}) == "");
    CHECK(machine.bank_conflicts == 0);
}

TEST_CASE("gate, up and their SwiGLU in fp32 rounded to tf32, where it is asked for, are what fp64 gives to 5e-4") {
    CHECK(swiglu_verdict<float>({.tokens = 66, .in = 40, .out = 70, .rank = 6, .p = 0.2, .bias = true, .tf32 = true}) ==
          "");
    CHECK(swiglu_verdict<float>({.tokens = 20, .in = 72, .out = 33, .rank = 20, .pad = 1, .tf32 = true}) == "");
}

TEST_CASE("SwiGLU with its adapters refuses with a sentence") {
    kernels::swiglu_adapter_args<float> f;
    CHECK_THAT(kernels::explain(f), Contains("kernels::swiglu_adapter: there must be two slices, the gate and up, they "
                                             "are 0"));
    f.projections.count = 2, f.projections.slice[0].out = 8, f.projections.slice[1].out = 16;
    CHECK_THAT(kernels::explain(f), Contains("must be of one width, they are 8 and 16"));
    CHECK(kernels::swiglu_adapter(f, nullptr) == cudaErrorInvalidValue);
    float one = 0;
    f.projections.slice[1].out = 8, f.projections.slice[1].residual = &one;
    CHECK_THAT(kernels::explain(f), Contains("must not have a residual"));
    f.projections.slice[1].residual = nullptr, f.projections.slice[1].f = kernels::activation::relu;
    CHECK_THAT(kernels::explain(f), Contains("f of projections must be none: there are no activations here"));
    f.projections.slice[1].f = kernels::activation::none, f.projections.tokens = 4, f.projections.in = 8,
    f.projections.rank = 2;
    CHECK_THAT(kernels::explain(f), Contains("x is a null pointer"));
    CHECK_THAT(kernels::explain_backward(f), Contains("kernels::swiglu_adapter_backward: dh is a null pointer"));
    CHECK(kernels::swiglu_adapter_backward(f, nullptr) == cudaErrorInvalidValue);
}
