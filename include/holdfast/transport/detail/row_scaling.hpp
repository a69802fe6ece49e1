#pragma once
// The length of a row of numbers, and a row brought to another length, at the width of the machine; in double, whatever
// comes in and goes out. Sums have the same order at every width. Builds on simd.hpp.

#include <holdfast/transport/detail/simd.hpp>

#include <cstddef>

namespace holdfast::transport::detail {

#if HOLDFAST_TRANSPORT_SIMD

template <class T, std::size_t Bytes>
[[gnu::always_inline]] inline void load_wide(typename vec<double, Bytes>::type& to, const T* from) {
    if constexpr (sizeof(T) == sizeof(double)) {
        vec<double, Bytes>::load(to, from);
    } else {
        typename vec<T, Bytes / 2>::type narrow;
        __builtin_memcpy(&narrow, from, sizeof narrow);
        to = __builtin_convertvector(narrow, typename vec<double, Bytes>::type);
    }
}

/// Σ_k term_k^2 over d terms, which `terms` makes a vector at a time from the k-th on, at the end one by one.
template <std::size_t Bytes, class Terms>
[[gnu::always_inline]] inline double sum_of_squares(const Terms& terms, std::size_t d) {
    using v = vec<double, Bytes>;
    constexpr std::size_t parts = 64 / Bytes, chains = 4, step = chains * 64 / sizeof(double);
    typename v::type sum[chains * parts] = {};  // chains, so that no addition waits for the one before
    std::size_t k = 0;
    for (; k + step <= d; k += step)
#pragma GCC unroll 16
        for (std::size_t r = 0; r < chains * parts; ++r) {
            typename v::type t;
            terms.many(k + r * v::lanes, t);
            sum[r] += t * t;
        }
    typename v::type part[parts];
    for (std::size_t r = 0; r < parts; ++r)
        part[r] = (sum[r] + sum[parts + r]) + (sum[2 * parts + r] + sum[3 * parts + r]);
    double rest = sum_parts<double, Bytes>(part);
    for (; k < d; ++k) rest += terms.one(k) * terms.one(k);
    return rest;
}

template <class T, std::size_t Bytes>
struct own_terms {
    const T* x;
    [[gnu::always_inline]] void many(std::size_t k, typename vec<double, Bytes>::type& to) const {
        load_wide<T, Bytes>(to, x + k);
    }
    [[gnu::always_inline]] double one(std::size_t k) const { return static_cast<double>(x[k]); }
};

/// Σ_k x_k^2
template <class T, std::size_t Bytes>
[[gnu::always_inline]] inline double square_of_row(const T* x, std::size_t d) {
    return sum_of_squares<Bytes>(own_terms<T, Bytes>{x}, d);
}

/// to_k = x_k factor
template <class T, class Real, std::size_t Bytes>
[[gnu::always_inline]] inline void scale_row(const T* x, double factor, std::size_t d, Real* to) {
    using v = vec<double, Bytes>;
    std::size_t k = 0;
    for (; k + v::lanes <= d; k += v::lanes) {
        typename v::type t;
        load_wide<T, Bytes>(t, x + k);
        t *= factor;
        if constexpr (sizeof(Real) == sizeof(double)) {
            v::store(to + k, t);
        } else {
            const auto narrow = __builtin_convertvector(t, typename vec<Real, Bytes / 2>::type);
            __builtin_memcpy(to + k, &narrow, sizeof narrow);
        }
    }
    for (; k < d; ++k) to[k] = static_cast<Real>(static_cast<double>(x[k]) * factor);
}

#else

template <class T, std::size_t>
double square_of_row(const T* x, std::size_t d) {
    double part[4] = {};  // four sums at once: one addition does not wait for another
    for (std::size_t k = 0; k < d; ++k) part[k % 4] += static_cast<double>(x[k]) * static_cast<double>(x[k]);
    return (part[0] + part[1]) + (part[2] + part[3]);
}
template <class T, class Real, std::size_t>
void scale_row(const T* x, double factor, std::size_t d, Real* to) {
    for (std::size_t k = 0; k < d; ++k) to[k] = static_cast<Real>(static_cast<double>(x[k]) * factor);
}

#endif

/// T, Real: float or double.
template <class T, class Real>
struct row_scaling {
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), double, square, (const T* x, std::size_t d), (x, d),
                              (square_of_row<T, Bytes>))
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), void, scale, (const T* x, double factor, std::size_t d, Real* to),
                              (x, factor, d, to), (scale_row<T, Real, Bytes>))
};

}  // namespace holdfast::transport::detail
