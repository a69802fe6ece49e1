#pragma once
// The launch of a kernel as a value: it never waits, and returns its error instead of leaving it for the next to find.
// Builds on the CUDA runtime.

#include <cuda_runtime.h>

#include <cstddef>

namespace holdfast::detail {

/// Enqueues `kernel` with `count` attributes; never waits. More than 48 KB of shared memory per block is asked for
/// first.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch_with(cudaLaunchAttribute* attributes, unsigned count, void (*kernel)(Parameters...),
                                      dim3 grid, unsigned threads, std::size_t shared, cudaStream_t stream,
                                      const Arguments&... arguments) noexcept {
    cudaError_t error = cudaSuccess;
    if (shared > 48 * 1024)
        error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    config.attrs = attributes;
    config.numAttrs = count;
    if (error == cudaSuccess) error = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
    if (error != cudaSuccess) (void)cudaGetLastError();  // ours is returned, not left for the next to find
    return error;
}

template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, unsigned threads, std::size_t shared,
                                 cudaStream_t stream, const Arguments&... arguments) noexcept {
    return launch_with(nullptr, 0, kernel, grid, threads, shared, stream, arguments...);
}

}  // namespace holdfast::detail
