#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/gaussian.hpp>
#include <holdfast/transport/line.hpp>
#include <holdfast/transport/sinkhorn.hpp>
#include <holdfast/transport/sliced.hpp>
#include <holdfast/transport/wasserstein.hpp>

#include <cmath>
#include <numeric>
#include <vector>

#include "support/test.hpp"
#include "transport/waves.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;
using holdfast::philox;
using holdfast_test::wave_weights;
using holdfast_test::waves;

namespace {

using numbers = std::vector<double>;

matrix<double> random_covariance(std::size_t d, philox& g) {
    matrix<double> root(d, d), s(d, d, 0.0);
    for (double& x : root.values()) x = holdfast::normal(g);
    for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j < d; ++j)
            for (std::size_t k = 0; k < d; ++k) s(i, j) += root(i, k) * root(j, k);
    return s;
}

/// Mean and covariance of the rows, each of the same weight.
transport::gaussian with_more(const matrix<double>& x, double more) {
    auto g = transport::gaussian_of(transport::measure(x));
    for (std::size_t k = 0; k < x.cols(); ++k) g.covariance(k, k) += more;
    return g;
}

}  // namespace

TEST_CASE("Gaussians have the distance and the map of POT") {
    // mean and biased covariance of the points, plus 0.1 and 0.2 on the diagonal
    const auto a = with_more(waves(6, 3, 0), .1), b = with_more(waves(5, 3, 0.5), .2);
    CHECK(transport::gaussian_wasserstein(a, b) == Approx(0.27901664766436957).epsilon(1e-12));
    const auto map = transport::gaussian_map(a, b);
    const numbers expected{1.5201437365321662,   0.018357807018981532, -0.078250189966279,
                           0.018357807018981192, 1.2259303965127477,   -0.3022520134129756,
                           -0.07825018996627925, -0.3022520134129749,  1.0367268037556818};
    for (std::size_t k = 0; k < 9; ++k) CHECK(map.values()[k] == Approx(expected[k]).epsilon(1e-11));
}

TEST_CASE("Gaussians: commuting covariances in closed form, self zero, and the map carries one onto the other") {
    const transport::gaussian a{{0, 0}, matrix<double>(2, 2, numbers{4, 0, 0, 9})},
        b{{3, 4}, matrix<double>(2, 2, numbers{1, 0, 0, 16})};
    CHECK(transport::gaussian_wasserstein(a, b) == Approx(25 + 1 + 1));  // Σ (sqrt - sqrt)²
    philox g{93};
    for (int k = 0; k < 20; ++k) {
        const std::size_t d = 1 + std::size_t(k % 5);
        const transport::gaussian x{numbers(d, 1.0), random_covariance(d, g)},
            y{numbers(d, -0.5), random_covariance(d, g)};
        CHECK(transport::gaussian_wasserstein(x, x) == Approx(0).margin(1e-7));  // roots of eigenvalues near 0
        CHECK(transport::gaussian_wasserstein(x, y) == Approx(transport::gaussian_wasserstein(y, x)));
        const auto t = transport::gaussian_map(x, y);
        double error = 0, cost = 2.25 * double(d);  // E |x − T x|²: tr A + tr B − 2 tr(T A)
        for (std::size_t i = 0; i < d; ++i)
            for (std::size_t j = 0; j < d; ++j) {
                double carried = 0;
                for (std::size_t p = 0; p < d; ++p)
                    for (std::size_t q = 0; q < d; ++q) carried += t(i, p) * x.covariance(p, q) * t(q, j);
                error = std::max(error, std::abs(carried - y.covariance(i, j)));
                cost -= 2 * t(i, j) * x.covariance(j, i);
                if (i == j) cost += x.covariance(i, i) + y.covariance(i, i);
            }
        CHECK(error < 1e-8 * (1 + cost));
        CHECK(cost == Approx(transport::gaussian_wasserstein(x, y)).epsilon(1e-8));
    }
    const transport::gaussian flat{{0, 0}, matrix<double>(2, 2, numbers{1, 1, 1, 1})};  // no inverse
    CHECK(transport::gaussian_wasserstein(flat, flat) == Approx(0).margin(1e-7));
    CHECK_REFUSES(transport::gaussian_map(flat, a), "the first covariance must have an inverse");
}

