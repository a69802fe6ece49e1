#pragma once
// What every kernel here needs of the machine beside arithmetic: shared memory, barriers, sums over a warp.
// Kernels reach these through this header alone, so that the tests can put an emulation in its place and run every
// kernel where no GPU is. Builds on the CUDA runtime.

#include <cuda_runtime.h>

#include <cstdint>

/// Before a loop that must be unrolled, so that arrays indexed in it stay in registers.
#define HOLDFAST_UNROLL _Pragma("unroll")
/// Before a loop of unknown length, so that the loads of several turns are under way at once.
#define HOLDFAST_UNROLL_BY_FOUR _Pragma("unroll 4")
/// Before a loop whose body is long.
#define HOLDFAST_NO_UNROLL _Pragma("unroll 1")

namespace holdfast::detail {

/// The block's dynamic shared memory, aligned to 128 bytes.
[[nodiscard]] __device__ __forceinline__ unsigned char* dynamic_shared() {
    extern __shared__ __align__(128) unsigned char holdfast_dynamic_shared[];
    return holdfast_dynamic_shared;
}

__device__ __forceinline__ void synchronise_block() { __syncthreads(); }

/// 2^x to two units in the last place, in one instruction; what is below the normal range is zero.
[[nodiscard]] __device__ __forceinline__ float fast_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
    return y;
}

[[nodiscard]] __device__ __forceinline__ std::uint32_t bits_of(float x) { return __float_as_uint(x); }

/// Over the 32 lanes, in every lane, always in the same order.
template <class T>
[[nodiscard]] __device__ __forceinline__ T sum_over_warp(T x) {
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xFFFFFFFFu, x, step);
    return x;
}

/// Over the lanes whose numbers leave the same remainder by `Apart`, a power of 2; over all 32 by default.
template <class T, int Apart = 1>
[[nodiscard]] __device__ __forceinline__ T least_over_warp(T x) {
    for (int step = 16; step >= Apart; step /= 2) {
        const T other = __shfl_xor_sync(0xFFFFFFFFu, x, step);
        x = other < x ? other : x;
    }
    return x;
}

}  // namespace holdfast::detail
