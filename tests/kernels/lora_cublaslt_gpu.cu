// The cuBLASLt routes on a GPU against fp64: the oracle's oracle. Not among the ordinary tests, for it links cuBLASLt:
// benchmarks/gpu.sh builds and runs it. Exits with 77 where there is no CUDA device.
#include "cublaslt_cases.hpp"
#include "gpu_checks.hpp"

using namespace lora_cases;

int main(int count, char** arguments) {
    return run_on_gpu(count, arguments, [](gpu_checks& expect) {
        if (cublasLtCreate(&cublas_handle()) != CUBLAS_STATUS_SUCCESS) return expect("cuBLASLt has no handle");
        using bf16 = __nv_bfloat16;
        for (const std::int64_t m : {0, 1, 17, 64, 129, 1000})
            for (const std::int64_t r : {8, 16, 64})
                for (const double p : {0.0, 0.05}) {
                    const lora_case c{
                        .tokens = m, .in = 520, .out = 264, .rank = r, .p = p, .bias = p > 0, .residual = p > 0};
                    expect(verdict<bf16, float, cublaslt_route>(c));
                    if (m <= 64) expect(verdict<__half, float, cublaslt_route>(c));
                    if (m <= 64) expect(verdict<float, float, cublaslt_route>(c));
                }
        expect(
            verdict<bf16, float, cublaslt_route>({.tokens = 200, .in = 128, .out = 72, .rank = 8, .accumulate = true}));
        for (const bool accumulate : {false, true})
            for (const std::int64_t r : {5, 16, 64}) {
                expect(bordered_verdict<bf16>(300, 512, 264, r, accumulate, accumulate));
                expect(bordered_verdict<__half>(33, 128, 136, r, accumulate));
                expect(bordered_verdict<float>(17, 72, 40, r, accumulate));
            }
        (void)cublasLtDestroy(cublas_handle());
    });
}
