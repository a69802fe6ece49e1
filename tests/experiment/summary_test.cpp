#include <holdfast/experiment/summary.hpp>

#include "experiment/sample.hpp"
#include "support/test.hpp"

#include <cmath>
#include <utility>

namespace experiment = holdfast::experiment;

TEST_CASE("the t quantile equals the printed tables") {
    // Two-sided 95 % and 99 %, NIST/SEMATECH e-Handbook 1.3.6.7.2 (three decimals)
    const std::pair<std::size_t, double> at_95[] = {{1, 12.706}, {2, 4.303}, {3, 3.182},  {4, 2.776},
                                                    {5, 2.571},  {9, 2.262}, {30, 2.042}, {100, 1.984}};
    for (const auto& [v, t] : at_95) CHECK(experiment::detail::t_quantile(0.95, v) == Approx(t).margin(5e-4));
    const std::pair<std::size_t, double> at_99[] = {{1, 63.657}, {2, 9.925}, {4, 4.604}, {7, 3.499}, {60, 2.660}};
    for (const auto& [v, t] : at_99) CHECK(experiment::detail::t_quantile(0.99, v) == Approx(t).margin(5e-4));
    // v = 1 and v = 2 in closed form
    CHECK(experiment::detail::t_quantile(0.95, 1) == Approx(std::tan(0.95 * 3.14159265358979 / 2)).epsilon(1e-10));
    CHECK(experiment::detail::t_quantile(0.95, 2) == Approx(0.95 * std::sqrt(2 / (1 - 0.95 * 0.95))).epsilon(1e-10));
}

TEST_CASE("a mean has its interval from two values on, and leaves out what is missing") {
    const std::vector<double> one = {3}, three = {1, 2, 3}, holes = {1, std::nan(""), 3}, none = {std::nan("")};
    CHECK(experiment::detail::mean_of(one).value == 3);
    CHECK_FALSE(experiment::detail::mean_of(one).has_interval());
    const auto e = experiment::detail::mean_of(three);
    CHECK(e.value == 2);
    CHECK(e.upper - e.value == Approx(4.302652729911275 / std::sqrt(3.0)).epsilon(1e-9));  // s = 1
    CHECK(e.lower + e.upper == Approx(4));
    CHECK(experiment::detail::mean_of(holes).seeds == 2);
    CHECK(experiment::detail::mean_of(holes).value == 2);
    CHECK_FALSE(experiment::detail::mean_of(none).present());
}

TEST_CASE("metrics over seeds are the means of the runs' metrics, worked by hand") {
    const auto s = sample::report().summary("seq");
    CHECK(s.seeds == std::vector<std::uint64_t>{0, 1, 2});
    CHECK(s.at("overall_performance").value == Approx((0.4 + 0.35 + 0.61) / 3));
    CHECK(s.at("backward_transfer").value == Approx(((0.4 - 0.91) + (0.35 - 0.81)) / 2));
    CHECK(s.at("forward_transfer").value == Approx(((0.25 - 0.2) + (0.35 - 0.3)) / 2));
    CHECK(s.at("forgetting").value == Approx(((0.91 - 0.4) + (0.81 - 0.35)) / 2));
    CHECK(s.at("learning_accuracy").value == Approx((0.91 + 0.81 + 0.61) / 3));
    CHECK(s.at("relative_gain").value == Approx(100 * (0.4 / 0.95 + 0.35 / 0.85) / 2));
    CHECK(s.at("general").value == Approx(-0.25));
    CHECK(s.at("safety").value == Approx(-0.2 + 0.01));
    CHECK_FALSE(s.at("instruction_following").present());
    CHECK_THAT(s.at("instruction_following").reason, Contains("no suite of this kind"));
    // BWT varies by -0.01 a seed: s = 0.01, half = 4.3027 * 0.01 / sqrt(3)
    CHECK(s.at("backward_transfer").upper - s.at("backward_transfer").value ==
          Approx(4.302652729911275 * 0.01 / std::sqrt(3.0)));
    CHECK(s.seconds.value == Approx(0.5 + 3 * 3.125));
    CHECK_REFUSES(s.at("acuracy"), "there is no metric \"acuracy\"");
}

TEST_CASE("curves, replay and distances stand at their stages") {
    const auto s = sample::report().summary("InsCL <i>");
    REQUIRE(s.op_by_stage.size() == 3);
    CHECK(s.op_by_stage[0].value == Approx(0.91));
    CHECK(s.op_by_stage[1].value == Approx((0.81 + 0.81) / 2));
    CHECK_FALSE(s.bwt_by_stage[0].present());
    CHECK(s.bwt_by_stage[2].value == s.at("backward_transfer").value);
    CHECK(s.replayed[2][1] == 5);
    CHECK(s.replayed[2][2] == 0);
    CHECK(s.unplaced[2] == 4);
    CHECK(s.general[1] == 4);
    CHECK(s.distance[2][1].value == Approx(0.4));
    CHECK(s.distance[2][1].status == holdfast::status::certified);
    CHECK(std::isnan(s.distance[1][2].value));
    CHECK(std::isnan(sample::report().summary("seq").distance[2][1].value));
}

TEST_CASE("tasks of different scales are brought to one before they are averaged") {
    auto run = sample::run("seq", 0, 0.5);
    for (std::size_t j = 1; j < 3; ++j) run.tasks[j].scale = 100;
    for (auto* row : {&run.before, &run.after[0], &run.after[1], &run.after[2]})
        for (std::size_t j = 1; j < 3; ++j) (*row)[j] *= 100;
    const experiment::report mixed(run), plain(sample::run("seq", 0, 0.5));
    const auto a = mixed.summary("seq"), b = plain.summary("seq");
    CHECK(a.at("overall_performance").value == Approx(b.at("overall_performance").value));
    CHECK(a.after[2][1] == Approx(b.after[2][1]));
    CHECK(a.before[2] == Approx(b.before[2]));
}
