#pragma once
// Words and n-grams as small integers, so that scorers compare numbers and count in arrays. Builds on the standard
// library only. Leaves out where a word ends (text.hpp, tokenisers.hpp). All of it can be cleared and used again
// without allocating.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace holdfast::scoring {

namespace detail {

/// An open table from 64-bit keys to numbers 0, 1, 2 ...; clearing it costs nothing, a slot of an older round is free.
class key_table {
  public:
    /// The number of the first slot with this key for which `same(number)` holds, else `size` in a new slot.
    template <class Same>
    std::uint32_t find_or_add(std::uint64_t key, std::uint32_t size, Same same) {
        if (2 * std::size_t{size} >= slots_.size()) grow();
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = place(key);; at = (at + 1) & mask) {
            slot& s = slots_[at];
            if (s.round != round_) {
                s = {key, size, round_};
                return size;
            }
            if (s.key == key && same(s.number)) return s.number;
        }
    }

    void clear() {
        if (++round_ == 0) {
            std::fill(slots_.begin(), slots_.end(), slot{});
            round_ = 1;
        }
    }

    std::size_t bytes() const { return slots_.capacity() * sizeof(slot); }

  private:
    struct slot {
        std::uint64_t key = 0;
        std::uint32_t number = 0, round = 0;
    };

    std::size_t place(std::uint64_t key) const {
        return static_cast<std::size_t>((key ^ (key >> 32)) * 0x9e3779b97f4a7c15u >> shift_);
    }

    void grow() {
        std::vector<slot> old(std::max<std::size_t>(64, 4 * slots_.size()));
        old.swap(slots_);
        for (shift_ = 64; (std::size_t{1} << (64 - shift_)) < slots_.size();) --shift_;
        for (const slot& s : old) {
            if (s.round != round_) continue;
            std::size_t at = place(s.key);
            while (slots_[at].round == round_) at = (at + 1) & (slots_.size() - 1);
            slots_[at] = s;
        }
    }

    std::vector<slot> slots_;
    std::uint32_t round_ = 1;
    int shift_ = 64;
};

/// Up to 7 bytes are their own key, with the length on top; longer words have a hash with the top bit set.
inline std::uint64_t word_key(std::string_view word) {
    constexpr std::uint64_t one = std::uint64_t{1} << 56;
    const char* p = word.data();
    const std::size_t n = word.size();
    const auto four = [](const char* from) {
        std::uint32_t x;
        std::memcpy(&x, from, sizeof x);
        return std::uint64_t{x};
    };
    if (n < 4) {
        const auto byte = [&](std::size_t k) { return std::uint64_t{static_cast<unsigned char>(p[k])}; };
        if (n == 0) return 0;
        return n == 1   ? byte(0) | one
               : n == 2 ? byte(0) | byte(1) << 8 | 2 * one
                        : byte(0) | byte(1) << 8 | byte(2) << 16 | 3 * one;
    }
    if (n < 8) return four(p) | four(p + n - 4) << (8 * (n - 4)) | std::uint64_t{n} << 56;
    const auto mixed = [&](std::uint64_t h, const char* from) {
        std::uint64_t x;
        std::memcpy(&x, from, sizeof x);
        h = (h ^ x) * 0x9fb21c651e98df25u;
        return h ^ (h >> 29);
    };
    std::uint64_t h = n;
    for (std::size_t k = 0; k + 8 < n; k += 8) h = mixed(h, p + k);
    return mixed(h, p + n - 8) | std::uint64_t{1} << 63;
}

}  // namespace detail

/// Gives equal words equal numbers 0, 1, 2 ... in order of first appearance. Keeps views: the texts must outlive it.
class interner {
  public:
    /// The number of a word, a new one if it was not seen before.
    std::uint32_t operator()(std::string_view word) { return numbered(word, detail::word_key(word)); }

    /// The same where 8 bytes can be read from the word's first on, whatever its length.
    std::uint32_t padded(std::string_view word) {
        if (word.size() - 1 >= 7) return (*this)(word);  // also the empty one
        std::uint64_t x;
        std::memcpy(&x, word.data(), sizeof x);
        if constexpr (std::endian::native == std::endian::big) return (*this)(word);
        const std::size_t bits = 8 * word.size();
        return numbered(word, (x & ((std::uint64_t{1} << bits) - 1)) | std::uint64_t{word.size()} << 56);
    }

