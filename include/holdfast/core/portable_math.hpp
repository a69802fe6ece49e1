#pragma once
// log, exp and sin/cos of a half turn with the same bits on every platform, for random draws that must not differ
// between machines. libm's own differ in the last bit from one C library to the next.
//
// Every step is one of + - * / sqrt and std::fma, all correctly rounded by IEEE 754; each sum of a product is an
// explicit fma, so that a compiler has nothing to contract. (-ffast-math voids this.) Errors are below 2 ulp; for plain
// arithmetic std::log is as good and faster.

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

namespace holdfast {

/// Natural logarithm with portable bits. log(0) = -infinity, of a negative number NaN.
[[nodiscard]] inline double portable_log(double x) {
    if (!(x > 0)) return x == 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    if (x == std::numeric_limits<double>::infinity()) return x;
    int exponent = 0;
    if (x < std::numeric_limits<double>::min()) {  // subnormal
        x *= 0x1p54;
        exponent = -54;
    }
    auto bits = std::bit_cast<std::uint64_t>(x);
    exponent += static_cast<int>(bits >> 52) - 1023;
    double m = std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);  // [1, 2)
    if (m > 0x1.6a09e667f3bcdp0) {                                                             // above sqrt(2)
        m *= 0.5;
        ++exponent;
    }
    // log m = 2 atanh(s), s = (m - 1) / (m + 1), |s| <= 0.1716: the series in s^2 to s^21.
    const double s = (m - 1.0) / (m + 1.0);
    const double z = s * s;
    double p = 1.0 / 21.0;
    for (const double c :
         {1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0})
        p = std::fma(p, z, c);
    // s^3 p is small beside s: adding it last keeps the error of s itself the largest.
    const double tail = (s * z) * p;
    const double e = exponent;
    constexpr double ln2_high = 0x1.62e42fefa3800p-1, ln2_low = 0x1.ef35793c76730p-45;
    const double small = std::fma(e, ln2_low, 2.0 * tail);
    return std::fma(e, ln2_high, std::fma(2.0, s, small));
}

/// e^x with portable bits.
[[nodiscard]] inline double portable_exp(double x) {
    if (std::isnan(x)) return x;
    if (x > 709.782712893384) return std::numeric_limits<double>::infinity();
    if (x < -745.133219101941) return 0.0;
    constexpr double log2e = 0x1.71547652b82fep+0;
    constexpr double ln2_high = 0x1.62e42fefa3800p-1, ln2_low = 0x1.ef35793c76730p-45;
    const double k = std::floor(std::fma(x, log2e, 0.5));
    const double r = std::fma(-k, ln2_low, std::fma(-k, ln2_high, x));  // |r| <= ln2 / 2
    double p = 1.0 / 6227020800.0;                                      // 1/13!
    for (const double c : {1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0,
                           1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0})
        p = std::fma(p, r, c);
    return std::ldexp(p, static_cast<int>(k));
}

namespace detail {

/// cos(pi t) and sin(pi t) for t in [0, 2), portable bits.
struct half_turn {
    double cos, sin;
};

[[nodiscard]] inline half_turn portable_half_turn(double t) {
    const int quadrant = static_cast<int>(std::floor(std::fma(t, 2.0, 0.5)));  // nearest quarter turn
    const double r = std::fma(-0.5, static_cast<double>(quadrant), t);         // [-1/4, 1/4], exact
    const double x = r * 3.14159265358979323846;
    const double z = x * x;
    double s = 1.0 / 355687428096000.0;  // 1/17!
    for (const double c : {-1.0 / 1307674368000.0, 1.0 / 6227020800.0, -1.0 / 39916800.0, 1.0 / 362880.0, -1.0 / 5040.0,
                           1.0 / 120.0, -1.0 / 6.0, 1.0})
        s = std::fma(s, z, c);
    s *= x;
    double c16 = 1.0 / 20922789888000.0;  // 1/16!
    for (const double c : {-1.0 / 87178291200.0, 1.0 / 479001600.0, -1.0 / 3628800.0, 1.0 / 40320.0, -1.0 / 720.0,
                           1.0 / 24.0, -0.5, 1.0})
        c16 = std::fma(c16, z, c);
    switch (quadrant & 3) {
        case 0:
            return {c16, s};
        case 1:
            return {-s, c16};
        case 2:
            return {-c16, -s};
        default:
            return {s, -c16};
    }
}

}  // namespace detail
}  // namespace holdfast
