#pragma once
// Whether two rows are the same numbers, and a digest that tells most of those apart that are not, at the width of the
// machine. Zero has two signs and is one value. The same digest at every width. Builds on simd.hpp.

#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace holdfast::transport::detail {

struct row_digest {
    std::uint64_t hash;
    bool finite;  // all numbers are
};

inline constexpr std::uint32_t odd_word = 0x9e3779b1U;

/// Sixteen words become one of 64 bits.
inline std::uint64_t gathered(const std::uint32_t* lane) {
    constexpr std::uint64_t odd = 0xff51afd7ed558ccdU;
    std::uint64_t h[2] = {0x9e3779b97f4a7c15U, 1};  // one multiplication does not wait for another
    for (std::size_t k = 0; k < 16; k += 4)
        for (std::size_t c = 0; c < 2; ++c) {
            h[c] = (h[c] ^ (std::uint64_t{lane[k + 2 * c]} << 32U | lane[k + 2 * c + 1])) * odd;
            h[c] ^= h[c] >> 32U;
        }
    const std::uint64_t all = (h[0] ^ (h[1] << 31U | h[1] >> 33U)) * odd;
    return all ^ all >> 32U;
}

#if HOLDFAST_TRANSPORT_SIMD

/// Four chains of 64 bytes, each step one multiplication of every lane's word; a chain does not wait for another.
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline void digest_of_row(const Real* x, std::size_t d, std::uint64_t& hash, bool& finite) {
    using v = vec<Real, Bytes>;
    using words = typename vec<std::uint32_t, Bytes>::type;
    constexpr std::size_t parts = 64 / Bytes, step = 64 / sizeof(Real), chains = 4;
    words state[chains * parts];
    for (std::size_t s = 0; s < chains * parts; ++s) state[s] = words{} + static_cast<std::uint32_t>(s / parts + 1);
    typename v::type sum[parts] = {};  // x − x is 0 for finite x, else not a number, and so is the sum
    for (std::size_t j = 0; j < d; j += chains * step) {
        Real rest[chains * step];
        const Real* from = x + j;
        if (j + chains * step > d) {
            for (std::size_t l = 0; l < chains * step; ++l) rest[l] = j + l < d ? from[l] : 0;
            from = rest;
        }
#pragma GCC unroll 16
        for (std::size_t s = 0; s < chains * parts; ++s) {
            typename v::type y;
            v::load(y, from + s * v::lanes);
            sum[s % parts] += y - y;
            y += Real{0};
            words bits;
            std::memcpy(&bits, &y, sizeof bits);
            state[s] = (state[s] ^ bits) * odd_word;
            state[s] ^= state[s] >> 15U;
        }
    }
    for (std::size_t p = 0; p < parts; ++p)
        for (std::size_t c = 1; c < chains; ++c) state[p] = (state[p] ^ state[c * parts + p]) * odd_word;
    std::uint32_t lane[16];
    std::memcpy(lane, state, sizeof lane);
    hash = gathered(lane);
    finite = sum_parts<Real, Bytes>(sum) == 0;
}

template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline bool equal_rows(const Real* x, const Real* y, std::size_t d) {
    using v = vec<Real, Bytes>;
    constexpr std::size_t parts = 64 / Bytes, step = 64 / sizeof(Real);
    std::size_t j = 0;
    for (; j + step <= d; j += step) {
        std::uint64_t other = 0;
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            typename v::type s, t;
            v::load(s, x + j + p * v::lanes);
            v::load(t, y + j + p * v::lanes);
            const auto differ = s != t;
            std::uint64_t word[Bytes / 8];
            std::memcpy(word, &differ, sizeof word);
#pragma GCC unroll 8
            for (std::size_t k = 0; k < Bytes / 8; ++k) other |= word[k];
        }
        if (other != 0) return false;
    }
    return std::equal(x + j, x + d, y + j);
}

#else

template <class Real, std::size_t>
void digest_of_row(const Real* x, std::size_t d, std::uint64_t& hash, bool& finite) {
    constexpr std::size_t chains = 4, numbers = 64 / sizeof(Real), words = sizeof(Real) / 4;
    std::uint32_t state[chains][16];
    for (std::size_t c = 0; c < chains; ++c) std::fill_n(state[c], 16, static_cast<std::uint32_t>(c + 1));
    Real sum = 0;
    for (std::size_t j = 0; j < (d + chains * numbers - 1) / (chains * numbers) * chains * numbers; ++j) {
        const Real y = j < d ? x[j] : Real{0};
        sum += y - y;
        const auto bits = std::bit_cast<std::conditional_t<words == 1, std::uint32_t, std::uint64_t>>(y + Real{0});
        for (std::size_t w = 0; w < words; ++w) {
            std::uint32_t& s = state[j / numbers % chains][j % numbers * words + w];
            s = (s ^ static_cast<std::uint32_t>(std::uint64_t{bits} >> (32 * w))) * odd_word;
            s ^= s >> 15U;
        }
    }
    for (std::size_t l = 0; l < 16; ++l)
        for (std::size_t c = 1; c < chains; ++c) state[0][l] = (state[0][l] ^ state[c][l]) * odd_word;
    hash = gathered(state[0]);
    finite = sum == 0;
}

template <class Real, std::size_t>
bool equal_rows(const Real* x, const Real* y, std::size_t d) {
    return std::equal(x, x + d, y);
}

#endif

template <class Real>
struct row_identity {
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), void, find,
                              (const Real* x, std::size_t d, std::uint64_t& hash, bool& finite), (x, d, hash, finite),
                              (digest_of_row<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), bool, same, (const Real* x, const Real* y, std::size_t d), (x, y, d),
                              (equal_rows<Real, Bytes>))

    static row_digest digest(const Real* x, std::size_t d) {
        row_digest made{0, true};
        find(x, d, made.hash, made.finite);
        return made;
    }
};

}  // namespace holdfast::transport::detail
