#pragma once
// The tensor-core kernel for bf16, fp16, and fp32 rounded to tf32: one tile of a gemm_problem per block, operands by
// asynchronous copies, low-rank products in the same accumulators as the frozen one (the K-extension). Builds on
// fragments.cuh; gemm_simt.cuh has fp32 as it is, gemm_paired.cuh two products side by side.

#include <holdfast/kernels/detail/fragments.cuh>

#include <cstddef>
#include <cstdint>

namespace holdfast::kernels::detail {

/// A tile of BM x BN, its warps, its pipeline, for elements of so many bytes.
template <int BM, int BN, int WarpsM, int WarpsN, int Stages, int BlocksPerSm, int Bytes = 2>
struct mma_tile {
    static constexpr int bm = BM, bn = BN, stages = Stages, blocks = BlocksPerSm;
    static constexpr int warps_n = WarpsN, threads = 32 * WarpsM * WarpsN;
    static constexpr int mi = BM / WarpsM / 16, ni = BN / WarpsN / 8;  // 16x8 products per warp
    static constexpr int chunk = 16 / Bytes, depth = 32 / Bytes;       // elements of 16 bytes, of one product's sum
    static constexpr int a_bytes = BM * step_depth * Bytes, b_bytes = BN * step_depth * Bytes;
    static constexpr int stage_bytes = a_bytes + b_bytes;
    static constexpr int shared_bytes = larger(Stages * stage_bytes, BM* BN* Bytes);
    static_assert(BM % (16 * WarpsM) == 0 && BN % (16 * WarpsN) == 0 && Stages >= 2);
};

/// [Rows, Chunks of 16 bytes] of a matrix to shared memory, zero beyond (row_end, col_end).
template <int Rows, int Chunks, int Threads, class T>
__device__ __forceinline__ void load_tile(unsigned char* shared, const T* source, std::int64_t ld, int row0,
                                          int row_end, int col0, int col_end, bool fast) {
    constexpr int chunk_elements = 16 / sizeof(T);
    HOLDFAST_UNROLL
    for (int i = static_cast<int>(threadIdx.x); i < Rows * Chunks; i += Threads) {
        const int row = i / Chunks, chunk = i % Chunks, r = row0 + row, c = col0 + chunk * chunk_elements;
        unsigned char* to = shared + 16 * swizzled<Chunks>(row, chunk);
        const int valid = r < row_end ? larger(0, smaller(chunk_elements, col_end - c)) : 0;
        const T* from = valid > 0 ? source + (static_cast<std::int64_t>(r) * ld + c) : source;
        if (fast) {
            copy_async(to, from, static_cast<int>(sizeof(T)) * valid);
        } else {
            T* out = reinterpret_cast<T*>(to);
            HOLDFAST_UNROLL
            for (int j = 0; j < chunk_elements; ++j) out[j] = j < valid ? from[j] : rounded<T>(0.0f);
        }
    }
}

template <class T>
struct alignas(2 * sizeof(T)) pair_of {
    T first, second;
};
template <class T>
struct alignas(16) sixteen_bytes {
    T of[16 / sizeof(T)];
};

/// The pair of columns from `col` on of row `row` of a tile of Columns, in shared memory on its way out.
template <int Columns, class T>
__device__ __forceinline__ void put_pair(unsigned char* shared, int row, int col, const pair_of<T>& pair) {
    constexpr int chunk = 16 / sizeof(T);
    *reinterpret_cast<pair_of<T>*>(shared + 16 * swizzled<Columns / chunk>(row, col / chunk) +
                                   static_cast<int>(sizeof(T)) * (col % chunk)) = pair;
}
/// Sixteen bytes of a row, at once where they lie on a border, else the first `count` elements and zeros.
template <class T>
[[nodiscard]] __device__ __forceinline__ sixteen_bytes<T> load_chunk(const T* from, int count, bool fast) {
    constexpr int chunk = 16 / sizeof(T);
    if (fast && count >= chunk) return *reinterpret_cast<const sixteen_bytes<T>*>(from);
    sixteen_bytes<T> v;
    HOLDFAST_UNROLL
    for (int j = 0; j < chunk; ++j) v.of[j] = j < count ? from[j] : rounded<T>(0.0f);
    return v;
}
/// The same the other way: at once where they lie on a border, else the first `count` elements.
template <class T>
__device__ __forceinline__ void store_chunk(T* to, const sixteen_bytes<T>& from, int count, bool fast) {
    constexpr int chunk = 16 / sizeof(T);
    if (fast && count >= chunk) {
        *reinterpret_cast<sixteen_bytes<T>*>(to) = from;
        return;
    }
    HOLDFAST_UNROLL
    for (int j = 0; j < chunk; ++j)
        if (j < count) to[j] = from.of[j];
}

/// B's part of a pipeline step, and how many columns of C a tile has: gemm_paired.cuh has others for its problem.
template <class Tile, along B, class T>
__device__ __forceinline__ void load_b(const gemm_problem<T>& p, const sum_position& at, unsigned char* to, int n0) {
    const factors<T>& f = p.sum[at.product];
    if constexpr (B == along::row)
        load_tile<Tile::bn, step_depth / Tile::chunk, Tile::threads>(to, f.b, f.ldb, n0, p.n, at.depth, f.depth,
                                                                     f.fast_b);
    else
        load_tile<step_depth, Tile::bn / Tile::chunk, Tile::threads>(to, f.b, f.ldb, at.depth, f.depth, n0, p.n,
                                                                     f.fast_b);
}
template <class T>
[[nodiscard]] HOLDFAST_HD constexpr int tile_columns(const gemm_problem<T>&, int bn) {
    return bn;
}

/// f(row, column, two accumulators) for all that a thread has of a tile.
template <class Tile, class F>
__device__ __forceinline__ void each_pair(const float (&acc)[Tile::mi][Tile::ni][4], F&& f) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int warp_m = warp / Tile::warps_n * Tile::mi * 16, warp_n = warp % Tile::warps_n * Tile::ni * 8;
    HOLDFAST_UNROLL
    for (int i = 0; i < Tile::mi; ++i)
        for (int j = 0; j < Tile::ni; ++j)
            for (int half = 0; half < 2; ++half)
                f(warp_m + 16 * i + lane / 4 + 8 * half, warp_n + 8 * j + 2 * (lane % 4), acc[i][j][2 * half],
                  acc[i][j][2 * half + 1]);
}

