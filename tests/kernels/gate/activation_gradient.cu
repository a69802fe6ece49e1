#include <holdfast/kernels/activation_gradient.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return kernels::activation_gradient(kernels::activation_gradient_args<T>{}, stream);
}
HOLDFAST_GATE
