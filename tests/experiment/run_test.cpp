#include <holdfast/experiment/run.hpp>
#include <holdfast/replay/inscl.hpp>

#include "experiment/toy.hpp"
#include "support/archetypes_experiment.hpp"
#include "support/test.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>

namespace experiment = holdfast::experiment;
namespace replay = holdfast::replay;

namespace {

/// Writes down everything it is told.
struct notebook {
    std::vector<std::string> lines = {};
    void run_begin(std::span<const std::string> tasks, std::string_view method) {
        lines.push_back("begin " + std::string(method) + " " + std::to_string(tasks.size()));
    }
    void stage_begin(std::size_t s, std::size_t n, std::string_view name) {
        lines.push_back("stage " + std::to_string(s) + "/" + std::to_string(n) + " " + std::string(name));
    }
    void replayed(std::size_t s, const replay::plan& p) {
        lines.push_back("plan " + std::to_string(s) + " " + std::to_string(p.size()));
    }
    void step(std::size_t, std::size_t done, std::size_t total) {
        if (done == total) lines.push_back("trained on " + std::to_string(total));
    }
    void scored(std::size_t, std::string_view task, double) { lines.push_back("scored " + std::string(task)); }
    void stage_end(std::size_t s) { lines.push_back("end " + std::to_string(s)); }
};

/// Gives each score a number of its own: stage and task can be read off.
struct counting_learner {
    int trainings = 0;
    std::map<std::string, int> place = {{"even", 0}, {"triple", 1}, {"fourfold", 2}, {"fivefold", 3}};
    void train(std::span<const experiment::example>) { ++trainings; }
    double evaluate(const experiment::task& t) const { return trainings * 0.1 + place.at(t.name) * 0.01; }
};

struct planned {
    replay::plan what = {};
    std::string name() const { return "planned"; }
    replay::plan plan(std::span<const replay::task_memory> past, const replay::task_memory&, holdfast::philox) const {
        replay::plan p = what;
        if (p.examples.size() != 9) p.examples.resize(past.size());
        return p;
    }
};

/// Shows the tags it is given.
struct recorder {
    static constexpr bool needs_tags = true;
    std::vector<std::vector<std::string>>* seen;
    std::string name() const { return "recorder"; }
    replay::plan plan(std::span<const replay::task_memory> past, const replay::task_memory& current,
                      holdfast::philox) const {
        *seen = current.tags;
        replay::plan p;
        p.examples.resize(past.size());
        return p;
    }
};

}  // namespace

TEST_CASE("the matrix holds every score at its stage and task, row 0 before training") {
    counting_learner model;
    const auto report = experiment::run(toy::stream(), model, replay::no_replay{});
    const auto& run = report.runs().at(0);
    REQUIRE(run.before.size() == 4);
    REQUIRE(run.after.size() == 4);
    for (std::size_t j = 0; j < 4; ++j) {
        CHECK(run.before[j] == Approx(0.01 * static_cast<double>(j)));
        for (std::size_t i = 0; i < 4; ++i)
            CHECK(run.after[i][j] == Approx(0.1 * static_cast<double>(i + 1) + 0.01 * static_cast<double>(j)));
    }
    CHECK(run.matrix().before().size() == 4);
    CHECK(run.used.empty());
    CHECK(run.stages[2].task == "fourfold");
    CHECK(run.stages[2].trained == 48);
}

TEST_CASE("evaluating seen tasks alone leaves the upper triangle missing, not zero") {
    counting_learner model;
    const auto report =
        experiment::run(toy::stream(), model, replay::no_replay{}, {.evaluate = experiment::evaluation::seen});
    const auto& run = report.runs().at(0);
    for (std::size_t i = 0; i < 4; ++i)
        for (std::size_t j = 0; j < 4; ++j) CHECK(std::isnan(run.after[i][j]) == (j > i));
    CHECK_FALSE(std::isnan(run.before[3]));
    CHECK_FALSE(report.value("none", "forward_transfer").present());
    CHECK_THAT(report.value("none", "forward_transfer").reason, Contains("not evaluated"));
    CHECK(report.value("none", "backward_transfer").present());
}

