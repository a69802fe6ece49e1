// Shortest augmenting paths, proved by what they leave: a plan of all mass, potentials that respect every cost, and no
// difference between the two beyond the costs' own precision. And what they stand on.
#include <holdfast/core/random.hpp>
#include <holdfast/transport/detail/augmenting_paths.hpp>
#include <holdfast/transport/detail/kept_blocks.hpp>
#include <holdfast/transport/detail/simplex_costs.hpp>
#include <holdfast/transport/exact.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include "support/test.hpp"

namespace transport = holdfast::transport;
namespace detail = holdfast::transport::detail;
using holdfast::matrix;
using holdfast::philox;

namespace {

template <class Real>
matrix<Real> random_costs(std::size_t n, std::size_t m, philox& g, bool ties) {
    matrix<Real> c(n, m);
    for (Real& x : c.values()) {
        const double u = holdfast::uniform(g);
        x = static_cast<Real>(ties ? std::floor(4 * u) : u);
    }
    return c;
}

/// Runs the paths from potentials near the optimum's and proves the end; says whether they went to the end.
template <class Real>
bool proved(const matrix<Real>& c, const std::vector<double>& a, const std::vector<double>& b) {
    const std::size_t n = c.rows(), m = c.cols();
    const std::int64_t unit = detail::mass_unit(a, b);
    const auto supply = detail::integer_masses(a, unit), demand = detail::integer_masses(b, unit);
    const auto optimum = transport::exact(c, a, b);
    std::vector<double> potential(n + m);
    for (std::size_t j = 0; j < m; ++j) potential[n + j] = optimum.g[j] + 1e-3 * double(j % 7);
    const detail::dense_costs<Real> costs{c.view()};
    detail::augmenting_paths<detail::dense_costs<Real>> paths(costs, supply, demand, potential);
    if (!paths.run()) return false;
    paths.potentials(potential);
    std::vector<std::int64_t> given(n, 0), taken(m, 0);
    double primal = 0, dual = 0;
    paths.each_flow([&](std::size_t i, std::size_t j, std::int64_t mass) {
        REQUIRE(mass > 0);
        given[i] += mass;
        taken[j] += mass;
        primal += double(mass) / double(unit) * double(c(i, j));
    });
    REQUIRE(given == supply);
    REQUIRE(taken == demand);
    for (std::size_t i = 0; i < n; ++i) dual += a[i] * potential[i];
    for (std::size_t j = 0; j < m; ++j) dual += b[j] * potential[n + j];
    const double precision = 100 * double(std::numeric_limits<Real>::epsilon()) * std::max(1.0, costs.largest());
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < m; ++j) REQUIRE(potential[i] + potential[n + j] <= double(c(i, j)) + precision);
    REQUIRE(std::abs(primal - dual) <= precision);
    REQUIRE(primal == Approx(optimum.value).margin(precision));
    return true;
}

}  // namespace

TEST_CASE("Augmenting paths end at an optimum that proves itself") {
    philox g{11};
    std::size_t went = 0;
    for (int round = 0; round < 200; ++round) {
        const std::size_t n = 1 + holdfast::uniform_index(g, 70);
        const bool ties = round % 3 == 0;
        const std::vector<double> w(n, 1 / double(n));
        if (round % 2 == 0)
            went += proved(random_costs<float>(n, n, g, ties), w, w);
        else
            went += proved(random_costs<double>(n, n, g, ties), w, w);
    }
    REQUIRE(went > 100);  // most find few sources waiting
}

TEST_CASE("Augmenting paths split masses, and go on from sink to sink") {
    philox g{12};
    std::size_t went = 0;
    for (int round = 0; round < 200; ++round) {
        const std::size_t n = 1 + holdfast::uniform_index(g, 40), m = 1 + holdfast::uniform_index(g, 40);
        std::vector<double> a(n), b(m);
        double sum_a = 0, sum_b = 0;
        for (double& x : a) sum_a += x = round % 2 ? holdfast::uniform(g) + 1e-3 : std::ceil(5 * holdfast::uniform(g));
        for (double& x : b) sum_b += x = round % 2 ? holdfast::uniform(g) + 1e-3 : std::ceil(5 * holdfast::uniform(g));
        for (double& x : a) x /= sum_a;
        for (double& x : b) x /= sum_b;
        went += proved(random_costs<double>(n, m, g, round % 3 == 0), a, b);
    }
    REQUIRE(went > 20);
}

