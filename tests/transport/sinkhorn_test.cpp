#include <holdfast/core/random.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/exact.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;
using holdfast::philox;
using holdfast::status;

namespace {

using weights = std::vector<double>;

transport::sinkhorn_result solve(const matrix<double>& c, const weights& a, const weights& b,
                                 const transport::sinkhorn_options& options) {
    transport::plain_engine engine(c.view(), a, b);
    return transport::sinkhorn(engine, options);
}

matrix<double> fact_sheet_cost(bool self = false) {
    const matrix<double> a(3, 2, std::vector<double>{1, 0, 0, 1, 1, 1}), b(2, 2, std::vector<double>{1, 0, -1, 0});
    return self ? transport::cost_matrix(a, a) : transport::cost_matrix(a, b);
}

weights random_weights(std::size_t n, philox& g) {
    weights w(n);
    for (double& x : w) x = 0.01 + holdfast::uniform(g);
    const double sum = std::accumulate(w.begin(), w.end(), 0.0);
    for (double& x : w) x /= sum;
    return w;
}

}  // namespace

TEST_CASE("two points against two have the closed form of POT's manual") {
    const matrix<double> c(2, 2, std::vector<double>{0, 1, 1, 0});
    const weights half{0.5, 0.5};
    const auto one = solve(c, half, half, {.epsilon = 1});
    CHECK(one.converged);
    CHECK(one.transport_cost == Approx(.26894142136999516).margin(1e-12));
    CHECK(one.entropic_cost_shannon == Approx(-1.006408868078).margin(1e-11));
    CHECK(one.entropic_cost == Approx(.379885493042).margin(1e-11));
    CHECK(one.lower <= 0);
    CHECK(one.upper >= 0);
    CHECK(std::abs(one.lower) < 1e-14);
    CHECK(solve(c, half, half, {.epsilon = 0.1}).transport_cost == Approx(4.539786870243e-05).epsilon(1e-9));
    for (const double eps : {0.3, 2.0, 50.0})
        CHECK(solve(c, half, half, {.epsilon = eps}).transport_cost == Approx(1 / (1 + std::exp(1 / eps))));
}

TEST_CASE("three points against two under the cosine, uniform weights: the fact sheet's values") {
    const auto c = fact_sheet_cost();
    const weights a(3, 1.0 / 3), b(2, 0.5);
    const struct {
        double epsilon, cost, kl;
    } expected[] = {
        {1, .838029715300, .915561112481}, {.1, .667217135765, .712781880694}, {.01, .666666666667, .671287647870}};
    for (const auto& e : expected) {
        const auto r = solve(c, a, b, {.epsilon = e.epsilon});
        CHECK(r.converged);
        CHECK(r.status == status::certified);
        CHECK(r.transport_cost == Approx(e.cost).margin(1e-10));
        CHECK(r.entropic_cost == Approx(e.kl).margin(1e-10));
        CHECK(r.lower <= .666666666667);
        CHECK(r.upper >= .666666666666);
    }
}

TEST_CASE("three points against two under the cosine, unequal weights: the fact sheet's values") {
    const auto c = fact_sheet_cost();
    const weights a{.5, .25, .25}, b{.75, .25};
    CHECK(solve(c, a, b, {.epsilon = 1}).transport_cost == Approx(.529018325082).margin(1e-10));
    const auto r = solve(c, a, b, {.epsilon = .1, .tolerance = 1e-12, .max_iterations = 50000});
    CHECK(r.converged);
    CHECK(r.transport_cost == Approx(.323524897413).margin(1e-10));
    CHECK(r.entropic_cost == Approx(.379414249736).margin(1e-10));
}

TEST_CASE("the slow case of the fact sheet does not converge, and says so") {
    const auto c = fact_sheet_cost();
    const weights a{.5, .25, .25}, b{.75, .25};
    const auto r =
        solve(c, a, b, {.epsilon = .01, .max_iterations = 200, .annealing = false, .over_relaxation = false});
    CHECK_FALSE(r.converged);
    CHECK(r.status == status::not_converged);
    CHECK(r.residual > 1e-9);
    CHECK(r.iterations >= 200);
    CHECK(r.lower <= .3232233048);
    CHECK(r.upper >= .3232233047);
}

