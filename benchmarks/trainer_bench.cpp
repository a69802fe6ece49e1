// The reference trainer's step against what Eigen's products of the same shapes reach on all cores.
//
//     sh benchmarks/run.sh trainer        (or: trainer_bench --benchmark_filter=trainer)
//
// Both are timed in turn, in the same run: `step_gflops` counts the products of a step (6 operations a weight and
// token; the head and what follows the last attention at rows with a target only; the causal half of attention),
// `eigen_gflops` is MatrixXf products of the layers' shapes, one shard of the batch per thread; `share` is their ratio.

#include <trainer/adamw.hpp>
#include <trainer/generate.hpp>
#include <trainer/model.hpp>

#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>

#include <benchmark/benchmark.h>
#include <Eigen/Core>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using trainer::model_config;

model_config config_of_width(std::size_t width) {
    return {.vocabulary = 1000,
            .width = width,
            .layers = 4,
            .heads = width / 32,
            .kv_heads = width / 64,
            .hidden = width * 8 / 3 / 16 * 16,
            .context = 256};
}

/// About `tokens` tokens in sequences of 40 to 80, an answer in the last third of each.
trainer::batch some_batch(std::size_t tokens, std::size_t vocabulary) {
    holdfast::philox g(1);
    trainer::batch b;
    while (b.tokens.size() < tokens) {
        std::vector<std::int32_t> sequence(40 + holdfast::uniform_index(g, 41));
        for (auto& t : sequence) t = static_cast<std::int32_t>(holdfast::uniform_index(g, vocabulary));
        b.add_answer(sequence, sequence.size() * 2 / 3);
    }
    return b;
}

double products_of_step(const model_config& c, const trainer::batch& b) {
    double targets = 0, squares = 0, weights_by_rows = 0;
    for (const std::int32_t t : b.targets) targets += t >= 0;
    for (std::size_t s = 0; s < b.sequences(); ++s) squares += std::pow(b.offsets[s + 1] - b.offsets[s], 2);
    const std::string last = "layers." + std::to_string(c.layers - 1) + ".";
    for (const trainer::slice& s : trainer::layout(c)) {
        if (s.name.find(".layers.") == std::string::npos || !s.decays) continue;
        const bool answers_only =
            s.name.find(last) != std::string::npos &&
            (s.name.find("mlp") != std::string::npos || s.name.find("o_proj") != std::string::npos);
        weights_by_rows +=
            static_cast<double>(s.size()) * (answers_only ? targets : static_cast<double>(b.tokens.size()));
    }
    const double width = static_cast<double>(c.width), layers = static_cast<double>(c.layers);
    return 6 * weights_by_rows + 6 * static_cast<double>(c.vocabulary) * width * targets + 6 * squares * width * layers;
}

/// Eigen's products of one layer's four shapes, forward and both gradients, for `tokens` tokens on every shard.
class peer {
  public:
    peer(const model_config& c, std::size_t tokens) : shards_(4) {
        const trainer::attention_shape a = c.attention();
        const std::size_t shapes[4][2] = {
            {c.width, a.columns()}, {a.query_columns(), c.width}, {c.width, 2 * c.hidden}, {c.hidden, c.width}};
        const auto random = [](std::size_t rows, std::size_t cols) {
            return Eigen::MatrixXf(
                Eigen::MatrixXf::Random(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols)));
        };
        for (auto& shard : shards_)
            for (const auto& [in, out] : shapes) {
                shard.push_back(
                    {random(tokens, in), random(in, out), random(tokens, out), random(tokens, in), random(in, out)});
                operations_ += 6.0 * static_cast<double>(tokens * in * out);
            }
    }
    void run() {
        holdfast::parallel_for(shards_.size(), [&](std::size_t k) {
            for (product& p : shards_[k]) {
                p.y.noalias() = p.x * p.w;
                p.dx.noalias() = p.y * p.w.transpose();
                p.dw.noalias() = p.x.transpose() * p.y;
                benchmark::DoNotOptimize(p.dw.data());
            }
        });
    }
    double operations() const { return operations_; }

  private:
    struct product {
        Eigen::MatrixXf x, w, y, dx, dw;
    };
    std::vector<std::vector<product>> shards_;
    double operations_ = 0;
};

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void report(benchmark::State& state, double operations, double seconds, double peer_rate) {
    state.counters["step_gflops"] = operations / seconds * 1e-9;
    state.counters["eigen_gflops"] = peer_rate * 1e-9;
    state.counters["share"] = operations / seconds / peer_rate;
}

/// One training step: forward, backward, adding up, clipping and AdamW.
void BM_trainer_step(benchmark::State& state, bool lora) {
    const model_config c = config_of_width(static_cast<std::size_t>(state.range(0)));
    const trainer::batch b = some_batch(2000, c.vocabulary);
    trainer::model m(c, 1);
    if (lora) m.adapt({.rank = 8, .dropout = 0.05}, 1);
    trainer::adamw optimiser({.learning_rate = 1e-4}, m.trainable().size());
    peer eigen(c, b.tokens.size() / 4);
    double step = 0, products = 0, rounds = 0;
    for (int i = -2; i < 0 || state.KeepRunning(); ++i) {
        const double start = seconds_now();
        m.gradients(b, static_cast<std::uint64_t>(i + 2));
        optimiser.step(m.trainable(), m.gradient(), m.trainable_slices());
        const double middle = seconds_now();
        for (int k = 0; !lora && k < 4; ++k) eigen.run();
        const double end = seconds_now();
        if (i < 0) continue;  // warm-up
        state.SetIterationTime(middle - start);
        step += middle - start;
        products += end - middle;
        rounds += 1;
    }
    state.counters["tokens_per_second"] = static_cast<double>(b.tokens.size()) * rounds / step;
    if (!lora) report(state, products_of_step(c, b), step / rounds, 4 * eigen.operations() * rounds / products);
}

/// 256 prompts of 40 to 80 tokens, 24 new tokens each.
void BM_trainer_generate(benchmark::State& state) {
    const model_config c = config_of_width(static_cast<std::size_t>(state.range(0)));
    trainer::model m(c, 1);
    const trainer::batch b = some_batch(256 * 60, c.vocabulary);
    std::vector<std::vector<std::int32_t>> prompts;
    for (std::size_t s = 0; s < b.sequences(); ++s)
        prompts.emplace_back(b.tokens.begin() + b.offsets[s], b.tokens.begin() + b.offsets[s + 1]);
    for (auto _ : state) benchmark::DoNotOptimize(trainer::generate(m, prompts, {.max_new_tokens = 24}).data());
    state.counters["new_tokens"] =
        benchmark::Counter(static_cast<double>(prompts.size() * 24), benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK_CAPTURE(BM_trainer_step, full, false)
    ->Name("trainer/step/full")
    ->Arg(128)
    ->Arg(192)
    ->Arg(256)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_trainer_step, lora, true)
    ->Name("trainer/step/lora")
    ->Arg(128)
    ->Arg(192)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_trainer_generate)
    ->Name("trainer/generate")
    ->Arg(128)
    ->Arg(192)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
