#include <holdfast/metrics/significance.hpp>

#include "support/test.hpp"

#include <cmath>
#include <sstream>

namespace metrics = holdfast::metrics;

namespace {
const std::vector<double> a{.715, .702, .731, .698, .722, .709, .740};
const std::vector<double> b{.690, .705, .701, .688, .699, .700, .712};
}  // namespace

TEST_CASE("a paired t test and its interval on seven runs") {
    const auto t = metrics::t_test(a, b);
    CHECK(t.statistic == Approx(3.761421).margin(1e-6));
    CHECK(t.p == Approx(.009383).margin(1e-6));
    std::vector<double> d;
    for (std::size_t i = 0; i < a.size(); ++i) d.push_back(a[i] - b[i]);
    const auto i = metrics::t_interval(d);
    CHECK(i.estimate == Approx(.017428571).margin(1e-9));
    CHECK(i.width() / 2 == Approx(.011338).margin(1e-6));
    CHECK(i.covers(.017));
    CHECK_FALSE(i.covers(0));
    std::ostringstream out;
    out << i;
    CHECK(out.str() == "0.0174 [0.0061, 0.0288] (95 % t interval, n = 7)");
}

TEST_CASE("the t interval uses the quantiles of the tables") {
    // a spread of exactly 1: half width = t / sqrt(n)
    const auto half = [](std::size_t n) {
        std::vector<double> x(n, 0.0);
        const double s = std::sqrt(static_cast<double>(n - 1) / 2.0);
        x[0] = s, x[1] = -s;
        return metrics::t_interval(x).width() / 2 * std::sqrt(static_cast<double>(n));
    };
    CHECK(half(3) == Approx(4.303).margin(5e-4));
    CHECK(half(5) == Approx(2.776).margin(5e-4));
    CHECK(half(10) == Approx(2.262).margin(5e-4));
}

TEST_CASE("eighty of a hundred, by three intervals") {
    const auto w = metrics::wilson(80, 100), c = metrics::clopper_pearson(80, 100), j = metrics::jeffreys(80, 100);
    CHECK(w.lower == Approx(.711171).margin(1e-6));
    CHECK(w.upper == Approx(.866633).margin(1e-6));
    CHECK(c.lower == Approx(.708157).margin(1e-6));
    CHECK(c.upper == Approx(.873344).margin(1e-6));
    CHECK(j.lower == Approx(.713720).margin(1e-6));
    CHECK(j.upper == Approx(.869210).margin(1e-6));
    CHECK(w.estimate == .8);
}

TEST_CASE("nothing right and everything right stay within 0 and 1") {
    const auto n = GENERATE(as<std::size_t>{}, 1, 2, 81, 2000);
    for (const auto& i : {metrics::wilson(0, n), metrics::clopper_pearson(0, n), metrics::jeffreys(0, n)}) {
        CHECK(i.lower == 0);
        CHECK(i.upper > 0);
        CHECK(i.upper < 1);
    }
    for (const auto& i : {metrics::wilson(n, n), metrics::clopper_pearson(n, n), metrics::jeffreys(n, n)}) {
        CHECK(i.upper == 1);
        CHECK(i.lower < 1);
        CHECK(i.lower > 0);
    }
    // the closed form of Clopper-Pearson where all are right: lower = (α/2)^(1/n)
    CHECK(metrics::clopper_pearson(n, n).lower == Approx(std::pow(.025, 1 / static_cast<double>(n))));
}

TEST_CASE("intervals of a share mirror each other, and grow with confidence") {
    const auto k = GENERATE(as<std::size_t>{}, 0, 3, 20, 41);
    const std::size_t n = 41;
    CHECK(metrics::wilson(k, n).lower == Approx(1 - metrics::wilson(n - k, n).upper).margin(1e-12));
    CHECK(metrics::clopper_pearson(k, n).lower == Approx(1 - metrics::clopper_pearson(n - k, n).upper).margin(1e-12));
    CHECK(metrics::jeffreys(k, n).lower == Approx(1 - metrics::jeffreys(n - k, n).upper).margin(1e-12));
    CHECK(metrics::wilson(k, n, .99).width() > metrics::wilson(k, n, .9).width());
    CHECK(metrics::clopper_pearson(k, n).width() > metrics::wilson(k, n).width());
}

