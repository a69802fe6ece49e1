#pragma once
// The words of rouge-score, [a-z0-9] runs of the lower-cased text: where they are, 64 bytes a step. Builds on text.hpp
// and simd.hpp. Leaves out their numbers (word_numbers.hpp) and stems (porter.hpp).

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/scoring/simd.hpp>
#include <holdfast/scoring/text.hpp>

#if HOLDFAST_SCORING_VECTORS
#include <immintrin.h>
#endif

namespace holdfast::scoring {

namespace detail {

/// Marks the letters and digits of ASCII in blocks of 64 bytes: a bit each in `bits` [blocks]; `line` gets the text in
/// lower case where they are, anything elsewhere. True where a byte is beyond ASCII.
inline bool mark_words_plain(const char* text, std::size_t blocks, char* line, std::uint64_t* bits) {
    const auto each = [](std::uint64_t byte) { return byte * 0x0101010101010101u; };
    std::uint64_t any = 0;
    for (std::size_t block = 0; block < blocks; ++block) {
        std::uint64_t marks = 0;
        for (std::size_t k = 0; k < 64; k += 8) {
            std::uint64_t x;
            std::memcpy(&x, text + 64 * block + k, 8);
            // Sums of seven bits do not carry into the next byte: bit 7 says "not below".
            const std::uint64_t seven = x & each(0x7f), low = seven | each(0x20);
            const std::uint64_t letter = (low + each(0x80 - 'a')) & ~(low + each(0x80 - 'z' - 1));
            const std::uint64_t digit = (seven + each(0x80 - '0')) & ~(seven + each(0x80 - '9' - 1));
            const std::uint64_t keep = ((letter | digit) & ~x & each(0x80)) >> 7;
            std::memcpy(line + 64 * block + k, &low, 8);
            any |= x;
            if constexpr (std::endian::native == std::endian::little)
                marks |= (keep * 0x0102040810204080u >> 56) << k;
            else
                for (std::size_t l = 0; l < 8; ++l) marks |= (keep >> (56 - 8 * l) & 1) << (k + l);
        }
        bits[block] = marks;
    }
    return (any & each(0x80)) != 0;
}

#if HOLDFAST_SCORING_VECTORS

inline bool mark_words_sse2(const char* text, std::size_t blocks, char* line, std::uint64_t* bits) {
    const __m128i zero_a = _mm_set1_epi8(static_cast<char>(0x80 - 'a')), letters = _mm_set1_epi8(-128 + 26),
                  zero_0 = _mm_set1_epi8(static_cast<char>(0x80 - '0')), digits = _mm_set1_epi8(-128 + 10),
                  lower = _mm_set1_epi8(0x20);
    __m128i any = _mm_setzero_si128();
    for (std::size_t block = 0; block < blocks; ++block) {
        std::uint64_t marks = 0;
        for (std::size_t k = 0; k < 64; k += 16) {
            const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + 64 * block + k)),
                          low = _mm_or_si128(x, lower);
            const __m128i keep = _mm_or_si128(_mm_cmplt_epi8(_mm_add_epi8(low, zero_a), letters),
                                              _mm_cmplt_epi8(_mm_add_epi8(x, zero_0), digits));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(line + 64 * block + k), low);
            any = _mm_or_si128(any, x);
            marks |= std::uint64_t{static_cast<std::uint16_t>(_mm_movemask_epi8(keep))} << k;
        }
        bits[block] = marks;
    }
    return _mm_movemask_epi8(any) != 0;
}

HOLDFAST_SCORING_AVX2 inline bool mark_words_avx2(const char* text, std::size_t blocks, char* line,
                                                  std::uint64_t* bits) {
    const __m256i zero_a = _mm256_set1_epi8(static_cast<char>(0x80 - 'a')), letters = _mm256_set1_epi8(-128 + 26),
                  zero_0 = _mm256_set1_epi8(static_cast<char>(0x80 - '0')), digits = _mm256_set1_epi8(-128 + 10),
                  lower = _mm256_set1_epi8(0x20);
    __m256i any = _mm256_setzero_si256();
    for (std::size_t block = 0; block < blocks; ++block) {
        std::uint64_t marks = 0;
        for (std::size_t k = 0; k < 64; k += 32) {
            const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + 64 * block + k)),
                          low = _mm256_or_si256(x, lower);
            const __m256i keep = _mm256_or_si256(_mm256_cmpgt_epi8(letters, _mm256_add_epi8(low, zero_a)),
                                                 _mm256_cmpgt_epi8(digits, _mm256_add_epi8(x, zero_0)));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(line + 64 * block + k), low);
            any = _mm256_or_si256(any, x);
            marks |= std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(keep))} << k;
        }
        bits[block] = marks;
    }
    return _mm256_movemask_epi8(any) != 0;
}

