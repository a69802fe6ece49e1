// The delta of a serving batch, y += (x A') B' with mixed adapters, on a 4096 x 4096 layer: ours in one launch (where
// the machine has clusters), ours in two, and vLLM's structure in two launches and a memset, rendered here by us, not
// theirs: rows sorted by adapter, a shrink split along K that adds into zeroed fp32 with atomics, an expand. Its
// sorting is done before and not timed, as vLLM does it once per batch. Twenty layers' worth of calls in one CUDA graph
// each, on weights of their own; contenders take turns, the median of the rounds is printed. Results are compared
// before they are timed. Exits with 77 where there is no CUDA device. Reproduce: sh benchmarks/gpu.sh   (or:
// lora_serving_bench [--quick])
#include "lora_serving_rendering.cuh"
#include "lora_support.cuh"

#include <holdfast/kernels/segmented_lora.cuh>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace lora_benchmarks;

namespace {

/// `layer(l)` for every layer, captured once.
class captured {
  public:
    template <class Layer>
    captured(cudaStream_t s, int layers, const Layer& layer) {
        cudaGraph_t graph = nullptr;
        check(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal), "capture");
        for (int l = 0; l < layers; ++l) layer(l);
        check(cudaStreamEndCapture(s, &graph), "capture");
        check(cudaGraphInstantiate(&executable_, graph, 0), "graph");
        (void)cudaGraphDestroy(graph);
    }
    captured(const captured&) = delete;
    captured& operator=(const captured&) = delete;
    ~captured() { (void)cudaGraphExecDestroy(executable_); }
    void launch(cudaStream_t s) const { check(cudaGraphLaunch(executable_, s), "graph"); }

  private:
    cudaGraphExec_t executable_ = nullptr;
};

void serving(cudaStream_t s, int m, int adapters, int r, int rounds) {
    constexpr int k = 4096, n = 4096, layers = 20;
    const auto wide = [](int a, int b, int c = 1) { return std::size_t(a) * std::size_t(b) * std::size_t(c); };
    device_matrix<bf16> a(wide(layers, adapters, r), k), b(wide(layers, adapters, n), std::size_t(r));
    device_matrix<bf16> x(std::size_t(m), k), start(std::size_t(m), n);
    fill(a, s), fill(b, s), fill(x, s), fill(start, s);
    holdfast::matrix<kernels::adapter_entry<bf16>> table(layers, std::size_t(adapters));
    for (int l = 0; l < layers; ++l)
        for (int i = 0; i < adapters; ++i) {
            const std::size_t at = std::size_t(l * adapters + i);
            table(std::size_t(l), std::size_t(i)) = {a.data() + at * r * k, b.data() + at * n * r, k, r, r, 1.0f};
        }
    device_matrix<kernels::adapter_entry<bf16>> entries(layers, std::size_t(adapters));
    entries.upload(table.view(), s);
    holdfast::matrix<std::int32_t> ids(1, std::size_t(m)), sorted(1, std::size_t(m)),
        first(1, std::size_t(adapters) + 1, 0);
    for (int i = 0; i < m; ++i) ids(0, std::size_t(i)) = i * 5 % adapters;
    std::size_t filled = 0;
    for (int i = 0; i < adapters; ++i) {
        for (int row = 0; row < m; ++row)
            if (ids(0, std::size_t(row)) == i) sorted(0, filled++) = row;
        first(0, std::size_t(i) + 1) = std::int32_t(filled);
    }
    device_matrix<std::int32_t> of_row(1, ids.cols()), rows(1, sorted.cols()), begins(1, first.cols());
    of_row.upload(ids.view(), s), rows.upload(sorted.view(), s), begins.upload(first.view(), s);

    device_matrix<bf16> y[3] = {{std::size_t(m), n}, {std::size_t(m), n}, {std::size_t(m), n}};
    device_matrix<float> u{std::size_t(m), std::size_t(r)};
    kernels::segmented_lora_args<bf16> f;
    f.tokens = m, f.in = k, f.out = n, f.rank = r, f.adapter_count = adapters;
    f.rows.token_adapter = of_row.data(), f.x = x.data(), f.ldx = k, f.ldy = n;
    device_matrix<std::byte> space(1, kernels::segmented_lora_workspace(f));
    f.workspace = space.data(), f.workspace_bytes = space.size();
    const auto ours = [&](bf16* to, bool two) {
        return [&, to, two](int l) {
            f.adapters = entries.data() + l * adapters, f.y = to, f.two_launches = two;
            must(kernels::segmented_lora(f, s));
        };
    };
    rendering p{x.data(), nullptr, nullptr, y[2].data(), u.data(), k, n, r, {rows.data(), begins.data()}};
    const auto theirs = [&](int l) {
        p.a = a.data() + wide(l, adapters, r) * k, p.b = b.data() + wide(l, adapters, n) * std::size_t(r);
        must(run_rendering(p, m, adapters, s));
    };
    const auto restart = [&] {
        for (auto& each : y)
            check(cudaMemcpyAsync(each.data(), start.data(), 2 * start.size(), cudaMemcpyDeviceToDevice, s), "copy");
    };
    restart();
    ours(y[0].data(), false)(0), ours(y[1].data(), true)(0), theirs(0);
    const double one = relative_difference(y[0], y[1], s), other = relative_difference(y[2], y[1], s);
    if (!(one < 6e-3 && other < 6e-3)) {
        std::printf("WRONG: m %d, %d adapters of rank %d: one launch differs from two by %g, the rendering by %g\n", m,
                    adapters, r, one, other);
        return;
    }
    const captured graphs[] = {
        {s, layers, ours(y[0].data(), false)}, {s, layers, ours(y[1].data(), true)}, {s, layers, theirs}};
    const stopwatch time(s);
    std::vector<double> times[3];
    for (int round = 0; round < rounds; ++round)
        for (int c = 0; c < 3; ++c) {
            restart();  // twenty deltas upon another, and again: not beyond what bf16 holds
            times[c].push_back(time([&](int) { graphs[c].launch(s); }) / layers);
        }
    std::printf("| %d | %d | %d | %.2f | %.2f | %.2f | %.2f |\n", m, adapters, r, median(times[0]), median(times[1]),
                median(times[2]), median(times[2]) / median(times[0]));
    std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) try {
    if (!holdfast::has_cuda_device()) {
        std::printf("SKIPPED: no CUDA device here, nothing was measured\n");
        return 77;
    }
    const bool quick = count > 1 && std::strcmp(arguments[1], "--quick") == 0;
    const holdfast::stream stream;
    std::printf(
        "Serving: y += (x A') B', K = N = 4096, bf16, microseconds per layer in a graph of 20, median of interleaved "
        "rounds\n\n"
        "| M | adapters | rank | ours | ours, two launches | vLLM's two launches, our rendering | ours, times faster "
        "than the rendering |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    for (const int m : {1, 8, 16, 64}) serving(stream, m, 8, 16, quick ? 5 : 21);
    for (const auto& [adapters, rank] : {std::pair{1, 16}, std::pair{64, 16}, std::pair{8, 64}})
        if (!quick) serving(stream, 64, adapters, rank, 11);
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "lora_serving_bench: %s\n", e.what());
    return 1;
}
