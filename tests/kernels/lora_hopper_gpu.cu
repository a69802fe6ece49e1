// The Hopper routes, forward and backward, on a GPU against fp64. Not among the ordinary tests: nothing chooses that
// route until this program has passed on such a GPU. benchmarks/gpu.sh builds and runs it. Exits with 77 where there is
// no GPU of compute capability 9.0.
#include "gpu_checks.hpp"
#include "hopper_cases.hpp"

using namespace lora_cases;

int main(int count, char** arguments) {
    const auto usable = [] {
        int multiprocessors = 0;
        return kernels::detail::hopper_multiprocessors(multiprocessors) == cudaSuccess;
    };
    const auto program = [](gpu_checks& expect) {
        const bool few = expect.few;
        using bf16 = __nv_bfloat16;
        const auto sizes =
            few ? std::vector<std::int64_t>{1, 130} : std::vector<std::int64_t>{0, 1, 64, 127, 129, 1000};
        for (const std::int64_t m : sizes)
            for (const std::int64_t r : {8, 16, 40, 64, 72, 136, 256})
                for (const double p : {0.0, 0.05}) {
                    const lora_case c{
                        .tokens = m, .in = 200, .out = 264, .rank = r, .p = p, .bias = p > 0, .residual = p > 0};
                    expect(hopper_verdict<bf16>(c));
                    if (m <= 129 && !few) expect(hopper_verdict<__half>(c));
                }
        expect(hopper_verdict<bf16>({.tokens = 66, .in = 61, .out = 45, .rank = 5, .p = 0.5, .pad = 3}));
        expect(hopper_verdict<bf16, bf16>(
            {.tokens = 100, .in = 136, .out = 72, .rank = 16, .p = 0.05, .accumulate = true}));
        if (!few) {  // many tiles per multiprocessor; then the pass over dy in many clusters, and in groups of columns
            expect(hopper_verdict<bf16>({.tokens = 2048, .in = 512, .out = 4096, .rank = 16, .p = 0.05, .samples = 8}));
            expect(hopper_verdict<bf16>({.tokens = 700, .in = 264, .out = 11008, .rank = 64, .samples = 8}));
            expect(hopper_verdict<bf16>(
                {.tokens = 8191, .in = 512, .out = 4104, .rank = 16, .keep = false, .samples = 24}));
            expect(hopper_verdict<bf16>(
                {.tokens = 2048, .in = 4096, .out = 4096, .rank = 64, .keep = false, .samples = 8}));
        }
    };
    return run_on_gpu(count, arguments, program, usable, "CUDA device of compute capability 9.0");
}
