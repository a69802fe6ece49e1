#pragma once
// Words of rouge-score as 64-bit keys, equal where the words (or their stems) are: eight letters are their own key, a
// longer word stands for its number. Eight words a step where the machine gathers. Builds on rouge_words.hpp,
// long_words.hpp and porter.hpp. Leaves out which words two texts share (word_numbers.hpp).

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/scoring/long_words.hpp>
#include <holdfast/scoring/porter.hpp>
#include <holdfast/scoring/rouge_words.hpp>
#include <holdfast/scoring/simd.hpp>

#if HOLDFAST_SCORING_VECTORS
#include <immintrin.h>
#endif

namespace holdfast::scoring::detail {

/// The keys of the words of a text, and a hash of each key; never 0.
struct word_keys {
    std::vector<std::uint64_t> key;    // [words], and 16 more
    std::vector<std::uint32_t> hash;   // [words], and 16 more
    std::vector<std::uint32_t> longs;  // [count_of_longs], and 16 more: the words of more than eight letters
    std::size_t words = 0, count_of_longs = 0;

    void resize(std::size_t n) {
        words = n;
        count_of_longs = 0;
        if (key.size() < n + 16) key.resize(n + 16), hash.resize(n + 16), longs.resize(n + 16);
    }
    std::size_t bytes() const { return 8 * key.capacity() + 4 * (hash.capacity() + longs.capacity()); }
};

inline constexpr std::uint32_t hash_of_first = 0x9e3779b1u, hash_of_last = 0x85ebca77u;

/// 32 bits of which the upper ones depend on the whole key.
inline std::uint32_t hash_of(std::uint64_t key) {
    return static_cast<std::uint32_t>(key) * hash_of_first + static_cast<std::uint32_t>(key >> 32) * hash_of_last;
}

/// The key of a word of 1 to 8 letters: its bytes, the other ones zero.
/// @param word  8 bytes can be read
inline std::uint64_t short_key(const char* word, std::size_t length) {
    std::uint64_t x;
    std::memcpy(&x, word, 8);
    const std::size_t others = 64 - 8 * length;
    return std::endian::native == std::endian::little ? x << others : x >> others;
}

/// Its letters; how many in `length`.
inline std::array<char, 16> letters_of(std::uint64_t key, std::size_t& length) {
    std::array<char, 16> letters{};
    const bool little = std::endian::native == std::endian::little;
    const auto others = static_cast<std::size_t>(little ? std::countr_zero(key) : std::countl_zero(key)) / 8;
    length = 8 - others;
    key = little ? key >> (8 * others) : key << (8 * others);
    std::memcpy(letters.data(), &key, 8);
    return letters;
}

inline std::uint64_t long_key(std::uint32_t number) {
    return std::uint64_t{1} << 63 | number;
}  // letters have no top bit

/// Keys of the short words; where the long ones are, whose keys are 0 till then.
inline void find_keys_plain(const marked_text& m, word_keys& k) {
    k.resize(m.words);
    std::size_t longs = 0;
    for (std::size_t i = 0; i < m.words; ++i) {
        const std::uint32_t begin = m.places[2 * i], length = m.places[2 * i + 1] - begin;
        const std::uint64_t key = length > 8 ? 0 : short_key(m.line.data() + begin, length);
        k.key[i] = key;
        k.hash[i] = hash_of(key);
        k.longs[longs] = static_cast<std::uint32_t>(i);
        longs += length > 8;
    }
    k.count_of_longs = longs;
}

#if HOLDFAST_SCORING_VECTORS

HOLDFAST_SCORING_AVX512 inline __m256i hashes_of(__m512i keys) {
    const __m512i first = _mm512_mul_epu32(keys, _mm512_set1_epi64(hash_of_first)),
                  last = _mm512_mul_epu32(_mm512_srli_epi64(keys, 32), _mm512_set1_epi64(hash_of_last));
    return _mm512_cvtepi64_epi32(_mm512_add_epi64(first, last));
}

HOLDFAST_SCORING_AVX512 inline void find_keys_avx512(const marked_text& m, word_keys& k) {
    k.resize(m.words);
    const __m512i lower = _mm512_set1_epi64(0xffffffff), whole = _mm512_set1_epi64(64);
    __m256i number = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    std::size_t longs = 0;
    for (std::size_t i = 0; i < m.words; i += 8) {
        const auto there = static_cast<__mmask8>(m.words - i >= 8 ? 0xff : (1u << (m.words - i)) - 1);
        const __m512i places = _mm512_maskz_loadu_epi64(there, m.places.data() + 2 * i),
                      begin = _mm512_and_si512(places, lower),
                      length = _mm512_sub_epi64(_mm512_srli_epi64(places, 32), begin),
                      bytes = _mm512_i64gather_epi64(begin, m.line.data(), 1),
                      // a shift by more than 63, so also by less than 0, leaves nothing
            key = _mm512_sllv_epi64(bytes, _mm512_sub_epi64(whole, _mm512_slli_epi64(length, 3)));
        const auto beyond = static_cast<__mmask8>(_mm512_testn_epi64_mask(key, key) & there);
        _mm512_storeu_si512(k.key.data() + i, key);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(k.hash.data() + i), hashes_of(key));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(k.longs.data() + longs),
                            _mm256_maskz_compress_epi32(beyond, number));
        longs += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(beyond)));
        number = _mm256_add_epi32(number, _mm256_set1_epi32(8));
    }
    k.count_of_longs = longs;
}

