#include <holdfast/metrics/gate.hpp>
#include <holdfast/metrics/item_errors.hpp>
#include <holdfast/metrics/items.hpp>

#include "support/test.hpp"

namespace metrics = holdfast::metrics;

namespace {

const double none = metrics::not_evaluated;

metrics::accuracy_matrix sample() {
    metrics::accuracy_matrix r({"a", "b", "c"}, {{.size = 50}, {.size = 81}, {.size = 500}});
    r.before({0.2, 0.1, 0.3});
    r.append({0.9, 0.2, 0.4});
    r.append({0.6, 0.7, 0.4});
    r.append({0.5, 0.6, 0.8});
    return r;
}

}  // namespace

TEST_CASE("a gate is read: names, short forms, signs, blanks") {
    const auto gate = metrics::parse_gate(" forgetting <= 0.02, general>=-1e-2,task:C-STANCE > .7 ,OP<100");
    REQUIRE(gate.size() == 4);
    CHECK(gate[0].what == "forgetting");
    CHECK((!gate[0].at_least && !gate[0].strict && gate[0].limit == 0.02));
    CHECK(gate[0].text == "forgetting<=0.02");
    CHECK(gate[1].what == "general_ability_delta");
    CHECK(gate[1].text == "general>=-1e-2");
    CHECK((gate[1].at_least && gate[1].limit == -0.01));
    CHECK(gate[2].what == "task:C-STANCE");
    CHECK((gate[2].at_least && gate[2].strict && gate[2].limit == 0.7));
    CHECK(gate[3].what == "overall_performance");
    CHECK(gate[3].strict);
    CHECK_REFUSES(metrics::parse_gate(""), "metrics::parse_gate: holds no condition");
    CHECK_REFUSES(metrics::parse_gate("forgetting=1"), "this one is \"forgetting=1\"");
    CHECK_REFUSES(metrics::parse_gate("<=1"), "this one is \"<=1\"");
}

TEST_CASE("a limit that no number is refused") {
    for (const char* text : {"OP>=", "OP>=much", "OP>=0.5x", "OP>=inf", "OP>=nan", "OP>=0,5"})
        CHECK_THROWS_AS(metrics::parse_gate(text), holdfast::invalid_argument);
}

TEST_CASE("a condition is met at its limit unless it leaves the limit out") {
    const auto gate = metrics::parse_gate("a<=0.3,a<0.3,a>=0.3,a>0.3");
    const double x = 0.1 + 0.2;  // not 0.3 to the last bit
    CHECK(gate[0].met_by(x));
    CHECK_FALSE(gate[1].met_by(x));
    CHECK(gate[2].met_by(x));
    CHECK_FALSE(gate[3].met_by(x));
    CHECK(gate[1].met_by(0.29));
    CHECK(gate[3].met_by(0.31));
    CHECK_FALSE(gate[0].met_by(none));
}

TEST_CASE("what fell is told with its interval, and what can be chance is forgiven where that was asked") {
    const auto asked = metrics::parse_gate("forgetting<=0.02").front();
    const auto sure = metrics::judge(asked, 0.16, 0.1, 0.2, 0.95, 1, true);
    CHECK((!sure.met && sure.failed && sure.excludes_chance()));
    CHECK(sure.words() ==
          "forgetting is 0.1600, 0.1400 above the limit of 0.02; its 95 % interval [0.1000, 0.2000] excludes chance");
    const auto unsure = metrics::judge(asked, 0.16, -0.1, 0.42, 0.95, 1, true);
    CHECK((!unsure.met && !unsure.failed));
    CHECK(unsure.words().ends_with("reaches the limit: it can be chance, and is let pass"));
    CHECK(metrics::judge(asked, 0.16, -0.1, 0.42, 0.95, 1, false).failed);
    const auto unknown = metrics::judge(asked, 0.16, none, none, 0.95, 1, true);
    CHECK(unknown.failed);
    CHECK(unknown.words().find("whether that is chance is not known") != std::string::npos);
    CHECK(metrics::judge(asked, 0.01, none, none, 0.95, 1, true).words() ==
          "forgetting is 0.0100, as forgetting<=0.02 asks");
    const auto percent = metrics::judge(metrics::parse_gate("OP>70").front(), 70, none, none, 0.95, 100, false);
    CHECK(percent.words().starts_with("overall_performance is 70.00, the limit itself, which OP>70 leaves out"));
}

