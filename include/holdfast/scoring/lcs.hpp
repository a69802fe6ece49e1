#pragma once
// The longest common subsequence (LCS), bit-parallel: 64 columns a machine word. Its length, and the path that the
// textbook table would be walked back along. ROUGE-L and the indel similarity stand on it. Builds on the standard
// library only; words and code points come as small integers (tokens.hpp). Leaves out weights and skip-bigrams.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::scoring {

namespace detail {

/// One row of the LCS table as bits. Bit j is 0 where the row grows from column j to column j + 1. `next` goes one row
/// down: with M the columns equal to the row's symbol, u = row & M, row' = (row + u) | (row - u) (Hyyrö 2004).
class lcs_rows {
  public:
    lcs_rows(std::span<const std::uint32_t> columns, std::size_t alphabet)
        : words_((columns.size() + 63) / 64), dense_(alphabet * words_ <= (std::size_t{1} << 18)) {
        // A dense table of masks where it is small; else the positions of a symbol are set and cleared around each row.
        if (dense_) {
            mask_.assign(alphabet * words_, 0);
            for (std::size_t j = 0; j < columns.size(); ++j)
                mask_[columns[j] * words_ + j / 64] |= std::uint64_t{1} << (j % 64);
            return;
        }
        mask_.assign(words_, 0);
        start_.assign(alphabet + 1, 0);
        position_.resize(columns.size());
        for (const std::uint32_t c : columns) ++start_[c + 1];
        for (std::size_t c = 0; c < alphabet; ++c) start_[c + 1] += start_[c];
        std::vector<std::size_t> at(start_.begin(), start_.end() - 1);
        for (std::size_t j = 0; j < columns.size(); ++j) position_[at[columns[j]]++] = static_cast<std::uint32_t>(j);
    }

    std::size_t words() const { return words_; }

    void next(std::uint32_t symbol, std::span<std::uint64_t> row) {
        if (dense_) return step(mask_.data() + symbol * words_, row);
        if (start_[symbol] == start_[symbol + 1]) return;  // no such column: the row stays
        for (std::size_t k = start_[symbol]; k < start_[symbol + 1]; ++k)
            mask_[position_[k] / 64] |= std::uint64_t{1} << (position_[k] % 64);
        step(mask_.data(), row);
        for (std::size_t k = start_[symbol]; k < start_[symbol + 1]; ++k) mask_[position_[k] / 64] = 0;
    }

  private:
    static void step(const std::uint64_t* mask, std::span<std::uint64_t> row) {
        std::uint64_t carry = 0;
        for (std::size_t w = 0; w < row.size(); ++w) {
            const std::uint64_t s = row[w], u = s & mask[w], sum = s + u, total = sum + carry;
            carry = static_cast<std::uint64_t>(sum < s) | static_cast<std::uint64_t>(total < sum);
            row[w] = total | (s - u);
        }
    }

    std::size_t words_;
    bool dense_;
    std::vector<std::uint64_t> mask_;
    std::vector<std::size_t> start_;
    std::vector<std::uint32_t> position_;
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

}  // namespace detail

/// Length of the longest common subsequence of two sequences of small integers.
///
/// @param a         first sequence [n]
/// @param b         second sequence [m]
/// @param alphabet  every symbol is below it
/// @cost            O(n ⌈m / 64⌉) after common ends are cut off; memory O(alphabet + m), or alphabet · m / 64 words
/// where small
/// @see             Hyyrö 2004, Bit-parallel LCS-length computation revisited
inline std::size_t lcs_length(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                              std::size_t alphabet) {
    std::size_t common = 0;
    while (!a.empty() && !b.empty() && a.front() == b.front()) a = a.subspan(1), b = b.subspan(1), ++common;
    while (!a.empty() && !b.empty() && a.back() == b.back())
        a = a.first(a.size() - 1), b = b.first(b.size() - 1), ++common;
    if (a.empty() || b.empty()) return common;
    if (a.size() < b.size()) std::swap(a, b);  // fewer columns, fewer words
    detail::lcs_rows rows(b, alphabet);
    std::vector<std::uint64_t> row(rows.words(), ~std::uint64_t{0});
    for (const std::uint32_t symbol : a) rows.next(symbol, row);
    return common + detail::zeros(row, b.size());
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
    detail::lcs_rows table(columns.first(j), alphabet);
    const std::size_t words = table.words();
    // Rows are kept in blocks: all of them where that is cheap, else the first of each block, and a block is redone
    // when the walk comes to it.
    std::size_t block = i;
    if (i * words > (std::size_t{1} << 20))
        for (block = 1; block * block < i;) ++block;
    const std::size_t blocks = (i + block - 1) / block;
    std::vector<std::uint64_t> first(blocks * words), kept((block + 1) * words), row(words, ~std::uint64_t{0});
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