TEST_CASE("A scan says the same at every width: of equals, the first") {
    philox g{13};
    for (std::size_t m = 1; m <= 70; ++m) {
        const std::size_t width = (m + detail::scan_step - 1) / detail::scan_step * detail::scan_step;
        const float never = std::numeric_limits<float>::infinity();
        std::vector<float> c(m), w(width, -never), key(width, never);
        std::vector<std::int32_t> from(width, -1);
        for (std::size_t j = 0; j < m; ++j) {
            c[j] = std::floor(8 * float(holdfast::uniform(g)));
            w[j] = holdfast::uniform(g) < 0.1 && j > 0 ? -never : std::floor(4 * float(holdfast::uniform(g)));
            key[j] = holdfast::uniform(g) < 0.3 ? never : std::floor(8 * float(holdfast::uniform(g)));
        }
        std::vector<float> expected = key;
        std::vector<std::int32_t> expected_from = from;
        for (std::size_t j = 0; j < m; ++j)
            if (c[j] - w[j] - 1 < expected[j]) expected[j] = c[j] - w[j] - 1, expected_from[j] = 5;
        const auto first = std::size_t(std::min_element(expected.begin(), expected.end()) - expected.begin());
        const auto check = [&](auto nearer, auto nearest) {
            std::vector<float> k = key;
            std::vector<std::int32_t> f = from;
            REQUIRE(nearer(c.data(), m, w.data(), 1.0F, 5, k.data(), f.data(), m) == first);
            REQUIRE(k == expected);
            REQUIRE(f == expected_from);
            REQUIRE(nearest(k.data(), m) == first);
            std::vector<float> longer = c, beyond = key;  // whatever follows the last column
            for (std::size_t l = m; l < width; ++l) longer.push_back(l % 3 == 0 ? -never : l % 3 == 1 ? NAN : -9.0F);
            REQUIRE(nearer(longer.data(), width, w.data(), 1.0F, 5, beyond.data(), f.data(), m) == first);
            REQUIRE(beyond == expected);
        };
        using scan = detail::path_scan<float>;
        check(scan::nearer, scan::nearest);
#if HOLDFAST_TRANSPORT_X86
        check(scan::nearer_baseline, scan::nearest_baseline);
        if (detail::machine_level() != detail::simd_level::baseline) check(scan::nearer_avx2, scan::nearest_avx2);
#endif
    }
}

TEST_CASE("Masses that are whole numbers of equal parts stay so as integers") {
    const std::vector<double> thirds(3, 1.0 / 3), sevenths{1.0 / 7, 2.0 / 7, 4.0 / 7}, counts{3.0 / 8, 5.0 / 8};
    REQUIRE(detail::equal_parts(thirds) == 3);
    REQUIRE(detail::equal_parts(sevenths) == 7);
    REQUIRE(detail::equal_parts(counts) == 8);
    REQUIRE(detail::equal_parts(std::vector<double>{0.0, 0.5, 0.5}) == 2);
    REQUIRE(detail::equal_parts(std::vector<double>{std::sqrt(0.5), 1 - std::sqrt(0.5)}) == 0);
    const std::int64_t unit = detail::mass_unit(thirds, sevenths);
    REQUIRE(unit % 21 == 0);
    REQUIRE(detail::integer_masses(thirds, unit) == std::vector<std::int64_t>(3, unit / 3));
    REQUIRE(detail::integer_masses(sevenths, unit) == std::vector<std::int64_t>{unit / 7, 2 * unit / 7, 4 * unit / 7});
    for (std::size_t n = 1; n < 3000; n += 7) {
        const std::vector<double> equal(n, 1 / double(n)), other(n + 13, 1 / double(n + 13));
        const std::int64_t both = detail::mass_unit(equal, other);
        REQUIRE(both > std::int64_t{1} << 45);
        REQUIRE(detail::integer_masses(equal, both) == std::vector<std::int64_t>(n, both / std::int64_t(n)));
    }
}

TEST_CASE("Blocks that are kept come back once, and are bounded") {
    using detail::kept_blocks;
    const auto fresh = [](std::size_t bytes) {
        return kept_blocks::block{::operator new (bytes, std::align_val_t{64}), bytes, std::align_val_t{64}};
    };
    std::thread([&] {
        REQUIRE(kept_blocks::take(kept_blocks::least) == nullptr);
        const auto first = fresh(kept_blocks::least), second = fresh(2 * kept_blocks::least);
        REQUIRE(kept_blocks::keep(first));
        REQUIRE(kept_blocks::keep(second));
        REQUIRE(kept_blocks::take(3 * kept_blocks::least) == nullptr);
        REQUIRE(kept_blocks::take(first.bytes) == first.address);
        REQUIRE(kept_blocks::take(first.bytes) == nullptr);
        REQUIRE(kept_blocks::keep(first));
        const auto all = fresh(kept_blocks::most), tiny = fresh(64), huge = fresh(kept_blocks::most + 64);
        REQUIRE(kept_blocks::keep(all));  // the others make way
        REQUIRE(kept_blocks::take(second.bytes) == nullptr);
        REQUIRE_FALSE(kept_blocks::keep(tiny));
        REQUIRE_FALSE(kept_blocks::keep(huge));
        ::operator delete(tiny.address, tiny.alignment);
        ::operator delete(huge.address, huge.alignment);
    }).join();  // gives the rest back: the address sanitizer would say so
}
