#include <holdfast/core/random.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/detail/close_looks.hpp>
#include <holdfast/transport/exact.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "support/exact_transport.hpp"
#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;
using holdfast::philox;
using holdfast::status;

namespace {

using weights = std::vector<double>;

weights uniform_weights(std::size_t n) { return weights(n, 1 / double(n)); }

/// Random, some of them zero or equal, summing to 1.
weights random_weights(std::size_t n, philox& g, bool zeros) {
    weights w(n);
    do {
        for (double& x : w) x = zeros && holdfast::uniform(g) < 0.3 ? 0 : std::ceil(4 * holdfast::uniform(g)) / 4;
    } while (std::accumulate(w.begin(), w.end(), 0.0) == 0);
    const double sum = std::accumulate(w.begin(), w.end(), 0.0);
    for (double& x : w) x /= sum;
    return w;
}

/// Everything an optimal answer must satisfy, whatever the problem.
template <class Real>
void check_certificate(const matrix<Real>& c, const weights& a, const weights& b, const transport::exact_result& r) {
    double size = 0;
    for (const Real x : c.values()) size = std::max(size, std::abs(double(x)));
    REQUIRE(r.status == status::exact);
    REQUIRE(r.upper - r.lower <= 1e-12 * size);
    weights rows(a.size(), 0), columns(b.size(), 0);
    double cost = 0;
    for (const auto& [i, j, mass] : r.plan) {
        REQUIRE(mass > 0);
        rows[i] += mass;
        columns[j] += mass;
        cost += mass * double(c(i, j));
        REQUIRE(std::abs(r.f[i] + r.g[j] - double(c(i, j))) <= 1e-12 * size);  // complementary slackness
    }
    for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(std::abs(rows[i] - a[i]) <= 1e-15);
    for (std::size_t j = 0; j < b.size(); ++j) REQUIRE(std::abs(columns[j] - b[j]) <= 1e-15);
    REQUIRE(cost == Approx(r.value).epsilon(1e-12).margin(1e-14 * size));
    for (std::size_t i = 0; i < a.size(); ++i)
        for (std::size_t j = 0; j < b.size(); ++j) REQUIRE(r.f[i] + r.g[j] <= double(c(i, j)) + 1e-12 * size);
    REQUIRE(r.plan.size() <= a.size() + b.size() - 1);
}

}  // namespace

TEST_CASE("close looks come back by row and column, as many as are kept") {
    holdfast::transport::detail::close_looks looks(3);
    CHECK(looks.row(1)->j == std::numeric_limits<std::uint32_t>::max());  // none
    looks.begin(0);
    for (std::uint32_t j = 0; j < 100; ++j) looks.add(0, 2 * j, j + 0.5);
    looks.end();
    looks.begin(2);
    looks.add(2, 7, -1);
    looks.end();
    const auto* first = looks.row(0);
    for (std::uint32_t j = 0; j < 64; ++j, ++first) {
        REQUIRE(first->j == 2 * j);
        REQUIRE(first->cost == j + 0.5);
    }
    CHECK(first->j == std::numeric_limits<std::uint32_t>::max());  // the others are looked at again
    CHECK(looks.row(1)->j == std::numeric_limits<std::uint32_t>::max());
    CHECK(looks.row(2)->cost == -1);
    looks.clear();
    CHECK(looks.row(2)->j == std::numeric_limits<std::uint32_t>::max());
}

TEST_CASE("two points that may stay where they are cost nothing") {
    const matrix<double> c(2, 2, std::vector<double>{0, 1, 1, 0});
    const auto r = transport::exact(c, uniform_weights(2), uniform_weights(2));
    CHECK(r.value == 0);
    CHECK(r.status == status::exact);
    CHECK(r.plan == std::vector<transport::plan_entry>{{0, 0, 0.5}, {1, 1, 0.5}});
}

TEST_CASE("the exact cosine values of the fact sheet") {
    const matrix<double> a(3, 2, std::vector<double>{1, 0, 0, 1, 1, 1}), b(2, 2, std::vector<double>{1, 0, -1, 0});
    const auto c = transport::cost_matrix(a, b);
    CHECK(transport::exact(c, uniform_weights(3), uniform_weights(2)).value == Approx(.666666666667).margin(1e-11));
    CHECK(transport::exact(c, weights{.5, .25, .25}, weights{.75, .25}).value == Approx(.323223304703).margin(1e-11));
}

