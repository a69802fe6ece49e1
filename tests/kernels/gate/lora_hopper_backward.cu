#include <holdfast/kernels/lora_hopper_backward.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return kernels::lora_matmul_backward_hopper(kernels::lora_matmul_backward_args<T, float>{}, stream);
}
HOLDFAST_GATE_TENSOR
