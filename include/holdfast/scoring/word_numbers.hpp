#pragma once
// Numbers of words without a branch between words seen and new: what ROUGE spends its time on. Builds on
// rouge_words.hpp and tokens.hpp (whose interner takes any word, this one those of rouge-score).

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include <holdfast/scoring/rouge_words.hpp>
#include <holdfast/scoring/simd.hpp>
#include <holdfast/scoring/tokens.hpp>

#if HOLDFAST_SCORING_VECTORS
#include <immintrin.h>
#endif

namespace holdfast::scoring::detail {

/// A word of up to 15 letters as 16 bytes, filled up with zeros; or the number of a longer one, its last byte not zero.
class packed_word {
  public:
    packed_word() = default;

    /// @param word  16 bytes can be read
    static packed_word of(const char* word, std::size_t length) {
        static constexpr auto ones = [] {
            std::array<unsigned char, 32> m{};
            for (std::size_t k = 0; k < 16; ++k) m[k] = 0xff;
            return m;
        }();
        const unsigned char* mask = ones.data() + 16 - length;
        packed_word w;
#if HOLDFAST_SCORING_VECTORS
        w.bytes_ = _mm_and_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(word)),
                                 _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask)));
#else
        for (std::size_t k = 0; k < 2; ++k) {
            std::uint64_t letters, kept;
            std::memcpy(&letters, word + 8 * k, 8);
            std::memcpy(&kept, mask + 8 * k, 8);
            w.bytes_[k] = letters & kept;
        }
#endif
        return w;
    }

    static packed_word of_number(std::uint32_t number) {
        std::array<unsigned char, 16> bytes{};
        std::memcpy(bytes.data(), &number, 4);
        bytes[15] = 0xff;
        packed_word w;
        std::memcpy(&w.bytes_, bytes.data(), 16);
        return w;
    }

    std::array<char, 16> letters() const {
        std::array<char, 16> bytes;
        std::memcpy(bytes.data(), &bytes_, 16);
        return bytes;
    }

    /// 64 bits that depend on all of them; the upper ones after a multiplication make a place in a table.
    std::uint64_t mixed() const {
#if HOLDFAST_SCORING_VECTORS
        const __m128i swapped = _mm_shuffle_epi32(bytes_, 0x4e);
        return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_add_epi64(bytes_, _mm_slli_epi64(swapped, 5))));
#else
        return bytes_[0] + (bytes_[1] << 5);
#endif
    }

    /// Zero where both are the same.
    std::uint64_t differs(const packed_word& other) const {
#if HOLDFAST_SCORING_VECTORS
        return static_cast<std::uint64_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes_, other.bytes_)) ^ 0xffff);
#else
        return (bytes_[0] ^ other.bytes_[0]) | (bytes_[1] ^ other.bytes_[1]);
#endif
    }

  private:
#if HOLDFAST_SCORING_VECTORS
    __m128i bytes_;
#else
    std::array<std::uint64_t, 2> bytes_;
#endif
};

/// Gives the words of marked texts numbers 0, 1, 2 ... in order of first appearance. Words of up to 15 letters are kept
/// by value, 16 bytes filled up with zeros; longer ones stand for their number in a table of their own, so that a
/// number is always the number of one word.
class word_numbers {
  public:
    /// Forgets all words, keeps the memory.
    /// @param bytes  of the texts to come, roughly
    void clear(std::size_t bytes) {
        size_ = 0;
        long_.clear();
        if (round_ >> 63 != 0) {  // far from where it would begin anew
            for (auto* all : {&slots_, &spare_})
                for (slot& s : *all) s.tag = 0;
            round_ = 0;
        }
        use(std::clamp<std::size_t>(std::bit_ceil(bytes / 2 + 1), 512, 4096));
    }

    /// The numbers of the words of a text. Long words are kept as views of m.line.
    /// @param ids  replaced where it is too short; its first numbers are returned
    std::span<const std::uint32_t> operator()(const marked_text& m, std::vector<std::uint32_t>& ids) {
        if (ids.size() < 32 * m.blocks + 1) ids.resize(32 * m.blocks + 1);
        std::uint32_t* next = ids.data();
        for_marked_words(m, [&](std::span<const std::size_t> places) {
            while (!places.empty()) {
                if (room() == 0) grow();
                const std::size_t words = std::min(room(), places.size() / 2);
                number_all(m.line.data(), places.data(), words, next);
                places = places.subspan(2 * words);
                next += words;
            }
        });
        return {ids.data(), static_cast<std::size_t>(next - ids.data())};
    }