TEST_CASE("on the line: 0, 1, 3 to 5, 6, 8 costs five") {
    const matrix<double> x(3, 1, std::vector<double>{0, 1, 3}), y(3, 1, std::vector<double>{5, 6, 8});
    const auto c = transport::cost_matrix(x, y, transport::euclidean{});
    CHECK(transport::exact(c, uniform_weights(3), uniform_weights(3)).value == Approx(5.0));
}

TEST_CASE("on the line every convex cost couples the quantiles") {
    philox g{21};
    for (int k = 0; k < 40; ++k) {
        const std::size_t n = 1 + holdfast::uniform_index(g, 60), m = 1 + holdfast::uniform_index(g, 60);
        matrix<double> x(n, 1), y(m, 1);
        for (double& v : x.values()) v = std::round(10 * holdfast::normal(g)) / 4;
        for (double& v : y.values()) v = std::round(10 * holdfast::normal(g)) / 4 + 1;
        const weights a = random_weights(n, g, k % 2), b = random_weights(m, g, k % 2);
        const auto square = transport::exact(transport::cost_matrix(x, y, transport::squared_euclidean{}), a, b);
        const auto length = transport::exact(transport::cost_matrix(x, y, transport::euclidean{}), a, b);
        CHECK(square.value == Approx(holdfast_test::transport_on_the_line(x.values(), a, y.values(), b, [](double t) {
                                  return t * t;
                              })).margin(1e-11));
        CHECK(length.value == Approx(holdfast_test::transport_on_the_line(x.values(), a, y.values(), b, [](double t) {
                                  return std::abs(t);
                              })).margin(1e-12));
    }
}

TEST_CASE("the simplex and successive shortest paths agree on random problems, degenerate ones among them") {
    philox g{22};
    for (int k = 0; k < 300; ++k) {
        const std::size_t n = 1 + holdfast::uniform_index(g, 60), m = 1 + holdfast::uniform_index(g, 60);
        matrix<double> c(n, m);
        const int kind = k % 5;  // real, few integers (ties), one value, negative, far apart in size
        for (double& v : c.values()) {
            const double u = holdfast::uniform(g);
            v = kind == 0   ? u
                : kind == 1 ? std::floor(4 * u)
                : kind == 2 ? 0.7
                : kind == 3 ? u - 2
                            : std::pow(10, 12 * u - 6);
        }
        const weights a = k % 3 == 0 ? uniform_weights(n) : random_weights(n, g, k % 3 == 1);
        const weights b = k % 3 == 0 ? uniform_weights(m) : random_weights(m, g, k % 3 == 1);
        INFO("case " << k << ": " << n << " x " << m);
        const auto r = transport::exact(c, a, b);
        check_certificate(c, a, b, r);
        double size = 0;
        for (const double v : c.values()) size = std::max(size, std::abs(v));
        REQUIRE(std::abs(r.value - holdfast_test::transport_by_shortest_paths(c.view(), a, b)) <= 1e-11 * size);
    }
}

TEST_CASE("the simplex and the Hungarian method agree around a thousand points") {
    philox g{23};
    for (const std::size_t n : {999u, 1000u, 1001u}) {
        matrix<float> x(n, 3), y(n, 3);
        for (float& v : x.values()) v = float(holdfast::normal(g));
        for (float& v : y.values()) v = float(holdfast::normal(g)) + 0.5f;
        const auto c = transport::cost_matrix(x, y, transport::squared_euclidean{});
        const weights w = uniform_weights(n);
        const auto r = transport::exact(c, w, w);
        check_certificate(c, w, w, r);
        CHECK(r.value == Approx(holdfast_test::transport_by_assignment(c.view())).epsilon(1e-11));
        const auto single = transport::exact(transport::cost_matrix<float>(x, y, transport::squared_euclidean{}), w, w);
        CHECK(single.value == Approx(r.value).epsilon(1e-5));
    }
}

TEST_CASE("degenerate problems end: grids, equal rows, one weight that dwarfs the rest") {
    const std::size_t n = 200;
    matrix<double> grid(n, n), equal(n, n, 3.0);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) grid(i, j) = std::abs(double(i % 10) - double(j % 10));
    const weights w = uniform_weights(n);
    check_certificate(grid, w, w, transport::exact(grid, w, w));
    CHECK(transport::exact(grid, w, w).value == 0);
    const auto r = transport::exact(equal, w, w);
    check_certificate(equal, w, w, r);
    CHECK(r.value == Approx(3.0));
    weights dwarf(n, 1e-18);
    dwarf[7] = 1 - 199e-18;
    const auto d = transport::exact(grid, dwarf, w);
    CHECK(d.status == status::exact);
    CHECK(d.value == Approx(3.1));  // the mean of |7 - j| over j = 0..9
}

