#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/cost_table.hpp>
#include <holdfast/transport/engine_eigen.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/engine_table.hpp>
#include <holdfast/transport/engine_xtensor.hpp>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/engine_parity.hpp"
#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix_view;
using holdfast::philox;
using transport::storage;

namespace {

template <class Engine, class Real>
void check_parity() {
    holdfast_test::check_engine_parity<Real>([](matrix_view<const Real> c, std::span<const double> a,
                                                std::span<const double> b) { return Engine(c, a, b); });
}

void compute_at(transport::detail::simd_level level) {
    transport::detail::simd_kernels<double>::target_level = level;
    transport::detail::simd_kernels<float>::target_level = level;
    transport::detail::kernel_rows<float>::target_level = level;
    transport::detail::kernel_rows<std::uint16_t>::target_level = level;
    transport::detail::step_rows<float>::target_level = level;
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
        compute_at(level);
        check_parity<transport::simd_engine<double>, double>();
        check_parity<transport::simd_engine<float>, float>();
    }
    compute_at(machine);
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
    philox g{92};
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

TEST_CASE("sweeps that only multiply go where sweeps in the log domain go, at every epsilon and in every storage") {
    philox g{93};
    const std::size_t n = 83, m = 70;
    holdfast::matrix<float> x(n, 5), y(m, 5);
    for (holdfast::matrix<float>* p : {&x, &y})
        for (float& v : p->values()) v = float(holdfast::normal(g));
    std::vector<double> a(n), b(m);
    for (std::vector<double>* w : {&a, &b}) {
        double sum = 0;
        for (double& v : *w) sum += v = std::pow(10, -3 * holdfast::uniform(g));
        for (double& v : *w) v /= sum;
    }
    const transport::ground_cost cost = transport::squared_euclidean{};
    const auto px = transport::prepare<float>(x, cost), py = transport::prepare<float>(y, cost);
    for (const auto how : {storage::float32, storage::fixed16, storage::streamed}) {
        const transport::cost_table table(px, py, cost, how);
        holdfast::matrix<double> c(n, m);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < m; ++j) c(i, j) = double(table.at(i, j));
        for (int decade = -5; decade <= 4; ++decade) {
            const double eps = std::pow(10, decade);
            INFO("storage " << int(how) << ", epsilon " << eps);
            transport::plain_engine plain(c.view(), a, b);
            transport::table_engine engine(table, a, b);
            std::vector<double> f(n, 0), h(m, 0);
            std::vector<float> ef(n, 0), eh(m, 0);
            for (int k = 0; k < 60; ++k) {
                const double omega = k % 20 >= 10 ? 1.4 : 1;
                const double wrong = plain.sweep(f, h, eps, omega), also = engine.sweep(ef, eh, eps, omega);
                // 16 bits of a kernel move costs by a 256th of epsilon at most, single precision by 1e-7 of themselves.
                const double room = (how == storage::fixed16 ? 1.0 / 256 : 1e-4) * eps + 6e-5 * double(1 + k);
                for (std::size_t i = 0; i < n; ++i) REQUIRE(std::abs(f[i] - double(ef[i])) <= room);
                for (std::size_t j = 0; j < m; ++j) REQUIRE(std::abs(h[j] - double(eh[j])) <= room);
                if (eps >= 0.1) REQUIRE(std::abs(wrong - also) <= 5e-3 * (1 + wrong));
            }
        }
        // And all the way: as near as single precision comes, whatever the kernel was kept in.
        transport::table_engine engine(table, a, b);
        transport::plain_engine plain(c.view(), a, b);
        const auto r = transport::sinkhorn(engine, {.epsilon = 1}), s = transport::sinkhorn(plain, {.epsilon = 1});
        CHECK(r.converged);
        CHECK(r.entropic_cost == Approx(s.entropic_cost).epsilon(1e-5));
        CHECK(r.lower <= s.upper);
        CHECK(s.lower <= r.upper);
    }
}