TEST_CASE("an observer is told everything, in order") {
    toy::learner model;
    notebook notes;
    const auto stream = std::vector{toy::numbers("even", 2), toy::numbers("triple", 3)};
    const auto suites = toy::suites();
    experiment::run(stream, model, replay::random_replay{.budget_per_task = 5}, notes,
                    {.method = "mine", .suites = std::span(suites).first(1)});
    const std::vector<std::string> expected = {"begin mine 2",
                                               "stage 0/3 before training",
                                               "scored even",
                                               "scored triple",
                                               "scored general",
                                               "end 0",
                                               "stage 1/3 even",
                                               "plan 1 0",
                                               "trained on 48",
                                               "scored even",
                                               "scored triple",
                                               "end 1",
                                               "stage 2/3 triple",
                                               "plan 2 5",
                                               "trained on 53",
                                               "scored even",
                                               "scored triple",
                                               "scored general",
                                               "end 2"};
    CHECK(notes.lines == expected);
}

TEST_CASE("interleaved replay comes among the current examples, a trailing epoch after them") {
    const auto stream = toy::stream();
    toy::learner among, after;
    experiment::run(stream, among, replay::random_replay{.budget_per_task = 12});
    experiment::run(stream, after, replay::random_replay{.budget_per_task = 12, .mix = replay::mixing::trailing_epoch});

    REQUIRE(among.seen.size() == 4);  // one call a stage
    CHECK(among.seen[1].size() == 48 + 12);
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < among.seen[1].size(); ++i)
        if (among.seen[1][i].starts_with("even:")) places.push_back(i);
    REQUIRE(places.size() == 12);
    CHECK(places.front() < 20);  // neither a block in front ...
    CHECK(places.back() > 40);   // ... nor one at the end
    std::multiset<std::string> current(among.seen[3].begin(), among.seen[3].end());
    std::size_t of_current = 0;
    for (const auto& e : stream[3].train) of_current += current.count(e.id);
    CHECK(of_current == stream[3].train.size());  // every example once
    CHECK(among.seen[3].size() == 24 + 36);

    REQUIRE(after.seen.size() == 7);  // nothing to replay at the first stage, then two calls each
    CHECK(after.seen[1].size() == 48);
    CHECK(after.seen[2].size() == 12);
    CHECK_FALSE(after.told[1].replay_epoch);
    CHECK(after.told[2].replay_epoch);
    CHECK(after.told[2].stage == 2);
    CHECK(after.told[2].task == "triple");
}

TEST_CASE("general data joins where the plan asks for it, and is counted apart") {
    const auto general = toy::numbers("general", 6).train;
    toy::learner model;
    const auto report =
        experiment::run(toy::stream(), model, replay::head_slice{.ratio = 0.25}, {.general_data = general});
    const auto& stages = report.runs()[0].stages;
    CHECK(stages[0].general == 48);
    CHECK(stages[0].replayed == 0);
    CHECK(stages[3].replayed == 3 * 12);
    CHECK(stages[3].general == 48);
    CHECK(model.seen.back().size() == 3 * 12 + 48);
    // the head slice is the head: example 0..11 of each task
    for (std::uint32_t i = 0; i < 12; ++i) CHECK(stages[3].plan.examples[1][i] == i);
}

TEST_CASE("the order depends on seed and stage alone, so methods see the same stream") {
    const auto stream = toy::stream();
    toy::learner a, b, c;
    experiment::run(stream, a, replay::no_replay{}, {.seed = 5});
    experiment::run(stream, b, replay::random_replay{.budget_per_task = 3, .mix = replay::mixing::trailing_epoch},
                    {.seed = 5});
    experiment::run(stream, c, replay::no_replay{}, {.seed = 6});
    CHECK(a.seen[0] == b.seen[0]);
    CHECK(a.seen[1] == b.seen[1]);
    CHECK(a.seen[2] == b.seen[3]);
    CHECK(a.seen[0] != c.seen[0]);
    std::vector<std::string> file_order;
    for (const auto& e : stream[0].train) file_order.push_back(e.id);
    CHECK(a.seen[0] != file_order);
}

TEST_CASE("the toy forgets without replay and forgets less with it") {
    const auto stream = toy::stream();
    toy::learner a, b;
    auto report = experiment::run(stream, a, replay::no_replay{});
    report.add(experiment::run(stream, b, replay::random_replay{.budget_per_task = 40}));
    CHECK(report.value("none", "backward_transfer").value < -0.05);
    CHECK(report.value("random", "backward_transfer").value > report.value("none", "backward_transfer").value);
}

