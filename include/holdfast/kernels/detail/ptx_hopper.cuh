#pragma once
// What compute capability 9.0 has beyond ptx.cuh: bulk copies of tiles by a tensor map (TMA), barriers in shared memory
// that count bytes, products of a whole warpgroup (WGMMA), registers handed from one warpgroup to another. The tests
// put an emulation in this header's place. Builds on ptx_cluster.cuh.

#include <holdfast/kernels/detail/hopper.hpp>
#include <holdfast/kernels/detail/ptx_cluster.cuh>

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

/// Whether this pass of the compiler may use them: sm_90a, not sm_90.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HOLDFAST_ON_HOPPER 1
#else
#define HOLDFAST_ON_HOPPER 0
#endif

namespace holdfast::kernels::detail {

using tensor_map = CUtensorMap;

/// The map of a row-major matrix [rows, cols] for boxes of `box_rows` x 64, zero outside. `data` on a border of 16
/// bytes, ld a multiple of 8.
template <class T>
[[nodiscard]] cudaError_t make_tensor_map(tensor_map& map, const T* data, std::int64_t rows, std::int64_t cols,
                                          std::int64_t ld, int box_rows) noexcept {
    using encode = CUresult(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
                            const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                            CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION >= 12050
    const cudaError_t error =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &found);
#else
    const cudaError_t error = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &entry, cudaEnableDefault, &found);
#endif
    if (error != cudaSuccess || found != cudaDriverEntryPointSuccess || entry == nullptr) {
        (void)cudaGetLastError();
        return cudaErrorInsufficientDriver;
    }
    const cuuint64_t sizes[] = {static_cast<cuuint64_t>(cols), static_cast<cuuint64_t>(rows)},
                     strides[] = {static_cast<cuuint64_t>(ld) * sizeof(T)};
    const cuuint32_t box[] = {step_depth, static_cast<cuuint32_t>(box_rows)}, every[] = {1, 1};
    const auto type = std::is_same_v<T, __half> ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    const CUresult result = reinterpret_cast<encode*>(entry)(
        &map, type, 2, const_cast<T*>(data), sizes, strides, box, every, CU_TENSOR_MAP_INTERLEAVE_NONE,
        CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

/// Multiprocessors of the current device, or an error if it is not of compute capability 9.0.
[[nodiscard]] inline cudaError_t hopper_multiprocessors(int& count) noexcept {
    int device = 0, major = 0;
    cudaError_t error = cudaGetDevice(&device);
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
    return error == cudaSuccess && major != 9 ? cudaErrorNoKernelImageForDevice : error;
}

#if HOLDFAST_ON_HOPPER

/// A barrier in shared memory: a phase ends when `arrivals` have come and all bytes that were announced.
__device__ __forceinline__ void barrier_create(std::uint64_t* barrier, unsigned arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}
/// Makes new barriers known to the copy engine; before the block's barrier.
__device__ __forceinline__ void barriers_created() {
    asm volatile("fence.mbarrier_init.release.cluster;\n" ::: "memory");
}
__device__ __forceinline__ void barrier_arrive(std::uint64_t* barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];\n" ::"r"(shared_address(barrier)) : "memory");
}
/// Arrives, and announces bytes that TMA will bring.
__device__ __forceinline__ void barrier_expect(std::uint64_t* barrier, unsigned bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\n" ::"r"(shared_address(barrier)), "r"(bytes)
                 : "memory");
}
/// Waits for the end of the phase of this parity; the phase before the first has parity 1.
__device__ __forceinline__ void barrier_wait(std::uint64_t* barrier, unsigned parity) {
    unsigned done = 0;
    while (done == 0)
        asm volatile(
            "{\n.reg .pred ended;\n"
            "mbarrier.try_wait.parity.shared::cta.b64 ended, [%1], %2;\n"
            "selp.u32 %0, 1, 0, ended;\n}\n"
            : "=r"(done)
            : "r"(shared_address(barrier)), "r"(parity)
            : "memory");
}

/// A box of the map from (row, col) on, to shared memory; its bytes count for `barrier`.
__device__ __forceinline__ void load_box(void* shared, const tensor_map& map, int col, int row,
                                         std::uint64_t* barrier) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
        "[%4];\n" ::"r"(shared_address(shared)),
        "l"(&map), "r"(col), "r"(row), "r"(shared_address(barrier))
        : "memory");
}

