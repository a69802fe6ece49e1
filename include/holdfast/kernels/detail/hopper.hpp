#pragma once
// Numbers that the Hopper kernel and the machine must agree on: where TMA puts a 16-byte chunk, how a WGMMA is told
// where a tile lies, which step of the sum is which. Host and device, so that they are tested where no GPU is. Builds
// on tile.hpp.

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

/// The sum of a tile: `frozen` steps over (x, W), then `low_rank` steps over (u, B), of which the last has `tail`
/// products of 16 instead of four.
struct hopper_steps {
    int frozen = 0, low_rank = 0, tail = 4;
    [[nodiscard]] HOLDFAST_HD constexpr int count() const { return frozen + low_rank; }
};
[[nodiscard]] HOLDFAST_HD constexpr hopper_steps hopper_steps_of(int k, int rank) {
    const int low_rank = ceil_div(rank, step_depth);
    return {ceil_div(k, step_depth), low_rank, ceil_div(rank - (low_rank - 1) * step_depth, 16)};
}

}  // namespace holdfast::kernels::detail
