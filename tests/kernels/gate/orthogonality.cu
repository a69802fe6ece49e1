#include <holdfast/kernels/orthogonality.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return kernels::orthogonality(kernels::orthogonality_args<T>{}, stream);
}
HOLDFAST_GATE