TEST_CASE("what a plan could not place is in the report") {
    toy::learner model;
    const auto report = experiment::run(toy::stream(), model, replay::random_replay{.budget_per_task = 100});
    CHECK(report.runs()[0].stages[1].plan.unplaced == 52);  // 48 of 100 were there
    CHECK(report.runs()[0].stages[3].plan.unplaced == 3 * 52);
    CHECK_THAT(report.table(), Contains("random: asked for more replay than there is; examples without a place: 312"));
}

TEST_CASE("InsCL measures with the model as it came, once") {
    const auto stream = toy::stream();
    toy::learner model, again;
    const auto report = experiment::run(stream, model, replay::inscl{.budget_per_task = 8});
    CHECK(model.embeddings == stream.size());  // one call per task, all before training: told by the values below
    const auto& stages = report.runs()[0].stages;
    REQUIRE(stages[3].plan.distance.size() == 3);
    std::vector<replay::task_memory> memories;
    for (const auto& t : stream) {
        std::vector<std::string> instructions;
        for (const auto& e : t.train) instructions.push_back(e.instruction);
        memories.push_back(replay::task_memory::from(t.name, instructions));
        memories.back().embedding = again.embed(memories.back().instructions);
    }
    const auto expected =
        replay::inscl{.budget_per_task = 8}.plan(std::span(memories).first(3), memories[3], holdfast::philox{0});
    for (std::size_t j = 0; j < 3; ++j) CHECK(stages[3].plan.distance[j] == expected.distance[j]);
    CHECK(stages[3].replayed == 24);
    CHECK(report.runs()[0].used ==
          std::vector<std::string>{"train(examples, stage_info)", "evaluate_items(task)", "embed(texts)"});
}

TEST_CASE("an embed function of the options stands in for the learner's") {
    counting_learner model;
    std::size_t texts = 0;
    const auto report = experiment::run(toy::stream(), model, replay::inscl{.budget_per_task = 2},
                                        {.embed = [&](std::span<const std::string> t) {
                                            texts += t.size();
                                            holdfast::matrix<float> rows(t.size(), 2, 1.0f);
                                            for (std::size_t i = 0; i < t.size(); ++i)
                                                rows(i, 0) = static_cast<float>(t[i].size());
                                            return rows;
                                        }});
    CHECK(texts == 8);  // two distinct instructions in each task's training examples
    CHECK(report.runs()[0].used == std::vector<std::string>{"embed from the options"});
    CHECK_REFUSES(experiment::run(toy::stream(), model, replay::inscl{}), "embed(texts)");
}

TEST_CASE("tags come from the options first, then from the options' tagger, then from the policy") {
    const auto stream = std::vector{toy::numbers("even", 2)};
    counting_learner model;
    std::vector<std::vector<std::string>> seen;
    experiment::run(stream, model, recorder{&seen}, {.tags = {{"say whether even", {"mine"}}}});
    REQUIRE(seen.size() == 2);
    CHECK(seen[0] == replay::keyword_tagger{}.tags("would you call even"));
    CHECK(seen[1] == std::vector<std::string>{"mine"});
    experiment::run(stream, model, recorder{&seen},
                    {.tagger = [](std::string_view) { return std::vector<std::string>{"x"}; }});
    CHECK(seen == std::vector<std::vector<std::string>>{{"x"}, {"x"}});
}

TEST_CASE("suites are measured before and after, or after every stage") {
    const auto suites = toy::suites();
    toy::learner a, b;
    const auto twice = experiment::run(toy::stream(), a, replay::no_replay{}, {.suites = suites});
    const auto always =
        experiment::run(toy::stream(), b, replay::no_replay{}, {.suites = suites, .suites_every_stage = true});
    for (std::size_t s = 0; s <= 4; ++s) {
        CHECK(std::isnan(twice.runs()[0].suites[1].scores[s]) == (s != 0 && s != 4));
        CHECK_FALSE(std::isnan(always.runs()[0].suites[1].scores[s]));
    }
    const auto& s = twice.runs()[0].suites;
    const double general = (s[0].scores[4] - s[0].scores[0] + s[2].scores[4] - s[2].scores[0]) / 2;
    CHECK(twice.value("none", "general").value == Approx(general));
    CHECK(twice.value("none", "safety").value == Approx(s[1].scores[4] - s[1].scores[0]));
    CHECK_FALSE(twice.value("none", "instruction_following").present());
}

