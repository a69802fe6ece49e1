// Costs by tensor cores on the emulated GPU: they are exactly those of the points in whole numbers, near enough to the
// true ones that bounds hold, whether they are kept or thrown away.
#include <holdfast/core/random.hpp>
#include <holdfast/transport/engine_cuda.cuh>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/wasserstein.hpp>

#include "../../benchmarks/sinkhorn_rendering.cuh"
#include "support/clouds.hpp"
#include "support/test.hpp"

#include <cmath>
#include <cstring>
#include <vector>

namespace transport = holdfast::transport;
using holdfast_test::clouds;
using measures = std::vector<transport::discrete_measure<float>>;

namespace {

const std::vector<transport::ground_cost> costs{transport::cosine{}, transport::squared_euclidean{},
                                                transport::euclidean{}};

std::vector<transport::gpu_cloud> ready(const measures& tasks, const transport::ground_cost& cost) {
    std::vector<const transport::discrete_measure<float>*> each;
    for (const auto& task : tasks) each.push_back(&task);
    return transport::gpu_cloud::together(each, cost);
}

holdfast::matrix<double> true_costs(const transport::discrete_measure<float>& a,
                                    const transport::discrete_measure<float>& b, const transport::ground_cost& cost) {
    return transport::cost_matrix<double>(a.points, b.points, cost);
}

/// The costs that the tensor cores make, with everything that comes with them.
struct kept {
    holdfast::matrix<float> costs;
    transport::detail::made_costs facts;
};
kept keep(const transport::gpu_cloud& a, const transport::gpu_cloud& b) {
    const std::size_t n = a.size(), m = b.size(), pitch = (m + 7) / 8 * 8;
    const std::vector<double> wa(a.weights().begin(), a.weights().end()), wb(b.weights().begin(), b.weights().end());
    transport::gpu_vector<double> on_b(m);
    on_b.upload(wb, nullptr);
    holdfast::device_matrix<float> on_costs(n, pitch);
    const transport::detail::pair_of_clouds both(a, b);
    kept k{holdfast::matrix<float>(n, pitch),
           transport::detail::make_costs<float>(both, 0, on_costs.data(), pitch, wa, wb, on_b.data(), nullptr)};
    on_costs.download(k.costs.view(), nullptr);
    return k;
}

}  // namespace

TEST_CASE("costs by tensor cores: as near to the true ones as they say, with their minima, means and extremes") {
    const measures tasks = clouds({1, 5, 130, 67}, 70, 11);
    for (const auto& cost : costs) {
        const auto on_gpu = ready(tasks, cost);
        for (const auto& [s, t] : {std::pair{2, 3}, {3, 2}, {0, 2}, {2, 0}, {1, 3}}) {
            const auto &a = tasks[std::size_t(s)], &b = tasks[std::size_t(t)];
            const auto expected = true_costs(a, b, cost);
            const kept k = keep(on_gpu[std::size_t(s)], on_gpu[std::size_t(t)]);
            transport::plain_engine plain(expected.view(), a.weights, b.weights);
            double largest = 0, rows = 0, columns = 0;
            for (std::size_t i = 0; i < a.size(); ++i) {
                double least = 1e9;
                for (std::size_t j = 0; j < b.size(); ++j) {
                    largest = std::max(largest, std::abs(double(k.costs(i, j)) - expected(i, j)));
                    least = std::min(least, double(k.costs(i, j)));
                }
                rows += a.weights[i] * least;
            }
            for (std::size_t j = 0; j < b.size(); ++j) {
                double least = 1e9;
                for (std::size_t i = 0; i < a.size(); ++i) least = std::min(least, double(k.costs(i, j)));
                columns += b.weights[j] * least;
            }
            CHECK(largest <= k.facts.most_wrong);
            CHECK(k.facts.most_wrong <= 2e-3 * plain.summary().greatest);
            CHECK(k.facts.least_cost == Approx(std::max(rows, columns)).epsilon(1e-12));
            CHECK(std::abs(k.facts.summary.mean - plain.summary().mean) <= k.facts.most_wrong);
            CHECK(std::abs(k.facts.summary.least - plain.summary().least) <= k.facts.most_wrong);
            CHECK(std::abs(k.facts.summary.greatest - plain.summary().greatest) <= k.facts.most_wrong);
            CHECK(k.facts.summary.deviation == Approx(plain.summary().deviation).epsilon(0.01).margin(1e-6));
        }
    }
}

TEST_CASE("costs by tensor cores are exact in whole numbers: zero for equal points, the same with clouds exchanged") {
    measures tasks = clouds({66, 131}, 129, 12);
    tasks.push_back(tasks[0]);
    for (const auto& cost : costs) {
        const auto on_gpu = ready(tasks, cost);
        const kept same = keep(on_gpu[0], on_gpu[2]), there = keep(on_gpu[0], on_gpu[1]),
                   back = keep(on_gpu[1], on_gpu[0]);
        bool zero = true, equal = true;
        for (std::size_t i = 0; i < tasks[0].size(); ++i) {
            zero &= same.costs(i, i) == 0;
            for (std::size_t j = 0; j < tasks[1].size(); ++j) equal &= there.costs(i, j) == back.costs(j, i);
        }
        CHECK(zero);
        CHECK(equal);
        CHECK(same.facts.least_cost == 0);
    }
    CHECK(gpu_emulation::machine::instance().bank_conflicts == 0);
}

