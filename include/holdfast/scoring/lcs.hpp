#pragma once
// The longest common subsequence (LCS), bit-parallel: 64 columns a machine word. Its length, and the path that the
// textbook table would be walked back along. ROUGE-L and the indel similarity stand on it. Builds on
// lcs_wave.hpp; words and code points come as small integers (tokens.hpp). Leaves out weights and skip-bigrams.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <holdfast/scoring/lcs_wave.hpp>
#include <holdfast/scoring/scratch.hpp>

namespace holdfast::scoring {

namespace detail {

/// Working memory of the functions below.
struct lcs_memory {
    std::vector<std::uint64_t> mask, row, first, kept;
    std::vector<std::uint64_t> narrow;  // all zero between calls
    std::vector<std::size_t> start, at;
    std::vector<std::uint32_t> position;
    wave_memory wave;
    std::size_t bytes() const {
        return wave.bytes() +
               8 * (mask.capacity() + row.capacity() + first.capacity() + kept.capacity() + narrow.capacity()) +
               sizeof(std::size_t) * (start.capacity() + at.capacity()) + 4 * position.capacity();
    }
};

/// One row of the LCS table as bits. Bit j is 0 where the row grows from column j to column j + 1. `next` goes one row
/// down: with M the columns equal to the row's symbol, u = row & M, row' = (row + u) | (row - u) (Hyyrö 2004).
class lcs_rows {
  public:
    lcs_rows(std::span<const std::uint32_t> columns, std::size_t alphabet, lcs_memory& memory)
        : m_(memory), words_((columns.size() + 63) / 64), dense_(alphabet * words_ <= (std::size_t{1} << 18)) {
        // A dense table of masks where it is small; else the positions of a symbol are set and cleared around each row.
        if (dense_) {
            m_.mask.assign(alphabet * words_, 0);
            for (std::size_t j = 0; j < columns.size(); ++j)
                m_.mask[columns[j] * words_ + j / 64] |= std::uint64_t{1} << (j % 64);
            return;
        }
        m_.mask.assign(words_, 0);
        m_.start.assign(alphabet + 1, 0);
        m_.position.resize(columns.size());
        for (const std::uint32_t c : columns) ++m_.start[c + 1];
        for (std::size_t c = 0; c < alphabet; ++c) m_.start[c + 1] += m_.start[c];
        m_.at.assign(m_.start.begin(), m_.start.end() - 1);
        for (std::size_t j = 0; j < columns.size(); ++j)
            m_.position[m_.at[columns[j]]++] = static_cast<std::uint32_t>(j);
    }

    std::size_t words() const { return words_; }

    void next(std::uint32_t symbol, std::span<std::uint64_t> row) {
        if (dense_) return step<1>({m_.mask.data() + symbol * words_}, row);
        if (m_.start[symbol] == m_.start[symbol + 1]) return;  // no such column: the row stays
        for (std::size_t k = m_.start[symbol]; k < m_.start[symbol + 1]; ++k)
            m_.mask[m_.position[k] / 64] |= std::uint64_t{1} << (m_.position[k] % 64);
        step<1>({m_.mask.data()}, row);
        for (std::size_t k = m_.start[symbol]; k < m_.start[symbol + 1]; ++k) m_.mask[m_.position[k] / 64] = 0;
    }

    /// All rows of a text, four at a time where that can be: a word of the row then goes through memory once in four
    /// steps, and the carries of four rows do not wait for each other.
    void all(std::span<const std::uint32_t> symbols, std::span<std::uint64_t> row) {
        std::size_t i = 0;
        const auto mask = [&](std::size_t k) { return m_.mask.data() + symbols[k] * words_; };
        if (dense_)
            for (; i + 4 <= symbols.size(); i += 4) step<4>({mask(i), mask(i + 1), mask(i + 2), mask(i + 3)}, row);
        for (; i < symbols.size(); ++i) next(symbols[i], row);
    }

  private:
    template <std::size_t Rows>
    static void step(const std::array<const std::uint64_t*, Rows> mask, std::span<std::uint64_t> row) {
        std::array<std::uint64_t, Rows> carry{};
        for (std::size_t w = 0; w < row.size(); ++w) {
            std::uint64_t s = row[w];
            for (std::size_t k = 0; k < Rows; ++k) {
                const std::uint64_t u = s & mask[k][w], total = s + u + carry[k];
                carry[k] = (u | (s & ~total)) >>
                           63;  // u is part of s: the sum passed bit 63 if both have it, or s has and lost it
                s = total | (s ^ u);
            }
            row[w] = s;
        }
    }

