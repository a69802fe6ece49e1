// InsInfo against the published oracles, in both variants; what it is made of; and that tasks can be added one by one.

#include "support/test.hpp"

#include <holdfast/core/random.hpp>
#include <holdfast/replay/insinfo.hpp>

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

namespace replay = holdfast::replay;
using tag_lists = std::vector<std::vector<std::string>>;

namespace {

void check_near(const std::vector<double>& got, const std::vector<double>& expected) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).margin(1e-11));
}

}  // namespace

TEST_CASE("the five instructions of papers 7.4") {
    const tag_lists five{{"a", "b"}, {"a"}, {"a", "c", "d"}, {"b", "c"}, {"e"}};
    check_near(replay::insinfo(five), {1.427116355640, 0.510825623766, 3.036554268074, 1.832581463748, 1.609437912434});
    const auto split = replay::insinfo(std::vector<tag_lists>{{five[0], five[1], five[2]}, {five[3], five[4]}});
    REQUIRE(split.size() == 2);
    const double sum = split[0][0] + split[0][1] + split[0][2];
    check_near({split[0][0] / sum, split[0][1] / sum, split[0][2] / sum},
               {.286886608139, .102688915290, .610424476571});
    check_near(split[1], {1.832581463748, 1.609437912434});
}

TEST_CASE("the two tasks of transport_replay 4.1, with and without the current one in the pool") {
    const tag_lists a{{"a", "b"}, {"a"}}, current{{"b", "c"}};
    for (const replay::mode mode : {replay::mode::as_published, replay::mode::as_released}) {
        replay::information_pool pool(mode);
        pool.add(a);
        check_near(pool.scores(0), {std::log(2.0), 0});  // N = 2: b is rare, a is everywhere
        CHECK(pool.add(current) == 1);
        check_near(pool.scores(0), {.810930216216, .405465108108});
        check_near(pool.scores(1), {std::log(1.5) + std::log(3.0)});
        CHECK(pool.instructions() == 3);
        CHECK(pool.tasks() == 2);
        CHECK(pool.different_tags() == 3);
    }
}

TEST_CASE("a repeated tag counts once as published, each time as released") {
    const tag_lists tags{{"a", "A", "a!"}, {"b"}};
    check_near(replay::insinfo(tags), {std::log(2.0), std::log(2.0)});
    // f of a is 3 > N = 2: the released score falls below 0.
    check_near(replay::insinfo(tags, replay::mode::as_released), {3 * std::log(2.0 / 3.0), std::log(2.0)});
}

TEST_CASE("tags in other scripts count as published, and all fall together as released") {
    const tag_lists tags{{"情感"}, {"数学"}, {"42"}};
    check_near(replay::insinfo(tags), {std::log(3.0), std::log(3.0), 0});
    check_near(replay::insinfo(tags, replay::mode::as_released), {0, 0, 0});  // the empty tag, in every instruction
}

TEST_CASE("a tag of every instruction tells nothing, and no tags tell nothing") {
    check_near(replay::insinfo(tag_lists{{"same"}, {"Same"}, {"SAME", "other"}}), {0, 0, std::log(3.0)});
    check_near(replay::insinfo(tag_lists{{}, {"x"}}), {0, std::log(2.0)});
    CHECK(replay::insinfo(tag_lists{}).empty());
}

TEST_CASE("an instruction's information is the sum of what its tags give") {
    replay::information_pool pool;
    pool.add(tag_lists{{"movies", "review"}, {"Movie"}, {"review", "movie", "rare"}});
    const auto parts = pool.explain(0, 2);
    REQUIRE(parts.size() == 3);
    CHECK(parts[0] == replay::tag_information{"rare", 1, holdfast::portable_log(3.0)});
    CHECK(parts[1] == replay::tag_information{"review", 2, holdfast::portable_log(1.5)});
    CHECK(parts[2] == replay::tag_information{"movie", 3, 0.0});
    double sum = 0;
    for (const auto& p : parts) sum += p.information;
    CHECK(sum == Approx(pool.scores(0)[2]));
    CHECK_REFUSES(pool.explain(0, 3), "replay::information_pool: task 0 has 3 instructions, asked for instruction 3");
    CHECK_REFUSES(pool.scores(1), "replay::information_pool: 1 tasks were added, asked for task 1");
}

TEST_CASE("a pool that grows task by task gives what one that is counted at once gives") {
    holdfast::philox g{8};
    std::vector<tag_lists> tasks(6);
    for (auto& task : tasks)
        for (std::size_t i = 0, k = holdfast::uniform_index(g, 9); i < k; ++i) {
            task.emplace_back();
            for (std::size_t t = 0, n = holdfast::uniform_index(g, 5); t < n; ++t)
                task.back().push_back("tag" + std::string(1 + holdfast::uniform_index(g, 6), 'x'));
        }
    replay::information_pool pool;
    for (std::size_t t = 0; t < tasks.size(); ++t) {
        pool.add(tasks[t]);
        const auto at_once = replay::insinfo(std::span(tasks).first(t + 1));
        for (std::size_t j = 0; j <= t; ++j) CHECK(pool.scores(j) == at_once[j]);
    }
}
