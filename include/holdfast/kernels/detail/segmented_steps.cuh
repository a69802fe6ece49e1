#pragma once
// The two products of segmented_cluster.cuh by one block of a cluster: its eighth of the long sum x A', and its eighth
// of the columns of u B'. 16-bit types on tensor cores, fp32 on the ordinary units, with the same lanes for the same
// numbers. Builds on segments.cuh and ptx_cluster.cuh.

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

/// u as its multiply reads it: [rows, rank], in two numbers of 16 bits whose sum it is, or as it is in fp32; four
/// elements more per row, against bank conflicts.
[[nodiscard]] HOLDFAST_HD constexpr int u_pitch(int rank) { return round_up(rank, 16) + 4; }

struct cluster_shared {
    std::size_t parts, mine, high, low, bytes;  // after the rows' adapters and what else is found of them
};
[[nodiscard]] HOLDFAST_HD constexpr cluster_shared cluster_layout(int rank, int chunk, std::size_t element) {
    constexpr int rows = cluster_tile::rows;
    const std::size_t parts = (3 * cluster_tile::most_rows + rows) * 4;
    const std::size_t mine = parts + static_cast<std::size_t>(cluster_tile::warps * chunk * rows) * 4;
    const std::size_t high = mine + static_cast<std::size_t>(round_up(rank, chunk) * rows) * 4;
    const std::size_t u = static_cast<std::size_t>(rows * u_pitch(rank)) * element;
    return {parts, mine, high, high + u, high + u * (element == 2 ? 2 : 1)};
}

#if HOLDFAST_HAS_CLUSTERS

template <class T>
struct alignas(16) eight_of {
    T of[8];
};
template <class T>
struct alignas(4 * sizeof(T)) four_of {
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

/// A lane's part of x A' over the 32 summed indices from k0 on: rows `upper` and `lower`, ranks q0 + 8 j + 2 t (+ 1),
/// as the multiply of tensor cores leaves them. Lane (g, t) reads 16 bytes of row g and of rank g: which of the summed
/// indices a multiply takes for its k does not matter, if both factors agree. Rows and ranks that are not there are
/// read as the first and the last: nobody looks at what comes of them.
template <bool Whole, int Tiles, class T>
__device__ __forceinline__ void shrink_step(float (&acc)[Tiles][4], const T* upper, const T* lower,
                                            const adapter_entry<T>& a, int ranks, int q0, std::int64_t k0,
                                            std::int64_t end, int lane) {
    const int g = lane / 4, t = lane % 4;
    if constexpr (sizeof(T) == 2) {
        const std::int64_t k = k0 + 8 * t, valid = end - k;
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
    } else {  // the same sums, one product after the other
        HOLDFAST_NO_UNROLL
        for (std::int64_t k = k0; k < k0 + cluster_tile::depth; k += 4) {
            const auto x0 = load_some<Whole, four_of<T>, 4>(upper + k, end - k);
            const auto x1 = load_some<Whole, four_of<T>, 4>(lower + k, end - k);
            HOLDFAST_UNROLL
            for (int j = 0; j < 2 * Tiles; ++j) {
                const int q = smaller(q0 + 8 * (j / 2) + 2 * t + j % 2, ranks - 1);
                const auto w = load_some<Whole, four_of<T>, 4>(a.a + (q * a.lda + k), end - k);
                HOLDFAST_UNROLL
                for (int i = 0; i < 4; ++i) {
                    acc[j / 2][j % 2] += x0.of[i] * w.of[i];
                    acc[j / 2][2 + j % 2] += x1.of[i] * w.of[i];
                }
            }
        }
    }
}

/// This warp's part of x A', for 8 Tiles ranks from q0 on, to part [8 Tiles, rows].
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
    for (std::int64_t step = steps.first + warp; step < steps.last; step += tile::warps)
        shrink_step<Whole>(acc, upper, lower, a, ranks, q0, step * tile::depth, p.in, lane);
    HOLDFAST_UNROLL
    for (int j = 0; j < Tiles; ++j)
        for (int i = 0; i < 4; ++i) part[(8 * j + 2 * t + i % 2) * tile::rows + g + i / 2 * 8] = acc[j][i];
}

/// A lane's part of u B' over the 16 ranks from q on: rows g and g + 8, its eight neighbouring columns from n0 + 8 t
/// on, column i in acc[i / 2][2 half + i % 2]. The columns of four multiplies are dealt such that this is so.
template <bool Whole, class T>
__device__ __forceinline__ void expand_step(float (&acc)[4][4], const segmented_lora_args<T>& p,
                                            const adapter_entry<T>& a, int ranks, const T* high, const T* low,
                                            int pitch, int q, std::int64_t n0, int lane) {
    const int g = lane / 4, t = lane % 4;
    if constexpr (sizeof(T) == 2) {
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
    } else {
        HOLDFAST_NO_UNROLL
        for (int some = q; some < q + 16; some += 4) {
            const float *const upper = high + g * pitch + some, *const lower = upper + 8 * pitch;
            HOLDFAST_UNROLL
            for (int i = 0; i < 8; ++i) {
                const std::int64_t n = n0 + 8 * t + i;
                const auto b = load_some<Whole, four_of<T>, 4>(a.b + (n * a.ldb + some), n < p.out ? ranks - some : 0);
                HOLDFAST_UNROLL
                for (int j = 0; j < 4; ++j) {
                    acc[i / 2][i % 2] += upper[j] * b.of[j];
                    acc[i / 2][2 + i % 2] += lower[j] * b.of[j];
                }
            }
        }
    }
}

/// y += u B' in this block's columns.
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
        for (int q = 0; q < ranks; q += 16) expand_step<Whole>(acc, p, a, ranks, high, low, pitch, q, n0, lane);
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

}  // namespace holdfast::kernels::detail
