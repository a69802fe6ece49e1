// The Hopper routes, forward and backward, on a GPU against fp64; with --overlap those that compute u and dA beside the
// products. Not among the ordinary tests: nothing chooses these routes until this program has passed on such a GPU.
// benchmarks/gpu.sh builds and runs it, once for each. Exits with 77 where there is no GPU of compute capability 9.0.
#include "gpu_checks.hpp"
#include "hopper_cases.hpp"

using namespace lora_cases;
using bf16 = __nv_bfloat16;

namespace {

template <class Route>
void check_all(gpu_checks& expect) {
    const bool few = expect.few;
    const auto holds = [&](const lora_case& c) { expect(hopper_verdict<bf16, float, Route>(c)); };
    const auto sizes = few ? std::vector<std::int64_t>{1, 130} : std::vector<std::int64_t>{0, 1, 64, 127, 129, 1000};
    for (const std::int64_t m : sizes)
        for (const std::int64_t r : {8, 16, 40, 64, 72, 136, 256})
            for (const double p : {0.0, 0.05}) {
                const lora_case c{
                    .tokens = m, .in = 200, .out = 264, .rank = r, .p = p, .bias = p > 0, .residual = p > 0};
                holds(c);
                if (m <= 129 && !few) expect(hopper_verdict<__half, float, Route>(c));
            }
    holds({.tokens = 66, .in = 61, .out = 45, .rank = 5, .p = 0.5, .pad = 3});
    expect(hopper_verdict<bf16, bf16, Route>(
        {.tokens = 100, .in = 136, .out = 72, .rank = 16, .p = 0.05, .accumulate = true}));
    if (few) return;
    // many tiles per multiprocessor; then the pass over dy in many clusters, and in groups of columns
    holds({.tokens = 2048, .in = 512, .out = 4096, .rank = 16, .p = 0.05, .samples = 8});
    holds({.tokens = 700, .in = 264, .out = 11008, .rank = 64, .samples = 8});
    holds({.tokens = 8191, .in = 512, .out = 4104, .rank = 16, .keep = false, .samples = 24});
    holds({.tokens = 2048, .in = 4096, .out = 4096, .rank = 64, .keep = false, .samples = 8});
}

/// The same bits fifty times: blocks that wait for each other must not be seen in them.
template <class Route>
void check_determinism(gpu_checks& expect) {
    if (expect.few) return;
    const lora_case c{.tokens = 1000, .in = 264, .out = 520, .rank = 16, .p = 0.05, .samples = 2};
    const lora_errors first = run<bf16, float, Route>(c);
    bool same = first.repeatable;
    for (int i = 1; i < 25; ++i) {  // each runs twice
        const lora_errors e = run<bf16, float, Route>(c);
        same = same && e.repeatable && e.y == first.y && e.u == first.u && e.dx == first.dx && e.da == first.da &&
               e.db == first.db;
    }
    expect(same, "fifty runs give the same bits");
}

}  // namespace

int main(int count, char** arguments) {
    bool overlap = false;
    for (int i = 1; i < count; ++i) overlap = overlap || std::strcmp(arguments[i], "--overlap") == 0;
    const auto usable = [] {
        int multiprocessors = 0;
        return kernels::detail::hopper_multiprocessors(multiprocessors) == cudaSuccess;
    };
    const auto program = [&](gpu_checks& expect) {
        if (overlap)
            check_all<overlapped_route>(expect), check_determinism<overlapped_route>(expect);
        else
            check_all<hopper_route>(expect), check_determinism<hopper_route>(expect);
    };
    return run_on_gpu(count, arguments, program, usable, "CUDA device of compute capability 9.0");
}
