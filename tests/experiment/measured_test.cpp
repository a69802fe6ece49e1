// What run measures for a policy that asks: scores of the learner as it is when the plan is made, a trial step that
// leaves no trace, labels, embeddings of prompts.

#include "support/test.hpp"

#include <holdfast/experiment/run.hpp>
#include <holdfast/replay/balanced.hpp>
#include <holdfast/replay/surprise.hpp>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "support/temporary_folder.hpp"

namespace experiment = holdfast::experiment;
namespace replay = holdfast::replay;
using holdfast::philox;

namespace {

/// Its whole knowledge is how many examples it has seen; an example's NLL is its number plus that.
struct counter {
    double seen = 0;

    void train(std::span<const experiment::example> examples) { seen += static_cast<double>(examples.size()); }
    double evaluate(const experiment::task&) const { return 0; }
    double nll(const experiment::example& e) const { return std::stod(e.id) + seen; }
    void save(const std::string& path) const { std::ofstream(path) << seen; }
    void load(const std::string& path) { std::ifstream(path) >> seen; }
    holdfast::matrix<float> embed(std::span<const std::string> texts) const {
        holdfast::matrix<float> rows(texts.size(), 1);
        for (std::size_t i = 0; i < texts.size(); ++i) rows(i, 0) = static_cast<float>(texts[i].size());
        return rows;
    }
};

struct bare {
    void train(std::span<const experiment::example>) {}
    double evaluate(const experiment::task&) const { return 0; }
};

/// Asks for everything, replays nothing, keeps what it was shown.
struct curious {
    std::shared_ptr<std::vector<std::vector<replay::task_memory>>> shown =
        std::make_shared<std::vector<std::vector<replay::task_memory>>>();
    std::size_t trial_examples = 2;

    static constexpr bool needs_scores = true, needs_trial_step = true, needs_labels = true,
                          needs_example_embeddings = true;
    std::string name() const { return "curious"; }
    replay::plan plan(std::span<const replay::task_memory> past, const replay::task_memory& now, philox g) const {
        shown->emplace_back(past.begin(), past.end());
        return replay::no_replay{}.plan(past, now, g);
    }
};

std::vector<experiment::task> stream() {
    std::vector<experiment::task> tasks;
    for (std::size_t t = 0; t < 3; ++t) {
        experiment::task one{.name = "task " + std::to_string(t)};
        for (std::size_t e = 0; e < 4; ++e)
            one.train.push_back(
                {.id = std::to_string(10 * t + e), .prompt = std::string(e + 1, 'p'), .answer = e % 2 ? "no" : "yes"});
        one.test = one.train;
        tasks.push_back(std::move(one));
    }
    return tasks;
}

}  // namespace

TEST_CASE("a policy that asks sees the learner's scores as they are when the plan is made") {
    counter learner;
    const curious policy;
    (void)experiment::run(stream(), learner, policy);
    CHECK(learner.seen == 12);  // the trial steps left no trace
    REQUIRE(policy.shown->size() == 3);
    CHECK(policy.shown->at(0).empty());
    const auto& last = policy.shown->at(2);
    REQUIRE(last.size() == 2);
    CHECK(last[0].score == std::vector<double>{8, 9, 10, 11});
    CHECK(last[1].score == std::vector<double>{18, 19, 20, 21});
    CHECK(last[1].score_after_step == std::vector<double>{20, 21, 22, 23});
    CHECK(last[0].label == std::vector<std::uint32_t>{0, 1, 0, 1});
    REQUIRE(last[0].example_embedding.rows() == 4);
    CHECK(last[0].example_embedding(2, 0) == 3);
}

TEST_CASE("surprise, MIR, GDumb and herding run, and a learner that cannot tell is refused") {
    const auto replayed = [](const auto& policy) {
        counter learner;
        const auto report = experiment::run(stream(), learner, policy);
        return report.runs()[0].stages[2].replayed;
    };
    CHECK(replayed(replay::surprise_replay{.budget_per_task = 2}) == 4);
    CHECK(replayed(replay::mir_replay{.budget_per_task = 2}) == 4);
    CHECK(replayed(replay::prioritised_replay{.budget_per_task = 1}) == 2);
    CHECK(replayed(replay::gdumb_replay{.budget_per_task = 2}) == 4);
    CHECK(replayed(replay::herding_replay{.budget_per_task = 3}) == 6);
    bare learner;
    CHECK_REFUSES(experiment::run(stream(), learner, replay::surprise_replay{}),
                  "experiment::run: policy \"surprise\" chooses by scores: give the learner nll(example)");
    CHECK_REFUSES(experiment::run(stream(), learner, replay::herding_replay{}),
                  "experiment::run: policy \"herding\" chooses by embeddings: give the learner embed(texts)");
    struct : bare {
        double nll(const experiment::example&) const { return 1; }
    } without_save;
    CHECK_REFUSES(experiment::run(stream(), without_save, replay::mir_replay{}),
                  "experiment::run: policy \"mir\" makes a trial step: give the learner save(path) and load(path)");
    CHECK_NOTHROW(experiment::run(stream(), learner, replay::gdumb_replay{}));
}

TEST_CASE("a resumed run with another budget or ratio is refused") {
    const holdfast_test::temporary_folder folder;
    const auto run = [&](const auto& policy) {
        counter learner;
        (void)experiment::run(stream(), learner, policy, experiment::silent{}, {.checkpoint = folder.path()});
    };
    run(replay::random_replay{.ratio = 0.5});
    CHECK_NOTHROW(run(replay::random_replay{.ratio = 0.5}));
    CHECK_REFUSES(run(replay::random_replay{.ratio = 0.25}), "ratio");
    CHECK_REFUSES(run(replay::random_replay{.budget = 3}), "budget");
}
