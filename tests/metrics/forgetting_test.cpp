#include <holdfast/metrics/forgetting.hpp>

#include "metrics/tables.hpp"
#include "support/test.hpp"

#include <cmath>

namespace metrics = holdfast::metrics;

TEST_CASE("three definitions of forgetting differ on the four-task case") {
    const auto r = tables::four_tasks();
    CHECK(metrics::forgetting(r).value == Approx(.153333).margin(1e-6));
    CHECK(metrics::forgetting_inclusive(r).value == Approx(.18));
    CHECK(metrics::forgetting_first_last(r).value == Approx(.14));
    CHECK(metrics::relative_forgetting(r).value == Approx(.154034).margin(1e-6));
    CHECK(metrics::relative_forgetting_best(r).value == Approx(.166931).margin(1e-6));
    CHECK(metrics::forgetting(r, {.denominator = metrics::over_all_tasks}).value == Approx(.115));
}

TEST_CASE("forgetting by task is FACIL's row, and may be negative") {
    const auto f = metrics::forgetting_by_task(tables::four_tasks());
    REQUIRE(f.size() == 3);
    CHECK(f[0] == Approx(.19));
    CHECK(f[1] == Approx(-.08));
    CHECK(f[2] == Approx(.35));
}

TEST_CASE("first minus last equals Avalanche's own fixture at every stage") {
    metrics::accuracy_matrix r({"a", "b", "c"});
    r.append({1, 0, 0}).append({.5, .8, 1}).append({.2, 1, .5});
    CHECK(metrics::forgetting_first_last(r, {.stage = 1}).value == Approx(.5));
    CHECK(metrics::forgetting_first_last(r).value == Approx((.8 - .2) / 2));
    // Mammoth and PyCIL see task 1 at its best in the last row, so it forgot nothing
    CHECK(metrics::forgetting_inclusive(r).value == Approx((.8 + 0) / 2));
}

TEST_CASE("stages before a task was learned do not count as its best") {
    metrics::accuracy_matrix r({"a", "b", "c"});
    r.append({.5, .9, .1}).append({.5, .6, .1}).append({.5, .4, .7});  // b was better before it was learned
    CHECK(metrics::forgetting(r).value == Approx((0 + .2) / 2));
}

TEST_CASE("the hand-made and O-LoRA's tables") {
    CHECK(metrics::forgetting(tables::hand_made()).value == Approx(.125));
    CHECK(metrics::forgetting(tables::o_lora()).value == Approx(1.179833).margin(1e-6));
    CHECK(metrics::forgetting_inclusive(tables::o_lora()).value == Approx(1.179833).margin(1e-6));
}

TEST_CASE("the best of what was evaluated serves where the caller says so") {
    metrics::accuracy_matrix r({"a", "b", "c"});
    r.append({.8}).append({metrics::not_evaluated, .6}).append({.7, .5, .9});
    CHECK_REFUSES(metrics::forgetting(r), "metrics::forgetting: needs the score of task 0 (a) after stage 1");
    const auto f = metrics::forgetting(r, {.missing = metrics::missing_cells::skip});
    CHECK(f.value == Approx(.1));
    CHECK(f.tasks == 2);
    CHECK(metrics::forgetting_first_last(r).value == Approx(.1));  // does not need the cell between
    CHECK(metrics::forgetting_by_task(r)[0] == Approx(.1));
}

TEST_CASE("forgetting refuses one stage, and a loss relative to nothing") {
    metrics::accuracy_matrix r({"a", "b"});
    r.append({.0});
    CHECK_REFUSES(metrics::forgetting(r), "metrics::forgetting: needs at least 2 stages, got 1");
    CHECK_REFUSES(metrics::forgetting_inclusive(r), "metrics::forgetting_inclusive: needs at least 2 stages");
    CHECK_REFUSES(metrics::forgetting_first_last(r), "metrics::forgetting_first_last: needs at least 2 stages");
    r.append({.0, .5});
    CHECK_REFUSES(metrics::relative_forgetting(r),
                  "a loss relative to 0 is not defined, task 0 (a) never scored above 0");
    CHECK_REFUSES(metrics::relative_forgetting_best(r), "metrics::relative_forgetting_best: a loss relative to 0");
}

TEST_CASE("the recovery gap is what comes back of what was lost") {
    const auto r = tables::four_tasks();
    // .80 - .65, .80 - .78 and .85 - .55; the task just learned has nothing to recover
    const std::vector<double> recovered{.80, .80, .85, .90};
    const auto gap = metrics::recovery_gap(r, recovered);
    CHECK(gap.value == Approx((.15 + .02 + .30) / 3));
    CHECK(gap.tasks == 3);
    CHECK(metrics::recovery_gap(r, recovered, {.denominator = metrics::over_all_tasks}).value == Approx(.47 / 4));
    // all that was lost since each task was learned comes back: the gap is that forgetting
    CHECK(metrics::recovery_gap(r, std::vector<double>{.80, .70, .90, .88}).value ==
          Approx(metrics::forgetting_first_last(r).value));
    CHECK_REFUSES(metrics::recovery_gap(r, std::vector<double>{.8}),
                  "metrics::recovery_gap: needs a score after recovery of each of 4 tasks, got 1");
    CHECK_REFUSES(metrics::recovery_gap(r, std::vector<double>{.8, metrics::not_evaluated, .9, .9}),
                  "needs the score after recovery of task 1");
}
