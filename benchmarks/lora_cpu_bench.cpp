// LoRA on the CPU beside the frozen product and the naive three products, all by Eigen, on one core and on all.
// Reproduce: sh benchmarks/run.sh lora_cpu
// `over frozen` needs no column of its own: compare a line's time with that of lora/frozen of the same shape.
#include <holdfast/adapters/lora.hpp>

#include <Eigen/Core>

#include <benchmark/benchmark.h>

#include <cmath>
#include <string>

namespace adapters = holdfast::adapters;
using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace {

struct layer {
    explicit layer(const benchmark::State& state, double dropout = 0)
        : m(state.range(0)),
          k(state.range(1)),
          n(state.range(2)),
          r(state.range(3)),
          x(row_major::Random(m, k)),
          w(row_major::Random(n, k)),
          dy(row_major::Random(m, n)),
          y(m, n),
          adapter(
              {.in = std::size_t(k), .out = std::size_t(n), .rank = std::size_t(r), .alpha = 16, .dropout = dropout}) {
        holdfast::set_threads(static_cast<unsigned>(state.range(4)));
        for (std::size_t i = 0; i < std::size_t(n); ++i)
            for (std::size_t j = 0; j < std::size_t(r); ++j) adapter.b()(i, j) = 0.1f * float((i + 3 * j) % 7);
    }
    ~layer() { holdfast::set_threads(0); }
    layer(const layer&) = delete;
    layer& operator=(const layer&) = delete;

    [[nodiscard]] double frozen_flops() const { return 2.0 * double(m) * double(k) * double(n); }
    Eigen::Index m, k, n, r;
    row_major x, w, dy, y;
    adapters::lora<float> adapter;
    holdfast::philox generator{1};
};

void count(benchmark::State& state, double flops) {
    state.counters["flops"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

void frozen(benchmark::State& state) {
    layer l(state);
    for (auto _ : state) {
        adapters::detail::product<float>(holdfast::view(l.y), holdfast::view(std::as_const(l.x)),
                                         holdfast::view(std::as_const(l.w)).transposed(), 1.0f, false);
        benchmark::DoNotOptimize(l.y.data());
    }
    count(state, l.frozen_flops());
}

void three_eigen_products(benchmark::State& state) {  // what a caller would write; Eigen's own threads: none
    layer l(state);
    const row_major a = Eigen::Map<const row_major>(l.adapter.a().data(), l.r, l.k);
    const row_major b = Eigen::Map<const row_major>(l.adapter.b().data(), l.n, l.r);
    for (auto _ : state) {
        l.y.noalias() = l.x * l.w.transpose();
        const row_major u = l.x * a.transpose();
        const row_major delta = u * b.transpose();
        l.y += float(l.adapter.scale()) * delta;
        benchmark::DoNotOptimize(l.y.data());
    }
    count(state, l.frozen_flops());
}

void forward(benchmark::State& state, double dropout) {
    layer l(state, dropout);
    adapters::lora<float>::saved saved;
    {  // correct before it is timed
        auto s = l.adapter.forward(l.x, l.w, l.y);
        const row_major a = Eigen::Map<const row_major>(l.adapter.a().data(), l.r, l.k);
        const row_major b = Eigen::Map<const row_major>(l.adapter.b().data(), l.n, l.r);
        const row_major expected =
            l.x * l.w.transpose() + float(l.adapter.scale()) * ((l.x * a.transpose()) * b.transpose());
        if ((expected - l.y).norm() > 1e-4f * expected.norm()) return state.SkipWithError("wrong result");
    }
    for (auto _ : state) {
        saved = l.adapter.forward(l.x, l.w, l.y, l.generator);
        benchmark::DoNotOptimize(l.y.data());
    }
    count(state, l.frozen_flops());
}

void backward(benchmark::State& state, double dropout) {
    layer l(state, dropout);
    const auto saved = l.adapter.forward(l.x, l.w, l.y, l.generator);
    for (auto _ : state) {
        auto grad = l.adapter.backward(l.dy, l.x, l.w, saved);
        benchmark::DoNotOptimize(grad.x.data());
    }
    count(state, l.frozen_flops());
}

void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"m", "k", "n", "r", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
    for (const long threads : {1L, 0L}) {
        b->Args({512, 1024, 1024, 16, threads});
        b->Args({2048, 256, 688, 8, threads});
        b->Args({16, 1024, 2752, 16, threads});
    }
}

BENCHMARK(frozen)->Name("lora/frozen")->Apply(shapes);
BENCHMARK(three_eigen_products)->Name("lora/forward/three_eigen_products")->Apply(shapes);
BENCHMARK_CAPTURE(forward, ours, 0.0)->Name("lora/forward/ours")->Apply(shapes);
BENCHMARK_CAPTURE(forward, dropout, 0.05)->Name("lora/forward/ours_dropout_0.05")->Apply(shapes);
BENCHMARK_CAPTURE(backward, ours, 0.0)->Name("lora/backward/ours")->Apply(shapes);
BENCHMARK_CAPTURE(backward, dropout, 0.05)->Name("lora/backward/ours_dropout_0.05")->Apply(shapes);

}  // namespace
