#pragma once
// y += s_a (x A_a') B_a' for at most 64 rows in one launch, by clusters of blocks (compute capability 9.0). Builds on
// segments.cuh and ptx_cluster.cuh. Forward only, 16-bit types.
//
// Why so: at decoding the bytes of 8 adapters of rank 16 on a 4096 x 4096 layer take under a microsecond, and a launch
// about two, so the second launch of shrink and expand, and a memset before them, would be most of the time. A block
// that computed all of its u itself would read all of A and x; with enough blocks to fill the machine that is some 25
// MB from the L2 cache, longer than the launch it saves. Blocks that wait for others through device memory need flags
// that somebody zeroes. A cluster needs neither: its eight blocks take an eighth of the long sum each, add their parts
// in a fixed order through each other's shared memory, and take an eighth of the columns each. One cluster per adapter
// and 16 of its rows, so that one adapter for all rows still has 32 blocks, and 8 adapters have 64; a block has some 32
// KB under way at once. u never leaves the multiprocessors.

#include <holdfast/kernels/detail/ptx_cluster.cuh>
#include <holdfast/kernels/segments.cuh>

#include <cstddef>
#include <cstdint>

namespace holdfast::kernels::detail {

struct cluster_tile {
    static constexpr int blocks = 8, threads = 128, warps = threads / 32;
    static constexpr int rows = 16, most_rows = 64;  // of one cluster, and of a call
    static constexpr int depth = 32;                 // of the sum that a warp takes at a time, in 16-byte loads
    static constexpr int columns = 32;               // of y, likewise
};

/// Clusters for m rows: every adapter in use has one per 16 rows begun. A function of the shape alone.
[[nodiscard]] HOLDFAST_HD constexpr int clusters_for(std::int64_t m, std::int64_t adapters) {
    return static_cast<int>(smaller<std::int64_t>(m, adapters + m / cluster_tile::rows));
}

/// u as its multiply reads it: [rows, rank], in two numbers of 16 bits whose sum it is; four elements more per row,
/// against bank conflicts.
[[nodiscard]] HOLDFAST_HD constexpr int u_pitch(int rank) { return round_up(rank, 16) + 4; }

struct cluster_shared {
    std::size_t parts, mine, high, low, bytes;  // after the rows' adapters and what else is found of them
};
[[nodiscard]] HOLDFAST_HD constexpr cluster_shared cluster_layout(int rank, int chunk) {
    constexpr int rows = cluster_tile::rows;
    const std::size_t parts = (3 * cluster_tile::most_rows + rows) * 4;
    const std::size_t mine = parts + static_cast<std::size_t>(cluster_tile::warps * chunk * rows) * 4;
    const std::size_t high = mine + static_cast<std::size_t>(round_up(rank, chunk) * rows) * 4;
    const std::size_t low = high + static_cast<std::size_t>(rows * u_pitch(rank)) * 2;
    return {parts, mine, high, low, low + static_cast<std::size_t>(rows * u_pitch(rank)) * 2};
}

#if HOLDFAST_HAS_CLUSTERS

template <class T>
struct alignas(16) eight_of {
    T of[8];
};
template <class T>
struct alignas(8) four_of {
    T of[4];
};

/// Whether rows of `width` elements at a time may be read at once.
template <class T>
[[nodiscard]] __device__ __forceinline__ bool on_borders(const T* p, std::int64_t ld, int width) {
    const auto bytes = static_cast<std::uintptr_t>(width) * sizeof(T);
    return reinterpret_cast<std::uintptr_t>(p) % bytes == 0 && ld % width == 0;
}

/// Width elements from p on, zero from `valid` on. Whole: all of them are there, and on a border.
template <bool Whole, class Group, int Width, class T>
[[nodiscard]] __device__ __forceinline__ Group load_some(const T* p, std::int64_t valid) {
    if constexpr (Whole) {
        return *reinterpret_cast<const Group*>(p);
    } else {
        Group group;
        HOLDFAST_UNROLL
        for (int i = 0; i < Width; ++i) group.of[i] = i < valid ? p[i] : rounded<T>(0.0f);
        return group;
    }
}

template <class Group>
[[nodiscard]] __device__ __forceinline__ std::uint32_t word_of(const Group& group, int i) {
    return reinterpret_cast<const std::uint32_t*>(&group)[i];
}

/// The steps of a long sum, or of many columns, that this block of the cluster has.
struct part_of_sum {
    std::int64_t first, last;
};
[[nodiscard]] __device__ __forceinline__ part_of_sum part_of(std::int64_t length, int step) {
    const std::int64_t steps = ceil_div<std::int64_t>(length, step),
                       each = ceil_div<std::int64_t>(steps, cluster_tile::blocks), first = block_in_cluster() * each;
    return {first, smaller(steps, first + each)};
}

/// The rows of this cluster, to row_of [16] (-1: none), and the first of them, or -1 if the cluster has no work. Rows
/// of one adapter are taken by sixteens in their order; the clusters are numbered by the first row of each sixteen.
__device__ __forceinline__ int rows_of_cluster(const int* ids, int* places, int* first, int* row_of, int cluster) {
    constexpr int rows = cluster_tile::rows, most = cluster_tile::most_rows;
    const int i = static_cast<int>(threadIdx.x);
    if (i == 0) *first = -1;
    if (i < rows) row_of[i] = -1;
    int place = 0;
    if (i < most) {
        for (int j = 0; j < most; ++j) place += j < i && ids[j] == ids[i] ? 1 : 0;
        places[i] = ids[i] < 0 ? -1 : place;
    }
    synchronise_block();
    if (i < most && ids[i] >= 0 && place % rows == 0) {
        int before = 0;
        for (int j = 0; j < most; ++j) before += j < i && places[j] >= 0 && places[j] % rows == 0 ? 1 : 0;
        if (before == cluster) *first = i;
    }
    synchronise_block();
    const int leader = *first;
    if (leader >= 0 && i < most && ids[i] == ids[leader] && place / rows == places[leader] / rows)
        row_of[place % rows] = i;
    synchronise_block();
    return leader;
}

/// This warp's part of x A', for 8 Tiles ranks from q0 on, to part [8 Tiles, rows]. Lane (g, t) reads 16 bytes of row g
/// and of rank g: which of the summed indices a multiply takes for its k does not matter, if both factors agree. Rows
/// and ranks that are not there are read as the first and the last: nobody looks at what comes of them.
template <int Tiles, bool Whole, class T>
__device__ __forceinline__ void shrink_in_warp(const segmented_lora_args<T>& p, const adapter_entry<T>& a, int ranks,
                                               int q0, const int* row_of, float* part) {
    using tile = cluster_tile;
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32, g = lane / 4,
              t = lane % 4;
    const part_of_sum steps = part_of(p.in, tile::depth);
    const T* const upper = p.x + larger(0, row_of[g]) * p.ldx;
    const T* const lower = p.x + larger(0, row_of[g + 8]) * p.ldx;
    float acc[Tiles][4] = {};
    HOLDFAST_UNROLL_BY_FOUR
    for (std::int64_t step = steps.first + warp; step < steps.last; step += tile::warps) {
        const std::int64_t k = step * tile::depth + 8 * t, valid = p.in - k;
        const auto x0 = load_some<Whole, eight_of<T>, 8>(upper + k, valid);
        const auto x1 = load_some<Whole, eight_of<T>, 8>(lower + k, valid);
        const std::uint32_t even[4] = {word_of(x0, 0), word_of(x1, 0), word_of(x0, 1), word_of(x1, 1)},
                            odd[4] = {word_of(x0, 2), word_of(x1, 2), word_of(x0, 3), word_of(x1, 3)};
        HOLDFAST_UNROLL
        for (int j = 0; j < Tiles; ++j) {
            const int q = smaller(q0 + 8 * j + g, ranks - 1);
            const auto w = load_some<Whole, eight_of<T>, 8>(a.a + (q * a.lda + k), valid);
            multiply_add<T>(acc[j], even, word_of(w, 0), word_of(w, 1));
            multiply_add<T>(acc[j], odd, word_of(w, 2), word_of(w, 3));
        }
    }
    HOLDFAST_UNROLL
    for (int j = 0; j < Tiles; ++j)
        for (int i = 0; i < 4; ++i) part[(8 * j + 2 * t + i % 2) * tile::rows + g + i / 2 * 8] = acc[j][i];
}

/// y += u B' in this block's columns. The columns of four multiplies are dealt such that a lane's are eight neighbours.
template <bool Whole, class T>
__device__ __forceinline__ void expand_in_block(const segmented_lora_args<T>& p, const adapter_entry<T>& a, int ranks,
                                                const int* row_of, const T* high, const T* low, int pitch) {
    using tile = cluster_tile;
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32, g = lane / 4,
              t = lane % 4;
    const part_of_sum steps = part_of(p.out, tile::columns);
    for (std::int64_t step = steps.first + warp; step < steps.last; step += tile::warps) {
        const std::int64_t n0 = step * tile::columns, mine = n0 + 8 * t, valid = p.out - mine;
        const std::int64_t rows[2] = {row_of[g], row_of[g + 8]};
        eight_of<T> y[2];
        HOLDFAST_UNROLL
        for (int half = 0; half < 2; ++half)
            y[half] =
                load_some<Whole, eight_of<T>, 8>(p.y + (larger<std::int64_t>(0, rows[half]) * p.ldy + mine), valid);
        float acc[4][4] = {};
        for (int q = 0; q < ranks; q += 16) {
            const auto* const u = reinterpret_cast<const std::uint32_t*>(high + g * pitch + q + 4 * t);
            const auto* const rest = reinterpret_cast<const std::uint32_t*>(low + g * pitch + q + 4 * t);
            const int below = 4 * pitch;  // words to row g + 8
            const std::uint32_t leading[4] = {u[0], u[below], u[1], u[below + 1]},
                                trailing[4] = {rest[0], rest[below], rest[1], rest[below + 1]};
            HOLDFAST_UNROLL
            for (int j = 0; j < 4; ++j) {
                const std::int64_t n = n0 + 8 * (g / 2) + 2 * j + g % 2;
                const auto b =
                    load_some<Whole, four_of<T>, 4>(a.b + (n * a.ldb + q + 4 * t), n < p.out ? ranks - q - 4 * t : 0);
                multiply_add<T>(acc[j], leading, word_of(b, 0), word_of(b, 1));
                multiply_add<T>(acc[j], trailing, word_of(b, 0), word_of(b, 1));
            }
        }
        HOLDFAST_UNROLL
        for (int half = 0; half < 2; ++half) {
            if (rows[half] < 0) continue;
            T* const to = p.y + (rows[half] * p.ldy + mine);
            HOLDFAST_UNROLL
            for (int i = 0; i < 8; ++i)
                y[half].of[i] = rounded<T>(to_float(y[half].of[i]) + acc[i / 2][2 * half + i % 2]);
            if constexpr (Whole) {
                *reinterpret_cast<eight_of<T>*>(to) = y[half];
            } else {
                HOLDFAST_UNROLL
                for (int i = 0; i < 8; ++i)
                    if (i < valid) to[i] = y[half].of[i];
            }
        }
    }
}

#endif

template <class T, int Tiles>
__global__ void __launch_bounds__(cluster_tile::threads)
    segmented_cluster(const __grid_constant__ segmented_lora_args<T> p) {
#if HOLDFAST_HAS_CLUSTERS
    using tile = cluster_tile;
    constexpr int rows = tile::rows, chunk = 8 * Tiles;
    wait_for_kernel_ahead();
    let_kernel_behind_begin();
    const int thread = static_cast<int>(threadIdx.x), rank = static_cast<int>(p.rank), pitch = u_pitch(rank);
    const cluster_shared at = cluster_layout(rank, chunk);
    unsigned char* const shared = dynamic_shared();
    int* const ids = reinterpret_cast<int*>(shared);
    int *const places = ids + tile::most_rows, *const first = places + tile::most_rows,
               *const row_of = first + tile::most_rows;
    float *const parts = reinterpret_cast<float*>(shared + at.parts), *const mine =
                                                                          reinterpret_cast<float*>(shared + at.mine);
    T *const high = reinterpret_cast<T*>(shared + at.high), *const low = reinterpret_cast<T*>(shared + at.low);

    read_adapters<tile::most_rows>(p, 0, ids);
    const int leader = rows_of_cluster(ids, places, first, row_of, static_cast<int>(blockIdx.x) / tile::blocks);
    if (leader < 0) return;  // the whole cluster
    const adapter_entry<T> a = p.adapters[ids[leader]];
    const int ranks = smaller(a.rank, rank);

    if (ranks < 1) return;  // nothing to add, for every block of the cluster
    const part_of_sum mine_of_y = part_of(p.out, tile::columns);
    for (std::int64_t n = mine_of_y.first * tile::columns + thread;
         n < smaller<std::int64_t>(p.out, mine_of_y.last * tile::columns); n += tile::threads)
        fetch_ahead(a.b + n * a.ldb);
    const bool whole_shrink = p.in % tile::depth == 0 && on_borders(p.x, p.ldx, 8) && on_borders(a.a, a.lda, 8);
    const bool whole_expand =
        p.out % tile::columns == 0 && ranks % 16 == 0 && on_borders(p.y, p.ldy, 8) && on_borders(a.b, a.ldb, 4);
    for (int q0 = 0; q0 < ranks; q0 += chunk) {
        float* const part = parts + thread / 32 * chunk * rows;
        if (whole_shrink)
            shrink_in_warp<Tiles, true>(p, a, ranks, q0, row_of, part);
        else
            shrink_in_warp<Tiles, false>(p, a, ranks, q0, row_of, part);
        synchronise_block();
        for (int i = thread; i < chunk * rows; i += tile::threads) {
            float sum = 0;  // the warps in their order
            for (int w = 0; w < tile::warps; ++w) sum += parts[w * chunk * rows + i];
            mine[q0 * rows + i] = sum;
        }
        synchronise_block();
    }
    synchronise_cluster();
    for (int i = thread; i < round_up(ranks, 16) * rows; i += tile::threads) {
        float sum = 0;  // the blocks in theirs
        if (i < ranks * rows)
            for (unsigned b = 0; b < tile::blocks; ++b) sum += shared_of(mine, b)[i];
        const float u = a.scale * sum;
        const T leading = rounded<T>(u);
        const int to = i % rows * pitch + i / rows;
        high[to] = leading;
        low[to] = rounded<T>(u - to_float(leading));
    }
    synchronise_cluster();  // nobody ends, or forgets its part, before all have read it
    if (whole_expand)
        expand_in_block<true>(p, a, ranks, row_of, high, low, pitch);
    else
        expand_in_block<false>(p, a, ranks, row_of, high, low, pitch);
#else
    __trap();  // compiled for another architecture: loud, not wrong
#endif
}

/// The tile of a rank: up to 16 in one go, more by 64.
template <class T>
[[nodiscard]] auto segmented_cluster_for(std::int64_t rank) noexcept {
    return rank <= 16 ? segmented_cluster<T, 2> : segmented_cluster<T, 8>;
}

template <class T>
[[nodiscard]] bool takes_one_launch(const segmented_lora_args<T>& g) noexcept {
    return g.tokens <= cluster_tile::most_rows && g.u == nullptr && !g.two_launches &&
           has_clusters(segmented_cluster_for<T>(g.rank));
}

template <class T>
[[nodiscard]] cudaError_t add_in_one_launch(const segmented_lora_args<T>& g, cudaStream_t stream) noexcept {
    using tile = cluster_tile;
    const dim3 grid(static_cast<unsigned>(tile::blocks * clusters_for(g.tokens, g.adapter_count)));
    const std::size_t bytes = cluster_layout(static_cast<int>(g.rank), g.rank <= 16 ? 16 : 64).bytes;
    return launch_early(segmented_cluster_for<T>(g.rank), grid, tile::blocks, tile::threads, bytes, stream, g);
}

}  // namespace holdfast::kernels::detail
