#include <holdfast/metrics/bootstrap.hpp>

#include "support/test.hpp"

#include <algorithm>
#include <cmath>

namespace metrics = holdfast::metrics;
using metrics::bootstrap_rule;

namespace {

const std::vector<double> runs{.715, .702, .731, .698, .722, .709, .740};

double mean(std::span<const double> x) {
    double sum = 0;
    for (double v : x) sum += v;
    return sum / static_cast<double>(x.size());
}

double median(std::span<const double> x) {
    std::vector<double> v(x.begin(), x.end());
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

}  // namespace

TEST_CASE("of three values, the bootstrap distribution of the mean is known, and found") {
    // {0, 0, 3}: the sum has 3·Binomial(3, 1/3), so the mean is 0, 1, 2, 3 with 8, 12, 6, 1 of 27
    const std::vector<double> x{0, 0, 3};
    const auto at = [&](double confidence) {
        return metrics::bootstrap_mean(x, {.confidence = confidence, .rule = bootstrap_rule::percentile});
    };
    CHECK(at(.95).lower == 0);  // 2.5 % < 8/27
    CHECK(at(.95).upper == 3);  // 1/27 = 3.7 % above 2
    CHECK(at(.9).upper == 2);   // 5 % > 3.7 %
    CHECK(at(.3).lower == 1);   // 35 % > 8/27
    CHECK(at(.3).upper == 1);   // 65 % < 20/27
    const auto basic = metrics::bootstrap_mean(x, {.rule = bootstrap_rule::basic});
    CHECK(basic.lower == 2 * 1 - 3);
    CHECK(basic.upper == 2 * 1 - 0);
}

TEST_CASE("the mean's own path equals the general one") {
    const auto rule = GENERATE(bootstrap_rule::percentile, bootstrap_rule::basic, bootstrap_rule::bca);
    const metrics::bootstrap_options o{.resamples = 500, .rule = rule, .seed = 3};
    const auto a = metrics::bootstrap_mean(runs, o), b = metrics::bootstrap(runs, mean, o);
    CHECK(a.lower == Approx(b.lower).margin(1e-12));
    CHECK(a.upper == Approx(b.upper).margin(1e-12));
    CHECK(a.estimate == Approx(b.estimate));
}

TEST_CASE("an interval is the same for any number of threads, another for another seed") {
    const unsigned before = holdfast::threads();
    holdfast::set_threads(1);
    const auto one = metrics::bootstrap(runs, median, {.resamples = 1000});
    const auto one_mean = metrics::bootstrap_mean(runs, {.resamples = 1000});
    holdfast::set_threads(3);
    const auto three = metrics::bootstrap(runs, median, {.resamples = 1000});
    CHECK(one.lower == three.lower);
    CHECK(one.upper == three.upper);
    CHECK(metrics::bootstrap_mean(runs, {.resamples = 1000}).lower == one_mean.lower);
    CHECK(metrics::bootstrap_mean(runs, {.resamples = 1000, .seed = 1}).lower != one_mean.lower);
    holdfast::set_threads(before);
}

TEST_CASE("for many symmetric values all three rules and the t interval agree") {
    holdfast::philox g(1);
    std::vector<double> x(400);
    for (double& v : x) v = holdfast::normal(g);
    const auto t = metrics::t_interval(x);
    for (const auto rule : {bootstrap_rule::percentile, bootstrap_rule::basic, bootstrap_rule::bca}) {
        const auto i = metrics::bootstrap_mean(x, {.rule = rule});
        CHECK(i.lower == Approx(t.lower).margin(0.1 * t.width()));
        CHECK(i.upper == Approx(t.upper).margin(0.1 * t.width()));
    }
}

TEST_CASE("BCa leans towards the long tail of a skewed sample") {
    holdfast::philox g(2);
    std::vector<double> x(30);
    for (double& v : x) v = holdfast::exponential(g);
    const auto p = metrics::bootstrap_mean(x, {.rule = bootstrap_rule::percentile});
    const auto b = metrics::bootstrap_mean(x, {.rule = bootstrap_rule::bca});
    CHECK(b.lower > p.lower);
    CHECK(b.upper > p.upper);
    CHECK(b.method == "BCa bootstrap");
}

TEST_CASE("the intervals move and scale with the values") {
    std::vector<double> y;
    for (double v : runs) y.push_back(100 * v + 7);
    const auto a = metrics::bootstrap_mean(runs), b = metrics::bootstrap_mean(y);
    CHECK(b.lower == Approx(100 * a.lower + 7));
    CHECK(b.upper == Approx(100 * a.upper + 7));
}

TEST_CASE("equal values have an interval without width") {
    const std::vector<double> same(5, .25);
    const auto i = metrics::bootstrap_mean(same);
    CHECK(i.lower == .25);
    CHECK(i.upper == .25);
}

TEST_CASE("groups resampled on both levels keep the spread between them") {
    // items within a group agree, groups do not: the width must come from the groups
    const std::vector<std::vector<double>> groups{std::vector<double>(50, .2), std::vector<double>(50, .5),
                                                  std::vector<double>(50, .8), std::vector<double>(50, .5)};
    std::vector<double> flat;
    for (const auto& g : groups) flat.insert(flat.end(), g.begin(), g.end());
    const auto nested = metrics::bootstrap_groups(groups), naive = metrics::bootstrap_mean(flat);
    CHECK(nested.estimate == Approx(.5));
    CHECK(nested.width() > 4 * naive.width());
    CHECK(nested.n == 200);
}

TEST_CASE("the bootstrap refuses what cannot be resampled") {
    const std::vector<double> one{.5}, nan{.5, std::nan("")};
    CHECK_REFUSES(metrics::bootstrap_mean(one),
                  "metrics::bootstrap_mean: one value has no spread, needs at least 2, got 1");
    CHECK_REFUSES(metrics::bootstrap(one, mean), "metrics::bootstrap: one value has no spread");
    CHECK_REFUSES(metrics::bootstrap_mean(nan), "value 1 must be finite");
    CHECK_REFUSES(metrics::bootstrap_mean(runs, {.confidence = .99, .resamples = 100}),
                  "100 resamples are too few for a confidence of 0.99");
    const std::vector<std::vector<double>> groups{{.5}, {}};
    CHECK_REFUSES(metrics::bootstrap_groups(groups), "metrics::bootstrap_groups: group 1 has no values");
}
