#include <holdfast/metrics/bayesian.hpp>

#include "support/test.hpp"

#include <cmath>

namespace metrics = holdfast::metrics;

TEST_CASE("of one difference the chance is known: the fourth root of one half") {
    // weights (w0, w1) ~ Dirichlet(1/2, 1); above has 1 − w0², inside w0², so above wins where w0 < 1/√2, and
    // P(Beta(1/2, 1) < x) = √x
    const std::vector<double> d{.1};
    const auto r = metrics::bayesian_signed_rank(d, {.rope = .01, .samples = 200'000});
    CHECK(r.above == Approx(std::pow(.5, .25)).margin(5 * std::sqrt(.84 * .16 / 200'000)));
    CHECK(r.below == 0);
    CHECK(r.above + r.inside == Approx(1));
}

TEST_CASE("where the imagined pair's average falls inside, one difference counts only with itself") {
    // rope .06: d itself (.1) is above, (0 + .1)/2 = .05 is inside: above wins where w1² > 1/2, w1 = 1 − w0
    const std::vector<double> d{.1};
    const auto r = metrics::bayesian_signed_rank(d, {.rope = .06, .samples = 200'000});
    const double expected = std::sqrt(1 - 1 / std::sqrt(2.0));
    CHECK(r.above == Approx(expected).margin(5 * std::sqrt(expected * (1 - expected) / 200'000)));
}

TEST_CASE("the outcomes mirror each other when the signs do") {
    const std::vector<double> d{.02, .03, -.01, .05, .04, .01}, minus{-.02, -.03, .01, -.05, -.04, -.01};
    const auto a = metrics::bayesian_signed_rank(d, {.rope = .005}),
               b = metrics::bayesian_signed_rank(minus, {.rope = .005});
    CHECK(a.above > .9);
    CHECK(a.above == Approx(b.below).margin(.01));
    CHECK(a.inside == Approx(b.inside).margin(.01));
}

TEST_CASE("differences well within the region are equal, and a stronger prior draws to it") {
    const std::vector<double> small{.001, -.002, .001, .002}, some{.02, .03, .04};
    CHECK(metrics::bayesian_signed_rank(small, {.rope = .01}).inside > .999);
    CHECK(metrics::bayesian_signed_rank(some, {.rope = .01, .prior = 3}).inside >
          metrics::bayesian_signed_rank(some, {.rope = .01, .prior = .5}).inside);
}

TEST_CASE("the Bayesian test gives the same bits for any number of threads") {
    const std::vector<double> d{.02, .03, -.01};
    const unsigned before = holdfast::threads();
    holdfast::set_threads(1);
    const auto one = metrics::bayesian_signed_rank(d, {.samples = 5000});
    holdfast::set_threads(3);
    CHECK(metrics::bayesian_signed_rank(d, {.samples = 5000}).above == one.above);
    holdfast::set_threads(before);
}

TEST_CASE("the Bayesian test refuses what it cannot weigh") {
    const std::vector<double> none, one{.1}, nan{std::nan("")};
    CHECK_REFUSES(metrics::bayesian_signed_rank(none), "metrics::bayesian_signed_rank: needs at least one difference");
    CHECK_REFUSES(metrics::bayesian_signed_rank(nan), "value 0 must be finite");
    CHECK_REFUSES(metrics::bayesian_signed_rank(one, {.rope = -1}), "a width of at least 0, got -1");
    CHECK_REFUSES(metrics::bayesian_signed_rank(one, {.prior = .3}), "a multiple of 0.5 above 0, got 0.3");
    CHECK_REFUSES(metrics::bayesian_signed_rank(one, {.samples = 0}), "needs at least one sample, got 0");
}
