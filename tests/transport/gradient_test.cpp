#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/divergence.hpp>
#include <holdfast/transport/gradient.hpp>

#include <cmath>
#include <span>
#include <vector>

#include "support/test.hpp"
#include "transport/waves.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;
using holdfast::status;
using holdfast_test::wave_weights;
using holdfast_test::waves;

namespace {

using numbers = std::vector<double>;

const transport::ground_cost costs[] = {transport::cosine{}, transport::squared_euclidean{}, transport::euclidean{}};

/// Central differences of value(x, a) with respect to every point, and to moving weight from the last row to each.
template <class Gradient>
void check_by_differences(const Gradient& at, const matrix<double>& x, const numbers& a, double tolerance) {
    const transport::cost_gradient g = at(x, a);
    const double h = 1e-5;
    for (std::size_t k = 0; k < x.size(); ++k) {
        auto up = x, down = x;
        up.values()[k] += h;
        down.values()[k] -= h;
        CHECK(g.x.values()[k] == Approx((at(up, a).value - at(down, a).value) / (2 * h)).margin(tolerance));
    }
    double mean = 0;
    for (std::size_t i = 0; i < a.size(); ++i) mean += a[i] * g.a[i];
    CHECK(mean == Approx(0).margin(1e-12));
    for (std::size_t i = 0; i + 1 < a.size(); ++i) {
        numbers up = a, down = a;
        up[i] += h, up.back() -= h;
        down[i] -= h, down.back() += h;
        CHECK(g.a[i] - g.a.back() == Approx((at(x, up).value - at(x, down).value) / (2 * h)).margin(tolerance));
    }
}

}  // namespace

TEST_CASE("gradients are the slopes that finite differences find: exact, entropic, debiased") {
    const auto y = waves(5, 3, 0.5);
    const numbers a = wave_weights(6, 0), b = wave_weights(5, 1);
    for (const auto& cost : costs) {
        check_by_differences(
            [&](const matrix<double>& x, const numbers& w) { return transport::gradient(x, w, y, b, {.cost = cost}); },
            waves(6, 3, 0), a, 1e-6);
        const transport::gradient_options entropic{.cost = cost, .epsilon = 0.1, .tolerance = 1e-13};
        check_by_differences(
            [&](const matrix<double>& x, const numbers& w) { return transport::gradient(x, w, y, b, entropic); },
            waves(6, 3, 0), a, 1e-6);
        check_by_differences(  // the other side
            [&](const matrix<double>& x, const numbers& w) {
                auto g = transport::gradient(y, b, x, w, entropic);
                std::swap(g.x, g.y);
                std::swap(g.a, g.b);
                return g;
            },
            waves(6, 3, 0), a, 1e-6);
        check_by_differences([&](const matrix<double>& x,
                                 const numbers& w) { return transport::divergence_gradient(x, w, y, b, entropic); },
                             waves(6, 3, 0), a, 1e-6);
    }
}

TEST_CASE("gradients in closed form: a translation, a point and its cloud, an equal cloud") {
    const auto x = waves(7, 2, 0);
    auto moved = x;
    for (std::size_t i = 0; i < 7; ++i) moved(i, 0) += 3;
    const auto g = transport::gradient(x, {}, moved, {}, {.cost = transport::squared_euclidean{}});
    CHECK(g.value == Approx(9));
    CHECK(g.status == status::exact);
    for (std::size_t i = 0; i < 7; ++i) {
        CHECK(g.x(i, 0) == Approx(-6.0 / 7));
        CHECK(g.x(i, 1) == Approx(0).margin(1e-14));
        CHECK(g.y(i, 0) == Approx(6.0 / 7));
    }
    const matrix<double> point(1, 2, 0.25);
    const auto one = transport::gradient(point, {}, x, {}, {.cost = transport::squared_euclidean{}, .epsilon = 1});
    double expected = 0;
    for (std::size_t i = 0; i < 7; ++i) expected += 2 * (0.25 - x(i, 0)) / 7;
    CHECK(one.x(0, 0) == Approx(expected));
    const auto self = transport::divergence_gradient(
        x, {}, x, {}, {.cost = transport::squared_euclidean{}, .epsilon = 1, .tolerance = 1e-14});
    CHECK(self.value == Approx(0).margin(1e-12));  // a minimum
    for (const double v : self.x.values()) CHECK(v == Approx(0).margin(1e-9));
    for (const double v : self.a) CHECK(v == Approx(0).margin(1e-8));
    const auto coincident = transport::gradient(x, {}, x, {}, {.cost = transport::euclidean{}});
    for (const double v : coincident.x.values()) CHECK(v == 0);  // a kink: one of its slopes, not a NaN
}

