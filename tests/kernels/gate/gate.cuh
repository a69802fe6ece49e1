#pragma once
// What static_gate.sh compiles: for every header with kernels one file, which instantiates them for every type and says
// so how long that header takes to compile. Nothing here runs.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <initializer_list>

namespace kernels = holdfast::kernels;

inline cudaError_t first_error(std::initializer_list<cudaError_t> all) {
    for (const cudaError_t error : all)
        if (error != cudaSuccess) return error;
    return cudaSuccess;
}

/// `gate`, for the types of tensor cores; for every type.
#define HOLDFAST_GATE_TENSOR                         \
    template cudaError_t gate<__half>(cudaStream_t); \
    template cudaError_t gate<__nv_bfloat16>(cudaStream_t);
#define HOLDFAST_GATE                               \
    template cudaError_t gate<float>(cudaStream_t); \
    HOLDFAST_GATE_TENSOR