TEST_CASE("a kernel of 8 digits has the marginals of the costs it was made of, to second order") {
    philox g{98};
    const std::size_t n = 150, m = 170;
    holdfast::matrix<float> x(n, 12), y(m, 12);
    for (holdfast::matrix<float>* p : {&x, &y})
        for (float& v : p->values()) v = float(holdfast::normal(g));
    const std::vector<double> a(n, 1.0 / double(n)), b(m, 1.0 / double(m));
    const transport::ground_cost cost = transport::squared_euclidean{};
    const auto px = transport::prepare<float>(x, cost), py = transport::prepare<float>(y, cost);
    const transport::cost_table table(px, py, cost, storage::fixed16);
    for (const double scale : {0.1, 0.03}) {
        transport::table_engine engine(table, a, b);
        const transport::table_engine truth(table, a, b);  // never sweeps: reads costs
        const double eps = scale * engine.summary().deviation;
        std::vector<float> f(n, 0), h(m, 0);
        std::size_t seen = 0;
        double last = 1;
        for (int k = 0; k < 400; ++k) {
            const std::vector<float> before = h;
            const double wrong = engine.sweep(f, h, eps, k % 3 == 2 ? 1.1 : 1);
            if (std::exchange(last, wrong) > transport::detail::absorbed_kernel::rough) continue;  // as yet as it comes
            // An entry is wrong by 1e-3 in the mean; the sums of rows and columns, by a fifth of it.
            REQUIRE(std::abs(truth.marginal_error(f, before, eps) - wrong) < 3e-4);
            ++seen;
            if (wrong < 2e-4) break;
        }
        CHECK(seen > 10);
    }
}

TEST_CASE("a sweep that follows another at one epsilon reads no cost") {
    philox g{96};
    holdfast::matrix<float> c(70, 45);
    for (float& v : c.values()) v = float(holdfast::uniform(g));
    const std::vector<double> a(70, 1.0 / 70), b(45, 1.0 / 45);
    const auto run = [&](bool spoil) {
        holdfast::matrix<float> costs = c;
        transport::simd_engine<float> engine(costs.view(), a, b);
        std::vector<float> f(70, 0), h(45, 0);
        engine.sweep(f, h, 0.05, 1);
        if (spoil) std::fill(costs.values().begin(), costs.values().end(), 0.0F);
        for (int k = 0; k < 6; ++k) engine.sweep(f, h, 0.05, k < 3 ? 1 : 1.2);
        return std::pair(f, h);
    };
    if constexpr (transport::detail::simd_kernels<float>::guesses) CHECK(run(true) == run(false));
}

TEST_CASE("a kernel serves the epsilon and the potentials it was made for, and no other") {
    philox g{94};
    holdfast::matrix<float> c(40, 50);
    for (float& v : c.values()) v = float(holdfast::uniform(g));
    const std::vector<double> a(40, 1.0 / 40), b(50, 1.0 / 50);
    transport::simd_engine<float> used(c.view(), a, b);
    std::vector<float> f(40, 0), h(50, 0);
    for (int k = 0; k < 5; ++k) used.sweep(f, h, 0.05, 1);
    // Another epsilon, potentials from elsewhere, far ones: what an engine that saw nothing before would answer.
    for (const double eps : {0.05, 0.02, 0.05, 3.0})
        for (const double shift : {0.0, 0.3, -40.0, 1000.0}) {
            std::vector<float> f0(40), h0(50);
            for (float& v : f0) v = float(0.1 * holdfast::uniform(g) - shift);
            for (float& v : h0) v = float(0.1 * holdfast::uniform(g) + shift);
            transport::simd_engine<float> fresh(c.view(), a, b);
            std::vector<float> f1 = f0, h1 = h0;
            const double wrong = used.sweep(f0, h0, eps, 1), expected = fresh.sweep(f1, h1, eps, 1);
            const double room = 1e-6 * (1 + std::abs(shift) + eps);
            for (std::size_t i = 0; i < 40; ++i) REQUIRE(std::abs(double(f0[i]) - double(f1[i])) <= room);
            for (std::size_t j = 0; j < 50; ++j) REQUIRE(std::abs(double(h0[j]) - double(h1[j])) <= room);
            REQUIRE(std::abs(wrong - expected) <= 1e-3 * (1 + std::abs(shift)) / eps);
        }
}

