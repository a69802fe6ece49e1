#pragma once
// What a pass over all arcs asks of a row of costs, at the width of the machine: its least reduced cost, and which
// steps of 64 bytes hold one that is small enough to be looked at. Builds on simd.hpp.

#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

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

/// low_j = min(low_j, c_j)
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline void lower_row(Real* low, const Real* c, std::size_t m) {
    using w = vec<Real, Bytes>;
    std::size_t j = 0;
    for (; j + w::lanes <= m; j += w::lanes) {
        typename w::type x, y;
        w::load(x, low + j);
        w::load(y, c + j);
        lower_to<Real, Bytes>(x, y);
        w::store(low + j, x);
    }
    for (; j < m; ++j) low[j] = std::min(low[j], c[j]);
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

/// flagged[p] = whether any c_j − v_j of step p is at most `limit`
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline void flag_steps(const Real* c, const Real* v, Real limit, std::size_t m,
                                              std::uint8_t* flagged) {
    using w = vec<Real, Bytes>;
    constexpr std::size_t parts = 64 / Bytes, step = 64 / sizeof(Real);
    std::size_t j = 0, at = 0;
    for (; j + step <= m; j += step, ++at) {
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
        flagged[at] = any != 0;
    }
    if (j == m) return;
    bool any = false;
    for (; j < m; ++j) any = any || c[j] - v[j] <= limit;
    flagged[at] = any;
}

#else

template <class Real, std::size_t>
Real least_reduced(const Real* c, const Real* v, std::size_t m) {
    Real least = std::numeric_limits<Real>::max();
    for (std::size_t j = 0; j < m; ++j) least = std::min(least, c[j] - v[j]);
    return least;
}
template <class Real, std::size_t>
void lower_row(Real* low, const Real* c, std::size_t m) {
    for (std::size_t j = 0; j < m; ++j) low[j] = std::min(low[j], c[j]);
}
template <class Real, std::size_t>
Real largest_of(const Real* c, std::size_t m) {
    Real most = 0;
    for (std::size_t j = 0; j < m; ++j) most = std::max(most, std::abs(c[j]));
    return most;
}
template <class Real, std::size_t>
void flag_steps(const Real* c, const Real* v, Real limit, std::size_t m, std::uint8_t* flagged) {
    constexpr std::size_t step = 64 / sizeof(Real);
    for (std::size_t p = 0; p * step < m; ++p) {
        bool any = false;
        for (std::size_t j = p * step; j < std::min(m, (p + 1) * step); ++j) any = any || c[j] - v[j] <= limit;
        flagged[p] = any;
    }
}

#endif

template <class Real>
struct row_pricing {
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), Real, least, (const Real* c, const Real* v, std::size_t m), (c, v, m),
                              (least_reduced<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), void, lower, (Real * low, const Real* c, std::size_t m), (low, c, m),
                              (lower_row<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), Real, largest, (const Real* c, std::size_t m), (c, m),
                              (largest_of<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), void, flag,
                              (const Real* c, const Real* v, Real limit, std::size_t m, std::uint8_t* flagged),
                              (c, v, limit, m, flagged), (flag_steps<Real, Bytes>))
};

}  // namespace holdfast::transport::detail
