// The CUDA engine of transport on the emulated GPU: it computes what the plain engine does.
#include <holdfast/transport/engine_cuda.cuh>

#include "support/engine_parity.hpp"
#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix_view;

TEST_CASE("the CUDA engine computes what the plain engine does, in float and in double") {
    holdfast_test::check_engine_parity<float>(
        [](matrix_view<const float> c, std::span<const double> a, std::span<const double> b) {
            return transport::cuda_engine<float>(c, a, b);
        });
    holdfast_test::check_engine_parity<double>(
        [](matrix_view<const double> c, std::span<const double> a, std::span<const double> b) {
            return transport::cuda_engine<double>(c, a, b);
        });
}

TEST_CASE(
    "costs in two bytes: the engine solves the problem of the rounded costs, and says by how much they are wrong") {
    holdfast::philox g{17};
    const std::size_t n = 37, m = 53;
    holdfast::matrix<float> c(n, m);
    holdfast::matrix<double> wide(n, m), kept(n, m);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < m; ++j)
            c(i, j) = i == 3 ? 0.25F : static_cast<float>(holdfast::uniform(g) * double(i + 1));
        const auto row = c.row(i);
        const double low = *std::min_element(row.begin(), row.end()), high = *std::max_element(row.begin(), row.end());
        for (std::size_t j = 0; j < m; ++j) {
            wide(i, j) = double(c(i, j));
            const double step = (high - low) / 65535;
            kept(i, j) = step > 0 ? low + step * std::round((wide(i, j) - low) / step) : low;
        }
    }
    const std::vector<double> a(n, 1.0 / double(n)), b(m, 1.0 / double(m));
    transport::cuda_engine<std::uint16_t> engine(c.view(), a, b);
    CHECK(engine.quantisation() > 0);
    CHECK(engine.quantisation() <= 37.0 / 65535);
    transport::plain_engine of_kept(kept.view(), a, b), of_wide(wide.view(), a, b);
    const transport::sinkhorn_options options{.epsilon = 0.5, .tolerance = 1e-6};
    const auto got = transport::sinkhorn(engine, options);
    const auto expected = transport::sinkhorn(of_kept, options), asked = transport::sinkhorn(of_wide, options);
    CHECK(got.entropic_cost == Approx(expected.entropic_cost).epsilon(1e-5));
    CHECK(std::abs(got.lower - asked.lower) <= engine.quantisation() + 1e-4);
    CHECK(got.lower - engine.quantisation() <= asked.upper);
    CHECK(got.upper + engine.quantisation() >= asked.lower);
}

TEST_CASE(
    "costs in two bytes are read once an iteration: to the same potentials, and the slower way where sums do not "
    "hold") {
    holdfast::philox g{18};
    for (const auto& [rows, columns] : {std::pair{5, 9000}, {9, 4100}, {75, 130}, {1, 17}, {3, 1}}) {
        const auto n = static_cast<std::size_t>(rows), m = static_cast<std::size_t>(columns);
        holdfast::matrix<float> c(n, m);
        for (float& x : c.values()) x = static_cast<float>(holdfast::uniform(g) + 0.5);
        std::vector<double> a(n), b(m);
        for (std::vector<double>* w : {&a, &b}) {
            double sum = 0;
            for (double& x : *w) sum += x = 0.1 + holdfast::uniform(g);
            for (double& x : *w) x /= sum;
        }
        transport::cuda_engine<std::uint16_t> once(c.view(), a, b);
        gpu_emulation::shared_per_block = 1024;
        transport::cuda_engine<std::uint16_t> thrice(c.view(), a, b);
        gpu_emulation::shared_per_block = 227 * 1024;
        bool was_done_again = false;
        for (const double eps : {0.5, 0.03, 1e-3}) {
            INFO(n << " x " << m << ", epsilon " << eps);
            auto f = once.from_host(std::vector<double>(n, 0.0)), h = once.from_host(std::vector<double>(m, 0.0));
            auto slow_f = f, slow_h = h;
            for (const double omega : {1.0, 1.0, 1.5}) {
                const auto before = gpu_emulation::machine::instance().launches;
                const double residual = once.sweep(f, h, eps, omega);
                const auto launches = gpu_emulation::machine::instance().launches - before;
                const double slow_residual = thrice.sweep(slow_f, slow_h, eps, omega);
                const auto x = once.to_host(f), y = once.to_host(h), z = once.to_host(slow_f), w = once.to_host(slow_h);
                const bool again = launches == 8;  // 4: two of the pass, two of the residual
                CHECK((launches == 4 || again));
                if (eps == 0.5) CHECK(!again);
                was_done_again |= again;
                if (again) {
                    CHECK(residual == slow_residual);
                    CHECK(x == z);
                    CHECK(y == w);
                } else {
                    CHECK(residual ==
                          Approx(slow_residual).epsilon(1e-3).margin(2e-5 + 2e-7 / eps));  // exponents round
                    double off = 0;
                    for (std::size_t i = 0; i < n; ++i) off = std::max(off, std::abs(x[i] - z[i]));
                    for (std::size_t j = 0; j < m; ++j) off = std::max(off, std::abs(y[j] - w[j]));
                    CHECK(off < 2e-5);
                }
                slow_f = f, slow_h = h;
            }
        }
        CHECK(was_done_again);  // exp(-0.5 / 1e-3) is nothing in single precision
    }
}

TEST_CASE("vectors of a GPU copy as values do") {
    transport::gpu_vector<float> a(3), none;
    a.upload(std::vector<float>{1, 2, 3}, nullptr);
    auto b = a;
    b.upload(std::vector<float>{4, 5, 6}, nullptr);
    CHECK(a.download(nullptr) == std::vector<float>{1, 2, 3});
    none = b;
    CHECK(none.download(nullptr) == std::vector<float>{4, 5, 6});
    none = transport::gpu_vector<float>();
    CHECK(none.size() == 0);
}
