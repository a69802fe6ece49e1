#pragma once
// Where things are: which tile a block computes, where a 16-byte chunk lies in shared memory, how a long sum is cut.
// Host and device, so that the maps are tested where no GPU is. Builds on core/config.hpp.

#include <holdfast/core/config.hpp>

#include <cstddef>
#include <cstdint>

namespace holdfast::kernels::detail {

template <class Integer>
[[nodiscard]] HOLDFAST_HD constexpr Integer ceil_div(Integer a, Integer b) {
    return (a + b - 1) / b;
}

template <class Integer>
[[nodiscard]] HOLDFAST_HD constexpr Integer round_up(Integer a, Integer b) {
    return ceil_div(a, b) * b;
}

template <class T>
[[nodiscard]] HOLDFAST_HD constexpr T smaller(T a, T b) {
    return b < a ? b : a;
}

template <class T>
[[nodiscard]] HOLDFAST_HD constexpr T larger(T a, T b) {
    return a < b ? b : a;
}

/// Elements of the sum that one pipeline step covers.
inline constexpr int step_depth = 64;

/// Position, in 16-byte chunks, of chunk `chunk` of row `row` in a shared tile whose rows hold `Chunks` of them. A
/// permutation within each 128-byte line, such that the eight rows that one ldmatrix reads lie in different banks.
template <int Chunks>
[[nodiscard]] HOLDFAST_HD constexpr int swizzled(int row, int chunk) {
    static_assert(Chunks == 2 || Chunks == 4 || Chunks % 8 == 0);
    const int line = Chunks >= 8 ? row : row * Chunks / 8;
    return (row * Chunks + chunk) ^ (line & 7);
}

struct tile_index {
    int m, n;
};

/// The tile of block `block` of tiles_m x tiles_n: columns of `group` row tiles, one group after the other, so that
/// blocks that run together share rows of A and columns of B in the L2 cache.
[[nodiscard]] HOLDFAST_HD constexpr tile_index tile_of(int block, int tiles_m, int tiles_n, int group) {
    const int per_group = group * tiles_n, first = block / per_group * group;
    const int height = smaller(group, tiles_m - first), within = block % per_group;
    return {first + within % height, within / height};
}

/// How a sum over `depth` elements is cut into `splits` parts of `steps` pipeline steps each (the last may be shorter).
/// A function of the shape alone, so that the order of summation is the same on every device.
struct split_plan {
    int splits = 1;
    int steps = 0;
};

/// @param tiles  output tiles; few tiles are given more splits, until some 256 blocks have work
[[nodiscard]] HOLDFAST_HD constexpr split_plan split_sum(std::int64_t tiles, std::int64_t depth) {
    const std::int64_t steps = ceil_div<std::int64_t>(depth, step_depth);
    std::int64_t splits = tiles > 0 ? 256 / tiles : 1;
    splits = smaller<std::int64_t>(splits, steps / 4);  // four steps at least: a pipeline must fill
    splits = larger<std::int64_t>(1, smaller<std::int64_t>(splits, 32));
    const std::int64_t each = larger<std::int64_t>(1, ceil_div(steps, splits));
    return {static_cast<int>(larger<std::int64_t>(1, ceil_div(steps, each))), static_cast<int>(each)};
}

}  // namespace holdfast::kernels::detail