/// What becomes of the accumulators: a partial sum, or C with its epilogue, through shared memory for wide stores.
template <class Tile, class T>
__device__ __forceinline__ void store_tile(const gemm_problem<T>& p, const float (&acc)[Tile::mi][Tile::ni][4], int m0,
                                           int n0, int split) {
    constexpr int bm = Tile::bm, bn = Tile::bn;
    unsigned char* const shared = dynamic_shared();
    if (p.partial != nullptr) {
        float* const out = p.partial + static_cast<std::int64_t>(split) * p.m * p.n;
        each_pair<Tile>(acc, [&](int row, int col, float x, float y) {
            float* const at = out + (static_cast<std::int64_t>(m0 + row) * p.n + n0 + col);
            if (m0 + row < p.m && n0 + col < p.n) at[0] = x;
            if (m0 + row < p.m && n0 + col + 1 < p.n) at[1] = y;
        });
        return;
    }

    copy_async_wait<0>();
    synchronise_block();
    each_pair<Tile>(acc, [&](int row, int col, float x, float y) {  // rounded once, and laid out for 16-byte stores
        const auto finished = [&](int c, float value) {
            const int r = m0 + row;
            value *= p.scale;
            if (r >= p.m || c >= p.n) return rounded<T>(0.0f);
            if (p.column_scale != nullptr) value *= p.column_scale[c];
            if (p.bias != nullptr) value += to_float(p.bias[c]);
            if (p.residual != nullptr) value += to_float(p.residual[r * p.ldr + c]);
            return rounded<T>(value);
        };
        put_pair<bn, T>(shared, row, col, {finished(n0 + col, x), finished(n0 + col + 1, y)});
    });
    synchronise_block();
    constexpr int chunk = Tile::chunk, chunks = bn / chunk;
    for (int i = static_cast<int>(threadIdx.x); i < bm * chunks; i += Tile::threads) {
        const int row = i / chunks, r = m0 + row, c = n0 + chunk * (i % chunks);
        if (r >= p.m || c >= p.n) continue;
        auto* const from = reinterpret_cast<sixteen_bytes<T>*>(shared + 16 * swizzled<chunks>(row, i % chunks));
        if (p.f != activation::none) {  // of what is rounded: z is what a framework would have stored
            if (p.z != nullptr) store_chunk(p.z + (r * p.ldz + c), *from, p.n - c, p.fast_z);
            HOLDFAST_NO_UNROLL
            for (int j = 0; j < chunk; ++j) from->of[j] = rounded<T>(activated(p.f, to_float(from->of[j])));
        }
        store_chunk(p.c + (r * p.ldc + c), *from, p.n - c, p.fast_c);
    }
}

