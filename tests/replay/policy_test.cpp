// The three simple policies, and what every policy owes: the budget conserved, no example twice, a reason for each.

#include "support/test.hpp"

#include <holdfast/replay/balanced.hpp>
#include <holdfast/replay/forgetting_curve.hpp>
#include <holdfast/replay/policy.hpp>

#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "replay/chi_square.hpp"

namespace replay = holdfast::replay;
using holdfast::philox;
using memories = std::vector<replay::task_memory>;

namespace {

replay::task_memory task(const std::string& name, std::size_t n) {
    return replay::task_memory::from(name, std::vector<std::string>(n, "do " + name));
}

const memories three{task("small", 3), task("empty", 0), task("large", 50)};

}  // namespace

TEST_CASE("no replay plans nothing, and says so") {
    const auto plan = replay::no_replay{}.plan(three, task("now", 9), philox{1});
    CHECK(plan.examples == std::vector<std::vector<std::uint32_t>>(3));
    CHECK(plan.size() == 0);
    CHECK(plan.unplaced == 0);
    CHECK(
        plan.why(2, 5) ==
        "Example 5 of task 'large' is not replayed: the plan takes 0 of this task's examples, not this one; the policy "
        "replays nothing.");
    CHECK(replay::no_replay{}.name() == "none");
}

TEST_CASE("the head slice is the first tenth of every task, with general data, in a trailing epoch") {
    const auto plan = replay::head_slice{}.plan(three, task("now", 9), philox{1});
    CHECK(plan.examples == std::vector<std::vector<std::uint32_t>>{{}, {}, {0, 1, 2, 3, 4}});
    CHECK(plan.quotas == std::vector<std::size_t>{0, 0, 5});
    CHECK(plan.mix == replay::mixing::trailing_epoch);
    CHECK(plan.general_data);
    CHECK(std::string(replay::to_string(plan.mix)) == "trailing epoch");
    CHECK(
        plan.why(2, 4) ==
        "Example 4 of task 'large' is replayed: it is in the head of the task's training examples; every earlier task "
        "gives the first 0.1 of its 50 examples.");
    CHECK(replay::head_slice{.ratio = 1}.plan(three, task("now", 9), philox{1}).size() == 53);
    CHECK_REFUSES(replay::head_slice{.ratio = 1.5}.plan(three, task("now", 9), philox{1}),
                  "replay::head_slice: ratio is from 0 to 1, it is 1.5");
    CHECK_REFUSES(replay::head_slice{.ratio = -0.1}.plan(three, task("now", 9), philox{1}), "ratio is from 0 to 1");
}

TEST_CASE("random replay takes the same of every task, none twice, and returns what a task lacks") {
    const replay::random_replay policy{.budget_per_task = 10};
    const auto plan = policy.plan(three, task("now", 9), philox{1});
    CHECK(plan.quotas == std::vector<std::size_t>{3, 0, 10});
    CHECK(plan.unplaced == 17);
    CHECK(plan.size() + plan.unplaced == 30);
    for (std::size_t j = 0; j < 3; ++j) {
        CHECK(plan.examples[j].size() == plan.quotas[j]);
        CHECK(std::is_sorted(plan.examples[j].begin(), plan.examples[j].end()));
        CHECK(std::set<std::uint32_t>(plan.examples[j].begin(), plan.examples[j].end()).size() == plan.quotas[j]);
    }
    CHECK(plan.mix == replay::mixing::interleaved);
    CHECK_FALSE(plan.general_data);
    CHECK(plan.why(0, 2) ==
          "Example 2 of task 'small' is replayed: it was drawn at random, every example of the task being equally "
          "likely; every earlier task gives 10, this one has 3.");
    CHECK(policy.plan(three, task("now", 9), philox{1}).examples == plan.examples);
    CHECK(policy.plan(three, task("now", 9), philox{2}).examples != plan.examples);
    CHECK(policy.plan({}, task("now", 9), philox{1}).examples.empty());
}

TEST_CASE("random replay holds every example equally often") {
    std::vector<std::size_t> counts(50, 0);
    for (std::uint64_t seed = 0; seed < 5000; ++seed) {
        const auto plan = replay::random_replay{.budget_per_task = 10}.plan(three, three[0], philox{seed});
        for (const auto e : plan.examples[2]) ++counts[e];
    }
    CHECK(holdfast_test::inclusion_misfit(counts, 10, 5000) < 1);
}

