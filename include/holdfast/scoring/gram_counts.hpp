#pragma once
// Counting the n-grams that texts have in common: what BLEU and SARI are made of. Builds on tokens.hpp; the memory is
// the thread's, see scratch.hpp. Leaves out what is made of the counts.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/scoring/tokens.hpp>

namespace holdfast::scoring::detail {

/// Working memory of scores that count n-grams: the texts of one item, their words and n-grams.
struct gram_memory {
    std::vector<std::string> lines;  // what the words point into where a tokeniser changes the text
    std::string line;
    std::vector<std::string_view> words;
    interner number;
    ngrams grams;
    std::vector<std::uint32_t> most, times;

    /// Ready for the next item, which needs so many lines.
    void begin(std::size_t needed) {
        if (lines.size() < needed) lines.resize(needed);
        number.clear();
        grams.clear();
    }
    /// The words that a tokeniser has left in `words`, as the next text.
    void add() {
        for (const std::string_view word : words) grams.add_word(number(word));
        grams.end_of_text();
        words.clear();
    }
    std::size_t bytes() const {
        std::size_t sum =
            line.capacity() + number.bytes() + grams.bytes() + words.capacity() * sizeof(std::string_view);
        for (const std::string& l : lines) sum += l.capacity();
        return sum + 4 * (most.capacity() + times.capacity());
    }
};

/// Counts the n-grams of text 0 that the texts after it have too, order by order.
/// @param matches, total  [orders], set
inline void count_grams(gram_memory& m, std::span<double> matches, std::span<double> total) {
    for (std::size_t n = 0; n < matches.size(); ++n) {
        if (n > 0) m.grams.lengthen();
        m.most.assign(m.grams.distinct(), 0);
        for (const std::uint32_t gram : m.grams[1]) ++m.most[gram];
        if (m.grams.texts() > 2) {
            m.times.assign(m.grams.distinct(), 0);
            for (std::size_t r = 2; r < m.grams.texts(); ++r) {
                for (const std::uint32_t gram : m.grams[r]) m.most[gram] = std::max(m.most[gram], ++m.times[gram]);
                for (const std::uint32_t gram : m.grams[r]) m.times[gram] = 0;
            }
        }
        std::size_t hits = 0;
        for (const std::uint32_t gram : m.grams[0]) {
            hits += m.most[gram] > 0;
            m.most[gram] -= m.most[gram] > 0;
        }
        matches[n] = static_cast<double>(hits);
        total[n] = static_cast<double>(m.grams[0].size());
    }
}

/// Words of the text after text 0 that is closest to it in length, the shorter of two.
inline double closest_length(const ngrams& words) {
    const auto mine = static_cast<double>(words[0].size());
    double closest = 0, gap = std::numeric_limits<double>::infinity();
    for (std::size_t r = 1; r < words.texts(); ++r) {
        const auto length = static_cast<double>(words[r].size());
        const double d = std::abs(length - mine);
        if (d < gap || (d == gap && length < closest)) gap = d, closest = length;
    }
    return closest;
}

}  // namespace holdfast::scoring::detail
