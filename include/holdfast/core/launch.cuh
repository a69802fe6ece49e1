#pragma once
// The launch of a kernel as a value: it never waits, and returns its error instead of leaving it for the next to find.
// Builds on the CUDA runtime.

#include <cuda_runtime.h>

#include <cstddef>

namespace holdfast::detail {

/// Enqueues `kernel`; never waits. More than 48 KB of shared memory per block is asked for first.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, unsigned threads, std::size_t shared,
                                 cudaStream_t stream, const Arguments&... arguments) noexcept {
    if (shared > 48 * 1024) {
        const cudaError_t error =
            cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
        if (error != cudaSuccess) {
            (void)cudaGetLastError();  // ours is returned, not left for the next to find
            return error;
        }
    }
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    const cudaError_t error = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
    if (error != cudaSuccess) (void)cudaGetLastError();
    return error;
}

}  // namespace holdfast::detail
