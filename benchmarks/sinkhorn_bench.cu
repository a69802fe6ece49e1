// One Sinkhorn iteration (both potentials) of engine_cuda.cuh on a GPU, beside the time that reading the costs once
// takes at the speed of a copy on the same device; and all 120 pairs of sixteen small tasks, on the chip and on the
// host in turns. Medians of alternating runs. benchmarks/gpu.sh builds and runs it.
#include <holdfast/core/random.hpp>
#include <holdfast/transport/engine_cuda.cuh>
#include <holdfast/transport/pairwise_cuda.cuh>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace transport = holdfast::transport;

namespace {

class events {
  public:
    events() {
        holdfast::check(cudaEventCreate(&begin_), "events");
        holdfast::check(cudaEventCreate(&end_), "events");
    }
    template <class Work>
    double microseconds(Work work) {
        holdfast::check(cudaEventRecord(begin_), "events");
        work();
        holdfast::check(cudaEventRecord(end_), "events");
        holdfast::check(cudaEventSynchronize(end_), "events");
        float milliseconds = 0;
        holdfast::check(cudaEventElapsedTime(&milliseconds, begin_, end_), "events");
        return 1000.0 * static_cast<double>(milliseconds);
    }

  private:
    cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

double median(std::vector<double> x) {
    std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
    return x[x.size() / 2];
}

template <class Stored>
void time_shape(std::size_t n, const char* stored) {
    holdfast::philox g{n};
    holdfast::matrix<float> c(n, n);
    for (float& x : c.values()) x = static_cast<float>(holdfast::uniform(g));
    const std::vector<double> a(n, 1.0 / static_cast<double>(n));
    transport::cuda_engine<Stored> engine(c.view(), a, a);
    auto f = engine.from_host(std::vector<double>(n, 0.0)), h = f;
    const std::size_t bytes = n * n * sizeof(Stored);
    holdfast::device_matrix<unsigned char> from(1, bytes), to(1, bytes);
    holdfast::check(cudaMemset(from.data(), 1, bytes), "sinkhorn_bench");
    events clock;
    std::vector<double> iteration, read;
    for (int k = 0; k < 21; ++k) {
        iteration.push_back(clock.microseconds([&] { (void)engine.sweep(f, h, 0.05, 1); }));
        read.push_back(clock.microseconds([&] {
            holdfast::check(cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice), "sinkhorn_bench");
        }) / 2);  // a copy reads and writes
    }
    std::printf("| %zu | %s | %.1f | %.1f | %.0f %% |\n", n, stored, median(iteration), median(read),
                100 * median(read) / median(iteration));
}

void time_pairs(std::size_t n, std::size_t d) {
    std::vector<transport::discrete_measure<float>> tasks;
    for (std::size_t t = 0; t < 16; ++t) {
        holdfast::philox g{t, n, d};
        holdfast::matrix<float> x(n, d);
        for (std::size_t k = 0; k < x.size(); ++k)
            x.values()[k] = static_cast<float>(holdfast::normal(g) + (k % d == t ? 2.0 : 0.0));
        tasks.push_back(transport::measure(x));
    }
    const auto milliseconds = [](auto work) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    };
    std::vector<double> chip, host;
    for (int k = 0; k < 7; ++k) {
        chip.push_back(milliseconds([&] { (void)transport::pairwise_cuda(tasks); }));
        host.push_back(milliseconds(
            [&] { (void)transport::pairwise(std::span<const transport::discrete_measure<float>>(tasks)); }));
    }
    std::printf("| %zu x %zu | %.2f | %.2f |\n", n, d, median(chip), median(host));
}

}  // namespace

int main() {
    if (!holdfast::has_cuda_device()) {
        std::printf("SKIPPED: no CUDA device here\n");
        return 77;
    }
    std::printf(
        "| n = m | costs | one iteration, us | reading them once, us | share |\n| --- | --- | --- | --- | --- |\n");
    for (const std::size_t n : {1000, 4000, 10000}) {
        time_shape<std::uint16_t>(n, "16 bits");
        time_shape<float>(n, "32 bits");
    }
    std::printf(
        "\n| points x dimensions, 16 tasks, 120 pairs within 1 %% | GPU, copies included, ms | all cores of the host, "
        "ms "
        "|\n| --- | --- | --- |\n");
    for (const std::size_t n : {50, 150, 300}) time_pairs(n, 384);
}
