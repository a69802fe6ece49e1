#pragma once
// The instructions that C++ has no name for: transposed ldmatrix, mma.sync in floats (sm_80 and later), and by their
// names those of core/tensor.cuh. Kernels reach the machine through this header alone, so that the tests can put an
// emulation in its place and run every kernel where no GPU is. Builds on core/tensor.cuh.

#include <holdfast/core/config.hpp>
#include <holdfast/core/launch.cuh>
#include <holdfast/core/tensor.cuh>
#include <holdfast/core/warp.cuh>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace holdfast::kernels::detail {

using holdfast::detail::copy_async;
using holdfast::detail::copy_async_commit;
using holdfast::detail::copy_async_wait;
using holdfast::detail::dynamic_shared;
using holdfast::detail::launch;
using holdfast::detail::load_matrices;
using holdfast::detail::shared_address;
using holdfast::detail::sum_over_warp;
using holdfast::detail::synchronise_block;

/// The same, each matrix transposed.
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&to)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/// The two ends of a launch that begins before the kernel ahead has ended (launch_early): what the kernel ahead wrote
/// may be read after the one; after the other, in every block, the kernel behind may begin. Before compute capability
/// 9.0 there is no such launch, and neither does anything.
__device__ __forceinline__ void wait_for_kernel_ahead() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;\n" ::: "memory");
#endif
}
__device__ __forceinline__ void let_kernel_behind_begin() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;\n" ::: "memory");
#endif
}

/// c += a b for a 16x16, b 16x8, accumulated in fp32; fragments as PTX lays them out over the warp.
template <class T>
__device__ __forceinline__ void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                             std::uint32_t b1);

template <>
__device__ __forceinline__ void multiply_add<__nv_bfloat16>(float (&c)[4], const std::uint32_t (&a)[4],
                                                            std::uint32_t b0, std::uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <>
__device__ __forceinline__ void multiply_add<__half>(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                                     std::uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// The bits of a float, to the nearest with 10 bits after the point, ties away from zero.
[[nodiscard]] __device__ __forceinline__ std::uint32_t rounded_to_tf32(std::uint32_t bits) {
    std::uint32_t rounded;
    asm("cvt.rna.tf32.f32 %0, %1;\n" : "=r"(rounded) : "f"(__uint_as_float(bits)));
    return rounded;
}

/// c += a b for a 16x8, b 8x8 in tf32, accumulated in fp32: lane (g, t) has a's rows g, g + 8 and columns t, t + 4, b's
/// rows t, t + 4 of column g.
__device__ __forceinline__ void multiply_add_tf32(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                                  std::uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace holdfast::kernels::detail