TEST_CASE("a task's share does not change when another task comes before or after it, but for its place") {
    const memories two{task("small", 3), task("large", 50)},
        four{task("other", 7), task("large", 50), task("large", 50)};
    const auto a = replay::random_replay{.budget_per_task = 5}.plan(two, two[0], philox{4});
    const auto b = replay::random_replay{.budget_per_task = 5}.plan(four, two[0], philox{4});
    CHECK(a.examples[1] == b.examples[1]);
    CHECK(b.examples[1] != b.examples[2]);
}

TEST_CASE("a plan has no reason for a task that it does not know") {
    const replay::plan bare{.examples = {{4}}, .quotas = {1}};
    CHECK(bare.why(0, 4) == "Example 4 of task '0' is replayed.");
    CHECK_REFUSES(bare.why(1, 4), "replay::plan::why: there are 1 past tasks, asked for task 1");
}

TEST_CASE("a budget for all tasks together is shared out equally, and a full task leaves its part to the others") {
    const memories past{task("small", 3), task("middle", 20), task("large", 50)};
    const auto random = replay::random_replay{.budget = 30}.plan(past, task("now", 9), philox{1});
    CHECK(random.quotas == std::vector<std::size_t>{3, 14, 13});
    CHECK(random.unplaced == 0);
    CHECK_THAT(random.why(2, random.examples[2][0]), Contains("the task gives 13 of 30, in equal shares; it has 50"));
    const auto head = replay::head_slice{.budget = 100}.plan(past, task("now", 9), philox{1});
    CHECK(head.quotas == std::vector<std::size_t>{3, 20, 50});
    CHECK(head.unplaced == 27);
    CHECK_THAT(head.why(1, 0), Contains("the task gives its first 20 of 100, in equal shares"));
}

TEST_CASE("random replay by ratio takes the same share of every task") {
    const auto plan = replay::random_replay{.ratio = 0.3}.plan(three, task("now", 9), philox{1});
    CHECK(plan.quotas == std::vector<std::size_t>{1, 0, 15});
    CHECK(plan.unplaced == 0);
    CHECK(plan.why(0, plan.examples[0][0]).find("every earlier task gives 0.3 of its examples, this one has 3") !=
          std::string::npos);
    CHECK_REFUSES(replay::random_replay{.ratio = 1.5}.plan(three, three[0], philox{1}), "ratio is from 0 to 1");
    const replay::random_replay both{.budget = 3, .ratio = 0.5};
    CHECK_REFUSES(both.plan(three, three[0], philox{1}), "replay::random_replay: a budget or a ratio, not both");
}

TEST_CASE("herding replays the examples that keep the mean, by their own embeddings or their instructions'") {
    memories past{task("A", 4)};
    const auto plan = [&](std::size_t n) {
        return replay::herding_replay{.budget_per_task = n}.plan(past, past[0], philox{1});
    };
    CHECK_REFUSES(plan(2), "replay::herding_replay: every task needs embeddings, task 'A' has none");
    past[0].example_embedding = holdfast::matrix<float>(4, 1);
    for (std::size_t e = 0; e < 4; ++e) past[0].example_embedding(e, 0) = static_cast<float>(e * e);  // mean 3.5
    CHECK(plan(3).examples[0] == std::vector<std::uint32_t>{2, 1, 3});  // means 4, 2.5, 4.67
    CHECK(plan(9).quotas[0] == 4);
    CHECK(plan(9).unplaced == 5);
    past[0].example_embedding = holdfast::matrix<float>(3, 1);
    CHECK_REFUSES(plan(2), "task 'A' has 4 examples and embeddings of examples for 3");
    past[0].example_embedding = {};
    past[0].instruction = {0, 1, 1, 0};
    past[0].instructions = {"x", "y"};
    past[0].embedding = holdfast::matrix<float>(2, 1);
    past[0].embedding(1, 0) = 2;
    CHECK(plan(2).examples[0] == std::vector<std::uint32_t>{0, 1});
}

