// DoRA's gradients, mixtures of adapters and O-LoRA's penalty on the emulated GPU.
#include "adapter_forms_cases.hpp"

#include "support/test.hpp"

using namespace lora_cases;
using bf16 = __nv_bfloat16;

TEST_CASE("DoRA's gradients are those of fp64 with the norm held constant") {
    for (const std::int64_t m : {0, 1, 17})
        CHECK(dora_verdict<bf16>({.tokens = m, .in = 40, .out = 56, .rank = 8}) == "");
    CHECK(dora_verdict<bf16>({.tokens = 70,
                              .in = 33,
                              .out = 130,
                              .rank = 5,
                              .p = 0.3,
                              .pad = 3,
                              .offset = 1,
                              .bias = true,
                              .accumulate = true}) == "");
    CHECK(dora_verdict<bf16>({.tokens = 66, .in = 64, .out = 48, .rank = 16, .bias = true}, true) == "");
    CHECK(dora_verdict<__half>({.tokens = 20, .in = 24, .out = 17, .rank = 4}) == "");
    CHECK(dora_verdict<float>({.tokens = 130, .in = 20, .out = 19, .rank = 3, .p = 0.5, .bias = true}) == "");
}

TEST_CASE("a mixture of adapters and the gradients of its gates are those of fp64, gates of 0 among them") {
    for (const std::int64_t m : {0, 1, 17})
        CHECK(mixture_verdict<bf16>({.tokens = m, .in = 40, .out = 56, .rank = 32}, 4) == "");
    CHECK(mixture_verdict<bf16>({.tokens = 70,
                                 .in = 33,
                                 .out = 50,
                                 .rank = 15,
                                 .p = 0.3,
                                 .pad = 3,
                                 .offset = 1,
                                 .bias = true,
                                 .accumulate = true},
                                3) == "");
    CHECK(mixture_verdict<bf16>({.tokens = 5, .in = 1100, .out = 600, .rank = 16, .p = 0.1}, 2) == "");
    CHECK(mixture_verdict<bf16>({.tokens = 20, .in = 40, .out = 24, .rank = 8, .p = 0.5, .keep = false}, 8) == "");
    CHECK(mixture_verdict<__half>({.tokens = 20, .in = 24, .out = 17, .rank = 4}, 1) == "");
    CHECK(mixture_verdict<float>({.tokens = 66, .in = 20, .out = 19, .rank = 6, .p = 0.5, .accumulate = true}, 6) ==
          "");
}

TEST_CASE("the overlap of all modules, and its gradient, come from one launch") {
    const std::vector<overlap_case> cases{{8, 8, 64}, {0, 8, 40}, {70, 17, 33}, {130, 3, 300}, {1, 1, 1}};
    auto& machine = gpu_emulation::machine::instance();
    machine.launches = 0;
    CHECK(overlap_verdict<bf16>(cases, kernels::overlap::absolute) == "");
    CHECK(machine.launches == 1);
    CHECK(overlap_verdict<float>(cases, kernels::overlap::squared) == "");
    CHECK(overlap_verdict<__half>({{4, 8, 100}}, kernels::overlap::squared) == "");
}

TEST_CASE("the forms of an adapter refuse with a code and a sentence") {
    kernels::mixture_args<float> f;
    f.product.shape = {4, 8, 6, 4}, f.gates.experts = 3;
    CHECK_THAT(kernels::explain(f), Contains("kernels::mixture: experts must divide the rank 4, they are 3"));
    CHECK(kernels::mixture(f, nullptr) == cudaErrorInvalidValue);
    f.gates.experts = 2;
    CHECK_THAT(kernels::explain(f), Contains("gates is a null pointer"));
    kernels::mixture_backward_args<float> b;
    b.product.shape = {4, 8, 6, 300};
    CHECK_THAT(kernels::explain(b), Contains("kernels::mixture_backward: rank must be 1 to 256, it is 300"));
    CHECK(kernels::mixture_backward(b, nullptr) == cudaErrorInvalidValue);

    buffer<float> w(6, 8, 0, 0), dy(4, 6, 0, 0);
    alignas(256) static unsigned char space[8192];
    kernels::dora_backward_args<float> d;
    d.product.shape = {4, 8, 6, 2}, d.product.dy = dy.data(), d.product.lddy = 6, d.product.b = w.data();
    d.product.ldb = 8;
    CHECK_THAT(kernels::explain(d), Contains("kernels::dora_backward: the workspace must hold 768 bytes, it holds 0"));
    d.product.workspace = space, d.product.workspace_bytes = sizeof space;
    CHECK_THAT(kernels::explain(d), Contains("column_scale is a null pointer"));
    d.column_scale = w.data(), d.scaled = dy.data(), d.lds = 6, d.dmagnitude = w.data();
    CHECK_THAT(kernels::explain(d), Contains("magnitude is a null pointer"));
    CHECK(kernels::dora_backward(d, nullptr) == cudaErrorInvalidValue);

    kernels::orthogonality_args<float> o;
    CHECK(kernels::orthogonality(o, nullptr) == cudaSuccess);
    o.count = 3;
    CHECK_THAT(kernels::explain(o), Contains("kernels::orthogonality: modules is a null pointer"));
    CHECK(kernels::orthogonality(o, nullptr) == cudaErrorInvalidValue);
}
