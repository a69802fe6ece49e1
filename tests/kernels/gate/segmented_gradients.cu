#include <holdfast/kernels/segmented_gradients.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return kernels::segmented_lora_gradients(kernels::segmented_gradient_args<T>{}, stream);
}
HOLDFAST_GATE
