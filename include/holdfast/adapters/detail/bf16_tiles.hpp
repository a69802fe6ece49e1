#pragma once
// Matrices of bfloat16 cut into tiles of 1024 bytes, in the two orders that the matrix unit multiplies (core/amx.hpp):
// from the left 16 rows of 32 numbers; from the right 16 pairs of rows of 16 columns, the two of a pair side by side.
// The same orders serve machines without it. What is missing at the ends is zero. Builds on core.

#include <holdfast/core/amx.hpp>
#include <holdfast/core/half.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/tile_transpose.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#if HOLDFAST_AMX
#include <immintrin.h>
#endif

namespace holdfast::adapters::detail {

inline constexpr std::size_t tile_rows = 16, tile_depth = 32, tile_numbers = 512;

[[nodiscard]] constexpr std::size_t tiles_of(std::size_t n, std::size_t size) { return (n + size - 1) / size; }

/// Numbers at multiples of 64 bytes.
template <class T>
class tile_memory {
  public:
    /// Room for as many at least; what was there may be lost, what is there is not set.
    T* reserve(std::size_t size) {
        const std::size_t lines = tiles_of(size * sizeof(T), sizeof(line));
        if (lines_.size() < lines) lines_.resize(lines);
        return data();
    }
    [[nodiscard]] T* data() { return reinterpret_cast<T*>(lines_.data()); }
    [[nodiscard]] const T* data() const { return reinterpret_cast<const T*>(lines_.data()); }
    [[nodiscard]] std::size_t bytes() const { return lines_.size() * sizeof(line); }

  private:
    struct alignas(64) line {
        unsigned char bytes[64];
    };
    std::vector<line> lines_;
};

/// 16 times `count` floats as bits of bfloat16, to the nearest, ties to even; what is not a number stays so.
#if HOLDFAST_X86_LEVELS
[[gnu::always_inline]] inline void round_by_vectors(const float* from, std::size_t count, void* to) {
    typedef std::uint32_t wide __attribute__((vector_size(64)));
    typedef std::uint16_t narrow __attribute__((vector_size(32)));
    for (std::size_t c = 0; c < count; ++c) {
        wide x;
        std::memcpy(&x, from + 16 * c, sizeof x);
        const wide rounded = x + 0x7fffU + (x >> 16 & 1U), size = x & 0x7fffffffU;
        x = size > 0x7f800000U ? x | 0x400000U : rounded;
        const narrow bits = __builtin_convertvector(x >> 16, narrow);
        std::memcpy(static_cast<char*>(to) + c * sizeof bits, &bits, sizeof bits);
    }
}
__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))) inline void round_avx512(const float* from,
                                                                                                std::size_t count,
                                                                                                void* to) {
    round_by_vectors(from, count, to);
}
#endif
inline void round_sixteens(const float* from, std::size_t count, void* to) {
#if HOLDFAST_X86_LEVELS
    if (holdfast::detail::machine_has_avx512()) return round_avx512(from, count, to);
    round_by_vectors(from, count, to);
#else
    for (std::size_t c = 0; c < 16 * count; ++c) {
        const std::uint16_t bits = bfloat16(from[c]).bits;
        std::memcpy(static_cast<char*>(to) + c * sizeof bits, &bits, sizeof bits);
    }
#endif
}

/// `count` neighbours of row i from column k on as bits of bfloat16, and zeros up to `room`, a multiple of 16.
template <class T>
void read_row(const matrix_view<const T>& m, std::size_t i, std::size_t k, std::size_t count, std::size_t room,
              std::uint16_t* to) {
    std::size_t c = 0;
    if constexpr (std::is_same_v<T, bfloat16>) {
        if (m.col_stride() == 1 && count == tile_depth && room == tile_depth) {  // most are
            std::memcpy(to, &m(i, k), tile_depth * sizeof *to);
            return;
        }
        if (m.col_stride() == 1 && count > 0) std::memcpy(to, &m(i, k), (c = count) * sizeof *to);
        for (; c < count; ++c) to[c] = m(i, k + c).bits;
    } else {
        if constexpr (std::is_same_v<T, float>)
            if (m.col_stride() == 1 && count >= 16) round_sixteens(&m(i, k), count / 16, to), c = count / 16 * 16;
        for (; c < count; ++c) to[c] = bfloat16(static_cast<float>(m(i, k + c))).bits;
    }
    std::fill(to + c, to + room, std::uint16_t{0});
}

