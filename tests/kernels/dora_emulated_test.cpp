// DoRA's norm and column scale on the emulated GPU.
#include <holdfast/kernels/dora.cuh>

#include "lora_cases.hpp"
#include "support/test.hpp"

using namespace lora_cases;

TEMPLATE_TEST_CASE("a DoRA forward is magnitude over norm, times the adapted product", "", float, __nv_bfloat16) {
    using T = TestType;
    const std::int64_t m = 20, k = 70, n = 37, r = 9;
    holdfast::philox g{1};
    const auto vx = random_values<T>(m * k, g), vw = random_values<T>(n * k, g), va = random_values<T>(r * k, g),
               vb = random_values<T>(n * r, g), magnitude = random_values<float>(n, g), bias = random_values<T>(n, g);
    buffer<T> x(m, k, 0, 0), w(n, k, 0, 0), a(r, k, 0, 0), b(n, r, 0, 0), y(m, n, 0, 0), gb(1, n, 0, 0);
    buffer<float> norm(1, n, 0, 0), scale(1, n, 0, 0), size(1, n, 0, 0);
    x.write(vx), w.write(vw), a.write(va), b.write(vb), gb.write(bias), size.write(magnitude);
    kernels::dora_norm_args<T> d;
    d.shape = {0, k, n, r};
    d.w = w.data(), d.ldw = k, d.a = a.data(), d.lda = k, d.b = b.data(), d.ldb = r, d.scale = 0.5f;
    d.magnitude = size.data(), d.norm = norm.data(), d.column_scale = scale.data();
    REQUIRE(kernels::dora_norm(d, nullptr) == cudaSuccess);
    kernels::lora_matmul_args<T> f;
    f.shape = {m, k, n, r};
    f.x = x.data(), f.ldx = k, f.w = w.data(), f.ldw = k, f.a = a.data(), f.lda = k, f.b = b.data(), f.ldb = r;
    f.y = y.data(), f.ldy = n, f.scale = 0.5f, f.column_scale = scale.data(), f.bias = gb.data();
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    REQUIRE(kernels::lora_matmul(f, nullptr) == cudaSuccess);
    const auto norms = norm.read(), out = y.read();
    relative_error en, ey;
    for (std::int64_t j = 0; j < n; ++j) {
        std::vector<double> v(static_cast<std::size_t>(k));
        double square = 0;
        for (std::int64_t q = 0; q < k; ++q) {
            v[std::size_t(q)] = vw[std::size_t(j * k + q)];
            for (std::int64_t s = 0; s < r; ++s)
                v[std::size_t(q)] += 0.5 * vb[std::size_t(j * r + s)] * va[std::size_t(s * k + q)];
            square += v[std::size_t(q)] * v[std::size_t(q)];
        }
        en.add(norms[std::size_t(j)], std::sqrt(square));
        for (std::int64_t i = 0; i < m; ++i) {
            double sum = 0;
            for (std::int64_t q = 0; q < k; ++q) sum += vx[std::size_t(i * k + q)] * v[std::size_t(q)];
            ey.add(out[std::size_t(i * n + j)],
                   magnitude[std::size_t(j)] / std::sqrt(square) * sum + bias[std::size_t(j)]);
        }
    }
    CHECK(en.value() < 1e-6);
    CHECK(ey.value() <= tolerance_of<T>().y);
    d.w = nullptr;
    CHECK_THAT(kernels::explain(d), Contains("kernels::dora_norm: w is a null pointer"));
}