HOLDFAST_SCORING_AVX512 inline bool mark_words_avx512(const char* text, std::size_t blocks, char* line,
                                                      std::uint64_t* bits) {
    const __m512i a = _mm512_set1_epi8('a'), letters = _mm512_set1_epi8(26), zero = _mm512_set1_epi8('0'),
                  digits = _mm512_set1_epi8(10), lower = _mm512_set1_epi8(0x20);
    __m512i any = _mm512_setzero_si512();
    for (std::size_t block = 0; block < blocks; ++block) {
        const __m512i x = _mm512_loadu_si512(text + 64 * block), low = _mm512_or_si512(x, lower);
        bits[block] = _mm512_cmplt_epu8_mask(_mm512_sub_epi8(low, a), letters) |
                      _mm512_cmplt_epu8_mask(_mm512_sub_epi8(x, zero), digits);
        _mm512_storeu_si512(line + 64 * block, low);
        any = _mm512_or_si512(any, x);
    }
    return _mm512_movepi8_mask(any) != 0;
}

inline bool mark_blocks(const char* text, std::size_t blocks, char* line, std::uint64_t* bits) {
    static const auto best = [] {
        const simd_level level = machine_level();
        return level == simd_level::avx512 ? mark_words_avx512
               : level == simd_level::avx2 ? mark_words_avx2
                                           : mark_words_sse2;
    }();
    return best(text, blocks, line, bits);
}

#else

inline bool mark_blocks(const char* text, std::size_t blocks, char* line, std::uint64_t* bits) {
    return mark_words_plain(text, blocks, line, bits);
}

#endif

/// A text with its words marked.
struct marked_text {
    std::string line;                 // 16 bytes can be read from any word's first on
    std::vector<std::uint64_t> bits;  // [blocks] of 64 bytes, the first `blocks` of them
    std::size_t blocks = 0;

    /// Two signs of other scripts have a letter as their lower case: U+0130 (i and a mark) and U+212A (k).
    void mark(std::string_view text) {
        blocks = (text.size() + 63) / 64;
        if (line.size() < 64 * (blocks + 1)) line.resize(64 * (blocks + 1));
        if (bits.size() < blocks) bits.resize(blocks);
        const std::size_t whole = text.size() / 64, rest = text.size() % 64;
        bool beyond = mark_blocks(text.data(), whole, line.data(), bits.data());
        if (rest > 0) {
            alignas(64) std::array<char, 64> last{};
            std::memcpy(last.data(), text.data() + 64 * whole, rest);
            beyond |= mark_blocks(last.data(), 1, line.data() + 64 * whole, bits.data() + whole);
        }
        if (beyond &&
            (text.find("\xe2\x84\xaa") != std::string_view::npos || text.find("\xc4\xb0") != std::string_view::npos))
            mark(lower(text));  // has neither
    }

    std::size_t bytes() const { return line.capacity() + 8 * bits.capacity(); }
};

/// Calls words(places) for the words of a text in order, many at a time: where the first begins and ends in m.line,
/// then the second ...
template <class Words>
void for_marked_words(const marked_text& m, Words words) {
    constexpr std::size_t blocks = 32;
    std::array<std::size_t, 64 * blocks + 16> place;
    std::uint64_t open = 0;  // 1: the byte before this block belongs to a word
    std::size_t count = 0;   // odd where the last of them is the begin of a word
    for (std::size_t first = 0; first < m.blocks; first += blocks) {
        for (std::size_t k = first; k < std::min(first + blocks, m.blocks); ++k) {
            std::uint64_t edges = m.bits[k] ^ (m.bits[k] << 1 | open);
            open = m.bits[k] >> 63;
            // Eight at a time, so that how many there are does not branch; what is too much is written over.
            std::size_t* next = place.data() + count;
            count += static_cast<std::size_t>(std::popcount(edges));
            do
                for (std::size_t i = 0; i < 8; ++i) {
                    // with a bit that is never zero: countr_zero then has no branch either
                    *next++ = 64 * k + static_cast<std::size_t>(std::countr_zero(edges | std::uint64_t{1} << 63));
                    edges &= edges - 1;
                }
            while (edges != 0);
        }
        words(std::span<const std::size_t>(place.data(), count / 2 * 2));
        if (count % 2 == 1) place[0] = place[count - 1];
        count %= 2;
    }
    place[1] = 64 * m.blocks;
    if (count == 1) words(std::span<const std::size_t>(place.data(), 2));
}

}  // namespace detail

/// The default tokeniser of Google's rouge-score, without its stemmer: lower case, and every run of anything but
/// [a-z0-9] is a gap. Text in other scripts vanishes, "naïve café" becomes na, ve, caf.
///
/// @return  the tokens with one space between two of them
inline std::string rouge_score_tokens(std::string_view text) {
    detail::marked_text m;
    m.mark(text);
    std::string out;
    detail::for_marked_words(m, [&](std::span<const std::size_t> places) {
        for (std::size_t k = 0; k < places.size(); k += 2) {
            if (!out.empty()) out.push_back(' ');
            out.append(m.line, places[k], places[k + 1] - places[k]);
        }
    });
    return out;
}

}  // namespace holdfast::scoring
