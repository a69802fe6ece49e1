#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/allocation.hpp>
#include <holdfast/transport/bounds.hpp>
#include <holdfast/transport/decision.hpp>
#include <holdfast/transport/nearest.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::certified;
using holdfast::matrix;
using holdfast::philox;

namespace {

using measure = transport::discrete_measure<float>;

/// Tasks in clusters, each a cloud of 5 to 25 points.
std::vector<measure> clustered(std::size_t count, std::size_t clusters, std::size_t d, philox& g) {
    matrix<double> centre(clusters, d);
    for (double& v : centre.values()) v = 3 * holdfast::normal(g);
    std::vector<measure> tasks;
    for (std::size_t t = 0; t < count; ++t) {
        matrix<float> x(5 + holdfast::uniform_index(g, 20), d);
        std::vector<double> shift(d);
        for (double& v : shift) v = 0.5 * holdfast::normal(g);
        for (std::size_t i = 0; i < x.rows(); ++i)
            for (std::size_t k = 0; k < d; ++k)
                x(i, k) = float(centre(t % clusters, k) + shift[k] + 0.3 * holdfast::normal(g));
        tasks.push_back(transport::measure(x));
    }
    return tasks;
}

const transport::ground_cost costs[] = {transport::cosine{}, transport::squared_euclidean{}, transport::euclidean{}};

}  // namespace

TEST_CASE("means and variances bound the distance, tightly where a task is a point or moved") {
    philox g{81};
    for (int k = 0; k < 60; ++k) {
        const auto tasks = clustered(2, 1 + std::size_t(k % 2), 1 + std::size_t(k % 7), g);
        for (const auto& cost : costs) {
            const auto exact = transport::wasserstein(tasks[0], tasks[1], {.cost = cost, .relative_gap = 0});
            const auto b = transport::moment_bounds(transport::moments_of(tasks[0], cost),
                                                    transport::moments_of(tasks[1], cost), cost);
            CHECK(b.lower <= exact.upper);
            CHECK(exact.lower <= b.upper);
        }
    }
    const auto bounds = [&](const matrix<double>& x, const matrix<double>& y) {
        const transport::squared_euclidean cost{};
        return transport::moment_bounds(transport::moments_of(transport::measure(x), cost),
                                        transport::moments_of(transport::measure(y), cost), cost);
    };
    const matrix<double> x(2, 1, std::vector<double>{0, 2}), moved(2, 1, std::vector<double>{3, 5}), point(1, 1, 4.0);
    CHECK(bounds(x, moved).lower == Approx(9));   // a translation is what the means say
    CHECK(bounds(x, point).lower == Approx(10));  // one point: 16 and 4, halved
    CHECK(bounds(x, point).upper == Approx(10));
}

TEST_CASE("the roots are metrics, W under cosine is not") {
    philox g{82};
    for (int k = 0; k < 40; ++k) {
        const auto t = clustered(3, 3, 3, g);
        for (const auto& cost : costs) {
            const auto d = [&](std::size_t i, std::size_t j) {
                return transport::to_metric(
                    cost, transport::wasserstein(t[i], t[j], {.cost = cost, .relative_gap = 0}).value);
            };
            CHECK(d(0, 2) <= d(0, 1) + d(1, 2) + 1e-12);
        }
    }
    const auto w = [](double degrees_a, double degrees_b) {
        const auto at = [](double degrees) {
            const double r = degrees * 3.14159265358979 / 180;
            return matrix<double>(1, 2, std::vector<double>{std::cos(r), std::sin(r)});
        };
        return transport::wasserstein(at(degrees_a), at(degrees_b)).value;
    };
    CHECK(w(0, 90) > w(0, 45) + w(45, 90));
}

TEST_CASE("the nearest tasks are those of the full table, from far fewer pairs where tasks cluster") {
    philox g{83};
    for (const auto& cost : costs)
        for (const std::size_t k : {1u, 3u}) {
            const auto tasks = clustered(30, 6, 4, g);
            const std::span<const measure> all(tasks);
            const auto exact = transport::pairwise(all, {.cost = cost, .relative_gap = 0});
            const auto found = transport::nearest(all, k, {.cost = cost, .relative_gap = 0.05});
            CHECK(found.pairs == 435);
            CHECK(found.measured < 435 / 2);
            for (std::size_t i = 0; i < 30; ++i) {
                std::vector<std::size_t> order(30);
                std::iota(order.begin(), order.end(), std::size_t{0});
                order.erase(order.begin() + long(i));
                std::stable_sort(order.begin(), order.end(),
                                 [&](std::size_t a, std::size_t b) { return exact.value(i, a) < exact.value(i, b); });
                std::vector<std::size_t> expected(order.begin(), order.begin() + long(k)), got;
                for (std::size_t r = 0; r < k; ++r) {
                    got.push_back(found.index(i, r));
                    CHECK(found.at[i][r].lower <= exact.upper(i, got.back()));
                    CHECK(exact.lower(i, got.back()) <= found.at[i][r].upper);
                }
                std::sort(expected.begin(), expected.end());
                std::sort(got.begin(), got.end());
                CHECK(got == expected);
            }
        }
}

