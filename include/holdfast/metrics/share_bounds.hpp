#pragma once
// Wilson's bounds of a share for a given quantile: the arithmetic alone, so that what needs no Boost shares it with
// what does (significance.hpp, which has the door with its checks). Builds on the standard library.

#include <algorithm>
#include <cmath>

namespace holdfast::metrics::detail {

struct bounds {
    double lower = 0, upper = 1;
};

/// ( p + z²/2n ± z √( p(1−p)/n + z²/4n² ) ) / ( 1 + z²/n ), closed at 0 and 1.
/// @param share  p in 0..1 @param n  items, above 0 @param z  normal quantile
[[nodiscard]] inline bounds wilson_bounds(double share, double n, double z) {
    const double zz = z * z / n, centre = (share + zz / 2) / (1 + zz);
    const double half = z * std::sqrt(share * (1 - share) / n + zz / (4 * n)) / (1 + zz);
    return {share == 0 ? 0 : std::max(0.0, centre - half), share == 1 ? 1 : std::min(1.0, centre + half)};
}

}  // namespace holdfast::metrics::detail
