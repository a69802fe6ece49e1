#include <holdfast/transport/detail/pair_kernel.cuh>

namespace detail = holdfast::transport::detail;

template __global__ void detail::gpu_sinkhorn_pairs<float>(detail::gpu_pairs<float>, unsigned);
template __global__ void detail::gpu_sinkhorn_clusters<float>(detail::gpu_pairs<float>, unsigned);
