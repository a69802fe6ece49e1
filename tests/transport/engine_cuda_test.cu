// engine_cuda.cuh on a GPU: every function against the plain engine, twice to the same bits; and pairwise_cuda.cuh
// against exact distances. Exits with 77 where there is none. The same kernels run on an emulated GPU in
// tests/kernels/sinkhorn_emulated_test.cpp, panels_emulated_test.cpp and pairs_emulated_test.cpp.
#include <holdfast/core/random.hpp>
#include <holdfast/transport/engine_cuda.cuh>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/pairwise_cuda.cuh>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

namespace transport = holdfast::transport;

namespace {

int failures = 0;
void close(double got, double expected, double slack, const char* what, std::size_t n, std::size_t m, double eps) {
    if (std::abs(got - expected) <= slack) return;
    ++failures;
    std::printf("FAILED: %s of %zu x %zu, epsilon %g: %.9g, not %.9g\n", what, n, m, eps, got, expected);
}
void close(const std::vector<double>& got, const std::vector<double>& expected, double slack, const char* what,
           std::size_t n, std::size_t m, double eps) {
    for (std::size_t i = 0; i < got.size(); ++i) close(got[i], expected[i], slack, what, n, m, eps);
}

std::vector<double> weights(std::size_t n, holdfast::philox& g) {
    std::vector<double> w(n);
    double sum = 0;
    for (double& x : w) sum += x = 0.1 + holdfast::uniform(g);
    for (double& x : w) x /= sum;
    return w;
}

template <class Real>
void check_shape(std::size_t n, std::size_t m) {
    holdfast::philox g{5, n, m, 0};
    holdfast::matrix<Real> c(n, m);
    holdfast::matrix<double> wide(n, m);
    for (std::size_t k = 0; k < c.size(); ++k)
        wide.values()[k] = static_cast<double>(c.values()[k] = static_cast<Real>(2 * holdfast::uniform(g)));
    const auto a = weights(n, g), b = weights(m, g);
    transport::plain_engine plain(wide.view(), a, b);
    transport::cuda_engine<Real> engine(c.view(), a, b);
    const double u = std::numeric_limits<Real>::epsilon();
    for (const double eps : {1.0, 0.1, 0.01}) {
        std::vector<double> f(n, 0.0), h(m, 0.0);
        auto ef = engine.from_host(f), eg = engine.from_host(h);
        const double slack = 256 * u * (4 + 20 * eps), part = 1024 * u * (4 / eps + 20);
        for (int k = 0; k < 3; ++k) {
            const double omega = k == 2 ? 1.5 : 1;
            const double error = plain.sweep(f, h, eps, omega), got = engine.sweep(ef, eg, eps, omega);
            if (part < 0.1) close(got, error, part * (2 + error), "the residual", n, m, eps);
            close(engine.to_host(ef), f, slack, "f", n, m, eps);
            close(engine.to_host(eg), h, slack, "g", n, m, eps);
            ef = engine.from_host(f), eg = engine.from_host(h);
        }
        if (part < 0.1) {
            close(engine.marginal_error(ef, eg, eps), plain.marginal_error(f, h, eps), 4 * part, "the error", n, m,
                  eps);
            close(engine.plan_cost(ef, eg, eps), plain.plan_cost(f, h, eps), 8 * part, "the plan's cost", n, m, eps);
            const double rounded = engine.rounded_cost(ef, eg, eps);
            close(rounded, plain.rounded_cost(f, h, eps), 16 * part, "the rounded cost", n, m, eps);
            if (engine.rounded_cost(ef, eg, eps) != rounded)
                ++failures, std::printf("FAILED: not twice the same bits\n");
        }
        close(engine.c_transform(ef, eg), plain.c_transform(f, h), slack, "the bound", n, m, eps);
    }
}

void check_pairs(const transport::ground_cost& cost, std::size_t d, const std::vector<std::size_t>& sizes) {
    std::vector<transport::discrete_measure<float>> tasks;
    for (const std::size_t n : sizes) {
        holdfast::philox g{n, d};
        holdfast::matrix<float> x(n, d);
        for (std::size_t k = 0; k < x.size(); ++k)
            x.values()[k] = static_cast<float>(holdfast::normal(g) + (k % d == n % d ? 1.5 : 0.0));
        tasks.push_back(transport::measure(x, weights(n, g)));
    }
    const auto got = transport::pairwise_cuda(tasks, {.cost = cost}),
               again = transport::pairwise_cuda(tasks, {.cost = cost});
    const auto exact = transport::pairwise(std::span<const transport::discrete_measure<float>>(tasks),
                                           {.cost = cost, .relative_gap = 0});
    // Costs by tensor cores, kept and streamed, each pair by itself: bounds that hold, and twice the same bits.
    std::vector<const transport::discrete_measure<float>*> each;
    for (const auto& task : tasks) each.push_back(&task);
    const auto clouds = transport::gpu_cloud::together(each, cost);
    const auto check_engine = [&](auto engine, std::size_t i, std::size_t j, const char* what) {
        const auto once = transport::sinkhorn(engine, {.max_iterations = 500, .relative_gap = 0.02}),
                   twice = transport::sinkhorn(engine, {.max_iterations = 500, .relative_gap = 0.02});
        const auto w = engine.within(once);
        const double least = engine.within({0, engine.least_cost(), once.upper, once.status}).lower;
        if (w.lower > exact.upper(i, j) || w.upper < exact.lower(i, j) || least > exact.upper(i, j))
            ++failures, std::printf("FAILED: pair %zu, %zu, %s: [%.9g, %.9g], at least %.9g, of %.9g\n", i, j, what,
                                    w.lower, w.upper, least, exact.value(i, j));
        if (once.lower != twice.lower || once.upper != twice.upper || once.f != twice.f)
            ++failures, std::printf("FAILED: pair %zu, %zu, %s: not twice the same bits\n", i, j, what);
    };
    for (std::size_t i = 0; i < tasks.size(); ++i)
        for (std::size_t j = 0; j < i; ++j) {
            check_engine(transport::cuda_engine<std::uint16_t>(clouds[i], clouds[j]), i, j, "kept");
            check_engine(transport::cuda_engine<transport::gpu_streamed>(clouds[i], clouds[j]), i, j, "streamed");
        }
    if (got.on_host != 0) ++failures, std::printf("FAILED: %zu pairs went to the host\n", got.on_host);
    for (std::size_t i = 0; i < tasks.size(); ++i)
        for (std::size_t j = 0; j < i; ++j) {
            const auto w = got(i, j);
            if (w.lower > exact.upper(i, j) || w.upper < exact.lower(i, j) || w.gap() > 0.01 * w.lower)
                ++failures, std::printf("FAILED: pair %zu, %zu: [%.9g, %.9g] of %.9g\n", i, j, w.lower, w.upper,
                                        exact.value(i, j));
            if (!(again(i, j) == w)) ++failures, std::printf("FAILED: a pair is not twice the same bits\n");
        }
}

}  // namespace

int main(int count, char** arguments) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::printf("SKIPPED: no CUDA device here\n");
        return 77;
    }
    const bool few = count > 1 && std::strcmp(arguments[1], "--sanitize") == 0;  // for compute-sanitizer
    const std::vector<std::size_t> rows =
        few ? std::vector<std::size_t>{9} : std::vector<std::size_t>{1, 7, 8, 9, 300, 2113};
    const std::vector<std::size_t> columns =
        few ? std::vector<std::size_t>{257} : std::vector<std::size_t>{1, 31, 257, 1000};
    for (const std::size_t n : rows)
        for (const std::size_t m : columns) check_shape<float>(n, m), check_shape<double>(n, m);
    const std::vector<std::size_t> sizes =
        few ? std::vector<std::size_t>{1, 5, 70} : std::vector<std::size_t>{1, 5, 64, 130, 300, 1100};
    for (const std::size_t d : {3, 384}) {
        check_pairs(transport::cosine{}, d, sizes);
        check_pairs(transport::squared_euclidean{}, d, sizes);
        check_pairs(transport::euclidean{}, d, sizes);
    }
    std::printf("%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}
