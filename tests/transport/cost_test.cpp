#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/cost_table.hpp>
#include <holdfast/transport/detail/fixed16.hpp>
#include <holdfast/transport/detail/fixed_points.hpp>
#include <holdfast/transport/detail/precise.hpp>
#include <holdfast/transport/detail/pricing.hpp>
#include <holdfast/transport/detail/row_facts.hpp>
#include <holdfast/transport/detail/row_scaling.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
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

#if HOLDFAST_TRANSPORT_X86
namespace {

/// A function of one level, at each level of this machine.
template <class F>
void at_every_level(F f) {
    for (const auto level : {simd_level::baseline, simd_level::avx2, simd_level::avx512})
        if (level <= transport::detail::machine_level()) f(level);
}
#define HOLDFAST_AT(LEVEL, NAME) \
    ((LEVEL) == simd_level::avx512 ? NAME##_avx512 : (LEVEL) == simd_level::avx2 ? NAME##_avx2 : NAME##_baseline)

template <class Real>
void check_rows(holdfast::philox& g) {
    using facts = transport::detail::row_facts<Real>;
    using pricing = transport::detail::row_pricing<Real>;
    for (const std::size_t m : {1u, 7u, 8u, 15u, 16u, 17u, 100u, 256u}) {
        std::vector<Real> c(m), v(m), b(m);
        for (std::size_t j = 0; j < m; ++j) {
            c[j] = Real(holdfast::uniform(g) - 0.5);
            v[j] = Real(holdfast::uniform(g) - 0.5);
            b[j] = Real(holdfast::uniform(g));
        }
        Real least = c[0], greatest = c[0], reduced = c[0] - v[0], size = 0;
        double sum = 0, squares = 0;
        for (std::size_t j = 0; j < m; ++j) {
            least = std::min(least, c[j]);
            greatest = std::max(greatest, c[j]);
            reduced = std::min(reduced, c[j] - v[j]);
            size = std::max(size, std::abs(c[j]));
            sum += double(b[j]) * (double(c[j]) - 0.25);
            squares += double(b[j]) * (double(c[j]) - 0.25) * (double(c[j]) - 0.25);
        }
        at_every_level([&](simd_level level) {
            CHECK(HOLDFAST_AT(level, facts::finite)(c.data(), m));
            const auto of = HOLDFAST_AT(level, facts::moments)(c.data(), b.data(), Real(0.25), m);
            CHECK(of.least == least);
            CHECK(of.greatest == greatest);
            CHECK(of.sum == Approx(sum).margin(1e-5));
            CHECK(of.squares == Approx(squares).epsilon(1e-5));
            const auto extremes = HOLDFAST_AT(level, facts::extremes)(c.data(), m);
            CHECK(extremes.least == least);
            CHECK(extremes.greatest == greatest);
            CHECK(HOLDFAST_AT(level, pricing::least)(c.data(), v.data(), m) == reduced);
            CHECK(HOLDFAST_AT(level, pricing::largest)(c.data(), m) == size);
            auto low = v;
            HOLDFAST_AT(level, pricing::lower)(low.data(), c.data(), Real(0.25), m);
            for (std::size_t j = 0; j < m; ++j) REQUIRE(low[j] == std::min(v[j], c[j] - Real(0.25)));
            std::vector<std::uint32_t> expected;
            for (std::size_t j = 0; j < m; ++j)
                if (c[j] - v[j] <= Real(-0.6)) expected.push_back(static_cast<std::uint32_t>(j));
            std::vector<std::uint32_t> found(m + 16);
            found.resize(HOLDFAST_AT(level, pricing::some_below)(c.data(), v.data(), Real(-0.6), m, found.data()));
            CHECK(found == expected);
            found.assign(m + 16, 0);
            found.resize(pricing::below(c.data(), v.data(), Real(-0.6), m, found.data()));
            CHECK(found == expected);
            for (const std::size_t j : {std::size_t{0}, m / 2, m - 1})
                for (const Real bad : {std::numeric_limits<Real>::infinity(), std::numeric_limits<Real>::quiet_NaN()}) {
                    auto broken = c;
                    broken[j] = bad;
                    REQUIRE_FALSE(HOLDFAST_AT(level, facts::finite)(broken.data(), m));
                }
        });
    }
}

}  // namespace

TEST_CASE("what is true of a row is found at every level: extremes, sums, what is not finite, what is small enough") {
    holdfast::philox g{14};
    check_rows<float>(g);
    check_rows<double>(g);
}

TEST_CASE("a row in two bytes a cost comes back within what is said, at every level") {
    holdfast::philox g{15};
    using loops = transport::detail::fixed16_loops;
    for (const std::size_t m : {1u, 5u, 16u, 33u, 250u})
        for (const float scale : {1e-30F, 1e-3F, 1.0F, 1e30F}) {
            std::vector<float> c(m);
            for (float& x : c) x = scale * float(1 + holdfast::uniform(g));
            const float low = *std::min_element(c.begin(), c.end()), most = *std::max_element(c.begin(), c.end());
            const float step = std::max((most - low) / 65535, 1e-37F);
            std::vector<std::uint16_t> first(m);
            loops::encode_baseline(c.data(), low, step, 1 / step, first.data(), m);
            at_every_level([&](simd_level level) {
                std::vector<std::uint16_t> q(m);
                std::vector<float> back(m);
                const float worst = HOLDFAST_AT(level, loops::encode)(c.data(), low, step, 1 / step, q.data(), m);
                HOLDFAST_AT(level, loops::decode)(q.data(), step, low, back.data(), m);
                for (std::size_t j = 0; j < m; ++j) {
                    REQUIRE(std::abs(int(q[j]) - int(first[j])) <= 1);  // ties may round either way
                    REQUIRE(std::abs(double(back[j]) - double(c[j])) <= double(worst) + 2e-7 * double(most));
                }
                CHECK(double(worst) <= 0.51 * double(step) + 2e-7 * double(most));
            });
        }
    transport::detail::fixed16_rows equal(1, 9);
    const std::vector<float> same(9, 3.25F);
    equal.put(0, same.data(), 3.25F, 3.25F);
    for (std::size_t j = 0; j < 9; ++j) CHECK(equal.at(0, j) == 3.25F);
}

TEST_CASE("a single cost is precise at every level, from floats and doubles") {
    holdfast::philox g{16};
    for (const std::size_t d : {1u, 7u, 8u, 9u, 64u, 100u}) {
        const auto x = random_points<float>(1, d, g);
        const auto y = random_points<double>(1, d, g);
        long double expected = 0;
        for (std::size_t k = 0; k < d; ++k) {
            const long double t = (long double)(x(0, k)) * 0.3L - (long double)(y(0, k)) * 1.7L;
            expected += t * t;
        }
        using mixed = transport::detail::precise_distance<float, double>;
        at_every_level([&](simd_level level) {
            CHECK(HOLDFAST_AT(level, mixed::squared)(x.data(), 0.3, y.data(), 1.7, d) ==
                  Approx(double(expected)).epsilon(1e-14));
        });
    }
}
#endif

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

namespace {

/// Points that are there already, in whole numbers.
transport::detail::fixed_points whole(const transport::detail::aligned_rows<float>& points,
                                      std::span<const double> weights,
                                      transport::detail::fixed_level level = transport::detail::machine_fixed_level()) {
    return {points.rows(), points.cols(), weights,
            [&](std::size_t i, float* to) { std::copy_n(&points(i, 0), points.cols(), to); }, level};
}

/// What this machine can multiply whole numbers with.
template <class F>
void at_every_fixed_level(F f) {
    using transport::detail::fixed_level;
    for (const auto level : {fixed_level::baseline, fixed_level::avx2, fixed_level::vnni, fixed_level::tiles})
        if (level <= transport::detail::machine_fixed_level()) f(level);
}

}  // namespace

TEST_CASE("points are made ready the same whichever way they lie, and at every width") {
    using transport::detail::row_scaling;
    holdfast::philox g{182};
    for (const std::size_t d : {1u, 7u, 31u, 32u, 33u, 100u, 384u}) {
        const std::size_t n = 5;
        auto x = random_points<float>(n, d, g);
        std::vector<float> columns(n * d);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < d; ++k) columns[k * n + i] = x(i, k);
        const holdfast::matrix_view<const float> turned(columns.data(), n, d, 1, std::ptrdiff_t(n));
        const auto ready = transport::prepare<float>(x, transport::cosine{}),
                   same = transport::prepare<float>(turned, transport::cosine{});
        CHECK(ready.factor == same.factor);
        for (std::size_t i = 0; i < n; ++i) {
            long double square = 0;
            for (std::size_t k = 0; k < d; ++k) square += static_cast<long double>(x(i, k)) * x(i, k);
            CHECK(ready.factor[i] == Approx(double(1 / std::sqrt(square))).epsilon(1e-15));
            for (std::size_t k = 0; k < d; ++k) {
                REQUIRE(ready.points(i, k) == float(double(x(i, k)) * ready.factor[i]));
                REQUIRE(ready.points(i, k) == same.points(i, k));
            }
            for (std::size_t k = d; k < ready.points.stride(); ++k) REQUIRE(ready.points(i, k) == 0);
#if HOLDFAST_TRANSPORT_X86
            at_every_level([&](simd_level level) {
                using scaling = row_scaling<float, float>;
                CHECK(HOLDFAST_AT(level, scaling::square)(&x(i, 0), d) == Approx(double(square)).epsilon(1e-15));
                std::vector<float> to(d);
                HOLDFAST_AT(level, scaling::scale)(&x(i, 0), 0.3, d, to.data());
                for (std::size_t k = 0; k < d; ++k) REQUIRE(to[k] == float(double(x(i, k)) * 0.3));
            });
            if (transport::detail::machine_level() == simd_level::avx512)
                CHECK(row_scaling<float, float>::square_avx512(&x(i, 0), d) ==
                      row_scaling<float, float>::square_avx2(&x(i, 0), d));
#endif
        }
    }
}

