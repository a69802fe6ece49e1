#include "support/test.hpp"

#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace {

double ulps(double got, double truth) {
    const double spacing = std::abs(std::nextafter(truth, std::numeric_limits<double>::infinity()) - truth);
    return std::abs(got - truth) / spacing;
}

}  // namespace

TEST_CASE("the portable logarithm is within two units in the last place") {
    holdfast::philox g{11};
    double worst = 0;
    for (int i = 0; i < 200000; ++i) {
        const double x = std::exp((holdfast::uniform(g) - 0.5) * 1400);
        worst = std::max(worst, ulps(holdfast::portable_log(x), std::log(x)));
    }
    for (int i = 0; i < 200000; ++i) {
        const double x = 0.5 + holdfast::uniform(g);
        if (x != 1) worst = std::max(worst, ulps(holdfast::portable_log(x), std::log(x)));
    }
    CHECK(worst <= 2);
}

TEST_CASE("the portable logarithm at its edges") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    CHECK(holdfast::portable_log(1) == 0);
    CHECK(holdfast::portable_log(0) == -infinity);
    CHECK(holdfast::portable_log(infinity) == infinity);
    CHECK(std::isnan(holdfast::portable_log(-1)));
    CHECK(std::isnan(holdfast::portable_log(std::nan(""))));
    CHECK(holdfast::portable_log(5e-324) == Approx(-744.4400719213812).epsilon(1e-15));
}

TEST_CASE("the portable exponential is within two units in the last place") {
    holdfast::philox g{12};
    double worst = 0;
    for (int i = 0; i < 200000; ++i) {
        const double x = (holdfast::uniform(g) - 0.5) * 1400;
        worst = std::max(worst, ulps(holdfast::portable_exp(x), std::exp(x)));
    }
    CHECK(worst <= 2);
    CHECK(holdfast::portable_exp(0) == 1);
    CHECK(holdfast::portable_exp(1000) == std::numeric_limits<double>::infinity());
    CHECK(holdfast::portable_exp(-1000) == 0);
    CHECK(std::isnan(holdfast::portable_exp(std::nan(""))));
}

TEST_CASE("a half turn and its parts") {
    double worst = 0;
    for (int i = 0; i <= 20000; ++i) {
        const double t = double(i) / 10000.0;
        const auto got = holdfast::detail::portable_half_turn(t);
        worst = std::max({worst, std::abs(got.cos - std::cos(std::numbers::pi * t)),
                          std::abs(got.sin - std::sin(std::numbers::pi * t))});
    }
    CHECK(worst < 1e-15);
    CHECK(holdfast::detail::portable_half_turn(0).cos == 1);
    CHECK(holdfast::detail::portable_half_turn(1).cos == -1);
    CHECK(holdfast::detail::portable_half_turn(0.5).sin == 1);
}