TEST_CASE("kernels are the same bits at every level with fused arithmetic, and all but the same without") {
    using transport::detail::kernel_rows;
    using transport::detail::simd_level;
    philox g{95};
    const std::size_t rows = transport::detail::kernel_block, width = 96, m = 75;
    std::vector<float> e(m), x(width, 0), w(rows);
    for (float& v : e) v = float(std::exp2(-90 * holdfast::uniform(g)));
    for (std::size_t j = 0; j < m; ++j) x[j] = float(holdfast::uniform(g));
    for (float& v : w) v = float(holdfast::uniform(g));
    const auto machine = transport::detail::machine_level();
    const auto run = [&](auto cell, simd_level level) {
        using cell_t = decltype(cell);
        compute_at(level);
        const double digits = sizeof(cell_t) == 2 ? 1.0 / 256 : 1e-6;  // what an entry may lose, of itself
        std::vector<cell_t> k(rows * width);
        for (std::size_t r = 0; r < rows; ++r)
            kernel_rows<cell_t>::keep(e.data(), 0.9F / float(r + 1), m, &k[r * transport::detail::kernel_step]);
        std::vector<float> out(rows), s(width, 0), logs = x, exps = x;
        kernel_rows<cell_t>::products(k.data(), x.data(), width, out.data());
        kernel_rows<cell_t>::weighted(k.data(), w.data(), s.data(), width);
        for (float& v : logs) v += 1e-6F;
        transport::detail::step_rows<float>::logarithms(logs.data(), width);
        transport::detail::step_rows<float>::exponentials(exps.data(), width);
        for (std::size_t r = 0; r < rows; ++r) {
            double expected = 0;
            for (std::size_t j = 0; j < m; ++j) expected += double(e[j]) * 0.9 / double(r + 1) * double(x[j]);
            REQUIRE(double(out[r]) == Approx(expected).epsilon(digits));
        }
        for (std::size_t j = 0; j < width; ++j) {
            REQUIRE(double(logs[j]) == Approx(std::log(double(x[j] + 1e-6F))).epsilon(3e-7));
            REQUIRE(double(exps[j]) == Approx(std::exp(double(x[j]))).epsilon(3e-7));
            double expected = 0;  // a row's entry says what this column is: all rows are alike
            for (std::size_t r = 0; r < rows && j < m; ++r)
                expected += double(w[r]) * double(e[j]) * 0.9 / double(r + 1);
            REQUIRE(double(s[j]) == Approx(expected).epsilon(1.01 * digits).margin(0x1p-98));
        }
        out.insert(out.end(), s.begin(), s.end());
        out.insert(out.end(), logs.begin(), logs.end());
        out.insert(out.end(), exps.begin(), exps.end());
        return out;
    };
    if (machine != simd_level::avx512) SKIP_ALOUD("this machine has no AVX-512");
    CHECK(run(0.0F, simd_level::avx2) == run(0.0F, simd_level::avx512));
    CHECK(run(std::uint16_t{0}, simd_level::avx2) == run(std::uint16_t{0}, simd_level::avx512));
    (void)run(0.0F, simd_level::baseline);
    (void)run(std::uint16_t{0}, simd_level::baseline);
    compute_at(machine);
}

TEST_CASE("a turn adds one block and multiplies the next as if they were done one after the other") {
    using transport::detail::simd_level;
    const auto machine = transport::detail::machine_level();
    const auto check = [](auto cell, std::size_t m) {
        using cell_t = decltype(cell);
        using loops = transport::detail::kernel_rows<cell_t>;
        philox g{m};
        const std::size_t rows = transport::detail::kernel_block;
        std::vector<cell_t> last(rows * m), next(rows * m);
        std::vector<float> e(m), x(m), w(rows), s(m), out(rows);
        for (auto* block : {&last, &next})
            for (std::size_t r = 0; r < rows; ++r) {
                for (float& v : e) v = float(holdfast::uniform(g));
                loops::keep(e.data(), 1, m, block->data() + r * transport::detail::kernel_step);
            }
        for (auto* v : {&x, &w, &s})
            for (float& each : *v) each = float(holdfast::uniform(g));
        auto expected_s = s, expected = out;
        loops::weighted(last.data(), w.data(), expected_s.data(), m);
        loops::products(next.data(), x.data(), m, expected.data());
        loops::turn(last.data(), w.data(), s.data(), next.data(), x.data(), m, out.data());
        CHECK(s == expected_s);
        CHECK(out == expected);
        loops::turn(static_cast<const cell_t*>(nullptr), w.data(), s.data(), next.data(), x.data(), m, out.data());
        CHECK(s == expected_s);  // of no block, nothing
        CHECK(out == expected);

        // Blocks in a row: each one's products, and their shares in the sums.
        const std::size_t blocks = 5;
        std::vector<cell_t> k;
        for (std::size_t b = 0; b < blocks; ++b) {
            const std::vector<cell_t>& block = b % 2 == 0 ? last : next;
            k.insert(k.end(), block.begin(), block.end());
        }
        std::vector<float> share(blocks * rows), sums(blocks * rows);
        for (float& v : share) v = float(holdfast::uniform(g));
        auto run_s = s;
        expected_s = s;
        for (std::size_t b = 0; b < blocks; ++b) {
            loops::products(&k[b * rows * m], x.data(), m, expected.data());
            for (std::size_t r = 0; r < rows; ++r) w[r] = share[b * rows + r] / expected[r];
            loops::weighted(&k[b * rows * m], w.data(), expected_s.data(), m);
            for (std::size_t r = 0; r < rows; ++r) sums[b * rows + r] = expected[r];
        }
        auto run_sums = std::vector<float>(sums.size());
        const auto run = [&](float far) {
            run_s = s;
            return loops::run(k.data(), blocks, x.data(), share.data(), far, m, run_sums.data(), run_s.data());
        };
        CHECK(run(1e6F));
        CHECK(run_s == expected_s);
        CHECK(run_sums == sums);
        CHECK_FALSE(run(0.99F * *std::max_element(sums.begin(), sums.end())));
        x[m / 2] = NAN;
        CHECK_FALSE(run(1e6F));
    };
    for (const auto level : {simd_level::baseline, simd_level::avx2, simd_level::avx512}) {
        if (level > machine) continue;
        compute_at(level);
        for (const std::size_t m : {std::size_t{32}, std::size_t{1024}, std::size_t{1056}, std::size_t{4096}}) {
            check(0.0F, m);
            check(std::uint16_t{0}, m);
        }
    }
    compute_at(machine);
}