/// `count` floats into row i from column k on, as the matrix keeps them.
template <class T>
void write_row(const matrix_view<T>& m, std::size_t i, std::size_t k, std::size_t count, const float* from) {
    std::size_t c = 0;
    if constexpr (std::is_same_v<T, bfloat16>)
        if (m.col_stride() == 1 && count >= 16) round_sixteens(from, count / 16, &m(i, k)), c = count / 16 * 16;
    if constexpr (std::is_same_v<T, float>)
        if (m.col_stride() == 1 && count > 0) std::memcpy(&m(i, k), from, (c = count) * sizeof *from);
    for (; c < count; ++c) m(i, k + c) = static_cast<T>(from[c]);
}

/// Rows [begin, begin + rows) of m [.., depth] as tiles from the left: [rows / 16][depth / 32][512].
template <class T>
void pack_left(const matrix_view<const T>& m, std::size_t begin, std::size_t rows, std::uint16_t* to) {
    const std::size_t steps = tiles_of(m.cols(), tile_depth);
    for (std::size_t i = 0; i < tiles_of(rows, tile_rows) * tile_rows; ++i)
        for (std::size_t s = 0; s < steps; ++s) {
            const std::size_t count = i < rows ? std::min(tile_depth, m.cols() - s * tile_depth) : 0;
            read_row(m, begin + i, s * tile_depth, count, tile_depth,
                     to + (i / tile_rows * steps + s) * tile_numbers + i % tile_rows * tile_depth);
        }
}
[[nodiscard]] constexpr std::size_t left_size(std::size_t rows, std::size_t depth) {
    return tiles_of(rows, tile_rows) * tiles_of(depth, tile_depth) * tile_numbers;
}

/// A tile from the left becomes one from the right, its rows columns: pairs of numbers change places.
inline void turn_tile(std::uint16_t* tile) {
#if HOLDFAST_AMX
    if (holdfast::detail::machine_has_avx512()) return holdfast::detail::transpose_tile(tile, 64, tile);
#endif
    for (std::size_t i = 0; i < tile_rows; ++i)
        for (std::size_t j = 0; j < i; ++j)
            std::swap_ranges(tile + i * tile_depth + 2 * j, tile + i * tile_depth + 2 * j + 2,
                             tile + j * tile_depth + 2 * i);
}

/// 32 rows of 16 numbers, of which bits say which are kept, as a tile from the right: two rows side by side.
#if HOLDFAST_AMX
HOLDFAST_BESIDE_TILES inline void zip_rows_avx512(const std::uint16_t* rows, const std::uint16_t* kept,
                                                  std::uint16_t* to) {
    typedef std::uint16_t narrow __attribute__((vector_size(32)));
    typedef std::uint32_t wide __attribute__((vector_size(64)));
    for (std::size_t h = 0; h < tile_depth; h += 2) {
        const auto first = reinterpret_cast<narrow>(_mm256_maskz_loadu_epi16(kept[h], rows + h * tile_rows));
        const auto second = reinterpret_cast<narrow>(_mm256_maskz_loadu_epi16(kept[h + 1], rows + (h + 1) * tile_rows));
        const wide both = __builtin_convertvector(first, wide) | __builtin_convertvector(second, wide) << 16;
        std::memcpy(to + h * tile_rows, &both, sizeof both);
    }
}
#endif
inline void zip_rows(const std::uint16_t* rows, const std::uint16_t* kept, std::uint16_t* to) {
#if HOLDFAST_AMX
    if (holdfast::detail::machine_has_avx512()) return zip_rows_avx512(rows, kept, to);
#endif
    for (std::size_t h = 0; h < tile_depth; ++h)
        for (std::size_t c = 0; c < tile_rows; ++c)
            to[h / 2 * tile_depth + 2 * c + h % 2] = (kept[h] >> c & 1U) != 0 ? rows[h * tile_rows + c] : 0;
}

