#pragma once
// Numbers that the Hopper kernels and the machine must agree on: where TMA puts a 16-byte chunk, how a WGMMA is told
// where a tile lies, which step of the sum is which, how the pass over dy is cut. Host and device, so that they are
// tested where no GPU is. Builds on tile.hpp.

#include <holdfast/kernels/detail/tile.hpp>

#include <cstdint>

namespace holdfast::kernels::detail {

/// A tile of 128 x 256, four stages of 64 deep: two warpgroups multiply 64 rows each, a third one loads.
struct hopper_tile {
    static constexpr int bm = 128, bn = 256, stages = 4, consumers = 2, rows = bm / consumers;
    static constexpr int threads = 128 * (consumers + 1);
    static constexpr int row_bytes = step_depth * 2;  // one row of a stage: the span of the 128-byte swizzle
    static constexpr int a_bytes = bm * row_bytes, b_bytes = bn * row_bytes, stage_bytes = a_bytes + b_bytes;
    static constexpr int alignment = 1024;  // of a swizzled tile: 8 rows of 128 bytes
    static constexpr int barrier_bytes = 2 * stages * 8;
    static constexpr int shared_bytes = alignment + stages * stage_bytes + barrier_bytes;
    static_assert(row_bytes == 128 && shared_bytes <= 227 * 1024);
};

/// Where the byte that would lie at `address` does lie under the 128-byte swizzle: bits 4 to 6 xor bits 7 to 9.
[[nodiscard]] HOLDFAST_HD constexpr std::uint32_t swizzled_128(std::uint32_t address) {
    return address ^ ((address >> 7 & 7u) << 4);
}

/// WGMMA's matrix descriptor of a K-major tile of 16-bit elements whose rows are 128 bytes, swizzled by 128 bytes:
/// start address, the distance of 1024 bytes between groups of 8 rows, the kind of swizzle. Addresses in units of 16
/// bytes.
[[nodiscard]] HOLDFAST_HD constexpr std::uint64_t matrix_descriptor(std::uint32_t shared_address) {
    const std::uint64_t start = (shared_address & 0x3FFFFu) >> 4, leading = 1, stride = 1024 >> 4, swizzle_128 = 1;
    return start | leading << 16 | stride << 32 | swizzle_128 << 62;
}

/// The same for a tile whose summed index runs along its columns: boxes of 64 x 64 elements, a row of 128 bytes per
/// summed index. Leading: from one box to the next 64 columns; stride: from 8 summed indices to the next 8.
inline constexpr int hopper_box_bytes = step_depth * 128;
[[nodiscard]] HOLDFAST_HD constexpr std::uint64_t transposed_descriptor(std::uint32_t shared_address) {
    const std::uint64_t start = (shared_address & 0x3FFFFu) >> 4, leading = hopper_box_bytes >> 4, stride = 1024 >> 4,
                        swizzle_128 = 1;
    return start | leading << 16 | stride << 32 | swizzle_128 << 62;
}

/// What the kernel sums. Forward: x W', then u B'. Backward: dy W, then ds A, both with the summed index of the second
/// factor along its columns. Masked: ds A first, since its sum is masked before the frozen product joins it.
enum class hopper_sum { forward, backward, masked_backward };

/// The sum of a tile: `frozen` steps over (x, W), then `low_rank` steps over (u, B), of which the last has `tail`
/// products of 16 instead of four.
struct hopper_steps {
    int frozen = 0, low_rank = 0, tail = 4;
    [[nodiscard]] HOLDFAST_HD constexpr int count() const { return frozen + low_rank; }
    /// The step with the tail: the last of the low-rank ones, wherever they stand.
    [[nodiscard]] HOLDFAST_HD constexpr int with_tail(bool low_rank_first) const {
        return low_rank_first ? low_rank - 1 : count() - 1;
    }
    struct position {
        bool low_rank;
        int depth;
    };
    [[nodiscard]] HOLDFAST_HD constexpr position at(int step, bool low_rank_first) const {
        const int within = low_rank_first ? step - low_rank : step;  // of the frozen steps
        if (within >= 0 && within < frozen) return {false, within * step_depth};
        return {true, (low_rank_first ? step : step - frozen) * step_depth};
    }
};
[[nodiscard]] HOLDFAST_HD constexpr hopper_steps hopper_steps_of(int k, int rank) {
    const int low_rank = ceil_div(rank, step_depth);
    return {ceil_div(k, step_depth), low_rank, ceil_div(rank - (low_rank - 1) * step_depth, 16)};
}

/// Blocks that have something else to do before they take tiles: 192 rows of a skinny product per piece of work.
template <int Ranks>
struct help_tile {
    static constexpr int rows = 192, ranks = Ranks, stages = Ranks == 16 ? 7 : 6;
};

/// Which tiles a block of a persistent kernel takes, in its order. The first `helpers` blocks come late: the others
/// take `busy` tiles each before those join, so that nobody waits at the end for a block that helped. Every block takes
/// tiles in rising order, every tile is taken once.
struct hopper_schedule {
    int blocks = 1, helpers = 0, busy = 0;
    /// The tile of a block's `turn`; it has no more once this is not below the number of tiles.
    [[nodiscard]] HOLDFAST_HD constexpr int tile(int block, int turn) const {
        const int workers = blocks - helpers, late = busy * workers + (turn - busy) * blocks;
        if (block < helpers) return busy * workers + turn * blocks + workers + block;
        return turn < busy ? turn * workers + block - helpers : late + block - helpers;
    }
};

/// A schedule for `tiles_m` x `tiles_n` tiles of `steps` each, and `pieces` of help of `piece_steps` each. A step of a
/// piece moves 24 KB and multiplies little: two of them are taken to last as long as one of a tile. That is a guess, no
/// machine has shown it yet; it decides on time, and on no bit of a result.
/// @param wanted_soon  tiles wait for the pieces with their rows
[[nodiscard]] HOLDFAST_HD constexpr hopper_schedule plan_help(int tiles_m, int tiles_n, int steps, std::int64_t pieces,
                                                              int piece_steps, int multiprocessors, bool wanted_soon) {
    const std::int64_t tiles = static_cast<std::int64_t>(tiles_m) * tiles_n;
    const std::int64_t turns = ceil_div<std::int64_t>(tiles, multiprocessors);
    const std::int64_t spare = multiprocessors - ceil_div<std::int64_t>(tiles, turns);
    std::int64_t helpers = larger<std::int64_t>(4, spare);
    if (wanted_soon) {  // what the first turn's tiles need must be there before they end: two pieces per helper
        const int rows = larger(smaller(8, tiles_m), ceil_div(multiprocessors, tiles_n)) * hopper_tile::bm;
        helpers = larger<std::int64_t>(helpers, ceil_div(rows, 2 * help_tile<16>::rows));
    }
    helpers =
        larger<std::int64_t>(1, smaller<std::int64_t>(smaller<std::int64_t>(helpers, pieces), multiprocessors / 2));
    const std::int64_t blocks = smaller<std::int64_t>(multiprocessors, tiles + helpers), workers = blocks - helpers;
    if (workers == 0) return {static_cast<int>(blocks), static_cast<int>(helpers), 0};
    const std::int64_t all = ceil_div(tiles, workers);  // turns, if the helpers took none
    const std::int64_t busy = ceil_div(ceil_div<std::int64_t>(pieces, helpers) * piece_steps, std::int64_t{2} * steps);
    return {static_cast<int>(blocks), static_cast<int>(helpers),
            static_cast<int>(helpers <= spare ? all : smaller(all, busy))};
}

/// The pass over dy: a cluster of eight blocks has 8 x 512 columns and a range of rows, in steps of few rows.
template <int Ranks>
struct pass_tile {
    static constexpr int blocks = 8, warps = 8, threads = 32 * warps, ranks = Ranks;
    static constexpr int columns = 64 * warps, rows = Ranks == 16 ? 32 : 16, stages = Ranks == 16 ? 3 : 4;
    static constexpr int dy_bytes = rows * columns * 2, u_bytes = rows * Ranks * 2, stage_bytes = dy_bytes + u_bytes;
    static constexpr int b_bytes = columns * Ranks * 2, sums_bytes = warps * rows * Ranks * 4,
                         mine_bytes = 2 * rows * Ranks * 4;
    static constexpr int shared_bytes = stages * stage_bytes + b_bytes + sums_bytes + mine_bytes;
    static_assert(shared_bytes <= 227 * 1024);
};

struct pass_plan {
    int groups = 1;  ///< of 4096 columns: as many parts has ds
    int splits = 1;  ///< of the rows: as many parts has dB
    int rows = 0;    ///< of a split, a multiple of 32
};
/// A function of the shape alone: sixteen clusters, what the machine runs at once, but 128 rows per split at least.
[[nodiscard]] HOLDFAST_HD constexpr pass_plan plan_pass(std::int64_t m, std::int64_t n) {
    const std::int64_t groups = ceil_div<std::int64_t>(n, pass_tile<16>::blocks * pass_tile<16>::columns);
    const std::int64_t wanted =
        larger<std::int64_t>(1, smaller<std::int64_t>(16 / groups, ceil_div<std::int64_t>(m, 128)));
    const std::int64_t rows = larger<std::int64_t>(32, round_up<std::int64_t>(ceil_div(m, wanted), 32));
    return {static_cast<int>(groups), static_cast<int>(larger<std::int64_t>(1, ceil_div(m, rows))),
            static_cast<int>(rows)};
}

}  // namespace holdfast::kernels::detail
