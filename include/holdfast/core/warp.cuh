#pragma once
// What every kernel here needs of the machine beside arithmetic: shared memory, barriers, sums over a warp, the launch.
// Kernels reach these through this header alone, so that the tests can put an emulation in its place and run every
// kernel where no GPU is. Builds on the CUDA runtime.

#include <cuda_runtime.h>

#include <cstddef>

namespace holdfast::detail {

/// The block's dynamic shared memory, aligned to 128 bytes.
[[nodiscard]] __device__ __forceinline__ unsigned char* block_memory() {
    extern __shared__ __align__(128) unsigned char holdfast_block_memory[];
    return holdfast_block_memory;
}

__device__ __forceinline__ void wait_for_block() { __syncthreads(); }

/// Over the 32 lanes, in every lane, always in the same order.
template <class T>
[[nodiscard]] __device__ __forceinline__ T warp_sum(T x) {
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xFFFFFFFFu, x, step);
    return x;
}

template <class T>
[[nodiscard]] __device__ __forceinline__ T warp_least(T x) {
    for (int step = 16; step > 0; step /= 2) {
        const T other = __shfl_xor_sync(0xFFFFFFFFu, x, step);
        x = other < x ? other : x;
    }
    return x;
}

/// Enqueues a kernel of one-dimensional blocks; never waits.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t enqueue(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, std::size_t shared,
                                  cudaStream_t stream, const Arguments&... arguments) noexcept {
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    const cudaError_t error = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
    if (error != cudaSuccess) (void)cudaGetLastError();  // returned, not left for the next to find
    return error;
}

}  // namespace holdfast::detail
