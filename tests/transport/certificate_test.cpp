// What the bounds promise, on ten thousand random problems: the exact value is never outside them, however the costs
// are kept, whatever the solver, however small or great epsilon is.
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/engine_table.hpp>
#include <holdfast/transport/exact.hpp>
#include <holdfast/transport/wasserstein.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "support/exact_transport.hpp"
#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;
using holdfast::philox;
using holdfast::status;
using transport::storage;

namespace {

std::size_t log_uniform(std::size_t most, philox& g) {
    return static_cast<std::size_t>(std::pow(double(most) + 1, holdfast::uniform(g)));
}

/// Points of many kinds: spread out, on a grid (ties), all but equal, of very different lengths, equidistant.
matrix<float> points(std::size_t n, std::size_t d, std::size_t kind, philox& g) {
    matrix<float> x(n, d);
    for (std::size_t i = 0; i < n; ++i) {
        const double length = kind == 3 ? std::pow(10, 3 * holdfast::uniform(g) - 2) : 1;
        for (std::size_t k = 0; k < d; ++k) {
            const double z = holdfast::normal(g);
            x(i, k) = float(kind == 1   ? std::floor(2 * z) + 0.5
                            : kind == 2 ? 1 + 1e-3 * z
                            : kind == 4 ? (i % d == k ? 1.0 : 0.0)
                                        : length * z);
        }
        if (n > 2 && holdfast::uniform(g) < 0.2)
            std::copy_n(x.row(holdfast::uniform_index(g, i + 1)).begin(), d, x.row(i).begin());  // duplicates
    }
    return x;
}

std::vector<double> random_weights(std::size_t n, philox& g) {
    std::vector<double> w(n, 1);
    if (holdfast::uniform(g) < 0.7)
        for (double& x : w) x = holdfast::uniform(g) < 0.2 ? 0 : std::pow(10, -3 * holdfast::uniform(g));
    w[holdfast::uniform_index(g, n)] += 0.1;
    const double sum = std::accumulate(w.begin(), w.end(), 0.0);
    for (double& x : w) x /= sum;
    return w;
}

/// The definition, in long double.
double cost_of(std::span<const float> x, std::span<const float> y, std::size_t kind) {
    long double xx = 0, yy = 0, s = 0;
    for (std::size_t k = 0; k < x.size(); ++k) xx += (long double)(x[k]) * x[k], yy += (long double)(y[k]) * y[k];
    const long double p = kind == 0 ? 1 / std::sqrt(xx) : 1, q = kind == 0 ? 1 / std::sqrt(yy) : 1;
    for (std::size_t k = 0; k < x.size(); ++k) s += (x[k] * p - y[k] * q) * (x[k] * p - y[k] * q);
    return double(kind == 0 ? s / 2 : kind == 1 ? s : std::sqrt(s));
}

const transport::ground_cost costs[] = {transport::cosine{}, transport::squared_euclidean{}, transport::euclidean{}};

}  // namespace