TEST_CASE("unit vectors in whole numbers: exact integers at every level, near the true costs, zero for equal points") {
    using namespace transport::detail;
    using transport::storage;
    holdfast::philox g{181};
    for (const std::size_t d : {1u, 2u, 33u, 100u, 512u}) {
        const std::size_t n = 37, m = 50;
        matrix<double> x(n, d), y(m, d);
        for (matrix<double>* p : {&x, &y})
            for (double& v : p->values()) v = holdfast::normal(g);
        std::copy_n(x.row(3).begin(), d, y.row(5).begin());
        for (std::size_t k = 0; k < d; ++k) x(7, k) = k == 0 ? -2.0 : 0.0, y(9, k) = k == 0 ? 1e-3 : 0.0;  // antipodal
        const std::vector<double> a(n, 1.0 / double(n)), b(m, 1.0 / double(m));
        const auto px = transport::prepare<float>(x, transport::cosine{}),
                   py = transport::prepare<float>(y, transport::cosine{});
        const auto exact = transport::cost_matrix<double>(x, y);
        const fixed_points fx = whole(px.points, a), fy = whole(py.points, b);
        const double moved = fx.largest_move() + fy.largest_move();
        CHECK(fx.mean_move() <= fx.largest_move());
        CHECK(moved < 2 * (0.51 * std::sqrt(double(d)) / fixed_one + 1e-7));
        aligned_rows<float> c(n, m);
        at_every_fixed_level([&](fixed_level level) {
            const fixed_points lx = whole(px.points, a, level), ly = whole(py.points, b, level);
            for (std::size_t i = 0; i < n; i += 16)  // by panels, and by parts of one
                if (i == 16)
                    for (std::size_t k = i; k < i + 16; k += 5)
                        fixed_costs(lx, ly, k, std::min(i + 16, k + 5), &c(k, 0), c.stride());
                else
                    fixed_costs(lx, ly, i, std::min(n, i + 16), &c(i, 0), c.stride());
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t j = 0; j < m; ++j) {
                    REQUIRE(c(i, j) == fixed_cost(lx, i, ly, j));
                    REQUIRE(c(i, j) == fixed_cost(fx, i, fy, j));
                    REQUIRE(std::abs(double(c(i, j)) - exact(i, j)) <= moved_bound(exact(i, j), moved));
                }
            CHECK(c(3, 5) == 0);
            CHECK(c(7, 9) == Approx(2).epsilon(1e-4));
        });
        // The same costs in every storage, and each cost alone as it is in its row.
        for (const auto how : {storage::float32, storage::fixed16, storage::streamed}) {
            const transport::cost_table table(fx, fy, how, 1 << 20);
            auto read = table.read();
            for (std::size_t i = 0; i < n; ++i) {
                const float* row = read.row(i);
                double least = 9;
                for (std::size_t j = 0; j < m; ++j) {
                    REQUIRE(row[j] == table.at(i, j));
                    REQUIRE(std::abs(double(row[j]) - double(c(i, j))) <= table.quantisation(i) + 1e-7);
                    least = std::min(least, double(c(i, j)));
                }
                REQUIRE(table.least(i) == least);
            }
        }
    }
}

