#pragma once
// Costs between two clouds of whole numbers by tensor cores, handed to a task while they are in registers: nothing
// decides here whether they are stored, summed or thrown away. A block has 128 rows and walks over tiles of 64 columns;
// bytes come by asynchronous copies four stages deep, and those of the next tile are under way while a task works on
// this one. Builds on core/tensor.cuh and fixed_cloud.cuh; tasks are in panel_tasks.cuh.

#include <holdfast/core/tensor.cuh>
#include <holdfast/transport/detail/fixed_cloud.cuh>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace holdfast::transport::detail {

inline constexpr unsigned panel_threads = 256, panel_rows = 128, panel_columns = 64, panel_stages = 4;
inline constexpr std::size_t panel_stage = std::size_t{panel_rows + panel_columns} * fixed_line;
inline constexpr std::size_t panel_bytes = panel_stages * panel_stage;

/// Two clouds in one frame, and their cost: scale · |q_i − q_j|^2, or scale · |q_i − q_j| (root).
struct fixed_pair {
    fixed_view x, y;
    gpu_cost kind;
    float scale;

    [[nodiscard]] __host__ __device__ fixed_pair swapped() const { return {y, x, kind, scale}; }
    [[nodiscard]] __device__ float cost(std::int64_t squared) const {
        const float s = static_cast<float>(static_cast<std::uint32_t>(squared >> 16)) * 65536.0F +
                        static_cast<float>(static_cast<std::uint32_t>(squared & 0xFFFF));
        return scale * (kind == gpu_cost::root ? std::sqrt(s) : s);
    }
};

/// Parts that the columns are split into, so that blocks of few rows fill a GPU: the same for any device.
[[nodiscard]] inline unsigned panel_splits(std::size_t n, std::size_t m) {
    const std::size_t rows = (n + panel_rows - 1) / panel_rows, tiles = (m + panel_columns - 1) / panel_columns;
    const std::size_t wanted = (512 + rows - 1) / rows;
    return static_cast<unsigned>(wanted < tiles ? wanted : tiles);
}

/// What of a tile a thread has: rows row(0..3) and, in each, columns column(0..7).
struct panel_place {
    unsigned row_in_block, column_in_tile;

    __device__ panel_place()
        : row_in_block(threadIdx.x / 64 * 32 + threadIdx.x % 32 / 4),
          column_in_tile(threadIdx.x / 32 % 2 * 32 + threadIdx.x % 4 * 2) {}
    [[nodiscard]] __device__ unsigned row(unsigned r) const { return row_in_block + 8 * r; }
    [[nodiscard]] __device__ std::size_t column(std::size_t tile, unsigned k) const {
        return tile * panel_columns + column_in_tile + k / 2 * 8 + k % 2;
    }
};

/// A product of numbers of two bytes, by significance: high · 2^16 + cross · 2^8 + low.
struct byte_products {
    std::int32_t high[2][4][4], cross[2][4][4], low[2][4][4];  // [16 rows][8 columns][fragment]

    __device__ __forceinline__ void clear() {
        HOLDFAST_UNROLL
        for (unsigned t = 0; t < 32; ++t)
            high[t / 16][t / 4 % 4][t % 4] = cross[t / 16][t / 4 % 4][t % 4] = low[t / 16][t / 4 % 4][t % 4] = 0;
    }

    /// 64 coordinates of a stage. A line's parts of 16 bytes lie in an order of the row's own, so that eight rows meet
    /// in no bank.
    __device__ __forceinline__ void add(const unsigned char* stage) {
        const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
        const auto at = [&](unsigned row, unsigned part) { return stage + row * fixed_line + (part ^ row % 8) * 16; };
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 2; ++k) {
            std::uint32_t a[2][2][4];
            HOLDFAST_UNROLL
            for (unsigned t = 0; t < 4; ++t)
                holdfast::detail::load_matrices(
                    a[t / 2][t % 2], at(warp / 2 * 32 + t / 2 * 16 + lane % 16, t % 2 * 4 + k * 2 + lane / 16));
            HOLDFAST_UNROLL
            for (unsigned two = 0; two < 2; ++two) {
                std::uint32_t b[2][4];
                const unsigned row = panel_rows + warp % 2 * 32 + two * 16 + lane % 8 + lane / 16 * 8;
                holdfast::detail::load_matrices(b[0], at(row, k * 2 + lane / 8 % 2));
                holdfast::detail::load_matrices(b[1], at(row, 4 + k * 2 + lane / 8 % 2));
                HOLDFAST_UNROLL
                for (unsigned t = 0; t < 4; ++t) {
                    const unsigned r = t / 2, c = two * 2 + t % 2, at_b = t % 2 * 2;
                    using holdfast::detail::multiply_add_bytes;
                    multiply_add_bytes(high[r][c], a[r][0], b[0][at_b], b[0][at_b + 1]);
                    multiply_add_bytes(low[r][c], a[r][1], b[1][at_b], b[1][at_b + 1]);
                    multiply_add_bytes(cross[r][c], a[r][0], b[1][at_b], b[1][at_b + 1]);
                    multiply_add_bytes(cross[r][c], a[r][1], b[0][at_b], b[0][at_b + 1]);
                }
            }
        }
    }

    [[nodiscard]] __device__ std::int64_t at(unsigned row, unsigned column) const {
        const unsigned r = row / 2, c = column / 2, e = row % 2 * 2 + column % 2;
        return (static_cast<std::int64_t>(high[r][c][e]) << 16) + (static_cast<std::int64_t>(cross[r][c][e]) << 8) +
               low[r][c][e];
    }
};