TEST_CASE("a cloud against itself: the entropic values are not zero, which debiasing repairs") {
    const weights a(3, 1.0 / 3), b(2, 0.5);
    const matrix<double> y(2, 2, std::vector<double>{1, 0, -1, 0});
    const auto self = solve(fact_sheet_cost(true), a, a, {.epsilon = .1, .tolerance = 1e-13});
    CHECK(self.transport_cost == Approx(.019347548538).margin(1e-10));
    CHECK(self.entropic_cost_shannon == Approx(-.116719238465).margin(1e-10));
    CHECK(self.entropic_cost == Approx(.103003219269).margin(1e-10));
    const auto other = solve(transport::cost_matrix(y, y), b, b, {.epsilon = .1, .tolerance = 1e-13});
    CHECK(other.entropic_cost == Approx(.069314717850).margin(1e-10));
    const auto cross = solve(fact_sheet_cost(), a, b, {.epsilon = .1, .tolerance = 1e-13});
    CHECK(transport::debiased(cross, self, other) == Approx(.626622912135).margin(1e-10));
    const weights wa{.5, .25, .25}, wb{.75, .25};
    const auto cross2 = solve(fact_sheet_cost(), wa, wb, {.epsilon = .1, .tolerance = 1e-12, .max_iterations = 50000});
    const auto self2 = solve(fact_sheet_cost(true), wa, wa, {.epsilon = .1, .tolerance = 1e-12});
    const auto other2 = solve(transport::cost_matrix(y, y), wb, wb, {.epsilon = .1, .tolerance = 1e-12});
    CHECK(self2.entropic_cost == Approx(.097782645575).margin(1e-10));
    CHECK(other2.entropic_cost == Approx(.056233514256).margin(1e-10));
    CHECK(transport::debiased(cross2, self2, other2) == Approx(.302406169821).margin(1e-10));
    CHECK(transport::debiased(self, self, self) == 0);
    CHECK_REFUSES(transport::debiased(cross, self, solve(transport::cost_matrix(y, y), b, b, {.epsilon = .2})),
                  "transport::debiased: all three must end at one epsilon, they end at 0.1, 0.1 and 0.2");
}

TEST_CASE("one point against many: the plan is the weights at every epsilon") {
    const matrix<double> c(1, 4, std::vector<double>{1, 2, 3, 10});
    const weights a{1}, b{0.4, 0.3, 0.2, 0.1};
    for (const double eps : {1e-4, 0.1, 1e3}) {
        const auto r = solve(c, a, b, {.epsilon = eps});
        CHECK(r.transport_cost == Approx(2.6));
        CHECK(r.lower == Approx(2.6));
        CHECK(r.upper == Approx(2.6));
        CHECK(r.status == status::exact);
    }
}

TEST_CASE("shifting and scaling the costs shifts and scales the value, with epsilon in proportion") {
    philox g{31};
    matrix<double> c(12, 9), d(12, 9);
    for (double& v : c.values()) v = holdfast::uniform(g);
    for (std::size_t k = 0; k < c.size(); ++k) d.values()[k] = 7 * c.values()[k] - 3;
    const weights a = random_weights(12, g), b = random_weights(9, g);
    const auto r = solve(c, a, b, {.epsilon = 0.05}), s = solve(d, a, b, {.epsilon = 0.35});
    CHECK(s.entropic_cost == Approx(7 * r.entropic_cost - 3).epsilon(1e-9));
    CHECK(s.lower == Approx(7 * r.lower - 3).epsilon(1e-9));
    CHECK(s.upper == Approx(7 * r.upper - 3).epsilon(1e-9));
    // Chosen from the deviation of the costs, epsilon follows by itself.
    CHECK(solve(d, a, b, {}).epsilon == Approx(7 * solve(c, a, b, {}).epsilon));
}