TEST_CASE("Gaussians of the same moments are never further apart than the clouds") {
    philox g{94};
    for (int k = 0; k < 20; ++k) {
        matrix<double> x(12, 3), y(9, 3);
        for (double& v : x.values()) v = std::exp(holdfast::normal(g));
        for (double& v : y.values()) v = holdfast::normal(g);
        const auto a = transport::measure(x, wave_weights(12, k)), b = transport::measure(y, wave_weights(9, 2 * k));
        const double w =
            transport::wasserstein(a, b, {.cost = transport::squared_euclidean{}, .relative_gap = 0}).value;
        CHECK(transport::gaussian_wasserstein(transport::gaussian_of(a), transport::gaussian_of(b)) <= w * (1 + 1e-12));
        auto moved = x;  // a map that is linear and symmetric is optimal: then they are equal
        for (std::size_t i = 0; i < 12; ++i)
            for (std::size_t c = 0; c < 3; ++c) moved(i, c) = 2 * x(i, c) + 0.5 * (x(i, 0) + x(i, 1) + x(i, 2)) + 1;
        const auto m = transport::measure(moved, wave_weights(12, k));
        CHECK(transport::gaussian_wasserstein(transport::gaussian_of(a), transport::gaussian_of(m)) ==
              Approx(transport::wasserstein(a, m, {.cost = transport::squared_euclidean{}, .relative_gap = 0}).value)
                  .epsilon(1e-8));
    }
}

TEST_CASE("the entropic cost between Gaussians is Sinkhorn's on a fine grid, and the distance where epsilon vanishes") {
    const std::size_t n = 161;
    matrix<double> z(n, 1);
    const auto bell = [&](double mean, double variance) {
        numbers w(n);
        for (std::size_t i = 0; i < n; ++i) w[i] = std::exp(-std::pow(z(i, 0) - mean, 2) / (2 * variance));
        return holdfast_test::times(1 / std::accumulate(w.begin(), w.end(), 0.0), w);
    };
    for (std::size_t i = 0; i < n; ++i) z(i, 0) = -8 + 0.1 * double(i);
    const numbers a = bell(-0.5, 0.8), b = bell(1, 1.5);
    const auto c = transport::cost_matrix(z, z, transport::squared_euclidean{});
    transport::plain_engine engine(c.view(), a, b);
    const transport::gaussian p{{-0.5}, matrix<double>(1, 1, 0.8)}, q{{1.0}, matrix<double>(1, 1, 1.5)};
    for (const double epsilon : {1.0, 4.0})
        CHECK(transport::gaussian_entropic_cost(p, q, epsilon) ==
              Approx(transport::sinkhorn(engine, {.epsilon = epsilon}).entropic_cost).epsilon(1e-6));
    CHECK(transport::gaussian_entropic_cost(p, q, 1e-9) == Approx(transport::gaussian_wasserstein(p, q)).epsilon(1e-6));
    // epsilon to infinity: the product plan
    CHECK(transport::gaussian_entropic_cost(p, q, 1e9) == Approx(2.25 + 0.8 + 1.5).epsilon(1e-6));
}

TEST_CASE("sliced has the values of POT along the same directions") {
    const auto a = transport::measure(waves(6, 3, 0), wave_weights(6, 0));
    const auto b = transport::measure(waves(5, 3, 0.5), wave_weights(5, 1));
    const matrix<double> along(5, 3, numbers{1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, -2, .5});
    const double mean[] = {0.27724615554180215, 0.24199856292081007, 0.38622527821933206};
    const double most[] = {0.4149888092940675, 0.5146329278889455, 1.2162734790242469};
    for (int p = 1; p <= 3; ++p) {
        const auto s = transport::sliced(a, b, along, p);
        CHECK(s.value == Approx(mean[p - 1]).epsilon(1e-12));
        CHECK(s.largest == Approx(most[p - 1]).epsilon(1e-12));
        CHECK(s.projections == 5);
    }
}

