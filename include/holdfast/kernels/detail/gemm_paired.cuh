#pragma once
// Two products of one A side by side in one tile, and what becomes of the pair: h = silu(e) g, where half of the tile's
// columns are e and half are g. The operands of the second product are b2; a low-rank product that only one of the two
// has leaves the other's b null, which is zero. Builds on gemm.cuh and gemm_simt.cuh, whose loops it shares.

#include <holdfast/kernels/detail/gemm.cuh>
#include <holdfast/kernels/detail/gemm_simt.cuh>

namespace holdfast::kernels::detail {

/// e = sum a b' (+ bias), g = sum a b2' (+ bias2), h = silu(e) g. B along rows; no split, no mask.
template <class T>
struct paired_problem : gemm_problem<T> {
    struct second {
        const T* b = nullptr;
        std::int64_t ldb = 0;
        bool fast_b = false;
    } other[most_factors];  // of the same depth as sum[i]
    const T* bias2 = nullptr;
    T* c2 = nullptr;  // g, or null; c is e, or null
    std::int64_t ldc2 = 0;
    bool fast_c2 = false;
    T* h = nullptr;
    std::int64_t ldh = 0;
    bool fast_h = false;
};

/// silu(e) g in fp32.
[[nodiscard]] __device__ __forceinline__ float swiglu_of(float e, float g) { return e * sigmoid(e) * g; }

template <class T>
[[nodiscard]] HOLDFAST_HD constexpr int tile_columns(const paired_problem<T>&, int bn) {
    return bn / 2;
}

template <class Tile, along B, class T>
__device__ __forceinline__ void load_b(const paired_problem<T>& p, const sum_position& at, unsigned char* to, int n0) {
    static_assert(B == along::row);
    constexpr int half = Tile::bn / 2, chunks = step_depth / Tile::chunk;
    // rows of b, then rows of b2: a multiple of 8, so the pattern goes on
    const factors<T>& f = p.sum[at.product];
    const auto& f2 = p.other[at.product];
    load_tile<half, chunks, Tile::threads>(to, f.b != nullptr ? f.b : f.a, f.ldb, n0, f.b != nullptr ? p.n : 0,
                                           at.depth, f.depth, f.fast_b);
    load_tile<half, chunks, Tile::threads>(to + half * chunks * 16, f2.b != nullptr ? f2.b : f.a, f2.ldb, n0,
                                           f2.b != nullptr ? p.n : 0, at.depth, f.depth, f2.fast_b);
}

template <class Tile, class T>
__device__ __forceinline__ void store_tile(const paired_problem<T>& p, const float (&acc)[Tile::mi][Tile::ni][4],
                                           int m0, int n0, int) {
    constexpr int bm = Tile::bm, bn = Tile::bn, half = bn / 2;
    unsigned char* const shared = dynamic_shared();
    copy_async_wait<0>();
    synchronise_block();
    each_pair<Tile>(acc, [&](int row, int col, float x, float y) {
        const T* const bias = col < half ? p.bias : p.bias2;
        const auto finished = [&](int c, float value) {
            if (bias != nullptr && c < p.n) value += to_float(bias[c]);
            return rounded<T>(value);
        };
        const int c = n0 + col % half;
        put_pair<bn, T>(shared, row, col, {finished(c, x), finished(c + 1, y)});
    });
    synchronise_block();
    constexpr int chunk = Tile::chunk, each = half / chunk;
    for (int i = static_cast<int>(threadIdx.x); i < bm * each; i += Tile::threads) {
        const int row = i / each, at = i % each, r = m0 + row, c = n0 + chunk * at;
        if (r >= p.m || c >= p.n) continue;
        using some = sixteen_bytes<T>;
        const some e = *reinterpret_cast<const some*>(shared + 16 * swizzled<bn / chunk>(row, at));
        const some g = *reinterpret_cast<const some*>(shared + 16 * swizzled<bn / chunk>(row, at + each));
        some h;
        HOLDFAST_UNROLL
        for (int j = 0; j < chunk; ++j) h.of[j] = rounded<T>(swiglu_of(to_float(e.of[j]), to_float(g.of[j])));
        store_chunk(p.h + (r * p.ldh + c), h, p.n - c, p.fast_h);
        if (p.c != nullptr) store_chunk(p.c + (r * p.ldc + c), e, p.n - c, p.fast_c);
        if (p.c2 != nullptr) store_chunk(p.c2 + (r * p.ldc2 + c), g, p.n - c, p.fast_c2);
    }
}

/// fp32 as it is: of a thread's four columns two are e's and two are g's.
template <along B>
[[nodiscard]] __device__ __forceinline__ float simt_b(const paired_problem<float>& p, int product, int n0, int n,
                                                      int k) {
    static_assert(B == along::row);
    const factors<float>& f = p.sum[product];
    const bool first = n % 4 < 2;
    const float* const b = first ? f.b : p.other[product].b;
    const std::int64_t row = n0 + n / 4 * 2 + n % 2, ld = first ? f.ldb : p.other[product].ldb;
    return b != nullptr && row < p.n ? b[row * ld + k] : 0.0f;
}

__device__ __forceinline__ void store_simt(const paired_problem<float>& p, const float (&acc)[4][4], int m0, int n0,
                                           int) {
    const int thread = static_cast<int>(threadIdx.x), row0 = thread / 16 * 4, col0 = thread % 16 * 2;
    HOLDFAST_UNROLL
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 2; ++j) {
            const int r = m0 + row0 + i, c = n0 + col0 + j;
            if (r >= p.m || c >= p.n) continue;
            const float e = acc[i][j] + (p.bias != nullptr ? p.bias[c] : 0.0f),
                        g = acc[i][j + 2] + (p.bias2 != nullptr ? p.bias2[c] : 0.0f);
            p.h[r * p.ldh + c] = swiglu_of(e, g);
            if (p.c != nullptr) p.c[r * p.ldc + c] = e;
            if (p.c2 != nullptr) p.c2[r * p.ldc2 + c] = g;
        }
}

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    gemm_mma_paired(const __grid_constant__ paired_problem<T> p) {
    gemm_tile<T, Tile, along::row, along::row>(p, static_cast<int>(blockIdx.x), 0);
}

template <class T>
__global__ void __launch_bounds__(simt_tile::threads, 2) gemm_simt_paired(const __grid_constant__ paired_problem<T> p) {
    gemm_simt_tile<along::row, along::row>(p, static_cast<int>(blockIdx.x), 0);
}

}  // namespace holdfast::kernels::detail
