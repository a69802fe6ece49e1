#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/relative.hpp>
#include <holdfast/metrics/runs.hpp>

#include "metrics/tables.hpp"
#include "support/test.hpp"

#include <cmath>
#include <sstream>

namespace metrics = holdfast::metrics;

namespace {
template <class T>
std::string printed(const T& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

std::vector<metrics::accuracy_matrix> seeds(std::size_t n, std::uint64_t from) {
    std::vector<metrics::accuracy_matrix> runs;
    for (std::size_t s = 0; s < n; ++s) runs.push_back(tables::random_table(4, from + s));
    return runs;
}
}  // namespace

TEST_CASE("a metric over runs is the mean of its values, with the t interval") {
    const auto runs = seeds(3, 1);
    const auto bwt = metrics::over_runs(runs, metrics::backward_transfer);
    REQUIRE(bwt.values.size() == 3);
    for (std::size_t s = 0; s < 3; ++s) CHECK(bwt.values[s] == metrics::backward_transfer(runs[s]).value);
    const auto t = metrics::t_interval(bwt.values);
    CHECK(bwt.mean.value == Approx(t.estimate));
    CHECK(bwt.spread.lower == t.lower);
    CHECK(bwt.spread.upper == t.upper);
    CHECK(bwt.mean.variant == "mean over T-1 earlier tasks, mean of 3 runs");
    CHECK_THAT(printed(bwt), Contains("BWT (mean over T-1 earlier tasks, mean of 3 runs) = ") && Contains("] at 95 %"));
}

TEST_CASE("one run has no interval, and says so") {
    const auto runs = std::vector<metrics::accuracy_matrix>{tables::three_tasks()};
    const auto bwt = metrics::over_runs(runs, metrics::backward_transfer);
    CHECK(bwt.mean.value == Approx(-.14));
    CHECK(std::isnan(bwt.spread.lower));
    CHECK(std::isnan(bwt.spread.upper));
    CHECK(printed(bwt) == "BWT (mean over T-1 earlier tasks) = -0.1400, one run");
}

TEST_CASE("a metric with a baseline is a lambda") {
    const auto runs = seeds(3, 1);
    const std::vector<double> upper(4, .9);
    const auto gain = metrics::over_runs(runs, [&](const auto& r) { return metrics::relative_gain(r, upper); });
    CHECK(gain.mean.name == "RG");
    CHECK(gain.values.size() == 3);
}

TEST_CASE("two methods are compared run by run, and five runs cannot settle it") {
    auto a = seeds(5, 1);
    std::vector<metrics::accuracy_matrix> b;
    for (std::size_t s = 0; s < 5; ++s)
        b.push_back(
            tables::changed(a[s], [&](double x, int, std::size_t) { return x - .1 - .01 * static_cast<double>(s); }));
    const auto c = metrics::compare_runs(a, b, metrics::overall_performance);
    CHECK(c.difference.estimate == Approx(.12));
    CHECK(c.difference.lower > 0);
    CHECK(c.test.p == Approx(.0625));
    CHECK(c.test.verdict() == "cannot reach 0.05: the smallest p that 5 pairs can give is 0.0625");
    const auto one = metrics::compare_runs(std::span(a).first(1), std::span(b).first(1), metrics::overall_performance);
    CHECK(std::isnan(one.difference.lower));
    CHECK_FALSE(one.test.can_reach(.05));
    const auto bwt = metrics::compare_runs(a, b, metrics::backward_transfer);
    CHECK(bwt.difference.estimate == Approx(0).margin(1e-12));
}

TEST_CASE("runs refuse to be none, or unpaired") {
    const auto a = seeds(2, 1);
    const std::span<const metrics::accuracy_matrix> none;
    CHECK_REFUSES(metrics::over_runs(none, metrics::forgetting),
                  "metrics::over_runs: needs at least one run, got none");
    CHECK_REFUSES(metrics::over_runs(a, metrics::forgetting, 95),
                  "metrics::over_runs: a confidence lies between 0 and 1");
    CHECK_REFUSES(metrics::compare_runs(a, none, metrics::forgetting),
                  "pairs need as many runs on either side, got 2 and 0");
}

TEST_CASE("a metric of a table is what takes a table and gives a result, and nothing else") {
    const auto with_baseline = [](const metrics::accuracy_matrix& r) { return metrics::forward_transfer_zero_shot(r); };
    const auto number = [](const metrics::accuracy_matrix&) { return 0.5; };
    STATIC_REQUIRE(metrics::table_metric<decltype(&metrics::backward_transfer)>);
    STATIC_REQUIRE(metrics::table_metric<decltype(with_baseline)>);
    STATIC_REQUIRE_FALSE(metrics::table_metric<decltype(number)>);
    STATIC_REQUIRE_FALSE(metrics::table_metric<int>);
}