TEST_CASE("splitting an atom in two changes nothing") {
    philox g{32};
    matrix<double> c(5, 6), d(6, 6);
    for (double& v : c.values()) v = holdfast::uniform(g);
    for (std::size_t i = 0; i < 6; ++i)
        for (std::size_t j = 0; j < 6; ++j) d(i, j) = c(std::min<std::size_t>(i, 4), j);
    const weights a = random_weights(5, g), b = random_weights(6, g);
    weights split = a;
    split[4] /= 2;
    split.push_back(split[4]);
    const auto r = solve(c, a, b, {.epsilon = 0.1}), s = solve(d, split, b, {.epsilon = 0.1});
    CHECK(s.transport_cost == Approx(r.transport_cost).epsilon(1e-8));
    CHECK(s.entropic_cost == Approx(r.entropic_cost).epsilon(1e-8));
    CHECK(transport::exact(d, split, b).value == Approx(transport::exact(c, a, b).value).epsilon(1e-12));
}

TEST_CASE("the exact value lies within the bounds: sizes, weights, ties and epsilon over fifteen decades") {
    philox g{33};
    int certified = 0;
    for (int k = 0; k < 400; ++k) {
        const std::size_t n = 1 + holdfast::uniform_index(g, 60), m = 1 + holdfast::uniform_index(g, 60);
        matrix<double> c(n, m);
        matrix<float> single(n, m);
        for (std::size_t t = 0; t < c.size(); ++t) {
            const double u = holdfast::uniform(g);
            const int kind = k % 4;
            c.values()[t] = kind == 0 ? u : kind == 1 ? std::floor(3 * u) : kind == 2 ? 0.7 : std::pow(10, 6 * u - 3);
            single.values()[t] = float(c.values()[t]);
            c.values()[t] = double(single.values()[t]);  // the same problem in both precisions
        }
        const weights a = random_weights(n, g), b = random_weights(m, g);
        const auto exact = transport::exact(c, a, b);
        const double eps = std::pow(10, 15 * holdfast::uniform(g) - 10);
        INFO("case " << k << ": " << n << " x " << m << ", epsilon " << eps);
        const transport::sinkhorn_options options{.epsilon = eps, .max_iterations = 60};
        const auto look = [&](const transport::sinkhorn_result& r) {
            REQUIRE(std::isfinite(r.transport_cost));
            REQUIRE(std::isfinite(r.residual));
            REQUIRE(r.lower <= exact.upper + 1e-15);
            REQUIRE(exact.lower <= r.upper + 1e-15);
            REQUIRE(r.converged == (r.residual <= 1e-9 || r.status != status::not_converged));
        };
        look(solve(c, a, b, options));
        transport::simd_engine<double> fast(c.view(), a, b);
        look(transport::sinkhorn(fast, options));
        transport::simd_engine<float> faster(single.view(), a, b);
        const auto f = transport::sinkhorn(faster, options);
        REQUIRE(f.lower <= exact.upper + 1e-15);
        REQUIRE(exact.lower <= f.upper + 1e-15);
        const auto asked = transport::sinkhorn(fast, {.max_iterations = 3000, .relative_gap = 0.05});
        REQUIRE(asked.lower <= exact.upper + 1e-15);
        REQUIRE(exact.lower <= asked.upper + 1e-15);
        if (k % 4 == 0 || k % 4 == 2) {  // costs of one scale: no reason not to get there
            INFO("asked " << asked.lower << " " << asked.upper << " for " << exact.value);
            REQUIRE(asked.status != status::not_converged);
        }
        if (asked.status != status::not_converged) {
            ++certified;
            REQUIRE(asked.upper - asked.lower <= 0.05 * asked.lower + 1e-12);
        }
    }
    CHECK(certified > 240);
}

TEST_CASE("around a thousand points nothing special happens") {
    philox g{34};
    for (const std::size_t n : {999u, 1000u, 1001u}) {
        matrix<double> x(n, 4), y(n, 4);
        for (double& v : x.values()) v = holdfast::normal(g);
        for (double& v : y.values()) v = holdfast::normal(g) + 0.5;
        const auto c = transport::cost_matrix(x, y, transport::squared_euclidean{});
        const weights w(n, 1 / double(n));
        transport::simd_engine<double> engine(c.view(), w, w);
        const auto r = transport::sinkhorn(engine, {.tolerance = 1e-6});
        CHECK(r.converged);
        const double exact = transport::exact(c, w, w).value;
        CHECK(r.lower <= exact);
        CHECK(exact <= r.upper);
        CHECK(r.lower > 0.97 * exact);
        CHECK(r.upper < 1.3 * exact);
        CHECK(r.transport_cost == Approx(r.upper).epsilon(1e-3));
    }
}