TEST_CASE("a cell of the matrix has an interval in its own unit") {
    metrics::accuracy_matrix r({"FOMC", "NumGLUE-cm"}, {{.scale = 100}, {.size = 81, .scale = 100}});
    r.append({70, 27.2});
    const auto i = metrics::score_interval(r, 0, 1);
    CHECK(i.estimate == 27.2);
    CHECK(i.lower == Approx(100 * metrics::wilson_share(.272, 81).lower));
    CHECK(i.width() > 18);  // 81 items: differences under about ten points are noise
    CHECK_REFUSES(metrics::score_interval(r, 0, 0), "needs the number of test items of task 0 (FOMC)");
    r.append({70});
    CHECK_REFUSES(metrics::score_interval(r, 1, 1), "score of task 1 (NumGLUE-cm) after stage 1 was not evaluated");
    r.set(1, 1, 101);
    CHECK_REFUSES(metrics::score_interval(r, 1, 1), "must lie in 0..100, its scale, it is 101");
}

TEST_CASE("McNemar's exact test, from counts and from items") {
    CHECK(metrics::mcnemar(10, 2).p == Approx(.038574).margin(1e-6));
    CHECK(metrics::mcnemar(2, 10).p == Approx(.038574).margin(1e-6));
    CHECK(metrics::mcnemar(25, 10).p == Approx(.016674).margin(1e-6));
    CHECK(metrics::mcnemar(4, 4).p == 1);
    CHECK(metrics::mcnemar(0, 0).p == 1);
    CHECK_FALSE(metrics::mcnemar(5, 0).can_reach(.05));
    CHECK(metrics::mcnemar(5, 0).verdict() == "cannot reach 0.05: the smallest p that 5 pairs can give is 0.0625");
    const std::vector<double> x{1, 1, 1, 0, 0, 1}, y{1, 0, 0, 0, 1, 0};
    const auto t = metrics::mcnemar(x, y);
    CHECK(t.n == 4);
    CHECK(t.statistic == 1);
    CHECK(t.p == Approx(2 * 5.0 / 16));
}

TEST_CASE("the Bayesian correlated t test on seven runs") {
    std::vector<double> d;
    for (std::size_t i = 0; i < a.size(); ++i) d.push_back(a[i] - b[i]);
    const auto r = metrics::correlated_t(d, .005, .1);
    CHECK(r.above == Approx(.954533).margin(1e-6));
    CHECK(r.inside == Approx(.039987).margin(1e-6));
    CHECK(r.below + r.inside + r.above == Approx(1));
    // without a region and without correlation it is the one-sided t test
    CHECK(metrics::correlated_t(d, 0, 0).below == Approx(metrics::t_test(a, b).p / 2));
}

TEST_CASE("intervals and tests refuse what they cannot know") {
    const std::vector<double> one{.5}, two{.5, .7}, equal{.5, .5}, nan{.5, std::nan("")};
    CHECK_REFUSES(metrics::t_interval(one), "metrics::t_interval: one run has no spread, needs at least 2, got 1");
    CHECK_REFUSES(metrics::t_interval(two, 95), "a confidence lies between 0 and 1 (0.95, not 95), got 95");
    CHECK_REFUSES(metrics::t_interval(nan), "value 1 must be finite");
    CHECK_REFUSES(metrics::t_test(one), "metrics::t_test: needs at least 2 pairs, got 1");
    CHECK_REFUSES(metrics::t_test(equal), "all differences are 0.5, t is not defined without spread");
    CHECK_REFUSES(metrics::t_test(one, two), "pairs need as many scores on either side");
    CHECK_REFUSES(metrics::wilson(3, 2), "metrics::wilson: 3 right of 2 is not possible");
    CHECK_REFUSES(metrics::wilson(0, 0), "metrics::wilson: needs at least one item, got none");
    CHECK_REFUSES(metrics::wilson_share(1.5, 2), "a share lies in 0..1, got 1.5");
    CHECK_REFUSES(metrics::clopper_pearson(3, 2), "metrics::clopper_pearson: 3 right of 2");
    CHECK_REFUSES(metrics::jeffreys(1, 2, 0), "metrics::jeffreys: a confidence lies between 0 and 1");
    CHECK_REFUSES(metrics::mcnemar(one, two), "metrics::mcnemar: needs the same items on either side, got 1 and 2");
    CHECK_REFUSES(metrics::mcnemar(nan, two), "metrics::mcnemar: value 1 must be finite");
    CHECK_REFUSES(metrics::correlated_t(one, 0, 0), "needs at least 2 differences, got 1");
    CHECK_REFUSES(metrics::correlated_t(two, -1, 0), "a width of at least 0, got -1");
    CHECK_REFUSES(metrics::correlated_t(two, 0, 1), "a correlation lies in 0..1, 1 left out, got 1");
    CHECK_REFUSES(metrics::correlated_t(equal, 0, 0), "nothing to infer a spread from");
    CHECK_REFUSES(metrics::correlated_t(nan, 0, 0), "metrics::correlated_t: value 1 must be finite");
}
