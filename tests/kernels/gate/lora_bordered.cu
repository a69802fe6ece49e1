#if __has_include(<cublasLt.h>)
#include <holdfast/kernels/lora_bordered.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    cublasLtHandle_t handle = nullptr;
    const kernels::lora_matmul_args<T> forward{};
    const kernels::lora_matmul_backward_args<T, float> backward{};
    const kernels::bordered_lora_args<T> bordered{};
    for (const cublasStatus_t status :
         {kernels::lora_matmul_cublaslt(handle, forward, stream),
          kernels::lora_matmul_backward_cublaslt(handle, backward, stream),
          kernels::bordered_lora(handle, bordered, stream), kernels::bordered_lora_backward(handle, bordered, stream)})
        if (status != CUBLAS_STATUS_SUCCESS) return cudaErrorUnknown;
    return cudaSuccess;
}
HOLDFAST_GATE
#endif
