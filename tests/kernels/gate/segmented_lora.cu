#include <holdfast/kernels/segmented_lora.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return first_error({kernels::segmented_lora(kernels::segmented_lora_args<T>{}, stream),
                        kernels::segmented_lora_backward(kernels::segmented_lora_args<T>{}, stream)});
}
HOLDFAST_GATE
