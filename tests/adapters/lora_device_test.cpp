// The doors of lora.cuh on the emulated GPU (tests/kernels/emulation), against the CPU's lora<float> to fp32 rounding.
#include <holdfast/adapters/lora.cuh>
#include <holdfast/adapters/lora.hpp>

#include "device_support.hpp"
#include "support/test.hpp"

#include <cstddef>

namespace adapters = holdfast::adapters;
using namespace device_tests;

TEST_CASE("forward and backward on the device are those of the CPU, dropout mask and all") {
    const double p = GENERATE(0.0, 0.3);
    const std::size_t k = 100, n = 70, r = 6;
    philox g{7};
    adapters::lora<float> host({.in = k, .out = n, .rank = r, .alpha = 12, .dropout = p});
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < r; ++j) host.b()(i, j) = static_cast<float>(2 * holdfast::uniform(g) - 1);
    adapters::device_lora<float> device(host.shape());
    device.a.upload(std::as_const(host).a(), nullptr);
    device.b.upload(std::as_const(host).b(), nullptr);
    const adapters::lora_plan plan =
        adapters::make_plan({.tokens = 40, .in = k, .out = n, .rank = r, .type = adapters::fp32});
    device_matrix<std::byte> workspace(1, plan.workspace_bytes);
    adapters::device_lora_saved<float> saved(plan);

    for (const std::size_t m : {40u, 33u, 1u}) {  // one plan serves every batch up to its size
        const auto x = random(m, k, g), w = random(n, k, g), dy = random(m, n, g), residual = random(m, n, g);
        matrix<float> y(m, n);
        philox seed{11}, same{11};
        const auto host_saved = host.forward(x, w, y, seed);
        const auto grad = host.backward(dy, x, w, host_saved);
        auto dx = on_device(x), dw = on_device(w), ddy = on_device(dy);
        device_matrix<float> out(m, n), gx(m, k), ga(r, k), gb(n, r);
        adapters::forward(plan, dx, dw, device.view(), out, saved, same, workspace, nullptr);
        CHECK(seed == same);
        CHECK(saved.key.seed == host_saved.seed);
        CHECK(difference(out, y) < 1e-4);
        adapters::backward(plan, ddy, dx, dw, device.view(), saved,
                           adapters::lora_gradients_view<float>{.x = gx, .a = ga, .b = gb}, workspace, nullptr);
        CHECK(difference(gx, grad.x) < 1e-4);
        CHECK(difference(ga, grad.a) < 3e-4);
        CHECK(difference(gb, grad.b) < 3e-4);

        auto rounded = plan;  // the same layer with factors rounded to tf32
        rounded.shape.tf32 = true;
        philox once_more{11};
        device_matrix<float> less(m, n), less_x(m, k);
        adapters::forward(rounded, dx, dw, device.view(), less, saved, once_more, workspace, nullptr);
        adapters::backward(rounded, ddy, dx, dw, device.view(), saved,
                           adapters::lora_gradients_view<float>{.x = less_x}, workspace, nullptr);
        CHECK((difference(less, y) < 0.1 && difference(less, y) > 1e-4));
        CHECK((difference(less_x, grad.x) < 0.1 && difference(less_x, grad.x) > 1e-4));

        matrix<float> in_use(m, n), with_residual(m, n);
        (void)host.forward(x, w, in_use);
        adapters::forward(plan, dx, dw, device.view(), out, workspace, nullptr);
        CHECK(difference(out, in_use) < 1e-4);
        auto res = on_device(residual);
        adapters::forward(plan, dx, dw, device.view(), out, workspace, nullptr, {.residual = res.view()});
        for (std::size_t i = 0; i < y.size(); ++i)
            with_residual.values()[i] = in_use.values()[i] + residual.values()[i];
        CHECK(difference(out, with_residual) < 1e-4);
    }
    auto w = random(n, k, g);
    auto dw = on_device(w);
    const matrix<float> before = w;
    device_matrix<std::uint32_t> changed(n, k);
    adapters::merge_into(device.view(), dw, nullptr, {.changed = changed.view()});
    host.merge_into(w);
    CHECK(difference(dw, w) < 1e-5);
    adapters::restore(dw.view(), changed, nullptr);
    CHECK(difference(dw, before) == 0);
    adapters::merge_into(device.view(), dw, nullptr);
    adapters::unmerge_from(device.view(), dw, nullptr);
    CHECK(difference(dw, before) < 1e-5);
    CHECK_REFUSES(adapters::merge_into(device.view(), dw, nullptr, {.round = holdfast::kernels::rounding::stochastic}),
                  "stochastic rounding is there for bf16 only");
}

TEST_CASE("the doors on the device refuse with a sentence before anything is enqueued") {
    CHECK_REFUSES(adapters::make_plan({.tokens = 8, .in = 8, .out = 8, .rank = 300}),
                  "adapters::make_plan: rank must be 1 to 256, it is 300");
    CHECK_REFUSES(adapters::device_lora<float>({.in = 8, .out = 0}), "in, out and rank must be above 0");
    const auto plan = adapters::make_plan({.tokens = 4, .in = 8, .out = 6, .rank = 2, .type = adapters::fp32});
    adapters::device_lora<float> adapter({.in = 8, .out = 6, .rank = 2});
    device_matrix<float> x(4, 8), w(6, 8), y(4, 6), narrow(4, 7), tall(5, 8);
    device_matrix<std::byte> workspace(1, plan.workspace_bytes), small_one(1, 8);
    const auto run = [&](auto& in, auto& weight, auto& space) {
        adapters::forward(plan, in, weight, adapter.view(), y, space, nullptr);
    };
    CHECK_REFUSES(run(narrow, w, workspace), "adapters::forward: x must be [4, 8], it is [4, 7]");
    CHECK_REFUSES(run(x, narrow, workspace), "adapters::forward: w must be [6, 8], it is [4, 7]");
    CHECK_REFUSES(run(tall, w, workspace), "the plan is for 4 rows at most, x has 5");
    CHECK_REFUSES(run(x, w, small_one), "the workspace must hold");
    const auto other = adapters::make_plan({.tokens = 4, .in = 8, .out = 6, .rank = 2, .type = adapters::bf16});
    CHECK_REFUSES(adapters::forward(other, x, w, adapter.view(), y, workspace, nullptr),
                  "the plan was made for another element type");
    const holdfast::device_matrix_view<const float> across(x.data(), 4, 8, 1, 4);
    CHECK_REFUSES(adapters::forward(plan, across, w, adapter.view(), y, workspace, nullptr),
                  "x must be row-major, its column stride is 4");
    adapters::device_lora_saved<float> saved(plan);
    CHECK_REFUSES(adapters::backward(plan, y, x, w, adapter.view(), saved, adapters::lora_gradients_view<float>{},
                                     workspace, nullptr),
                  "what forward saved is for 0 rows, x has 4");
    CHECK_REFUSES(x.upload(matrix<float>(3, 8).view(), nullptr), "the host matrix is [3, 8], the device's [4, 8]");
    CHECK_THROWS_WITH(holdfast::check(cudaErrorMemoryAllocation, "f"), Contains("f: ") && Contains("(CUDA error 2)"));
}
