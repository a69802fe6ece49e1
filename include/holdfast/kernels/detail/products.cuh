#pragma once
// Which kernel and which tile a product gets, and its launch: the one place that knows the tile shapes. Builds on
// gemm.cuh (tensor cores; fp32 rounded to tf32 where it is asked for) and gemm_simt.cuh (fp32 as it is).

#include <holdfast/kernels/detail/gather.cuh>
#include <holdfast/kernels/detail/gemm.cuh>
#include <holdfast/kernels/detail/gemm_simt.cuh>
#include <holdfast/kernels/detail/lora_plan.hpp>

#include <type_traits>

namespace holdfast::kernels::detail {

[[nodiscard]] inline cudaError_t code_of(const refused& r) noexcept {
    if (r.why == refusal::none) return cudaSuccess;
    return r.why == refusal::misaligned ? cudaErrorMisalignedAddress : cudaErrorInvalidValue;
}

template <class T>  // fp32: rounded to tf32
using large_tile = std::conditional_t<sizeof(T) == 4, mma_tile<64, 128, 2, 4, 2, 1, 4>,
                                      mma_tile<128, 128, 2, 4, 3, 1>>;  // 96 KB of shared memory: fits every sm_8x
template <class T>
using small_tile =
    std::conditional_t<sizeof(T) == 4, mma_tile<32, 64, 2, 2, 3, 1, 4>, mma_tile<32, 64, 2, 2, 4, 3>>;  // few tokens
template <class T, int RankTile>  // [rows, rank], the sum is long
using skinny_tile = std::conditional_t<sizeof(T) == 4, mma_tile<skinny_rows, RankTile, 4, 1, 3, 1, 4>,
                                       mma_tile<skinny_rows, RankTile, 4, 1, 4, 3>>;

/// 16-byte accesses to a matrix are possible: base and rows lie on borders of 16 bytes.
template <class T>
[[nodiscard]] inline bool fast(const T* data, std::int64_t ld) noexcept {
    return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && ld % static_cast<std::int64_t>(16 / sizeof(T)) == 0;
}

template <class T, class Tile, along A, along B>
[[nodiscard]] cudaError_t launch_tiles(const gemm_problem<T>& p, cudaStream_t stream) noexcept {
    const std::int64_t tiles = static_cast<std::int64_t>(ceil_div(p.m, Tile::bm)) * ceil_div(p.n, Tile::bn);
    if (tiles > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
    const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(p.split.splits));
    if constexpr (std::is_same_v<Tile, simt_tile>)
        return launch(gemm_simt<A, B>, grid, Tile::threads, Tile::shared_bytes, stream, p);
    else
        return launch(gemm_mma<T, Tile, A, B>, grid, Tile::threads, Tile::shared_bytes, stream, p);
}

/// Whether a product is for the ordinary arithmetic units, and not for tensor cores.
template <class T>
[[nodiscard]] bool on_simt(const gemm_problem<T>& p) noexcept {
    return std::is_same_v<T, float> && !p.tf32;
}

template <class T>
void mark_fast(gemm_problem<T>& p) noexcept {
    for (factors<T>& f : p.sum) f.fast_a = fast(f.a, f.lda), f.fast_b = fast(f.b, f.ldb);
    p.fast_c = fast(p.c, p.ldc), p.fast_z = fast(p.z, p.ldz);
}

/// C [m, n] of any width: the frozen product with its extension.
template <along A, along B, class T>
[[nodiscard]] cudaError_t wide_product(gemm_problem<T> p, cudaStream_t stream) noexcept {
    if (p.m == 0 || p.n == 0) return cudaSuccess;
    mark_fast(p);
    if constexpr (std::is_same_v<T, float>)
        if (on_simt(p)) return launch_tiles<T, simt_tile, A, B>(p, stream);
    return p.m <= 64 ? launch_tiles<T, small_tile<T>, A, B>(p, stream)
                     : launch_tiles<T, large_tile<T>, A, B>(p, stream);
}

template <class T, class Tile, along A, along B>
[[nodiscard]] cudaError_t launch_batch(gemm_batch<T>& g, cudaStream_t stream) noexcept {
    std::int64_t tiles = 0;
    for (int i = 0; i < g.count; ++i) {
        mark_fast(g.problem[i]);
        g.first_tile[i] = static_cast<int>(tiles);
        tiles += static_cast<std::int64_t>(ceil_div(g.problem[i].m, Tile::bm)) * ceil_div(g.problem[i].n, Tile::bn);
        if (tiles > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
    }
    if (tiles == 0) return cudaSuccess;
    const dim3 grid(static_cast<unsigned>(tiles));
    if constexpr (std::is_same_v<Tile, simt_tile>)
        return launch(gemm_simt_batch<A, B>, grid, Tile::threads, Tile::shared_bytes, stream, g);
    else
        return launch(gemm_mma_batch<T, Tile, A, B>, grid, Tile::threads, Tile::shared_bytes, stream, g);
}

/// Several wide products in one launch, so that small ones fill the waves of large ones. All are tf32, or none.
template <along A, along B, class T>
[[nodiscard]] cudaError_t wide_products(gemm_batch<T> g, cudaStream_t stream) noexcept {
    int m = 0;
    for (int i = 0; i < g.count; ++i) m = larger(m, g.problem[i].m);
    if constexpr (std::is_same_v<T, float>)
        if (on_simt(g.problem[0])) return launch_batch<T, simt_tile, A, B>(g, stream);
    return m <= 64 ? launch_batch<T, small_tile<T>, A, B>(g, stream) : launch_batch<T, large_tile<T>, A, B>(g, stream);
}

/// C [m, n] with n a rank: split along the sum as `p.split` says, partial sums to p.partial if that is set.
template <along A, along B, class T>
[[nodiscard]] cudaError_t skinny_product(gemm_problem<T> p, cudaStream_t stream) noexcept {
    if (p.m == 0 || p.n == 0) return cudaSuccess;
    mark_fast(p);
    if constexpr (std::is_same_v<T, float>)
        if (on_simt(p)) return launch_tiles<T, simt_tile, A, B>(p, stream);
    return rank_tile(p.n) == 16 ? launch_tiles<T, skinny_tile<T, 16>, A, B>(p, stream)
                                : launch_tiles<T, skinny_tile<T, 64>, A, B>(p, stream);
}

/// Several skinny products in one launch, none of them cut.
template <along A, along B, class T>
[[nodiscard]] cudaError_t skinny_products(gemm_batch<T> g, cudaStream_t stream) noexcept {
    if constexpr (std::is_same_v<T, float>)
        if (on_simt(g.problem[0])) return launch_batch<T, simt_tile, A, B>(g, stream);
    return rank_tile(g.problem[0].n) == 16 ? launch_batch<T, skinny_tile<T, 16>, A, B>(g, stream)
                                           : launch_batch<T, skinny_tile<T, 64>, A, B>(g, stream);
}

/// The packed mask [rows, words] of a dropout key.
[[nodiscard]] inline cudaError_t draw_mask(dropout_key key, std::uint32_t* mask, std::int64_t rows, std::int64_t words,
                                           cudaStream_t stream) noexcept {
    const std::int64_t count = rows * words;
    if (count == 0) return cudaSuccess;
    return launch(write_mask<256>, dim3(static_cast<unsigned>(ceil_div<std::int64_t>(count, 256))), 256, 0, stream, key,
                  mask, count, static_cast<std::uint32_t>(words));
}

template <class Out>
[[nodiscard]] cudaError_t gather(const float* partial, int splits, std::int64_t rows, std::int64_t cols, float scale,
                                 Out* out, std::int64_t row_stride, std::int64_t col_stride, bool accumulate,
                                 cudaStream_t stream) noexcept {
    if (rows == 0 || cols == 0) return cudaSuccess;
    const unsigned blocks = static_cast<unsigned>(ceil_div<std::int64_t>(rows * cols, 256));
    return launch(gather_splits<256, Out>, dim3(blocks), 256, 0, stream, partial, splits, rows, static_cast<int>(cols),
                  scale, out, row_stride, col_stride, accumulate);
}

/// C = scale A B for a skinny product, through partial sums where it is cut.
template <along A, along B, class T>
[[nodiscard]] cudaError_t skinny_into(gemm_problem<T> p, split_plan split, float* partial,
                                      cudaStream_t stream) noexcept {
    p.split = split;
    if (split.splits == 1) return skinny_product<A, B>(p, stream);
    T* const c = p.c;
    const std::int64_t ldc = p.ldc;
    p.c = nullptr;
    p.partial = partial;
    const cudaError_t error = skinny_product<A, B>(p, stream);
    if (error != cudaSuccess) return error;
    return gather(partial, split.splits, p.m, p.n, p.scale, c, ldc, 1, false, stream);
}

}  // namespace holdfast::kernels::detail
