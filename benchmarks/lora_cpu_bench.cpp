// LoRA on the CPU beside the frozen product and the naive three products, by Eigen in float and by the machine's best
// in bfloat16 (lora_amx.hpp), on one core and on all; oneDNN's product of bfloat16, its weight packed, where it is
// found. Reproduce: sh benchmarks/run.sh lora_cpu Lines in bfloat16 say themselves how much longer they take than the
// frozen product alone (`over_frozen`), timed in turns with it; for those in float, compare a line's time with that of
// lora/frozen of the same shape.
#include <holdfast/adapters/lora.hpp>
#include <holdfast/adapters/lora_amx.hpp>

#include <Eigen/Core>

#include <benchmark/benchmark.h>

#ifdef HOLDFAST_HAS_DNNL
#include <dnnl.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <ctime>
#include <string>
#include <vector>

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

/// The same layer in bfloat16.
struct narrow_layer : layer {
    explicit narrow_layer(const benchmark::State& state, double dropout = 0)
        : layer(state, dropout),
          weight(w),
          half({.in = std::size_t(k), .out = std::size_t(n), .rank = std::size_t(r), .alpha = 16, .dropout = dropout}),
          half_x(narrow(x)),
          half_dy(narrow(dy)),
          half_y(std::size_t(m), std::size_t(n)),
          half_dx(std::size_t(m), std::size_t(k)),
          da(std::size_t(r), std::size_t(k)),
          db(std::size_t(n), std::size_t(r)) {
        for (std::size_t i = 0; i < std::size_t(n); ++i)
            for (std::size_t j = 0; j < std::size_t(r); ++j) half.b()(i, j) = adapter.b()(i, j);
    }
    static holdfast::matrix<holdfast::bfloat16> narrow(const row_major& from) {
        holdfast::matrix<holdfast::bfloat16> to(std::size_t(from.rows()), std::size_t(from.cols()));
        for (std::size_t i = 0; i < to.rows(); ++i)
            for (std::size_t j = 0; j < to.cols(); ++j)
                to(i, j) = holdfast::bfloat16(from(Eigen::Index(i), Eigen::Index(j)));
        return to;
    }
    /// y in bfloat16 against three products of Eigen.
    [[nodiscard]] bool right(bool adapted) const {
        row_major expected = x * w.transpose();
        if (adapted) {
            const row_major a = Eigen::Map<const row_major>(half.a().data(), r, k);
            const row_major b = Eigen::Map<const row_major>(half.b().data(), n, r);
            expected += float(half.scale()) * ((x * a.transpose()) * b.transpose());
        }
        double off = 0;
        for (std::size_t i = 0; i < half_y.rows(); ++i)
            for (std::size_t j = 0; j < half_y.cols(); ++j)
                off += std::pow(double(half_y(i, j)) - double(expected(Eigen::Index(i), Eigen::Index(j))), 2);
        return std::sqrt(off) < 6e-3 * double(expected.norm());
    }

    adapters::packed_weight weight;
    adapters::lora_bf16 half;
    holdfast::matrix<holdfast::bfloat16> half_x, half_dy, half_y, half_dx;
    holdfast::matrix<float> da, db;
};

/// Times `work`, and the frozen product after each: the ratio of the medians of their CPU time (all threads), which a
/// busy machine changes less than the clock, and operations a second of it.
template <class Work>
void beside_frozen(benchmark::State& state, narrow_layer& l, const Work& work) {
    std::vector<double> ours, frozen;
    const auto cpu_seconds = [](const auto& f) {
        const std::clock_t start = std::clock();
        f();
        return double(std::clock() - start) / CLOCKS_PER_SEC;
    };
    for (auto _ : state) {
        const auto start = std::chrono::steady_clock::now();
        ours.push_back(cpu_seconds(work));
        state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        frozen.push_back(cpu_seconds([&] { l.weight.multiply(l.half_x, l.half_y); }));
    }
    const auto middle = [](std::vector<double>& t) {
        std::nth_element(t.begin(), t.begin() + std::ptrdiff_t(t.size() / 2), t.end());
        return t[t.size() / 2];
    };
    state.counters["over_frozen"] = middle(ours) / middle(frozen);
    state.counters["flops_cpu"] = l.frozen_flops() / middle(ours);
    count(state, l.frozen_flops());
}

void narrow_frozen(benchmark::State& state) {
    narrow_layer l(state);
    l.weight.multiply(l.half_x, l.half_y);
    if (!l.right(false)) return state.SkipWithError("wrong result");
    beside_frozen(state, l, [&] { l.weight.multiply(l.half_x, l.half_y); });
}