TEST_CASE("sliced: translations, the line, bounds, the same bits for any number of threads") {
    const auto x = waves(40, 4, 0);
    auto moved = x;
    for (std::size_t i = 0; i < 40; ++i)
        for (std::size_t k = 0; k < 4; ++k) moved(i, k) += double(k) - 1;  // |t|² = 1 + 0 + 1 + 4
    const auto a = transport::measure(x), b = transport::measure(moved);
    const transport::sliced_options many{.projections = 4000};
    const auto s = transport::sliced(a, b, many);
    CHECK(std::abs(s.value - 6.0 / 4) < 5 * s.standard_error);
    CHECK(s.standard_error < 0.05);
    CHECK(s.largest <= 6 + 1e-12);
    CHECK(s.largest > 5);
    holdfast::set_threads(3);
    CHECK(transport::sliced(a, b, many).value == s.value);
    holdfast::set_threads(0);
    CHECK(transport::sliced(a, b, {.seed = 2}).value != transport::sliced(a, b, {.seed = 1}).value);
    CHECK(transport::sliced(a, a).value == 0);
    const auto line_a = transport::measure(waves(9, 1, 0)), line_b = transport::measure(waves(7, 1, 2));
    CHECK(transport::sliced(line_a, line_b, {.projections = 3, .power = 1}).value ==
          Approx(transport::wasserstein_on_line(line_a.points.values(), {}, line_b.points.values(), {}, 1)));
    CHECK(std::isnan(transport::sliced(line_a, line_b, {.projections = 1}).standard_error));
    const auto c = transport::measure(waves(30, 4, 0.7));
    const auto w = transport::wasserstein(a, c, {.cost = transport::squared_euclidean{}, .relative_gap = 0});
    CHECK(transport::sliced(a, c).value <= w.value / 4 + 5 * transport::sliced(a, c).standard_error);
    CHECK(transport::sliced(a, c).largest <= w.value);
}

TEST_CASE("gaussian and sliced say what is wrong with their input") {
    const transport::gaussian a{{0, 0}, matrix<double>(2, 2, numbers{1, 0, 0, 1})}, one{{0}, matrix<double>(1, 1, 1.0)},
        skew{{0, 0}, matrix<double>(2, 2, numbers{1, .5, 0, 1})},
        saddle{{0, 0}, matrix<double>(2, 2, numbers{1, 2, 2, 1})}, torn{{0}, matrix<double>(2, 2, numbers{1, 0, 0, 1})},
        wide{{0, 0}, matrix<double>(2, 1, 1.0)};
    CHECK_REFUSES(transport::gaussian_wasserstein(a, one), "Gaussians must have one dimension, they have 2 and 1");
    CHECK_REFUSES(transport::gaussian_wasserstein(a, skew), "must be symmetric, entries differ by 0.5");
    CHECK_REFUSES(transport::gaussian_wasserstein(saddle, a), "must be positive semidefinite, an eigenvalue is -1");
    CHECK_REFUSES(transport::gaussian_wasserstein(torn, torn), "a mean of 1 needs a covariance of as many rows");
    CHECK_REFUSES(transport::gaussian_wasserstein(wide, a), "a covariance must be square, it is 2 x 1");
    CHECK_REFUSES(transport::gaussian_entropic_cost(a, a, 0), "epsilon must be positive");
    const auto x = transport::measure(waves(4, 3, 0)), y = transport::measure(waves(4, 2, 0));
    CHECK_REFUSES(transport::sliced(x, y), "points must have one dimension, they have 3 and 2");
    CHECK_REFUSES(transport::sliced(x, x, {.projections = 0}), "at least one direction is needed");
    CHECK_REFUSES(transport::sliced(x, x, {.power = 0.5}), "p must be finite and at least 1");
    CHECK_REFUSES(transport::sliced(x, x, matrix<double>(1, 2, 1.0)), "points and directions must have one dimension");
    CHECK_REFUSES(transport::sliced(x, x, matrix<double>(1, 3, 0.0)), "directions must be finite and not zero, 0");
    CHECK_REFUSES(transport::sliced(x, x, matrix<double>(0, 3)), "at least one direction is needed, got 0");
}
