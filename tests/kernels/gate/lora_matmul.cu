#include <holdfast/kernels/lora_matmul.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return first_error({kernels::lora_matmul(kernels::lora_matmul_args<T>{}, stream),
                        kernels::lora_matmul_backward(kernels::lora_matmul_backward_args<T, float>{}, stream),
                        kernels::lora_matmul_backward(kernels::lora_matmul_backward_args<T, T>{}, stream)});
}
HOLDFAST_GATE
