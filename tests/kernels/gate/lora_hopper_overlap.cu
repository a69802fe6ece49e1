#include <holdfast/kernels/lora_hopper_overlap.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return first_error(
        {kernels::lora_matmul_hopper_overlapped(kernels::lora_matmul_args<T>{}, nullptr, stream),
         kernels::lora_matmul_backward_hopper_overlapped(kernels::lora_matmul_backward_args<T, float>{}, stream)});
}
HOLDFAST_GATE_TENSOR
