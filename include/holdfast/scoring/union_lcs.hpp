#pragma once
// The union of longest common subsequences over the sentences of two texts: what summary-level ROUGE-L is made of.
// Builds on lcs.hpp and overlap.hpp. Leaves out where a sentence ends and what a word is.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <holdfast/scoring/lcs.hpp>
#include <holdfast/scoring/overlap.hpp>

namespace holdfast::scoring {

namespace detail {

using sentence_ids = std::vector<std::uint32_t>;

struct sentence_hash {
    std::size_t operator()(const sentence_ids& s) const {
        std::uint64_t h = 0xcbf29ce484222325u;
        for (const std::uint32_t id : s) h = (h ^ id) * 0x100000001b3u;
        return static_cast<std::size_t>(h ^ (h >> 31));
    }
};

/// A text as sentences of word numbers, each different sentence once.
struct summary {
    std::vector<sentence_ids> distinct;
    std::vector<std::size_t> order;  // [sentences] which of `distinct`
    std::size_t words = 0;           // repeats counted

    void add(sentence_ids sentence) {
        words += sentence.size();
        const auto [it, fresh] = seen_.try_emplace(sentence, distinct.size());
        if (fresh) distinct.push_back(std::move(sentence));
        order.push_back(it->second);
    }

  private:
    std::unordered_map<sentence_ids, std::size_t, sentence_hash> seen_;
};

/// Calls both(row symbols, column symbols, alphabet) with the symbols of two sentences numbered from 0 again, so that
/// the cost of a pair does not grow with the vocabulary of the whole text.
class compact_pairs {
  public:
    explicit compact_pairs(std::size_t alphabet) : local_(alphabet, none) {}

    template <class Both>
    void operator()(const sentence_ids& rows, const sentence_ids& columns, Both both) {
        std::uint32_t next = 1;  // 0: in the rows only
        columns_.clear();
        rows_.clear();
        for (const std::uint32_t c : columns) {
            if (local_[c] == none) local_[c] = next++;
            columns_.push_back(local_[c]);
        }
        for (const std::uint32_t r : rows) rows_.push_back(local_[r] == none ? 0 : local_[r]);
        for (const std::uint32_t c : columns) local_[c] = none;
        both(std::span<const std::uint32_t>(rows_), std::span<const std::uint32_t>(columns_), std::size_t{next});
    }

  private:
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    std::vector<std::uint32_t> local_;
    sentence_ids rows_, columns_;
};

/// Which sentences hold a word.
inline std::vector<std::vector<std::uint32_t>> sentences_of_words(const summary& s, std::size_t alphabet) {
    std::vector<std::vector<std::uint32_t>> where(alphabet);
    for (std::size_t k = 0; k < s.distinct.size(); ++k)
        for (const std::uint32_t word : s.distinct[k])
            if (where[word].empty() || where[word].back() != k) where[word].push_back(static_cast<std::uint32_t>(k));
    return where;
}

inline std::size_t distinct_words(const summary& s, std::size_t alphabet) {
    std::vector<char> seen(alphabet, 0);
    std::size_t n = 0;
    for (const auto& sentence : s.distinct)
        for (const std::uint32_t word : sentence) n += seen[word] ? 0 : (seen[word] = 1);
    return n;
}

/// Words at the positions of a reference sentence (columns) that lie on any longest common subsequence with a sentence
/// of the prediction (rows), each word of the prediction used once, over all reference sentences.
inline overlap union_matches(const summary& rows, const summary& columns, std::size_t alphabet) {
    std::vector<std::size_t> left(alphabet, 0);  // how often the prediction has a word that is not matched yet
    for (const std::size_t k : rows.order)
        for (const std::uint32_t word : rows.distinct[k]) ++left[word];
    std::vector<char> known(alphabet);
    std::transform(left.begin(), left.end(), known.begin(), [](std::size_t n) { return n > 0 ? 1 : 0; });
    const auto where = sentences_of_words(rows, alphabet);
    std::vector<std::size_t> done(rows.distinct.size(), columns.distinct.size());
    std::vector<sentence_ids> matched(columns.distinct.size());  // words at the positions of the union
    compact_pairs pairs(alphabet);
    for (std::size_t k = 0; k < columns.distinct.size(); ++k) {
        const sentence_ids& column = columns.distinct[k];
        std::vector<char> in_union(column.size(), 0);
        std::size_t missing = 0;
        for (const std::uint32_t word : column) missing += known[word] ? 1 : 0;
        for (std::size_t c = 0; c < column.size() && missing > 0; ++c) {
            for (const std::uint32_t i : where[column[c]]) {
                if (missing == 0) break;
                if (std::exchange(done[i], k) == k) continue;
                pairs(rows.distinct[i], column, [&](auto a, auto b, std::size_t symbols) {
                    lcs_walk(a, b, symbols, [&](std::size_t, std::size_t j) {
                        if (!std::exchange(in_union[j], 1)) --missing;
                    });
                });
            }
        }
        for (std::size_t c = 0; c < column.size(); ++c)
            if (in_union[c]) matched[k].push_back(column[c]);
    }
    overlap o{0, static_cast<double>(rows.words), static_cast<double>(columns.words)};
    for (const std::size_t k : columns.order)
        for (const std::uint32_t word : matched[k])
            if (left[word] > 0) --left[word], ++o.matches;
    return o;
}

}  // namespace detail

}  // namespace holdfast::scoring
