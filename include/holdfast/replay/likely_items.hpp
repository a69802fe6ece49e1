#pragma once
// Which of very many items may have a small key: most are out by a comparison of the high half of their random word,
// sixteen at a time where the machine has AVX-512 (asked at run time), and only those that are left get a key. The
// same keys on every machine. Builds on item_bits.hpp.

#include <holdfast/core/cpu.hpp>
#include <holdfast/core/philox_vectors.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/replay/item_bits.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#if HOLDFAST_X86_LEVELS
#include <immintrin.h>
#endif

namespace holdfast::replay::detail {

/// How many items are looked at together.
inline constexpr std::size_t key_block = 3840;

/// Asks whether a word is at most `largest`.
struct word_limit {
    std::uint64_t largest;

    [[nodiscard]] bool may(std::uint64_t word, std::size_t) const { return word <= largest; }
    void fetch(std::size_t) const {}
#if HOLDFAST_X86_LEVELS
    /// Of sixteen items, by the high halves of their words.
    [[nodiscard]] HOLDFAST_AVX512_INLINE __mmask16 may(__m512i high, std::size_t, __mmask16) const {
        return _mm512_cmple_epu32_mask(high, _mm512_set1_epi32(static_cast<int>(largest >> 32)));
    }
#endif
};

/// Weights as upper bounds in single precision, for the question whether -log(u_i) / w_i can be up to a cut.
///
///     -log(u) > 1 - u >= (2^32 - 1 - high half) / 2^32;  so the key is above the cut where that is above w cut
class weight_bounds {
  public:
    explicit weight_bounds(std::span<const double> weights) : bounds_(weights.size()) {
        for (const double w : weights) largest_ = std::max(largest_, w);
        const double scale = largest_ > 0 ? largest_ : 1;
        for (std::size_t i = 0; i < weights.size(); ++i)
            bounds_[i] = static_cast<float>(weights[i] / scale) * up + std::numeric_limits<float>::min();
    }

    /// Asks whether the key of an item may be at most the cut.
    struct limit {
        const float* bounds;
        const double* weights;
        float scale;

        [[nodiscard]] bool may(std::uint64_t word, std::size_t item) const {
            return static_cast<float>(~static_cast<std::uint32_t>(word >> 32)) <= bounds[item] * scale;
        }
        /// Asks for what the key is made from while the words are made.
        void fetch(std::size_t item) const {
#if defined(__GNUC__)
            __builtin_prefetch(weights + item);
#endif
        }
#if HOLDFAST_X86_LEVELS
        /// Of sixteen items from `item` on, by the high halves of their words.
        [[nodiscard]] HOLDFAST_AVX512_INLINE __mmask16 may(__m512i high, std::size_t item, __mmask16 there) const {
            const __m512 rest = _mm512_maskz_cvtepu32_ps(0xffff, _mm512_xor_si512(high, _mm512_set1_epi32(-1)));
            const __m512 bound = _mm512_mul_ps(_mm512_maskz_loadu_ps(there, bounds + item), _mm512_set1_ps(scale));
            return _mm512_cmp_ps_mask(rest, bound, _CMP_NGT_UQ);
        }
#endif
    };

    [[nodiscard]] limit at_most(double cut, const double* weights) const {
        const double scale = cut * largest_ * 0x1p32;
        constexpr float infinity = std::numeric_limits<float>::infinity();
        return {bounds_.data(), weights, scale < 1e37 ? static_cast<float>(scale) * up : infinity};
    }

  private:
    static constexpr float up = 1 + 0x1p-21F;  // more than all that is rounded away
    std::vector<float> bounds_;
    double largest_ = 0;
};

/// The items of a block that may have small keys, with their words.
class likely_items {
  public:
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::uint32_t item(std::size_t c) const { return items_[c]; }
    [[nodiscard]] std::uint64_t word(std::size_t c) const { return words_[c]; }
    [[nodiscard]] double key(std::size_t c) const { return keys_[c]; }

    /// Of items first .. first + count - 1, at most key_block: all for which the limit may hold, and hardly any other.
    template <class Limit>
    void find(const item_bits& bits, std::size_t first, std::size_t count, const Limit& limit) {
        size_ = 0;
#if HOLDFAST_X86_LEVELS
        if (holdfast::detail::machine_has_avx512()) {
            find_avx512(bits, first, count, limit);
            for (std::size_t c = 0; c < size_; ++c) limit.fetch(items_[c]);
            return bits.words_of({items_, whole_vectors()}, words_);
        }
#endif
        find_plain(bits, first, count, limit);
    }

    /// The same, on any machine.
    template <class Limit>
    void find_plain(const item_bits& bits, std::size_t first, std::size_t count, const Limit& limit) {
        size_ = 0;
        std::uint64_t words[256];
        for (std::size_t i = 0; i < count; i += 256) {
            const std::span<std::uint64_t> some(words, std::min<std::size_t>(256, count - i));
            bits.words(first + i, some);
            for (std::size_t k = 0; k < some.size(); ++k) {
                items_[size_] = static_cast<std::uint32_t>(first + i + k);
                words_[size_] = some[k];
                size_ += limit.may(some[k], first + i + k);
            }
        }
    }

    /// Makes key(c) = -log(u_c) / weights[item(c)]; infinite where the weight is 0.
    void make_keys(const double* weights) {
#if HOLDFAST_X86_LEVELS
        if (holdfast::detail::machine_has_avx512()) {
            for (std::size_t c = 0; c < size_; c += 8) keys_avx512(c, weights);
            return;
        }
#endif
        make_keys_plain(weights);
    }