TEST_CASE(
    "products of whole numbers are the same bits at every level: extremes, ends of panels, long points, threads") {
    using namespace transport::detail;
    holdfast::philox g{191};
    struct shape {
        std::size_t n, m, d;
    };
    for (const shape s : {shape{1, 1, 32}, shape{16, 16, 64}, shape{17, 33, 65}, shape{130, 70, 384},
                          shape{67, 129, 1000}, shape{15, 31, 4099}}) {
        aligned_rows<float> x(s.n, s.d), y(s.m, s.d);
        for (aligned_rows<float>* p : {&x, &y}) {
            std::fill(p->data(), p->data() + p->rows() * p->stride(), 0.0F);
            for (std::size_t i = 0; i < p->rows(); ++i) {
                const auto row = p->row(i);
                const std::size_t kind = i % 5;
                double length = 0;
                for (float& v : row) {  // ordinary ones, corners of a cube, low bytes 255 and high bytes -1 all along
                    v = float(holdfast::normal(g));
                    if (kind == 2) v = v < 0 ? -1.0F : 1.0F;
                    if (kind > 2) v = kind == 3 ? 255.0F / 32000 : -1.0F / 32000;
                    length += double(v) * double(v);
                }
                if (kind < 3)
                    for (float& v : row) v = float(double(v) / std::sqrt(length));
                else if (length < 0.9)
                    row[i % s.d] = float((kind == 3 ? 1 : -1) * std::sqrt(1 - length));
            }
        }
        const std::vector<double> a(s.n, 1.0 / double(s.n)), b(s.m, 1.0 / double(s.m));
        const fixed_points bx = whole(x, a, fixed_level::baseline), by = whole(y, b, fixed_level::baseline);
        aligned_rows<float> expected(s.n, s.m);
        fixed_costs(bx, by, 0, s.n, expected.data(), expected.stride());
        at_every_fixed_level([&](fixed_level level) {
            const fixed_points fx = whole(x, a, level), fy = whole(y, b, level);
            REQUIRE(fx.largest_move() == bx.largest_move());
            for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{16}, std::size_t{64}, s.n}) {
                aligned_rows<float> c(s.n, s.m);
                for (std::size_t i = 0; i < s.n; i += step)
                    fixed_costs(fx, fy, i, std::min(s.n, i + step), &c(i, 0), c.stride());
                for (std::size_t i = 0; i < s.n; ++i)
                    REQUIRE(std::equal(c.row(i).begin(), c.row(i).end(), expected.row(i).begin()));
            }
            for (const unsigned threads : {1u, 2u, 3u}) {
                holdfast::set_threads(threads);
                const transport::cost_table table(fx, fy, transport::storage::float32, 1 << 20);
                auto read = table.read();
                for (std::size_t i = 0; i < s.n; ++i)
                    REQUIRE(std::equal(expected.row(i).begin(), expected.row(i).end(), read.row(i)));
            }
            holdfast::set_threads(0);
        });
    }
}