/// For every tile of this block's part (blockIdx.x: its rows, blockIdx.y: its part of the columns) and by all threads:
/// task.columns(place, tile), then task.row(r, i, place, tile, costs of eight columns) for four rows, rows and columns
/// beyond the ends included.
template <class Task>
__device__ __forceinline__ void for_costs(const fixed_pair& p, Task& task) {
    unsigned char* const shared = holdfast::detail::dynamic_shared();
    const panel_place place;
    const std::size_t begin = static_cast<std::size_t>(blockIdx.x) * panel_rows;
    const std::size_t tiles = (p.y.n + panel_columns - 1) / panel_columns;
    const auto first = static_cast<unsigned>(tiles * blockIdx.y / gridDim.y);
    const auto last = static_cast<unsigned>(tiles * (blockIdx.y + 1) / gridDim.y);
    const unsigned chunks = p.x.chunks;

    unsigned next_tile = first, next_chunk = 0, next_stage = 0;  // what is fetched next
    const auto fetch = [&] {
        if (next_tile < last) {
            HOLDFAST_UNROLL
            for (unsigned r = 0; r < (panel_rows + panel_columns) / 32; ++r) {
                const unsigned row = r * 32 + threadIdx.x / 8, part = threadIdx.x % 8;
                const fixed_view& from = r < panel_rows / 32 ? p.x : p.y;
                const std::size_t i =
                    r < panel_rows / 32 ? begin + row : std::size_t{next_tile} * panel_columns + row - panel_rows;
                const bool there = i < from.n;
                holdfast::detail::copy_async(
                    shared + next_stage * panel_stage + row * fixed_line + (part ^ row % 8) * 16,
                    from.lines + ((there ? i : 0) * chunks + next_chunk) * fixed_line + part * 16, there ? 16 : 0);
            }
            if (++next_chunk == chunks) next_chunk = 0, ++next_tile;
            next_stage = (next_stage + 1) % panel_stages;
        }
        holdfast::detail::copy_async_commit();
    };
    for (unsigned s = 0; s + 1 < panel_stages; ++s) fetch();

    std::int64_t of_row[4];
    HOLDFAST_UNROLL
    for (unsigned r = 0; r < 4; ++r) of_row[r] = begin + place.row(r) < p.x.n ? p.x.squares[begin + place.row(r)] : 0;
    byte_products sum;
    unsigned stage = 0;
    for (unsigned tile = first; tile < last; ++tile) {
        sum.clear();
        for (unsigned chunk = 0; chunk < chunks; ++chunk) {
            holdfast::detail::copy_async_wait<panel_stages - 2>();
            holdfast::detail::synchronise_block();
            fetch();
            sum.add(shared + stage * panel_stage);
            stage = (stage + 1) % panel_stages;
        }
        std::int64_t of_column[8];
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            const std::size_t j = place.column(tile, k);
            of_column[k] = j < p.y.n ? p.y.squares[j] : 0;
        }
        task.columns(place, tile);
        HOLDFAST_UNROLL
        for (unsigned r = 0; r < 4; ++r) {
            float cost[8];
            HOLDFAST_UNROLL
            for (unsigned k = 0; k < 8; ++k) cost[k] = p.cost(of_row[r] + of_column[k] - 2 * sum.at(r, k));
            task.row(r, begin + place.row(r), place, tile, cost);
        }
    }
    holdfast::detail::synchronise_block();  // the task may use the shared memory now
}

template <class Task>
__global__ void __launch_bounds__(panel_threads, 1) gpu_panels(fixed_pair p, Task task) {
    for_costs(p, task);
    task.finish(static_cast<std::size_t>(blockIdx.x) * panel_rows);
}

}  // namespace holdfast::transport::detail
