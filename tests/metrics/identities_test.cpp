// What must hold on every table, whatever its scores: the algebra that ties the metrics to one another.
#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/relative.hpp>

#include "metrics/tables.hpp"
#include "support/test.hpp"

#include <algorithm>
#include <cmath>

namespace metrics = holdfast::metrics;

namespace {
metrics::accuracy_matrix any_table() {
    const auto tasks = GENERATE(as<std::size_t>{}, 2, 3, 5, 17);
    const auto seed = GENERATE(range(1, 6));
    return tables::random_table(tasks, static_cast<std::uint64_t>(seed));
}
}  // namespace

TEST_CASE("inclusive forgetting >= forgetting >= first minus last, on every table") {
    const auto r = any_table();
    const double inclusive = metrics::forgetting_inclusive(r).value, chaudhry = metrics::forgetting(r).value,
                 first_last = metrics::forgetting_first_last(r).value;
    CHECK(inclusive >= chaudhry);
    CHECK(chaudhry >= first_last);
    CHECK(inclusive >= 0);
}

TEST_CASE("backward transfer is first minus last with the other sign, on every table") {
    const auto r = any_table();
    CHECK(metrics::backward_transfer(r).value == Approx(-metrics::forgetting_first_last(r).value).margin(1e-15));
}

TEST_CASE("overall performance is learning accuracy and backward transfer, on every table") {
    const auto r = any_table();
    const auto t = static_cast<double>(r.tasks());
    const double la = metrics::learning_accuracy(r).value, bwt = metrics::backward_transfer(r).value;
    CHECK(metrics::overall_performance(r).value == Approx((t * la + (t - 1) * bwt) / t));
    CHECK(metrics::backward_transfer(r, {.denominator = metrics::over_all_tasks}).value == Approx(bwt * (t - 1) / t));
}

TEST_CASE("intransigence and forward transfer against single tasks are opposites, on every table") {
    const auto r = any_table();
    std::vector<double> single(r.tasks(), 0.6);
    CHECK(metrics::intransigence(r, single).value ==
          Approx(-metrics::forward_transfer_single_task(r, single).value).margin(1e-15));
    CHECK(metrics::forward_transfer(r, r.before()).value == metrics::forward_transfer_zero_shot(r).value);
}

TEST_CASE("a constant added to every score moves OP by it and leaves differences alone") {
    const auto r = any_table();
    const auto moved = tables::changed(r, [](double x, int, std::size_t) { return x + 0.25; });
    CHECK(metrics::overall_performance(moved).value == Approx(metrics::overall_performance(r).value + 0.25));
    CHECK(metrics::backward_transfer(moved).value == Approx(metrics::backward_transfer(r).value).margin(1e-14));
    CHECK(metrics::forward_transfer_zero_shot(moved).value ==
          Approx(metrics::forward_transfer_zero_shot(r).value).margin(1e-14));
    CHECK(metrics::forgetting(moved).value == Approx(metrics::forgetting(r).value).margin(1e-14));
}

TEST_CASE("a factor scales every metric that is not a share") {
    const auto r = any_table();
    const auto scaled = tables::changed(r, [](double x, int, std::size_t) { return 100 * x; });
    CHECK(metrics::overall_performance(scaled).value == Approx(100 * metrics::overall_performance(r).value));
    CHECK(metrics::backward_transfer(scaled).value == Approx(100 * metrics::backward_transfer(r).value));
    CHECK(metrics::forgetting(scaled).value == Approx(100 * metrics::forgetting(r).value));
    CHECK(metrics::relative_forgetting(scaled).value == Approx(metrics::relative_forgetting(r).value));
}

TEST_CASE("one task in another unit changes nothing when its scale says so") {
    const auto r = any_table();
    auto traits = r.traits();
    traits[1].scale = 100;
    metrics::accuracy_matrix mixed(r.names(), traits);
    const auto with_unit = [](std::span<const double> row) {
        std::vector<double> out(row.begin(), row.end());
        out[1] *= 100;
        return out;
    };
    mixed.before(with_unit(r.before()));
    for (std::size_t i = 0; i < r.stages(); ++i) mixed.append(with_unit(r.scores().row(i)));
    CHECK(metrics::overall_performance(mixed).value == Approx(metrics::overall_performance(r).value));
    CHECK(metrics::backward_transfer(mixed).value == Approx(metrics::backward_transfer(r).value).margin(1e-14));
    CHECK(metrics::forgetting(mixed).value == Approx(metrics::forgetting(r).value).margin(1e-14));
    CHECK(metrics::forward_transfer_zero_shot(mixed).value ==
          Approx(metrics::forward_transfer_zero_shot(r).value).margin(1e-14));
}

TEST_CASE("a learner that forgets nothing has no backward transfer and no forgetting") {
    const auto r = any_table();
    const auto kept = tables::changed(r, [&](double x, int stage, std::size_t j) {
        return stage > static_cast<int>(j) ? r(j, j) : x;  // after its own stage a task keeps its score
    });
    CHECK(metrics::backward_transfer(kept).value == 0);
    CHECK(metrics::backward_transfer_diaz(kept).value == 0);
    CHECK(metrics::forgetting(kept).value == 0);
    CHECK(metrics::forgetting_inclusive(kept).value == 0);
    CHECK(metrics::remembering(kept).value == 1);
    CHECK(metrics::overall_performance(kept).value == Approx(metrics::learning_accuracy(kept).value));
}

TEST_CASE("remembering and positive backward transfer split one number") {
    const auto r = any_table();
    const double b = metrics::backward_transfer_diaz(r).value;
    CHECK(metrics::positive_backward_transfer(r).value - (1 - metrics::remembering(r).value) ==
          Approx(b).margin(1e-15));
}

TEST_CASE("raw backward transfer, the diagonal and the lower triangle agree on their cells") {
    const auto r = any_table();
    const auto t = static_cast<double>(r.tasks());
    const double below = metrics::backward_transfer_raw(r).value, diagonal = metrics::learning_accuracy(r).value;
    CHECK(metrics::lower_triangle_mean(r).value == Approx((below * (t - 1) + diagonal * 2) / (t + 1)));
}

TEST_CASE("the last point of every curve is the metric") {
    const auto r = any_table();
    CHECK(metrics::overall_performance_by_stage(r).back() == metrics::overall_performance(r).value);
    CHECK(metrics::backward_transfer_by_stage(r).back() == metrics::backward_transfer(r).value);
    CHECK(metrics::forgetting_by_stage(r).back() == metrics::forgetting(r).value);
    const auto op = metrics::overall_performance_by_stage(r);
    double mean = 0;
    for (double x : op) mean += x / static_cast<double>(op.size());
    CHECK(metrics::average_incremental(r).value == Approx(mean));
}

TEST_CASE("forgetting is the mean of its terms") {
    const auto r = any_table();
    double mean = 0;
    const auto terms = metrics::forgetting_by_task(r);
    for (double x : terms) mean += x / static_cast<double>(terms.size());
    CHECK(metrics::forgetting(r).value == Approx(mean).margin(1e-14));
}