TEST_CASE("neighbours are the same bits for any number of threads; equal tasks and ties end") {
    philox g{84};
    auto tasks = clustered(12, 3, 5, g);
    tasks.push_back(tasks[0]);
    tasks.push_back(tasks[0]);
    const std::span<const measure> all(tasks);
    holdfast::set_threads(1);
    const auto one = transport::nearest(all, 2);
    holdfast::set_threads(3);
    const auto three = transport::nearest(all, 2);
    holdfast::set_threads(0);
    CHECK(one.index == three.index);
    CHECK(one.at == three.at);
    CHECK(one.measured == three.measured);
    CHECK(one.index(0, 0) == 12);
    CHECK(one.index(0, 1) == 13);
    CHECK(one.at[0][0].value == 0);
    CHECK(transport::nearest(all, 13).measured == 91);
}

TEST_CASE("distances are refined until the budget cannot change, and no further") {
    philox g{85};
    std::size_t solves = 0, asked = 0;
    for (int k = 0; k < 20; ++k) {
        auto tasks = clustered(7, 7, 6, g);
        const measure now = tasks.back();
        tasks.pop_back();
        const std::size_t budget = 5 + 20 * std::size_t(k % 5);
        const auto d = transport::distances_until(
            std::span<const measure>(tasks), now,
            [&](std::span<const certified<double>> w) { return holdfast::replay::allocate(w, budget).certain; });
        std::vector<certified<double>> exact;
        for (const auto& t : tasks) exact.push_back(transport::wasserstein(t, now, {.relative_gap = 0}));
        CHECK(d.decided);
        CHECK(holdfast::replay::allocate(d.distance, budget).quotas ==
              holdfast::replay::allocate(exact, budget).quotas);
        for (std::size_t j = 0; j < tasks.size(); ++j) {
            CHECK(d.distance[j].lower <= exact[j].upper);
            CHECK(exact[j].lower <= d.distance[j].upper);
        }
        solves += d.solves;
        asked += 2 * tasks.size();  // what InsCL's policy does: all within 1 %, then all exactly
    }
    CHECK(solves < asked);
}

TEST_CASE("what is decided at once costs nothing, what never is ends exact") {
    philox g{86};
    const auto tasks = clustered(4, 2, 3, g);
    const std::span<const measure> past(tasks.data(), 3);
    const auto none = transport::distances_until(past, tasks[3], [](auto) { return true; });
    CHECK(none.solves == 0);
    CHECK(none.decided);
    const auto all = transport::distances_until(past, tasks[3], [](auto) { return false; });
    CHECK(!all.decided);
    CHECK(all.measured == 3);
    for (std::size_t j = 0; j < 3; ++j)
        CHECK(all.distance[j].value == transport::wasserstein(tasks[j], tasks[3], {.relative_gap = 0}).value);
    const auto manhattan = [](std::span<const double> x, std::span<const double> y) {
        double sum = 0;
        for (std::size_t k = 0; k < x.size(); ++k) sum += std::abs(x[k] - y[k]);
        return sum;
    };
    const auto own = transport::distances_until(past, tasks[3], [](auto) { return false; }, {.cost = manhattan});
    CHECK(own.solves == 3);
    CHECK(own.distance[0].status == holdfast::status::exact);
}

TEST_CASE("bounds and neighbours say what is wrong with their input") {
    philox g{87};
    const auto tasks = clustered(3, 1, 2, g);
    const std::span<const measure> all(tasks);
    const transport::ground_cost own = [](std::span<const double>, std::span<const double>) { return 1.0; };
    CHECK_REFUSES(transport::nearest(all, 0), "asked for 0");
    CHECK_REFUSES(transport::nearest(all, 3), "of 3 tasks each has 1 to one fewer neighbours, asked for 3");
    CHECK_REFUSES(transport::nearest(all, 1, {.cost = own}), "moments bound cosine");
    CHECK_REFUSES(transport::nearest(all, 1, {.relative_gap = -1}), "relative_gap must be finite and not negative");
    CHECK_REFUSES(transport::to_metric(own, 1), "a metric is known for");
    CHECK_REFUSES(transport::moment_bounds({{1, 2}}, {{1}}, {}), "they have 2 and 1");
}
