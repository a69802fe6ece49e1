#include <holdfast/metrics/permutation.hpp>

#include "support/test.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace metrics = holdfast::metrics;

namespace {

const std::vector<double> a{.715, .702, .731, .698, .722, .709, .740};
const std::vector<double> b{.690, .705, .701, .688, .699, .700, .712};

std::vector<double> random_differences(std::size_t n, std::uint64_t seed, double shift = 0.3) {
    holdfast::philox g(seed);
    std::vector<double> d(n);
    for (double& x : d) x = std::round(100 * (holdfast::normal(g) + shift)) / 100;  // two decimals, so that ties occur
    return d;
}

/// All 2^n sign patterns, one after the other.
double brute_sign_flip(const std::vector<double>& d) {
    double observed = 0;
    for (double x : d) observed += x;
    std::size_t hits = 0;
    for (std::size_t s = 0; s < (std::size_t{1} << d.size()); ++s) {
        double sum = 0;
        for (std::size_t i = 0; i < d.size(); ++i) sum += (s >> i) & 1 ? d[i] : -d[i];
        hits += std::abs(sum) >= std::abs(observed) - 1e-9;
    }
    return static_cast<double>(hits) / std::ldexp(1.0, static_cast<int>(d.size()));
}

/// Wilcoxon by all sign patterns of the midranks.
double brute_wilcoxon(std::vector<double> d) {
    d.erase(std::remove(d.begin(), d.end(), 0.0), d.end());
    std::vector<double> rank(d.size());
    for (std::size_t i = 0; i < d.size(); ++i) {
        double below = 0, equal = 0;
        for (double x : d)
            below += std::abs(x) < std::abs(d[i]) - 1e-9, equal += std::abs(std::abs(x) - std::abs(d[i])) < 1e-9;
        rank[i] = below + (equal + 1) / 2;
    }
    double plus = 0, total = 0;
    for (std::size_t i = 0; i < d.size(); ++i) total += rank[i], plus += d[i] > 0 ? rank[i] : 0;
    const double w = std::min(plus, total - plus);
    std::size_t hits = 0;
    for (std::size_t s = 0; s < (std::size_t{1} << d.size()); ++s) {
        double sum = 0;
        for (std::size_t i = 0; i < d.size(); ++i) sum += (s >> i) & 1 ? rank[i] : 0;
        hits += sum <= w + 1e-9;
    }
    return std::min(1.0, 2 * static_cast<double>(hits) / std::ldexp(1.0, static_cast<int>(d.size())));
}

}  // namespace

TEST_CASE("seven pairs by sign-flip and by signed ranks, counted out") {
    const auto flip = metrics::sign_flip(a, b);
    CHECK(flip.p == 4.0 / 128);
    CHECK(flip.statistic == Approx(.017428571).margin(1e-9));
    CHECK(flip.smallest_p == 2.0 / 128);
    CHECK(flip.n == 7);
    const auto ranks = metrics::wilcoxon(a, b);
    CHECK(ranks.statistic == 1);
    CHECK(ranks.p == Approx(.03125));
}

TEST_CASE("sign-flip equals the count over all patterns") {
    const auto n = GENERATE(as<std::size_t>{}, 1, 2, 3, 8, 13);
    const auto seed = GENERATE(range(1, 5));
    const auto d = random_differences(n, static_cast<std::uint64_t>(seed));
    CHECK(metrics::sign_flip(d).p == Approx(brute_sign_flip(d)).margin(1e-15));
}

TEST_CASE("Wilcoxon's exact p equals the count over all patterns, ties and zeros included") {
    const auto n = GENERATE(as<std::size_t>{}, 1, 2, 5, 9, 13);
    const auto seed = GENERATE(range(1, 5));
    auto d = random_differences(n, static_cast<std::uint64_t>(seed));
    for (double& x : d) x = std::round(5 * x) / 5;  // many ties, some zeros
    CHECK(metrics::wilcoxon(d).p == Approx(brute_wilcoxon(d)).margin(1e-12));
}

TEST_CASE("five pairs cannot reach 0.05, and the test says so instead of a verdict") {
    const std::vector<double> d{.02, .03, .01, .05, .04};
    for (const auto& t : {metrics::sign_flip(d), metrics::wilcoxon(d)}) {
        CHECK(t.p == Approx(.0625));
        CHECK_FALSE(t.can_reach(.05));
        CHECK(t.verdict() == "cannot reach 0.05: the smallest p that 5 pairs can give is 0.0625");
        CHECK(t.verdict(.1) == "significant at 0.1");
        std::ostringstream out;
        out << t;
        CHECK(out.str().find("significant at") == std::string::npos);
    }
    std::ostringstream out;
    out << metrics::sign_flip(a, b);
    CHECK(out.str() == "exact sign-flip test, 7 pairs: p = 0.03125 (significant at 0.05)");
    CHECK_REFUSES(metrics::sign_flip(d).verdict(5), "a level lies between 0 and 1, got 5");
}

