#include <holdfast/core/half.hpp>
#include <holdfast/core/matrix.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "support/test.hpp"

using holdfast::bfloat16;
using holdfast::half;

namespace {

/// The value that a pattern means, as the standard defines it.
double value_of(std::uint16_t bits, int exponent_bits, int fraction_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1, fraction = bits & ((1 << fraction_bits) - 1);
    const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
    const double sign = bits & 0x8000 ? -1 : 1, one = 1 << fraction_bits;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                             : sign * std::numeric_limits<double>::infinity();
    if (exponent == 0) return sign * std::ldexp(fraction / one, 1 - bias);
    return sign * std::ldexp(1 + fraction / one, exponent - bias);
}

/// All patterns: value, way back, and what lies between two neighbours.
template <class Number>
void check_all_patterns(int exponent_bits, int fraction_bits) {
    for (std::uint32_t pattern = 0; pattern < 65536; ++pattern) {
        const auto bits = static_cast<std::uint16_t>(pattern);
        const Number x = Number::from_bits(bits);
        const double expected = value_of(bits, exponent_bits, fraction_bits);
        const auto f = static_cast<float>(x);
        if (std::isnan(expected)) {
            REQUIRE(std::isnan(f));
            REQUIRE(std::isnan(static_cast<float>(Number(f))));
            continue;
        }
        REQUIRE(double(f) == expected);
        REQUIRE(std::signbit(f) == (bits >> 15 != 0));
        REQUIRE(Number(f).bits == bits);
        if (std::isinf(f)) continue;
        // To the next in size: the middle goes to the even one, anything nearer goes to the nearer.
        const auto next = static_cast<std::uint16_t>(bits + 1);
        double to = value_of(next, exponent_bits, fraction_bits);
        if (std::isinf(to)) to = 2 * expected - value_of(std::uint16_t(bits - 1), exponent_bits, fraction_bits);
        const auto middle = static_cast<float>((expected + to) / 2);
        REQUIRE(double(middle) == (expected + to) / 2);
        REQUIRE(Number(middle).bits == (bits % 2 == 0 ? bits : next));
        REQUIRE(Number(std::nextafter(middle, f)).bits == bits);
        REQUIRE(Number(std::nextafter(middle, bits >> 15 != 0 ? -INFINITY : INFINITY)).bits == next);
    }
}

}  // namespace

TEST_CASE("every half is the number that the standard says, and rounding goes to the nearest") {
    check_all_patterns<half>(5, 10);
    CHECK(half(1e-8F).bits == 0);
    CHECK(half(-1e-30F).bits == 0x8000);
    CHECK(std::isinf(float(half(1e6F))));
    CHECK(float(half(65504.0F)) == 65504.0F);
}

TEST_CASE("every bfloat16 is the upper half of a float, and rounding goes to the nearest") {
    check_all_patterns<bfloat16>(8, 7);
    static_assert(bfloat16(1.0F).bits == 0x3f80);
}

TEST_CASE("numbers of 16 bits fill matrices and compute as floats") {
    static_assert(holdfast::narrow_float<half> && holdfast::narrow_float<bfloat16>);
    static_assert(!holdfast::narrow_float<std::uint16_t> && !holdfast::narrow_float<float>);
    static_assert(std::is_same_v<holdfast::computing_t<half>, float>);
    static_assert(std::is_same_v<holdfast::computing_t<double>, double>);
    const holdfast::matrix<half> m(2, 2, half(0.5F));
    CHECK(m(1, 1) + 1.0F == 1.5F);
    CHECK(half(2.0F) == half(2.0F));
}