TEST_CASE("the error of a metric by its items: closed forms of OP and BWT") {
    const auto r = sample();
    const auto all = metrics::all_metrics(r);
    const auto errors = metrics::item_errors(r, {}, all, metrics::variance_tables::of(r, {}));
    REQUIRE(errors.size() == all.values.size());
    const auto error_of = [&](std::string_view id) {
        for (std::size_t k = 0; k < errors.size(); ++k)
            if (all.values[k].id == id) return errors[k];
        return none;
    };
    const double z = metrics::detail::normal_quantile(0.975);
    CHECK(error_of("overall_performance") ==
          Approx(metrics::overall_performance_interval(r).width() / 2 / z).epsilon(1e-6));
    CHECK(error_of("backward_transfer") ==
          Approx(metrics::backward_transfer_interval(r).width() / 2 / z).epsilon(1e-6));
    // forgetting = mean over a, b of best earlier - last; here the best is the first score, so it is -BWT
    CHECK(error_of("forgetting") == Approx(error_of("backward_transfer")).epsilon(1e-6));
}

TEST_CASE("the error of a suite's delta, of unknown sizes, and of other units") {
    metrics::accuracy_matrix suite({"mmlu", "bbh"}, {{.size = 100, .scale = 100}, {.size = 200, .scale = 100}});
    suite.before({50, 40});
    suite.append({40, 40});
    const auto r = sample();
    const metrics::beside b{.general = &suite};
    const auto all = metrics::all_metrics(r, b);
    const auto errors = metrics::item_errors(r, b, all, metrics::variance_tables::of(r, b));
    const double expected =
        100 / 2.0 * std::sqrt(0.25 / 100 + 0.24 / 100 + 2 * 0.24 / 200);  // of (40 - 50 + 40 - 40) / 2
    for (std::size_t k = 0; k < errors.size(); ++k)
        if (all.values[k].id == "general_ability_delta") CHECK(errors[k] == Approx(expected).epsilon(1e-6));

    metrics::accuracy_matrix unknown({"a", "b"}, {{.size = 50}, {}});
    unknown.append({0.9});
    unknown.append({0.6, 0.7});
    const auto some = metrics::all_metrics(unknown);
    const auto part = metrics::item_errors(unknown, {}, some, metrics::variance_tables::of(unknown, {}));
    for (std::size_t k = 0; k < part.size(); ++k) {
        if (some.values[k].id == "overall_performance") CHECK(std::isnan(part[k]));
        if (some.values[k].id == "backward_transfer")  // of task a alone, whose size is known
            CHECK(part[k] == Approx(std::sqrt((0.09 + 0.24) / 50)).epsilon(1e-6));
    }
    CHECK_REFUSES(metrics::item_errors(r, {}, all, {}), "metrics::item_errors: needs variances [4, 3], got [0, 0]");
}

TEST_CASE("scores that are all right or all wrong are not certain") {
    CHECK(metrics::score_variance(1, {.size = 10}) == Approx(11.0 / 12 * (1 - 11.0 / 12) / 10));
    CHECK(metrics::score_variance(0, {.size = 10}) == Approx(metrics::score_variance(1, {.size = 10})));
    CHECK(metrics::score_variance(50, {.size = 4, .scale = 100}) == Approx(0.25 / 4 * 1e4));
    CHECK(std::isnan(metrics::score_variance(0.5, {})));
    CHECK(std::isnan(metrics::score_variance(1.5, {.size = 10})));
    CHECK(std::isnan(metrics::score_variance(none, {.size = 10})));
}