void narrow_forward(benchmark::State& state, double dropout) {
    narrow_layer l(state, dropout);
    (void)l.half.forward(l.half_x, l.weight, l.half_y);
    if (!l.right(true)) return state.SkipWithError("wrong result");
    beside_frozen(state, l, [&] { (void)l.half.forward(l.half_x, l.weight, l.half_y, l.generator); });
}

void narrow_backward(benchmark::State& state, double dropout) {
    narrow_layer l(state, dropout);
    const auto saved = l.half.forward(l.half_x, l.weight, l.half_y, l.generator);
    beside_frozen(state, l, [&] { l.half.backward_into(l.half_dy, l.half_x, l.weight, saved, l.da, l.db, l.half_dx); });
}

#ifdef HOLDFAST_HAS_DNNL
/// y = x W' in bfloat16 by oneDNN, the weight in the order that it prefers. Its threads are OpenMP's: OMP_NUM_THREADS.
void onednn_frozen(benchmark::State& state) {
    narrow_layer l(state);
    using namespace dnnl;
    const engine cpu(engine::kind::cpu, 0);
    stream in_order(cpu);
    using type = memory::data_type;
    const memory::desc x({l.m, l.k}, type::bf16, memory::format_tag::ab),
        y({l.m, l.n}, type::bf16, memory::format_tag::ab), any({l.k, l.n}, type::bf16, memory::format_tag::any),
        plain({l.k, l.n}, type::bf16, memory::format_tag::ba);
    const matmul::primitive_desc how(matmul::desc(x, any, y), cpu);
    auto half_w = narrow_layer::narrow(l.w);
    memory from(x, cpu, l.half_x.data()), to(y, cpu, l.half_y.data()), given(plain, cpu, half_w.data()),
        packed(how.weights_desc(), cpu);
    reorder(given, packed).execute(in_order, given, packed);
    const matmul product(how);
    const auto run = [&] {
        product.execute(in_order, {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, to}});
        in_order.wait();
    };
    run();
    if (!l.right(false)) return state.SkipWithError("wrong result");
    beside_frozen(state, l, run);
}
#endif

void layers(benchmark::internal::Benchmark* b) {
    b->ArgNames({"m", "k", "n", "r", "threads"})->Unit(benchmark::kMillisecond);
    for (const long threads : {1L, 0L}) {
        b->Args({512, 1024, 1024, 16, threads});
        b->Args({2048, 256, 688, 8, threads});
        b->Args({16, 1024, 2752, 16, threads});
    }
}
void shapes(benchmark::internal::Benchmark* b) {
    layers(b);
    b->UseRealTime();
}
void narrow_shapes(benchmark::internal::Benchmark* b) {
    layers(b);
    b->UseManualTime();
    for (const long m : {1L, 16L, 512L}) b->Args({m, 4096, 4096, 16, 1});
}

BENCHMARK(frozen)->Name("lora/frozen")->Apply(shapes);
BENCHMARK(three_eigen_products)->Name("lora/forward/three_eigen_products")->Apply(shapes);
BENCHMARK_CAPTURE(forward, ours, 0.0)->Name("lora/forward/ours")->Apply(shapes);
BENCHMARK_CAPTURE(forward, dropout, 0.05)->Name("lora/forward/ours_dropout_0.05")->Apply(shapes);
BENCHMARK_CAPTURE(backward, ours, 0.0)->Name("lora/backward/ours")->Apply(shapes);
BENCHMARK_CAPTURE(backward, dropout, 0.05)->Name("lora/backward/ours_dropout_0.05")->Apply(shapes);
BENCHMARK(narrow_frozen)->Name("lora/frozen_bf16")->Apply(narrow_shapes);
#ifdef HOLDFAST_HAS_DNNL
BENCHMARK(onednn_frozen)->Name("lora/frozen_bf16/onednn")->Apply(narrow_shapes);
#endif
BENCHMARK_CAPTURE(narrow_forward, ours, 0.0)->Name("lora/forward/bf16")->Apply(narrow_shapes);
BENCHMARK_CAPTURE(narrow_forward, dropout, 0.05)->Name("lora/forward/bf16_dropout_0.05")->Apply(narrow_shapes);
BENCHMARK_CAPTURE(narrow_backward, ours, 0.0)->Name("lora/backward/bf16")->Apply(narrow_shapes);
BENCHMARK_CAPTURE(narrow_backward, dropout, 0.05)->Name("lora/backward/bf16_dropout_0.05")->Apply(narrow_shapes);

}  // namespace
