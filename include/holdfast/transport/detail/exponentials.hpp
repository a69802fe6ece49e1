#pragma once
// Exponentials and logarithms of a vector, in place: polynomials, a few units in the last place. GCC's vector extension
// alone (nothing is here without it). Builds on simd.hpp.

#include <holdfast/transport/detail/simd.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace holdfast::transport::detail {

#if HOLDFAST_TRANSPORT_SIMD

/// x = exp(x) for x <= 0; below the smallest normal number, that number (1e-38 or 1e-308) instead of zero.
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline void exp_in_place(typename vec<Real, Bytes>::type& x) {
    using vector = typename vec<Real, Bytes>::type;
    constexpr bool single = sizeof(Real) == 4;
    typedef std::int32_t narrow __attribute__((vector_size(single ? Bytes : Bytes / 2)));
    typedef std::conditional_t<single, std::int32_t, std::int64_t> integer;
    typedef integer ints __attribute__((vector_size(Bytes)));
    const vector low = vector{} + Real(single ? -87 : -708);
    raise_to<Real, Bytes>(x, low);
    const narrow k = __builtin_convertvector(x * Real(1.44269504088896340736) - Real(0.5), narrow);
    const vector r = __builtin_convertvector(k, vector);  // x = r log 2 + t, log 2 in two parts
    vector t, p;
    if constexpr (single) {
        t = (x - r * 0.693359375f) + r * 2.12194440e-4f;
        p = t * 1.9875691500e-4f + 1.3981999507e-3f;  // Cephes, expf
        p = p * t + 8.3334519073e-3f;
        p = p * t + 4.1665795894e-2f;
        p = p * t + 1.6666665459e-1f;
        p = p * t + 5.0000001201e-1f;
    } else {
        t = (x - r * 6.93147180369123816490e-01) - r * 1.90821492927058770002e-10;
        p = t * (1 / 6227020800.0) + 1 / 479001600.0;  // Taylor to t^13: |t| <= 0.35
        p = p * t + 1 / 39916800.0;
        p = p * t + 1 / 3628800.0;
        p = p * t + 1 / 362880.0;
        p = p * t + 1 / 40320.0;
        p = p * t + 1 / 5040.0;
        p = p * t + 1 / 720.0;
        p = p * t + 1 / 120.0;
        p = p * t + 1 / 24.0;
        p = p * t + 1 / 6.0;
        p = p * t + 0.5;
    }
    p = p * (t * t) + (t + Real(1));
    const ints bits = (__builtin_convertvector(k, ints) + integer(single ? 127 : 1023)) << integer(single ? 23 : 52);
    vector scale;
    __builtin_memcpy(&scale, &bits, sizeof scale);
    x = p * scale;
}

/// x = 2^x for x between -126 and 126 (clamped), float: a power of two, and the rest by a polynomial of relative error
/// 1e-7.
template <std::size_t Bytes>
[[gnu::always_inline]] inline void exp2_in_place(typename vec<float, Bytes>::type& x) {
    using vector = typename vec<float, Bytes>::type;
    using ints = typename vec<std::int32_t, Bytes>::type;
    raise_to<float, Bytes>(x, vector{} - 126.0F);
    lower_to<float, Bytes>(x, vector{} + 126.0F);
    const ints biased = __builtin_convertvector(x + 127.5F, ints);  // positive, so this rounds x to the nearest
    const vector t = x - (__builtin_convertvector(biased, vector) - 127.0F);  // exactly
    vector p = t * 0.001326472733353675F + 0.009671512823845322F;
    p = p * t + 0.05550733744514083F;
    p = p * t + 0.24022242082496928F;
    p = p * t + 0.6931469775975252F;
    p = p * t + 1.0F;
    const ints bits = biased << 23;
    vector power;
    __builtin_memcpy(&power, &bits, sizeof power);
    x = p * power;
}

/// x = log x for positive, finite, normal x (Cephes, logf).
template <std::size_t Bytes>
[[gnu::always_inline]] inline void log_in_place(typename vec<float, Bytes>::type& x) {
    using vector = typename vec<float, Bytes>::type;
    using ints = typename vec<std::int32_t, Bytes>::type;
    ints bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    bits -= 0x3f3504f3;  // of the root of 1/2: what is left of x lies between it and its double
    const vector exponent = __builtin_convertvector(bits >> 23, vector);
    const ints rest = (bits & 0x7fffff) + 0x3f3504f3;
    vector t;
    __builtin_memcpy(&t, &rest, sizeof rest);
    t -= 1.0F;
    vector p = t * 7.0376836292e-2F - 1.1514610310e-1F;
    p = p * t + 1.1676998740e-1F;
    p = p * t - 1.2420140846e-1F;
    p = p * t + 1.4249322787e-1F;
    p = p * t - 1.6668057665e-1F;
    p = p * t + 2.0000714765e-1F;
    p = p * t - 2.4999993993e-1F;
    p = p * t + 3.3333331174e-1F;
    const vector square = t * t;
    x = (p * t * square - exponent * 2.12194440e-4F - square * 0.5F + t) + exponent * 0.693359375F;
}

#endif

}  // namespace holdfast::transport::detail
