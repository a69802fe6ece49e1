#pragma once
// The words of rouge-score, [a-z0-9] runs of the lower-cased text: where they are, 64 bytes a step. Builds on text.hpp
// and simd.hpp. Leaves out their numbers (word_numbers.hpp) and stems (porter.hpp).

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/core/error.hpp>
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

/// Where the words of a text begin and end from its marks; a block of 64 bytes has at most 64 of both.
///
/// @param places  [32 * (blocks + 1) * 2] at least: begin and end of the first word, of the second ...
/// @return        how many words
inline std::size_t place_words(const std::uint64_t* bits, std::size_t blocks, std::uint32_t* places) {
    std::uint32_t* next = places;
    std::uint64_t open = 0;  // 1: the byte before this block belongs to a word
    for (std::size_t k = 0; k < blocks; ++k) {
        std::uint64_t edges = bits[k] ^ (bits[k] << 1 | open);
        open = bits[k] >> 63;
        // Eight at a time, so that how many there are does not branch; what is too much is written over.
        std::uint32_t* to = next;
        next += std::popcount(edges);
        do
            for (std::size_t i = 0; i < 8; ++i) {
                // with a bit that is never zero: countr_zero then has no branch either
                *to++ = static_cast<std::uint32_t>(64 * k) +
                        static_cast<std::uint32_t>(std::countr_zero(edges | std::uint64_t{1} << 63));
                edges &= edges - 1;
            }
        while (edges != 0);
    }
    if (open != 0) *next++ = static_cast<std::uint32_t>(64 * blocks);
    return static_cast<std::size_t>(next - places) / 2;
}

#if HOLDFAST_SCORING_VECTORS

/// Both at once where bytes can be compressed; the text of any length. True where a byte is beyond ASCII.
HOLDFAST_SCORING_VBMI2 inline bool find_words_vbmi2(std::string_view text, char* line, std::uint32_t* places,
                                                    std::size_t& words) {
    alignas(64) static constexpr auto counting = [] {
        std::array<unsigned char, 64> c{};
        for (std::size_t k = 0; k < 64; ++k) c[k] = static_cast<unsigned char>(k);
        return c;
    }();
    const __m512i a = _mm512_set1_epi8('a'), letters = _mm512_set1_epi8(26), zero = _mm512_set1_epi8('0'),
                  digits = _mm512_set1_epi8(10), lower = _mm512_set1_epi8(0x20),
                  count = _mm512_load_si512(counting.data()), block = _mm512_set1_epi32(64);
    __m512i any = _mm512_setzero_si512(), base = any;
    std::uint32_t* next = places;
    std::uint64_t open = 0;
    for (std::size_t at = 0; at < text.size(); at += 64) {
        const std::uint64_t there =
            text.size() - at >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (text.size() - at)) - 1;
        const __m512i x = _mm512_maskz_loadu_epi8(there, text.data() + at), low = _mm512_or_si512(x, lower);
        const std::uint64_t marks = _mm512_cmplt_epu8_mask(_mm512_sub_epi8(low, a), letters) |
                                    _mm512_cmplt_epu8_mask(_mm512_sub_epi8(x, zero), digits);
        _mm512_storeu_si512(line + at, low);
        any = _mm512_or_si512(any, x);
        const std::uint64_t edges = marks ^ (marks << 1 | open);
        open = marks >> 63;
        const __m512i packed = _mm512_maskz_compress_epi8(edges, count);
        const auto found = static_cast<std::size_t>(_mm_popcnt_u64(edges));
        const __m256i half = _mm512_castsi512_si256(packed);
        _mm512_storeu_si512(next, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(half)), base));
        _mm512_storeu_si512(next + 16, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm256_extracti128_si256(half, 1)), base));
        if (found > 32) {
            const __m256i rest = _mm512_extracti64x4_epi64(packed, 1);
            _mm512_storeu_si512(next + 32, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(rest)), base));
            _mm512_storeu_si512(next + 48,
                                _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm256_extracti128_si256(rest, 1)), base));
        }
        next += found;
        base = _mm512_add_epi32(base, block);
    }
    if (open != 0) *next++ = static_cast<std::uint32_t>((text.size() + 63) / 64 * 64);
    words = static_cast<std::size_t>(next - places) / 2;
    return _mm512_movepi8_mask(any) != 0;
}

#endif

/// A text with its words found: word k is line[places[2 k], places[2 k + 1]).
struct marked_text {
    std::string line;                   // 16 bytes can be read from any word's first on
    std::vector<std::uint64_t> bits;    // [blocks] of 64 bytes
    std::vector<std::uint32_t> places;  // [2 * words], and more
    std::size_t words = 0;

    /// Two signs of other scripts have a letter as their lower case: U+0130 (i and a mark) and U+212A (k).
    ///
    /// @throw invalid_argument where the text is 4 GiB or longer
    void mark(std::string_view text) {
        require(text.size() < (std::size_t{1} << 32) - 64, "scoring: a text of rouge-score must be below 4 GiB");
        const std::size_t blocks = (text.size() + 63) / 64;
        if (line.size() < 64 * (blocks + 1)) line.resize(64 * (blocks + 1));
        if (places.size() < 64 * (blocks + 1)) places.resize(64 * (blocks + 1));
        if (find(text, blocks) &&
            (text.find("\xe2\x84\xaa") != std::string_view::npos || text.find("\xc4\xb0") != std::string_view::npos))
            mark(lower(text));  // has neither
    }

    /// The bytes of word k.
    std::string_view word(std::size_t k) const {
        return std::string_view(line).substr(places[2 * k], places[2 * k + 1] - places[2 * k]);
    }

    std::size_t bytes() const { return line.capacity() + 8 * bits.capacity() + 4 * places.capacity(); }

  private:
    bool find(std::string_view text, std::size_t blocks) {
#if HOLDFAST_SCORING_VECTORS
        if (machine_has_vbmi2()) return find_words_vbmi2(text, line.data(), places.data(), words);
#endif
        if (bits.size() < blocks) bits.resize(blocks);
        const std::size_t whole = text.size() / 64, rest = text.size() % 64;
        bool beyond = mark_blocks(text.data(), whole, line.data(), bits.data());
        if (rest > 0) {
            alignas(64) std::array<char, 64> last{};
            std::memcpy(last.data(), text.data() + 64 * whole, rest);
            beyond |= mark_blocks(last.data(), 1, line.data() + 64 * whole, bits.data() + whole);
        }
        words = place_words(bits.data(), blocks, places.data());
        return beyond;
    }
};

}  // namespace detail

/// The default tokeniser of Google's rouge-score, without its stemmer: lower case, and every run of anything but
/// [a-z0-9] is a gap. Text in other scripts vanishes, "naïve café" becomes na, ve, caf.
///
/// @return  the tokens with one space between two of them
inline std::string rouge_score_tokens(std::string_view text) {
    detail::marked_text m;
    m.mark(text);
    std::string out;
    for (std::size_t k = 0; k < m.words; ++k) {
        if (k > 0) out.push_back(' ');
        out += m.word(k);
    }
    return out;
}

}  // namespace holdfast::scoring
