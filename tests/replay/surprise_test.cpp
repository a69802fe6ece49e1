// The most surprising examples, and what is asked of the memories.

#include "support/test.hpp"

#include <holdfast/replay/surprise.hpp>

#include <cmath>
#include <string>
#include <vector>

#include "replay/chi_square.hpp"

namespace replay = holdfast::replay;
using holdfast::philox;

TEST_CASE("the highest scores of every task are replayed, with their rank as the reason") {
    std::vector<replay::task_memory> past{replay::task_memory::from("A", std::vector<std::string>{"i", "i", "i", "i"}),
                                          replay::task_memory::from("B", std::vector<std::string>{"i"})};
    past[0].score = {0.5, 2, 1, 2};
    past[1].score = {7};
    const auto plan = replay::surprise_replay{.budget_per_task = 3}.plan(past, past[0], philox{1});
    CHECK(plan.examples == std::vector<std::vector<std::uint32_t>>{{1, 3, 2}, {0}});
    CHECK(plan.quotas == std::vector<std::size_t>{3, 1});
    CHECK(plan.unplaced == 2);
    CHECK(plan.why(0, 3) ==
          "Example 3 of task 'A' is replayed: its score of 2 is number 2 of the task's 4; every earlier task gives 3, "
          "this one has 4.");
    const auto shared = replay::surprise_replay{.budget = 3}.plan(past, past[0], philox{1});
    CHECK(shared.quotas == std::vector<std::size_t>{2, 1});
    CHECK(shared.unplaced == 0);
}

TEST_CASE("a task without scores is refused by name") {
    std::vector<replay::task_memory> past{replay::task_memory::from("A", std::vector<std::string>{"i", "i"})};
    const auto plan = [&] { return replay::surprise_replay{}.plan(past, past[0], philox{1}); };
    CHECK_REFUSES(plan(), "replay::surprise_replay: every example needs a score, task 'A' has none");
    past[0].score = {1};
    CHECK_REFUSES(plan(), "replay::surprise_replay: task 'A' has 2 examples and scores for 1");
    past[0].score = {1, std::nan("")};
    CHECK_REFUSES(plan(), "a score is a number, score 1 is NaN");
}

TEST_CASE("with ageing one list serves all tasks, and what was learnt long ago counts less") {
    std::vector<replay::task_memory> past;
    for (const char* name : {"A", "B", "C"})
        past.push_back(replay::task_memory::from(name, std::vector<std::string>(3, "i")));
    past[0].score = {8, 4, 1};  // two stages ago: a quarter of it counts
    past[1].score = {3, 1, 0};  // a half
    past[2].score = {1.7, 1.2, 0.1};
    const double half = std::log(2.0);
    const auto plan = replay::surprise_replay{.budget = 4, .ageing = half}.plan(past, past[0], philox{1});
    // 2, 1, .25 | 1.5, .5, 0 | 1.7, 1.2, .1
    CHECK(plan.examples == std::vector<std::vector<std::uint32_t>>{{0}, {0}, {0, 1}});
    CHECK(plan.why(1, 0).find("its score of 3, aged to 1.5, is number 3 of all 9") != std::string::npos);
    const auto unaged = replay::surprise_replay{.budget = 4, .ageing = 0}.plan(past, past[0], philox{1});
    CHECK(unaged.quotas == std::vector<std::size_t>{2, 1, 1});
    CHECK(replay::surprise_replay{.budget_per_task = 7, .ageing = 0}.plan(past, past[0], philox{1}).unplaced == 12);
    CHECK_REFUSES(replay::surprise_replay{.ageing = -1}.plan(past, past[0], philox{1}), "ageing is at least 0");
}

TEST_CASE("MIR replays what a trial step would make worse") {
    std::vector<replay::task_memory> past{replay::task_memory::from("A", std::vector<std::string>(4, "i"))};
    const auto plan = [&] { return replay::mir_replay{.budget_per_task = 2}.plan(past, past[0], philox{1}); };
    CHECK_REFUSES(plan(), "replay::mir_replay: every example needs a score, task 'A' has none");
    past[0].score = {5, 1, 2, 3};
    CHECK_REFUSES(plan(), "every example needs a score after a trial step, task 'A' has none");
    past[0].score_after_step = {5, 2, 4};
    CHECK_REFUSES(plan(), "task 'A' has 4 examples and scores after a step for 3");
    past[0].score_after_step = {5.5, 2, 4, 1};
    CHECK(plan().examples == std::vector<std::vector<std::uint32_t>>{{2, 1}});
    CHECK(plan().why(0, 1).find("its increase of the score of 1 is number 2 of the task's 4") != std::string::npos);
}

TEST_CASE("prioritised replay draws by the power of the score") {
    std::vector<replay::task_memory> past{replay::task_memory::from("A", std::vector<std::string>(5, "i"))};
    past[0].score = {0.25, 9, 0, 1, 6.25};
    std::vector<std::size_t> counts(5, 0);
    for (std::uint64_t seed = 0; seed < 20000; ++seed) {
        const auto plan =
            replay::prioritised_replay{.budget_per_task = 1, .exponent = 0.5}.plan(past, past[0], philox{seed});
        ++counts[plan.examples[0].at(0)];
    }
    CHECK(holdfast_test::misfit(counts, {0.5 / 7, 3.0 / 7, 0, 1.0 / 7, 2.5 / 7}) < 1);
    const auto all = replay::prioritised_replay{.budget_per_task = 5}.plan(past, past[0], philox{1});
    CHECK(all.examples[0] == std::vector<std::uint32_t>{0, 1, 2, 3, 4});
    past[0].score = {0, 0, 0, 0, 0};
    CHECK(replay::prioritised_replay{.budget_per_task = 3}.plan(past, past[0], philox{1}).size() == 3);
    past[0].score[3] = -1;
    CHECK_REFUSES(replay::prioritised_replay{}.plan(past, past[0], philox{1}),
                  "replay::prioritised_replay: a weight is a finite number of at least 0, weight 3 is -1");
    CHECK_REFUSES(replay::prioritised_replay{.exponent = -1}.plan(past, past[0], philox{1}),
                  "replay::prioritised_replay: exponent is at least 0, it is -1");
}

TEST_CASE("policies tell what a checkpoint compares") {
    CHECK(replay::surprise_replay{.budget = 3}.settings() == "budget 3, ageing 0 (none), interleaved");
    CHECK(replay::surprise_replay{.ageing = 0.5}.settings() == "budget_per_task 200, ageing 0.5, interleaved");
    CHECK(replay::mir_replay{}.settings() == "budget_per_task 200, trial_examples 32, interleaved");
    CHECK(replay::prioritised_replay{}.settings() == "budget_per_task 200, exponent 0.6, interleaved");
}