/// What this thread wrote to device memory may be copied from there by TMA, by whoever is told so after this; and what
/// it was told of may be copied after this.
__device__ __forceinline__ void between_stores_and_copies() {
    asm volatile("fence.proxy.async.global;\n" ::: "memory");
}
/// This thread's accesses to shared memory come before the copies into it that follow the block's next barrier.
__device__ __forceinline__ void shared_left_to_copies() {
    asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory");
}
/// Says to other blocks, by a number, that what this block wrote before its last barrier is there.
__device__ __forceinline__ void publish(std::uint32_t* flag, std::uint32_t number) {
    asm volatile("st.release.gpu.global.u32 [%0], %1;\n" ::"l"(flag), "r"(number) : "memory");
}
__device__ __forceinline__ void wait_until_published(const std::uint32_t* flag, std::uint32_t number) {
    std::uint32_t seen;
    do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];\n" : "=r"(seen) : "l"(flag) : "memory");
    while (seen != number);
}
/// Counts at `counter`, from 0 to `last` and then 0 again; says what it was.
[[nodiscard]] __device__ __forceinline__ std::uint32_t count_round(std::uint32_t* counter, std::uint32_t last) {
    std::uint32_t before;
    asm volatile("atom.acq_rel.gpu.global.inc.u32 %0, [%1], %2;\n" : "=r"(before) : "l"(counter), "r"(last) : "memory");
    return before;
}

template <int Registers>
__device__ __forceinline__ void give_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;\n" ::"n"(Registers));
}
template <int Registers>
__device__ __forceinline__ void take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;\n" ::"n"(Registers));
}

/// Before a warpgroup's first product on registers that were written otherwise; and the compiler may not move them.
template <int Count>
__device__ __forceinline__ void warpgroup_begin(float (&d)[Count]) {
    HOLDFAST_UNROLL
    for (int i = 0; i < Count; ++i) asm volatile("" : "+f"(d[i])::"memory");
    asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
}
__device__ __forceinline__ void warpgroup_commit() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }
/// Waits until at most `Pending` committed groups are under way.
template <int Pending, int Count>
__device__ __forceinline__ void warpgroup_wait(float (&d)[Count]) {
    asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(Pending) : "memory");
    HOLDFAST_UNROLL
    for (int i = 0; i < Count; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

#define HOLDFAST_WGMMA_64x256x16(TYPE, COLUMNS)                                                                        \
    asm volatile(                                                                                                      \
        "{\n.reg .pred keep;\nsetp.ne.b32 keep, %130, 0;\n"                                                            \
        "wgmma.mma_async.sync.aligned.m64n256k16.f32." TYPE "." TYPE                                                   \
        " {"                                                                                                           \
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                                       \
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "                             \
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "                             \
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "                             \
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "                             \
        "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "                             \
        "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "                 \
        "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"               \
        "}, %128, %129, keep, 1, 1, 0, " COLUMNS ";\n}\n"                                                              \
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]),  \
          "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]),       \
          "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),      \
          "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]),      \
          "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]),      \
          "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),      \
          "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]),      \
          "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63]), "+f"(d[64]),      \
          "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]), "+f"(d[70]), "+f"(d[71]), "+f"(d[72]),      \
          "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]), "+f"(d[77]), "+f"(d[78]), "+f"(d[79]), "+f"(d[80]),      \
          "+f"(d[81]), "+f"(d[82]), "+f"(d[83]), "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87]), "+f"(d[88]),      \
          "+f"(d[89]), "+f"(d[90]), "+f"(d[91]), "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95]), "+f"(d[96]),      \
          "+f"(d[97]), "+f"(d[98]), "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103]), "+f"(d[104]), \
          "+f"(d[105]), "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111]),            \
          "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115]), "+f"(d[116]), "+f"(d[117]), "+f"(d[118]),            \
          "+f"(d[119]), "+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]),            \
          "+f"(d[126]), "+f"(d[127])                                                                                   \
        : "l"(a), "l"(b), "r"(static_cast<int>(keep)))

/// d [64, 256] = a [64, 16] b [256, 16]' (+ d where `keep`), by the four warps of a warpgroup together; a and b by
/// their descriptors. Lane l of warp w has rows 16 w + l / 4 (+ 8) and columns 8 j + 2 (l % 4) (+ 1): d[4 j + 2 (+ 8
/// rows) + i].
/// Columns: b is [16, 256], its summed index along the columns.
template <class T, bool Columns>
__device__ __forceinline__ void warpgroup_multiply(float (&d)[128], std::uint64_t a, std::uint64_t b, bool keep) {
    if constexpr (std::is_same_v<T, __half> && Columns)
        HOLDFAST_WGMMA_64x256x16("f16", "1");
    else if constexpr (std::is_same_v<T, __half>)
        HOLDFAST_WGMMA_64x256x16("f16", "0");
    else if constexpr (Columns)
        HOLDFAST_WGMMA_64x256x16("bf16", "1");
    else
        HOLDFAST_WGMMA_64x256x16("bf16", "0");
}
#undef HOLDFAST_WGMMA_64x256x16

#endif

}  // namespace holdfast::kernels::detail
