#pragma once
// What compute capability 9.0 and later have for blocks among each other: the clusters of core/cluster.cuh by their
// names there, and the launch that begins before the kernel ahead has ended. The tests put an emulation in this
// header's place. Builds on core/cluster.cuh and ptx.cuh.

#include <holdfast/core/cluster.cuh>
#include <holdfast/kernels/detail/ptx.cuh>

#include <cstddef>

namespace holdfast::kernels::detail {

using holdfast::detail::has_clusters;

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

using holdfast::detail::arrive_at_cluster;
using holdfast::detail::block_in_cluster;
using holdfast::detail::shared_of;
using holdfast::detail::synchronise_cluster;
using holdfast::detail::wait_for_cluster;

/// Asks for the line of device memory at `p`; reads nothing yet.
__device__ __forceinline__ void fetch_ahead(const void* p) { asm volatile("prefetch.L2 [%0];\n" ::"l"(p)); }

#endif

}  // namespace holdfast::kernels::detail