TEST_CASE("potentials to start from change the way, not the answer") {
    philox g{24};
    matrix<double> c(80, 70);
    for (double& v : c.values()) v = holdfast::uniform(g);
    const weights a = random_weights(80, g, false), b = random_weights(70, g, false);
    const auto cold = transport::exact(c, a, b);
    const auto warm = transport::exact(c, a, b, {.f = cold.f, .g = cold.g});
    check_certificate(c, a, b, warm);
    CHECK(warm.value == Approx(cold.value).epsilon(1e-13));
    CHECK(warm.pivots == 0);  // the optimal tree is found again from its potentials
    const weights nonsense_f(80, 1e6), nonsense_g(70, -3e5);
    check_certificate(c, a, b, transport::exact(c, a, b, {.f = nonsense_f, .g = nonsense_g}));
}

TEST_CASE("a run that is cut short says so, and its bounds hold") {
    philox g{25};
    matrix<double> c(60, 50);
    for (double& v : c.values()) v = holdfast::uniform(g);
    const weights a = random_weights(60, g, false), b = uniform_weights(50);  // pivots are needed: masses split
    const double exact = transport::exact(c, a, b).value;
    const auto cut = transport::exact(c, a, b, {.max_pivots = 5});
    CHECK(cut.status == status::not_converged);
    CHECK(cut.pivots == 5);
    CHECK(cut.lower <= exact);
    CHECK(exact <= cut.upper);
    CHECK(cut.lower < cut.upper);
}

TEST_CASE("a run may stop where its bounds are as close as asked, and they hold") {
    philox g{26};
    matrix<double> x(150, 4), y(150, 4);
    for (double& v : x.values()) v = holdfast::normal(g);
    for (double& v : y.values()) v = holdfast::normal(g) + 0.4;
    const auto c = transport::cost_matrix(x, y, transport::squared_euclidean{});
    const weights a = random_weights(150, g, true), b = random_weights(150, g, false);
    const auto exact = transport::exact(c, a, b);
    for (const double gap : {0.5, 0.1, 0.02, 0.001}) {
        const auto r = transport::exact(c, a, b, {.f = exact.f, .g = exact.g, .relative_gap = gap});
        CHECK(r.lower <= exact.value * (1 + 1e-14));
        CHECK(exact.value <= r.upper * (1 + 1e-14));
        CHECK(r.upper - r.lower <= gap * r.lower);
        CHECK(r.status != status::not_converged);
        CHECK(r.pivots <= exact.pivots);
        for (std::size_t i = 0; i < 150; ++i)
            for (std::size_t j = 0; j < 150; ++j) REQUIRE(r.f[i] + r.g[j] <= c(i, j) + 1e-12);
    }
}

TEST_CASE("the exact solver says what is wrong with its input") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const matrix<double> c(2, 2, 1.0);
    const weights w{0.5, 0.5};
    CHECK_REFUSES(transport::exact(matrix<double>(), weights{}, weights{}), "the cost must not be empty, it is 0 x 0");
    CHECK_REFUSES(transport::exact(c, w, weights{1}), "a cost of 2 x 2 needs as many weights, got 2 and 1");
    CHECK_REFUSES(transport::exact(c, w, weights{0.5, 0.43}),
                  "transport::exact: weights must sum to 1, they sum to 0.93");
    CHECK_REFUSES(transport::exact(c, weights{2, -1}, w), "weight 1 is -1");
    CHECK_REFUSES(transport::exact(matrix<double>(2, 2, std::vector<double>{1, 2, nan, 0}), w, w),
                  "costs must be finite, entry (1, 0) is nan");
    CHECK_REFUSES(transport::exact(c, w, w, {.f = w}), "must be of sizes 2 and 2, got 2 and 0");
    CHECK_REFUSES(transport::exact(c, w, w, {.relative_gap = -1}), "relative_gap must not be negative, it is -1");
    const weights bad{0, nan};
    CHECK_REFUSES(transport::exact(c, w, w, {.f = bad, .g = w}), "potentials must be finite, f[1] is nan");
    CHECK_REFUSES(transport::exact(c, w, w, {.f = w, .g = bad}), "potentials must be finite, g[1] is nan");
    CHECK_REFUSES(transport::exact(c.view().transposed(), w, w), "rows of the cost must be contiguous");
}
