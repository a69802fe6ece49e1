#pragma once
// What compute capability 9.0 and later have for blocks among each other: clusters, which reach into one another's
// shared memory. The tests put an emulation in this header's place. Builds on launch.cuh.

#include <holdfast/core/launch.cuh>

#include <cuda_runtime.h>

#include <cstddef>

/// Whether this pass of the compiler may use them.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define HOLDFAST_HAS_CLUSTERS 1
/// Before the name of a kernel whose blocks come in clusters of `blocks`, neighbours along x.
#define HOLDFAST_CLUSTERS_OF(blocks) __cluster_dims__(blocks, 1, 1)
#else
#define HOLDFAST_HAS_CLUSTERS 0
#define HOLDFAST_CLUSTERS_OF(blocks)
#endif

namespace holdfast::detail {

/// Whether the machine code that this device would run of `kernel` was compiled with clusters: by the virtual
/// architecture that it was made from, since a driver may have made code for 9.0 from PTX for 8.0.
template <class... Parameters>
[[nodiscard]] bool has_clusters(void (*kernel)(Parameters...)) noexcept {
    cudaFuncAttributes found{};
    if (cudaFuncGetAttributes(&found, reinterpret_cast<const void*>(kernel)) == cudaSuccess)
        return found.ptxVersion >= 90;
    (void)cudaGetLastError();  // the launch that follows will say it
    return false;
}

/// Enqueues a kernel of HOLDFAST_CLUSTERS_OF(blocks), which says so itself; never waits.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch_clusters(void (*kernel)(Parameters...), dim3 grid, unsigned, unsigned threads,
                                          std::size_t shared, cudaStream_t stream,
                                          const Arguments&... arguments) noexcept {
    return launch(kernel, grid, threads, shared, stream, arguments...);
}

#if HOLDFAST_HAS_CLUSTERS

[[nodiscard]] __device__ __forceinline__ unsigned block_in_cluster() {
    unsigned rank;
    asm("mov.u32 %0, %%cluster_ctarank;\n" : "=r"(rank));
    return rank;
}

/// The two halves of a barrier of every thread of every block of the cluster: what they wrote before the one is seen
/// after the other. Whole warps.
__device__ __forceinline__ void arrive_at_cluster() {
    asm volatile("barrier.cluster.arrive.release.aligned;\n" ::: "memory");
}
__device__ __forceinline__ void wait_for_cluster() {
    asm volatile("barrier.cluster.wait.acquire.aligned;\n" ::: "memory");
}
__device__ __forceinline__ void synchronise_cluster() {
    arrive_at_cluster();
    wait_for_cluster();
}

/// Where another block of the cluster has what this one has at `p` in shared memory.
template <class T>
[[nodiscard]] __device__ __forceinline__ T* shared_of(T* p, unsigned block) {
    T* there;
    asm volatile("mapa.u64 %0, %1, %2;\n" : "=l"(there) : "l"(p), "r"(block));
    return there;
}

#endif

}  // namespace holdfast::detail
