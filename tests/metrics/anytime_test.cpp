#include <holdfast/core/random.hpp>
#include <holdfast/metrics/anytime.hpp>

#include "support/test.hpp"

#include <algorithm>
#include <cmath>

namespace metrics = holdfast::metrics;

TEST_CASE("the anytime score is the mean height of the curve, by either rule") {
    const std::vector<double> x{0, 1, 3}, a{0, 1, .5};
    CHECK(metrics::anytime_score(x, a) == Approx((.5 + 1.5) / 3));
    CHECK(metrics::anytime_score(x, a, metrics::area_rule::step) == Approx(2.0 / 3));
    CHECK(metrics::anytime_score(x, std::vector<double>{.4, .4, .4}) == Approx(.4));
}

TEST_CASE("the learning curve area is the mean over tasks and first batches") {
    const holdfast::matrix<double> curves(2, 3, std::vector<double>{0, .5, 1, .2, .4, .6});
    const auto lca = metrics::learning_curve_area(curves, 1);
    CHECK(lca.value == Approx((0 + .5 + .2 + .4) / 4));
    CHECK(lca.tasks == 2);
    CHECK(metrics::learning_curve_area(curves, 0).value == Approx(.1));  // zero-shot
    CHECK_REFUSES(metrics::learning_curve_area(curves, 3), "needs at least one task and 4 batches, got 2 and 3");
}

TEST_CASE("the largest fall in a window equals the search over all pairs") {
    const auto window = GENERATE(as<std::size_t>{}, 2, 3, 7, 100);
    holdfast::philox g(window);
    std::vector<double> curve(60);
    for (double& x : curve) x = holdfast::uniform(g);
    double fall = 0, rise = 0;
    for (std::size_t m = 0; m < curve.size(); ++m)
        for (std::size_t n = m + 1; n < std::min(curve.size(), m + window); ++n)
            fall = std::max(fall, curve[m] - curve[n]), rise = std::max(rise, curve[n] - curve[m]);
    CHECK(metrics::largest_fall(curve, window) == fall);
    CHECK(metrics::largest_rise(curve, window) == rise);
}

TEST_CASE("a curve that only rises never falls") {
    const std::vector<double> up{.1, .2, .3}, one{.5};
    CHECK(metrics::largest_fall(up, 2) == 0);
    CHECK(metrics::largest_rise(up, 2) == Approx(.1));
    CHECK(metrics::largest_rise(up, 3) == Approx(.2));
    CHECK(metrics::largest_fall(one, 5) == 0);
}

TEST_CASE("the stability gap has a depth, a place and a recovery") {
    const std::vector<double> curve{.5, .8, .6, .3, .7, .8, .9};  // the new task begins at 2
    const auto g = metrics::stability_gap(curve, 2);
    CHECK(g.depth == Approx(.5));
    CHECK(g.lowest == 1);
    CHECK(g.recovered);
    CHECK(g.recovery == 3);
    CHECK(metrics::stability_gap(curve, 2, .15).recovery == 2);
    CHECK_FALSE(metrics::stability_gap(std::span(curve).first(5), 2).recovered);
    const auto rise = metrics::stability_gap(std::vector<double>{.5, .6, .7}, 1);
    CHECK(rise.depth == Approx(-.1));
    CHECK(rise.recovered);
    CHECK(rise.recovery == 0);
}

TEST_CASE("forward transfer of areas is the share of what could be gained") {
    const auto ft = metrics::forward_transfer_area(std::vector<double>{.6, .4}, std::vector<double>{.5, .5});
    CHECK(ft.value == Approx((.2 - .2) / 2).margin(1e-15));
    CHECK(metrics::forward_transfer_area(std::vector<double>{1}, std::vector<double>{.5}).value == 1);
}

TEST_CASE("curves refuse what they cannot be") {
    const std::vector<double> none, one{.5}, two{.5, .6}, nan{.5, std::nan("")}, falling{1, 0};
    CHECK_REFUSES(metrics::anytime_score(one, one), "metrics::anytime_score: needs at least 2 scores, got 1");
    CHECK_REFUSES(metrics::anytime_score(one, two), "needs a place for each score, got 1 for 2");
    CHECK_REFUSES(metrics::anytime_score(falling, two), "places must ascend, place 1 is 0 after 1");
    CHECK_REFUSES(metrics::largest_fall(none, 2), "metrics::largest_fall: needs at least 1 score, got 0");
    CHECK_REFUSES(metrics::largest_fall(two, 1), "a window holds at least 2 scores, got 1");
    CHECK_REFUSES(metrics::largest_rise(nan, 2), "metrics::largest_rise: score 1 must be finite");
    CHECK_REFUSES(metrics::largest_rise(two, 0), "metrics::largest_rise: a window holds at least 2");
    CHECK_REFUSES(metrics::stability_gap(two, 2), "metrics::stability_gap: the switch lies at 1..1, got 2");
    CHECK_REFUSES(metrics::stability_gap(two, 1, -1), "a tolerance is at least 0, got -1");
    CHECK_REFUSES(metrics::forward_transfer_area(one, two), "needs a reference for each of 1 areas, got 2");
    CHECK_REFUSES(metrics::forward_transfer_area(one, std::vector<double>{1}), "1 left out, that of task 0 is 1");
    CHECK_REFUSES(metrics::forward_transfer_area(std::vector<double>{50}, one),
                  "an area lies in 0..1, that of task 0 is 50");
    CHECK_REFUSES(metrics::learning_curve_area(holdfast::matrix<double>(1, 2, std::nan("")), 1),
                  "task 0 before batch 0 was not evaluated");
}
