#pragma once
// What is true of a row of numbers, found at the width of the machine: whether all are finite, their extremes, and
// weighted sums. Steps of 64 bytes at every width, so sums have one order everywhere. Builds on simd.hpp.

#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace holdfast::transport::detail {

template <class Real>
struct row_extremes {
    Real least, greatest;
};

/// Extremes of c, and Σ b_j (c_j − origin), Σ b_j (c_j − origin)^2.
template <class Real>
struct row_moments {
    Real least, greatest;
    double sum = 0, squares = 0;
};

#if HOLDFAST_TRANSPORT_SIMD

template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline bool finite_row(const Real* x, std::size_t m) {
    using v = vec<Real, Bytes>;
    constexpr std::size_t parts = 64 / Bytes, step = 64 / sizeof(Real);
    typename v::type sum[parts] = {};  // x − x is 0 for finite x, else not a number, and so is the sum
    std::size_t j = 0;
    for (; j + step <= m; j += step)
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            typename v::type y;
            v::load(y, x + j + p * v::lanes);
            sum[p] += y - y;
        }
    Real rest = sum_parts<Real, Bytes>(sum);
    for (; j < m; ++j) rest += x[j] - x[j];
    return rest == 0;
}

template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline row_extremes<Real> extremes_of_row(const Real* c, std::size_t m) {
    using v = vec<Real, Bytes>;
    typename v::type low = typename v::type{} + c[0], high = low;
    std::size_t j = 0;
    for (; j + v::lanes <= m; j += v::lanes) {
        typename v::type x;
        v::load(x, c + j);
        lower_to<Real, Bytes>(low, x);
        raise_to<Real, Bytes>(high, x);
    }
    row_extremes<Real> made{least_lane<Real, Bytes>(low), -least_lane<Real, Bytes>(-high)};
    for (; j < m; ++j) {
        made.least = std::min(made.least, c[j]);
        made.greatest = std::max(made.greatest, c[j]);
    }
    return made;
}

template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline row_moments<Real> moments_of_row(const Real* c, const Real* b, Real origin,
                                                               std::size_t m) {
    using v = vec<Real, Bytes>;
    using vector = typename v::type;
    constexpr std::size_t parts = 64 / Bytes, step = 64 / sizeof(Real);
    vector low[parts], high[parts], sum[parts] = {}, squares[parts] = {};
    for (std::size_t p = 0; p < parts; ++p) low[p] = high[p] = vector{} + c[0];
    std::size_t j = 0;
    for (; j + step <= m; j += step)
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            vector x, w;
            v::load(x, c + j + p * v::lanes);
            v::load(w, b + j + p * v::lanes);
            low[p] = x < low[p] ? x : low[p];
            high[p] = x > high[p] ? x : high[p];
            x -= origin;
            w *= x;
            sum[p] += w;
            squares[p] += w * x;
        }
    Real lane[step];
    __builtin_memcpy(lane, low, sizeof lane);
    row_moments<Real> made{*std::min_element(lane, lane + step), 0};
    __builtin_memcpy(lane, high, sizeof lane);
    made.greatest = *std::max_element(lane, lane + step);
    made.sum = static_cast<double>(sum_parts<Real, Bytes>(sum));
    made.squares = static_cast<double>(sum_parts<Real, Bytes>(squares));
    for (; j < m; ++j) {
        made.least = std::min(made.least, c[j]);
        made.greatest = std::max(made.greatest, c[j]);
        const auto x = static_cast<double>(c[j] - origin), w = static_cast<double>(b[j]) * x;
        made.sum += w;
        made.squares += w * x;
    }
    return made;
}

#else

template <class Real, std::size_t>
bool finite_row(const Real* x, std::size_t m) {
    Real sum = 0;
    for (std::size_t j = 0; j < m; ++j) sum += x[j] - x[j];
    return sum == 0;
}

template <class Real, std::size_t>
row_extremes<Real> extremes_of_row(const Real* c, std::size_t m) {
    const auto [least, greatest] = std::minmax_element(c, c + m);
    return {*least, *greatest};
}

template <class Real, std::size_t>
row_moments<Real> moments_of_row(const Real* c, const Real* b, Real origin, std::size_t m) {
    row_moments<Real> made{c[0], c[0]};
    for (std::size_t j = 0; j < m; ++j) {
        made.least = std::min(made.least, c[j]);
        made.greatest = std::max(made.greatest, c[j]);
        const auto x = static_cast<double>(c[j] - origin), w = static_cast<double>(b[j]) * x;
        made.sum += w;
        made.squares += w * x;
    }
    return made;
}

#endif

template <class Real>
struct row_facts {
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), bool, finite, (const Real* x, std::size_t m), (x, m),
                              (finite_row<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), row_extremes<Real>, extremes, (const Real* c, std::size_t m), (c, m),
                              (extremes_of_row<Real, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), row_moments<Real>, moments,
                              (const Real* c, const Real* b, Real origin, std::size_t m), (c, b, origin, m),
                              (moments_of_row<Real, Bytes>))
};

}  // namespace holdfast::transport::detail
