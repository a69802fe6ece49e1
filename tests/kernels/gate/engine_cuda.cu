#include <holdfast/transport/engine_cuda.cuh>

#include <cstdint>

template class holdfast::transport::cuda_engine<float>;
template class holdfast::transport::cuda_engine<double>;
template class holdfast::transport::cuda_engine<std::uint16_t>;
template class holdfast::transport::cuda_engine<holdfast::transport::gpu_streamed>;
