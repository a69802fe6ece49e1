#include <holdfast/metrics/averages.hpp>
#include <holdfast/metrics/chance.hpp>

#include "support/test.hpp"

#include <cmath>

namespace metrics = holdfast::metrics;

TEST_CASE("the majority class of FOMC's test set scores 49.4 %") {
    std::vector<std::string> labels;  // A 129, B 122, C 245
    labels.insert(labels.end(), 129, "A");
    labels.insert(labels.end(), 122, "B");
    labels.insert(labels.end(), 245, "C");
    CHECK(metrics::majority_share(labels) == Approx(.494).margin(5e-4));
    CHECK_REFUSES(metrics::majority_share(std::vector<std::string>{}),
                  "metrics::majority_share: needs at least one label");
}

TEST_CASE("above chance, guessing is 0 and perfect is 1, whatever the unit") {
    metrics::accuracy_matrix r({"two", "four", "error"},
                               {{}, {.scale = 100}, {.orientation = metrics::orientation::lower_is_better}});
    r.before({.5, 25, .9});
    r.append({1, 100, .0}).append({.75, 62.5, metrics::not_evaluated});
    const std::vector<double> chance{.5, 25, .9};
    const auto a = metrics::above_chance(r, chance);
    for (std::size_t j = 0; j < 3; ++j) {
        CHECK(a.before()[j] == Approx(0).margin(1e-15));
        CHECK(a(0, j) == Approx(1));
    }
    CHECK(a(1, 0) == Approx(.5));
    CHECK(a(1, 1) == Approx(.5));
    CHECK_FALSE(a.has(1, 2));
    CHECK(metrics::overall_performance(a, {.stage = 1}).value == Approx(.5));
    CHECK(a.scale() == 1);
    CHECK_REFUSES(metrics::above_chance(r, std::vector<double>{.5}),
                  "needs a score of chance for each of 3 tasks, got 1");
    CHECK_REFUSES(metrics::above_chance(r, std::vector<double>{.5, 100, .9}),
                  "chance must score below perfect, that of task 1 (four) is 100");
    CHECK_REFUSES(metrics::above_chance(r, std::vector<double>{metrics::not_evaluated, 25, .9}),
                  "that of task 0 (two) is nan");
}

TEST_CASE("a zero of unreadable answers is a lost format, a low score of readable ones is not") {
    metrics::accuracy_matrix r({"FOMC", "ScienceQA"}), valid({"FOMC", "ScienceQA"});
    r.append({.7}).append({.0, .76}).append({.2, .4});
    valid.append({1}).append({.01, 1}).append({.98, metrics::not_evaluated});
    const auto lost = metrics::format_collapse(r, valid, std::vector<double>{.494, .44});
    REQUIRE(lost.size() == 1);
    CHECK(lost[0].stage == 1);
    CHECK(lost[0].task == 0);
    CHECK(lost[0].score == 0);
    CHECK(lost[0].valid == .01);
    CHECK_REFUSES(metrics::format_collapse(r, valid, std::vector<double>{.5}),
                  "needs a score of chance for each of 2 tasks");
    CHECK_REFUSES(
        metrics::format_collapse(r, metrics::accuracy_matrix({"FOMC", "ScienceQA"}), std::vector<double>{.5, .5}),
        "needs the share of readable answers for 3 stages and 2 tasks, got 0 and 2");
}
