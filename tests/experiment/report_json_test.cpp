#include <holdfast/experiment/report_json.hpp>

#include "experiment/sample.hpp"
#include "experiment/toy.hpp"
#include "support/test.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

namespace experiment = holdfast::experiment;
using nlohmann::json;

TEST_CASE("report.json has the shape that other programs read") {
    auto run = sample::run("seq", 0, 0.5);
    run.after[0][2] = std::nan("");
    experiment::report report(run);
    report.add(sample::run("inscl", 0, 0.9));
    const json j = json::parse(experiment::to_json(report));
    CHECK(j.at("tasks") == json({"FOMC", "a <b> & \"c\"", "Größe"}));
    CHECK(j.at("version") == HOLDFAST_VERSION);
    const json& seq = j.at("methods").at("seq");
    CHECK(seq.at("R0") == json({0.1, 0.2, 0.3}));
    REQUIRE(seq.at("R").size() == 3);
    CHECK(seq.at("R")[0] == json({0.9, 0.25, nullptr}));
    for (const char* key :
         {"overall_performance", "backward_transfer", "forward_transfer", "forgetting", "relative_gain"}) {
        CHECK(seq.at("metrics").at(key).at("value").is_number());
        CHECK(seq.at("metrics").at(key).at("variant").is_string());
        CHECK_FALSE(seq.at("metrics").at(key).at("variant").get<std::string>().empty());
    }
    CHECK(seq.at("metrics").at("overall_performance").at("value").get<double>() == Approx((0.4 + 0.35 + 0.6) / 3));
    CHECK(seq.at("deltas").at("general").get<double>() == Approx(-0.25));
    CHECK(seq.at("deltas").at("safety").get<double>() == Approx(-0.2));
    CHECK(seq.at("deltas").at("instruction_following").is_null());
    CHECK(seq.at("seconds").get<double>() == Approx(9.875));
    const json& similarity = j.at("similarity");
    CHECK(similarity[0][0] == 0);
    CHECK(similarity[2][1].get<double>() == Approx(0.4));
    CHECK(similarity[1][2] == similarity[2][1]);
    CHECK(j.at("replay").at("inscl")[2].at("examples") == json({{"FOMC", 5.0}, {"a <b> & \"c\"", 5.0}}));
    CHECK(j.at("replay").at("inscl")[2].at("unplaced") == 4);
    CHECK(j.at("config").at("epochs") == "3");
}

TEST_CASE("without references or distances the values are null, and the reason stands beside") {
    auto run = sample::run("seq", 0, 0.5);
    run.single_task.clear();
    const json j = json::parse(experiment::to_json(experiment::report(run)));
    const json& gain = j.at("methods").at("seq").at("metrics").at("relative_gain");
    CHECK(gain.at("value").is_null());
    CHECK_THAT(gain.at("reason").get<std::string>(), Contains("models that learnt one task alone"));
    CHECK(j.at("similarity")[1][0].is_null());
    CHECK(j.at("similarity")[0][0].is_null());
}

TEST_CASE("several seeds have means, intervals, and every run") {
    const json j = json::parse(experiment::to_json(sample::report()));
    const json& seq = j.at("methods").at("seq");
    CHECK(seq.at("seeds") == json({0, 1, 2}));
    CHECK(seq.at("runs").size() == 3);
    CHECK(seq.at("R")[0][0].get<double>() == Approx(0.91));
    const json& op = seq.at("metrics").at("overall_performance");
    CHECK(op.at("lower").get<double>() < op.at("value").get<double>());
    CHECK(op.at("upper").get<double>() > op.at("value").get<double>());
    CHECK(op.at("seeds") == 3);
    CHECK(seq.at("delta_intervals").at("safety").size() == 2);
}

TEST_CASE("a report comes back from its JSON to the bit") {
    auto report = sample::report();
    auto run = sample::run("odd \xff name", 18446744073709551615ULL, 1.0 / 3);
    run.after[0][1] = std::nan("");
    run.after[2][2] = 0.1 + 0.2;
    run.single_task.clear();
    report.add(run);
    const std::string text = experiment::to_json(report);
    const auto back = experiment::parse_report(text);
    CHECK(experiment::to_json(back) == text);
    CHECK(back.runs().size() == 7);
    CHECK(back.runs()[6].after[2][2] == 0.1 + 0.2);
    CHECK(std::isnan(back.runs()[6].after[0][1]));
    CHECK(back.runs()[6].seed == 18446744073709551615ULL);
    CHECK(back.runs()[4].stages[2].plan.examples == report.runs()[4].stages[2].plan.examples);
    CHECK(back.runs()[4].stages[2].plan.distance == report.runs()[4].stages[2].plan.distance);
    CHECK(back.runs()[4].stages[2].plan.mix == holdfast::replay::mixing::trailing_epoch);
    CHECK(back.table() == experiment::parse_report(experiment::to_json(back)).table());
    CHECK(back.summary("seq").at("backward_transfer").value == report.summary("seq").at("backward_transfer").value);
    CHECK(experiment::parse_report(experiment::to_json(experiment::report())).runs().empty());
}

TEST_CASE("what is no report is refused with file, line and reason") {
    toy::temporary_folder folder("json");
    const auto file = folder.path / "report.json";
    const auto with = [&](const std::string& text) {
        std::ofstream(file, std::ios::binary) << text;
        return file;
    };
    CHECK_THROWS_AS(experiment::read_report(with("{\n\"tasks\": [\n,")), holdfast::format_error);
    CHECK_THROWS_WITH(experiment::read_report(with("{\n\"tasks\": [\n,")), Contains("report.json:3: is no JSON"));
    CHECK_THROWS_WITH(experiment::read_report(with("{}")),
                      Contains("is no report of holdfast") && Contains("task_info"));
    std::string text = experiment::to_json(sample::report(1));
    const auto at = text.find("\"before\": [0.1,");
    REQUIRE(at != std::string::npos);
    text.replace(at, 15, "\"before\": [");
    CHECK_THROWS_WITH(experiment::read_report(with(text)), Contains("another shape than 3 tasks"));
    CHECK_THROWS_WITH(experiment::read_report(folder.path / "absent.json"), Contains("cannot be read"));
    experiment::write_json(sample::report(), file);
    CHECK(experiment::to_json(experiment::read_report(file)) == experiment::to_json(sample::report()));
}

TEST_CASE("the report of a run is readable as one") {
    // Every line short enough to look at: a matrix row is a line.
    const std::string text = experiment::to_json(sample::report(1));
    CHECK_THAT(text, Contains("\"R0\": [0.1,0.2,0.3]"));
    CHECK_THAT(text, Contains("[0.9,0.25,0.3],\n"));
}
