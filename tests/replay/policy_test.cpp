// The three simple policies, and what every policy owes: the budget conserved, no example twice, a reason for each.

#include "support/test.hpp"

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
