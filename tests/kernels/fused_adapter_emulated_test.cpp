// Fused projections on the emulated GPU: what every slice gives alone.
#include "fused_cases.hpp"

#include "support/test.hpp"

using namespace lora_cases;

TEST_CASE("query, key and value as one are what they are alone") {
    CHECK(fused_verdict<__nv_bfloat16>({.tokens = 70, .in = 72, .rank = 8, .out = {136, 40, 40}}) == "");
    CHECK(fused_verdict<__nv_bfloat16>(
              {.tokens = 20, .in = 64, .rank = 16, .out = {64, 32, 32}, .p = 0.3, .bias = true}) == "");
    CHECK(fused_verdict<__nv_bfloat16>(
              {.tokens = 33, .in = 50, .rank = 5, .out = {30, 17}, .p = 0.5, .accumulate = true}) == "");
    CHECK(fused_verdict<__nv_bfloat16>({.tokens = 3, .in = 1100, .rank = 8, .out = {24}, .p = 0.1}) == "");
    CHECK(fused_verdict<float>({.tokens = 40, .in = 72, .rank = 6, .out = {40, 70, 16}, .p = 0.2, .bias = true}) == "");
    CHECK(fused_verdict<__half>({.tokens = 66, .in = 40, .rank = 24, .out = {40, 48}, .p = 0.2, .accumulate = true}) ==
          "");
    CHECK(fused_verdict<__nv_bfloat16>(
              {.tokens = 33, .in = 40, .rank = 8, .out = {24, 72}, .p = 0.2, .bias = true, .residual = true}) == "");
    CHECK(fused_verdict<float>({.tokens = 0, .in = 16, .rank = 4, .out = {8, 8}}) == "");
}

TEST_CASE("fused projections in fp32 rounded to tf32, where it is asked for, are the exact ones to 5e-4") {
    CHECK(fused_verdict<float>(
              {.tokens = 40, .in = 72, .rank = 8, .out = {40, 70, 16}, .p = 0.2, .bias = true, .tf32 = true}) == "");
    CHECK(fused_verdict<float>(
              {.tokens = 70, .in = 50, .rank = 24, .out = {130, 17}, .accumulate = true, .tf32 = true}) == "");
    kernels::fused_adapter_args<__nv_bfloat16> f;
    f.count = 1, f.tokens = 4, f.in = 8, f.rank = 2, f.slice[0].out = 8, f.tf32 = true;
    CHECK_THAT(kernels::explain(f), Contains("kernels::fused_adapter: tf32 is there for fp32 only"));
}

TEST_CASE("a fused layer refuses with a sentence") {
    kernels::fused_adapter_args<float> f;
    f.count = 4;
    CHECK_THAT(kernels::explain(f), Contains("kernels::fused_adapter: slices must be 1 to 3, they are 4"));
    CHECK(kernels::fused_adapter(f, nullptr) == cudaErrorInvalidValue);
    f.count = 1, f.tokens = 4, f.in = 8, f.rank = 2, f.slice[0].out = 8;
    f.dropout.threshold = 5;
    CHECK_THAT(kernels::explain_backward(f), Contains("backward needs the mask"));
    f.dropout.threshold = 0;
    CHECK_THAT(kernels::explain(f), Contains("x is a null pointer"));
}
