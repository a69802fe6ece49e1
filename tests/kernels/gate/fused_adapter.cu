#include <holdfast/kernels/fused_adapter.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return first_error({kernels::fused_adapter(kernels::fused_adapter_args<T>{}, stream),
                        kernels::fused_adapter_backward(kernels::fused_adapter_args<T>{}, stream)});
}
HOLDFAST_GATE
