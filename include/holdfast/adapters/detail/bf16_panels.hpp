#pragma once
// Whole products of bfloat16 in panels of rows: the frozen one with what an adapter adds to it in the same sums, and
// the sums over all rows that gradients are. Builds on bf16_product.hpp. Leaves out what is multiplied.

#include <holdfast/adapters/detail/bf16_product.hpp>
#include <holdfast/core/half.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace holdfast::adapters::detail {

inline constexpr std::size_t panel_rows = 256;  // rows that pass by each part of the right
inline constexpr std::size_t chunk_blocks = 4;  // times 32 columns that a thread takes at a time

/// A view to read, of any matrix.
template <matrix_like M>
[[nodiscard]] matrix_view<const element_t<M>> reading(const M& m) {
    return holdfast::view(m);
}

/// What scratch is for; uses of one thread nest.
enum class scratch { sums, small_sums, masked, zipped, panel, low_rank, a, b };

/// Memory of the calling thread, kept from call to call: its pages are there.
template <scratch For, class T>
tile_memory<T>& scratch_of() {
    thread_local tile_memory<T> memory;
    return memory;
}

/// All of m [columns, depth] as tiles from the right.
template <class T>
void pack_right_parallel(const matrix_view<const T>& m, tile_memory<std::uint16_t>& to) {
    std::uint16_t* const tiles = to.reserve(right_size(m.rows(), m.cols()));
    parallel_for(tiles_of(m.rows(), 2 * tile_rows), [&](std::size_t block) {
        pack_right_block(m, block, tiles + block * right_size(2 * tile_rows, m.cols()));
    });
}

/// Rows [begin, begin + rows) of m as tiles from the left.
template <class T>
void pack_left_parallel(const matrix_view<const T>& m, std::size_t begin, std::size_t rows,
                        tile_memory<std::uint16_t>& to) {
    std::uint16_t* const tiles = to.reserve(left_size(rows, m.cols()));
    parallel_chunks(rows, 2 * tile_rows, [&](std::size_t first, std::size_t last, std::size_t) {
        pack_left(m, begin + first, last - first, tiles + left_size(first, m.cols()));
    });
}

/// What an adapter adds to a product: left [row tiles][steps][512] and right [columns / 32][steps][2][512], and which
/// of it counts (all of it where there is no mask).
struct low_rank_part {
    const std::uint16_t *left = nullptr, *right = nullptr;
    std::size_t steps = 0;
    const std::uint32_t* mask = nullptr;  // of the panel's first row
    std::size_t words = 0;                // of a row of the mask
};

/// Rows [begin, begin + rows) of y [.., columns] = left right and an adapter's part: the same for any number of
/// threads.
template <class Y>
void multiply_panel(bf16_level level, const std::uint16_t* left, std::size_t rows, std::size_t steps,
                    const std::uint16_t* right, const low_rank_part& part, const matrix_view<Y>& y, std::size_t begin) {
    const std::size_t row_tiles = tiles_of(rows, tile_rows);
    parallel_chunks(
        tiles_of(y.cols(), 2 * tile_rows), chunk_blocks, [&](std::size_t first, std::size_t last, std::size_t) {
            float* const c = scratch_of<scratch::sums, float>().reserve(chunk_blocks * row_tiles * 2 * sum_numbers);
            const level_session session(level);
            if (part.steps > 0)
                multiply(level, part.left, part.steps, row_tiles, part.right + first * part.steps * 2 * tile_numbers,
                         last - first, part.steps, c, true);
            // Sums of row i and 16 columns from `column` on, row by row: what is written lies together.
            const auto each = [&](auto&& f) {
                for (std::size_t i = 0; i < rows; ++i)
                    for (std::size_t t = 0; t < 2 * (last - first); ++t) {
                        const std::size_t tile = (t / 2 * row_tiles + i / tile_rows) * 2 + t % 2;
                        f(c + tile * sum_numbers + i % tile_rows * 16, i, (2 * first + t) * tile_rows);
                    }
            };
            if (part.mask != nullptr)
                each([&](float* sums, std::size_t i, std::size_t column) {
                    const std::uint32_t kept = part.mask[i * part.words + column / 32] >> column % 32;
                    for (std::size_t j = 0; j < 16; ++j) sums[j] = (kept >> j & 1U) != 0 ? sums[j] : 0.0F;
                });
            multiply(level, left, steps, row_tiles, right + first * steps * 2 * tile_numbers, last - first, steps, c,
                     part.steps == 0);
            each([&](const float* sums, std::size_t i, std::size_t column) {
                if (column < y.cols())
                    write_row(y, begin + i, column, std::min<std::size_t>(16, y.cols() - column), sums);
            });
        });
}

/// g [r, n] += l' right, for l [m, r] and right [m, n], of which only what the mask keeps counts: sums over rows in
/// their order, columns in parallel.
template <class R, class G>
void add_over_rows(bf16_level level, const matrix_view<const bfloat16>& l, const matrix_view<const R>& right,
                   const std::uint32_t* mask, std::size_t words, const matrix_view<G>& g) {
    constexpr std::size_t columns_at_once = 8, steps_at_once = 4;
    const std::size_t m = l.rows(), row_tiles = tiles_of(l.cols(), tile_rows), steps = tiles_of(m, tile_depth);
    std::uint16_t* const left = scratch_of<scratch::panel, std::uint16_t>().reserve(left_size(l.cols(), m));
    parallel_for(row_tiles, [&](std::size_t t) {
        pack_left(l.transposed(), t * tile_rows, std::min(tile_rows, l.cols() - t * tile_rows),
                  left + t * steps * tile_numbers);
    });
    parallel_chunks(
        tiles_of(right.cols(), 2 * tile_rows), columns_at_once, [&](std::size_t first, std::size_t last, std::size_t) {
            float* const c = scratch_of<scratch::sums, float>().reserve(columns_at_once * row_tiles * 2 * sum_numbers);
            std::uint16_t* const tiles = scratch_of<scratch::zipped, std::uint16_t>().reserve(
                columns_at_once * steps_at_once * 2 * tile_numbers);
            const level_session session(level);
            for (std::size_t s = 0; s < steps; s += steps_at_once) {
                const std::size_t count = std::min(steps_at_once, steps - s);
                for (std::size_t k = 0; k < count; ++k)
                    for (std::size_t b = 0; b < 2 * (last - first); ++b)
                        right_tile(right.transposed(), (2 * first + b) * tile_rows, (s + k) * tile_depth,
                                   tiles + ((b / 2 * count + k) * 2 + b % 2) * tile_numbers, mask, words);
                multiply(level, left + s * tile_numbers, steps, row_tiles, tiles, last - first, count, c, s == 0);
            }
            for (std::size_t i = 0; i < g.rows(); ++i)
                for (std::size_t j = first * 2 * tile_rows; j < std::min(g.cols(), last * 2 * tile_rows); ++j) {
                    const std::size_t b = j / (2 * tile_rows) - first, t = j / tile_rows % 2;
                    g(i, j) += static_cast<G>(c[((b * row_tiles + i / tile_rows) * 2 + t) * sum_numbers +
                                                i % tile_rows * 16 + j % tile_rows]);
                }
        });
}

}  // namespace holdfast::adapters::detail
