#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/similarity.hpp>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include "support/exact_transport.hpp"
#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;
using holdfast::philox;
using holdfast::status;

namespace {

template <class Real = double>
matrix<Real> cloud(std::size_t n, std::size_t d, double shift, philox& g) {
    matrix<Real> x(n, d);
    for (Real& v : x.values()) v = Real(holdfast::normal(g) + shift);
    return x;
}

std::vector<double> random_weights(std::size_t n, philox& g) {
    std::vector<double> w(n);
    for (double& x : w) x = holdfast::uniform(g) < 0.2 ? 0 : holdfast::uniform(g);
    w[0] += 0.1;
    const double sum = std::accumulate(w.begin(), w.end(), 0.0);
    for (double& x : w) x /= sum;
    return w;
}

const transport::ground_cost costs[] = {transport::cosine{}, transport::squared_euclidean{}, transport::euclidean{}};

}  // namespace

TEST_CASE("a task is at distance exactly zero from itself, in any order and written any number of times") {
    philox g{41};
    const auto a = cloud<float>(50, 9, 0, g);
    matrix<float> b(100, 9);
    for (std::size_t i = 0; i < 100; ++i) std::copy_n(a.row((i * 7) % 50).begin(), 9, b.row(i).begin());
    for (const auto& cost : costs)
        for (const double gap : {0.0, 0.01}) {
            const auto self = transport::wasserstein(a, a, {.cost = cost, .relative_gap = gap});
            CHECK(self.value == 0);
            CHECK(self.lower == 0);
            CHECK(self.upper == 0);
            CHECK(self.status == status::exact);
            const auto twice = transport::wasserstein(a, b, {.cost = cost, .relative_gap = gap});
            CHECK(twice.points_b == 50);
            CHECK(twice.upper < 1e-9);
        }
}

TEST_CASE("the certified interval holds the exact value: shapes, weights, duplicates and costs") {
    philox g{42};
    for (int k = 0; k < 240; ++k) {
        const std::size_t n = 1 + holdfast::uniform_index(g, 60), m = 1 + holdfast::uniform_index(g, 60);
        const std::size_t d = 1 + holdfast::uniform_index(g, 16);
        auto a = cloud<float>(n, d, 0, g), b = cloud<float>(m, d, 0.3 * double(k % 4), g);
        for (std::size_t i = 1; i < n; i += 3) std::copy_n(a.row(0).begin(), d, a.row(i).begin());
        for (std::size_t i = 1; i < m && k % 2; i += 4) std::copy_n(a.row(0).begin(), d, b.row(i).begin());
        const auto wa = random_weights(n, g), wb = random_weights(m, g);
        const auto& cost = costs[k % 3];
        const auto wide = transport::cost_matrix<double>(a, b, cost);
        const double exact = holdfast_test::transport_by_shortest_paths(wide.view(), wa, wb);
        INFO("case " << k << ": " << n << " x " << m << " x " << d << ", exact " << exact);
        const double room = 1e-12 * (1 + exact);
        const auto polished = transport::wasserstein(a, wa, b, wb, {.cost = cost, .relative_gap = 0});
        REQUIRE(polished.status == status::exact);
        REQUIRE(std::abs(polished.value - exact) <= room);
        for (const auto method :
             {transport::solver::automatic, transport::solver::simplex, transport::solver::sinkhorn}) {
            const auto w = transport::wasserstein(a, wa, b, wb, {.cost = cost, .relative_gap = 0.05, .method = method});
            REQUIRE(w.lower <= exact + room);
            REQUIRE(exact <= w.upper + room);
            REQUIRE(w.lower <= w.value);
            REQUIRE(w.value <= w.upper);
            if (w.status == status::certified) REQUIRE(w.upper - w.lower <= 0.05 * w.lower);
            if (method != transport::solver::sinkhorn) REQUIRE(w.status != status::not_converged);
        }
    }
}

