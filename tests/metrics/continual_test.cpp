// Averages, backward and forward transfer against tables whose values were computed by hand, and by the toolkits that
// define them (continuum, Mammoth, Avalanche, FACIL, SAPT, CITB).
#include <holdfast/metrics/continual.hpp>

#include "metrics/tables.hpp"
#include "support/test.hpp"

#include <cmath>

namespace metrics = holdfast::metrics;
using metrics::over_all_tasks;

TEST_CASE("means of scores on the four-task case") {
    const auto r = tables::four_tasks();
    CHECK(metrics::overall_performance(r).value == Approx(.715));
    CHECK(metrics::average_incremental(r).value == Approx(.737917).margin(1e-6));
    CHECK(metrics::lower_triangle_mean(r).value == Approx(.72));
    CHECK(metrics::lower_triangle_mean(r).tasks == 10);  // cells
    CHECK(metrics::learning_accuracy(r).value == Approx(.82));
    CHECK(metrics::intransigence(r, tables::four_single).value == Approx(.0475));
    CHECK(metrics::intransigence(r, tables::four_multitask).value == Approx(.02));
    CHECK(metrics::minimum_accuracy(r).value == Approx(.55));
    CHECK(metrics::worst_case_accuracy(r).value == Approx(.6325));
    CHECK(metrics::worst_case_accuracy(r).denominator == 4);
    CHECK(metrics::stability(r).value == Approx(.66));
    CHECK(metrics::stability_plasticity(r).value == Approx(2 * .66 * .82 / (.66 + .82)));
}

TEST_CASE("backward transfer in all its forms on the four-task case") {
    const auto r = tables::four_tasks();
    CHECK(metrics::backward_transfer(r).value == Approx(-.14));
    CHECK(metrics::backward_transfer(r, {.denominator = over_all_tasks}).value == Approx(-.105));
    CHECK(metrics::backward_transfer_diaz(r).value == Approx(-.13));
    CHECK(metrics::remembering(r).value == Approx(.87));
    CHECK(metrics::positive_backward_transfer(r).value == 0);
    CHECK(metrics::backward_transfer_raw(r).value == Approx(.653333).margin(1e-6));
    CHECK(metrics::backward_transfer_clipped(r).value == Approx((-.15 - .35) / 4));
    CHECK(metrics::backward_transfer_clipped(r, {.denominator = metrics::over_earlier_tasks}).value == Approx(-.5 / 3));
}

TEST_CASE("forward transfer in all its forms on the four-task case") {
    const auto r = tables::four_tasks();
    CHECK(metrics::forward_transfer(r, r.before()).value == Approx(.116667).margin(1e-6));
    CHECK(metrics::forward_transfer_zero_shot(r).value == Approx(.116667).margin(1e-6));
    CHECK(metrics::forward_transfer_no_baseline(r).value == Approx(.283333).margin(1e-6));
    CHECK(metrics::forward_transfer_no_baseline(r, {.denominator = over_all_tasks}).value == Approx(.85 / 4));
    CHECK(metrics::forward_transfer_diaz(r).value == Approx(.216667).margin(1e-6));
    CHECK(metrics::forward_transfer_diaz(r).tasks == 6);  // cells
    CHECK(metrics::forward_transfer_single_task(r, tables::four_single, {.denominator = metrics::over_later_tasks})
              .value == Approx(-.056667).margin(1e-6));
}

TEST_CASE("the hand-made three-task case") {
    const auto r = tables::hand_made();
    CHECK(metrics::overall_performance(r).value == Approx(.8166667).margin(1e-7));
    CHECK(metrics::backward_transfer(r).value == Approx(-.125));
    CHECK(metrics::backward_transfer(r, {.denominator = over_all_tasks}).value == Approx(-.0833333).margin(1e-7));
    CHECK(metrics::forward_transfer(r, tables::hand_baseline).value == Approx(.125));
    CHECK(metrics::forward_transfer(r, {.1, .25, .2}).value == Approx(.125));
    CHECK(metrics::forward_transfer_zero_shot(r).value == Approx(.15));
    CHECK(metrics::forward_transfer_no_baseline(r).value == Approx(.35));
    CHECK(metrics::forward_transfer_single_task(r, tables::hand_single).value == Approx(-.01));
    CHECK(metrics::intransigence(r, tables::hand_single).value == Approx(.01));
    CHECK(metrics::forward_transfer_learned(r).value == Approx(.7166667).margin(1e-7));
    CHECK(metrics::forward_transfer_learned(r, {.denominator = metrics::over_later_tasks}).value == Approx(.70));
}

