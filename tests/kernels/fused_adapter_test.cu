// fused_adapter.cuh on a GPU: every slice as lora_matmul computes it alone. Exits with 77 where there is no CUDA
// device.
#include "fused_cases.hpp"
#include "gpu_checks.hpp"

using namespace lora_cases;

int main(int count, char** arguments) {
    return run_on_gpu(count, arguments, [](gpu_checks& expect) {
        for (const std::int64_t m : {0, 1, 17, 64, 65, 300, 1000})
            for (const std::int64_t r : {4, 8, 16, 64})
                for (const double p : {0.0, 0.05}) {
                    const fused_case c{
                        .tokens = m, .in = 520, .rank = r, .out = {512, 128, 136}, .p = p, .bias = p > 0};
                    expect(fused_verdict<__nv_bfloat16>(c));
                    if (m <= 65) expect(fused_verdict<__half>(c)), expect(fused_verdict<float>(c));
                }
        for (const std::int64_t m : {1, 65, 300})
            expect(
                fused_verdict<float>({.tokens = m, .in = 520, .rank = 16, .out = {512, 136}, .p = 0.05, .tf32 = true}));
        expect(fused_verdict<__nv_bfloat16>(
            {.tokens = 200, .in = 99, .rank = 7, .out = {101, 33}, .p = 0.5, .accumulate = true}));
    });
}