    /// The number of a word of [a-z0-9]; a long one must outlive this.
    std::uint32_t operator()(std::string_view word) {
        if (room() == 0) grow();
        std::array<char, 16> filled{};
        if (word.size() < 16) std::memcpy(filled.data(), word.data(), word.size());
        const packed_word w = word.size() < 16 ? packed_word::of(filled.data(), word.size()) : pack_long(word);
        return static_cast<std::uint32_t>(now().number(w, size_));
    }

    /// Calls word(number, its word) for all words, in any order; the word is valid during the call.
    template <class Word>
    void for_each(Word word) const {
        for (std::size_t at = 0; at <= mask_; ++at) {
            const slot& s = slots_[at];
            if ((s.tag ^ round_) >= size_) continue;
            const auto number = static_cast<std::uint32_t>(s.tag);
            const std::array<char, 16> letters = s.word.letters();
            std::uint32_t number_of_long;
            std::memcpy(&number_of_long, letters.data(), 4);
            word(number, letters[15] == 0 ? std::string_view(letters.data()) : long_.word(number_of_long));
        }
    }

    /// How many different words there are; every number is below it.
    std::size_t size() const { return size_; }

    std::size_t bytes() const { return sizeof(slot) * (slots_.capacity() + spare_.capacity()) + long_.bytes(); }

  private:
    struct alignas(32) slot {
        packed_word word;
        std::uint64_t tag;  // round_ | number; free where the round is an older one
    };

    /// Out of line, so that the loop below keeps its registers.
#if defined(__GNUC__)
    __attribute__((noinline, cold))
#endif
    packed_word
    pack_long(std::string_view word) {
        return packed_word::of_number(long_(word));
    }

    /// What the loops work on: copies of the members below, so that they stay in registers.
    struct view {
        slot* slots;
        std::uint64_t round;
        std::size_t mask;
        int shift;

        std::size_t place(packed_word w) const {
            return static_cast<std::size_t>(w.mixed() * 0x9e3779b97f4a7c15u >> shift);
        }

        /// Without a branch between words seen and new: what a slot holds is written again.
        /// @param size  of the words, one more where it is a new one
        std::uint64_t number(packed_word w, std::uint64_t& size) const {
            for (std::size_t at = place(w);; at = (at + 1) & mask) {
                slot& s = slots[at];
                // Every number is below the size, a slot of an older round far above it.
                const std::uint64_t there = s.tag ^ round;
                std::uint64_t old = 0 - std::uint64_t{there < size};
#if defined(__GNUC__)
                __asm__("" : "+r"(old));  // else compilers make a branch of it
#endif
                if ((s.word.differs(w) & old) != 0) continue;
                const std::uint64_t n = size ^ ((size ^ there) & old);
                s.word = w;
                s.tag = round | n;
                size += old + 1;
                return n;
            }
        }
    };
    view now() { return {slots_.data(), round_, mask_, shift_}; }

    /// The numbers of many words, for which there is room.
#if defined(__GNUC__)
    __attribute__((noinline))
#endif
    void
    number_all(const char* line, const std::size_t* places, std::size_t words, std::uint32_t* to) {
        std::uint64_t size = size_;
        const view v = now();
        for (std::size_t k = 0; k < words; ++k) {
            const char* word = line + places[2 * k];
            const std::size_t length = places[2 * k + 1] - places[2 * k];
            const packed_word w = length < 16 ? packed_word::of(word, length) : pack_long({word, length});
            to[k] = static_cast<std::uint32_t>(v.number(w, size));
        }
        size_ = size;
    }

    /// How many words more a quarter of the table holds.
    std::size_t room() const { return (mask_ + 1) / 4 - size_; }

    void grow() {
        const std::size_t before = slots_.empty() ? 0 : mask_ + 1;
        const std::uint64_t round = round_;
        slots_.swap(spare_);
        use(std::max<std::size_t>(512, 4 * before));
        for (std::size_t k = 0; k < before; ++k) {
            const std::uint64_t number = spare_[k].tag ^ round;
            if (number >= size_) continue;
            std::size_t at = now().place(spare_[k].word);
            while ((slots_[at].tag ^ round_) < size_) at = (at + 1) & mask_;
            slots_[at] = {spare_[k].word, round_ | number};
        }
    }

    /// An empty table of so many slots, a power of two.
    void use(std::size_t slots) {
        if (slots_.size() < slots) slots_.resize(slots);
        mask_ = slots - 1;
        shift_ = 64 - std::countr_zero(slots);
        round_ += std::uint64_t{1} << 32;
    }

    std::vector<slot> slots_, spare_;
    std::uint64_t round_ = 0;  // in the upper half
    std::size_t mask_ = 0;
    std::uint64_t size_ = 0;
    int shift_ = 64;
    interner long_;
};

}  // namespace holdfast::scoring::detail
