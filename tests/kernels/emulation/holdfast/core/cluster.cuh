#pragma once
// include/holdfast/core/cluster.cuh on the emulated GPU: found before the real header on the tests' include path.

#include <holdfast/core/launch.cuh>

#include <cuda_runtime.h>

#include <cstddef>
#include <functional>

#define HOLDFAST_HAS_CLUSTERS 1
#define HOLDFAST_CLUSTERS_OF(blocks)

namespace holdfast::detail {

namespace emulation {
inline bool clusters = true;  // whether this machine's code was compiled with them
}

template <class... Parameters>
[[nodiscard]] bool has_clusters(void (*)(Parameters...)) noexcept {
    return emulation::clusters;
}

template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch_clusters(void (*kernel)(Parameters...), dim3 grid, unsigned blocks, unsigned threads,
                                          std::size_t shared, cudaStream_t, const Arguments&... arguments) noexcept {
    if (gpu_emulation::launch_error != 0) return static_cast<cudaError_t>(gpu_emulation::launch_error);
    if (shared > 227 * 1024) return cudaErrorInvalidValue;
    const std::function<void()> run = [&] { kernel(arguments...); };
    gpu_emulation::machine::instance().run(grid, dim3(threads), shared, run, blocks);
    return cudaSuccess;
}

[[nodiscard]] inline unsigned block_in_cluster() { return gpu_emulation::machine::instance().block_in_cluster(); }
inline void arrive_at_cluster() { gpu_emulation::machine::instance().cluster_arrive(); }
inline void wait_for_cluster() { gpu_emulation::machine::instance().cluster_wait(); }
inline void synchronise_cluster() {
    arrive_at_cluster();
    wait_for_cluster();
}
template <class T>
[[nodiscard]] T* shared_of(T* p, unsigned block) {
    return reinterpret_cast<T*>(gpu_emulation::machine::instance().shared_of(p, block));
}

}  // namespace holdfast::detail
