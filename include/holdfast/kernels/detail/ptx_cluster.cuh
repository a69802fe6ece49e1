#pragma once
// What compute capability 9.0 and later have for blocks among each other: clusters that reach into one another's shared
// memory, and the launch that begins before the kernel ahead has ended. The tests put an emulation in this header's
// place. Builds on ptx.cuh.

#include <holdfast/kernels/detail/ptx.cuh>

#include <cstddef>

/// Whether this pass of the compiler may use them.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define HOLDFAST_HAS_CLUSTERS 1
#else
#define HOLDFAST_HAS_CLUSTERS 0
#endif

namespace holdfast::kernels::detail {

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

/// Enqueues `kernel`, in clusters of `cluster` blocks; it may begin while the kernel ahead still runs, if that says so
/// by let_kernel_behind_begin, and waits for it with wait_for_kernel_ahead.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch_early(void (*kernel)(Parameters...), dim3 grid, unsigned cluster, unsigned threads,
                                       std::size_t shared, cudaStream_t stream,
                                       const Arguments&... arguments) noexcept {
    cudaLaunchAttribute attributes[2]{};
    attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[0].val.programmaticStreamSerializationAllowed = 1;
    attributes[1].id = cudaLaunchAttributeClusterDimension;
    attributes[1].val.clusterDim.x = cluster;
    attributes[1].val.clusterDim.y = attributes[1].val.clusterDim.z = 1;
    return holdfast::detail::launch_with(attributes, cluster > 1 ? 2 : 1, kernel, grid, threads, shared, stream,
                                         arguments...);
}

/// Enqueues `kernel`, whose blocks wait for each other: all run at once, or none and an error is returned.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch_together(void (*kernel)(Parameters...), dim3 grid, unsigned threads,
                                          std::size_t shared, cudaStream_t stream,
                                          const Arguments&... arguments) noexcept {
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeCooperative;
    attribute.val.cooperative = 1;
    return holdfast::detail::launch_with(&attribute, 1, kernel, grid, threads, shared, stream, arguments...);
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

/// Asks for the line of device memory at `p`; reads nothing yet.
__device__ __forceinline__ void fetch_ahead(const void* p) { asm volatile("prefetch.L2 [%0];\n" ::"l"(p)); }

#endif

}  // namespace holdfast::kernels::detail
