#pragma once
// Shape and hyper-parameters of a low-rank adapter, the same for the CPU (lora.hpp) and the GPU (lora.cuh). Builds on
// core/error.hpp; leaves out all arithmetic.

#include <holdfast/core/error.hpp>

#include <cmath>
#include <cstddef>

namespace holdfast::adapters {

/// Shape and hyper-parameters of one adapter.
struct lora_options {
    std::size_t in = 0;            ///< columns of x, K
    std::size_t out = 0;           ///< columns of y, N
    std::size_t rank = 8;          ///< r
    double alpha = 16;             ///< numerator of the scale
    double dropout = 0;            ///< probability p that an element of x is hidden from the adapter, 0 <= p < 1
    bool rank_stabilised = false;  ///< scale alpha / sqrt(r) (Kalajdzievski 2023, rsLoRA) instead of alpha / r

    /// s: alpha / r, or alpha / sqrt(r) where rank-stabilised.
    [[nodiscard]] double scale() const {
        const double r = static_cast<double>(rank);
        return alpha / (rank_stabilised ? std::sqrt(r) : r);
    }
};

/// The options themselves, if they make sense.
/// @throw invalid_argument if a size is 0, p is outside [0, 1), or alpha is not finite
inline const lora_options& checked(const lora_options& o, const char* door) {
    require(o.in > 0 && o.out > 0 && o.rank > 0, door, ": in, out and rank must be above 0, they are ", o.in, ", ",
            o.out, " and ", o.rank);
    require(o.dropout >= 0 && o.dropout < 1, door, ": dropout must be in [0, 1), it is ", o.dropout);
    require(std::isfinite(o.alpha), door, ": alpha must be finite, it is ", o.alpha);
    return o;
}

}  // namespace holdfast::adapters