TEST_CASE("the exact value lies within the bounds in every one of 10,000 random problems") {
    philox g{1618};
    std::size_t proven = 0, checked = 0;
    for (std::size_t k = 0; k < 10000; ++k) {
        const std::size_t n = log_uniform(200, g), m = log_uniform(200, g), d = log_uniform(64, g), kind = k % 5;
        const auto x = points(n, d, kind, g), y = points(m, d, kind, g);
        const auto wx = random_weights(n, g), wy = random_weights(m, g);
        const std::size_t c = holdfast::uniform_index(g, 3);
        const auto a = transport::measure(x, wx), b = transport::measure(y, wy);
        INFO("case " << k << ": " << n << " x " << m << " x " << d << ", cost " << c << ", points " << kind);

        // The exact value proves itself, on costs computed here: a plan and potentials that meet.
        const auto exact = transport::wasserstein(a, b, {.cost = costs[c], .relative_gap = 0, .plan = true});
        REQUIRE(exact.status == status::exact);
        matrix<double> true_cost(a.size(), b.size());
        double greatest = 0;
        for (std::size_t i = 0; i < a.size(); ++i)
            for (std::size_t j = 0; j < b.size(); ++j)
                greatest = std::max(greatest, true_cost(i, j) = cost_of(a.points.row(i), b.points.row(j), c));
        // Unit vectors are rounded, and so are differences of two that nearly coincide.
        const double room = 1e-13 * greatest + (c == 0 ? 1e-15 * std::sqrt(greatest) + 1e-30 : 0);
        if (!exact.plan.empty()) {
            std::vector<double> rows(a.size(), 0), columns(b.size(), 0);
            double paid = 0;
            for (const auto& [i, j, mass] : exact.plan) {
                rows[i] += mass;
                columns[j] += mass;
                paid += mass * true_cost(i, j);
            }
            for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(std::abs(rows[i] - a.weights[i]) < 1e-14);
            for (std::size_t j = 0; j < b.size(); ++j) REQUIRE(std::abs(columns[j] - b.weights[j]) < 1e-14);
            REQUIRE(std::abs(paid - exact.value) <= room);
        }
        if (!exact.f.empty()) {
            ++proven;
            double dual = 0;
            for (std::size_t i = 0; i < a.size(); ++i) {
                dual += a.weights[i] * exact.f[i];
                for (std::size_t j = 0; j < b.size(); ++j)
                    if (!(exact.f[i] + exact.g[j] <= true_cost(i, j) + room)) FAIL("f + g exceeds a cost");
            }
            for (std::size_t j = 0; j < b.size(); ++j) dual += b.weights[j] * exact.g[j];
            REQUIRE(std::abs(dual - exact.value) <= room);
        }
        // And by other means, on the rows as they were given: duplicates, weights of zero and all.
        if (n + m <= 24) {
            ++checked;
            matrix<double> all(n, m);
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t j = 0; j < m; ++j) all(i, j) = cost_of(x.row(i), y.row(j), c);
            const double other = holdfast_test::transport_by_shortest_paths(all.view(), wx, wy);
            REQUIRE(std::abs(other - exact.value) <= 1e-12 * (greatest + 1));
        }
        // Any accuracy, any rung, any storage, points merged or not.
        const transport::solver methods[] = {transport::solver::automatic, transport::solver::simplex,
                                             transport::solver::sinkhorn};
        const storage kept[] = {storage::automatic, storage::float32, storage::fixed16, storage::streamed};
        const double gap = std::pow(10, -4 * holdfast::uniform(g));
        const auto w =
            transport::wasserstein(a, b,
                                   {.cost = costs[c],
                                    .relative_gap = gap,
                                    .method = methods[k % 3],
                                    .max_iterations = 30,
                                    .storage = kept[k % 4],
                                    .merge_within = k % 7 == 0 ? std::pow(10, -2 * holdfast::uniform(g)) : 0});
        REQUIRE(w.lower <= exact.value + room);
        REQUIRE(exact.value <= w.upper + room);
        REQUIRE(w.lower <= w.value);
        REQUIRE(w.value <= w.upper);
        if (w.status == status::certified) REQUIRE(w.upper - w.lower <= gap * w.lower);
        // Sinkhorn at an epsilon from 1e-6 to 1e3 of the greatest cost, stopped wherever it is.
        const double eps = std::pow(10, 9 * holdfast::uniform(g) - 6) * std::max(greatest, 1e-6);
        const auto px = transport::prepare<float>(a.points, costs[c]),
                   py = transport::prepare<float>(b.points, costs[c]);
        const transport::cost_table table(px, py, costs[c], kept[k % 4]);
        transport::table_engine engine(table, a.weights, b.weights);
        const auto s = transport::sinkhorn(
            engine,
            {.epsilon = eps, .max_iterations = 1 + k % 12, .annealing = k % 2 == 0, .over_relaxation = k % 3 == 0});
        double stored = 0;
        for (std::size_t i = 0; i < a.size(); ++i) stored += a.weights[i] * table.quantisation(i);
        stored += transport::rounding_bound<float>(costs[c], s.upper, d, std::max(px.largest, py.largest), true);
        REQUIRE(s.lower <= exact.value + stored);
        REQUIRE(exact.value <= s.upper + stored);
        REQUIRE(std::isfinite(s.entropic_cost));
    }
    CHECK(proven > 6500);
    CHECK(checked > 2000);
}

