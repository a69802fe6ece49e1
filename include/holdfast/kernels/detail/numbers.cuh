#pragma once
// Conversions between the storage types of the kernels and float, under one name. Builds on detail/ptx.cuh.

#include <holdfast/kernels/detail/ptx.cuh>

namespace holdfast::kernels::detail {

[[nodiscard]] __device__ __forceinline__ float to_float(float x) { return x; }
[[nodiscard]] __device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
[[nodiscard]] __device__ __forceinline__ float to_float(__half x) { return __half2float(x); }

/// To the nearest T, ties to even.
template <class T>
[[nodiscard]] __device__ __forceinline__ T rounded(float x);
template <>
[[nodiscard]] __device__ __forceinline__ float rounded<float>(float x) {
    return x;
}
template <>
[[nodiscard]] __device__ __forceinline__ __nv_bfloat16 rounded<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}
template <>
[[nodiscard]] __device__ __forceinline__ __half rounded<__half>(float x) {
    return __float2half_rn(x);
}

/// Bits b0 and b1 as masks of the low and the high half of a word.
[[nodiscard]] __device__ __forceinline__ std::uint32_t spread(std::uint32_t two_bits) {
    return ((two_bits & 1u) ? 0x0000FFFFu : 0u) | ((two_bits & 2u) ? 0xFFFF0000u : 0u);
}

}  // namespace holdfast::kernels::detail
