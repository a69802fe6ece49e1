#include <holdfast/metrics/catalogue.hpp>

#include "metrics/tables.hpp"
#include "support/test.hpp"

#include <algorithm>
#include <set>

namespace metrics = holdfast::metrics;

namespace {
std::string reason(const metrics::catalogue& c, const std::string& id) {
    for (const auto& s : c.skipped)
        if (s.id == id) return s.reason;
    return "not skipped";
}
}  // namespace

TEST_CASE("with everything given, every metric has its value and none is skipped") {
    const auto r = [] {
        metrics::accuracy_matrix sized({"a", "b", "c", "d"}, std::vector<metrics::task_traits>(4, {.size = 10}));
        const auto plain = tables::four_tasks();
        sized.before(plain.before());
        for (std::size_t i = 0; i < 4; ++i) sized.append(plain.scores().row(i));
        return sized;
    }();
    metrics::accuracy_matrix suite({"MMLU"});
    suite.before({.5}).append({.5}).append({.45}).append({.45}).append({.4});
    const auto c = metrics::all_metrics(r, {.baseline = r.before(),
                                            .single_task = tables::four_single,
                                            .general = &suite,
                                            .instruction_following = &suite,
                                            .safety = &suite});
    for (const auto& s : c.skipped) UNSCOPED_INFO(s.id << ": " << s.reason);
    CHECK(c.skipped.empty());
    const auto value = [&](const char* id) {
        const auto* found = c.find(id);
        INFO(id);
        REQUIRE(found);
        return found->value;
    };
    CHECK(value("overall_performance") == Approx(.715));
    CHECK(value("overall_performance_by_size") == Approx(.715));
    CHECK(value("backward_transfer") == Approx(-.14));
    CHECK(value("backward_transfer_over_T") == Approx(-.105));
    CHECK(value("forward_transfer") == Approx(.116667).margin(1e-6));
    CHECK(value("forgetting_inclusive") == Approx(.18));
    CHECK(value("relative_gain") == Approx(77.521665).margin(1e-6));
    CHECK(value("relative_gain_over_T") == Approx(82.585693).margin(1e-6));
    CHECK(value("intransigence") == Approx(.0475));
    CHECK(value("general_ability_delta") == Approx(-.1));
    CHECK(value("luo_fg") == Approx(10));
    std::set<std::string> ids;
    for (const auto& e : c.values) ids.insert(e.id);
    CHECK(ids.size() == c.values.size());  // none twice
}

TEST_CASE("what a lower triangle cannot give is skipped, with the cell that is missing") {
    const auto c = metrics::all_metrics(tables::o_lora());
    CHECK(c.find("overall_performance")->value == Approx(78.365125));
    CHECK(c.find("forward_transfer_no_baseline") == nullptr);
    CHECK_THAT(reason(c, "forward_transfer_no_baseline"), Contains("needs the score of task 1 (amazon) after stage 0"));
    CHECK_THAT(reason(c, "forward_transfer_zero_shot"), Contains("needs the scores before training"));
    CHECK_THAT(reason(c, "forward_transfer"), Contains("needs a baseline score of each of 4 tasks, got 0"));
    CHECK_THAT(reason(c, "relative_gain"), Contains("needs a single-task score of each of 4 tasks"));
    CHECK_THAT(reason(c, "overall_performance_by_size"), Contains("needs the number of test items"));
    CHECK_THAT(reason(c, "safety_delta"), Contains("metrics::safety_delta: needs a suite of test sets"));
    CHECK(reason(c, "forgetting") == "not skipped");
}

TEST_CASE("after one stage there is a performance and nothing to forget") {
    const auto c = metrics::all_metrics(tables::four_tasks(), {}, {.stage = 0});
    CHECK(c.find("overall_performance")->value == Approx(.8));
    CHECK(c.find("backward_transfer") == nullptr);
    CHECK_THAT(reason(c, "backward_transfer"), Contains("needs at least 2 stages, got 1"));
}

TEST_CASE("the catalogue refuses an empty table and one denominator for all") {
    CHECK_REFUSES(metrics::all_metrics(metrics::accuracy_matrix({"a"})),
                  "metrics::all_metrics: the matrix has no stage yet");
    CHECK_REFUSES(metrics::all_metrics(tables::four_tasks(), {}, {.denominator = metrics::over_all_tasks}),
                  "each metric keeps its own denominator");
    CHECK_REFUSES(metrics::all_metrics(tables::four_tasks(), {}, {.stage = 9}), "metrics::all_metrics: stage 9 of 4");
}
