#pragma once
// holdfast.hpp, and all that needs nvcc: the GPU's owners and errors, the kernels, the adapter's typed doors.
// Eigen stays out of it: include holdfast/adapters/lora.hpp in a .cpp of its own.
#include <holdfast/adapters/lora.cuh>
#include <holdfast/core/cuda.cuh>
#include <holdfast/holdfast.hpp>
#include <holdfast/kernels/lora_matmul.cuh>
#include <holdfast/kernels/merge.cuh>
