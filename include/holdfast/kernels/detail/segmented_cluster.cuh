#pragma once
// y += s_a (x A_a') B_a' for at most 64 rows in one launch, by clusters of blocks (compute capability 9.0). Builds on
// segmented_steps.cuh. Forward only; 16-bit types on tensor cores, fp32 on the ordinary units.
//
// Why so: at decoding the bytes of 8 adapters of rank 16 on a 4096 x 4096 layer take under a microsecond, and a launch
// about two, so the second launch of shrink and expand, and a memset before them, would be most of the time. A block
// that computed all of its u itself would read all of A and x; with enough blocks to fill the machine that is some 25
// MB from the L2 cache, longer than the launch it saves. Blocks that wait for others through device memory need flags
// that somebody zeroes. A cluster needs neither: its eight blocks take an eighth of the long sum each, add their parts
// in a fixed order through each other's shared memory, and take an eighth of the columns each. One cluster per adapter
// and 16 of its rows, so that one adapter for all rows still has 32 blocks, and 8 adapters have 64; a block has some 32
// KB under way at once. u never leaves the multiprocessors.

#include <holdfast/kernels/detail/segmented_steps.cuh>

#include <cstddef>
#include <cstdint>

namespace holdfast::kernels::detail {

#if HOLDFAST_HAS_CLUSTERS

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
    const cluster_shared at = cluster_layout(rank, chunk, sizeof(T));
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
        if constexpr (sizeof(T) == 2) low[to] = rounded<T>(u - to_float(leading));
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

/// Ranks that are summed in one go: up to 16 of a small rank, more of a large one, by what the registers hold.
template <class T>
[[nodiscard]] int cluster_chunk(std::int64_t rank) noexcept {
    return rank <= 16 ? 16 : sizeof(T) == 2 ? 64 : 32;
}
template <class T>
[[nodiscard]] auto segmented_cluster_for(std::int64_t rank) noexcept {
    return rank <= 16 ? segmented_cluster<T, 2> : segmented_cluster < T, sizeof(T) == 2 ? 8 : 4 > ;
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
    const std::size_t bytes = cluster_layout(static_cast<int>(g.rank), cluster_chunk<T>(g.rank), sizeof(T)).bytes;
    return launch_early(segmented_cluster_for<T>(g.rank), grid, tile::blocks, tile::threads, bytes, stream, g);
}

}  // namespace holdfast::kernels::detail