TEST_CASE("distance is symmetric, and blind to the order of points and to splitting them") {
    philox g{43};
    const auto a = cloud(20, 5, 0, g), b = cloud(30, 5, 0.4, g);
    matrix<double> shuffled(20, 5), split(40, 5);
    for (std::size_t i = 0; i < 20; ++i) std::copy_n(a.row((i * 7 + 3) % 20).begin(), 5, shuffled.row(i).begin());
    for (std::size_t i = 0; i < 40; ++i) std::copy_n(a.row(i / 2).begin(), 5, split.row(i).begin());
    for (const auto& cost : costs) {
        const transport::wasserstein_options exactly{.cost = cost, .relative_gap = 0};
        const double w = transport::wasserstein(a, b, exactly).value;
        CHECK(transport::wasserstein(b, a, exactly).value == Approx(w).epsilon(1e-13));
        CHECK(transport::wasserstein(shuffled, b, exactly).value == Approx(w).epsilon(1e-13));
        const auto s = transport::wasserstein(split, b, exactly);
        CHECK(s.value == Approx(w).epsilon(1e-13));
        CHECK(s.points_a == 20);
    }
}

TEST_CASE("scaling the points scales the distance as the cost says") {
    philox g{44};
    const auto a = cloud(15, 4, 0, g), b = cloud(12, 4, 0.5, g);
    auto a3 = a, b3 = b;
    for (double& v : a3.values()) v *= 3;
    for (double& v : b3.values()) v *= 3;
    const double factor[] = {1, 9, 3};
    for (int k = 0; k < 3; ++k) {
        const transport::wasserstein_options exactly{.cost = costs[k], .relative_gap = 0};
        CHECK(transport::wasserstein(a3, b3, exactly).value ==
              Approx(factor[k] * transport::wasserstein(a, b, exactly).value).epsilon(1e-12));
    }
}

TEST_CASE("a translation costs its squared length, a gradient of a convex function is its own plan") {
    philox g{45};
    const auto a = cloud(40, 3, 0, g);
    auto moved = a, mapped = a;
    double expected = 0;
    for (std::size_t i = 0; i < 40; ++i) {
        const double t[] = {1, -2, 0.5};
        for (std::size_t k = 0; k < 3; ++k) moved(i, k) += t[k];
        for (std::size_t k = 0; k < 3; ++k) {
            const double step = std::tanh(a(i, k)) * double(k + 1);  // d/dx of (k + 1) log cosh x
            mapped(i, k) += step;
            expected += step * step / 40;
        }
    }
    const transport::wasserstein_options exactly{
        .cost = transport::squared_euclidean{}, .relative_gap = 0, .plan = true};
    CHECK(transport::wasserstein(a, moved, exactly).value == Approx(5.25).epsilon(1e-12));
    const auto w = transport::wasserstein(a, mapped, exactly);
    CHECK(w.value == Approx(expected).epsilon(1e-12));
    REQUIRE(w.plan.size() == 40);
    for (const auto& e : w.plan) CHECK(e.i == e.j);
}

TEST_CASE("one point against many costs the mean") {
    const matrix<double> a(1, 1, 2.0), b(3, 1, std::vector<double>{0, 2, 5});
    const auto w = transport::wasserstein(a, b, {.cost = transport::euclidean{}, .plan = true});
    CHECK(w.value == Approx(5.0 / 3));
    CHECK(w.status == status::exact);
    CHECK(w.plan.size() == 3);
}

TEST_CASE("cosine is half the squared distance of unit vectors, as InsCL uses it") {
    const matrix<double> a(3, 2, std::vector<double>{1, 0, 0, 1, 1, 1}), b(2, 2, std::vector<double>{1, 0, -1, 0});
    CHECK(transport::wasserstein(a, b, {.relative_gap = 0}).value == Approx(.666666666667).margin(1e-11));
    CHECK(transport::wasserstein(a, std::vector<double>{.5, .25, .25}, b, std::vector<double>{.75, .25},
                                 {.relative_gap = 0})
              .value == Approx(.323223304703).margin(1e-11));
    const auto w = transport::wasserstein(a, b);
    CHECK(w.status == status::exact);
    CHECK(w.rounding > 0);
    CHECK(w.rounding < 1e-5);
}

