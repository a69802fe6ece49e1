// The most surprising examples, and what is asked of the memories.

#include "support/test.hpp"

#include <holdfast/replay/surprise.hpp>

#include <cmath>
#include <string>
#include <vector>

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
