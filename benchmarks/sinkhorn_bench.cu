// Transport on a GPU, medians of alternating runs: one Sinkhorn iteration (both potentials) beside the time that
// reading the same bytes once takes on the same device; streamed iterations beside a rendering of FlashSinkhorn's
// structure; costs by tensor cores; all 120 pairs of sixteen tasks, small ones on the chip beside the host, large ones
// of 10,000 points in 1024 dimensions. benchmarks/gpu.sh builds and runs it; `--quick` leaves out what takes seconds.
#include <holdfast/core/random.hpp>
#include <holdfast/transport/engine_cuda.cuh>
#include <holdfast/transport/pairwise_cuda.cuh>

#include "sinkhorn_rendering.cuh"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <vector>

namespace transport = holdfast::transport;
using measures = std::vector<transport::discrete_measure<float>>;

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

/// Reads n times 16 bytes, several under way at once, and keeps what no compiler can leave out.
template <int Tag = 0>
__global__ void read_once(const uint4* from, std::size_t n, unsigned* to) {
    unsigned sum = 0;
    const std::size_t step = std::size_t{gridDim.x} * blockDim.x;
    HOLDFAST_UNROLL_BY_FOUR
    for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += step) {
        const uint4 x = from[i];
        sum ^= x.x ^ x.y ^ x.z ^ x.w;
    }
    if (sum == 0x12345678u) *to = sum;
}

/// Tasks about centres of their own. @param unit  whether points have length 1
measures tasks_of(std::size_t count, std::size_t n, std::size_t d, bool unit) {
    measures tasks;
    for (std::size_t t = 0; t < count; ++t) {
        holdfast::philox g{t, n, d};
        holdfast::matrix<float> x(n, d);
        for (std::size_t i = 0; i < n; ++i) {
            float square = 0;
            for (std::size_t k = 0; k < d; ++k) {
                x(i, k) = static_cast<float>(holdfast::normal(g) + (k == t ? 2.0 : 0.0));
                square += x(i, k) * x(i, k);
            }
            if (unit)
                for (std::size_t k = 0; k < d; ++k) x(i, k) /= std::sqrt(square);
        }
        tasks.push_back(transport::measure(x));
    }
    return tasks;
}

template <class Stored>
void time_iteration(std::size_t n, const char* stored) {
    holdfast::philox g{n};
    holdfast::matrix<float> c(n, n);
    for (float& x : c.values()) x = static_cast<float>(holdfast::uniform(g));
    const std::vector<double> a(n, 1.0 / static_cast<double>(n));
    transport::cuda_engine<Stored> engine(c.view(), a, a);
    auto f = engine.from_host(std::vector<double>(n, 0.0)), h = f;
    const std::size_t lines = n * n * sizeof(Stored) / 16;
    holdfast::device_matrix<uint4> bytes(1, lines);
    holdfast::device_matrix<unsigned> kept(1, 1);
    holdfast::check(cudaMemset(bytes.data(), 1, lines * 16), "sinkhorn_bench");
    events clock;
    std::vector<double> iteration, read;
    for (int k = 0; k < 21; ++k) {
        iteration.push_back(clock.microseconds([&] { (void)engine.sweep(f, h, 0.05, 1); }));
        read.push_back(clock.microseconds([&] {
            holdfast::check(
                holdfast::detail::launch(read_once<0>, dim3(1056), 512, 0, nullptr, bytes.data(), lines, kept.data()),
                "sinkhorn_bench");
        }));
    }
    std::printf("| %zu | %s | %.1f | %.1f | %.0f %% |\n", n, stored, median(iteration), median(read),
                100 * median(read) / median(iteration));
}

std::vector<transport::gpu_cloud> ready(const measures& tasks, const transport::ground_cost& cost) {
    std::vector<const transport::discrete_measure<float>*> each;
    for (const auto& task : tasks) each.push_back(&task);
    return transport::gpu_cloud::together(each, cost);
}

