// The low-rank adapter on the GPU: forward and backward on a stream of one's own, compared with the CPU. Exits with 77
// where there is no CUDA device. Build: nvcc -std=c++20 -arch=native (CUDA 12.4 or later, compute capability 8.0).

#include <holdfast/adapters/lora.cuh>

#include <cmath>
#include <cstdio>

namespace adapters = holdfast::adapters;
using holdfast::device_matrix;

namespace {

holdfast::matrix<float> random_matrix(std::size_t rows, std::size_t cols, holdfast::philox& generator) {
    holdfast::matrix<float> m(rows, cols);
    for (float& value : m.values()) value = static_cast<float>(2 * holdfast::uniform(generator) - 1);
    return m;
}

device_matrix<float> on_device(const holdfast::matrix<float>& m, cudaStream_t stream) {
    device_matrix<float> d(m.rows(), m.cols());
    d.upload(m.view(), stream);
    return d;
}

}  // namespace

int main() {
    if (!holdfast::has_cuda_device()) {
        std::printf("SKIPPED: no CUDA device here\n");
        return 77;
    }
    const std::size_t m = 300, k = 256, n = 192, r = 8;
    holdfast::philox generator{1};
    holdfast::stream stream;
    const auto x = random_matrix(m, k, generator), w = random_matrix(n, k, generator),
               dy = random_matrix(m, n, generator), a = random_matrix(r, k, generator),
               b = random_matrix(n, r, generator);
    auto dx_ = on_device(x, stream), dw = on_device(w, stream), ddy = on_device(dy, stream);

    adapters::device_lora<float> adapter({.in = k, .out = n, .rank = r, .alpha = 16, .dropout = 0.05f});
    adapter.a.upload(a.view(), stream);
    adapter.b.upload(b.view(), stream);

    adapters::lora_plan plan = adapters::make_plan({.tokens = m, .in = k, .out = n, .rank = r, .type = adapters::fp32});
    device_matrix<std::byte> workspace(1, plan.workspace_bytes);
    adapters::device_lora_saved<float> saved(plan);
    device_matrix<float> y(m, n), gx(m, k), ga(r, k), gb(n, r);

    adapters::forward(plan, dx_, dw, adapter.view(), y, saved, generator, workspace, stream);
    adapters::backward(plan, ddy, dx_, dw, adapter.view(), saved,
                       adapters::lora_gradients_view<float>{.x = gx, .a = ga, .b = gb}, workspace, stream);

    holdfast::matrix<float> result(m, n);
    y.download(result.view(), stream);
    double worst = 0;  // against plain loops with the mask that any device makes from the same seed
    for (std::size_t i = 0; i < m; i += 37)
        for (std::size_t j = 0; j < n; ++j) {
            double sum = 0;
            for (std::size_t q = 0; q < k; ++q) {
                double ba = 0;
                for (std::size_t s = 0; s < r; ++s) ba += double(b(j, s)) * a(s, q);
                const bool kept = holdfast::kernels::mask_word(saved.key, i, unsigned(q / 32)) >> (q % 32) & 1u;
                sum += x(i, q) * (w(j, q) + (kept ? 16.0 / r * saved.key.keep_scale() * ba : 0.0));
            }
            worst = std::max(worst, std::abs(result(i, j) - sum));
        }
    std::printf("largest difference from the CPU: %s\n", worst < 1e-2 ? "rounding only" : "TOO LARGE");
    return worst < 1e-2 ? 0 : 1;
}
