#pragma once
// The instructions of include/holdfast/kernels/detail/ptx_cluster.cuh on the emulated GPU.

#include <holdfast/core/cluster.cuh>
#include <holdfast/kernels/detail/ptx.cuh>

namespace holdfast::kernels::detail {

namespace emulation {
using holdfast::detail::emulation::clusters;
}

using holdfast::detail::arrive_at_cluster;
using holdfast::detail::block_in_cluster;
using holdfast::detail::has_clusters;
using holdfast::detail::shared_of;
using holdfast::detail::synchronise_cluster;
using holdfast::detail::wait_for_cluster;

template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch_early(void (*kernel)(Parameters...), dim3 grid, unsigned cluster, unsigned threads,
                                       std::size_t shared, cudaStream_t stream,
                                       const Arguments&... arguments) noexcept {
    return holdfast::detail::launch_clusters(kernel, grid, cluster, threads, shared, stream, arguments...);
}

/// Blocks that run together, as those of a cluster do.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch_together(void (*kernel)(Parameters...), dim3 grid, unsigned threads,
                                          std::size_t shared, cudaStream_t stream,
                                          const Arguments&... arguments) noexcept {
    return launch_early(kernel, grid, grid.x, threads, shared, stream, arguments...);
}

inline void fetch_ahead(const void*) {}

}  // namespace holdfast::kernels::detail