    lcs_memory& m_;
    std::size_t words_;
    bool dense_;
};

inline std::size_t zeros(std::span<const std::uint64_t> row, std::size_t columns) {
    std::size_t ones = 0;
    for (std::size_t w = 0; w < row.size(); ++w) {
        const std::uint64_t valid =
            (w + 1) * 64 <= columns ? ~std::uint64_t{0} : (std::uint64_t{1} << (columns % 64)) - 1;
        ones += static_cast<std::size_t>(std::popcount(~row[w] & valid));
    }
    return ones;
}

/// Up to 64 columns: the row is one number.
inline std::size_t lcs_narrow(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> columns,
                              std::size_t alphabet, std::vector<std::uint64_t>& mask) {
    if (mask.size() < alphabet) mask.resize(alphabet, 0);
    for (std::size_t j = 0; j < columns.size(); ++j) mask[columns[j]] |= std::uint64_t{1} << j;
    std::uint64_t s = ~std::uint64_t{0};
    for (const std::uint32_t symbol : rows) {
        const std::uint64_t u = s & mask[symbol];
        s = (s + u) | (s ^ u);
    }
    for (const std::uint32_t c : columns) mask[c] = 0;
    return zeros({&s, 1}, columns.size());
}

/// More than 64 columns, in the plain form.
inline std::size_t lcs_plain(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> columns,
                             std::size_t alphabet, lcs_memory& memory) {
    lcs_rows table(columns, alphabet, memory);
    memory.row.assign(table.words(), ~std::uint64_t{0});
    table.all(rows, memory.row);
    return zeros(memory.row, columns.size());
}

/// More than 64 columns, in the form that is fastest on this machine.
inline std::size_t lcs_wide(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> columns,
                            std::size_t alphabet, lcs_memory& memory) {
#if HOLDFAST_SCORING_VECTORS
    const simd_level level = machine_level();
    if (columns.size() <= 256) return lcs_added(rows, columns, alphabet, memory.wave);
    return level == simd_level::avx512 ? lcs_avx512(rows, columns, alphabet, memory.wave)
           : level == simd_level::avx2 ? lcs_avx2(rows, columns, alphabet, memory.wave)
                                       : lcs_sse2(rows, columns, alphabet, memory.wave);
#else
    return lcs_plain(rows, columns, alphabet, memory);
#endif
}

}  // namespace detail

/// Length of the longest common subsequence of two sequences of small integers.
///
/// @param a         first sequence [n]
/// @param b         second sequence [m]
/// @param alphabet  every symbol is below it
/// @cost            O(n ⌈m / 64⌉) after common ends are cut off; memory O(alphabet + n + m), and up to 2 MB of masks
/// @see             Hyyrö 2004, Bit-parallel LCS-length computation revisited
inline std::size_t lcs_length(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                              std::size_t alphabet) {
    std::size_t common = 0;
    while (!a.empty() && !b.empty() && a.front() == b.front()) a = a.subspan(1), b = b.subspan(1), ++common;
    while (!a.empty() && !b.empty() && a.back() == b.back())
        a = a.first(a.size() - 1), b = b.first(b.size() - 1), ++common;
    if (a.empty() || b.empty()) return common;
    if (a.size() < b.size()) std::swap(a, b);  // fewer columns, fewer words
    detail::scratch<detail::lcs_memory> memory;
    if (b.size() <= 64) return common + detail::lcs_narrow(a, b, alphabet, memory->narrow);
    return common + detail::lcs_wide(a, b, alphabet, *memory);
}

/// Walks one longest common subsequence from its end to its start, as the textbook table L is walked: from (i, j),
/// equal symbols are taken; else up to row i - 1 where L[i-1][j] > L[i][j-1], else left to column j - 1. Which of
/// several longest ones that is matters to scorers that look at its words (pltrdy rouge, PyRouge), so the rule is part
/// of the contract.
///
/// @param rows      sequence along the rows [n]
/// @param columns   sequence along the columns [m]
/// @param alphabet  every symbol is below it
/// @param visit     called as visit(i, j), counted from 0, for every pair of the subsequence, last pair first
/// @cost            O(n ⌈m / 64⌉) time, twice that where n·m bits exceed 8 MiB; memory O(√n · m / 64) words then
template <class Visit>
void lcs_walk(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> columns, std::size_t alphabet,
              Visit visit) {
    std::size_t i = rows.size(), j = columns.size();
    while (i > 0 && j > 0 && rows[i - 1] == columns[j - 1]) --i, --j, visit(i, j);  // the rule starts like that anyhow
    if (i == 0 || j == 0) return;
    detail::scratch<detail::lcs_memory> memory;
    detail::lcs_rows table(columns.first(j), alphabet, *memory);
    const std::size_t words = table.words();
    // Rows are kept in blocks: all of them where that is cheap, else the first of each block, and a block is redone
    // when the walk comes to it.
    std::size_t block = i;
    if (i * words > (std::size_t{1} << 20))
        for (block = 1; block * block < i;) ++block;
    const std::size_t blocks = (i + block - 1) / block;
    std::vector<std::uint64_t>&first = memory->first, &kept = memory->kept, &row = memory->row;
    first.resize(blocks * words);
    kept.resize((block + 1) * words);
    row.assign(words, ~std::uint64_t{0});
    for (std::size_t r = 0; r < i; ++r) {
        if (r % block == 0)
            std::copy(row.begin(), row.end(), first.begin() + static_cast<std::ptrdiff_t>(r / block * words));
        if (blocks == 1 || r / block + 1 < blocks) table.next(rows[r], row);
        if (blocks == 1) std::copy(row.begin(), row.end(), kept.begin() + static_cast<std::ptrdiff_t>((r + 1) * words));
    }
    std::size_t loaded = blocks == 1 ? 0 : blocks;
    while (i > 0 && j > 0) {
        if (rows[i - 1] == columns[j - 1]) {
            --i, --j;
            visit(i, j);
            continue;
        }
        const std::size_t at = (i - 1) / block;
        if (at != loaded) {
            loaded = at;
            row.assign(first.begin() + static_cast<std::ptrdiff_t>(at * words),
                       first.begin() + static_cast<std::ptrdiff_t>((at + 1) * words));
            for (std::size_t r = at * block; r < i; ++r) {
                table.next(rows[r], row);
                std::copy(row.begin(), row.end(),
                          kept.begin() + static_cast<std::ptrdiff_t>((r - at * block + 1) * words));
            }
        }
        // L[i][j] is the larger of L[i-1][j] and L[i][j-1] here, so the first is strictly larger just where row i grows
        // at j.
        const std::uint64_t word = kept[(i - at * block) * words + (j - 1) / 64];
        if ((word >> ((j - 1) % 64)) & 1)
            --j;
        else
            --i;
    }
}

}  // namespace holdfast::scoring
