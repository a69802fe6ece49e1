#pragma once
// Numbers of rouge-score's words that are too long for one machine word (word_numbers.hpp): a table of 16 letters in
// one register. Builds on simd.hpp and tokens.hpp, whose interner takes any word.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

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

/// Gives words of [a-z0-9] numbers 0, 1, 2 ... Words of up to 15 letters are kept by value, 16 bytes filled up with
/// zeros; longer ones stand for their number in a table of their own, so that a number is always the number of one
/// word.
class long_words {
  public:
    /// Forgets all words, keeps the memory.
    /// @param words  to come, roughly
    void clear(std::size_t words) {
        size_ = 0;
        longer_.clear();
        if (round_ >> 63 != 0) {  // far from where it would begin anew
            for (auto* all : {&slots_, &spare_})
                for (slot& s : *all) s.tag = 0;
            round_ = 0;
        }
        use(std::clamp<std::size_t>(std::bit_ceil(4 * words + 1), 64, 4096));
    }

    /// The number of a word; one of more than 15 letters must outlive this.
    /// @param word  16 bytes can be read
    std::uint32_t operator()(const char* word, std::size_t length) {
        if (4 * size_ > mask_) grow();
        const packed_word w = length < 16 ? packed_word::of(word, length)
                                          : packed_word::of_number(longer_(std::string_view(word, length)));
        for (std::size_t at = place(w);; at = (at + 1) & mask_) {
            slot& s = slots_[at];
            if ((s.tag ^ round_) >= size_) s = {w, round_ | size_++};
            if (s.word.differs(w) == 0) return static_cast<std::uint32_t>(s.tag);
        }
    }

    std::size_t bytes() const { return sizeof(slot) * (slots_.capacity() + spare_.capacity()) + longer_.bytes(); }

  private:
    struct alignas(32) slot {
        packed_word word;
        std::uint64_t tag;  // round_ | number; free where the round is an older one
    };

    std::size_t place(packed_word w) const {
        return static_cast<std::size_t>(w.mixed() * 0x9e3779b97f4a7c15u >> shift_);
    }

    void grow() {
        const std::size_t before = mask_ + 1;
        const std::uint64_t round = round_;
        slots_.swap(spare_);
        use(4 * before);
        for (std::size_t k = 0; k < before; ++k) {
            const std::uint64_t number = spare_[k].tag ^ round;
            if (number >= size_) continue;
            std::size_t at = place(spare_[k].word);
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
    interner longer_;
};

}  // namespace holdfast::scoring::detail
