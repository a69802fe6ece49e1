#pragma once
// One squared distance at a time, in double, from points as they were given: what a solver asks for the few costs that
// matter. Builds on row_scaling.hpp.

#include <holdfast/transport/detail/row_scaling.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <cstddef>

namespace holdfast::transport::detail {

#if HOLDFAST_TRANSPORT_SIMD

/// Σ_k (x_k p − y_k q)^2
template <class X, class Y, std::size_t Bytes>
[[gnu::always_inline]] inline double squared_distance(const X* x, double p, const Y* y, double q, std::size_t d) {
    using v = vec<double, Bytes>;
    constexpr std::size_t parts = 64 / Bytes, chains = 4, step = chains * 64 / sizeof(double);
    typename v::type sum[chains * parts] = {};  // chains, so that no addition waits for the one before
    std::size_t k = 0;
    for (; k + step <= d; k += step)
#pragma GCC unroll 16
        for (std::size_t r = 0; r < chains * parts; ++r) {
            typename v::type s, t;
            load_wide<X, Bytes>(s, x + k + r * v::lanes);
            load_wide<Y, Bytes>(t, y + k + r * v::lanes);
            s = s * p - t * q;
            sum[r] += s * s;
        }
    typename v::type part[parts];
    for (std::size_t r = 0; r < parts; ++r)
        part[r] = (sum[r] + sum[parts + r]) + (sum[2 * parts + r] + sum[3 * parts + r]);
    double rest = sum_parts<double, Bytes>(part);
    for (; k < d; ++k) {
        const double t = static_cast<double>(x[k]) * p - static_cast<double>(y[k]) * q;
        rest += t * t;
    }
    return rest;
}

#else

template <class X, class Y, std::size_t>
double squared_distance(const X* x, double p, const Y* y, double q, std::size_t d) {
    double sum = 0;
    for (std::size_t k = 0; k < d; ++k) {
        const double t = static_cast<double>(x[k]) * p - static_cast<double>(y[k]) * q;
        sum += t * t;
    }
    return sum;
}

#endif

template <class X, class Y>
struct precise_distance {
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), double, squared,
                              (const X* x, double p, const Y* y, double q, std::size_t d), (x, p, y, q, d),
                              (squared_distance<X, Y, Bytes>))
};

}  // namespace holdfast::transport::detail
