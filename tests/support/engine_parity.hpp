#pragma once
// One body for all Sinkhorn engines: each must compute what engine_plain computes, on the same problems.

#include <holdfast/core/matrix.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "support/test.hpp"

namespace holdfast_test {

/// @tparam Make  make(cost view of Real, a, b) -> engine
template <class Real, class Make>
void check_engine_parity(Make make) {
    namespace transport = holdfast::transport;
    holdfast::philox g{91};
    constexpr double u = std::numeric_limits<Real>::epsilon();
    for (const std::size_t n : {1u, 2u, 15u, 16u, 17u, 64u, 65u, 131u})
        for (const std::size_t m : {1u, 7u, 8u, 33u, 100u}) {
            holdfast::matrix<Real> c(n, m);
            holdfast::matrix<double> wide(n, m);
            for (std::size_t k = 0; k < c.size(); ++k)
                wide.values()[k] = double(c.values()[k] = Real(3 * holdfast::uniform(g) - 0.5));
            std::vector<double> a(n), b(m);
            const auto fill = [&](std::vector<double>& w) {
                double sum = 0;
                for (double& x : w) sum += x = std::pow(10, -4 * holdfast::uniform(g));
                for (double& x : w) x /= sum;
            };
            fill(a);
            fill(b);
            transport::plain_engine plain(wide.view(), a, b);
            auto engine = make(c.view(), a, b);
            CHECK(engine.summary().least == plain.summary().least);
            CHECK(engine.summary().greatest == plain.summary().greatest);
            CHECK(engine.summary().mean == Approx(plain.summary().mean));
            CHECK(engine.summary().deviation == Approx(plain.summary().deviation).margin(1e-9));
            for (const double eps : {10.0, 0.3, 0.01, 1e-5}) {
                INFO(n << " x " << m << ", epsilon " << eps);
                std::vector<double> f(n, 0), h(m);
                for (double& x : h) x = double(Real(holdfast::uniform(g) - 0.5));
                auto ef = engine.from_host(f), eg = engine.from_host(h);
                const auto close = [&](const std::vector<double>& x, const auto& y, double slack) {
                    const std::vector<double> z = engine.to_host(y);
                    REQUIRE(z.size() == x.size());
                    for (std::size_t k = 0; k < x.size(); ++k) REQUIRE(std::abs(x[k] - z[k]) <= slack);
                };
                // Potentials carry rounding of the size of the costs (4) and of eps (logarithms); a plan's entries
                // carry exponents' rounding, 4 u / eps of themselves.
                const double slack = 64 * u * (4 + 20 * eps), part = 256 * u * (4 / eps + 20);
                double last = 0, elast = 0;
                for (int k = 0; k < 3; ++k) {
                    const double omega = k == 2 ? 1.5 : 1;
                    last = plain.sweep(f, h, eps, omega);
                    elast = engine.sweep(ef, eg, eps, omega);
                    close(f, ef, slack);
                    close(h, eg, slack);
                    if (part < 0.1) REQUIRE(std::abs(last - elast) <= part * (2 + last));
                    ef = engine.from_host(f);  // not to compare what differences grow into
                    eg = engine.from_host(h);
                }
                auto x = f, y = h;
                auto ex = ef, ey = eg;
                REQUIRE(engine.c_transform(ex, ey) == Approx(plain.c_transform(x, y)).margin(slack));
                close(x, ex, slack);
                close(y, ey, slack);
                if (part < 0.1) {
                    const double mass = 1 + plain.marginal_error(f, h, eps);
                    REQUIRE(std::abs(engine.marginal_error(ef, eg, eps) - plain.marginal_error(f, h, eps)) <=
                            part * mass);
                    REQUIRE(std::abs(engine.plan_cost(ef, eg, eps) - plain.plan_cost(f, h, eps)) <= 4 * part * mass);
                }
                REQUIRE(std::abs(engine.rounded_cost(ef, eg, eps) - plain.rounded_cost(f, h, eps)) <=
                        std::min(4.0, 16 * part));
            }
            // And the whole loop: the same value within what rounding allows.
            const auto r = transport::sinkhorn(plain, {.epsilon = 0.5, .tolerance = 1e-7});
            const auto s = transport::sinkhorn(engine, {.epsilon = 0.5, .tolerance = 1e-7});
            REQUIRE(std::abs(r.entropic_cost - s.entropic_cost) <= 1000 * u + 1e-6);
            REQUIRE(s.converged);
        }
}

}  // namespace holdfast_test
