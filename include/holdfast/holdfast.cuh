#pragma once
// All of holdfast, what needs nvcc included: the owners of CUDA things, the kernels (raw pointers, a stream, an error
// code) and the adapters on device views.

#include <holdfast/holdfast.hpp>

#include <holdfast/adapters/dora.cuh>
#include <holdfast/adapters/fused.cuh>
#include <holdfast/adapters/lora.cuh>
#include <holdfast/adapters/mixture.cuh>
#include <holdfast/adapters/orthogonality.cuh>
#include <holdfast/adapters/segmented.cuh>
#include <holdfast/core/cluster.cuh>
#include <holdfast/core/cuda.cuh>
#include <holdfast/core/launch.cuh>
#include <holdfast/core/tensor.cuh>
#include <holdfast/core/warp.cuh>
#include <holdfast/kernels/activation_gradient.cuh>
#include <holdfast/kernels/dora.cuh>
#include <holdfast/kernels/dora_backward.cuh>
#include <holdfast/kernels/fused_adapter.cuh>
#include <holdfast/kernels/lora_matmul.cuh>
#include <holdfast/kernels/merge.cuh>
#include <holdfast/kernels/mixture.cuh>
#include <holdfast/kernels/orthogonality.cuh>
#include <holdfast/kernels/segmented_gradients.cuh>
#include <holdfast/kernels/segmented_lora.cuh>
#include <holdfast/kernels/swiglu.cuh>
#include <holdfast/transport/engine_cuda.cuh>
#include <holdfast/transport/gpu_cloud.cuh>
#include <holdfast/transport/gpu_vector.cuh>
#include <holdfast/transport/pairwise_cuda.cuh>
