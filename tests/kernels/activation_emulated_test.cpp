// Activations at the end of a product on the emulated GPU: values, what is kept for their gradients, the gradients, and
// who refuses them.
#include <holdfast/adapters/lora.cuh>
#include <holdfast/kernels/fused_adapter.cuh>
#include <holdfast/kernels/lora_hopper.cuh>

#include "activation_cases.hpp"

#include "support/test.hpp"

#include <limits>

using namespace lora_cases;
namespace detail = holdfast::kernels::detail;

TEST_CASE("y is f of the z that is kept, and dz is dy times f's slope there, as fp64 has them") {
    for (const auto f : every_activation) {
        CHECK(activation_verdict<float>(f, 17, 70, 0) == "");
        CHECK(activation_verdict<float>(f, 5, 13, 3) == "");
        CHECK(activation_verdict<float>(f, 9, 24, 0, true) == "");
        CHECK(activation_verdict<__nv_bfloat16>(f, 17, 72, 0) == "");
        CHECK(activation_verdict<__nv_bfloat16>(f, 70, 45, 1) == "");
        CHECK(activation_verdict<__half>(f, 33, 41, 2) == "");
    }
}

TEST_CASE("activations keep their tails, their signs and NaN") {
    for (const auto f : every_activation) {
        for (const double z : {-9.0, -4.0, -1e-3, 0.0, 1e-3, 4.0, 9.0}) {
            const double wanted = activated_in_double(f, z);
            CHECK(double(detail::activated(f, float(z))) == Approx(wanted).epsilon(2e-5).margin(1e-12));
            CHECK(double(detail::activation_slope(f, float(z))) ==
                  Approx(f == kernels::activation::relu && z == 0 ? 0 : slope_in_double(f, z))
                      .epsilon(1e-4)
                      .margin(1e-7));
        }
        CHECK(std::isnan(detail::activated(f, std::numeric_limits<float>::quiet_NaN())));
    }
}

TEST_CASE("the routes without activations say so, and the gradient names what it cannot use") {
    buffer<__nv_bfloat16> x(4, 16, 0, 0), w(8, 16, 0, 0), a(8, 16, 0, 0), b(8, 8, 0, 0), y(4, 8, 0, 0);
    kernels::lora_matmul_args<__nv_bfloat16> f;
    f.shape = {4, 16, 8, 8};
    f.x = x.data(), f.ldx = 16, f.w = w.data(), f.ldw = 16, f.a = a.data(), f.lda = 16, f.b = b.data(), f.ldb = 8;
    f.y = y.data(), f.ldy = 8, f.f = kernels::activation::silu;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    CHECK(kernels::explain(f).empty());
    CHECK(kernels::lora_matmul_hopper(f, nullptr) == cudaErrorInvalidValue);
    CHECK(kernels::explain_hopper(f) ==
          "kernels::lora_matmul_hopper: f must be none: there are no activations here, lora_matmul has them");
    f.z = y.data(), f.ldz = 7;
    CHECK_THAT(kernels::explain(f), Contains("the leading dimension of z must be at least its width 8, it is 7"));
    kernels::activation_gradient_args<float> g{kernels::activation::relu, 2, 3};
    CHECK(kernels::activation_gradient(g, nullptr) == cudaErrorInvalidValue);
    CHECK(kernels::explain(g) == "kernels::activation_gradient: z is a null pointer");
    g.rows = 0;
    CHECK(kernels::activation_gradient(g, nullptr) == cudaSuccess);
}

TEST_CASE("a fused layer passes each of its slices through its own activation") {
    using T = __nv_bfloat16;
    const std::int64_t m = 20, k = 16, r = 8, n = 24;
    holdfast::philox g{77};
    buffer<T> x(m, k, 0, 0), a(2 * r, k, 0, 0), w(n, k, 0, 0), b(n, r, 0, 0), u(m, 2 * r, 0, 0), y(m, n, 0, 0),
        plain(m, n, 0, 0), z(m, n, 0, 0);
    x.write(random_values<T>(m * k, g)), a.write(random_values<T>(2 * r * k, g)), w.write(random_values<T>(n * k, g));
    b.write(random_values<T>(n * r, g));
    kernels::fused_adapter_args<T> f;
    f.tokens = m, f.in = k, f.rank = r, f.count = 2, f.x = x.data(), f.ldx = k, f.a = a.data(), f.lda = k;
    f.u = u.data(), f.ldu = 2 * r;
    for (auto& s : {&f.slice[0], &f.slice[1]}) s->out = n, s->w = w.data(), s->ldw = k, s->b = b.data(), s->ldb = r;
    f.slice[0].y = y.data(), f.slice[1].y = plain.data(), f.slice[0].ldy = f.slice[1].ldy = n;
    f.slice[0].f = kernels::activation::gelu, f.slice[0].z = z.data(), f.slice[0].ldz = n;
    buffer<float> space(1, std::int64_t(kernels::fused_adapter_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    CHECK(kernels::fused_adapter(f, nullptr) == cudaSuccess);
    auto same = f;  // slice 0's A for both: slice 1, without an activation, then has slice 0's z
    const auto of_a = a.read();
    auto twice = of_a;
    std::copy(of_a.begin(), of_a.begin() + r * k, twice.begin() + r * k);
    a.write(twice);
    CHECK(kernels::fused_adapter(same, nullptr) == cudaSuccess);
    CHECK(plain.read() == z.read());
    const auto of_y = y.read(), of_z = z.read();
    for (std::size_t i = 0; i < of_y.size(); ++i)
        CHECK(of_y[i] == Approx(activated_in_double(kernels::activation::gelu, of_z[i])).epsilon(8e-3).margin(1e-6));
}

TEST_CASE("through the doors: a layer with an activation, its z, and the gradient") {
    namespace adapters = holdfast::adapters;
    using holdfast::device_matrix;
    const std::size_t m = 3, k = 4, n = 5;
    const auto plan = adapters::make_plan({.tokens = m, .in = k, .out = n, .rank = 1, .type = adapters::fp32});
    adapters::device_lora<float> adapter({.in = k, .out = n, .rank = 1});
    device_matrix<float> x(m, k), w(n, k), y(m, n), z(m, n);
    holdfast::philox g{8};
    for (auto* to : {&x, &w, &adapter.a, &adapter.b})
        for (std::size_t i = 0; i < to->size(); ++i) to->data()[i] = float(2 * holdfast::uniform(g) - 1);
    device_matrix<std::byte> workspace(1, plan.workspace_bytes);
    adapters::forward(plan, x, w, adapter.view(), y, workspace, nullptr,
                      {.f = kernels::activation::relu, .z = z.view()});
    device_matrix<float> d(m, n);
    for (std::size_t i = 0; i < d.size(); ++i) d.data()[i] = float(i) + 1;
    adapters::activation_gradient<float>(kernels::activation::relu, z, d, d, nullptr);
    for (std::size_t i = 0; i < y.size(); ++i) {
        CHECK(y.data()[i] == std::max(z.data()[i], 0.0f));
        CHECK(d.data()[i] == (z.data()[i] > 0 ? float(i) + 1 : 0.0f));
    }
    CHECK_REFUSES(adapters::activation_gradient<float>(kernels::activation::relu, z, x, d, nullptr),
                  "adapters::activation_gradient: dy must be [3, 5], it is [3, 4]");
}
