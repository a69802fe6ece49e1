#include <holdfast/kernels/lora_hopper.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return kernels::lora_matmul_hopper(kernels::lora_matmul_args<T>{}, stream);
}
HOLDFAST_GATE_TENSOR
