#pragma once
// IEEE half precision as the CUDA header has it, for the emulated GPU.
#include <cmath>
#include <cstdint>
#include <cstring>

struct __half {
    std::uint16_t bits;
};
inline float __half2float(__half h) {
    const int exponent = h.bits >> 10 & 31, fraction = h.bits & 1023;
    const float magnitude = exponent == 0    ? std::ldexp(static_cast<float>(fraction), -24)
                            : exponent == 31 ? (fraction ? NAN : INFINITY)
                                             : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    return h.bits & 0x8000u ? -magnitude : magnitude;
}
inline __half __float2half_rn(float f) {
    const std::uint16_t sign = std::signbit(f) ? 0x8000u : 0u;
    f = std::fabs(f);
    if (std::isnan(f)) return {0x7FFF};
    if (f >= 65520.0f) return {static_cast<std::uint16_t>(sign | 0x7C00u)};
    if (f < 0x1p-14f) return {static_cast<std::uint16_t>(sign | static_cast<unsigned>(std::nearbyint(f * 0x1p24f)))};
    int exponent;
    const float fraction = std::frexp(f, &exponent);                                      // 0.5 to 1
    const unsigned mantissa = static_cast<unsigned>(std::nearbyint(fraction * 2048.0f));  // 1024 to 2048
    return {static_cast<std::uint16_t>(sign | ((static_cast<unsigned>(exponent + 13) << 10) + mantissa))};
}
