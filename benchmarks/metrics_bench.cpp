// What the metrics cost, in one run with their plain peers: the table (append, read), a metric, a curve, and the exact
// sign-flip test by meeting in the middle beside the count over all 2^n patterns that everyone writes first.
// Reproduce: sh benchmarks/run.sh metrics_bench
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/metrics/bootstrap.hpp>
#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/running.hpp>
#include <holdfast/metrics/significance.hpp>

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace metrics = holdfast::metrics;

namespace {

std::vector<std::string> names(std::size_t tasks) {
    std::vector<std::string> n;
    for (std::size_t j = 0; j < tasks; ++j) n.push_back(std::to_string(j));
    return n;
}

std::vector<double> row(std::size_t n, std::uint64_t seed) {
    holdfast::philox g(seed);
    std::vector<double> r(n);
    for (double& x : r) x = holdfast::uniform(g);
    return r;
}

metrics::accuracy_matrix table(std::size_t tasks) {
    metrics::accuracy_matrix r(names(tasks));
    for (std::size_t i = 0; i < tasks; ++i) r.append(row(tasks, i));
    return r;
}

std::vector<double> differences(std::size_t n) {
    auto d = row(n, 9);
    for (double& x : d) x -= 0.4;
    return d;
}

void per_item(benchmark::State& state, double items) {
    state.SetItemsProcessed(static_cast<std::int64_t>(items * static_cast<double>(state.iterations())));
}

void BM_append_rows(benchmark::State& state) {
    const auto tasks = static_cast<std::size_t>(state.range(0));
    const auto n = names(tasks);
    const auto scores = row(tasks, 1);
    for (auto _ : state) {
        metrics::accuracy_matrix r(n);
        for (std::size_t i = 0; i < tasks; ++i) r.append(scores);
        benchmark::DoNotOptimize(r.scores().data());
    }
    per_item(state, static_cast<double>(tasks * tasks));
}
BENCHMARK(BM_append_rows)->Arg(8)->Arg(64)->Arg(512);

void BM_backward_transfer(benchmark::State& state) {
    const auto r = table(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(metrics::backward_transfer(r).value);
    per_item(state, static_cast<double>(r.tasks()));
}
BENCHMARK(BM_backward_transfer)->Arg(8)->Arg(64)->Arg(512);

void BM_forgetting(benchmark::State& state) {
    const auto r = table(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(metrics::forgetting(r).value);
    per_item(state, static_cast<double>(r.tasks() * r.tasks()));
}
BENCHMARK(BM_forgetting)->Arg(8)->Arg(64)->Arg(512);

// All values after every stage: by running state, and anew at every stage.
void BM_stream_of_values_running(benchmark::State& state) {
    const auto r = table(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        metrics::running now(r.tasks());
        double sum = 0;
        for (std::size_t i = 0; i < r.stages(); ++i) {
            now.append(r.scores().row(i));
            sum += now.overall_performance() + (i > 0 ? now.backward_transfer() + now.forgetting() : 0);
        }
        benchmark::DoNotOptimize(sum);
    }
    per_item(state, static_cast<double>(r.stages()));
}
BENCHMARK(BM_stream_of_values_running)->Arg(8)->Arg(64)->Arg(512);

void BM_stream_of_values_anew(benchmark::State& state) {
    const auto r = table(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(metrics::overall_performance_by_stage(r));
        benchmark::DoNotOptimize(metrics::backward_transfer_by_stage(r));
        benchmark::DoNotOptimize(metrics::forgetting_by_stage(r));
    }
    per_item(state, static_cast<double>(r.stages()));
}
BENCHMARK(BM_stream_of_values_anew)->Arg(8)->Arg(64)->Unit(benchmark::kMicrosecond);

// -- exact sign-flip: ours, and all patterns in Gray-code order
double all_patterns(const std::vector<double>& d) {
    double observed = 0, sum = 0, total = 0;
    for (double x : d) observed += x, sum -= std::abs(x), total += std::abs(x);
    const double least = std::abs(observed) - 1e-11 * total;
    std::uint64_t hits = std::abs(sum) >= least, gray = 0;
    for (std::uint64_t k = 1; k < (std::uint64_t{1} << d.size()); ++k) {
        const auto bit = static_cast<std::size_t>(__builtin_ctzll(k));
        gray ^= std::uint64_t{1} << bit;
        sum += (gray >> bit & 1) ? 2 * std::abs(d[bit]) : -2 * std::abs(d[bit]);
        hits += std::abs(sum) >= least;
    }
    return static_cast<double>(hits) / std::ldexp(1.0, static_cast<int>(d.size()));
}

void BM_sign_flip_holdfast(benchmark::State& state) {
    const auto d = differences(static_cast<std::size_t>(state.range(0)));
    if (d.size() <= 20 && std::abs(metrics::sign_flip(d).p - all_patterns(d)) > 1e-12) std::abort();
    for (auto _ : state) benchmark::DoNotOptimize(metrics::sign_flip(d).p);
}
BENCHMARK(BM_sign_flip_holdfast)->Arg(10)->Arg(20)->Arg(40)->Unit(benchmark::kMicrosecond);

void BM_sign_flip_all_patterns(benchmark::State& state) {
    const auto d = differences(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(all_patterns(d));
}
BENCHMARK(BM_sign_flip_all_patterns)->Arg(10)->Arg(20)->Unit(benchmark::kMicrosecond);

void BM_wilcoxon_exact(benchmark::State& state) {
    const auto d = differences(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(metrics::wilcoxon(d).p);
}
BENCHMARK(BM_wilcoxon_exact)->Arg(20)->Arg(60)->Unit(benchmark::kMicrosecond);

void BM_bootstrap_mean(benchmark::State& state) {
    const auto x = row(static_cast<std::size_t>(state.range(0)), 4);
    for (auto _ : state)
        benchmark::DoNotOptimize(
            metrics::bootstrap_mean(x, {.resamples = static_cast<std::size_t>(state.range(1))}).lower);
    per_item(state, static_cast<double>(state.range(0) * state.range(1)));
}
BENCHMARK(BM_bootstrap_mean)->Args({100, 10'000})->Args({10'000, 10'000})->Unit(benchmark::kMillisecond)->UseRealTime();

// Two methods on 10,000 items, 10,000 resamples, one thread: what benchmarks/peers/scoring_peers.py asks of SciPy too.
void BM_paired_bootstrap(benchmark::State& state, metrics::bootstrap_rule rule) {
    const auto a = row(10'000, 4), b = row(10'000, 5);
    const unsigned before = holdfast::threads();
    holdfast::set_threads(1);
    for (auto _ : state) {
        const auto d = metrics::detail::differences("benchmark", a, b);
        benchmark::DoNotOptimize(metrics::bootstrap_mean(d, {.rule = rule}).lower);
    }
    holdfast::set_threads(before);
    per_item(state, 1e8);
}
BENCHMARK_CAPTURE(BM_paired_bootstrap, percentile, metrics::bootstrap_rule::percentile)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_paired_bootstrap, bca, metrics::bootstrap_rule::bca)->Unit(benchmark::kMillisecond);

}  // namespace
