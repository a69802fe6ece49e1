#include <holdfast/kernels/dora_backward.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return kernels::dora_backward(kernels::dora_backward_args<T>{}, stream);
}
HOLDFAST_GATE
