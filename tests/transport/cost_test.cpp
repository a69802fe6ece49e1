#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/cost.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;
using transport::detail::simd_level;

namespace {

template <class Real>
matrix<Real> random_points(std::size_t n, std::size_t d, holdfast::philox& g) {
    matrix<Real> x(n, d);
    for (Real& v : x.values()) v = Real(holdfast::normal(g));
    return x;
}

}  // namespace

TEST_CASE("cosine costs of three points and two are those of the fact sheet") {
    const matrix<double> a(3, 2, std::vector<double>{1, 0, 0, 1, 1, 1}), b(2, 2, std::vector<double>{1, 0, -1, 0});
    const auto c = transport::cost_matrix(a, b);
    const double expected[] = {0, 2, 1, 1, .292893218813, 1.707106781187};
    for (std::size_t k = 0; k < 6; ++k) CHECK(c.values()[k] == Approx(expected[k]).margin(1e-12));
}

TEST_CASE("costs equal their definitions in long double, at every level and shape") {
    holdfast::philox g{11};
    for (const std::size_t d : {1u, 2u, 7u, 8u, 16u, 17u, 33u, 384u}) {
        const std::size_t n = 1 + d % 7, m = 9;
        const auto x = random_points<double>(n, d, g), y = random_points<double>(m, d, g);
        for (int kind = 0; kind < 3; ++kind) {
            const transport::ground_cost cost = kind == 0   ? transport::ground_cost(transport::cosine{})
                                                : kind == 1 ? transport::ground_cost(transport::squared_euclidean{})
                                                            : transport::ground_cost(transport::euclidean{});
            const auto c = transport::cost_matrix<double>(x, y, cost);
            const auto f = transport::cost_matrix<float>(x, y, cost);
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t j = 0; j < m; ++j) {
                    long double xy = 0, xx = 0, yy = 0, s = 0;
                    for (std::size_t k = 0; k < d; ++k) {
                        const long double p = x(i, k), q = y(j, k);
                        xy += p * q, xx += p * p, yy += q * q, s += (p - q) * (p - q);
                    }
                    const long double expected = kind == 0 ? 1 - xy / std::sqrt(xx * yy) : kind == 1 ? s : std::sqrt(s);
                    REQUIRE(std::abs(c(i, j) - double(expected)) <= 1e-13 * (1 + double(expected)));
                    const double bound = transport::rounding_bound<float>(
                        cost, c(i, j), d, kind == 0 ? 1 : 10 * std::sqrt(double(d)), true);
                    REQUIRE(std::abs(double(f(i, j)) - c(i, j)) <= bound);
                }
        }
    }
}

TEST_CASE("distances have the same bits for any number of threads, and on both vector widths with FMA") {
    holdfast::philox g{12};
    const auto x = transport::prepare<float>(random_points<float>(101, 100, g), transport::cosine{});
    const auto y = transport::prepare<float>(random_points<float>(37, 100, g), transport::cosine{});
    const auto at = [&](simd_level level) {
        matrix<float> c(101, 37);
        transport::detail::all_distances(
            x.points, y.points, c.data(), c.cols(), 1.0F, [](float*, std::size_t) {}, level);
        return c;
    };
    const auto machine = transport::detail::machine_level();
    const auto best = at(machine);
    for (const unsigned t : {1u, 2u, 3u, 5u}) {
        holdfast::set_threads(t);
        CHECK(at(machine) == best);
    }
    holdfast::set_threads(0);
    if (machine == simd_level::avx512) CHECK(at(simd_level::avx2) == best);
    const auto plain = at(simd_level::baseline);
    for (std::size_t k = 0; k < best.size(); ++k) CHECK(plain.values()[k] == Approx(best.values()[k]).epsilon(1e-5));
}

TEST_CASE("equal points cost exactly nothing, near ones keep their relative accuracy") {
    holdfast::philox g{13};
    auto x = random_points<float>(20, 50, g);
    for (const auto& cost :
         {transport::ground_cost(transport::cosine{}), transport::ground_cost(transport::squared_euclidean{}),
          transport::ground_cost(transport::euclidean{})}) {
        const auto c = transport::cost_matrix<float>(x, x, cost);
        for (std::size_t i = 0; i < 20; ++i) CHECK(c(i, i) == 0);
    }
    const matrix<double> p(1, 2, std::vector<double>{1e6, 1}), q(1, 2, std::vector<double>{1e6, 1 + 1e-7});
    CHECK(transport::cost_matrix(p, q, transport::squared_euclidean{})(0, 0) == Approx(1e-14).epsilon(1e-6));
}

TEST_CASE("cosine does not see the length of vectors, however great or small") {
    const matrix<double> p(2, 2, std::vector<double>{3e200, 4e200, 3e-200, 4e-200});
    const matrix<double> q(1, 2, std::vector<double>{4, 3});
    const auto c = transport::cost_matrix(p, q);
    CHECK(c(0, 0) == Approx(0.04));
    CHECK(c(1, 0) == Approx(0.04));
}

TEST_CASE("a function of two spans is a cost") {
    const matrix<float> a(2, 2, std::vector<float>{0, 0, 1, 2}), b(1, 2, std::vector<float>{3, 4});
    const transport::ground_cost manhattan = [](std::span<const double> x, std::span<const double> y) {
        return std::abs(x[0] - y[0]) + std::abs(x[1] - y[1]);
    };
    CHECK(transport::cost_matrix(a, b, manhattan).values() == std::vector<double>{7, 4});
}

TEST_CASE("costs say what is wrong with their input") {
    const matrix<double> a(2, 2, std::vector<double>{1, 0, 0, 0}), b(1, 3, 1.0), c(1, 2, 1.0);
    CHECK_REFUSES(transport::cost_matrix(a, c), "transport::cosine: a zero vector has no direction, point 1 is zero");
    CHECK_REFUSES(transport::cost_matrix(c, b), "points must have one dimension, they have 2 and 3");
    const matrix<double> huge(1, 2, 1e200), tiny(1, 2, -1e200);
    CHECK_REFUSES(transport::cost_matrix(huge, tiny, transport::squared_euclidean{}),
                  "costs must be finite, entry (0, 0) is inf");
    const auto broken = [](std::span<const double>, std::span<const double>) {
        return std::numeric_limits<double>::quiet_NaN();
    };
    CHECK_REFUSES(transport::cost_matrix(c, c, broken), "entry (0, 0) is nan");
    CHECK_REFUSES(transport::detail::room_for_costs<double>(std::size_t{1} << 30, std::size_t{1} << 30),
                  "costs of 1073741824 x 1073741824 points need 9.22337204e+09 GB, more than there is");
    CHECK(std::isnan(transport::rounding_bound<float>(broken, 1, 2, 1, true)));
}
