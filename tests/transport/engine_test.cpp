#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/engine_eigen.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/engine_xtensor.hpp>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <span>
#include <type_traits>
#include <vector>

#include "support/engine_parity.hpp"
#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix_view;

namespace {

template <class Engine, class Real>
void check_parity() {
    holdfast_test::check_engine_parity<Real>([](matrix_view<const Real> c, std::span<const double> a,
                                                std::span<const double> b) { return Engine(c, a, b); });
}

}  // namespace

TEST_CASE("the Eigen engine computes what the plain engine does") {
    check_parity<transport::eigen_engine<double>, double>();
    check_parity<transport::eigen_engine<float>, float>();
}

TEST_CASE("the xtensor engine computes what the plain engine does") {
    check_parity<transport::xtensor_engine<double>, double>();
    check_parity<transport::xtensor_engine<float>, float>();
}

TEST_CASE("the vector engine computes what the plain engine does, at every level of this machine") {
    using transport::detail::simd_level;
    const auto machine = transport::detail::machine_level();
    for (const auto level : {simd_level::baseline, simd_level::avx2, simd_level::avx512}) {
        if (level > machine) continue;
        transport::detail::simd_kernels<double>::target_level = level;
        transport::detail::simd_kernels<float>::target_level = level;
        check_parity<transport::simd_engine<double>, double>();
        check_parity<transport::simd_engine<float>, float>();
    }
    transport::detail::simd_kernels<double>::target_level = machine;
    transport::detail::simd_kernels<float>::target_level = machine;
}

TEST_CASE("an engine takes any matrix of costs, and computes in its numbers") {
    const holdfast::matrix<float> c(3, 2, std::vector<float>{0, 1, 2, 3, 4, 5});
    const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> wide = Eigen::MatrixXd::Ones(3, 2);
    const std::vector<double> a(3, 1.0 / 3), b(2, 0.5);
    transport::simd_engine simd(c, a, b);
    transport::eigen_engine eigen(wide, a, b);
    transport::xtensor_engine xtensor(c.view(), a, b);
    static_assert(std::is_same_v<decltype(simd), transport::simd_engine<float>>);
    static_assert(std::is_same_v<decltype(eigen), transport::eigen_engine<double>>);
    static_assert(std::is_same_v<decltype(xtensor), transport::xtensor_engine<float>>);
    CHECK(simd.summary().greatest == 5);
    CHECK(eigen.summary().mean == Approx(1));
    CHECK(xtensor.summary().mean == Approx(simd.summary().mean));
}

TEST_CASE("the vector exponential is within three units in the last place") {
    using kernels = transport::detail::simd_kernels<float>;
    using wide_kernels = transport::detail::simd_kernels<double>;
    const std::size_t n = 20000;
    std::vector<float> x(n), zero(n, 0), e(n);
    std::vector<double> dx(n), dzero(n, 0), de(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = -87.0f * float(i) / float(n), dx[i] = -700.0 * double(i) / double(n);
    float max;
    double dmax;
    (void)kernels::exp_row(e.data(), x.data(), zero.data(), 1, n, max);
    (void)wide_kernels::exp_row(de.data(), dx.data(), dzero.data(), 1, n, dmax);
    CHECK(max == 0);
    std::vector<float> near(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = float(i) * 253.0F / float(n) - 126.5F;  // clamped at both ends
    if constexpr (kernels::guesses) {
        (void)kernels::exp_near(near.data(), x.data(), zero.data(), 1, n, 0);
        for (std::size_t i = 0; i < n; ++i) {
            const double expected = std::exp2(std::clamp(double(x[i]), -126.0, 126.0));
            REQUIRE(std::abs(double(near[i]) / expected - 1) < 2.5e-7);
        }
    }
    for (std::size_t i = 0; i < n; ++i) {
        x[i] = -87.0f * float(i) / float(n);
        REQUIRE(std::abs(double(e[i]) / std::exp(double(x[i])) - 1) < 2e-7);
        REQUIRE(std::abs(de[i] / std::exp(dx[i]) - 1) < 4e-16);
    }
}

TEST_CASE("engines give the same bits for any number of threads") {
    holdfast::philox g{92};
    holdfast::matrix<float> c(300, 211);
    for (float& v : c.values()) v = float(holdfast::uniform(g));
    const std::vector<double> a(300, 1.0 / 300), b(211, 1.0 / 211);
    const auto run = [&](unsigned threads) {
        holdfast::set_threads(threads);
        transport::simd_engine<float> engine(c.view(), a, b);
        return transport::sinkhorn(engine, {.epsilon = 0.02, .max_iterations = 40});
    };
    const auto one = run(1);
    for (const unsigned t : {2u, 3u, 7u}) {
        const auto more = run(t);
        CHECK(more.f == one.f);
        CHECK(more.g == one.g);
        CHECK(more.lower == one.lower);
        CHECK(more.upper == one.upper);
        CHECK(more.transport_cost == one.transport_cost);
    }
    holdfast::set_threads(0);
}