TEST_CASE("GDumb balances the classes of all tasks, a full memory making room from the largest") {
    memories past{task("A", 40), task("B", 40), task("C", 2)};
    for (std::uint32_t e = 0; e < 40; ++e) past[0].label.push_back(e < 34 ? 0 : 1), past[1].label.push_back(e % 4);
    std::vector<std::size_t> kept(40, 0);
    for (std::uint64_t seed = 0; seed < 4000; ++seed) {
        const auto plan = replay::gdumb_replay{.budget = 14}.plan(past, past[0], philox{seed});
        REQUIRE(plan.size() == 14);
        std::vector<std::size_t> of_class(7, 0);
        for (const auto e : plan.examples[0]) ++of_class[past[0].label[e]], kept[e] += past[0].label[e] == 0;
        for (const auto e : plan.examples[1]) ++of_class[2 + past[1].label[e]];
        of_class[6] = plan.examples[2].size();
        REQUIRE(of_class == std::vector<std::size_t>(7, 2));
    }
    // Class 0 of A filled the memory with its first 14, of which any two are left equally often.
    for (std::size_t e = 14; e < 34; ++e) CHECK(kept[e] == 0);
    kept.resize(14);
    CHECK(holdfast_test::inclusion_misfit(kept, 2, 4000) < 1);
    const auto few = replay::gdumb_replay{.budget = 3}.plan(past, past[0], philox{1});
    CHECK(few.size() == 3);  // of seven classes
    CHECK(replay::gdumb_replay{.budget = 500}.plan(past, past[0], philox{1}).unplaced > 400);
    CHECK(replay::gdumb_replay{.budget = 0}.plan(past, past[0], philox{1}).size() == 0);
    past[0].label.pop_back();
    CHECK_REFUSES(replay::gdumb_replay{}.plan(past, past[0], philox{1}), "task 'A' has 40 examples and labels for 39");
}

TEST_CASE("a forgetting curve brings a task back after ever longer intervals") {
    CHECK(replay::retention(2, 4) == Approx(std::exp(-0.5)));
    const replay::forgetting_curve_replay policy{.budget_per_task = 2};
    std::vector<std::size_t> stages;
    for (std::size_t stage = 1; stage < 60; ++stage)
        if (policy.state_of(0, stage).due) stages.push_back(stage);
    CHECK(stages == std::vector<std::size_t>{2, 4, 7, 13, 25, 48});
    const memories past{task("A", 5), task("B", 1), task("C", 5), task("D", 5)};
    const auto plan = policy.plan(past, past[0], philox{1});  // stage 4: A rehearsed at 2, B and D too young
    CHECK(plan.quotas == std::vector<std::size_t>{2, 0, 2, 0});
    CHECK(plan.unplaced == 0);
    CHECK(plan.why(0, plan.examples[0][0]).find("after 1 rehearsals ") != std::string::npos);
    const auto shared = replay::forgetting_curve_replay{.budget = 20}.plan(past, past[0], philox{1});
    CHECK(shared.quotas == std::vector<std::size_t>{5, 0, 5, 0});
    CHECK(shared.unplaced == 10);
    // In the learner's own time: a stage that moves it ten times as far is ten stages.
    const replay::forgetting_curve_replay own{.clock = {0, 1, 11, 11.1}};
    CHECK(own.state_of(0, 2).due);
    CHECK(own.state_of(0, 2).retention == Approx(std::exp(-10.0)));
    CHECK_FALSE(own.state_of(1, 3).due);
    CHECK_REFUSES(own.state_of(0, 4), "the clock tells the beginning of 4 stages, asked for stage 4");
    CHECK_REFUSES((replay::forgetting_curve_replay{.clock = {0, 2, 1}}.state_of(0, 2)), "does not run backwards");
    CHECK_REFUSES((replay::forgetting_curve_replay{.growth = 0.5}.state_of(0, 2)), "growth is at least 1, it is 0.5");
    CHECK_REFUSES((replay::forgetting_curve_replay{.threshold = 0}.state_of(0, 2)), "threshold is above 0");
    CHECK_REFUSES(replay::retention(-1, 1), "an age is at least 0, it is -1");
    CHECK_REFUSES(replay::retention(1, 0), "a strength is above 0, it is 0");
}
