#pragma once
// One squared distance at a time, in double, from points as they were given: what a solver asks for the few costs that
// matter. Builds on row_scaling.hpp.

#include <holdfast/transport/detail/row_scaling.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <cstddef>

namespace holdfast::transport::detail {

#if HOLDFAST_TRANSPORT_SIMD

template <class X, class Y, std::size_t Bytes>
struct terms_between {
    const X* x;
    double p;
    const Y* y;
    double q;
    [[gnu::always_inline]] void many(std::size_t k, typename vec<double, Bytes>::type& to) const {
        typename vec<double, Bytes>::type t;
        load_wide<X, Bytes>(to, x + k);
        load_wide<Y, Bytes>(t, y + k);
        to = to * p - t * q;
    }
    [[gnu::always_inline]] double one(std::size_t k) const {
        return static_cast<double>(x[k]) * p - static_cast<double>(y[k]) * q;
    }
};

/// Σ_k (x_k p − y_k q)^2
template <class X, class Y, std::size_t Bytes>
[[gnu::always_inline]] inline double squared_distance(const X* x, double p, const Y* y, double q, std::size_t d) {
    return sum_of_squares<Bytes>(terms_between<X, Y, Bytes>{x, p, y, q}, d);
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
