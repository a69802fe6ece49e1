#include <holdfast/metrics/items.hpp>

#include "support/test.hpp"

#include <cmath>

namespace metrics = holdfast::metrics;

namespace {
metrics::accuracy_matrix sized() {
    metrics::accuracy_matrix r({"a", "b"}, {{.size = 100}, {.size = 400, .scale = 100}});
    return r.append({.8}).append({.5, 40});
}
}  // namespace

TEST_CASE("overall performance has the interval of its binomial errors") {
    const auto i = metrics::overall_performance_interval(sized());
    const double error = std::sqrt(.5 * .5 / 100 + .4 * .6 / 400) / 2;
    CHECK(i.estimate == Approx(.45));
    CHECK(i.width() / 2 == Approx(1.959963985 * error));
    CHECK(i.n == 500);
}

TEST_CASE("backward transfer has the errors of both its ends") {
    const auto r = sized();
    const auto i = metrics::backward_transfer_interval(r);
    const double error = std::sqrt(.5 * .5 / 100 + .8 * .2 / 100);
    CHECK(i.estimate == Approx(-.3));
    CHECK(i.width() / 2 == Approx(1.959963985 * error));
    CHECK(i.upper < 0);
    CHECK(metrics::backward_transfer_interval(r, .95, {.denominator = metrics::over_all_tasks}).width() ==
          Approx(i.width() / 2));
}

TEST_CASE("intervals from items need sizes and scores within their scale") {
    auto r = sized();
    CHECK_REFUSES(metrics::overall_performance_interval(r, 95),
                  "metrics::overall_performance_interval: a confidence lies");
    CHECK_REFUSES(metrics::backward_transfer_interval(r, 0), "metrics::backward_transfer_interval: a confidence lies");
    r.set(1, 1, 140);
    CHECK_REFUSES(metrics::overall_performance_interval(r),
                  "the score of task 1 (b) after stage 1 must lie between 0 and its scale");
    metrics::accuracy_matrix unknown({"a"});
    unknown.append({.5});
    CHECK_REFUSES(metrics::overall_performance_interval(unknown), "needs the number of test items of task 0 (a)");
}

TEST_CASE("eighty-one items show no difference below nineteen points") {
    CHECK(std::sqrt(.272 * .728 / 81) == Approx(.0494).margin(5e-5));  // the error of one score
    CHECK(metrics::smallest_detectable_difference(.272, 81) ==
          Approx((1.959963985 + .841621234) * std::sqrt(2.0) * .0494433).margin(1e-5));
    CHECK(metrics::smallest_detectable_difference(.272, 81, {.power = .5}) <
          metrics::smallest_detectable_difference(.272, 81));
    CHECK(metrics::smallest_detectable_difference(.5, 400) ==
          Approx(metrics::smallest_detectable_difference(.5, 100) / 2));
    CHECK(metrics::smallest_detectable_difference(.5, 100, {.correlation = 1}) == 0);
    CHECK_REFUSES(metrics::smallest_detectable_difference(.5, 0), "needs at least one item");
    CHECK_REFUSES(metrics::smallest_detectable_difference(50, 10), "a share lies in 0..1, got 50");
    CHECK_REFUSES(metrics::smallest_detectable_difference(.5, 10, {.power = 1}), "a power lies between 0 and 1, got 1");
    CHECK_REFUSES(metrics::smallest_detectable_difference(.5, 10, {.correlation = 2}),
                  "a correlation lies in -1..1, got 2");
    CHECK_REFUSES(metrics::smallest_detectable_difference(.5, 10, {.confidence = 95}), "a confidence lies between");
}

TEST_CASE("clusters of equal items have the error of the clusters, not of the items") {
    const std::vector<double> x{1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0};
    std::vector<std::size_t> own(12), three(12);
    for (std::size_t i = 0; i < 12; ++i) own[i] = i, three[i] = i / 3;
    CHECK(metrics::clustered_error(x, own) == Approx(std::sqrt(.25 / 12)));
    CHECK(metrics::clustered_error(x, three) == Approx(std::sqrt(.25 / 4)));
    CHECK_REFUSES(metrics::clustered_error(x, std::vector<std::size_t>{1}),
                  "needs a cluster for each value and at least one, got 1 for 12");
    CHECK_REFUSES(metrics::clustered_error(std::vector<double>{}, std::vector<std::size_t>{}), "got 0 for 0");
    CHECK_REFUSES(metrics::clustered_error(std::vector<double>{std::nan("")}, std::vector<std::size_t>{1}),
                  "value 0 must be finite");
}
