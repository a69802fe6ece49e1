#include <holdfast/metrics/relative.hpp>

#include "metrics/tables.hpp"
#include "support/test.hpp"

#include <cmath>

namespace metrics = holdfast::metrics;

TEST_CASE("relative gain leaves the task just learned out unless asked") {
    const auto r = tables::four_tasks();
    const auto earlier = metrics::relative_gain(r, tables::four_single);
    CHECK(earlier.value == Approx(77.521665).margin(1e-6));
    CHECK(earlier.tasks == 3);
    CHECK(earlier.scale == 100);
    const auto all = metrics::relative_gain(r, tables::four_single, {.denominator = metrics::over_all_tasks});
    CHECK(all.value == Approx(82.585693).margin(1e-6));
    CHECK(all.tasks == 4);
    CHECK(metrics::relative_gain(std::vector<double>{90, 45, 60}, std::vector<double>{100, 50, 80}).value ==
          Approx(85));
}

TEST_CASE("relative gain does not see the scale of a task") {
    metrics::accuracy_matrix r({"a", "b", "c"}, {{}, {.scale = 100}, {}});
    r.append({.9, 30, .2}).append({.8, 85, .4}).append({.7, 80, .95});
    CHECK(metrics::relative_gain(r, std::vector<double>{.95, 88, .9}).value ==
          Approx(metrics::relative_gain(tables::hand_made(), tables::hand_single).value));
}

TEST_CASE("Luo's FG is the mean of relative drops over all stages, not the last drop nor a ratio of means") {
    metrics::accuracy_matrix suite({"first", "second"});
    suite.before({50, 40});
    suite.append({45, 42}).append({40, 38}).append({35, 36});
    const auto fg = metrics::luo_fg(suite);
    CHECK(fg.value == Approx(11.6666667).margin(1e-6));
    CHECK(fg.tasks == 2);
    CHECK(fg.stages == 3);
    CHECK(fg.scale == 100);
    CHECK(metrics::luo_fg(suite, {.stage = 0}).value == Approx((10 - 5) / 2.0));
}

TEST_CASE("above chance, a fall to the floor counts as all that there was") {
    metrics::accuracy_matrix suite({"MMLU"});
    suite.before({33});
    suite.append({25});
    CHECK(metrics::luo_fg(suite).value == Approx(100 * 8.0 / 33));
    CHECK(metrics::luo_fg_above_chance(suite, std::vector<double>{25}).value == Approx(100));
    CHECK(metrics::luo_fg_above_chance(suite, std::vector<double>{0}).value == Approx(metrics::luo_fg(suite).value));
}

TEST_CASE("the three omegas on the four-task case") {
    const auto r = tables::four_tasks();
    CHECK(metrics::omega_base(r, tables::four_multitask).value == Approx(.808943).margin(1e-6));
    CHECK(metrics::omega_new(r).value == Approx(.826667).margin(1e-6));
    CHECK(metrics::omega_all(r, tables::four_multitask).value == Approx(.847807).margin(1e-6));
}

TEST_CASE("shares refuse a zero below the line, and name it") {
    const auto r = tables::four_tasks();
    const std::vector<double> zero{0, .8, .9, .9}, one{.5}, none;
    CHECK_REFUSES(metrics::relative_gain(r, zero),
                  "metrics::relative_gain: a share of 0 is not defined, the single-task score of task 0 (a) is 0");
    CHECK_REFUSES(metrics::relative_gain(r, one), "needs a single-task score of each of 4 tasks, got 1");
    CHECK_REFUSES(metrics::relative_gain(none, none),
                  "needs a single-task score for each score and at least one, got 0 for 0");
    CHECK_REFUSES(metrics::relative_gain(one, std::vector<double>{0}), "single-task score 0 is 0");
    CHECK_REFUSES(metrics::relative_gain(one, std::vector<double>{metrics::not_evaluated}), "pair 0 was not evaluated");
    CHECK_REFUSES(metrics::relative_gain(r, tables::four_single, {.stage = 0}), "needs at least 2 stages, got 1");
    CHECK_REFUSES(metrics::omega_base(r, zero), "the ideal score of stage 0 must not be 0");
    CHECK_REFUSES(metrics::omega_all(r, std::vector<double>{.8, 0, .8, .8}),
                  "the ideal score of stage 1 must not be 0");
    CHECK_REFUSES(metrics::omega_all(r, one), "needs an ideal score of each of 4 tasks, got 1");

    metrics::accuracy_matrix suite({"MMLU"});
    CHECK_REFUSES(metrics::luo_fg(suite), "metrics::luo_fg: needs the scores before training");
    suite.before({0});
    CHECK_REFUSES(metrics::luo_fg(suite), "the suite has no scores after training");
    suite.append({.1});
    CHECK_REFUSES(metrics::luo_fg(suite),
                  "a drop relative to 0 is not defined, the score before training of task 0 (MMLU) is 0");
    suite.before({25});
    CHECK_REFUSES(metrics::luo_fg_above_chance(suite, std::vector<double>{25}),
                  "a drop relative to chance is not defined");
    CHECK_REFUSES(metrics::luo_fg_above_chance(suite, none), "needs a score of chance of each of 1 tasks, got 0");
    CHECK_REFUSES(metrics::luo_fg(suite, {.stage = 1}), "stage 1 of 1");
    CHECK_REFUSES(metrics::luo_fg(suite, {.denominator = metrics::over_all_tasks}), "no other is known");
}
