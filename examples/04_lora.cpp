// A low-rank adapter beside a frozen weight: train it for a few steps, merge it, and see that nothing changed.
// Needs holdfast::eigen. The input may be any matrix: Eigen here; xtensor, holdfast::matrix or a view do as well.

#include <holdfast/adapters/lora.hpp>

#include <Eigen/Core>

#include <cstdio>

namespace adapters = holdfast::adapters;

namespace {

Eigen::MatrixXf random_matrix(Eigen::Index rows, Eigen::Index cols, holdfast::philox& generator) {
    Eigen::MatrixXf m(rows, cols);
    for (float& value : m.reshaped()) value = static_cast<float>(holdfast::normal(generator));
    return m;
}

}  // namespace

int main() {
    holdfast::philox generator{2024};
    const Eigen::MatrixXf x = random_matrix(64, 48, generator);  // 64 tokens, 48 features
    Eigen::MatrixXf w = random_matrix(32, 48, generator) / 7;    // the frozen weight [out, in]
    const Eigen::MatrixXf up = random_matrix(32, 4, generator), down = random_matrix(4, 48, generator);
    const Eigen::MatrixXf shift = up * down / 28;                // what there is to learn, of rank 4
    const Eigen::MatrixXf target = x * (w + shift).transpose();  // what the new task asks for

    adapters::lora<float> adapter({.in = 48, .out = 32, .rank = 8, .alpha = 16, .dropout = 0.05f});
    std::printf("%zu numbers to train instead of %d\n", adapter.parameters(), 32 * 48);

    Eigen::MatrixXf y(64, 32);
    for (int step = 0; step <= 300; ++step) {
        auto saved = adapter.forward(x, w, y, generator);       // y = x W' + s drop(x) A' B'
        const Eigen::MatrixXf dy = (y - target) * (2.0f / 64);  // of the squared error per token
        if (step % 100 == 0) std::printf("step %3d  error %.2f\n", step, (y - target).squaredNorm() / 64.0);
        auto grad = adapter.backward(dy, x, w, saved);  // grad.x, grad.a, grad.b
        for (std::size_t i = 0; i < grad.a.rows(); ++i)
            for (std::size_t j = 0; j < grad.a.cols(); ++j) adapter.a()(i, j) -= 0.01f * grad.a(i, j);
        for (std::size_t i = 0; i < grad.b.rows(); ++i)
            for (std::size_t j = 0; j < grad.b.cols(); ++j) adapter.b()(i, j) -= 0.01f * grad.b(i, j);
    }

    (void)adapter.forward(x, w, y);  // in use: no generator, no dropout
    adapter.merge_into(w);           // the adapter becomes part of the weight
    const Eigen::MatrixXf merged = x * w.transpose();
    std::printf("error in use %.1f, largest change by merging %s\n", (y - target).squaredNorm() / 64.0,
                (merged - y).cwiseAbs().maxCoeff() < 1e-4f ? "below 1e-4" : "TOO LARGE");
}
