#include <holdfast/metrics/multiple_testing.hpp>

#include "support/test.hpp"

#include <vector>

namespace metrics = holdfast::metrics;

namespace {
// Benjamini & Hochberg's own kind of example; the expected values are statsmodels' (multipletests), by hand as well
const std::vector<double> p{.001, .008, .039, .041, .042, .06, .074, .205, .212, .216};

void check_equal(const std::vector<double>& got, const std::vector<double>& expected) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).margin(1e-6));
}
}  // namespace

TEST_CASE("Holm and Benjamini-Hochberg on ten p values") {
    check_equal(metrics::holm(p), {.01, .072, .312, .312, .312, .312, .312, .615, .615, .615});
    check_equal(metrics::benjamini_hochberg(p), {.01, .04, .084, .084, .084, .1, .105714, .216, .216, .216});
}

TEST_CASE("Benjamini-Yekutieli pays the harmonic factor") {
    double harmonic = 0;
    for (int i = 1; i <= 10; ++i) harmonic += 1.0 / i;
    const auto by = metrics::benjamini_yekutieli(p), bh = metrics::benjamini_hochberg(p);
    for (std::size_t i = 0; i < p.size(); ++i) CHECK(by[i] == Approx(std::min(1.0, bh[i] * harmonic)));
}

TEST_CASE("corrected values come back in the order of the input, and one test alone costs nothing") {
    check_equal(metrics::holm(std::vector<double>{.5, .01, .04}), {.5, .03, .08});
    check_equal(metrics::benjamini_hochberg(std::vector<double>{.5, .01, .04}), {.5, .03, .06});
    check_equal(metrics::holm(std::vector<double>{.04}), {.04});
    CHECK(metrics::holm(std::vector<double>{}).empty());
    CHECK(metrics::benjamini_hochberg(std::vector<double>{}).empty());
}

TEST_CASE("a p value lies between 0 and 1") {
    CHECK_REFUSES(metrics::holm(std::vector<double>{.1, 1.5}), "metrics::holm: a p value lies in 0..1, value 1 is 1.5");
    CHECK_REFUSES(metrics::benjamini_hochberg(std::vector<double>{-.1}), "metrics::benjamini_hochberg: a p value lies");
    CHECK_REFUSES(metrics::benjamini_yekutieli(std::vector<double>{2}), "metrics::benjamini_yekutieli: a p value lies");
}
