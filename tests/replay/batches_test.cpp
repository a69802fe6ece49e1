// Batches of an epoch: every current example once, the share that was asked for, nothing twice in a batch.

#include "support/test.hpp"

#include <holdfast/replay/batches.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace replay = holdfast::replay;
using holdfast::philox;

namespace {

replay::plan plan_of(std::vector<std::size_t> sizes) {
    replay::plan made;
    for (const std::size_t n : sizes) {
        made.examples.emplace_back(n);
        for (std::size_t e = 0; e < n; ++e) made.examples.back()[e] = static_cast<std::uint32_t>(3 * e);
    }
    made.quotas = sizes;
    return made;
}

std::size_t replayed_in(const std::vector<replay::batch_item>& batch, std::uint32_t past) {
    return static_cast<std::size_t>(std::count_if(batch.begin(), batch.end(), [&](auto& i) { return i.task < past; }));
}

bool all_different(const std::vector<replay::batch_item>& batch) {
    std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
    for (const auto& i : batch) seen.emplace(i.task, i.example);
    return seen.size() == batch.size();
}

}  // namespace

TEST_CASE("without a ratio every example comes once, spread over the batches to one place") {
    const auto plan = plan_of({7, 0, 20});
    for (const bool exact : {true, false}) {
        const auto s = replay::compose(plan, 100, {.batch = 16, .exact = exact}, philox{1});
        CHECK(s.mixture == std::vector<std::size_t>{7, 0, 20, 100});
        CHECK(s.replayed == Approx(27.0 / 127));
        CHECK(s.batches.size() == 8);
        std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
        for (const auto& batch : s.batches)
            for (const auto& i : batch) seen.emplace(i.task, i.example);
        CHECK(seen.size() == 127);
        if (exact) CHECK(s.most - s.fewest <= 1);
        CHECK(replay::compose(plan, 100, {.batch = 16, .exact = exact}, philox{1}).batches == s.batches);
        CHECK(replay::compose(plan, 100, {.batch = 16, .exact = exact, .epoch = 1}, philox{1}).batches != s.batches);
    }
}

TEST_CASE("with a ratio every batch has its share, the current examples come once, and no batch repeats an example") {
    const auto plan = plan_of({10, 15});
    const auto s = replay::compose(plan, 500, {.batch = 20, .ratio = 0.3}, philox{2});
    for (std::size_t b = 0; b + 1 < s.batches.size(); ++b) {
        CHECK(replayed_in(s.batches[b], 2) == 6);
        CHECK(all_different(s.batches[b]));
    }
    CHECK(s.fewest == 6);
    CHECK(s.most == 6);
    CHECK(s.mixture[2] == 500);
    CHECK(s.replayed == Approx(0.3).margin(0.002));
    // Every planned example is used as often as any other, to one time: 10 and 15 shares of the replayed places.
    const auto old = static_cast<double>(s.mixture[0] + s.mixture[1]);
    CHECK(std::abs(static_cast<double>(s.mixture[0]) - old * 0.4) <= 10);
    const auto by_chance = replay::compose(plan, 5000, {.batch = 20, .ratio = 0.3, .exact = false}, philox{2});
    CHECK(by_chance.mixture[2] == 5000);
    // 7143 places: a deviation of sqrt(0.3 * 0.7 / 7143) = 0.0054, five of them.
    CHECK(by_chance.replayed == Approx(0.3).margin(0.027));
    CHECK(by_chance.most > by_chance.fewest);
}

TEST_CASE("a trailing epoch stands behind, in batches of its own") {
    auto plan = plan_of({5, 5});
    plan.mix = replay::mixing::trailing_epoch;
    const auto s = replay::compose(plan, 10, {.batch = 4}, philox{1});
    REQUIRE(s.batches.size() == 6);
    for (std::size_t b = 0; b < 3; ++b) CHECK(replayed_in(s.batches[b], 2) == 0);
    for (std::size_t b = 3; b < 6; ++b) CHECK(replayed_in(s.batches[b], 2) == s.batches[b].size());
    CHECK(s.mixture == std::vector<std::size_t>{5, 5, 10});
    CHECK_REFUSES(replay::compose(plan, 10, {.ratio = 0.5}, philox{1}),
                  "replay::compose: a trailing epoch takes no ratio");
}

TEST_CASE("nothing to replay, or nothing new") {
    const auto none = replay::compose(plan_of({0, 0}), 10, {.batch = 4, .ratio = 0.5}, philox{1});
    CHECK(none.mixture == std::vector<std::size_t>{0, 0, 10});
    CHECK(none.replayed == 0);
    CHECK(replay::compose(plan_of({6}), 0, {.batch = 4}, philox{1}).mixture == std::vector<std::size_t>{6, 0});
    CHECK(replay::compose(plan_of({}), 0, {}, philox{1}).batches.empty());
    // A plan smaller than its share of a batch has to repeat.
    CHECK(replay::compose(plan_of({1}), 8, {.batch = 4, .ratio = 0.5}, philox{1}).mixture[0] >= 7);
    CHECK_REFUSES(replay::compose(plan_of({1}), 8, {.batch = 0}, philox{1}), "a batch has at least one place");
    CHECK_REFUSES(replay::compose(plan_of({1}), 8, {.ratio = 1}, philox{1}), "ratio is from 0 to below 1, it is 1");
}