    /// The numbers of many words [n].
    std::vector<std::uint32_t> operator()(std::span<const std::string_view> words) {
        std::vector<std::uint32_t> ids;
        ids.reserve(words.size());
        for (const std::string_view word : words) ids.push_back((*this)(word));
        return ids;
    }

    /// How many different words there are; every number is below it.
    std::size_t size() const { return size_; }

    /// The word of a number.
    std::string_view word(std::uint32_t id) const { return words_[id]; }

    /// Forgets all words, keeps the memory.
    void clear() {
        size_ = 0;
        table_.clear();
    }

    std::size_t bytes() const { return table_.bytes() + words_.capacity() * sizeof(std::string_view); }

  private:
    std::uint32_t numbered(std::string_view word, std::uint64_t key) {
        const bool whole = word.size() < 8;  // its key is the word
        const std::uint32_t number =
            table_.find_or_add(key, size_, [&](std::uint32_t k) { return whole || words_[k] == word; });
        if (number != size_) return number;
        if (size_ == words_.size()) words_.resize(std::max<std::size_t>(64, 2 * words_.size()));
        words_[size_++] = word;
        return number;
    }

    std::vector<std::string_view> words_;  // the first size_ of them
    std::uint32_t size_ = 0;
    detail::key_table table_;
};

/// Gives equal pairs of numbers equal numbers 0, 1, 2 ... in order of first appearance.
class pair_interner {
  public:
    std::uint32_t operator()(std::uint32_t first, std::uint32_t second) {
        const std::uint64_t key = std::uint64_t{first} << 32 | second;
        const std::uint32_t number = table_.find_or_add(key, size_, [](std::uint32_t) { return true; });
        if (number == size_) ++size_;
        return number;
    }

    std::size_t size() const { return size_; }

    /// Forgets all pairs, keeps the memory.
    void clear() {
        size_ = 0;
        table_.clear();
    }

    std::size_t bytes() const { return table_.bytes(); }

  private:
    std::uint32_t size_ = 0;
    detail::key_table table_;
};

/// The n-grams of several texts, one order after the other, numbered across the texts. Texts are added first; that is
/// n = 1, the words.
class ngrams {
  public:
    ngrams() = default;

    /// @param texts  word numbers of each text
    explicit ngrams(std::span<const std::vector<std::uint32_t>> texts) {
        for (const auto& text : texts) add(text);
    }

    /// One more text; only before the first `lengthen`.
    /// @param words  numbers of its words
    void add(std::span<const std::uint32_t> words) {
        words_.insert(words_.end(), words.begin(), words.end());
        end_of_text();
    }

    /// The same a word at a time: its words, then the end of the text.
    void add_word(std::uint32_t word) { words_.push_back(word); }
    void end_of_text() {
        for (std::size_t i = ends_.back(); i < words_.size(); ++i)
            distinct_ = std::max<std::size_t>(distinct_, words_[i] + 1);
        grams_.insert(grams_.end(), words_.begin() + static_cast<std::ptrdiff_t>(ends_.back()), words_.end());
        ends_.push_back(words_.size());
    }

    /// How many texts.
    std::size_t texts() const { return ends_.size() - 1; }

    /// The n-grams of a text in order [words - n + 1], none where it has fewer than n words.
    std::span<const std::uint32_t> operator[](std::size_t text) const {
        const std::size_t words = ends_[text + 1] - ends_[text];
        return {grams_.data() + ends_[text], words < n_ ? 0 : words - n_ + 1};
    }

    /// Every number is below it.
    std::size_t distinct() const { return distinct_; }

    /// From n-grams to (n + 1)-grams: each is an n-gram and the word after it.
    void lengthen() {
        ++n_;
        number_.clear();
        for (std::size_t t = 0; t < texts(); ++t) {
            const std::size_t left = (*this)[t].size();
            for (std::size_t i = ends_[t]; i < ends_[t] + left; ++i) grams_[i] = number_(grams_[i], words_[i + n_ - 1]);
        }
        distinct_ = number_.size();
    }

    /// Forgets all texts, keeps the memory.
    void clear() {
        words_.clear();
        grams_.clear();
        ends_.assign(1, 0);
        n_ = 1, distinct_ = 0;
    }

    std::size_t bytes() const {
        return number_.bytes() + (words_.capacity() + grams_.capacity()) * sizeof(std::uint32_t);
    }

  private:
    std::vector<std::uint32_t> words_, grams_;  // one text after the other
    std::vector<std::size_t> ends_{0};
    std::size_t n_ = 1, distinct_ = 0;
    pair_interner number_;
};

}  // namespace holdfast::scoring