TEST_CASE("sums of parts, quotients and potentials are those of their formulas, at every width") {
    using transport::detail::simd_level;
    using steps = transport::detail::step_rows<float>;
    const auto machine = transport::detail::machine_level();
    philox g{98};
    for (std::size_t m = 1; m <= 70; ++m) {
        const std::size_t width = (m + 31) / 32 * 32, count = 3;
        std::vector<float> parts(count * width), v(width), x(m);
        std::vector<double> b(m), origin(m);
        for (auto* each : {&parts, &v, &x})
            for (float& value : *each) value = float(0.1 + holdfast::uniform(g));
        for (auto* each : {&b, &origin})
            for (double& value : *each) value = 0.1 + holdfast::uniform(g);
        std::vector<double> wrongs;
        for (const auto level : {simd_level::baseline, simd_level::avx2, simd_level::avx512}) {
            if (level > machine) continue;
            compute_at(level);
            std::vector<double> sums(width);
            std::vector<float> next(m), to(m);
            steps::sums(parts.data(), count, width, width, sums.data());
            const double wrong = steps::quotients(b.data(), sums.data(), v.data(), 100, m, next.data());
            steps::potentials(origin.data(), -0.5, x.data(), m, to.data());
            double expected = 0;
            for (std::size_t j = 0; j < m; ++j) {
                const double sum = double(parts[j]) + double(parts[width + j]) + double(parts[2 * width + j]);
                REQUIRE(sums[j] == Approx(sum).epsilon(1e-15));
                REQUIRE(next[j] == Approx(float(b[j] / sum)).epsilon(1e-7));
                REQUIRE(to[j] == Approx(float(origin[j] - 0.5 * double(x[j]))).epsilon(1e-6));
                expected += std::abs(sum * double(v[j]) - b[j]);
            }
            REQUIRE(wrong == Approx(expected).epsilon(1e-13));
            wrongs.push_back(wrong);
            const std::size_t j = m / 2;  // one that leaves the range, or is no number, spoils all
            for (const double bad : {b[j] / 101, b[j] * 101, 0.0, -1.0, double(NAN)}) {
                auto spoilt = sums;
                spoilt[j] = bad;
                REQUIRE_FALSE(std::isfinite(steps::quotients(b.data(), spoilt.data(), v.data(), 100, m, next.data())));
            }
        }
        if (wrongs.size() == 3) REQUIRE(wrongs[1] == wrongs[2]);
    }
    compute_at(machine);
}

TEST_CASE("the weights of an over-relaxed step are those of its definition") {
    philox g{97};
    for (int trial = 0; trial < 200; ++trial) {
        std::vector<float> s(16, 1), x(16, 0), a(16, 0), log(16), of(16);
        for (std::size_t r = 0; r < 4; ++r) {
            s[r] = float(std::exp(28 * holdfast::uniform(g) - 14));
            x[r] = float(std::log(double(s[r])) + 3 * holdfast::normal(g));
            a[r] = float(holdfast::uniform(g));
        }
        const float excess = float(0.98 * holdfast::uniform(g));
        transport::detail::step_rows<float>::beyond(s.data(), x.data(), a.data(), excess, log.data(), of.data());
        for (std::size_t r = 0; r < 4; ++r) {
            const double y = std::log(double(s[r])), d = std::clamp(double(excess) * (double(x[r]) - y), -1.0, 1.0);
            REQUIRE(std::abs(double(log[r]) - (y - d)) < 4e-6);
            REQUIRE(double(of[r]) == Approx(double(a[r]) * std::exp(d)).epsilon(4e-6));
        }
    }
}