TEST_CASE("Eigen's matrices are taken as they are") {
    Eigen::MatrixXf a = Eigen::MatrixXf::Random(12, 6), b = Eigen::MatrixXf::Random(9, 6).array() + 0.3f;
    matrix<float> x(12, 6), y(9, 6);
    for (int i = 0; i < 12; ++i)
        for (int k = 0; k < 6; ++k) x(std::size_t(i), std::size_t(k)) = a(i, k);
    for (int i = 0; i < 9; ++i)
        for (int k = 0; k < 6; ++k) y(std::size_t(i), std::size_t(k)) = b(i, k);
    const auto w = transport::wasserstein(a, b);
    static_assert(std::is_same_v<decltype(w.status), holdfast::status>);
    CHECK(w.status != transport::status::not_converged);
    CHECK(w.value == transport::wasserstein(x, y).value);
    const std::vector<Eigen::MatrixXf> tasks{a, b};
    CHECK(transport::pairwise(tasks).value(0, 1) == w.value);
}

TEST_CASE("all pairs are the pairs, symmetric, with the same bits for any number of threads") {
    philox g{46};
    std::vector<matrix<float>> tasks;
    for (int t = 0; t < 6; ++t) tasks.push_back(cloud<float>(std::size_t(10 + 9 * t), 8, 0.2 * t, g));
    tasks.push_back(tasks[2]);
    const auto run = [&](unsigned threads) {
        holdfast::set_threads(threads);
        return transport::pairwise(tasks, {.cost = transport::squared_euclidean{}, .relative_gap = 0.01});
    };
    const auto one = run(1);
    for (const unsigned k : {2u, 3u, 5u}) {
        const auto more = run(k);
        CHECK(more.value == one.value);
        CHECK(more.lower == one.lower);
        CHECK(more.upper == one.upper);
    }
    holdfast::set_threads(0);
    for (std::size_t i = 0; i < one.size(); ++i) {
        CHECK(one(i, i) == holdfast::certified<double>{});
        for (std::size_t j = 0; j < one.size(); ++j) {
            CHECK(one(i, j) == one(j, i));
            if (i < j) {
                const auto w = transport::wasserstein(tasks[i], tasks[j], {.cost = transport::squared_euclidean{}});
                CHECK(one(i, j) == static_cast<const holdfast::certified<double>&>(w));
            }
        }
    }
    CHECK(one.value(2, 6) == 0);
}

TEST_CASE("all pairs with weights; a few rows or none") {
    philox g{47};
    std::vector<matrix<double>> tasks;
    std::vector<std::vector<double>> weights;
    for (int t = 0; t < 3; ++t) {
        tasks.push_back(cloud(10, 4, 0.2 * t, g));
        weights.push_back(random_weights(10, g));
    }
    const auto table = transport::pairwise(tasks, weights, {.relative_gap = 0});
    CHECK(table.value(0, 2) ==
          transport::wasserstein(tasks[0], weights[0], tasks[2], weights[2], {.relative_gap = 0}).value);
    CHECK(transport::pairwise(std::vector<matrix<double>>{}).size() == 0);
    CHECK(transport::pairwise(std::vector<matrix<double>>{tasks[0]}).value == matrix<double>(1, 1));
    weights.pop_back();
    CHECK_REFUSES(transport::pairwise(tasks, weights), "one vector of weights for each task, got 2 for 3 tasks");
}

