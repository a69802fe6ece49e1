// What a distance between two tasks costs: the whole way (de-duplication, costs, solver, certificate) certified to 1 %
// and exact, in every storage, templated tasks, all pairs; one Sinkhorn iteration on every engine, beside reading its
// costs once. CPU is that of all threads. Peers in Python: peers/transport_peers.py. Reproduce: sh benchmarks/run.sh
// transport
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/engine_eigen.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/engine_table.hpp>
#include <holdfast/transport/engine_xtensor.hpp>
#include <holdfast/transport/similarity.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace transport = holdfast::transport;
using holdfast::matrix;

namespace {

/// Clouds as sentence embeddings are: twelve directions and noise, unit length. The peers' script reads them.
matrix<float> cloud(std::size_t n, std::size_t d, double shift, std::uint64_t seed) {
    holdfast::philox basis(7), g(seed);
    matrix<double> directions(12, d);
    for (double& v : directions.values()) v = holdfast::normal(basis);
    matrix<float> x(n, d);
    std::vector<double> row(d);
    for (std::size_t i = 0; i < n; ++i) {
        for (double& v : row) v = 0.34 * holdfast::normal(g);
        for (std::size_t t = 0; t < 12; ++t) {
            const double z = holdfast::normal(g) + (t == 0 ? shift : 0);
            for (std::size_t k = 0; k < d; ++k) row[k] += z * directions(t, k);
        }
        double squares = 0;
        for (const double v : row) squares += v * v;
        for (std::size_t k = 0; k < d; ++k) x(i, k) = static_cast<float>(row[k] / std::sqrt(squares));
    }
    return x;
}

/// Leaves the points for the peers' script where it asks for them, as raw float32.
void leave(const matrix<float>& x, const char* name, double shift) {
    const char* folder = std::getenv("HOLDFAST_BENCH_POINTS");
    if (folder == nullptr) return;
    const std::string path =
        std::string(folder) + "/" + (shift < 1 ? "near-" : "far-") + std::to_string(x.rows()) + name;
    if (std::FILE* file = std::fopen(path.c_str(), "wb")) {
        std::fwrite(x.data(), sizeof(float), x.size(), file);
        std::fclose(file);
    }
}

void wasserstein(benchmark::State& state, double gap, double shift,
                 transport::storage how = transport::storage::automatic) {
    const auto n = static_cast<std::size_t>(state.range(0));
    const auto a = cloud(n, 384, 0, 1), b = cloud(n, 384, shift, 2);
    leave(a, "-a.f32", shift);
    leave(b, "-b.f32", shift);
    transport::wasserstein_result w;
    for (auto _ : state) {
        w = transport::wasserstein(a, b, {.relative_gap = gap, .storage = how});
        const double value = w.value;  // not w itself: DoNotOptimize would write to it
        benchmark::DoNotOptimize(value);
    }
    if (w.status == transport::status::not_converged) state.SkipWithError("the accuracy asked for was not reached");
    state.counters["W"] = w.value;
    state.counters["lower"] = w.lower;
    state.counters["upper"] = w.upper;
}
void certified_near(benchmark::State& state) { wasserstein(state, 0.01, 0.3); }
void certified_far(benchmark::State& state) { wasserstein(state, 0.01, 2.5); }
void exact_near(benchmark::State& state) { wasserstein(state, 0, 0.3); }
void exact_far(benchmark::State& state) { wasserstein(state, 0, 2.5); }
void exact_fixed16(benchmark::State& state) { wasserstein(state, 0, 0.3, transport::storage::fixed16); }
void exact_streamed(benchmark::State& state) { wasserstein(state, 0, 0.3, transport::storage::streamed); }
#define HOLDFAST_DISTANCE(FUNCTION, NAME) \
    BENCHMARK(FUNCTION)->Name("transport/" NAME)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime()
HOLDFAST_DISTANCE(certified_near, "certified_1%/near")->Arg(500)->Arg(1000)->Arg(2000)->Arg(4000);
HOLDFAST_DISTANCE(certified_far, "certified_1%/far")->Arg(1000)->Arg(4000);
HOLDFAST_DISTANCE(exact_near, "exact/near")->Arg(500)->Arg(1000)->Arg(2000)->Arg(4000)->Arg(8000);
HOLDFAST_DISTANCE(exact_far, "exact/far")->Arg(1000)->Arg(4000)->Arg(8000);
HOLDFAST_DISTANCE(exact_fixed16, "exact_fixed16/near")->Arg(1000)->Arg(4000);
HOLDFAST_DISTANCE(exact_streamed, "exact_streamed/near")->Arg(1000)->Arg(4000);

/// A thousand examples, twenty distinct instructions.
void templated(benchmark::State& state) {
    const auto base_a = cloud(20, 384, 0, 3), base_b = cloud(20, 384, 1, 4);
    matrix<float> a(1000, 384), b(1000, 384);
    holdfast::philox g(5);
    for (matrix<float>* x : {&a, &b})
        for (std::size_t i = 0; i < 1000; ++i)
            std::copy_n((x == &a ? base_a : base_b).row(holdfast::uniform_index(g, 20)).begin(), 384,
                        x->row(i).begin());
    leave(a, "-templated-a.f32", 0);
    leave(b, "-templated-b.f32", 0);
    for (auto _ : state) benchmark::DoNotOptimize(transport::wasserstein(a, b).value);
}
HOLDFAST_DISTANCE(templated, "templated/1000_of_20");

void pairwise(benchmark::State& state) {
    std::vector<matrix<float>> tasks;
    for (std::uint64_t t = 0; t < 16; ++t) tasks.push_back(cloud(200 + 20 * t, 384, 0.2 * double(t), t));
    for (auto _ : state) benchmark::DoNotOptimize(transport::pairwise(tasks).value.data());
    state.counters["pairs"] = 120;
}
BENCHMARK(pairwise)->Name("transport/pairwise/16_tasks")->Unit(benchmark::kMillisecond)->UseRealTime();

template <class Real>
void costs(benchmark::State& state) {
    const auto n = static_cast<std::size_t>(state.range(0));
    const transport::ground_cost cost = transport::cosine{};
    const auto x = transport::prepare<Real>(cloud(n, 384, 0, 1), cost),
               y = transport::prepare<Real>(cloud(n, 384, 1, 2), cost);
    for (auto _ : state) benchmark::DoNotOptimize(transport::cost_matrix<Real>(x, y, cost).data());
    state.counters["flops"] =
        benchmark::Counter(3.0 * double(n) * double(n) * 384, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(costs<float>)->Name("transport/cost_matrix/float")->Arg(1000)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(costs<double>)->Name("transport/cost_matrix/double")->Arg(1000)->Unit(benchmark::kMillisecond)->UseRealTime();

/// One full iteration: both potentials.
template <class Engine, class Real>
void iteration(benchmark::State& state) {
    const auto n = static_cast<std::size_t>(state.range(0));
    const auto c = transport::cost_matrix<Real>(cloud(n, 384, 0, 1), cloud(n, 384, 1, 2));
    const std::vector<double> w(n, 1 / static_cast<double>(n));
    Engine engine(c.view(), w, w);
    const double eps = 0.2 * engine.summary().deviation;
    auto f = engine.from_host(std::vector<double>(n, 0.0)), g = f;
    double residual = 1;
    for (int k = 0; k < 5; ++k) residual = engine.sweep(f, g, eps, 1);
    if (!(residual < 1)) return state.SkipWithError("the iteration does not contract");
    for (auto _ : state) benchmark::DoNotOptimize(engine.sweep(f, g, eps, 1));
    const double entries = static_cast<double>(n) * static_cast<double>(n);
    state.counters["entries"] = benchmark::Counter(entries, benchmark::Counter::kIsIterationInvariantRate);
    state.SetBytesProcessed(static_cast<std::int64_t>(entries) * std::int64_t(sizeof(Real)) * state.iterations());
}
/// Iterations over a cost_table, on one core (`a_sweep` is the time of one): `steady`, 16 of those that only multiply;
/// `amortised`, 20 from nothing, those that compute exponentials included; `reading`, the costs once: no iteration can
/// beat it.
enum class iterations { steady, amortised, reading };
void table_iteration(benchmark::State& state, transport::storage how, iterations what) {
    const auto n = static_cast<std::size_t>(state.range(0));
    const transport::ground_cost cost = transport::cosine{};
    const auto x = transport::prepare<float>(cloud(n, 384, 0, 1), cost),
               y = transport::prepare<float>(cloud(n, 384, 1, 2), cost);
    const transport::cost_table table(x, y, cost, how);
    const std::vector<double> w(n, 1 / static_cast<double>(n));
    transport::table_engine engine(table, w, w);
    const double eps = 0.05 * engine.summary().deviation;
    std::vector<float> f, g;
    const auto begin = [&](int sweeps) {
        f.assign(n, 0);
        g.assign(n, 0);
        double residual = 1;
        for (int k = 0; k < sweeps; ++k) residual = engine.sweep(f, g, eps, 1);
        return residual;
    };
    holdfast::set_threads(1);
    begin(3);
    const std::vector<float> begun_f = f, begun_g = g;
    std::vector<std::uint64_t> stored(table.bytes() / 8, 1);
    for (auto _ : state) {
        if (what == iterations::steady) {
            f = begun_f;
            g = begun_g;
            for (int k = 0; k < 16; ++k) benchmark::DoNotOptimize(engine.sweep(f, g, eps, 1));
        } else if (what == iterations::amortised) {
            benchmark::DoNotOptimize(begin(20));
        } else {
            benchmark::DoNotOptimize(holdfast::parallel_reduce(
                stored.size(), stored.size() / 16 + 1, std::uint64_t{0},
                [&](std::size_t from, std::size_t to) {
                    std::uint64_t sum = 0;
                    for (std::size_t k = from; k < to; ++k) sum += stored[k];
                    return sum;
                },
                std::plus<>{}));
        }
    }
    holdfast::set_threads(0);
    const std::int64_t sweeps = state.iterations() * (what == iterations::steady      ? 16
                                                      : what == iterations::amortised ? 20
                                                                                      : 1);
    state.SetBytesProcessed(static_cast<std::int64_t>(table.bytes()) * sweeps);
    state.counters["a_sweep"] =
        benchmark::Counter(static_cast<double>(sweeps), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
void table_float32(benchmark::State& state) { table_iteration(state, transport::storage::float32, iterations::steady); }
void table_fixed16(benchmark::State& state) { table_iteration(state, transport::storage::fixed16, iterations::steady); }
void amortised_float32(benchmark::State& state) {
    table_iteration(state, transport::storage::float32, iterations::amortised);
}
void amortised_fixed16(benchmark::State& state) {
    table_iteration(state, transport::storage::fixed16, iterations::amortised);
}
void reading_float32(benchmark::State& state) {
    table_iteration(state, transport::storage::float32, iterations::reading);
}
void reading_fixed16(benchmark::State& state) {
    table_iteration(state, transport::storage::fixed16, iterations::reading);
}
#define HOLDFAST_TABLE(FUNCTION)                 \
    BENCHMARK(FUNCTION)                          \
        ->Name("transport/iteration/" #FUNCTION) \
        ->Arg(1024)                              \
        ->Unit(benchmark::kMicrosecond)          \
        ->UseRealTime()                          \
        ->MeasureProcessCPUTime()
HOLDFAST_TABLE(table_float32);
HOLDFAST_TABLE(amortised_float32);
HOLDFAST_TABLE(reading_float32);
HOLDFAST_TABLE(table_fixed16);
HOLDFAST_TABLE(amortised_fixed16);
HOLDFAST_TABLE(reading_fixed16);

#define HOLDFAST_ITERATION(ENGINE, REAL, NAME) \
    BENCHMARK(iteration<ENGINE, REAL>)         \
        ->Name("transport/iteration/" NAME)    \
        ->Arg(1000)                            \
        ->Unit(benchmark::kMicrosecond)        \
        ->UseRealTime()
HOLDFAST_ITERATION(transport::plain_engine, double, "plain");
HOLDFAST_ITERATION(transport::eigen_engine<double>, double, "eigen_double");
HOLDFAST_ITERATION(transport::eigen_engine<float>, float, "eigen_float");
HOLDFAST_ITERATION(transport::xtensor_engine<float>, float, "xtensor_float");
HOLDFAST_ITERATION(transport::simd_engine<double>, double, "simd_double");
HOLDFAST_ITERATION(transport::simd_engine<float>, float, "simd_float");

}  // namespace
