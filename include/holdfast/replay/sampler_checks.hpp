#pragma once
// What samplers refuse. Builds on core.

#include <holdfast/core/error.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <string_view>

namespace holdfast::replay::detail {

inline void check_count(std::string_view what, std::size_t items) {
    require(items < std::numeric_limits<std::uint32_t>::max(), "replay::", what, ": fewer than 2^32 items, got ",
            items);
}

inline void check_weights(std::string_view what, std::span<const double> weights) {
    check_count(what, weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i)
        require(weights[i] >= 0 && weights[i] < std::numeric_limits<double>::infinity(), "replay::", what,
                ": a weight is a finite number of at least 0, weight ", i, " is ", weights[i]);
}

}  // namespace holdfast::replay::detail
