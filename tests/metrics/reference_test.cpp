// The statistics against SciPy 1.17.1 (NumPy 2.4.6, recorded 2026-11-21 by reference.py beside this file).
#include <holdfast/metrics/bootstrap.hpp>
#include <holdfast/metrics/multiple_testing.hpp>
#include <holdfast/metrics/permutation.hpp>
#include <holdfast/metrics/ranking.hpp>
#include <holdfast/metrics/significance.hpp>

#include "support/test.hpp"

#include <cmath>

namespace metrics = holdfast::metrics;

namespace {
const std::vector<double> d{.3, -.1, .2, .2, 0, .5, -.2, .1, .4, 0, .3, .6};
}

TEST_CASE("Wilcoxon's test equals SciPy's exact permutation, with ties and under each rule for zeros") {
    const auto drop = metrics::wilcoxon(d);
    CHECK(drop.statistic == 5.5);
    CHECK(drop.p == Approx(0.025390625).epsilon(1e-12));
    const auto pratt = metrics::wilcoxon(d, metrics::wilcoxon_options{.zeros = metrics::zero_rule::pratt});
    CHECK(pratt.statistic == 9.5);
    CHECK(pratt.p == Approx(0.029296875).epsilon(1e-12));
    const auto split = metrics::wilcoxon(d, metrics::wilcoxon_options{.zeros = metrics::zero_rule::split});
    CHECK(split.statistic == 11);
    CHECK(split.p == Approx(0.029296875).epsilon(1e-12));
}

TEST_CASE("Wilcoxon's normal approximation equals SciPy's without continuity correction") {
    std::vector<double> many;
    for (int i = 0; i < 70; ++i) many.push_back(((i * 37) % 71 - 27) / 100.0);
    const auto w = metrics::wilcoxon(many);
    CHECK(w.statistic == 722);
    CHECK(w.p == Approx(0.003696690936909029).epsilon(1e-10));
}

TEST_CASE("sign-flip and t equal SciPy's") {
    CHECK(metrics::sign_flip(d).p == Approx(0.029296875).epsilon(1e-12));
    const auto t = metrics::t_test(d);
    CHECK(t.statistic == Approx(2.733099544360546));
    CHECK(t.p == Approx(0.019470160439035156));
    const auto i = metrics::t_interval(d, .9);
    CHECK(i.lower == Approx(0.06572494689706748));
    CHECK(i.upper == Approx(0.31760838643626577));
}

TEST_CASE("rank agreement and Friedman's test equal SciPy's, ties included") {
    const std::vector<double> x{1, 2, 2, 3, 5, 5, 5, 8}, y{2, 1, 3, 3, 4, 7, 6, 6};
    CHECK(metrics::kendall(x, y) == Approx(0.7205766921228922));
    CHECK(metrics::spearman(x, y) == Approx(0.8510794409931051));
    const holdfast::matrix<double> scores(
        5, 4, std::vector<double>{.7, .7, .6, .8, .5, .6, .6, .7, .9, .8, .8, .8, .4, .4, .4, .4, .3, .5, .2, .6});
    const auto f = metrics::friedman(scores);
    CHECK(f.chi_squared == Approx(5.029411764705885));
    CHECK(f.p == Approx(0.16965609566286985));
}

TEST_CASE("the studentised range equals SciPy's far in the tail and for many means") {
    CHECK(metrics::studentised_range(.99, 2) == Approx(3.642772735436894).epsilon(1e-8));
    CHECK(metrics::studentised_range(.99, 5) == Approx(4.602821042201571).epsilon(1e-8));
    CHECK(metrics::studentised_range(.99, 20) == Approx(5.6452146979858515).epsilon(1e-8));
}

TEST_CASE("Wilson and Clopper-Pearson equal SciPy's, at the ends too") {
    const auto check = [](std::size_t k, std::size_t n, double w_low, double w_high, double c_low, double c_high) {
        const auto w = metrics::wilson(k, n, .9), c = metrics::clopper_pearson(k, n, .9);
        CHECK(w.lower == Approx(w_low).margin(1e-12));
        CHECK(w.upper == Approx(w_high).margin(1e-12));
        CHECK(c.lower == Approx(c_low).margin(1e-12));
        CHECK(c.upper == Approx(c_high).margin(1e-12));
    };
    check(0, 10, 0.0, 0.21294197008340698, 0.0, 0.25886555089334723);
    check(3, 81, 0.014897099081436653, 0.08910489522936524, 0.010169719452027095, 0.09294743944370323);
    check(40, 41, 0.897795532562632, 0.9945397850604584, 0.889446871019675, 0.9987497262835914);
    check(1000, 2000, 0.4816224035309401, 0.5183775964690599, 0.4813687608047018, 0.5186312391952982);
}

TEST_CASE("bootstrap intervals of a skewed sample equal SciPy's within the noise of resampling") {
    const std::vector<double> skewed{.1, .2, .2, .3, .4, .4, .5, .9, 1.4, 3.0};
    const auto at = [&](metrics::bootstrap_rule rule) {
        return metrics::bootstrap_mean(skewed, {.resamples = 100'000, .rule = rule});
    };
    const auto percentile = at(metrics::bootstrap_rule::percentile), basic = at(metrics::bootstrap_rule::basic),
               bca = at(metrics::bootstrap_rule::bca);
    CHECK(percentile.lower == Approx(.32).margin(.0101));
    CHECK(percentile.upper == Approx(1.33).margin(.0101));
    CHECK(basic.lower == Approx(.15).margin(.0101));
    CHECK(basic.upper == Approx(1.16).margin(.0101));
    CHECK(bca.lower == Approx(.38).margin(.0101));
    CHECK(bca.upper == Approx(1.60).margin(.0201));
}

TEST_CASE("Benjamini-Yekutieli equals SciPy's") {
    const std::vector<double> p{.001, .008, .039, .041, .042, .06, .074, .205, .212, .216};
    const std::vector<double> expected{
        0.02928968253968254, 0.11715873015873016, 0.24603333333333333, 0.24603333333333333, 0.24603333333333333,
        0.2928968253968254,  0.3096337868480725,  0.6326571428571428,  0.6326571428571428,  0.6326571428571428};
    const auto got = metrics::benjamini_yekutieli(p);
    for (std::size_t i = 0; i < p.size(); ++i) CHECK(got[i] == Approx(expected[i]).epsilon(1e-12));
}
