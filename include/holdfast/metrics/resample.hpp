#pragma once
// The draws of a bootstrap: n indices from 0 ... n-1 with replacement, 128 at a time from 32 counters of the generator,
// in the vector registers of the machine that runs it; and the sum of what they draw. Builds on core's generator. GCC's
// vector extension where it is, plain loops elsewhere; the same bits everywhere.

#include <holdfast/core/cpu.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#if HOLDFAST_X86_LEVELS
#include <immintrin.h>
#endif

namespace holdfast::metrics::detail {

/// What 32 counters of a generator give: index = word · n / 2^32. Words whose remainder is below 2^32 mod n are
/// rejected, so that every index is equally likely (Lemire 2019, Fast random integer generation in an interval).
struct draw_block {
    alignas(64) std::array<std::uint64_t, 128> index;  // word i of counter c at 32 i + c
    std::size_t count = 128;                           // without the rejected
};

struct draw_problem {
    std::uint64_t seed, stream, n, reject_below;
};

inline void draw_plain(const draw_problem& p, std::uint64_t first, draw_block& block) {
    std::array<std::uint64_t, 128> words;
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    for (std::uint64_t c = 0; c < 32; ++c) {
        const auto four = philox::block({low(first + c), low((first + c) >> 32), low(p.stream), low(p.stream >> 32)},
                                        {low(p.seed), low(p.seed >> 32)});
        for (std::size_t i = 0; i < 4; ++i) words[32 * i + c] = four[i] * p.n;
    }
    block.count = 0;
    for (const std::uint64_t w : words)
        if (low(w) >= p.reject_below) block.index[block.count++] = w >> 32;
}

#if HOLDFAST_X86_LEVELS

template <std::size_t Bytes>
struct draw_vector {
    typedef std::uint64_t type __attribute__((vector_size(Bytes)));
};

/// The same in vectors of `Bytes`: a 32-bit word in each 64-bit lane, whose high half is left as it falls, since the
/// multiplication reads the low one only.
template <std::size_t Bytes>
struct draw_vectors {
    using vector = typename draw_vector<Bytes>::type;
    static constexpr std::size_t lanes = Bytes / 8;
    static constexpr std::size_t parts = Bytes == 64 ? 4 : 2;  // side by side: as many as there are registers for

    [[gnu::always_inline]] static void multiply(vector& result, const vector& a, const vector& b) {
#if defined(__clang__)  // finds the instruction by itself
        constexpr std::uint64_t low = 0xffffffffu;
        result = (a & low) * (b & low);
#else
        if constexpr (Bytes == 16) {
            result = a;
            __asm__("pmuludq %1, %0" : "+x"(result) : "x"(b));
        } else {
            __asm__("vpmuludq %2, %1, %0" : "=v"(result) : "v"(a), "v"(b));
        }
#endif
    }

    [[gnu::always_inline]] static void splat(vector& to, std::uint64_t x) {
        std::uint64_t all[lanes];
        for (std::size_t l = 0; l < lanes; ++l) all[l] = x;
        __builtin_memcpy(&to, all, Bytes);
    }

    /// False where a word is rejected: the block is then not written.
    [[gnu::always_inline]] static bool draw(const draw_problem& p, std::uint64_t first, draw_block& block) {
        std::uint64_t all = 0;
        for (std::size_t c = 0; c < 32; c += parts * lanes) all |= draw_part(p, first + c, block.index.data() + c);
        block.count = 128;
        return all >> 63 == 0;
    }

    /// Bit 63 is set where a word is rejected.
    [[gnu::always_inline]] static std::uint64_t draw_part(const draw_problem& p, std::uint64_t first,
                                                          std::uint64_t* out) {
        constexpr std::uint64_t low = 0xffffffffu;
        vector c[parts][4];
#pragma GCC unroll 8
        for (std::size_t k = 0; k < parts; ++k) {
            std::uint64_t counter[lanes];
            for (std::size_t l = 0; l < lanes; ++l) counter[l] = first + k * lanes + l;
            __builtin_memcpy(&c[k][0], counter, Bytes);
            c[k][1] = c[k][0] >> 32;
            splat(c[k][2], p.stream);
            splat(c[k][3], p.stream >> 32);
        }
        constexpr std::uint64_t factor[2] = {0xd2511f53u, 0xcd9e8d57u}, step[2] = {0x9e3779b9u, 0xbb67ae85u};
        vector factors[2], key[2];
        splat(factors[0], factor[0]), splat(factors[1], factor[1]);
        splat(key[0], p.seed), splat(key[1], p.seed >> 32);
        for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 8
            for (std::size_t k = 0; k < parts; ++k) {
                vector a, b;
                multiply(a, c[k][0], factors[0]);
                multiply(b, c[k][2], factors[1]);
                c[k][0] = (b >> 32) ^ c[k][1] ^ key[0];
                c[k][1] = b;
                c[k][2] = (a >> 32) ^ c[k][3] ^ key[1];
                c[k][3] = a;
            }
            key[0] += step[0];
            key[1] += step[1];
        }
        vector n, least, bad{};
        splat(n, p.n), splat(least, p.reject_below);
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i) {
#pragma GCC unroll 8
            for (std::size_t k = 0; k < parts; ++k) {
                vector product, index;
                multiply(product, c[k][i], n);
                bad |= (product & low) - least;  // wraps where it is below: bit 63
                index = product >> 32;
                __builtin_memcpy(out + 32 * i + k * lanes, &index, Bytes);
            }
        }
        std::uint64_t any[lanes], all = 0;
        __builtin_memcpy(any, &bad, Bytes);
        for (std::size_t l = 0; l < lanes; ++l) all |= any[l];
        return all;
    }
};