TEST_CASE("steps down the divergence carry one cloud onto another") {
    matrix<float> x(8, 2), y(8, 2);
    for (std::size_t i = 0; i < 8; ++i)
        for (std::size_t k = 0; k < 2; ++k) {
            x(i, k) = float(0.3 * std::sin(double(3 * i + k)));
            y(i, k) = float(2 + std::cos(double(2 * i + 5 * k)));
        }
    double value = 1e300;
    for (int step = 0; step < 60; ++step) {
        const auto g = transport::divergence_gradient(
            x, {}, y, {}, {.cost = transport::squared_euclidean{}, .epsilon = 0.05, .tolerance = 1e-6});
        CHECK(g.value < value + 1e-6);
        value = g.value;
        for (std::size_t k = 0; k < 16; ++k) x.values()[k] -= float(8 * 0.4 * g.x.values()[k]);
    }
    CHECK(value < 1e-3);
}

TEST_CASE("the divergence of the fact sheet, and everything Sinkhorn knows under its own name") {
    const auto a = transport::measure(matrix<double>(3, 2, numbers{1, 0, 0, 1, 1, 1}));
    const auto b = transport::measure(matrix<double>(2, 2, numbers{1, 0, -1, 0}));
    const auto d = transport::sinkhorn_divergence(a, b, {.epsilon = .1, .tolerance = 1e-13});
    CHECK(d.converged);
    CHECK(d.ab.transport_cost == Approx(.667217135765).epsilon(1e-10));  // <P, C>
    CHECK(d.ab.entropic_cost == Approx(.712781880694).epsilon(1e-10));   // relative to a b'
    CHECK(d.aa.entropic_cost == Approx(.103003219269).epsilon(1e-10));
    CHECK(d.bb.entropic_cost == Approx(.069314717850).epsilon(1e-10));
    CHECK(d.value == Approx(.626622912135).epsilon(1e-10));
    CHECK(d.aa.transport_cost == Approx(.019347548538).epsilon(1e-9));  // not 0: what debiasing takes off
    CHECK(d.aa.entropic_cost_shannon == Approx(-.116719238465).epsilon(1e-9));
    const auto weighted = transport::sinkhorn_divergence(
        transport::measure(matrix<double>(3, 2, numbers{1, 0, 0, 1, 1, 1}), numbers{.5, .25, .25}),
        transport::measure(matrix<double>(2, 2, numbers{1, 0, -1, 0}), numbers{.75, .25}),
        {.epsilon = .1, .tolerance = 1e-11, .max_iterations = 30000});
    CHECK(weighted.value == Approx(.302406169821).epsilon(1e-8));
}

TEST_CASE("POT's divergence is the same combination of <P, C>") {
    // ot.bregman.empirical_sinkhorn_divergence, which debiases <P, C>, not the entropic cost
    const auto a = transport::measure(waves(6, 3, 0), wave_weights(6, 0));
    const auto b = transport::measure(waves(5, 3, 0.5), wave_weights(5, 1));
    const double expected[] = {0.7719473992926748, 0.7021594375364457},
                 cost[] = {0.841793392258584, 0.7309815499056386};
    for (int k = 0; k < 2; ++k) {
        const auto d = transport::sinkhorn_divergence(
            a, b, {.cost = transport::squared_euclidean{}, .epsilon = k == 0 ? 1.0 : .1, .tolerance = 1e-13});
        CHECK(d.ab.transport_cost - d.aa.transport_cost / 2 - d.bb.transport_cost / 2 ==
              Approx(expected[k]).epsilon(1e-9));
        CHECK(d.ab.transport_cost == Approx(cost[k]).epsilon(1e-9));
    }
}

