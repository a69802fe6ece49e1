#pragma once
// include/holdfast/core/warp.cuh on the emulated GPU: found before the real header on the tests' include path.

#include <cuda_runtime.h>

#include <cstddef>
#include <cstring>

namespace holdfast::detail {

[[nodiscard]] inline unsigned char* block_memory() { return gpu_emulation::machine::instance().shared; }

inline void wait_for_block() { gpu_emulation::machine::instance().block_barrier(); }

/// Every lane sees all 32 values and joins them as the butterfly of the real header does.
template <class T, class Join>
T over_warp(T x, Join join) {
    static_assert(sizeof(T) <= 8);
    auto& m = gpu_emulation::machine::instance();
    const auto& e =
        m.meet([&](gpu_emulation::exchange& to, unsigned lane) { std::memcpy(&to.word[lane][0], &x, sizeof x); });
    T all[32];
    for (unsigned i = 0; i < 32; ++i) std::memcpy(&all[i], &e.word[i][0], sizeof x);
    for (unsigned step = 16; step > 0; step /= 2)
        for (unsigned i = 0; i < step; ++i) all[i] = join(all[i], all[i + step]);
    return all[0];
}

template <class T>
T warp_sum(T x) {
    return over_warp(x, [](T a, T b) { return a + b; });
}

template <class T>
T warp_least(T x) {
    return over_warp(x, [](T a, T b) { return b < a ? b : a; });
}

template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t enqueue(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, std::size_t shared,
                                  cudaStream_t stream, const Arguments&... arguments) noexcept {
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

}  // namespace holdfast::detail
