#pragma once
// Which words of two texts are the same, as small numbers: what ROUGE compares. The reference's words get numbers, the
// prediction's are only looked up. Builds on word_keys.hpp.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <holdfast/scoring/simd.hpp>
#include <holdfast/scoring/word_keys.hpp>

#if HOLDFAST_SCORING_VECTORS
#include <immintrin.h>
#endif

namespace holdfast::scoring::detail {

/// Numbers 1, 2, 3 ... of keys in order of first appearance; 0 is a key that is not there.
class word_numbers {
  public:
    /// Forgets what there was and numbers the keys of a text.
    /// @param ids  [k.words], set
    void add(const word_keys& k, std::uint32_t* ids) {
        clear(k.words);
        // Without a branch between keys seen and new: what a slot holds is written again.
        slot* const slots = slots_.data();
        const std::uint64_t round = round_;
        const int shift = shift_;
        const std::size_t mask = mask_;
        std::uint64_t size = 1;
        for (std::size_t i = 0; i < k.words; ++i) {
            const std::uint64_t key = k.key[i];
            for (std::size_t at = k.hash[i] >> shift;; at = (at + 1) & mask) {
                slot& s = slots[at];
                std::uint64_t fresh = 0 - std::uint64_t{s.tag < round};  // all ones where the slot is of an older round
#if defined(__GNUC__)
                __asm__("" : "+r"(fresh));  // else compilers make a branch of it
#endif
                if (((s.key ^ key) & ~fresh) != 0) continue;
                const std::uint64_t tag = s.tag ^ ((s.tag ^ (round | size)) & fresh);
                s = {key, tag};
                ids[i] = static_cast<std::uint32_t>(tag);
                size -= fresh;
                break;
            }
        }
        size_ = size;
    }

    /// The numbers of the keys of another text.
    /// @param ids  [k.words, and 8 more], set
    void find(const word_keys& k, std::uint32_t* ids) const {
#if HOLDFAST_SCORING_VECTORS
        if (machine_level() == simd_level::avx512) return find_avx512(k, ids);
#endif
        find_plain(k, ids);
    }

    void find_plain(const word_keys& k, std::uint32_t* ids) const {
        for (std::size_t i = 0; i < k.words; ++i) ids[i] = find_one(k.key[i], k.hash[i] >> shift_);
    }

#if HOLDFAST_SCORING_VECTORS
    HOLDFAST_SCORING_AVX512 void find_avx512(const word_keys& k, std::uint32_t* ids) const {
        const __m512i round = _mm512_set1_epi64(static_cast<long long>(round_));
        const __m128i shift = _mm_cvtsi32_si128(shift_);
        for (std::size_t i = 0; i < k.words; i += 8) {
            const auto there = static_cast<__mmask8>(k.words - i >= 8 ? 0xff : (1u << (k.words - i)) - 1);
            const __m256i at = _mm256_srl_epi32(_mm256_maskz_loadu_epi32(there, k.hash.data() + i), shift);
            const __m512i key = _mm512_maskz_loadu_epi64(there, k.key.data() + i);
            const __m256i twice = _mm256_add_epi32(at, at);  // a slot is two words of eight bytes
            const __m512i held = _mm512_i32gather_epi64(twice, &slots_.data()->key, 8),
                          tag = _mm512_i32gather_epi64(twice, &slots_.data()->tag, 8);
            const __mmask8 used = _mm512_cmpge_epu64_mask(tag, round) & there,
                           same = _mm512_mask_cmpeq_epi64_mask(used, held, key);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(ids + i),
                                _mm256_maskz_mov_epi32(same, _mm512_cvtepi64_epi32(tag)));
            for (unsigned other = used & ~unsigned{same}; other != 0; other &= other - 1) {
                const std::size_t j = i + static_cast<std::size_t>(std::countr_zero(other));
                ids[j] = find_one(k.key[j], k.hash[j] >> shift_);
            }
        }
    }
#endif

    /// Every number is below it.
    std::size_t size() const { return size_; }

    std::size_t bytes() const { return sizeof(slot) * slots_.capacity(); }

  private:
    struct alignas(16) slot {
        std::uint64_t key = 0;
        std::uint64_t tag = 0;  // round_ | number; free where the round is an older one
    };

    std::uint32_t find_one(std::uint64_t key, std::size_t at) const {
        for (;; at = (at + 1) & mask_) {
            const slot& s = slots_[at];
            if (s.tag < round_) return 0;
            if (s.key == key) return static_cast<std::uint32_t>(s.tag);
        }
    }

    /// An empty table that so many words fill to a third at most.
    void clear(std::size_t words) {
        const std::size_t slots = std::bit_ceil(std::max<std::size_t>(512, 3 * words));
        if (slots_.size() < slots) slots_.resize(slots);
        mask_ = slots - 1;
        shift_ = 32 - std::countr_zero(slots);
        if (round_ >> 63 != 0) {  // far from where it would begin anew
            std::fill(slots_.begin(), slots_.end(), slot{});
            round_ = 0;
        }
        round_ += std::uint64_t{1} << 32;
    }

    std::vector<slot> slots_;
    std::uint64_t round_ = 0;  // in the upper half
    std::size_t mask_ = 0;
    std::uint64_t size_ = 1;
    int shift_ = 32;
};

inline std::size_t keep_met_plain(std::uint32_t* ids, std::size_t n, const std::uint32_t* met) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t id = ids[i];
        ids[kept] = id;
        kept += met[id];
    }
    return kept;
}

#if HOLDFAST_SCORING_VECTORS
HOLDFAST_SCORING_AVX512 inline std::size_t keep_met_avx512(std::uint32_t* ids, std::size_t n,
                                                           const std::uint32_t* met) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; i += 16) {
        const auto there = static_cast<__mmask16>(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
        const __m512i id = _mm512_maskz_loadu_epi32(there, ids + i), is = _mm512_i32gather_epi32(id, met, 4);
        const __mmask16 keep = _mm512_mask_test_epi32_mask(there, is, is);
        _mm512_storeu_si512(ids + kept, _mm512_maskz_compress_epi32(keep, id));  // never beyond what was read
        kept += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(keep)));
    }
    return kept;
}
#endif

/// Drops the numbers that were not met.
///
/// @param ids  [n, and 16 more]
/// @param met  of every number 1 or 0
/// @return     how many are left, in their order
inline std::size_t keep_met(std::uint32_t* ids, std::size_t n, const std::uint32_t* met) {
#if HOLDFAST_SCORING_VECTORS
    if (machine_level() == simd_level::avx512) return keep_met_avx512(ids, n, met);
#endif
    return keep_met_plain(ids, n, met);
}

}  // namespace holdfast::scoring::detail