/// A streamed iteration of ours and of the rendering, from the same potentials; and the costs made once and kept.
bool time_streaming(std::size_t n, std::size_t d) {
    const measures tasks = tasks_of(2, n, d, true);
    const auto clouds = ready(tasks, transport::cosine{});
    transport::cuda_engine<transport::gpu_streamed> engine(clouds[0], clouds[1]);
    const double eps = 0.05;
    auto f = engine.from_host(std::vector<double>(n, 0.0)), g = f;

    holdfast::device_matrix<float> x(n, d), y(n, d), halves(1, n), of_x(1, n), of_y(1, n);
    x.upload(holdfast::view(tasks[0].points), nullptr);
    y.upload(holdfast::view(tasks[1].points), nullptr);
    const holdfast::matrix<float> half(1, n, 0.5F), zero(1, n, 0.0F);
    halves.upload(half.view(), nullptr);
    of_y.upload(zero.view(), nullptr);
    const auto narrow = [](std::size_t k) { return static_cast<unsigned>(k); };
    const sinkhorn_benchmarks::half_step rows{x.data(),    y.data(),  halves.data(), halves.data(), of_y.data(),
                                              of_x.data(), narrow(n), narrow(n),     narrow(d),     float(eps)};
    const sinkhorn_benchmarks::half_step columns{y.data(),    x.data(),  halves.data(), halves.data(), of_x.data(),
                                                 of_y.data(), narrow(n), narrow(n),     narrow(d),     float(eps)};
    const auto render = [&] {
        holdfast::check(sinkhorn_benchmarks::launch_half_step(rows, nullptr), "sinkhorn_bench");
        holdfast::check(sinkhorn_benchmarks::launch_half_step(columns, nullptr), "sinkhorn_bench");
    };
    (void)engine.sweep(f, g, eps, 1);
    render();
    holdfast::matrix<float> rendered(1, n);
    of_y.download(rendered.view(), nullptr);
    const std::vector<double> ours = engine.to_host(g);
    double worst = 0;
    for (std::size_t j = 0; j < n; ++j) worst = std::max(worst, std::abs(ours[j] - double(rendered(0, j))));

    events clock;
    std::vector<double> streamed, flash, kept;
    for (int k = 0; k < 9; ++k) {
        streamed.push_back(clock.microseconds([&] { (void)engine.sweep(f, g, eps, 1); }));
        flash.push_back(clock.microseconds(render));
        kept.push_back(clock.microseconds([&] { transport::cuda_engine<std::uint16_t> stored(clouds[0], clouds[1]); }));
    }
    std::printf("| %zu | %zu | %.0f | %.0f | %.0f | %.1e |\n", n, d, median(streamed), median(flash), median(kept),
                worst);
    return worst < 5e-3;
}

void time_pairs(std::size_t n, std::size_t d, int times, bool host_too) {
    const measures tasks = tasks_of(16, n, d, false);
    const auto milliseconds = [](auto work) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    };
    std::vector<double> gpu, host;
    transport::pairwise_cuda_result table;
    for (int k = 0; k < times; ++k) {
        gpu.push_back(milliseconds([&] { table = transport::pairwise_cuda(tasks); }));
        if (host_too)
            host.push_back(milliseconds(
                [&] { (void)transport::pairwise(std::span<const transport::discrete_measure<float>>(tasks)); }));
    }
    std::printf("| %zu x %zu | %zu, %zu, %zu, %zu, %zu | %.2f | ", n, d, table.on_chip, table.in_clusters, table.on_gpu,
                table.streamed, table.on_host, median(gpu));
    host_too ? std::printf("%.2f |\n", median(host)) : std::printf("not run |\n");
}

}  // namespace

int main(int count, char** arguments) {
    if (!holdfast::has_cuda_device()) {
        std::printf("SKIPPED: no CUDA device here\n");
        return 77;
    }
    const bool quick = count > 1 && std::strcmp(arguments[1], "--quick") == 0;
    std::printf(
        "| n = m | costs | one iteration, its residual copied to the host, us | reading the same bytes once, us "
        "| share |\n| --- | --- | --- | --- | --- |\n");
    for (const std::size_t n : {1000, 4000, 10000}) {
        time_iteration<std::uint16_t>(n, "16 bits");
        time_iteration<float>(n, "32 bits");
    }
    std::printf(
        "\n| n = m | d | streamed iteration, us | FlashSinkhorn's structure (our rendering, TF32), us | costs "
        "made once and kept in 16 bits, with allocation and facts, us | largest difference of the two g |\n"
        "| --- | --- | --- | --- | --- | --- |\n");
    bool good = true;
    for (const std::size_t d : {64, 384, 1024}) good &= time_streaming(quick ? 2000 : 10000, d);
    std::printf(
        "\n| points x dimensions, 16 tasks, 120 pairs within 1 %% | on chip, in clusters, in memory, streamed, on "
        "host | GPU, copies included, ms | all cores of the host, ms |\n| --- | --- | --- | --- |\n");
    for (const std::size_t n : {50, 150, 300, 700}) time_pairs(n, 384, quick ? 3 : 7, n < 700);
    if (!quick) time_pairs(10000, 1024, 3, false);
    if (!good) std::printf("FAILED: the rendering and the streamed engine differ\n");
    return good ? 0 : 1;
}