TEST_CASE("a cost of the user's is solved in double and said to be exact") {
    philox g{48};
    const auto a = cloud(12, 3, 0, g), b = cloud(15, 3, 1, g);
    const auto manhattan = [](std::span<const double> x, std::span<const double> y) {
        double sum = 0;
        for (std::size_t k = 0; k < x.size(); ++k) sum += std::abs(x[k] - y[k]);
        return sum;
    };
    const auto w = transport::wasserstein(a, b, {.cost = manhattan});
    CHECK(w.status == status::exact);
    const auto c = transport::cost_matrix(a, b, manhattan);
    CHECK(w.value == Approx(holdfast_test::transport_by_shortest_paths(c.view(), std::vector<double>(12, 1.0 / 12),
                                                                       std::vector<double>(15, 1.0 / 15))));
}

TEST_CASE("points too far apart for single precision, or too near, are solved in double") {
    matrix<double> a(2, 1, std::vector<double>{0, 1e-9}), b(2, 1, std::vector<double>{1e-9, 3e-9});
    for (double& v : a.values()) v += 1;
    for (double& v : b.values()) v += 1;
    const auto near = transport::wasserstein(a, b, {.cost = transport::euclidean{}});
    CHECK(near.status != status::not_converged);
    CHECK(near.value == Approx(1.5e-9).epsilon(1e-5));
    const matrix<double> far(2, 1, std::vector<double>{1e100, 3e100}), further(2, 1, std::vector<double>{2e100, 5e100});
    CHECK(transport::wasserstein(far, further, {.cost = transport::euclidean{}}).value == Approx(1.5e100));
}

TEST_CASE("large problems climb to Sinkhorn and on to the simplex") {
    philox g{49};
    const auto a = cloud<float>(300, 6, 0, g), b = cloud<float>(280, 6, 0.3, g);
    const double exact = transport::wasserstein(a, b, {.relative_gap = 0}).value;
    const auto w = transport::wasserstein(a, b, {.relative_gap = 0.01, .simplex_limit = 0});
    CHECK(w.lower <= exact);
    CHECK(exact <= w.upper);
    CHECK(w.status == status::certified);
    const auto loose = transport::wasserstein(a, b, {.relative_gap = 0.2, .simplex_limit = 0});
    CHECK(loose.method == transport::solver::sinkhorn);
    CHECK(loose.status == status::certified);
    CHECK(loose.iterations > 0);
    CHECK(loose.epsilon > 0);
}

TEST_CASE("wasserstein says what is wrong with its input") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const matrix<double> a(2, 2, std::vector<double>{1, 0, 0, 1}), b(2, 3, 1.0), zero(2, 2, 0.0);
    CHECK_REFUSES(transport::wasserstein(a, b),
                  "transport::wasserstein: points must have one dimension, they have 2 and 3");
    CHECK_REFUSES(transport::wasserstein(a, zero), "a zero vector has no direction");
    CHECK_REFUSES(transport::wasserstein(a, matrix<double>()), "a measure needs points");
    CHECK_REFUSES(transport::wasserstein(a, matrix<double>(1, 2, nan)), "row 0 has nan");
    CHECK_REFUSES(transport::wasserstein(a, a, {.relative_gap = -0.1}), "relative_gap must be finite and not negative");
    CHECK_REFUSES(transport::wasserstein(a, a, {.relative_gap = nan}), "it is nan");
    CHECK_REFUSES(transport::wasserstein(a, a, {.method = transport::solver::trivial}), "cannot be asked for");
    CHECK_REFUSES(transport::wasserstein(a, a, {.relative_gap = 0, .method = transport::solver::sinkhorn}),
                  "Sinkhorn is never exact");
    CHECK_REFUSES(transport::wasserstein(a, a, {.max_iterations = 0}), "max_iterations must be positive");
    CHECK_REFUSES(transport::wasserstein(a, std::vector<double>{.5, .43}, a, std::vector<double>{.5, .5}),
                  "weights must sum to 1, they sum to 0.93");
    CHECK_REFUSES(transport::pairwise(std::vector<matrix<double>>{a, b}), "points must have one dimension");
    CHECK_REFUSES(transport::pairwise(std::vector<matrix<double>>{a, zero}), "a zero vector has no direction");
}
