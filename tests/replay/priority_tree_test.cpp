// Prioritised draws against their law and against brute force, at sizes around a node's sixteen.

#include "support/test.hpp"

#include <holdfast/core/random.hpp>
#include <holdfast/replay/priority_tree.hpp>

#include <cmath>
#include <limits>
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
