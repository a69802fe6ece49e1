#include <holdfast/experiment/gate.hpp>
#include <holdfast/experiment/report_json.hpp>
#include <holdfast/experiment/run.hpp>
#include <holdfast/metrics/significance.hpp>

#include "experiment/toy.hpp"
#include "support/test.hpp"

namespace experiment = holdfast::experiment;
namespace metrics = holdfast::metrics;
namespace replay = holdfast::replay;

namespace {

/// Learns nothing at one stage.
struct skipping : toy::learner {
    std::size_t skipped = 0;
    void train(std::span<const experiment::example> examples, const experiment::stage_info& where) {
        if (where.stage != skipped) toy::learner::train(examples, where);
    }
    void train(std::span<const experiment::example> examples) { toy::learner::train(examples); }
};

struct listener {
    std::vector<std::string> heard = {};
    void undone(std::size_t stage, std::span<const std::string> reasons) {
        for (const auto& r : reasons) heard.push_back(std::to_string(stage) + ": " + r);
    }
};

/// Two tasks learnt, the scores of the first as given.
experiment::run_record record(double first, double then, std::size_t questions) {
    experiment::run_record r;
    r.tasks = {{.name = "a", .scale = 100, .questions = questions}, {.name = "b", .questions = questions}};
    r.before = {10, 0.1};
    r.after = {{first, 0.1}, {then, 0.5}};
    r.stages.resize(2);
    return r;
}

}  // namespace

TEST_CASE("a stage that falls is undone, as if it had not been trained, and the report says why") {
    const auto stream = toy::stream();
    toy::temporary_folder folder("gate");
    toy::learner model;
    listener heard;
    const auto report =
        experiment::run(stream, model, replay::no_replay{}, heard,
                        {.seed = 5, .checkpoint = folder.path, .gate = {.conditions = "task:triple>=1.5, OP>=0"}});
    skipping expected_model;
    expected_model.skipped = 2;
    const auto expected = experiment::run(stream, expected_model, replay::no_replay{}, {.seed = 5}).runs()[0];
    const auto& run = report.runs()[0];
    CHECK(model.weights == expected_model.weights);
    CHECK(run.after == expected.after);
    REQUIRE(heard.heard.size() == 1);
    REQUIRE(run.stages[1].undone.size() == 1);
    CHECK("2: " + run.stages[1].undone[0] == heard.heard[0]);
    CHECK_THAT(heard.heard[0], Contains("2: task:triple is 0.") && Contains("below the limit of 1.5"));
    for (const std::size_t stage : {0U, 2U, 3U}) {
        CHECK(run.stages[stage].undone.empty());
        CHECK(run.stages[stage].tried.empty());
    }
    REQUIRE(run.stages[1].tried.size() == 4);  // what the model scored that went
    CHECK(run.stages[1].tried != run.after[1]);
    CHECK_THAT(report.table(), Contains("seed 5: triple was undone: task:triple is 0."));
    CHECK_THAT(report.html(), Contains("triple was undone, since task:triple is 0."));
    const auto again = experiment::parse_report(experiment::to_json(report)).runs()[0];
    CHECK(again.stages[1].undone == run.stages[1].undone);
    CHECK(again.stages[1].tried == run.stages[1].tried);
}

TEST_CASE("a task that was undone is not rehearsed by later stages") {
    const auto stream = toy::stream();
    toy::temporary_folder folder("gate-replay");
    toy::learner model;
    const auto run = experiment::run(stream, model, replay::random_replay{.budget_per_task = 6},
                                     {.checkpoint = folder.path, .gate = {.conditions = "task:even>1,task:fourfold>1"}})
                         .runs()[0];
    REQUIRE(run.stages.size() == 4);
    CHECK_FALSE(run.stages[0].undone.empty());
    CHECK(run.after[0] == run.before);
    CHECK_FALSE(run.stages[2].undone.empty());
    const auto& last = run.stages[3].plan;
    REQUIRE(last.examples.size() == 3);
    CHECK(last.examples[0].empty());
    CHECK(last.examples[1].size() == 6);
    CHECK(last.examples[2].empty());
    CHECK(last.quotas == std::vector<std::size_t>{0, 6, 0});
    CHECK_THAT(last.why(1, last.examples[1][0]), Contains("'triple' is replayed"));
    for (const auto& id : model.seen.back()) CHECK((id.starts_with("triple:") || id.starts_with("fivefold:")));
}