TEST_CASE("single questions and likelihoods are kept where the learner tells them") {
    toy::learner model;
    const auto report = experiment::run(toy::stream(), model, replay::no_replay{}, {.nll = true});
    const auto& run = report.runs()[0];
    REQUIRE(run.items.size() == 4);
    CHECK(run.items[0].size() == 24);
    CHECK(run.items[3].size() == 12);
    for (std::size_t j = 0; j < 4; ++j) {
        double sum = 0;
        for (const double x : run.items[j]) sum += x;
        CHECK(sum / static_cast<double>(run.items[j].size()) == run.after[3][j]);
    }
    REQUIRE(run.nll.size() == 5);
    CHECK(run.nll[0][2] == 1.0);
    CHECK(run.nll[4][2] != 1.0);
}

TEST_CASE("NaN from a learner is a score that was not evaluated") {
    struct shy {
        void train(std::span<const experiment::example>) {}
        double evaluate(const experiment::task& t) const { return t.name == "triple" ? std::nan("") : 0.5; }
    } model;
    const auto report = experiment::run(toy::stream(), model, replay::no_replay{});
    CHECK(std::isnan(report.runs()[0].after[3][1]));
    CHECK_FALSE(report.value("none", "overall_performance").present());
    CHECK_THAT(report.value("none", "overall_performance").reason, Contains("triple"));
}

TEST_CASE("a stream that reads its tasks anew at every call is as good as a vector") {
    archetypes::minimal_learner model;
    const auto report = experiment::run(archetypes::minimal_stream{}, model, replay::no_replay{});
    CHECK(report.tasks() == std::vector<std::string>{"only"});
    CHECK(report.value("none", "overall_performance").value == 0.5);
    CHECK_FALSE(report.value("none", "backward_transfer").present());  // one task: nothing to forget
}

TEST_CASE("what learner and observer throw passes unchanged") {
    struct bomb : toy::learner {
        double evaluate(const experiment::task&) const { throw std::out_of_range("learner's own words"); }
        std::vector<double> evaluate_items(const experiment::task&) const {
            throw std::out_of_range("learner's own words");
        }
    } model;
    CHECK_THROWS_AS(experiment::run(toy::stream(), model, replay::no_replay{}), std::out_of_range);
    struct angry {
        void stage_end(std::size_t) { throw 42; }
    };
    toy::learner fine;
    CHECK_THROWS_AS(experiment::run(toy::stream(), fine, replay::no_replay{}, angry{}), int);
}

TEST_CASE("a run refuses what makes no sense, and says which rule") {
    toy::learner model;
    counting_learner plain;
    CHECK_REFUSES(experiment::run(std::vector<experiment::task>{}, model, replay::no_replay{}), "at least one task");
    CHECK_REFUSES(experiment::run(std::vector{toy::numbers("a", 2), toy::numbers("a", 3)}, model, replay::no_replay{}),
                  "0 and 1 are both \"a\"");
    CHECK_REFUSES(experiment::run(toy::stream(), model, replay::no_replay{}, {.single_task = {0.5}}), "1 for 4 tasks");
    CHECK_REFUSES(experiment::run(toy::stream(), plain, replay::no_replay{}, {.nll = true}), "learner.nll(example)");
    CHECK_REFUSES(experiment::run(toy::stream(), plain, replay::no_replay{}, {.checkpoint = "never-made"}),
                  "learner.save(path)");
    CHECK_FALSE(std::filesystem::exists("never-made"));
    CHECK_REFUSES(experiment::run(toy::stream(), model, planned{{.examples = {{48}}}}),
                  "example 48 of task \"even\", which has 48");
    planned many;
    many.what.examples.resize(9);
    CHECK_REFUSES(experiment::run(toy::stream(), model, many), "each of 0 earlier tasks, it planned for 9");
    struct infinite {
        void train(std::span<const experiment::example>) {}
        double evaluate(const experiment::task&) const { return std::numeric_limits<double>::infinity(); }
    } no_number;
    CHECK_REFUSES(experiment::run(toy::stream(), no_number, replay::no_replay{}), "must be finite");
    struct forgetful : toy::learner {
        std::vector<double> evaluate_items(const experiment::task&) const { return {1.0}; }
    } short_answer;
    CHECK_REFUSES(experiment::run(toy::stream(), short_answer, replay::no_replay{}), "it returned 1 of 24");
    CHECK_REFUSES(
        experiment::run(toy::stream(), model, replay::inscl{},
                        {.embed = [](std::span<const std::string>) { return holdfast::matrix<float>(3, 2); }}),
        "it returned 3 of 2");
}