#define HOLDFAST_METRICS_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2")))
HOLDFAST_METRICS_AVX512 inline bool draw_avx512(const draw_problem& p, std::uint64_t first, draw_block& block) {
    return draw_vectors<64>::draw(p, first, block);
}
__attribute__((target("avx2"))) inline bool draw_avx2(const draw_problem& p, std::uint64_t first, draw_block& block) {
    return draw_vectors<32>::draw(p, first, block);
}
inline bool draw_sse2(const draw_problem& p, std::uint64_t first, draw_block& block) {
    return draw_vectors<16>::draw(p, first, block);
}

/// Adds the values of blocks first, first + 32 ... to eight partial sums, in the order of resampled_sum, up to a block
/// with a rejected word. Those of a block are added while the next is drawn: the one waits for memory, the other for
/// the multiplier.
/// @return  how many blocks were added
HOLDFAST_METRICS_AVX512 __attribute__((noinline)) inline std::size_t add_avx512(const draw_problem& p,
                                                                                std::uint64_t first, std::size_t blocks,
                                                                                const double* values,
                                                                                std::array<double, 8>& part) {
    constexpr __mmask8 all = 0xff;  // the plain forms start from a register that is not set, and GCC warns
    constexpr std::size_t parts = 4, of_step = 128 / (10 * parts), of_steps = 10 * parts * of_step;
    const auto splat = [](std::uint64_t x) { return static_cast<long long>(x); };
    const __m512i factor0 = _mm512_set1_epi64(0xd2511f53), factor1 = _mm512_set1_epi64(0xcd9e8d57);
    const __m512i n = _mm512_set1_epi64(splat(p.n)), low = _mm512_set1_epi64(0xffffffff);
    const __m512i least = _mm512_set1_epi64(splat(p.reject_below)), lanes = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    alignas(64) static thread_local std::uint64_t index[2][128];  // on the stack a tenth slower
    std::fill_n(index[1], 128, 0);                                // the first time there is nothing to add ...
    const double nothing = 0;                                     // ... but this
    double sum[8];
    for (std::size_t l = 0; l < 8; ++l) sum[l] = part[l];
    std::size_t drawn = 0;
    for (bool good = true; good && drawn < blocks;) {
        std::uint64_t* const now = index[drawn % 2];
        const std::uint64_t* const last = index[1 - drawn % 2];
        const double* const from = drawn == 0 ? &nothing : values;
        __m512i c0[parts], c1[parts], c2[parts], c3[parts];
        for (std::size_t v = 0; v < parts; ++v) {
            c0[v] = _mm512_add_epi64(_mm512_set1_epi64(splat(first + 32 * drawn + 8 * v)), lanes);
            c1[v] = _mm512_setzero_si512();  // n is below 2^32, a counter below 2^31
            c2[v] = _mm512_set1_epi64(splat(p.stream));
            c3[v] = _mm512_set1_epi64(splat(p.stream >> 32));
        }
        auto key0 = static_cast<std::uint32_t>(p.seed), key1 = static_cast<std::uint32_t>(p.seed >> 32);
#pragma GCC unroll 10
        for (std::size_t round = 0; round < 10; ++round) {
            const __m512i k0 = _mm512_set1_epi64(key0), k1 = _mm512_set1_epi64(key1);
#pragma GCC unroll 4
            for (std::size_t v = 0; v < parts; ++v) {
                const __m512i a = _mm512_maskz_mul_epu32(all, factor0, c0[v]),
                              b = _mm512_maskz_mul_epu32(all, factor1, c2[v]);
                c0[v] = _mm512_ternarylogic_epi64(_mm512_maskz_srli_epi64(all, b, 32), c1[v], k0, 0x96);
                c1[v] = b;
                c2[v] = _mm512_ternarylogic_epi64(_mm512_maskz_srli_epi64(all, a, 32), c3[v], k1, 0x96);
                c3[v] = a;
#pragma GCC unroll 4
                for (std::size_t k = 0; k < of_step; ++k) {
                    const std::size_t at = (round * parts + v) * of_step + k;
                    sum[at % 8] += from[last[at]];
                }
            }
            key0 += 0x9e3779b9u, key1 += 0xbb67ae85u;
        }
        const __m512i* const word[4] = {c0, c1, c2, c3};
        __m512i smallest = low;
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i)
#pragma GCC unroll 4
            for (std::size_t v = 0; v < parts; ++v) {
                const __m512i product = _mm512_maskz_mul_epu32(all, n, word[i][v]);
                smallest = _mm512_maskz_min_epu32(0xffff, smallest, product);
                _mm512_store_si512(now + 32 * i + 8 * v, _mm512_maskz_srli_epi64(all, product, 32));
            }
        for (std::size_t at = of_steps; at < 128; ++at) sum[at % 8] += from[last[at]];
        good = _mm512_cmplt_epu64_mask(_mm512_and_si512(smallest, low), least) == 0;
        drawn += good;
    }
    for (std::size_t l = 0; l < 8; ++l) part[l] = sum[l];
    for (std::size_t k = 0; drawn == blocks && drawn > 0 && k < 128; ++k)
        part[k % 8] += values[index[(drawn + 1) % 2][k]];
    return drawn;
}

