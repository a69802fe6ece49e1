#pragma once
// What kernels of more than one folder ask of tensor cores and of the copies that feed them (sm_80 and later):
// asynchronous copies into shared memory, ldmatrix, products of bytes. The tests put an emulation in this header's
// place. Builds on warp.cuh.

#include <holdfast/core/warp.cuh>

#include <cuda_runtime.h>

#include <cstdint>

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#error "holdfast's kernels need compute capability 8.0 or later: pass -arch=sm_80 or newer to nvcc"
#endif

namespace holdfast::detail {

[[nodiscard]] __device__ __forceinline__ std::uint32_t shared_address(const void* p) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}

/// 16 bytes of shared memory from `bytes` (0 to 16) of global memory, the rest zero. Both ends 16-byte aligned.
__device__ __forceinline__ void copy_async(void* shared, const void* global, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)), "l"(global),
                 "r"(bytes)
                 : "memory");
}

__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }

/// Waits until at most `Pending` of this thread's groups are under way.
template <int Pending>
__device__ __forceinline__ void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(Pending) : "memory");
}

/// Four 8x8 matrices of 16-bit elements; lane i names row i % 8 of matrix i / 8.
__device__ __forceinline__ void load_matrices(std::uint32_t (&to)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/// c += a b for a 16x32, b 32x8 of signed bytes, accumulated in 32 bits, exactly: lane (g, t) = (lane / 4, lane % 4)
/// has of a the rows g, g + 8 of columns 4 t .. 4 t + 3, then those of columns 16 + 4 t ..; of b the same rows of
/// column g.
__device__ __forceinline__ void multiply_add_bytes(std::int32_t (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                                   std::uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};\n"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace holdfast::detail