TEST_CASE("O-LoRA's published log, lower triangle alone") {
    const auto r = tables::o_lora();
    CHECK(metrics::overall_performance(r).value == Approx(78.365125));
    CHECK(metrics::backward_transfer(r).value == Approx(-1.179833).margin(1e-6));
    CHECK(metrics::backward_transfer(r, {.denominator = over_all_tasks}).value == Approx(-.884875));
    CHECK(metrics::average_incremental(r).value == Approx(82.702023).margin(1e-6));
    CHECK(metrics::learning_accuracy(r).value == Approx(79.25));
    CHECK(metrics::lower_triangle_mean(r).value == Approx(79.521050));
    CHECK_REFUSES(metrics::forward_transfer_no_baseline(r),
                  "needs the score of task 1 (amazon) after stage 0, which was not evaluated");
}

TEST_CASE("the two-task toy of published numbers") {
    metrics::accuracy_matrix r({"a", "b"});
    r.append({.98, .5}).append({.5, .98});
    CHECK(metrics::overall_performance(r).value == Approx(.74));
    CHECK(metrics::backward_transfer(r).value == Approx(-.48));
    CHECK(metrics::forward_transfer(r, {.5, .5}).value == Approx(0).margin(1e-15));
}

TEST_CASE("overall performance by size counts every test item the same") {
    metrics::accuracy_matrix r({"a", "b"}, {{.size = 100}, {.size = 300}});
    r.append({.5, .1}).append({.6, .8});
    const auto op = metrics::overall_performance_by_size(r);
    CHECK(op.value == Approx((100 * .6 + 300 * .8) / 400));
    CHECK(op.denominator == 400);
    CHECK(op.tasks == 2);
    metrics::accuracy_matrix unknown({"a"});
    unknown.append({.5});
    CHECK_REFUSES(metrics::overall_performance_by_size(unknown), "needs the number of test items of task 0 (a)");
}

TEST_CASE("a metric can be asked for an earlier stage") {
    const auto r = tables::four_tasks();
    CHECK(metrics::overall_performance(r, {.stage = 1}).value == Approx(.77));
    CHECK(metrics::overall_performance(r, {.stage = 1}).variant == "mean of the row of stage 1");
    CHECK(metrics::backward_transfer(r, {.stage = 1}).value == Approx(.04));
    CHECK(metrics::forward_transfer_no_baseline(r, {.stage = 1}).value == Approx(.30));
    CHECK_REFUSES(metrics::overall_performance(r, {.stage = 4}), "stage 4 of 4 (they count from 0)");
}

TEST_CASE("a metric refuses what it cannot be computed from, naming the cell") {
    metrics::accuracy_matrix r({"a", "b", "c"});
    CHECK_REFUSES(metrics::overall_performance(r), "metrics::overall_performance: the matrix has no stage yet");
    r.append({.5});
    CHECK_REFUSES(metrics::backward_transfer(r), "metrics::backward_transfer: needs at least 2 stages, got 1");
    CHECK_REFUSES(metrics::minimum_accuracy(r), "needs at least 2 stages");
    CHECK_REFUSES(metrics::forward_transfer_zero_shot(r), "needs the scores before training, which were not given");
    CHECK_REFUSES(metrics::forward_transfer(r, r.before()), "needs a baseline score of each of 3 tasks, got 0");
    r.append({.4});
    CHECK_REFUSES(metrics::overall_performance(r),
                  "metrics::overall_performance: needs the score of task 1 (b) after stage 1, which was not evaluated");
    r.set(1, 1, .6);
    CHECK_REFUSES(metrics::forward_transfer(r, {.1, .1, .1}), "needs the score of task 1 (b) after stage 0");
    r.set(0, 1, .3);
    CHECK_REFUSES(metrics::forward_transfer(r, {.1, metrics::not_evaluated, .1}), "needs the baseline of task 1 (b)");
    CHECK_REFUSES(metrics::intransigence(r, std::vector<double>{.1}),
                  "needs a reference score of each of 3 tasks, got 1");
    CHECK_REFUSES(metrics::backward_transfer(r, {.denominator = metrics::over_later_tasks}),
                  "the denominator asked for does not belong to this metric");
    CHECK_REFUSES(metrics::overall_performance(r, {.denominator = metrics::over_earlier_tasks}),
                  "the denominator asked for does not belong to this metric");
    r.append({.4, .5, .6}).append({.4, .5, .6});
    CHECK_REFUSES(metrics::overall_performance(r), "stage 3 learned no task, there are 3 tasks");
    CHECK(metrics::overall_performance(r, {.stage = 2}).value == Approx(.5));
}