inline bool draw_fast(const draw_problem& p, std::uint64_t first, draw_block& block) {
    static const auto best = [] {
        using holdfast::detail::simd_level;
        const simd_level level = holdfast::detail::machine_level();
        return level == simd_level::avx512 ? draw_avx512 : level == simd_level::avx2 ? draw_avx2 : draw_sse2;
    }();
    return best(p, first, block);
}

#else

inline bool draw_fast(const draw_problem&, std::uint64_t, draw_block&) { return false; }

#endif

/// Calls use(indices) with the draws of one resample in pieces of up to 128, n in all. The indices are a function of
/// seed, stream and n alone.
///
/// @param stream  which resample
/// @param n       1 ... 2^32 - 1
template <class Use>
void each_draw(std::uint64_t seed, std::uint64_t stream, std::size_t n, Use use) {
    const draw_problem p{seed, stream, n, (std::uint64_t{1} << 32) % n};
    draw_block block;
    std::size_t left = n;
    for (std::uint64_t first = 0; left > 0; first += 32) {
        if (!draw_fast(p, first, block)) draw_plain(p, first, block);
        const std::size_t count = left < block.count ? left : block.count;
        use(std::span<const std::uint64_t>(block.index.data(), count));
        left -= count;
    }
}

/// Adds the values of whole blocks as far as the machine has a fast way; returns how many.
inline std::size_t add_fast([[maybe_unused]] const draw_problem& p, [[maybe_unused]] std::uint64_t first,
                            [[maybe_unused]] std::size_t blocks, [[maybe_unused]] const double* values,
                            [[maybe_unused]] std::array<double, 8>& part) {
#if HOLDFAST_X86_LEVELS
    if (holdfast::detail::machine_has_avx512()) return add_avx512(p, first, blocks, values, part);
#endif
    return 0;
}

/// Sum of the values drawn in one resample, in eight partial sums: the same bits on every machine.
inline double resampled_sum(std::span<const double> values, std::uint64_t seed, std::uint64_t stream) {
    std::array<double, 8> part{};
    const draw_problem p{seed, stream, values.size(), (std::uint64_t{1} << 32) % values.size()};
    std::uint64_t first = 0;
    for (std::size_t left = values.size(); left > 0; first += 32) {
        const std::size_t blocks = add_fast(p, first, left / 128, values.data(), part);
        first += 32 * blocks;
        left -= 128 * blocks;
        draw_block block;
        if (!draw_fast(p, first, block)) draw_plain(p, first, block);
        const std::size_t count = left < block.count ? left : block.count;
        std::size_t k = 0;
        for (; k + 8 <= count; k += 8)
            for (std::size_t l = 0; l < 8; ++l) part[l] += values[block.index[k + l]];
        for (; k < count; ++k) part[k % 8] += values[block.index[k]];
        left -= count;
    }
    return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

}  // namespace holdfast::metrics::detail