    /// The same, on any machine.
    void make_keys_plain(const double* weights) {
        for (std::size_t c = 0; c < size_; ++c)
            keys_[c] = -portable_log(item_bits::open(words_[c])) / weights[items_[c]];
    }

  private:
#if HOLDFAST_X86_LEVELS
    template <class Limit>
    __attribute__((target("avx512f,popcnt"))) void find_avx512(const item_bits& bits, std::size_t first,
                                                               std::size_t count, const Limit& limit) {
        std::size_t i = 0;
        for (; i + together <= count; i += together) look_avx512<true>(bits, first + i, together, limit);
        if (i < count) look_avx512<false>(bits, first + i, count - i, limit);
    }

    /// Adds those of `count` items, `together` where `whole`; the first of them is even.
    template <bool whole, class Limit>
    HOLDFAST_AVX512_INLINE void look_avx512(const item_bits& bits, std::size_t first, std::size_t count,
                                            const Limit& limit) {
        __m512i blocks[vectors];
#pragma GCC unroll 8
        for (std::size_t v = 0; v < vectors; ++v) blocks[v] = holdfast::detail::eight_from(first / 2 + 8 * v);
        const holdfast::detail::philox_vectors<vectors> made(blocks, bits.seed(), bits.stream());
        const __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#pragma GCC unroll 8
        for (std::size_t v = 0; v < vectors; ++v) {
            const std::size_t at = 16 * v, left = count > at ? count - at : 0;
            const auto there = static_cast<__mmask16>(whole || left >= 16 ? 0xffffu : (1u << left) - 1);
            const __mmask16 in = limit.may(made.even_words(v), first + at, there) & there;
            const __m512i item = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first + at)), places);
            _mm512_storeu_si512(items_ + size_, _mm512_maskz_compress_epi32(in, item));
            size_ += static_cast<std::size_t>(__builtin_popcount(in));
        }
    }

    /// Eight keys by the operations of item_bits::open and portable_log, in their order.
    __attribute__((target("avx512f,avx512dq"))) void keys_avx512(std::size_t c, const double* weights) {
        const __mmask8 all = 0xff, there = static_cast<__mmask8>(size_ - c < 8 ? (1u << (size_ - c)) - 1 : 0xffu);
        const __m512d one = _mm512_set1_pd(1.0), two = _mm512_set1_pd(2.0);
        const __m512i fraction = _mm512_set1_epi64(0x000fffffffffffff), unit = _mm512_castpd_si512(one);
        const __m512i word = _mm512_maskz_srli_epi64(all, _mm512_loadu_si512(words_ + c), 12);
        const __m512d u = _mm512_add_pd(_mm512_sub_pd(_mm512_castsi512_pd(_mm512_or_si512(word, unit)), one),
                                        _mm512_set1_pd(0x1p-53));
        const __m512i bits = _mm512_castpd_si512(u);
        __m512i exponent = _mm512_sub_epi64(_mm512_maskz_srli_epi64(all, bits, 52), _mm512_set1_epi64(1023));
        __m512d m = _mm512_castsi512_pd(_mm512_or_si512(_mm512_and_si512(bits, fraction), unit));
        const __mmask8 high = _mm512_cmp_pd_mask(m, _mm512_set1_pd(0x1.6a09e667f3bcdp0), _CMP_GT_OQ);
        m = _mm512_mask_mul_pd(m, high, m, _mm512_set1_pd(0.5));
        exponent = _mm512_mask_add_epi64(exponent, high, exponent, _mm512_set1_epi64(1));
        const __m512d s = _mm512_div_pd(_mm512_sub_pd(m, one), _mm512_add_pd(m, one)), z = _mm512_mul_pd(s, s);
        __m512d p = _mm512_set1_pd(1.0 / 21.0);
        for (double odd = 19; odd > 2; odd -= 2) p = _mm512_fmadd_pd(p, z, _mm512_set1_pd(1.0 / odd));
        const __m512d tail = _mm512_mul_pd(_mm512_mul_pd(s, z), p), e = _mm512_maskz_cvtepi64_pd(all, exponent);
        const __m512d small = _mm512_fmadd_pd(e, _mm512_set1_pd(0x1.ef35793c76730p-45), _mm512_mul_pd(two, tail));
        const __m512d log = _mm512_fmadd_pd(e, _mm512_set1_pd(0x1.62e42fefa3800p-1), _mm512_fmadd_pd(two, s, small));
        const __m256i item = _mm256_loadu_si256(static_cast<const __m256i*>(static_cast<const void*>(items_ + c)));
        const __m512d weight = _mm512_mask_i32gather_pd(one, there, item, weights, 8);
        _mm512_storeu_pd(keys_ + c, _mm512_div_pd(_mm512_sub_pd(_mm512_set1_pd(-0.0), log), weight));
    }
#endif

    static constexpr std::size_t vectors = 6, together = 16 * vectors;  // as many as the registers hold
    static_assert(key_block % together == 0);

    [[nodiscard]] std::size_t whole_vectors() const { return (size_ + 7) / 8 * 8; }

    std::size_t size_ = 0;
    std::uint32_t items_[key_block + 16];  // a vector is stored whole, with zeros behind what was found
    std::uint64_t words_[key_block + 16];
    double keys_[key_block + 16];
};

}  // namespace holdfast::replay::detail