namespace {

/// Every function of an engine on clouds against the plain engine on the costs that the tensor cores make.
template <class Engine>
void check_functions(const Engine& engine, const transport::plain_engine& plain, double step) {
    constexpr double u = Engine::rounding;
    const std::size_t n = plain.row_weights().size(), m = plain.column_weights().size();
    const double size = plain.summary().greatest + 1e-6;
    holdfast::philox g{77};
    for (const double of_size : {1.0, 0.02}) {
        const double eps = of_size * size, slack = 64 * u * size * (4 + 20 * of_size) + step,
                     part = 256 * u * (4 / of_size + 20) + step / eps;
        INFO(n << " x " << m << ", epsilon " << of_size << " of the greatest cost");
        std::vector<double> f(n, 0), h(m);
        for (double& x : h) x = double(float(size * (holdfast::uniform(g) - 0.5)));
        auto ef = engine.from_host(f), eg = engine.from_host(h);
        const auto close = [&](const std::vector<double>& x, const auto& y) {
            const std::vector<double> z = engine.to_host(y);
            REQUIRE(z.size() == x.size());
            for (std::size_t k = 0; k < x.size(); ++k) REQUIRE(std::abs(x[k] - z[k]) <= slack);
        };
        for (int k = 0; k < 3; ++k) {
            const double omega = k == 2 ? 1.5 : 1;
            const double expected = plain.sweep(f, h, eps, omega), got = engine.sweep(ef, eg, eps, omega);
            close(f, ef);
            close(h, eg);
            REQUIRE(std::abs(got - expected) <= part * (2 + expected));
            ef = engine.from_host(f), eg = engine.from_host(h);
        }
        REQUIRE(std::abs(engine.marginal_error(ef, eg, eps) - plain.marginal_error(f, h, eps)) <= 4 * part);
        REQUIRE(std::abs(engine.plan_cost(ef, eg, eps) - plain.plan_cost(f, h, eps)) <= 8 * part * size);
        const double rounded = engine.rounded_cost(ef, eg, eps);
        REQUIRE(std::abs(rounded - plain.rounded_cost(f, h, eps)) <= 16 * part * size);
        REQUIRE(engine.rounded_cost(ef, eg, eps) == rounded);
        REQUIRE(engine.c_transform(ef, eg) == Approx(plain.c_transform(f, h)).margin(slack));
        close(f, ef);
        close(h, eg);
    }
}

}  // namespace

TEST_CASE("engines on clouds compute what the plain engine does on the same costs, streamed and stored alike") {
    const measures tasks = clouds({1, 9, 67, 133}, 66, 13);
    std::size_t turn = 0;
    for (const auto& [s, t] : {std::pair{2, 3}, {3, 1}, {0, 2}, {3, 0}}) {
        const auto& cost = costs[turn++ % costs.size()];
        const auto on_gpu = ready(tasks, cost);
        const auto &a = on_gpu[std::size_t(s)], &b = on_gpu[std::size_t(t)];
        const kept k = keep(a, b);
        holdfast::matrix<double> wide(a.size(), b.size());
        for (std::size_t i = 0; i < a.size(); ++i)
            for (std::size_t j = 0; j < b.size(); ++j) wide(i, j) = double(k.costs(i, j));
        const transport::plain_engine plain(wide.view(), a.weights(), b.weights());
        check_functions(transport::cuda_engine<transport::gpu_streamed>(a, b), plain, 0);
        check_functions(transport::cuda_engine<float>(a, b), plain, 0);
        const transport::cuda_engine<std::uint16_t> in_steps(a, b);
        CHECK(in_steps.quantisation() > k.facts.most_wrong);
        check_functions(in_steps, plain, in_steps.quantisation() - k.facts.most_wrong);
    }
}

TEST_CASE("engines on clouds: the exact distance lies within their bounds, twice the same bits") {
    holdfast::philox g{5};
    for (std::uint64_t seed = 0; seed < 9; ++seed) {
        const std::size_t n = 1 + holdfast::uniform_index(g, 40), m = 1 + holdfast::uniform_index(g, 40),
                          d = 1 + holdfast::uniform_index(g, 70);
        const measures tasks = clouds({n, m}, d, 100 + seed);
        const auto& cost = costs[seed % costs.size()];
        const auto on_gpu = ready(tasks, cost);
        const auto exact = transport::wasserstein(tasks[0], tasks[1], {.cost = cost, .relative_gap = 0});
        INFO(n << " x " << m << " in " << d << " dimensions");
        const auto check = [&](auto engine) {
            const transport::sinkhorn_options options{.max_iterations = 60, .relative_gap = 0.05};
            const auto once = transport::sinkhorn(engine, options), twice = transport::sinkhorn(engine, options);
            CHECK(once.lower == twice.lower);
            CHECK(once.upper == twice.upper);
            CHECK(once.f == twice.f);
            const auto w = engine.within(once);
            CHECK(w.lower <= exact.upper);
            CHECK(w.upper >= exact.lower);
            CHECK(w.lower <= w.value);
            CHECK(w.upper - once.upper <= 0.01 * once.upper);
            CHECK(engine.within({0, engine.least_cost(), once.upper, once.status}).lower <= exact.upper);
        };
        check(transport::cuda_engine<transport::gpu_streamed>(on_gpu[0], on_gpu[1]));
        check(transport::cuda_engine<std::uint16_t>(on_gpu[0], on_gpu[1]));
    }
}

