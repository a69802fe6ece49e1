#include <holdfast/kernels/dora.cuh>

#include "gate.cuh"

template <class T>
cudaError_t gate(cudaStream_t stream) {
    return kernels::dora_norm(kernels::dora_norm_args<T>{}, stream);
}
HOLDFAST_GATE
