#pragma once
// The instructions of include/holdfast/kernels/detail/ptx_cluster.cuh on the emulated GPU.

#include <holdfast/kernels/detail/ptx.cuh>

#define HOLDFAST_HAS_CLUSTERS 1

namespace holdfast::kernels::detail {

namespace emulation {
inline bool clusters = true;  // whether this machine's code was compiled with them
}

template <class... Parameters>
[[nodiscard]] bool has_clusters(void (*)(Parameters...)) noexcept {
    return emulation::clusters;
}

template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch_early(void (*kernel)(Parameters...), dim3 grid, unsigned cluster, unsigned threads,
                                       std::size_t shared, cudaStream_t, const Arguments&... arguments) noexcept {
    if (gpu_emulation::launch_error != 0) return static_cast<cudaError_t>(gpu_emulation::launch_error);
    if (shared > 227 * 1024) return cudaErrorInvalidValue;
    const std::function<void()> run = [&] { kernel(arguments...); };
    machine::instance().run(grid, dim3(threads), shared, run, cluster);
    return cudaSuccess;
}

/// Blocks that run together, as those of a cluster do.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch_together(void (*kernel)(Parameters...), dim3 grid, unsigned threads,
                                          std::size_t shared, cudaStream_t stream,
                                          const Arguments&... arguments) noexcept {
    return launch_early(kernel, grid, grid.x, threads, shared, stream, arguments...);
}

[[nodiscard]] inline unsigned block_in_cluster() { return machine::instance().block_in_cluster(); }
inline void arrive_at_cluster() { machine::instance().cluster_arrive(); }
inline void wait_for_cluster() { machine::instance().cluster_wait(); }
inline void synchronise_cluster() {
    arrive_at_cluster();
    wait_for_cluster();
}
template <class T>
[[nodiscard]] T* shared_of(T* p, unsigned block) {
    return reinterpret_cast<T*>(machine::instance().shared_of(p, block));
}
inline void fetch_ahead(const void*) {}

}  // namespace holdfast::kernels::detail