/// The tile of C from (m0, n0) on, operands by asynchronous copies `Stages` deep. No atomics; the order of summation
/// depends on the shape alone.
template <class T, class Tile, along A, along B, class Problem>
__device__ __forceinline__ void gemm_tile_at(const Problem& p, int m0, int n0, int split) {
    constexpr int bm = Tile::bm, bn = Tile::bn, stages = Tile::stages, threads = Tile::threads;
    unsigned char* const shared = dynamic_shared();
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int warp_m = warp / Tile::warps_n * Tile::mi * 16, warp_n = warp % Tile::warps_n * Tile::ni * 8;

    const int first = split * p.split.steps;  // splits cut a single product
    const int steps = smaller(p.split.steps, steps_of(p, p.count) - first);
    const int low_rank = steps_of(p, p.low_rank);  // steps of the low-rank products: they come first

    const auto load = [&](int step) {
        unsigned char* const to = shared + step % stages * Tile::stage_bytes;
        const sum_position at = position_of(p, first + step);
        const factors<T>& f = p.sum[at.product];
        if constexpr (A == along::row)
            load_tile<bm, step_depth / Tile::chunk, threads>(to, f.a, f.lda, m0, p.m, at.depth, f.depth, f.fast_a);
        else
            load_tile<step_depth, bm / Tile::chunk, threads>(to, f.a, f.lda, at.depth, f.depth, m0, p.m, f.fast_a);
        load_b<Tile, B>(p, at, to + Tile::a_bytes, n0);
    };

    float acc[Tile::mi][Tile::ni][4] = {};
    for (int s = 0; s < stages - 1; ++s) {
        if (s < steps) load(s);
        copy_async_commit();
    }
    for (int step = 0; step < steps; ++step) {
        copy_async_wait<stages - 2>();
        synchronise_block();  // the step has arrived, and all have left the stage that is loaded next
        if (step + stages - 1 < steps) load(step + stages - 1);
        copy_async_commit();

        if (p.mask_on == masking::extension && step == low_rank) {
            HOLDFAST_UNROLL
            for (int i = 0; i < Tile::mi; ++i)
                for (int j = 0; j < Tile::ni; ++j)
                    for (int half = 0; half < 2; ++half) {
                        const int row = m0 + warp_m + 16 * i + lane / 4 + 8 * half;
                        const int col = n0 + warp_n + 8 * j + 2 * (lane % 4);
                        const std::uint32_t bits =
                            row < p.m && col < p.n ? p.mask[row * p.mask_ld + col / 32] >> (col % 32) : 0u;
                        if (!(bits & 1u)) acc[i][j][2 * half] = 0;
                        if (!(bits & 2u)) acc[i][j][2 * half + 1] = 0;
                    }
        }

        const unsigned char* const a_tile = shared + step % stages * Tile::stage_bytes;
        const unsigned char* const b_tile = a_tile + Tile::a_bytes;
        const sum_position at = position_of(p, first + step);
        const int k0 = at.depth, remaining = p.sum[at.product].depth - k0;
        HOLDFAST_UNROLL
        for (int k = 0; k < step_depth; k += Tile::depth) {
            if (k >= remaining) break;  // zeros: a rank of 16 costs a quarter of a step
            std::uint32_t a[Tile::mi][4], b[Tile::ni / 2][4];
            HOLDFAST_UNROLL
            for (int i = 0; i < Tile::mi; ++i) {
                const int m = warp_m + 16 * i;
                load_a<T, A, bm>(a[i], a_tile, m, k, lane);
                if (p.mask_on == masking::operand_a) {
                    if constexpr (A == along::row)
                        mask_fragment<A>(a[i], p, m0 + m, k0 + k, lane);
                    else
                        mask_fragment<A>(a[i], p, k0 + k, m0 + m, lane);
                }
                round_fragment<T>(a[i]);
            }
            HOLDFAST_UNROLL
            for (int j = 0; j < Tile::ni / 2; ++j) {
                load_b<T, B, bn>(b[j], b_tile, warp_n + 16 * j, k, lane);
                round_fragment<T>(b[j]);
            }
            HOLDFAST_UNROLL
            for (int i = 0; i < Tile::mi; ++i)
                for (int j = 0; j < Tile::ni; ++j)
                    multiply_fragments<T>(acc[i][j], a[i], b[j / 2][2 * (j % 2)], b[j / 2][2 * (j % 2) + 1]);
        }
    }

    store_tile<Tile>(p, acc, m0, n0, split);
}

template <class T, class Tile, along A, along B, class Problem>
__device__ __forceinline__ void gemm_tile(const Problem& p, int block, int split) {
    const int columns = tile_columns(p, Tile::bn);
    const tile_index tile = tile_of(block, ceil_div(p.m, Tile::bm), ceil_div(p.n, columns), 8);
    gemm_tile_at<T, Tile, A, B>(p, tile.m * Tile::bm, tile.n * columns, split);
}

/// The kernels: one tile per block (and per split), of one problem or of several.
template <class T, class Tile, along A, along B>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) gemm_mma(const __grid_constant__ gemm_problem<T> p) {
    let_kernel_behind_begin();
    gemm_tile<T, Tile, A, B>(p, static_cast<int>(blockIdx.x), static_cast<int>(blockIdx.y));
}

template <class T, class Tile, along A, along B>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) gemm_mma_batch(const __grid_constant__ gemm_batch<T> g) {
    const int block = static_cast<int>(blockIdx.x);
    int i = 0;
    while (i + 1 < g.count && block >= g.first_tile[i + 1]) ++i;
    gemm_tile<T, Tile, A, B>(g.problem[i], block - g.first_tile[i], 0);
}

}  // namespace holdfast::kernels::detail
