#include <holdfast/kernels/swiglu.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return first_error({kernels::swiglu_adapter(kernels::swiglu_adapter_args<T>{}, stream),
                        kernels::swiglu_adapter_backward(kernels::swiglu_adapter_args<T>{}, stream)});
}
HOLDFAST_GATE