TEST_CASE("engines on clouds: what cannot be is refused in a sentence, and streaming offered where costs do not fit") {
    const measures tasks = clouds({30, 40}, 5, 14);
    const auto on_gpu = ready(tasks, transport::cosine{}), others = ready(tasks, transport::euclidean{});
    CHECK_REFUSES((transport::cuda_engine<float>(on_gpu[0], others[1])), "from one call of gpu_cloud::together");
    const measures narrow = clouds({3}, 4, 15);
    const std::vector<const transport::discrete_measure<float>*> mixed{&tasks[0], &narrow[0]};
    CHECK_REFUSES((void)transport::gpu_cloud::together(mixed, transport::cosine{}), "task 0 has 5 and task 1 has 4");
    const transport::ground_cost own(
        [](std::span<const double> x, std::span<const double> y) { return std::abs(x[0] - y[0]); });
    CHECK_REFUSES((void)ready(tasks, own), "the cost must be cosine");
    measures zero = clouds({4}, 3, 16);
    for (std::size_t k = 0; k < 3; ++k) zero[0].points(2, k) = 0;
    CHECK_REFUSES((void)ready(zero, transport::cosine{}), "a zero vector has no direction, point 2 is zero");
    for (float& x : zero[0].points.values()) x *= 1e20F;
    const auto far = ready(zero, transport::squared_euclidean{});
    CHECK_REFUSES((transport::cuda_engine<float>(far[0], far[0])), "do not fit single precision");
    CHECK(transport::gpu_cloud::together({}, transport::cosine{}).empty());

    gpu_emulation::largest_allocation = tasks[0].size() * ((tasks[1].size() + 7) / 8 * 8) * 2 - 1;
    const auto stored = [&] { (void)transport::cuda_engine<std::uint16_t>(on_gpu[0], on_gpu[1]); };
    CHECK_REFUSES(stored(), "cuda_engine<gpu_streamed> keeps none");
    gpu_emulation::largest_allocation = ~std::size_t{0};
}

TEST_CASE("the rendering that the benchmark is timed against computes a half step, up to TF32") {
    const std::uint32_t n = 131, m = 66, d = 32;
    const measures tasks = clouds({n * 3 / 2, m * 3 / 2}, d, 17);  // some weights are zero
    holdfast::device_matrix<float> x(n, d), y(m, d), half_x(1, n), half_y(1, m), on_g(1, m), on_f(1, n);
    holdfast::matrix<float> of_x(n, d), of_y(m, d), hx(1, n), hy(1, m), g(1, m), f(1, n);
    const auto fill = [&](holdfast::matrix<float>& to, holdfast::matrix<float>& half, const auto& task) {
        for (std::size_t i = 0; i < to.rows(); ++i) {
            for (std::size_t k = 0; k < d; ++k) to(i, k) = task.points(i, k) / 8;
            half(0, i) = 0;
            for (std::size_t k = 0; k < d; ++k) half(0, i) += to(i, k) * to(i, k) / 2;
        }
    };
    fill(of_x, hx, tasks[0]);
    fill(of_y, hy, tasks[1]);
    for (std::size_t j = 0; j < m; ++j) g(0, j) = 0.01F * float(j % 7);
    x.upload(of_x.view(), nullptr), y.upload(of_y.view(), nullptr), on_g.upload(g.view(), nullptr);
    half_x.upload(hx.view(), nullptr), half_y.upload(hy.view(), nullptr);
    const sinkhorn_benchmarks::half_step step{
        x.data(), y.data(), half_x.data(), half_y.data(), on_g.data(), on_f.data(), n, m, d, 0.1F};
    REQUIRE(sinkhorn_benchmarks::launch_half_step(step, nullptr) == cudaSuccess);
    on_f.download(f.view(), nullptr);
    for (std::size_t i = 0; i < n; ++i) {
        double sum = 0;
        for (std::size_t j = 0; j < m; ++j) {
            double square = 0;
            for (std::size_t k = 0; k < d; ++k) {
                const double apart = double(of_x(i, k)) - double(of_y(j, k));
                square += apart * apart;
            }
            sum += std::exp((double(g(0, j)) - square / 2) / 0.1) / m;
        }
        CHECK(double(f(0, i)) == Approx(-0.1 * std::log(sum)).margin(2e-3));
    }
}
