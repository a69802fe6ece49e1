// SwiGLU with its adapters, DoRA's gradients, mixtures and O-LoRA's penalty on a GPU against fp64. Exits with 77 where
// there is no CUDA device. --sanitize leaves a handful, for compute-sanitizer.
#include "adapter_forms_cases.hpp"
#include "gpu_checks.hpp"
#include "swiglu_cases.hpp"

using namespace lora_cases;

int main(int count, char** arguments) {
    return run_on_gpu(count, arguments, [](gpu_checks& expect) {
        const bool few = expect.few;
        using bf16 = __nv_bfloat16;
        for (const std::int64_t m :
             few ? std::vector<std::int64_t>{0, 1, 70} : std::vector<std::int64_t>{0, 1, 63, 129, 400})
            for (const bool odd : {false, true}) {
                const std::int64_t k = odd ? 99 : 128, n = odd ? 71 : 136, r = odd ? 6 : 16;
                const double p = odd ? 0.3 : 0.0;
                const int off = odd ? 1 : 0;
                expect(swiglu_verdict<bf16>({.tokens = m,
                                             .in = k,
                                             .out = n,
                                             .rank = r,
                                             .p = p,
                                             .bias = odd,
                                             .accumulate = odd,
                                             .in_place = !odd,
                                             .pad = off,
                                             .offset = off}));
                const lora_case c{.tokens = m,
                                  .in = k,
                                  .out = n,
                                  .rank = r,
                                  .p = p,
                                  .pad = off,
                                  .offset = off,
                                  .bias = odd,
                                  .accumulate = odd};
                expect(dora_verdict<bf16>(c, odd));
                expect(mixture_verdict<bf16>(c, 2));
                if (m > 129) continue;
                expect(swiglu_verdict<float>({.tokens = m, .in = k, .out = n, .rank = r, .p = p, .bias = odd}));
                expect(dora_verdict<float>(c, odd));
                expect(mixture_verdict<__half>(c, r));
            }
        const std::vector<overlap_case> modules{{8, 8, 640}, {0, 8, 40}, {70, 17, 33}, {130, 3, 4096}, {1, 1, 1}};
        for (const auto kind : {kernels::overlap::absolute, kernels::overlap::squared}) {
            expect(overlap_verdict<float>(modules, kind));
            expect(overlap_verdict<bf16>(modules, kind));
        }
    });
}
