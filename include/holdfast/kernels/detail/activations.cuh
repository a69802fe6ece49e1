#pragma once
// Activations and their derivatives, in fp32. Builds on core/config.hpp.

#include <holdfast/core/config.hpp>

#include <cmath>

namespace holdfast::kernels {

/// What a layer's output may be passed through.
enum class activation {
    none,
    relu,      ///< max(z, 0), its derivative at 0 is 0
    silu,      ///< z / (1 + exp(-z))
    gelu,      ///< z Phi(z), Phi the normal distribution
    gelu_tanh  ///< the same with Phi(z) = (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2
};

namespace detail {

[[nodiscard]] HOLDFAST_HD inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

inline constexpr float gelu_inner = 0.7978845608f, gelu_cube = 0.044715f;  // sqrt(2 / pi), and the cube's factor

/// f(z); NaN stays.
[[nodiscard]] HOLDFAST_HD inline float activated(activation f, float z) {
    switch (f) {
        case activation::relu:
            return z <= 0.0f ? 0.0f : z;
        case activation::silu:
            return z * sigmoid(z);
        case activation::gelu:
            return 0.5f * z * erfcf(-0.7071067812f * z);  // 1 + erf loses the lower tail
        case activation::gelu_tanh:
            return z * sigmoid(2.0f * gelu_inner * (z + gelu_cube * z * z * z));
        case activation::none:
            break;
    }
    return z;
}

/// f'(z).
[[nodiscard]] HOLDFAST_HD inline float activation_slope(activation f, float z) {
    switch (f) {
        case activation::relu:
            return z <= 0.0f ? 0.0f : z == z ? 1.0f : z;
        case activation::silu: {
            const float s = sigmoid(z);
            return s * (1.0f + z * (1.0f - s));
        }
        case activation::gelu:
            return 0.5f * erfcf(-0.7071067812f * z) + z * 0.3989422804f * expf(-0.5f * z * z);
        case activation::gelu_tanh: {
            const float s = sigmoid(2.0f * gelu_inner * (z + gelu_cube * z * z * z));
            return s + z * s * (1.0f - s) * 2.0f * gelu_inner * (1.0f + 3.0f * gelu_cube * z * z);
        }
        case activation::none:
            break;
    }
    return 1.0f;
}

}  // namespace detail
}  // namespace holdfast::kernels