/// 16 rows of m [columns, depth] from `column` on, 32 of each from `k` on, as a tile from the right. With a mask
/// (bit j of word w of its row k is column 32 w + j), only what it keeps.
template <class T>
void right_tile(const matrix_view<const T>& m, std::size_t column, std::size_t k, std::uint16_t* to,
                const std::uint32_t* mask = nullptr, std::size_t words = 0) {
    const std::size_t columns = column < m.rows() ? std::min(tile_rows, m.rows() - column) : 0;
    const std::size_t depth = std::min(tile_depth, m.cols() - k);
    if (m.row_stride() == 1 && m.col_stride() != 1) {  // neighbours are numbers of one k
        const matrix_view<const T> turned = m.transposed();
        alignas(64) std::uint16_t rows[tile_depth * tile_rows], kept[tile_depth];
        for (std::size_t h = 0; h < tile_depth; ++h) {
            read_row(turned, k + h, column, h < depth ? columns : 0, tile_rows, rows + h * tile_rows);
            kept[h] = static_cast<std::uint16_t>(
                mask != nullptr && h < depth ? mask[(k + h) * words + column / 32] >> (column % 32) : 0xffffU);
        }
        return zip_rows(rows, kept, to);
    }
    for (std::size_t c = 0; c < tile_rows; ++c) {
        std::uint16_t* const row = to + c * tile_depth;
        read_row(m, column + c, k, c < columns ? depth : 0, tile_depth, row);
        if (mask != nullptr && c < columns)
            for (std::size_t h = 0; h < depth; ++h)
                if ((mask[(k + h) * words + (column + c) / 32] >> ((column + c) % 32) & 1U) == 0) row[h] = 0;
    }
    turn_tile(to);
}

/// Block `block` of 32 columns of a product, rows of m [columns, depth], as tiles from the right: [depth / 32][2][512].
template <class T>
void pack_right_block(const matrix_view<const T>& m, std::size_t block, std::uint16_t* to) {
    for (std::size_t t = 0; t < 2 * tiles_of(m.cols(), tile_depth); ++t, to += tile_numbers)
        right_tile(m, (2 * block + t % 2) * tile_rows, t / 2 * tile_depth, to);
}
/// All of them.
template <class T>
void pack_right(const matrix_view<const T>& m, std::uint16_t* to) {
    const std::size_t size = tiles_of(m.cols(), tile_depth) * 2 * tile_numbers;
    for (std::size_t block = 0; block < tiles_of(m.rows(), 2 * tile_rows); ++block)
        pack_right_block(m, block, to + block * size);
}
[[nodiscard]] constexpr std::size_t right_size(std::size_t columns, std::size_t depth) {
    return tiles_of(columns, 2 * tile_rows) * tiles_of(depth, tile_depth) * 2 * tile_numbers;
}

#if HOLDFAST_AMX
HOLDFAST_BESIDE_TILES inline void hide_tile_avx512(const std::uint16_t* from, const std::uint32_t* mask,
                                                   std::size_t words, std::size_t rows, std::uint16_t* to) {
    for (std::size_t i = 0; i < rows; ++i)
        _mm512_storeu_si512(to + i * tile_depth, _mm512_maskz_loadu_epi16(mask[i * words], from + i * tile_depth));
}
#endif

/// A tile from the left without what the mask hides: word i * words of it belongs to row i.
inline void hide_tile(const std::uint16_t* from, const std::uint32_t* mask, std::size_t words, std::size_t rows,
                      std::uint16_t* to) {
#if HOLDFAST_AMX
    if (holdfast::detail::machine_has_avx512()) return hide_tile_avx512(from, mask, words, rows, to);
#endif
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t c = 0; c < tile_depth; ++c)
            to[i * tile_depth + c] = (mask[i * words] >> c & 1U) != 0 ? from[i * tile_depth + c] : std::uint16_t{0};
}

}  // namespace holdfast::adapters::detail