TEST_CASE("around a thousand points and at 4096, costs in four bytes, two or none give one exact value") {
    philox g{2718};
    for (const std::size_t n : {999u, 1000u, 1001u, 4096u}) {
        const auto a = transport::measure(points(n, 6, 0, g)), b = transport::measure(points(n, 6, 2, g));
        std::vector<double> values;
        for (const storage how : {storage::float32, storage::fixed16, storage::streamed}) {
            if (n > 4000 && how == storage::float32) continue;
            const auto exact = transport::wasserstein(a, b, {.relative_gap = 0, .storage = how});
            REQUIRE(exact.status == status::exact);
            values.push_back(exact.value);
            if (n > 4000) continue;
            for (const auto method : {transport::solver::simplex, transport::solver::sinkhorn}) {
                const auto w = transport::wasserstein(a, b, {.relative_gap = 0.05, .method = method, .storage = how});
                CHECK(w.lower <= exact.value);
                CHECK(exact.value <= w.upper);
                CHECK(w.status == status::certified);
            }
        }
        if (n < 4000) {
            const auto c = transport::cost_matrix<double>(a.points, b.points);
            values.push_back(transport::exact(c, a.weights, b.weights, {.plan = false}).value);
        }
        for (const double v : values) CHECK(v == Approx(values[0]).epsilon(1e-12));
    }
}

TEST_CASE(
    "unit vectors in whole numbers lead to the exact value, and to bounds of it, far apart, close and all but one") {
    philox g{577};
    for (const double spread : {1.0, 0.1, 3e-3, 1e-5}) {  // from clouds for which whole numbers do to such as they blur
        matrix<float> x(230, 48), y(190, 48);
        std::vector<double> centre(48);
        for (double& v : centre) v = holdfast::normal(g);
        for (matrix<float>* p : {&x, &y})
            for (std::size_t i = 0; i < p->rows(); ++i)
                for (std::size_t k = 0; k < 48; ++k) (*p)(i, k) = float(centre[k] + spread * holdfast::normal(g));
        const auto wx = random_weights(230, g), wy = random_weights(190, g);
        const auto a = transport::measure(x, wx), b = transport::measure(y, wy);
        const auto c = transport::cost_matrix<double>(a.points, b.points);
        const auto expected = transport::exact(c, a.weights, b.weights);
        for (const storage how : {storage::float32, storage::fixed16, storage::streamed}) {
            INFO("spread " << spread << ", storage " << int(how));
            const auto exact = transport::wasserstein(a, b, {.relative_gap = 0, .storage = how});
            CHECK(exact.status == status::exact);
            CHECK(exact.value == Approx(expected.value).epsilon(1e-11));
            for (const double gap : {0.3, 0.01, 1e-3, 1e-5}) {
                const auto w = transport::wasserstein(a, b, {.relative_gap = gap, .plan = true, .storage = how});
                CHECK(w.status != status::not_converged);
                CHECK(w.lower <= expected.value * (1 + 1e-12));
                CHECK(expected.value <= w.upper * (1 + 1e-12));
                if (w.status == status::certified) CHECK(w.upper - w.lower <= gap * w.lower);
                std::vector<double> rows(a.size(), 0);
                double paid = 0;
                for (const auto& [i, j, mass] : w.plan) rows[i] += mass, paid += mass * c(i, j);
                for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(std::abs(rows[i] - a.weights[i]) < 1e-12);
                CHECK(paid <= w.upper * (1 + 1e-9));
            }
        }
    }
}

TEST_CASE("storage and threads do not change what is certain: the same bits for any number of threads") {
    philox g{3141};
    const auto a = points(210, 33, 0, g), b = points(190, 33, 2, g);
    for (const storage how : {storage::float32, storage::fixed16, storage::streamed})
        for (const auto method : {transport::solver::simplex, transport::solver::sinkhorn}) {
            const auto run = [&](unsigned threads) {
                holdfast::set_threads(threads);
                return transport::wasserstein(a, b, {.method = method, .storage = how});
            };
            const auto one = run(1);
            for (const unsigned t : {2u, 3u, 5u}) {
                const auto more = run(t);
                CHECK(more.value == one.value);
                CHECK(more.lower == one.lower);
                CHECK(more.upper == one.upper);
                CHECK(more.f == one.f);
            }
        }
    holdfast::set_threads(0);
}