TEST_CASE("the exact test reaches forty pairs, and random patterns agree with it") {
    auto d = random_differences(40, 7, 0.25);
    const auto exact = metrics::sign_flip(d);
    CHECK(exact.name == "exact sign-flip test");
    const auto sampled = metrics::sign_flip(d, metrics::sign_flip_options{.exact_up_to = 0, .resamples = 40'000});
    const double deviation = std::sqrt(exact.p * (1 - exact.p) / 40'000);
    CHECK(std::abs(sampled.p - exact.p) < 5 * deviation + 1e-4);
    CHECK(sampled.name == "sign-flip test with 40000 resamples");
    CHECK(sampled.smallest_p == Approx(1.0 / 40'001));
}

TEST_CASE("random patterns give the same p for any number of threads, and another for another seed") {
    const auto d = random_differences(50, 3, 0.1);
    const unsigned before = holdfast::threads();
    holdfast::set_threads(1);
    const double one = metrics::sign_flip(d, metrics::sign_flip_options{.resamples = 5000, .seed = 1}).p;
    holdfast::set_threads(3);
    CHECK(metrics::sign_flip(d, metrics::sign_flip_options{.resamples = 5000, .seed = 1}).p == one);
    CHECK(metrics::sign_flip(d, metrics::sign_flip_options{.resamples = 5000, .seed = 2}).p != one);
    holdfast::set_threads(before);
}

TEST_CASE("no difference at all is p = 1") {
    const std::vector<double> zeros(4, 0.0), balanced{.1, -.1};
    CHECK(metrics::sign_flip(zeros).p == 1);
    CHECK(metrics::sign_flip(zeros).n == 0);
    CHECK(metrics::sign_flip(balanced).p == 1);
    CHECK(metrics::wilcoxon(zeros).p == 1);
    CHECK(metrics::wilcoxon(balanced).p == 1);
}

TEST_CASE("the rules for zeros differ as Wilcoxon, Pratt and the split say") {
    const std::vector<double> d{0, 0, .1, -.2, .3, .4, .5};  // ranks 1.5 1.5 3 4 5 6 7 with zeros, 1 2 3 4 5 without
    const auto drop = metrics::wilcoxon(d);
    CHECK(drop.statistic == 2);
    CHECK(drop.p == Approx(2 * 3.0 / 32));  // sums <= 2 of {1..5}: {}, {1}, {2}
    const auto pratt = metrics::wilcoxon(d, metrics::wilcoxon_options{.zeros = metrics::zero_rule::pratt});
    CHECK(pratt.statistic == 4);
    CHECK(pratt.p == Approx(2 * 3.0 / 32));  // sums <= 4 of {3,4,5,6,7}: {}, {3}, {4}
    const auto split = metrics::wilcoxon(d, metrics::wilcoxon_options{.zeros = metrics::zero_rule::split});
    CHECK(split.statistic == 5.5);  // 4, and half of the zeros' 3
    CHECK(split.p == pratt.p);
}

TEST_CASE("the normal approximation of Wilcoxon's test is near the exact one") {
    const auto d = random_differences(50, 11, 0.2);
    const double exact = metrics::wilcoxon(d).p;
    const auto normal = metrics::wilcoxon(d, metrics::wilcoxon_options{.exact_up_to = 10});
    CHECK(normal.p == Approx(exact).margin(0.01));
    CHECK(normal.name == "Wilcoxon signed-rank test, normal approximation");
}

TEST_CASE("the tests refuse what they cannot compare") {
    const std::vector<double> none, one{.1}, two{.1, .2}, nan{.1, std::nan("")};
    CHECK_REFUSES(metrics::sign_flip(none), "metrics::sign_flip: needs at least one pair, got none");
    CHECK_REFUSES(metrics::sign_flip(one, two), "pairs need as many scores on either side, got 1 and 2");
    CHECK_REFUSES(metrics::sign_flip(nan), "metrics::sign_flip: value 1 must be finite, it is nan");
    CHECK_REFUSES(metrics::sign_flip(one, metrics::sign_flip_options{.exact_up_to = 45}),
                  "exact_up_to is at most 44, got 45");
    CHECK_REFUSES(metrics::sign_flip(one, metrics::sign_flip_options{.exact_up_to = 0, .resamples = 0}),
                  "needs at least one resample");
    CHECK_REFUSES(metrics::wilcoxon(none), "metrics::wilcoxon: needs at least one pair, got none");
    CHECK_REFUSES(metrics::wilcoxon(one, two), "metrics::wilcoxon: pairs need as many");
    CHECK_REFUSES(metrics::wilcoxon(nan), "metrics::wilcoxon: value 1 must be finite");
}
