// What replay costs, in one run with plain peers of the standard library: draws per item, allocation per task, InsInfo
// per instruction, a whole plan. Every peer does the same job the way it is usually written.
// Reproduce: sh benchmarks/run.sh replay_bench

#include <holdfast/core/parallel.hpp>
#include <holdfast/replay/inscl.hpp>
#include <holdfast/replay/priority_tree.hpp>
#include <holdfast/replay/representatives.hpp>
#include <holdfast/replay/reservoir.hpp>
#include <holdfast/transport/embedding.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace replay = holdfast::replay;
using holdfast::philox;

namespace {

std::vector<double> weights(std::size_t n) {
    philox g{5};
    std::vector<double> w(n);
    for (double& x : w) x = holdfast::exponential(g);
    return w;
}

void per_item(benchmark::State& state, std::size_t items) {
    const double n = static_cast<double>(items) * static_cast<double>(state.iterations());
    state.counters["per_item"] = benchmark::Counter(n, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// -- k of n by weight, without replacement

void BM_gumbel_top_k_holdfast(benchmark::State& state) {
    holdfast::set_threads(1);
    const auto w = weights(static_cast<std::size_t>(state.range(0)));
    const replay::weighted_without_replacement sampler(w);
    std::uint64_t seed = 0;
    for (auto _ : state) benchmark::DoNotOptimize(sampler.draw(w.size() / 100, philox{++seed}));
    per_item(state, w.size());
    holdfast::set_threads(0);
}

// What numpy's choice(replace=False, p=..) amounts to when written out: a key per item, then a full sort.
void BM_gumbel_top_k_std_sort(benchmark::State& state) {
    const auto w = weights(static_cast<std::size_t>(state.range(0)));
    std::mt19937_64 g(1);
    std::uniform_real_distribution<double> uniform;
    std::vector<std::pair<double, std::uint32_t>> keyed(w.size());
    for (auto _ : state) {
        for (std::size_t i = 0; i < w.size(); ++i)
            keyed[i] = {-std::log1p(-uniform(g)) / w[i], static_cast<std::uint32_t>(i)};
        std::sort(keyed.begin(), keyed.end());
        benchmark::DoNotOptimize(keyed.data());
    }
    per_item(state, w.size());
}

void BM_uniform_k_holdfast(benchmark::State& state) {
    holdfast::set_threads(1);
    const replay::uniform_without_replacement sampler(static_cast<std::size_t>(state.range(0)));
    std::uint64_t seed = 0;
    for (auto _ : state) benchmark::DoNotOptimize(sampler.draw(sampler.size() / 100, philox{++seed}));
    per_item(state, sampler.size());
    holdfast::set_threads(0);
}

void BM_uniform_k_std_shuffle(benchmark::State& state) {
    std::vector<std::uint32_t> items(static_cast<std::size_t>(state.range(0)));
    std::mt19937_64 g(1);
    for (auto _ : state) {
        for (std::size_t i = 0; i < items.size(); ++i) items[i] = static_cast<std::uint32_t>(i);
        std::shuffle(items.begin(), items.end(), g);
        benchmark::DoNotOptimize(items.data());
    }
    per_item(state, items.size());
}

// -- by weight, with replacement: per draw

void BM_alias_holdfast(benchmark::State& state) {
    holdfast::set_threads(1);
    const replay::alias_table table(weights(static_cast<std::size_t>(state.range(0))));
    std::uint64_t seed = 0;
    for (auto _ : state) benchmark::DoNotOptimize(table.draw(100000, philox{++seed}));
    per_item(state, 100000);
    holdfast::set_threads(0);
}

void BM_alias_build_holdfast(benchmark::State& state) {
    const auto w = weights(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(replay::alias_table(w));
    per_item(state, w.size());
}

void BM_alias_std_discrete_distribution(benchmark::State& state) {
    const auto w = weights(static_cast<std::size_t>(state.range(0)));
    std::discrete_distribution<std::uint32_t> draw(w.begin(), w.end());
    std::mt19937_64 g(1);
    std::vector<std::uint32_t> drawn(100000);
    for (auto _ : state) {
        for (auto& d : drawn) d = draw(g);
        benchmark::DoNotOptimize(drawn.data());
    }
    per_item(state, drawn.size());
}

// -- priorities that change: per draw, per update

replay::priority_tree prioritised(std::size_t n) {
    replay::priority_tree tree(n);
    const auto w = weights(n);
    for (std::size_t i = 0; i < n; ++i) tree.set(i, w[i]);
    return tree;
}

void BM_priority_draw_holdfast(benchmark::State& state) {
    const auto tree = prioritised(static_cast<std::size_t>(state.range(0)));
    std::uint64_t seed = 0;
    for (auto _ : state) benchmark::DoNotOptimize(tree.draw(100000, philox{++seed}));
    per_item(state, 100000);
}

void BM_priority_update_holdfast(benchmark::State& state) {
    auto tree = prioritised(static_cast<std::size_t>(state.range(0)));
    philox g{1};
    std::vector<std::uint32_t> items(100000);
    for (auto& i : items) i = static_cast<std::uint32_t>(holdfast::uniform_index(g, tree.size()));
    double p = 1;
    for (auto _ : state)
        for (const auto i : items) tree.set(i, p += 1e-6);
    per_item(state, 100000);
}

// The binary sum tree of doubles that most buffers use (cpprb, torchrl, Stable-Baselines).
void BM_priority_draw_binary_tree(benchmark::State& state) {
    std::size_t leaves = 1;
    while (leaves < static_cast<std::size_t>(state.range(0))) leaves *= 2;
    std::vector<double> tree(2 * leaves, 0);
    const auto w = weights(static_cast<std::size_t>(state.range(0)));
    std::copy(w.begin(), w.end(), tree.begin() + static_cast<std::ptrdiff_t>(leaves));
    for (std::size_t i = leaves - 1; i > 0; --i) tree[i] = tree[2 * i] + tree[2 * i + 1];
    std::mt19937_64 g(1);
    std::uniform_real_distribution<double> uniform(0, tree[1]);
    std::vector<std::uint32_t> drawn(100000);
    for (auto _ : state) {
        for (auto& d : drawn) {
            double mass = uniform(g);
            std::size_t i = 1;
            while (i < leaves) {
                i *= 2;
                if (tree[i] <= mass) mass -= tree[i++];
            }
            d = static_cast<std::uint32_t>(i - leaves);
        }
        benchmark::DoNotOptimize(drawn.data());
    }
    per_item(state, 100000);
}

// -- representatives: of points of 384 dimensions, per point and choice

void BM_herding_holdfast(benchmark::State& state) {
    holdfast::set_threads(1);
    philox g{1};
    holdfast::matrix<float> points(static_cast<std::size_t>(state.range(0)), 384);
    for (float& x : points.values()) x = static_cast<float>(holdfast::uniform(g) - 0.5);
    const auto n = static_cast<std::size_t>(state.range(1));
    for (auto _ : state) benchmark::DoNotOptimize(replay::herding(points, n));
    per_item(state, points.rows() * n);
    holdfast::set_threads(0);
}

// -- streams: per item offered

template <class Reservoir>
void stream(benchmark::State& state) {
    const auto n = static_cast<std::uint64_t>(state.range(0));
    std::uint64_t seed = 0;
    for (auto _ : state) {
        Reservoir reservoir(10000, philox{++seed});
        for (std::uint64_t id = 0; id < n; ++id) reservoir.offer(id);
        benchmark::DoNotOptimize(reservoir.items());
    }
    per_item(state, n);
}

void BM_reservoir_r_holdfast(benchmark::State& state) { stream<replay::reservoir_r>(state); }
void BM_reservoir_l_holdfast(benchmark::State& state) { stream<replay::reservoir_l>(state); }

void BM_reservoir_weighted_holdfast(benchmark::State& state) {
    const auto n = static_cast<std::uint64_t>(state.range(0));
    const auto w = weights(1 << 16);
    std::uint64_t seed = 0;
    for (auto _ : state) {
        replay::weighted_reservoir reservoir(10000, philox{++seed});
        for (std::uint64_t id = 0; id < n; ++id) reservoir.offer(id, w[id & 0xffff]);
        benchmark::DoNotOptimize(reservoir.items());
    }
    per_item(state, n);
}

// -- budgets: per task, 200 examples each

template <class Rule>
void allocation(benchmark::State& state, bool capacities) {
    const auto w = weights(static_cast<std::size_t>(state.range(0)));
    const std::vector<std::size_t> sizes(w.size(), 300);
    for (auto _ : state) {
        replay::allocation_options options{.rule = Rule{}};
        if (capacities) options.capacity = sizes;
        benchmark::DoNotOptimize(replay::allocate(w, 200 * w.size(), options));
    }
    per_item(state, w.size());
}

void BM_allocate_hamilton(benchmark::State& state) { allocation<replay::hamilton>(state, false); }
void BM_allocate_hamilton_capacity(benchmark::State& state) { allocation<replay::hamilton>(state, true); }
void BM_allocate_sainte_lague(benchmark::State& state) { allocation<replay::sainte_lague>(state, false); }
void BM_allocate_sainte_lague_capacity(benchmark::State& state) { allocation<replay::sainte_lague>(state, true); }
void BM_allocate_huntington_hill(benchmark::State& state) { allocation<replay::huntington_hill>(state, false); }

// -- InsInfo: five of 20,000 tags on each instruction

void BM_insinfo(benchmark::State& state) {
    philox g{3};
    std::vector<std::vector<std::string>> tags(static_cast<std::size_t>(state.range(0)));
    for (auto& list : tags)
        for (int t = 0; t < 5; ++t) {
            std::string word = "tag ";
            for (std::size_t id = holdfast::uniform_index(g, 20000); id > 0; id /= 20)
                word += static_cast<char>('a' + id % 20);
            list.push_back(word);
        }
    for (auto _ : state) benchmark::DoNotOptimize(replay::insinfo(tags));
    per_item(state, tags.size());
}

// -- a whole InsCL plan: 15 earlier tasks of 5,000 examples under 50 instructions each

void BM_inscl_plan(benchmark::State& state) {
    std::vector<replay::task_memory> tasks;
    const holdfast::transport::hashing_embedder embed{.dimensions = 384};
    for (std::size_t j = 0; j < 16; ++j) {
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < 5000; ++i)
            texts.push_back("instruction of kind " + std::string(i % 50 + 1, static_cast<char>('a' + j)));
        tasks.push_back(replay::task_memory::from(std::to_string(j), texts));
        tasks.back().embedding = embed.embed(tasks.back().instructions);
    }
    for (auto _ : state)
        benchmark::DoNotOptimize(replay::inscl{}.plan(std::span(tasks).first(15), tasks[15], philox{1}));
    state.counters["tasks"] = 15;
}

BENCHMARK(BM_gumbel_top_k_holdfast)->Name("gumbel_top_k/holdfast")->Arg(10000)->Arg(1000000);
BENCHMARK(BM_gumbel_top_k_std_sort)->Name("gumbel_top_k/std_sort")->Arg(10000)->Arg(1000000);
BENCHMARK(BM_uniform_k_holdfast)->Name("uniform_k/holdfast")->Arg(1000000);
BENCHMARK(BM_uniform_k_std_shuffle)->Name("uniform_k/std_shuffle")->Arg(1000000);
BENCHMARK(BM_alias_holdfast)->Name("alias/holdfast")->Arg(10000)->Arg(1000000);
BENCHMARK(BM_alias_std_discrete_distribution)->Name("alias/std_discrete_distribution")->Arg(10000)->Arg(1000000);
BENCHMARK(BM_priority_draw_holdfast)->Name("priority_draw/holdfast")->Arg(10000)->Arg(1000000);
BENCHMARK(BM_priority_draw_binary_tree)->Name("priority_draw/binary_tree")->Arg(10000)->Arg(1000000);
BENCHMARK(BM_priority_update_holdfast)->Name("priority_update/holdfast")->Arg(1000000);
BENCHMARK(BM_herding_holdfast)->Name("herding/holdfast")->Args({20000, 100})->Unit(benchmark::kMillisecond);
BENCHMARK(BM_herding_holdfast)
    ->Name("herding/holdfast")
    ->Args({100000, 1000})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_alias_build_holdfast)->Name("alias_build/holdfast")->Arg(1000000);
BENCHMARK(BM_reservoir_r_holdfast)->Name("reservoir_r/holdfast")->Arg(1000000);
BENCHMARK(BM_reservoir_l_holdfast)->Name("reservoir_l/holdfast")->Arg(10000000);
BENCHMARK(BM_reservoir_weighted_holdfast)->Name("reservoir_weighted/holdfast")->Arg(100000000)->Iterations(1);
BENCHMARK(BM_allocate_hamilton)->Name("allocate/hamilton")->Arg(100000);
BENCHMARK(BM_allocate_hamilton_capacity)->Name("allocate/hamilton/capacity")->Arg(100000);
BENCHMARK(BM_allocate_sainte_lague)->Name("allocate/sainte_lague")->Arg(100000);
BENCHMARK(BM_allocate_sainte_lague_capacity)->Name("allocate/sainte_lague/capacity")->Arg(100000);
BENCHMARK(BM_allocate_huntington_hill)->Name("allocate/huntington_hill")->Arg(100000);
BENCHMARK(BM_insinfo)->Name("insinfo/holdfast")->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_inscl_plan)->Name("inscl_plan/holdfast")->Unit(benchmark::kMillisecond);

}  // namespace
