#pragma once
// The draws of a bootstrap: n indices from 0 ... n-1 with replacement, 128 at a time from 32 counters of the generator,
// in the vector registers of the machine that runs it. Builds on core's generator. GCC's vector extension where it is,
// plain loops elsewhere; the same indices everywhere.

#include <holdfast/core/cpu.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#if defined(__GNUC__) && !defined(__CUDACC__) && defined(__x86_64__)
#define HOLDFAST_METRICS_VECTORS 1
#else
#define HOLDFAST_METRICS_VECTORS 0
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

#if HOLDFAST_METRICS_VECTORS

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

__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2"))) inline bool draw_avx512(const draw_problem& p,
                                                                                           std::uint64_t first,
                                                                                           draw_block& block) {
    return draw_vectors<64>::draw(p, first, block);
}
__attribute__((target("avx2"))) inline bool draw_avx2(const draw_problem& p, std::uint64_t first, draw_block& block) {
    return draw_vectors<32>::draw(p, first, block);
}
inline bool draw_sse2(const draw_problem& p, std::uint64_t first, draw_block& block) {
    return draw_vectors<16>::draw(p, first, block);
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

/// Sum of the values drawn in one resample, in eight partial sums: the same bits on every machine.
inline double resampled_sum(std::span<const double> values, std::uint64_t seed, std::uint64_t stream) {
    std::array<double, 8> part{};
    each_draw(seed, stream, values.size(), [&](std::span<const std::uint64_t> index) {
        std::size_t k = 0;
        for (; k + 8 <= index.size(); k += 8)
            for (std::size_t l = 0; l < 8; ++l) part[l] += values[index[k + l]];
        for (; k < index.size(); ++k) part[k % 8] += values[index[k]];
    });
    return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

}  // namespace holdfast::metrics::detail
