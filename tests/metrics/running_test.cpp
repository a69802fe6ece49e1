#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/running.hpp>

#include "metrics/tables.hpp"
#include "support/test.hpp"

#include <cmath>

namespace metrics = holdfast::metrics;

TEST_CASE("running values are the table's values after every stage") {
    const auto tasks = GENERATE(as<std::size_t>{}, 1, 2, 5, 17);
    const auto r = tables::random_table(tasks, tasks);
    metrics::running now(tasks);
    for (std::size_t t = 0; t < tasks; ++t) {
        now.append(r.scores().row(t));
        CHECK(now.overall_performance() == Approx(metrics::overall_performance(r, {.stage = t}).value));
        CHECK(now.average_incremental() == Approx(metrics::average_incremental(r, {.stage = t}).value));
        CHECK(now.learning_accuracy() == Approx(metrics::learning_accuracy(r, {.stage = t}).value));
        if (t == 0) {
            CHECK(std::isnan(now.backward_transfer()));
            CHECK(std::isnan(now.forgetting()));
            CHECK(std::isnan(now.forgetting_inclusive()));
            continue;
        }
        CHECK(now.backward_transfer() == Approx(metrics::backward_transfer(r, {.stage = t}).value).margin(1e-14));
        CHECK(now.forgetting() == Approx(metrics::forgetting(r, {.stage = t}).value).margin(1e-14));
        CHECK(now.forgetting_inclusive() == Approx(metrics::forgetting_inclusive(r, {.stage = t}).value).margin(1e-14));
    }
    CHECK(now.stages() == tasks);
}

TEST_CASE("running values take ragged rows and refuse what is missing") {
    metrics::running now(2);
    CHECK(std::isnan(now.overall_performance()));
    const std::vector<double> first{.5}, nan{.5, std::nan("")}, second{.4, .8};
    now.append(first);
    CHECK_REFUSES(now.append(first), "metrics::running::append: stage 1 needs the scores of 2 tasks, got 1");
    CHECK_REFUSES(now.append(nan), "needs the score of task 1 after stage 1, which was not evaluated");
    now.append(second);
    CHECK(now.backward_transfer() == Approx(-.1));
    CHECK_REFUSES(now.append(second), "all 2 tasks were learned");
    CHECK_REFUSES(metrics::running(0), "metrics::running: needs at least one task, got none");
}
