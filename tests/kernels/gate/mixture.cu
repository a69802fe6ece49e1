#include <holdfast/kernels/mixture.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return first_error({kernels::mixture(kernels::mixture_args<T>{}, stream),
                        kernels::mixture_backward(kernels::mixture_backward_args<T>{}, stream)});
}
HOLDFAST_GATE