TEST_CASE("over-relaxation takes fewer iterations to the same place") {
    philox g{35};
    matrix<double> x(60, 3), y(60, 3);
    for (double& v : x.values()) v = holdfast::normal(g);
    for (double& v : y.values()) v = holdfast::normal(g) + 0.3;
    const auto c = transport::cost_matrix(x, y, transport::squared_euclidean{});
    const weights w(60, 1.0 / 60);
    const auto plain = solve(c, w, w, {.epsilon = 0.2, .over_relaxation = false});
    const auto fast = solve(c, w, w, {.epsilon = 0.2});
    CHECK(plain.converged);
    CHECK(fast.converged);
    CHECK(fast.iterations < plain.iterations / 4);
    CHECK(fast.entropic_cost == Approx(plain.entropic_cost).epsilon(1e-9));
}

TEST_CASE("a warm start from the answer is at the answer") {
    philox g{36};
    matrix<double> c(30, 20);
    for (double& v : c.values()) v = holdfast::uniform(g);
    const weights a = random_weights(30, g), b = random_weights(20, g);
    const auto cold = solve(c, a, b, {.epsilon = 0.05});
    weights f = cold.f, g2 = cold.g;
    for (double& v : f) v -= 1e5;  // only sums of f and g mean anything
    for (double& v : g2) v += 1e5;
    const auto warm = solve(c, a, b, {.epsilon = 0.05, .f = f, .g = g2});
    CHECK(warm.iterations < 6);
    CHECK(warm.entropic_cost == Approx(cold.entropic_cost).epsilon(1e-9));
}

TEST_CASE("costs of zero are transported for nothing") {
    const matrix<double> c(3, 4, 0.0);
    const auto r = solve(c, weights(3, 1.0 / 3), weights(4, 0.25), {});
    CHECK(r.value == 0);
    CHECK(r.upper == 0);
    CHECK(r.status == status::exact);
}

TEST_CASE("Sinkhorn says what is wrong with its input") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const matrix<double> c(2, 2, 1.0);
    const weights w{0.5, 0.5};
    CHECK_REFUSES(solve(c, w, w, {.epsilon = -1}), "transport::sinkhorn: epsilon must be positive and finite");
    CHECK_REFUSES(solve(c, w, w, {.epsilon = nan}), "it is nan");
    CHECK_REFUSES(solve(c, w, w, {.epsilon_scale = 0}), "epsilon_scale must be positive and finite, it is 0");
    CHECK_REFUSES(solve(c, w, w, {.tolerance = -1e-3}), "tolerance must not be negative, it is -0.001");
    CHECK_REFUSES(solve(c, w, w, {.relative_gap = nan}), "relative_gap must not be negative, it is nan");
    CHECK_REFUSES(solve(c, w, w, {.max_iterations = 0}), "max_iterations must be positive");
    CHECK_REFUSES(solve(c, w, w, {.check_every = 0}), "check_every must be positive");
    CHECK_REFUSES(solve(c, w, w, {.f = w}), "potentials to start from must be of sizes 2 and 2, got 2 and 0");
    CHECK_REFUSES(transport::plain_engine(matrix<double>().view(), {}, {}), "the cost must not be empty");
    CHECK_REFUSES(transport::plain_engine(c.view(), w, weights{1}), "needs as many weights, got 2 and 1");
    CHECK_REFUSES(transport::plain_engine(c.view(), w, weights{0.5, 0.43}), "weights must sum to 1, they sum to 0.93");
    CHECK_REFUSES(transport::plain_engine(c.view(), w, weights{0, 1}), "weights must be positive");
    const matrix<double> bad(2, 2, std::vector<double>{1, nan, 0, 0});
    CHECK_REFUSES(transport::plain_engine(bad.view(), w, w), "costs must be finite, entry (0, 1) is nan");
    CHECK_REFUSES(transport::simd_engine<double>(c.view().transposed(), w, w), "rows of the cost must be contiguous");
}
