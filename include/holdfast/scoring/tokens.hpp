#pragma once
// Words and n-grams as small integers, so that scorers compare numbers and count in arrays. Builds on the standard
// library only. Leaves out where a word ends (text.hpp).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::scoring {

/// Gives equal words equal numbers 0, 1, 2 ... in order of first appearance. Keeps views: the texts must outlive it.
class interner {
  public:
    /// The number of a word, a new one if it was not seen before.
    std::uint32_t operator()(std::string_view word) {
        if (2 * words_.size() >= slots_.size()) grow();
        std::size_t at = hash(word) & (slots_.size() - 1);
        for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1))
            if (words_[slots_[at] - 1] == word) return slots_[at] - 1;
        words_.push_back(word);
        slots_[at] = static_cast<std::uint32_t>(words_.size());
        return slots_[at] - 1;
    }

    /// The numbers of many words [n].
    std::vector<std::uint32_t> operator()(std::span<const std::string_view> words) {
        std::vector<std::uint32_t> ids;
        ids.reserve(words.size());
        for (const std::string_view word : words) ids.push_back((*this)(word));
        return ids;
    }

    /// How many different words there are; every number is below it.
    std::size_t size() const { return words_.size(); }

    /// The word of a number.
    std::string_view word(std::uint32_t id) const { return words_[id]; }

  private:
    static std::size_t hash(std::string_view word) {
        std::uint64_t h = 0xcbf29ce484222325u;
        for (const char c : word) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
        return static_cast<std::size_t>(h ^ (h >> 29));
    }

    void grow() {
        slots_.assign(std::max<std::size_t>(64, 4 * slots_.size()), 0);
        for (std::size_t i = 0; i < words_.size(); ++i) {
            std::size_t at = hash(words_[i]) & (slots_.size() - 1);
            while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
            slots_[at] = static_cast<std::uint32_t>(i + 1);
        }
    }

    std::vector<std::string_view> words_;
    std::vector<std::uint32_t> slots_;  // number + 1, 0 = free
};

/// Gives equal pairs of numbers equal numbers 0, 1, 2 ... in order of first appearance.
class pair_interner {
  public:
    std::uint32_t operator()(std::uint32_t first, std::uint32_t second) {
        if (2 * keys_.size() >= slots_.size()) grow();
        const std::uint64_t key = (std::uint64_t{first} << 32) | second;
        std::size_t at = hash(key) & (slots_.size() - 1);
        for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1))
            if (keys_[slots_[at] - 1] == key) return slots_[at] - 1;
        keys_.push_back(key);
        slots_[at] = static_cast<std::uint32_t>(keys_.size());
        return slots_[at] - 1;
    }

    std::size_t size() const { return keys_.size(); }

  private:
    static std::size_t hash(std::uint64_t key) {
        key *= 0x9e3779b97f4a7c15u;
        return static_cast<std::size_t>(key ^ (key >> 32));
    }

    void grow() {
        slots_.assign(std::max<std::size_t>(64, 4 * slots_.size()), 0);
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            std::size_t at = hash(keys_[i]) & (slots_.size() - 1);
            while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
            slots_[at] = static_cast<std::uint32_t>(i + 1);
        }
    }

    std::vector<std::uint64_t> keys_;
    std::vector<std::uint32_t> slots_;  // number + 1, 0 = free
};

/// The n-grams of several texts, one order after the other, numbered across the texts. Begins with n = 1, the words.
class ngrams {
  public:
    /// @param texts  word numbers of each text
    explicit ngrams(std::vector<std::vector<std::uint32_t>> texts) : words_(std::move(texts)), grams_(words_) {
        for (const auto& text : words_)
            for (const std::uint32_t word : text) distinct_ = std::max<std::size_t>(distinct_, word + 1);
    }

    /// The n-grams of a text in order [words - n + 1], none where it has fewer than n words.
    std::span<const std::uint32_t> operator[](std::size_t text) const { return grams_[text]; }

    /// Every number is below it.
    std::size_t distinct() const { return distinct_; }

    /// From n-grams to (n + 1)-grams: each is an n-gram and the word after it.
    void lengthen() {
        ++n_;
        pair_interner number;
        for (std::size_t t = 0; t < words_.size(); ++t) {
            auto& grams = grams_[t];
            const std::size_t left = words_[t].size() < n_ ? 0 : words_[t].size() - n_ + 1;
            for (std::size_t i = 0; i < left; ++i) grams[i] = number(grams[i], words_[t][i + n_ - 1]);
            grams.resize(left);
        }
        distinct_ = number.size();
    }

  private:
    std::vector<std::vector<std::uint32_t>> words_, grams_;
    std::size_t n_ = 1, distinct_ = 0;
};

}  // namespace holdfast::scoring
