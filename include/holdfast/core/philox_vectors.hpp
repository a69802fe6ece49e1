#pragma once
// Philox4x32-10 by vectors of eight blocks, in AVX-512: the same bits as philox::block. For loops that need a word per
// item of very many; to be run only where machine_level() is avx512.

#include <holdfast/core/cpu.hpp>
#include <holdfast/core/random.hpp>

#include <cstddef>
#include <cstdint>

#if HOLDFAST_X86_LEVELS
#include <immintrin.h>

#define HOLDFAST_AVX512_INLINE __attribute__((target("avx512f"), always_inline))

namespace holdfast::detail {

/// V vectors of eight blocks, the lanes of v at `blocks[v]` of a stream, all below 2^32: what the first two rounds have
/// in common is then left to the compiler to find, with all loops unrolled, so that the state stays in registers. A
/// lane has 64 bits of which the low half counts: a multiplication reads no more, and what xor and shift leave in the
/// high half is masked at the end.
template <std::size_t V>
class philox_vectors {
  public:
    HOLDFAST_AVX512_INLINE philox_vectors(const __m512i (&blocks)[V], std::uint64_t seed, std::uint64_t stream) {
#pragma GCC unroll 8
        for (std::size_t v = 0; v < V; ++v) {
            c0_[v] = blocks[v];
            c1_[v] = _mm512_setzero_si512();
            c2_[v] = _mm512_set1_epi64(static_cast<long long>(stream));
            c3_[v] = _mm512_set1_epi64(static_cast<long long>(stream >> 32));
        }
        const __m512i m0 = _mm512_set1_epi64(0xd2511f53), m1 = _mm512_set1_epi64(0xcd9e8d57);
        auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
#pragma GCC unroll 10
        for (int round = 0; round < 10; ++round) {
            const __m512i key0 = _mm512_set1_epi64(k0), key1 = _mm512_set1_epi64(k1);
#pragma GCC unroll 8
            for (std::size_t v = 0; v < V; ++v) {
                const __m512i a = _mm512_maskz_mul_epu32(all, m0, c0_[v]), b = _mm512_maskz_mul_epu32(all, m1, c2_[v]);
                c0_[v] = xor_of_three(_mm512_maskz_srli_epi64(all, b, 32), c1_[v], key0);
                c1_[v] = b;
                c2_[v] = xor_of_three(_mm512_maskz_srli_epi64(all, a, 32), c3_[v], key1);
                c3_[v] = a;
            }
            k0 += 0x9e3779b9u;
            k1 += 0xbb67ae85u;
        }
    }

    /// The first two words of each block of vector v as one of 64 bits, the first of them high.
    [[nodiscard]] HOLDFAST_AVX512_INLINE __m512i first_halves(std::size_t v) const { return join(c0_[v], c1_[v]); }
    /// The last two.
    [[nodiscard]] HOLDFAST_AVX512_INLINE __m512i last_halves(std::size_t v) const { return join(c2_[v], c3_[v]); }
    /// Words 0 and 2 of each block, sixteen of 32 bits.
    [[nodiscard]] HOLDFAST_AVX512_INLINE __m512i even_words(std::size_t v) const {
        return _mm512_mask_mov_epi32(c0_[v], 0xaaaa, _mm512_maskz_slli_epi64(all, c2_[v], 32));
    }

  private:
    static constexpr __mmask8 all = 0xff;  // the plain forms start from a register that is not set, and GCC warns

    static HOLDFAST_AVX512_INLINE __m512i xor_of_three(__m512i a, __m512i b, __m512i c) {
        return _mm512_ternarylogic_epi64(a, b, c, 0x96);
    }
    static HOLDFAST_AVX512_INLINE __m512i join(__m512i high, __m512i low) {
        return _mm512_mask_mov_epi32(low, 0xaaaa, _mm512_maskz_slli_epi64(all, high, 32));
    }

    __m512i c0_[V], c1_[V], c2_[V], c3_[V];
};

/// block, block + 1 .. block + 7
HOLDFAST_AVX512_INLINE inline __m512i eight_from(std::uint64_t block) {
    return _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(block)),
                            _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
}

}  // namespace holdfast::detail
#endif
