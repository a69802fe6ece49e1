#include <holdfast/metrics/accuracy_matrix.hpp>

#include "support/test.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace metrics = holdfast::metrics;

TEST_CASE("a score that was not evaluated is NaN and not zero") {
    metrics::accuracy_matrix r({"a", "b", "c"});
    r.append({0.5}).append({0.0, metrics::not_evaluated, 0.25});
    CHECK(r.tasks() == 3);
    CHECK(r.stages() == 2);
    CHECK(r(0, 0) == 0.5);
    CHECK(std::isnan(r(0, 1)));
    CHECK(std::isnan(r(1, 1)));
    CHECK(r(1, 0) == 0.0);
    CHECK(r.has(1, 0));
    CHECK_FALSE(r.has(1, 1));
    CHECK_FALSE(r.has(2, 0));
    CHECK_FALSE(r.has(0, 3));
    CHECK(r(1, 2) == 0.25);  // above the diagonal is allowed
}

TEST_CASE("the scores before training stand apart, and are absent until given") {
    metrics::accuracy_matrix r({"a", "b"});
    CHECK(r.before().empty());
    r.before({0.25});
    REQUIRE(r.before().size() == 2);
    CHECK(r.before()[0] == 0.25);
    CHECK(std::isnan(r.before()[1]));
    CHECK(r.stages() == 0);
    r.before({0.5, 0.75});
    CHECK(r.before()[1] == 0.75);
}

TEST_CASE("rows come from any contiguous range of doubles, and a cell can be filled later") {
    metrics::accuracy_matrix r({"a", "b"});
    const std::vector<double> first{0.1, 0.2};
    const std::array<double, 1> second{0.3};
    r.append(first).append(second);
    CHECK(r(0, 1) == 0.2);
    CHECK_FALSE(r.has(1, 1));
    r.set(1, 1, 0.4);
    CHECK(r(1, 1) == 0.4);
    r.set(1, 1, metrics::not_evaluated);
    CHECK_FALSE(r.has(1, 1));
    CHECK(r.scores().rows() == 2);
    CHECK(r.scores()(0, 1) == 0.2);
}

TEST_CASE("a matrix that exists already becomes one in a line, in float and column-major too") {
    holdfast::matrix<float> m(2, 3, 0.5f);
    m(0, 2) = std::numeric_limits<float>::quiet_NaN();
    m(1, 0) = 0.25f;
    const auto r = metrics::accuracy_matrix::from(m, {"a", "b", "c"});
    CHECK(r.stages() == 2);
    CHECK(r(1, 0) == 0.25);
    CHECK_FALSE(r.has(0, 2));

    const auto transposed = metrics::accuracy_matrix::from(m.view().transposed(), {"a", "b"});
    CHECK(transposed.stages() == 3);
    CHECK(transposed(0, 1) == 0.25);

    const auto with_before = metrics::accuracy_matrix::from_with_before(m, {"a", "b", "c"});
    CHECK(with_before.stages() == 1);
    CHECK(with_before.before()[1] == 0.5);
    CHECK(with_before(0, 0) == 0.25);
    const auto only_before = metrics::accuracy_matrix::from_with_before(holdfast::matrix<int>(1, 1, 7), {"a"});
    CHECK(only_before.stages() == 0);
    CHECK(only_before.before()[0] == 7);
}

TEST_CASE("mixed scales and orientations meet on one scale, and what was put in stays") {
    metrics::accuracy_matrix r({"accuracy", "rouge", "error"},
                               {{.size = 81}, {.scale = 100}, {.orientation = metrics::orientation::lower_is_better}});
    r.append({0.5, 40.0, 0.1});
    CHECK(r.scale() == 1);
    CHECK(r(0, 1) == 40.0);
    CHECK(r.score(0, 0) == 0.5);
    CHECK(r.score(0, 1) == Approx(0.4));
    CHECK(r.score(0, 2) == Approx(0.9));
    CHECK(r.traits()[0].size == 81);

    metrics::accuracy_matrix percent({"a", "b"}, {{.scale = 100}, {.scale = 100}});
    percent.append({12.3, 45.6});
    CHECK(percent.scale() == 100);
    CHECK(percent.score(0, 0) == 12.3);  // one scale: exactly as put in
}

TEST_CASE("tasks are found by name") {
    const metrics::accuracy_matrix r({"a", "b"});
    CHECK(r.index("b") == 1);
    CHECK_REFUSES(r.index("c"), "metrics::accuracy_matrix::index: there is no task \"c\"");
}

TEST_CASE("the matrix refuses what cannot be a table of scores") {
    using metrics::accuracy_matrix;
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK_REFUSES(accuracy_matrix(std::vector<std::string>{}),
                  "metrics::accuracy_matrix: needs at least one task, got none");
    CHECK_REFUSES(accuracy_matrix({"a", "b", "a"}), "no two tasks may be named alike, two are named \"a\"");
    CHECK_REFUSES(accuracy_matrix({"a", "b"}, {{.scale = 100}}), "needs traits for each of 2 tasks, got 1");
    CHECK_REFUSES(accuracy_matrix({"a", "b"}, {{.scale = 100}, {.scale = 0}}),
                  "the scale of a task must be above 0 and finite, that of b is 0");
    accuracy_matrix r({"a", "b"});
    CHECK_REFUSES(r.append({1, 2, 3}),
                  "metrics::accuracy_matrix::append: a row has at most 2 scores, one per task, got 3");
    CHECK_REFUSES(r.append({1, infinity}), "a score must be finite (NaN = not evaluated), that of b is inf");
    CHECK_REFUSES(r.before({1, 2, 3}), "metrics::accuracy_matrix::before: a row has at most 2 scores");
    CHECK(r.stages() == 0);
    CHECK_REFUSES(r(0, 0), "operator(): stage 0 and task 0 of 0 stages and 2 tasks (both count from 0)");
    CHECK_REFUSES(r.set(1, 0, 0.5), "metrics::accuracy_matrix::set: stage 1 and task 0 of 0 stages");
    r.append({0.5});
    CHECK_REFUSES(r.set(0, 1, infinity), "set: a score must be finite, that of b after stage 0 is inf");
    CHECK_REFUSES(r.comparable(2, 0.5), "comparable: task 2 of 2");
    CHECK_REFUSES(accuracy_matrix::from(holdfast::matrix<double>(1, 3), {"a"}),
                  "from: needs a name for each of 3 columns, got 1");
    CHECK_REFUSES(accuracy_matrix::from_with_before(holdfast::matrix<double>(0, 1), {"a"}),
                  "needs a first row, the matrix has none");
}

TEST_CASE("a failed append leaves the matrix as it was") {
    metrics::accuracy_matrix r({"a", "b"});
    r.append({0.1, 0.2});
    CHECK_THROWS(r.append({0.1, 0.2, 0.3}));
    CHECK(r.stages() == 1);
    CHECK(r(0, 1) == 0.2);
}
