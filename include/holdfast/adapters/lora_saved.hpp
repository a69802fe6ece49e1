#pragma once
// What a low-rank adapter's forward pass leaves for its backward pass on the CPU, and the gradients, whatever computes
// them (lora.hpp, lora_amx.hpp). Builds on core/matrix.hpp.

#include <holdfast/core/matrix.hpp>

#include <cstdint>
#include <vector>

namespace holdfast::adapters {

/// What forward leaves for backward: u and one bit per element of x, nothing more.
template <class T>
struct lora_saved {
    matrix<T> u;                      ///< s / (1 - p) (m . x) A' [m, r]
    std::vector<std::uint32_t> mask;  ///< [m, kernels::mask_words(in)] packed bits m, 1 = kept; empty if p = 0
    std::uint64_t seed = 0;           ///< what the mask was made from: the GPU makes the same one from it
};

template <class T>
struct lora_gradients {
    matrix<T> x;  ///< dL/dx [m, in]
    matrix<T> a;  ///< dL/dA [r, in]
    matrix<T> b;  ///< dL/dB [out, r]
};

}  // namespace holdfast::adapters