TEST_CASE("divergences of all pairs are the pairs', own terms once, same bits for any number of threads") {
    std::vector<transport::discrete_measure<double>> tasks;
    for (int t = 0; t < 4; ++t) tasks.push_back(transport::measure(waves(std::size_t(4 + t), 3, 0.4 * t)));
    tasks.push_back(tasks[1]);
    const transport::divergence_options options{.epsilon = .2, .tolerance = 1e-12};
    const std::span<const transport::discrete_measure<double>> all(tasks);
    holdfast::set_threads(1);
    const auto table = transport::sinkhorn_divergences(all, options);
    holdfast::set_threads(3);
    CHECK(transport::sinkhorn_divergences(all, options).value == table.value);
    holdfast::set_threads(0);
    for (std::size_t i = 0; i < 5; ++i)
        for (std::size_t j = 0; j < 5; ++j) {
            CHECK(table.converged(i, j));
            CHECK(table.value(i, j) == table.value(j, i));
            CHECK(table.value(i, j) >= -1e-10);
            if (i < j)
                CHECK(table.value(i, j) ==
                      Approx(transport::sinkhorn_divergence(tasks[i], tasks[j], options).value).margin(1e-13));
        }
    CHECK(table.value(1, 4) == Approx(0).margin(1e-10));
    // epsilon to infinity, squared Euclidean: the distance of the means, and what is above it goes like 1 / epsilon
    double means = 0;
    for (std::size_t k = 0; k < 3; ++k) {
        double mean = 0;
        for (std::size_t i = 0; i < 4; ++i) mean += tasks[0].points(i, k) / 4;
        for (std::size_t i = 0; i < 6; ++i) mean -= tasks[2].points(i, k) / 6;
        means += mean * mean;
    }
    double above[2];
    for (int k = 0; k < 2; ++k)
        above[k] = transport::sinkhorn_divergence(
                       tasks[0], tasks[2],
                       {.cost = transport::squared_euclidean{}, .epsilon = k == 0 ? 100.0 : 1000.0, .tolerance = 1e-14})
                       .value -
                   means;
    CHECK(above[1] > 0);
    CHECK(above[1] < 2e-3);
    CHECK(above[0] == Approx(10 * above[1]).epsilon(0.05));
}

TEST_CASE("gradients and divergences say what is wrong with their input") {
    const auto x = waves(3, 2, 0);
    const transport::ground_cost own = [](std::span<const double>, std::span<const double>) { return 1.0; };
    CHECK_REFUSES(transport::gradient(x, {}, x, {}, {.cost = own}), "have known gradients");
    CHECK_REFUSES(transport::gradient(x, {}, x, {}, {.epsilon = -1}), "epsilon must be finite and not negative");
    CHECK_REFUSES(transport::gradient(x, {}, waves(3, 4, 0), {}), "points must have one dimension");
    CHECK_REFUSES(transport::gradient(x, numbers{1}, x, {}), "needs as many weights, got 1 and 3");
    CHECK_REFUSES(transport::gradient(x, numbers{0, .5, .5}, x, {}, {.epsilon = 1}), "weights must be positive");
    CHECK_REFUSES(transport::divergence_gradient(x, {}, x, {}, {}), "epsilon must be positive, it is 0");
    const auto m = transport::measure(x);
    const std::vector<transport::discrete_measure<double>> tasks{m, m};
    CHECK_REFUSES(transport::sinkhorn_divergences(std::span<const transport::discrete_measure<double>>(tasks), {}),
                  "epsilon must be given, one for all pairs");
    CHECK_REFUSES(transport::sinkhorn_divergence(m, m, {.epsilon = -1}), "epsilon must be positive");
    CHECK_REFUSES(transport::sinkhorn_divergence(m, transport::measure(waves(3, 4, 0))),
                  "points must have one dimension");
}
