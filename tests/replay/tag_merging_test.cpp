// Clusters of tags: DBSCAN by hand and by brute force, and what merging does as published and as released.

#include "support/test.hpp"

#include <holdfast/core/random.hpp>
#include <holdfast/replay/inscl.hpp>
#include <holdfast/replay/tag_merging.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace replay = holdfast::replay;
using holdfast::matrix;
using replay::task_tags;

namespace {

/// Directions in the plane, in degrees.
matrix<float> directions(const std::vector<double>& degrees) {
    matrix<float> points(degrees.size(), 2);
    for (std::size_t i = 0; i < degrees.size(); ++i) {
        points(i, 0) = static_cast<float>(3 * std::cos(degrees[i] * 3.14159265358979 / 180));
        points(i, 1) = static_cast<float>(3 * std::sin(degrees[i] * 3.14159265358979 / 180));
    }
    return points;
}

/// Tags whose first letter is their direction: a at 0, b at 90, c at 180 degrees, others apart.
matrix<float> by_first_letter(std::span<const std::string> tags) {
    std::vector<double> degrees;
    for (const std::string& tag : tags)
        degrees.push_back(tag.empty() ? 315.0 : tag[0] <= 'c' ? 90.0 * (tag[0] - 'a') : 200.0 + 20.0 * (tag[0] - 'd'));
    return directions(degrees);
}

}  // namespace

TEST_CASE("clusters are what can be reached through dense points, noise is the rest") {
    // Within 10 degrees is within 1 - cos(10) = 0.0152.
    const replay::dbscan_options options{.eps = 0.0152, .min_samples = 3};
    CHECK(replay::dbscan(directions({0, 8, 16, 24, 90, 98, 200, 205, 209, 150}), options) ==
          std::vector<int>{0, 0, 0, 0, -1, -1, 1, 1, 1, -1});
    // A border point between two clusters belongs to the first; numbering follows the first core point.
    CHECK(replay::dbscan(directions({100, 0, 4, 6, 8, 17, 26, 28, 30, 34}), {.eps = 0.0152, .min_samples = 4}) ==
          std::vector<int>{-1, 0, 0, 0, 0, 0, 1, 1, 1, 1});
    CHECK(replay::dbscan(directions({0, 0, 0}), {.eps = 0, .min_samples = 3}) == std::vector<int>{0, 0, 0});
    CHECK(replay::dbscan(directions({0, 90}), {.eps = 0.1, .min_samples = 1}) == std::vector<int>{0, 1});
    CHECK(replay::dbscan(matrix<float>(0, 3)).empty());
}

TEST_CASE("dbscan refuses points without a direction, and options that mean nothing") {
    CHECK_REFUSES(replay::dbscan(matrix<float>(2, 2)),
                  "replay::dbscan: a point has a direction, row 0 is zero or not finite");
    CHECK_REFUSES(replay::dbscan(directions({0}), {.eps = -1}), "replay::dbscan: eps is at least 0, it is -1");
    CHECK_REFUSES(replay::dbscan(directions({0}), {.min_samples = 0}), "min_samples is at least 1, it is 0");
}

TEST_CASE("as published every cluster becomes its most frequent tag, and no instruction repeats one") {
    const std::vector<task_tags> tasks{{{"A one", "a two", "x"}, {"a two", "b one"}}, {{"b two", "b one", "42"}, {}}};
    const auto merged = replay::merge_tags(tasks, by_first_letter, {.min_samples = 2});
    CHECK(merged == std::vector<task_tags>{{{"a two", "x"}, {"a two", "b one"}}, {{"b one"}, {}}});
}

TEST_CASE("as released the last cluster stays, and without two clusters so do repetitions") {
    const std::vector<task_tags> two{{{"a one", "a two", "b one", "b two", "x", "x"}}};
    CHECK(replay::merge_tags(two, by_first_letter, {.min_samples = 2}, replay::mode::as_released) ==
          std::vector<task_tags>{{{"a one", "b one", "b two", "x"}}});
    const std::vector<task_tags> one{{{"a one", "a two", "x", "X!"}}};
    CHECK(replay::merge_tags(one, by_first_letter, {.min_samples = 2}, replay::mode::as_released) ==
          std::vector<task_tags>{{{"a one", "a two", "x", "x"}}});
    const std::vector<task_tags> none{{{"x", "42"}}};  // no cluster; 42 becomes the empty tag
    CHECK(replay::merge_tags(none, by_first_letter, {}, replay::mode::as_released) ==
          std::vector<task_tags>{{{"x", ""}}});
    CHECK(replay::merge_tags({}, by_first_letter).empty());
    CHECK_REFUSES(replay::merge_tags(one, [](std::span<const std::string>) { return directions({0}); }),
                  "replay::merge_tags: one embedding per tag, got 1 for 3");
}

TEST_CASE("InsCL merges tags when it can embed them") {
    std::vector<replay::task_memory> past{
        replay::task_memory::from("A", std::vector<std::string>{"i", "i", "i", "j", "j", "j", "k", "k", "k"})};
    past[0].tags = {{"a one"}, {"a two"}, {"x"}};
    const auto now = replay::task_memory::from("now", std::vector<std::string>{"n"});
    replay::inscl policy{.budget_per_task = 3, .clusters = {.min_samples = 2}};
    policy.distance = [](const auto&, const auto&) { return holdfast::certified<double>::exactly(1); };
    const auto apart = policy.plan(past, now, holdfast::philox{1});  // ln 3 each
    policy.tag_embedder = by_first_letter;
    const auto merged = policy.plan(past, now, holdfast::philox{1});  // ln 1.5, ln 1.5, ln 3
    const auto of_k = [](const replay::plan& p) {
        return std::count_if(p.examples[0].begin(), p.examples[0].end(), [](auto e) { return e >= 6; });
    };
    CHECK(of_k(apart) == 1);
    CHECK(of_k(merged) == 2);
}