#endif

inline void find_keys(const marked_text& m, word_keys& k) {
#if HOLDFAST_SCORING_VECTORS
    if (machine_level() == simd_level::avx512) return find_keys_avx512(m, k);
#endif
    find_keys_plain(m, k);
}

/// Gives the long words their keys.
inline void number_longs(const marked_text& m, word_keys& k, long_words& number) {
    for (std::size_t i = 0; i < k.count_of_longs; ++i) {
        const std::size_t at = k.longs[i];
        const std::uint32_t begin = m.places[2 * at];
        k.key[at] = long_key(number(m.line.data() + begin, m.places[2 * at + 1] - begin));
        k.hash[at] = hash_of(k.key[at]);
    }
}

/// Stems of words met before, so that a corpus is stemmed once: what a place held last is what it holds. A stem depends
/// on its word alone, so what is kept changes no result.
class known_stems {
  public:
    /// Makes the keys of words those of their stems. Words of up to three letters are their own stems.
    void operator()(const marked_text& m, word_keys& k, std::string& longer, long_words& number) {
        if (short_.empty()) long_.resize(1u << long_bits), short_.resize(1u << short_bits);
#if HOLDFAST_SCORING_VECTORS
        if (machine_level() == simd_level::avx512)
            short_avx512(k);
        else
#endif
            short_plain(k, 0, k.words);
        for (std::size_t i = 0; i < k.count_of_longs; ++i) {
            const std::size_t at = k.longs[i], begin = m.places[2 * at];
            k.key[at] = stem_of(m.line.data() + begin, m.places[2 * at + 1] - begin, longer, number);
            k.hash[at] = hash_of(k.key[at]);
        }
    }

    std::size_t bytes() const { return sizeof(short_stem) * short_.size() + sizeof(long_stem) * long_.size(); }

  private:
    void short_plain(word_keys& k, std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            short_stem& s = short_[k.hash[i] >> (32 - short_bits)];
            if (s.word != k.key[i]) s = {k.key[i], stem_of(k.key[i])};
            k.key[i] = s.stem;
            k.hash[i] = hash_of(s.stem);
        }
    }

#if HOLDFAST_SCORING_VECTORS
    HOLDFAST_SCORING_AVX512 void short_avx512(word_keys& k) {
        for (std::size_t i = 0; i < k.words; i += 8) {
            const auto there = static_cast<__mmask8>(k.words - i >= 8 ? 0xff : (1u << (k.words - i)) - 1);
            const __m256i place = _mm256_srli_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(&k.hash[i])),
                                                    32 - short_bits),
                          twice = _mm256_add_epi32(place, place);  // a short_stem is two words of eight bytes
            const __m512i key = _mm512_loadu_si512(&k.key[i]),
                          word = _mm512_i32gather_epi64(twice, &short_.data()->word, 8),
                          stem = _mm512_i32gather_epi64(twice, &short_.data()->stem, 8);
            if ((_mm512_cmpneq_epi64_mask(key, word) & there) != 0) {
                short_plain(k, i, std::min(i + 8, k.words));
                continue;
            }
            _mm512_storeu_si512(&k.key[i], stem);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(&k.hash[i]), hashes_of(stem));
        }
    }
#endif

    static constexpr unsigned short_bits = 13, long_bits = 10;
    struct short_stem {
        std::uint64_t word = 0, stem = 0;
    };
    struct long_stem {
        packed_word word = packed_word::of_number(0);
        std::array<char, 16> stem;
        std::size_t length;
    };

    static std::uint64_t stem_of(std::uint64_t key) {
        if (key == 0) return 0;  // a long word
        std::size_t length;
        std::array<char, 16> letters = letters_of(key, length);
        if (length <= 3) return key;
        return short_key(letters.data(), porter::stem(letters.data(), length));
    }

    /// @param longer  where a stem of more than 15 letters is kept; does not move
    std::uint64_t stem_of(const char* word, std::size_t length, std::string& longer, long_words& number) {
        if (length > 15) {
            const std::size_t at = longer.size();
            longer.append(word, length).append(16, '\0');
            const std::size_t left = porter::stem(longer.data() + at, length);
            return left > 8 ? long_key(number(longer.data() + at, left)) : short_key(longer.data() + at, left);
        }
        const packed_word w = packed_word::of(word, length);
        long_stem& s = long_[w.mixed() * 0x9e3779b97f4a7c15u >> (64 - long_bits)];
        if (s.word.differs(w) != 0) {
            s = {w, w.letters(), length};
            s.length = porter::stem(s.stem.data(), length);
        }
        return s.length > 8 ? long_key(number(s.stem.data(), s.length)) : short_key(s.stem.data(), s.length);
    }

    std::vector<short_stem> short_;
    std::vector<long_stem> long_;
};

}  // namespace holdfast::scoring::detail
