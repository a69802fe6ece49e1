// AdamW by hand, its schedule and its refusals; PyTorch's steps are in reference_test.cpp.

#include <trainer/adamw.hpp>

#include "support/test.hpp"

#include <cmath>
#include <limits>
#include <vector>

using trainer::basic_adamw;
using trainer::learning_rate_at;

namespace {
const std::vector<trainer::slice> two_slices{{"matrix", 0, 1, 2, true, 1}, {"gain", 2, 1, 1, false, 0}};
}

TEST_CASE("the first step of AdamW moves every weight by the learning rate, against its gradient") {
    basic_adamw<double> o({.learning_rate = 0.1, .weight_decay = 0.5, .clip = 0}, 3);
    std::vector<double> w{1, 1, 1};
    const std::vector<double> g{3, -0.01, 0.2};
    CHECK(o.step(w, g, two_slices) == Approx(std::sqrt(9 + 1e-4 + 0.04)));
    CHECK(w[0] == Approx(1 - 0.05 - 0.1));
    CHECK(w[1] == Approx(1 - 0.05 + 0.1));
    CHECK(w[2] == Approx(1 - 0.1));  // gains do not decay
    CHECK(o.steps() == 1);
}

TEST_CASE("clipping scales the gradient, and gradients that are not finite change nothing") {
    basic_adamw<double> o({.clip = 0.5}, 3);
    std::vector<double> w{1, 2, 3};
    o.step(w, std::vector<double>{3, 0, 4}, two_slices);
    CHECK(o.first_moment()[0] == Approx(0.1 * 3 * 0.1).epsilon(1e-5));
    const std::vector<double> before = w;
    const double inf = std::numeric_limits<double>::infinity();
    CHECK(o.step(w, std::vector<double>{inf, 0, 0}, two_slices) == inf);
    CHECK(std::isnan(o.step(w, std::vector<double>{std::nan(""), 0, 0}, two_slices)));
    CHECK(w == before);
    CHECK(o.steps() == 1);
}

TEST_CASE("the learning rate rises over the warm-up, then stays or falls along a cosine") {
    trainer::adamw_options o{.learning_rate = 2, .warm_up = 4};
    CHECK(learning_rate_at(o, 0) == 0.5);
    CHECK(learning_rate_at(o, 3) == 2);
    CHECK(learning_rate_at(o, 1000) == 2);
    o.after = trainer::schedule::cosine;
    o.steps = 14;
    o.floor = 0.1;
    CHECK(learning_rate_at(o, 4) == 2);
    CHECK(learning_rate_at(o, 9) == Approx(1.1));
    CHECK(learning_rate_at(o, 14) == Approx(0.2));
    CHECK(learning_rate_at(o, 50) == Approx(0.2));
}

TEST_CASE("AdamW refuses what it was not made for") {
    using adamw = basic_adamw<double>;
    CHECK_REFUSES(adamw({.learning_rate = -1}, 3), "must not be negative");
    CHECK_REFUSES(adamw({.beta1 = 1}, 3), "betas must be in [0, 1), they are 1");
    adamw o({}, 3);
    std::vector<double> w(3), g(2);
    CHECK_REFUSES(o.step(w, g, two_slices), "made for 3 parameters, given 3 and a gradient of 2");
    CHECK_REFUSES(o.restore(1, g, g), "the saved state has 2 numbers, the parameters 3");
}
