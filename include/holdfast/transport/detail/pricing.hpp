#pragma once
// What a pass over all arcs asks of a row of costs, at the width of the machine: its least reduced cost, and which are
// small enough to be looked at. Builds on simd.hpp.

#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#if HOLDFAST_TRANSPORT_X86
#include <immintrin.h>
#endif

namespace holdfast::transport::detail {

#if HOLDFAST_TRANSPORT_SIMD

/// min_j (c_j − v_j)
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline Real least_reduced(const Real* c, const Real* v, std::size_t m) {
    using w = vec<Real, Bytes>;
    constexpr std::size_t parts = 64 / Bytes, step = 64 / sizeof(Real);
    typename w::type low[parts];
    for (std::size_t p = 0; p < parts; ++p) low[p] = typename w::type{} + std::numeric_limits<Real>::max();
    std::size_t j = 0;
    for (; j + step <= m; j += step)
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            typename w::type x, y;
            w::load(x, c + j + p * w::lanes);
            w::load(y, v + j + p * w::lanes);
            x -= y;
            lower_to<Real, Bytes>(low[p], x);
        }
    Real lane[step];
    __builtin_memcpy(lane, low, sizeof lane);
    Real least = *std::min_element(lane, lane + step);
    for (; j < m; ++j) least = std::min(least, c[j] - v[j]);
    return least;
}

/// low_j = min(low_j, c_j − by)
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline void lower_row(Real* low, const Real* c, Real by, std::size_t m) {
    using w = vec<Real, Bytes>;
    std::size_t j = 0;
    for (; j + w::lanes <= m; j += w::lanes) {
        typename w::type x, y;
        w::load(x, low + j);
        w::load(y, c + j);
        y -= by;
        lower_to<Real, Bytes>(x, y);
        w::store(low + j, x);
    }
    for (; j < m; ++j) low[j] = std::min(low[j], c[j] - by);
}

/// max_j |c_j|
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline Real largest_of(const Real* c, std::size_t m) {
    using w = vec<Real, Bytes>;
    typename w::type low = {}, high = {};
    std::size_t j = 0;
    for (; j + w::lanes <= m; j += w::lanes) {
        typename w::type x;
        w::load(x, c + j);
        lower_to<Real, Bytes>(low, x);
        raise_to<Real, Bytes>(high, x);
    }
    Real most = 0, lane[w::lanes];
    __builtin_memcpy(lane, &low, sizeof lane);
    for (const Real x : lane) most = std::max(most, -x);
    __builtin_memcpy(lane, &high, sizeof lane);
    for (const Real x : lane) most = std::max(most, x);
    for (; j < m; ++j) most = std::max(most, std::abs(c[j]));
    return most;
}

/// found = those j, in order, whose c_j − v_j is at most `limit`; returns how many. Steps of 64 bytes in which there is
/// none are passed over at once.
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline std::size_t at_most(const Real* c, const Real* v, Real limit, std::size_t m,
                                                  std::uint32_t* found) {
    using w = vec<Real, Bytes>;
    constexpr std::size_t parts = 64 / Bytes, step = 64 / sizeof(Real);
    std::size_t count = 0;
    for (std::size_t j = 0; j < m; j += step) {
        if (j + step <= m) {
            std::uint64_t any = 0;
#pragma GCC unroll 4
            for (std::size_t p = 0; p < parts; ++p) {
                typename w::type x, y;
                w::load(x, c + j + p * w::lanes);
                w::load(y, v + j + p * w::lanes);
                const auto below = x - y <= limit;
                std::uint64_t word[Bytes / 8];
                __builtin_memcpy(word, &below, sizeof word);
#pragma GCC unroll 8
                for (std::size_t k = 0; k < Bytes / 8; ++k) any |= word[k];
            }
            if (any == 0) continue;
        }
        for (std::size_t l = j; l < std::min(m, j + step); ++l) {  // written always, counted where it is one
            found[count] = static_cast<std::uint32_t>(l);
            count += static_cast<std::size_t>(c[l] - v[l] <= limit);
        }
    }
    return count;
}

#if HOLDFAST_TRANSPORT_X86
HOLDFAST_TRANSPORT_AVX512 inline std::size_t at_most_avx512(const float* c, const float* v, float limit, std::size_t m,
                                                            std::uint32_t* found) {
    const __m512 bound = _mm512_set1_ps(limit);
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    std::size_t count = 0;
    for (std::size_t j = 0; j < m; j += 16) {
        const auto inside = static_cast<__mmask16>(m - j < 16 ? (1U << (m - j)) - 1 : 0xffffU);
        const __m512 x = _mm512_sub_ps(_mm512_maskz_loadu_ps(inside, c + j), _mm512_maskz_loadu_ps(inside, v + j));
        const __mmask16 below = _mm512_mask_cmp_ps_mask(inside, x, bound, _CMP_LE_OQ);
        if (below == 0) continue;
        const __m512i at = _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(j)));
        _mm512_storeu_si512(found + count, _mm512_maskz_compress_epi32(below, at));
        count += static_cast<std::size_t>(__builtin_popcount(below));
    }
    return count;
}
#endif

#else

template <class Real, std::size_t>
Real least_reduced(const Real* c, const Real* v, std::size_t m) {
    Real least = std::numeric_limits<Real>::max();
    for (std::size_t j = 0; j < m; ++j) least = std::min(least, c[j] - v[j]);
    return least;
}
template <class Real, std::size_t>
void lower_row(Real* low, const Real* c, Real by, std::size_t m) {
    for (std::size_t j = 0; j < m; ++j) low[j] = std::min(low[j], c[j] - by);
}
template <class Real, std::size_t>
Real largest_of(const Real* c, std::size_t m) {
    Real most = 0;
    for (std::size_t j = 0; j < m; ++j) most = std::max(most, std::abs(c[j]));
    return most;
}
template <class Real, std::size_t>
std::size_t at_most(const Real* c, const Real* v, Real limit, std::size_t m, std::uint32_t* found) {
    std::size_t count = 0;
    for (std::size_t j = 0; j < m; ++j)
        if (c[j] - v[j] <= limit) found[count++] = static_cast<std::uint32_t>(j);
    return count;
}

#endif

template <class Real>
struct row_pricing {
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), Real, least, (const Real* c, const Real* v, std::size_t m), (c, v, m),
                              (least_reduced<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), void, lower, (Real * low, const Real* c, Real by, std::size_t m),
                              (low, c, by, m), (lower_row<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), Real, largest, (const Real* c, std::size_t m), (c, m),
                              (largest_of<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), std::size_t, some_below,
                              (const Real* c, const Real* v, Real limit, std::size_t m, std::uint32_t* found),
                              (c, v, limit, m, found), (at_most<Real, Bytes>))

    /// found [m, and room for 16 more] = those j, in order, whose c_j − v_j is at most `limit`; returns how many.
    static std::size_t below(const Real* c, const Real* v, Real limit, std::size_t m, std::uint32_t* found) {
#if HOLDFAST_TRANSPORT_X86
        if constexpr (sizeof(Real) == 4)
            if (machine_level() == simd_level::avx512) return at_most_avx512(c, v, limit, m, found);
#endif
        return some_below(c, v, limit, m, found);
    }
};

}  // namespace holdfast::transport::detail
