#pragma once
// What every program of checks on a GPU has: is there one, what was asked for on the command line, how many checks
// failed, and the exit status: 0, 1, or 77 (skipped) where there is no CUDA device.

#include <cuda_runtime.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace lora_cases {

struct gpu_checks {
    bool quick = false;      // --quick: not the large shapes
    bool few = false;        // --sanitize: a handful, for compute-sanitizer
    std::uint64_t seed = 1;  // --seed N
    int checks = 0, failures = 0;

    /// @param wrong  what is wrong; empty if nothing is
    void operator()(const std::string& wrong) {
        ++checks;
        if (!wrong.empty()) ++failures, std::printf("FAILED: %s\n", wrong.c_str());
    }
    void operator()(bool holds, const char* what) { (*this)(holds ? std::string{} : std::string(what)); }
};

/// Runs `program(checks)` where `usable()` says that there is a device for it.
template <class Program, class Usable>
int run_on_gpu(int count, char** arguments, const Program& program, const Usable& usable, const char* wanted) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0 || !usable()) {
        std::printf("SKIPPED: no %s here\n", wanted);
        return 77;
    }
    gpu_checks expect;
    for (int i = 1; i < count; ++i) {
        if (std::strcmp(arguments[i], "--quick") == 0) expect.quick = true;
        if (std::strcmp(arguments[i], "--sanitize") == 0) expect.few = true;
        if (std::strcmp(arguments[i], "--seed") == 0 && i + 1 < count)
            expect.seed = std::strtoull(arguments[++i], nullptr, 10);
    }
    program(expect);
    expect(cudaDeviceSynchronize() == cudaSuccess, "a kernel failed");
    std::printf("%d checks, %d failed (seed %llu)\n", expect.checks, expect.failures,
                static_cast<unsigned long long>(expect.seed));
    return expect.failures == 0 ? 0 : 1;
}
template <class Program>
int run_on_gpu(int count, char** arguments, const Program& program) {
    return run_on_gpu(
        count, arguments, program, [] { return true; }, "CUDA device");
}

}  // namespace lora_cases
