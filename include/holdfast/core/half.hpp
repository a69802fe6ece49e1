#pragma once
// Numbers of 16 bits as models store them: half (IEEE binary16) and bfloat16. They hold, they do not compute: each
// becomes a float, exactly, wherever one is wanted, and a float becomes one by rounding to the nearest, ties to even.
// Builds on the standard library.

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace holdfast {

/// IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits; greatest finite value 65504.
struct half {
    std::uint16_t bits;

    half() = default;
    /// The nearest half; beyond 65519 infinity. What is not a number stays so.
    constexpr explicit half(float x) : bits(round(std::bit_cast<std::uint32_t>(x))) {}
    [[nodiscard]] static constexpr half from_bits(std::uint16_t bits) {
        half h{};
        h.bits = bits;
        return h;
    }
    constexpr operator float() const {  // NOLINT: exact, and meant to convert
        const std::uint32_t sign = (bits & 0x8000U) << 16, exponent = bits >> 10 & 31U, fraction = bits & 1023U;
        if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
        if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
        const float least = static_cast<float>(fraction) * 0x1p-24F;  // below the normal range
        return sign != 0 ? -least : least;
    }

  private:
    static constexpr std::uint16_t round(std::uint32_t x) {
        const std::uint32_t sign = x >> 16 & 0x8000U, size = x & 0x7fffffffU;
        std::uint32_t to;
        if (size > 0x7f800000U)
            to = 0x7e00U | (size >> 13 & 1023U);  // not a number: as much of it as fits
        else if (size >= 0x477ff000U)
            to = 0x7c00U;  // 65520 and more
        else if (size >= 0x38800000U)
            to = (size - 0x38000000U + 0xfffU + (size >> 13 & 1U)) >> 13;  // 2^-14 and more
        else if (size <= 0x33000000U)
            to = 0;  // 2^-25 and less
        else {
            const std::uint32_t shift = 126 - (size >> 23), whole = (size & 0x7fffffU) | 0x800000U;
            to = (whole + (1U << (shift - 1)) - 1 + (whole >> shift & 1U)) >> shift;
        }
        return static_cast<std::uint16_t>(sign | to);
    }
};

/// The upper half of a float: 1 sign, 8 exponent and 7 fraction bits.
struct bfloat16 {
    std::uint16_t bits;

    bfloat16() = default;
    /// The nearest bfloat16. What is not a number stays so.
    constexpr explicit bfloat16(float x) : bits(round(std::bit_cast<std::uint32_t>(x))) {}
    [[nodiscard]] static constexpr bfloat16 from_bits(std::uint16_t bits) {
        bfloat16 b{};
        b.bits = bits;
        return b;
    }
    constexpr operator float() const {  // NOLINT: exact, and meant to convert
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
    }

  private:
    static constexpr std::uint16_t round(std::uint32_t x) {
        if ((x & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(x >> 16 | 64U);
        return static_cast<std::uint16_t>((x + 0x7fffU + (x >> 16 & 1U)) >> 16);
    }
};

/// A number of 16 bits that a float can hold: half and bfloat16 of this header, of Eigen, of CUDA, of C++23.
template <class T>
concept narrow_float = sizeof(T) == 2 && !std::integral<T> && std::is_trivially_copyable_v<T> && requires(const T& x) {
    { static_cast<float>(x) } -> std::same_as<float>;
};

/// Anything that computes as a float or a double: these themselves, and numbers of 16 bits.
template <class T>
concept real_number = std::same_as<T, float> || std::same_as<T, double> || narrow_float<T>;

/// What a real_number computes in: itself, or float.
template <real_number T>
using computing_t = std::conditional_t<std::floating_point<T> && sizeof(T) >= sizeof(float), T, float>;

}  // namespace holdfast
