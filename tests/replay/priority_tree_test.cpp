// Prioritised draws against their law and against brute force, at sizes around a node's sixteen.

#include "support/test.hpp"

#include <holdfast/core/random.hpp>
#include <holdfast/replay/priority_tree.hpp>
#include <holdfast/replay/reservoir.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "replay/chi_square.hpp"

namespace replay = holdfast::replay;
using holdfast::philox;

TEST_CASE("an item is drawn in proportion to its priority, after any number of changes") {
    replay::priority_tree tree(20);
    philox g{4};
    for (int change = 0; change < 1000; ++change) tree.set(holdfast::uniform_index(g, 20), 5 * holdfast::uniform(g));
    std::vector<double> p(20);
    for (std::size_t i = 0; i < 20; ++i) tree.set(i, i % 4 == 0 ? 0.0 : static_cast<double>(i));
    double total = 0;
    for (std::size_t i = 0; i < 20; ++i) total += p[i] = tree.priority(i);
    CHECK(total == 150);
    for (double& x : p) x /= total;
    std::vector<std::size_t> counts(20, 0);
    for (const auto i : tree.draw(100000, philox{6})) ++counts[i];
    CHECK(holdfast_test::misfit(counts, p) < 1);
}

TEST_CASE("every position belongs to the item that a walk through the priorities finds") {
    for (const std::size_t size : {1u, 15u, 16u, 17u, 255u, 256u, 257u, 4097u}) {
        replay::priority_tree tree(size, 1);
        philox g{size};
        std::vector<std::uint64_t> priority(size);
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < size; ++i) {
            priority[i] = holdfast::uniform_index(g, 4);
            tree.set(i, static_cast<double>(priority[i]));
            total += priority[i];
        }
        REQUIRE(tree.total() == total);
        std::uint64_t position = 0;
        for (std::size_t i = 0; i < size; ++i)
            for (std::uint64_t k = 0; k < priority[i]; ++k) REQUIRE(tree.at(position++) == i);
    }
}

TEST_CASE("sums do not drift, and do not depend on the order of the changes") {
    replay::priority_tree a(1000), b(1000);
    philox g{2};
    for (int change = 0; change < 100000; ++change)
        a.set(holdfast::uniform_index(g, 1000),
              std::ldexp(holdfast::uniform(g), static_cast<int>(holdfast::uniform_index(g, 20))));
    for (std::size_t i = 1000; i-- > 0;) b.set(i, a.priority(i));
    CHECK(a.total() == b.total());
    CHECK(a.draw(1000, philox{1}) == b.draw(1000, philox{1}));
    for (std::size_t i = 0; i < 1000; ++i) a.set(i, 0);
    CHECK(a.total() == 0);
}

TEST_CASE("a priority above zero is never rounded away") {
    replay::priority_tree tree(2, 0.5);
    tree.set(0, 1e-9);
    CHECK(tree.priority(0) == 0.5);
    tree.set(1, 0.8);
    CHECK(tree.priority(1) == 1.0);
}

TEST_CASE("the tree refuses what it cannot hold") {
    replay::priority_tree tree(4);
    CHECK_REFUSES(tree.draw(1, philox{1}), "replay::priority_tree: nothing to draw, all 4 priorities are 0");
    CHECK(tree.draw(0, philox{1}).empty());
    CHECK_REFUSES(tree.set(4, 1), "replay::priority_tree: there are 4 items, asked for item 4");
    CHECK_REFUSES(tree.priority(9), "there are 4 items, asked for item 9");
    CHECK_REFUSES(tree.set(1, -1), "a priority is from 0 to 2^62 / size units, that of item 1 is -1");
    CHECK_REFUSES(tree.set(1, std::numeric_limits<double>::quiet_NaN()), "that of item 1 is nan");
    CHECK_REFUSES(tree.set(1, 1e15), "that of item 1 is 1e+15");
    CHECK_REFUSES(tree.at(0), "a position is below the total of 0, it is 0");
    CHECK_REFUSES(replay::priority_tree(4, 0), "replay::priority_tree: unit is above 0, it is 0");
    CHECK_REFUSES(replay::priority_tree(std::size_t{1} << 33), "fewer than 2^32 items");
}

TEST_CASE("many draws are what at() says of each position, at every number of levels") {
    for (const std::size_t size : {1u, 16u, 17u, 300u, 70000u}) {
        replay::priority_tree tree(size, 1);
        philox g{size};
        for (std::size_t i = 0; i < size; ++i) tree.set(i, static_cast<double>(holdfast::uniform_index(g, 1000)));
        tree.set(0, 5);
        const replay::detail::item_bits bits(philox{9});
        const auto drawn = tree.draw(600, philox{9});
        for (std::size_t t = 0; t < drawn.size(); ++t) {
            // floor(word * total / 2^64) in two halves
            const std::uint64_t word = bits.word(t), total = tree.total();  // total < 2^32 here
            REQUIRE(total < std::uint64_t{1} << 32);
            const std::uint64_t position = ((word >> 32) * total + ((word & 0xffffffffu) * total >> 32)) >> 32;
            REQUIRE(drawn[t] == tree.at(position));
        }
    }
}

TEST_CASE("known prioritised draws, which later versions repeat") {
    // tests/reference/replay_draws.py gives the same.
    replay::priority_tree tree(100);
    for (std::size_t i = 0; i < 100; ++i) tree.set(i, static_cast<double>(i));
    CHECK(tree.draw(6, philox{42}) == std::vector<std::uint32_t>{94, 49, 29, 74, 35, 7});
    CHECK(tree.inclusion_probability(99) == Approx(99.0 / 4950));
    CHECK(tree.inclusion_probability(99, 3) == Approx(1 - std::pow(1 - 99.0 / 4950, 3)));
}

TEST_CASE("a tree's state goes through bytes and back; any damage is an error") {
    replay::priority_tree tree(40, 0.25);
    for (std::size_t i = 0; i < 40; ++i) tree.set(i, static_cast<double>(i % 7));
    const std::string whole = tree.state();
    auto again = replay::priority_tree::from_state(whole);
    CHECK(again.state() == whole);
    CHECK(again.draw(100, philox{3}) == tree.draw(100, philox{3}));
    again.set(7, 100), tree.set(7, 100);
    CHECK(again.draw(100, philox{3}) == tree.draw(100, philox{3}));
    for (std::size_t length = 0; length < whole.size(); ++length)
        REQUIRE_THROWS_AS(replay::priority_tree::from_state(whole.substr(0, length)), holdfast::format_error);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        REQUIRE_THROWS_AS(replay::priority_tree::from_state(damaged), holdfast::format_error);
    }
    const auto written = [](std::uint64_t size, double unit, std::vector<std::uint64_t> units) {
        replay::state_writer to("priority", 1);
        to.word(size), to.number(unit);
        for (const std::uint64_t u : units) to.word(u);
        return to.finish();
    };
    CHECK_THROWS_WITH(replay::priority_tree::from_state(written(3, 1, {1, 2})),
                      Contains("for another number of items"));
    CHECK_THROWS_WITH(replay::priority_tree::from_state(written(2, 0, {1, 2})), Contains("has a unit that is none"));
    CHECK_THROWS_WITH(replay::priority_tree::from_state(written(2, 1, {~0ULL, 2})),
                      Contains("a priority that is none"));
    CHECK_THROWS_WITH(replay::priority_tree::from_state(written(2, 1, {1ULL << 62, 2})),
                      Contains("a priority that is none"));
    CHECK_THROWS_WITH(replay::reservoir_r::from_state(whole), Contains("of another kind: 'priority'"));
}