TEST_CASE("skipping leaves out what is missing and says how many it used") {
    metrics::accuracy_matrix r({"a", "b", "c"});
    r.append({.8}).append({.7, metrics::not_evaluated}).append({.6, .5, .9});
    CHECK_REFUSES(metrics::backward_transfer(r), "task 1 (b) after stage 1");
    const auto bwt = metrics::backward_transfer(r, {.missing = metrics::missing_cells::skip});
    CHECK(bwt.value == Approx(-.2));
    CHECK(bwt.tasks == 1);
    CHECK(bwt.denominator == 1);
    CHECK(bwt.variant == "mean over T-1 earlier tasks, 1 of 2 evaluated");
    const auto none = metrics::forward_transfer_no_baseline(r, {.missing = metrics::missing_cells::skip});
    CHECK(std::isnan(none.value));
    CHECK(none.tasks == 0);
    const auto clipped = metrics::backward_transfer_clipped(r, {.missing = metrics::missing_cells::skip});
    CHECK(clipped.tasks == 1);
    CHECK(std::isnan(metrics::remembering(
                         [&] {
                             metrics::accuracy_matrix empty({"a", "b"});
                             return empty.append({}).append({});
                         }(),
                         {.missing = metrics::missing_cells::skip})
                         .value));
}

TEST_CASE("mixed scales give what the rescaled table gives") {
    metrics::accuracy_matrix mixed({"a", "b", "c"},
                                   {{}, {.scale = 100}, {.orientation = metrics::orientation::lower_is_better}});
    mixed.before({.15, 22, .82});
    mixed.append({.9, 30, .8}).append({.8, 85, .6}).append({.7, 80, .05});
    const auto plain = tables::hand_made();
    CHECK(metrics::overall_performance(mixed).value == Approx(metrics::overall_performance(plain).value));
    CHECK(metrics::backward_transfer(mixed).value == Approx(metrics::backward_transfer(plain).value));
    CHECK(metrics::forward_transfer_zero_shot(mixed).value == Approx(metrics::forward_transfer_zero_shot(plain).value));
    CHECK(metrics::forward_transfer_diaz(mixed).value == Approx(metrics::forward_transfer_diaz(plain).value));
    CHECK(metrics::overall_performance(mixed).scale == 1);
}

TEST_CASE("curves have NaN where the metric is not defined yet") {
    const auto r = tables::four_tasks();
    const auto op = metrics::overall_performance_by_stage(r);
    const std::vector<double> expected{.8, .77, .666667, .715};
    REQUIRE(op.size() == 4);
    for (std::size_t t = 0; t < 4; ++t) CHECK(op[t] == Approx(expected[t]).margin(1e-6));
    const auto bwt = metrics::backward_transfer_by_stage(r);
    CHECK(std::isnan(bwt[0]));
    CHECK(bwt[1] == Approx(.04));
    CHECK(bwt[3] == Approx(-.14));
    const auto f = metrics::forgetting_by_stage(r);
    CHECK(std::isnan(f[0]));
    CHECK(f[3] == Approx(.153333).margin(1e-6));
    CHECK(metrics::average_incremental_by_stage(r)[3] == Approx(.737917).margin(1e-6));
    CHECK(metrics::overall_performance_by_stage(metrics::accuracy_matrix({"a"})).empty());
}