TEST_CASE("with a confidence only a fall that is no chance undoes a stage") {
    const auto judged = [](std::size_t questions, double confidence, const char* conditions) {
        return experiment::judge({.conditions = conditions, .confidence = confidence}, record(80, 60, questions)).at(0);
    };
    CHECK(judged(10, 0, "task:a>=70").failed);
    CHECK_FALSE(judged(10, 0.95, "task:a>=70").failed);
    CHECK(judged(500, 0.95, "task:a>=70").failed);
    CHECK(judged(0, 0.95, "task:a>=70").failed);  // whether it is chance is not known
    const auto wilson = metrics::wilson_share(0.6, 10, 0.95);
    CHECK(judged(10, 0.95, "task:a>=70").lower == Approx(100 * wilson.lower).epsilon(1e-12));
    CHECK(judged(10, 0.95, "task:a>=70").upper == Approx(100 * wilson.upper).epsilon(1e-12));
    // Forgetting is 0.2 on the common scale of 0 to 1: sqrt(0.16 / n + 0.24 / n) is its error.
    CHECK_FALSE(judged(10, 0.95, "forgetting<=0.1").failed);
    CHECK(judged(500, 0.95, "forgetting<=0.1").failed);
    const auto v = judged(500, 0.9, "forgetting<=0.1");
    CHECK(v.value == Approx(0.2));
    CHECK(v.upper - v.value == Approx(1.6448536269514722 * std::sqrt(0.4 / 500)).epsilon(1e-6));
}

TEST_CASE("what is not defined yet, or not learnt yet, is not asked") {
    auto r = record(80, 60, 10);
    r.after.pop_back();
    r.stages.pop_back();
    CHECK(experiment::judge({.conditions = "forgetting<=0, task:b>=1"}, r).empty());
    CHECK(experiment::judge({.conditions = "task:a>=1, task:b>=1"}, r).size() == 1);
    CHECK_REFUSES(experiment::judge({.conditions = "task:chess>=1"}, r), "there is no task \"chess\"");
    r.after.clear();
    CHECK_REFUSES(experiment::judge({.conditions = "task:a>=1"}, r), "needs at least one stage");
}

TEST_CASE("suites are judged after every stage") {
    const auto stream = toy::stream();
    const auto suites = toy::suites();
    toy::temporary_folder folder("gate-suites");
    toy::learner model;
    const auto run = experiment::run(stream, model, replay::no_replay{},
                                     {.checkpoint = folder.path,
                                      .suites = suites,
                                      .suites_every_stage = true,
                                      .gate = {.conditions = "general>=0.5, safety>=-1, task:counting>=0"}})
                         .runs()[0];
    for (const auto& s : run.stages) {
        REQUIRE(s.undone.size() == 1);
        CHECK_THAT(s.undone[0], Contains("general_ability_delta is") && Contains("below the limit of 0.5"));
    }
    for (const auto& s : run.suites) CHECK(s.scores == std::vector<double>(5, s.scores[0]));
    CHECK(run.after.back() == run.before);
}

TEST_CASE("a gate that could never be judged is refused before anything is trained") {
    const auto stream = toy::stream();
    const auto suites = toy::suites();
    toy::temporary_folder folder("gate-refused");
    const auto with = [&](experiment::run_options options) {
        toy::learner model;
        options.checkpoint = folder.path / "run";
        const auto made = experiment::run(stream, model, replay::no_replay{}, options);
        return model.told.size();
    };
    toy::learner model;
    CHECK_REFUSES(experiment::run(stream, model, replay::no_replay{}, {.gate = {.conditions = "OP>=0"}}),
                  "a gate needs a checkpoint folder");
    CHECK_REFUSES(with({.gate = {.conditions = "speed>=1"}}),
                  "speed>=1, which cannot be judged: there is no such metric");
    CHECK_REFUSES(with({.gate = {.conditions = "OP"}}), "a condition reads NAME<=NUMBER");
    CHECK_REFUSES(with({.gate = {.conditions = "task:chess>=1"}}),
                  "there is no task \"chess\" in the stream or its suites");
    CHECK_REFUSES(with({.gate = {.conditions = "safety>=0"}}),
                  "safety>=0, which cannot be judged: metrics::safety_delta: needs a suite");
    CHECK_REFUSES(with({.suites = suites, .gate = {.conditions = "safety>=0"}}), "needs the suites after every stage");
    CHECK_REFUSES(with({.suites = suites, .gate = {.conditions = "task:safe>=0"}}),
                  "needs the suites after every stage");
    CHECK_REFUSES(with({.gate = {.conditions = "relative_gain>=1"}}), "cannot be judged: metrics::relative_gain");
    CHECK_REFUSES(
        with({.evaluate = experiment::evaluation::seen, .gate = {.conditions = "forward_transfer_zero_shot>=0"}}),
        "cannot be judged: metrics::forward_transfer_zero_shot");
    CHECK_REFUSES(with({.gate = {.conditions = "OP>=0", .confidence = 1}}), "a gate's confidence lies in 0..1");
    CHECK_FALSE(std::filesystem::exists(folder.path / "run"));
    CHECK(with({.gate = {.conditions = "OP>=0, forgetting<=1, relative_forgetting<=1"}}) == 4);
}
