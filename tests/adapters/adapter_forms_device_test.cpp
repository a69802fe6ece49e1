// The doors of the other forms of an adapter on the emulated GPU: DoRA, mixtures, fused projections, SwiGLU, batches of
// many adapters, O-LoRA's penalty. fp32, against the formulas in fp64; and what the doors refuse.
#include <holdfast/adapters/dora.cuh>
#include <holdfast/adapters/fused.cuh>
#include <holdfast/adapters/mixture.cuh>
#include <holdfast/adapters/orthogonality.cuh>
#include <holdfast/adapters/segmented.cuh>

#include "device_support.hpp"
#include "support/test.hpp"

#include <memory>
#include <vector>

namespace adapters = holdfast::adapters;
namespace kernels = holdfast::kernels;
using namespace device_tests;
using view = holdfast::device_matrix_view<float>;
using const_view = holdfast::device_matrix_view<const float>;

namespace {

/// A layer of [m, k] x [n, k]' with an adapter of rank r, on the host in fp64 and on the device.
struct layer {
    layer(std::size_t rows, std::size_t in, std::size_t out, std::size_t rank, double dropout)
        : m(rows),
          k(in),
          n(out),
          r(rank),
          p(dropout),
          hx(random(m, k, g)),
          hw(random(n, k, g)),
          ha(random(r, k, g)),
          hb(random(n, r, g)),
          hdy(random(m, n, g)),
          hbias(random(1, n, g)) {}
    [[nodiscard]] adapters::lora_view<float> view_of() const { return {a.view(), b.view(), 0.75f, p}; }
    [[nodiscard]] adapters::lora_gradients_view<float> gradients() { return {.x = gx, .a = ga, .b = gb}; }
    /// s / (1 - p) (m . x) A', without gates.
    [[nodiscard]] wide u(const kernels::dropout_key& key) const {
        return times(factor(key), masked(x64, key) * across(a64));
    }
    [[nodiscard]] double factor(const kernels::dropout_key& key) const { return 0.75 * key.keep_scale(); }
    /// The worst of dx, dA and dB, given dL/d(x W' + u B'), u and ds.
    [[nodiscard]] double worst(const wide& dz, const wide& us, const wide& ds, const kernels::dropout_key& key) const {
        return std::max({difference(gx, dz * w64 + masked(ds * a64, key)),
                         difference(ga, across(ds) * masked(x64, key)), difference(gb, across(dz) * us)});
    }

    philox g{17};
    std::size_t m, k, n, r;
    double p;
    matrix<float> hx, hw, ha, hb, hdy, hbias;
    wide x64 = widened(hx), w64 = widened(hw), a64 = widened(ha), b64 = widened(hb), dy64 = widened(hdy),
         bias64 = widened(hbias);
    device_matrix<float> x = on_device(hx), w = on_device(hw), a = on_device(ha), b = on_device(hb),
                         dy = on_device(hdy), bias = on_device(hbias), y{m, n}, gx{m, k}, ga{r, k}, gb{n, r};
};

}  // namespace

TEST_CASE("DoRA's doors: the norm, the layer in use and in training, and its gradients") {
    const double p = GENERATE(0.0, 0.3);
    layer l(20, 33, 18, 4, p);
    const auto plan =
        adapters::make_dora_plan({.tokens = 30, .in = l.k, .out = l.n, .rank = l.r, .type = adapters::fp32});
    device_matrix<std::byte> workspace(1, plan.workspace_bytes);
    adapters::device_dora_saved<float> saved(plan);
    matrix<float> hmagnitude = random(1, l.n, l.g);
    for (float& v : hmagnitude.values()) v += v < 0 ? -0.3f : 0.3f;
    auto magnitude = on_device(hmagnitude);
    const adapters::dora_view<float> dora{l.view_of(), magnitude.view()};
    adapters::forward(plan, l.x, l.w, dora, l.y, saved, l.g, workspace, nullptr, l.bias.view());
    const auto& key = saved.low_rank.key;
    CHECK((key.threshold > 0) == (p > 0));

    const wide merged = l.w64 + times(0.75, l.b64 * l.a64), us = l.u(key),
               z = l.x64 * across(l.w64) + us * across(l.b64);
    const wide norm = each(1, l.n, [&](std::size_t, std::size_t j) {
        double square = 0;
        for (std::size_t q = 0; q < l.k; ++q) square += merged(j, q) * merged(j, q);
        return std::sqrt(square);
    });
    const auto scale = [&](std::size_t j) { return double(hmagnitude(0, j)) / norm(0, j); };
    const auto scaled_by_column = [&](const wide& of) {
        return each(l.m, l.n, [&](std::size_t i, std::size_t j) { return of(i, j) * scale(j); });
    };
    const wide expected =
        each(l.m, l.n, [&](std::size_t i, std::size_t j) { return scale(j) * z(i, j) + l.bias64(0, j); });
    CHECK(difference(l.y, expected) < 1e-4);
    device_matrix<float> norms(1, l.n), column_scale(1, l.n);
    adapters::dora_norm<float>(l.w, dora, norms, column_scale, nullptr);
    CHECK(difference(norms, norm) < 1e-4);

    device_matrix<float> scaled(l.m, l.n), dm(1, l.n);
    adapters::backward(plan, l.dy, l.x, l.w, dora, l.y, saved,
                       adapters::dora_gradients_view<float>{l.gradients(), dm.view()}, scaled, workspace, nullptr,
                       l.bias.view());
    const wide dz = scaled_by_column(l.dy64);
    CHECK(l.worst(dz, us, times(l.factor(key), dz * l.b64), key) < 3e-4);
    CHECK(difference(dm, each(1, l.n, [&](std::size_t, std::size_t j) {
                         double sum = 0;
                         for (std::size_t i = 0; i < l.m; ++i) sum += l.dy64(i, j) * z(i, j) / norm(0, j);
                         return sum;
                     })) < 3e-4);

    adapters::forward(plan, l.x, l.w, dora, column_scale.view(), l.y, workspace, nullptr);
    if (p == 0) CHECK(difference(l.y, scaled_by_column(z)) < 1e-4);
    CHECK_REFUSES(adapters::forward(plan, l.x, l.w, dora, magnitude.view(), l.x, workspace, nullptr),
                  "adapters::forward: y must be [20, 18], it is [20, 33]");
    CHECK_REFUSES(adapters::dora_norm<float>(l.w, dora, l.x, {}, nullptr),
                  "adapters::dora_norm: norm must be [1, 18], it is [20, 33]");
    const adapters::dora_view<float> without{l.view_of()};
    CHECK_REFUSES(
        adapters::backward(plan, l.dy, l.x, l.w, without, l.y, saved,
                           adapters::dora_gradients_view<float>{l.gradients(), dm.view()}, scaled, workspace, nullptr),
        "adapters::backward: magnitude must be [1, 18], it is [0, 0]");
    const auto small = adapters::make_plan({.tokens = 30, .in = l.k, .out = l.n, .rank = l.r, .type = adapters::fp32});
    device_matrix<std::byte> too_small(1, 64);
    CHECK_REFUSES(
        adapters::backward(small, l.dy, l.x, l.w, dora, l.y, saved,
                           adapters::dora_gradients_view<float>{l.gradients(), dm.view()}, scaled, too_small, nullptr),
        "kernels::dora_backward: the workspace must hold");
}

TEST_CASE("a mixture's doors: gated adapters in use and in training, the gates' gradients too") {
    const double p = GENERATE(0.0, 0.4);
    const std::size_t experts = 3;
    layer l(25, 40, 22, 12, p);
    const auto plan =
        adapters::make_mixture_plan({.tokens = 25, .in = l.k, .out = l.n, .rank = l.r, .type = adapters::fp32});
    device_matrix<std::byte> workspace(1, plan.workspace_bytes);
    adapters::device_mixture_saved<float> saved(plan);
    const auto hgates = random(l.m, experts, l.g);
    auto gates = on_device(hgates);
    const adapters::mixture_view<float> mixture{l.view_of(), gates.view()};
    adapters::forward(plan, l.x, l.w, mixture, l.y, saved, l.g, workspace, nullptr, {.bias = l.bias.view()});
    const auto& key = saved.low_rank.key;
    const auto gate = [&](std::size_t i, std::size_t q) { return double(hgates(i, q / (l.r / experts))); };
    const wide raw = l.u(key),
               us = each(l.m, l.r, [&](std::size_t i, std::size_t q) { return gate(i, q) * raw(i, q); });
    const wide z = l.x64 * across(l.w64) + us * across(l.b64);
    CHECK(difference(l.y, each(l.m, l.n, [&](std::size_t i, std::size_t j) { return z(i, j) + l.bias64(0, j); })) <
          1e-4);

    device_matrix<float> dgates(l.m, experts);
    adapters::backward(plan, l.dy, l.x, l.w, mixture, saved, l.gradients(), dgates.view(), workspace, nullptr);
    const wide slope = l.dy64 * l.b64, ds = each(l.m, l.r, [&](std::size_t i, std::size_t q) {
                                           return l.factor(key) * gate(i, q) * slope(i, q);
                                       });
    CHECK(l.worst(l.dy64, us, ds, key) < 3e-4);
    CHECK(difference(dgates, each(l.m, experts, [&](std::size_t i, std::size_t e) {
                         double sum = 0;
                         for (std::size_t q = e * 4; q < e * 4 + 4; ++q) sum += slope(i, q) * raw(i, q);
                         return sum;
                     })) < 3e-4);
    if (p == 0) {
        adapters::forward(plan, l.x, l.w, mixture, l.y, workspace, nullptr);
        CHECK(difference(l.y, z) < 1e-4);
    }
    auto five = on_device(random(l.m, 5, l.g));
    CHECK_REFUSES(adapters::forward(plan, l.x, l.w, adapters::mixture_view<float>{l.view_of(), five.view()}, l.y,
                                    workspace, nullptr),
                  "adapters::forward: kernels::mixture: experts must divide the rank 12, they are 5");
    auto few = on_device(random(3, experts, l.g));
    CHECK_REFUSES(adapters::forward(plan, l.x, l.w, adapters::mixture_view<float>{l.view_of(), few.view()}, l.y,
                                    workspace, nullptr),
                  "adapters::forward: gates must be [25, 3], it is [3, 3]");
}

TEST_CASE("the fused doors: three projections of one input, and one gradient of it") {
    const double p = GENERATE(0.0, 0.25);
    const std::size_t m = 19, k = 30, r = 5, outs[] = {24, 8, 13};
    philox g{5};
    adapters::fused_options o{.tokens = 20, .in = k, .rank = r, .count = 3, .type = adapters::fp32};
    const auto hx = random(m, k, g), ha = random(3 * r, k, g);
    auto x = on_device(hx), a = on_device(ha);
    adapters::fused_view<float> layer{a.view(), {}, 0.5f, p};
    std::vector<device_matrix<float>> w, b, y, dy, db, bias;
    std::vector<wide> w64, b64, dy64, a64, bias64;
    for (std::size_t i = 0; i < 3; ++i) {
        const std::size_t n = o.out[i] = outs[i];
        const auto keep = [&](std::vector<device_matrix<float>>& to, std::vector<wide>& copy, std::size_t rows,
                              std::size_t cols) {
            const auto host = random(rows, cols, g);
            to.push_back(on_device(host)), copy.push_back(widened(host));
        };
        keep(w, w64, n, k), keep(b, b64, n, r), keep(dy, dy64, m, n), keep(bias, bias64, 1, n);
        y.emplace_back(m, n), db.emplace_back(n, r);
        a64.push_back(each(r, k, [&](std::size_t q, std::size_t j) { return double(ha(i * r + q, j)); }));
        layer.slice[i] = {w[i].view(), b[i].view(), {bias[i].view(), {}}};
    }
    const auto plan = adapters::make_fused_plan(o);
    device_matrix<std::byte> workspace(1, plan.workspace_bytes);
    adapters::device_lora_saved<float> saved(plan.saved);
    const view out[] = {y[0], y[1], y[2]};
    adapters::forward(plan, x, layer, std::span<const view>(out), saved, g, workspace, nullptr);
    const auto& key = saved.key;
    const double factor = 0.5 * key.keep_scale();
    const wide x64 = widened(hx), dropped = masked(x64, key);
    wide dx(m, k), low(m, k), da(3 * r, k);
    device_matrix<float> gx(m, k), ga(3 * r, k);
    adapters::fused_gradients_view<float> to{gx.view(), ga.view(), {}};
    const const_view slopes[] = {dy[0], dy[1], dy[2]};
    for (std::size_t i = 0; i < 3; ++i) {
        const wide u = times(factor, dropped * across(a64[i])), z = x64 * across(w64[i]) + u * across(b64[i]);
        CHECK(difference(y[i], each(m, outs[i],
                                    [&](std::size_t s, std::size_t j) { return z(s, j) + bias64[i](0, j); })) < 1e-4);
        to.b[i] = db[i].view();
    }
    adapters::backward(plan, std::span<const const_view>(slopes), x, layer, saved, to, workspace, nullptr);
    for (std::size_t i = 0; i < 3; ++i) {
        const wide u = times(factor, dropped * across(a64[i])), ds = times(factor, dy64[i] * b64[i]),
                   part = across(ds) * dropped;
        CHECK(difference(db[i], across(dy64[i]) * u) < 3e-4);
        dx = dx + dy64[i] * w64[i], low = low + ds * a64[i];
        for (std::size_t q = 0; q < r; ++q)
            for (std::size_t j = 0; j < k; ++j) da(i * r + q, j) = part(q, j);
    }
    CHECK(difference(gx, dx + masked(low, key)) < 3e-4);
    CHECK(difference(ga, da) < 3e-4);

    CHECK_REFUSES(adapters::make_fused_plan({.tokens = 1, .in = 4, .rank = 2, .count = 4}),
                  "adapters::make_fused_plan: slices must be 1 to 3, they are 4");
    CHECK_REFUSES(adapters::forward(plan, x, layer, std::span<const view>(out, 2), saved, g, workspace, nullptr),
                  "there must be one y per slice, 3, there are 2");
    adapters::device_lora_saved<float> other(
        adapters::make_plan({.tokens = 20, .in = k, .out = 8, .rank = r, .type = adapters::fp32}));
    CHECK_REFUSES(adapters::forward(plan, x, layer, std::span<const view>(out), other, g, workspace, nullptr),
                  "saved was made for another plan");
    CHECK_REFUSES(
        adapters::backward(plan, std::span<const const_view>(slopes), x, layer, other, to, workspace, nullptr),
        "what forward saved is for 0 rows, x has 19");
}

TEST_CASE("the gated MLP's doors: h, and the gradients through silu") {
    const std::size_t m = 12, k = 26, n = 21, r = 8;
    philox g{6};
    const auto hx = random(m, k, g), ha = random(2 * r, k, g), hdh = random(m, n, g);
    auto x = on_device(hx), a = on_device(ha), dh = on_device(hdh);
    adapters::fused_view<float> layer{a.view(), {}, 0.1f, 0.2};
    std::vector<device_matrix<float>> w, b, kept, slopes, db;
    std::vector<wide> w64, b64, a64, z;
    for (std::size_t i = 0; i < 2; ++i) {
        const auto hw = random(n, k, g), hb = random(n, r, g);
        w.push_back(on_device(hw)), b.push_back(on_device(hb)), w64.push_back(widened(hw)), b64.push_back(widened(hb));
        kept.emplace_back(m, n), slopes.emplace_back(m, n), db.emplace_back(n, r);
        a64.push_back(each(r, k, [&](std::size_t q, std::size_t j) { return double(ha(i * r + q, j)); }));
        layer.slice[i] = {w[i].view(), b[i].view()};
    }
    const auto plan =
        adapters::make_fused_plan({.tokens = m, .in = k, .rank = r, .count = 2, .out = {n, n}, .type = adapters::fp32});
    device_matrix<std::byte> workspace(1, plan.workspace_bytes);
    adapters::device_lora_saved<float> saved(plan.saved);
    device_matrix<float> h(m, n), gx(m, k), ga(2 * r, k);
    const adapters::swiglu_kept<float> eg{kept[0].view(), kept[1].view()}, de_dg{slopes[0].view(), slopes[1].view()};
    adapters::forward_swiglu(plan, x, layer, h, eg, saved, g, workspace, nullptr);
    const double factor = double(0.1f) * saved.key.keep_scale();
    const wide x64 = widened(hx), dropped = masked(x64, saved.key);
    std::vector<wide> u;
    for (std::size_t i = 0; i < 2; ++i) {
        u.push_back(times(factor, dropped * across(a64[i])));
        z.push_back(x64 * across(w64[i]) + u[i] * across(b64[i]));
        CHECK(difference(kept[i], z[i]) < 1e-4);
    }
    const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
    CHECK(difference(h, each(m, n, [&](std::size_t i, std::size_t j) {
                         return z[0](i, j) * sigmoid(z[0](i, j)) * z[1](i, j);
                     })) < 3e-4);
    adapters::backward_swiglu(plan, dh, x, layer, eg, de_dg, saved,
                              adapters::fused_gradients_view<float>{gx.view(), ga.view(), {db[0].view(), db[1].view()}},
                              workspace, nullptr);
    const wide slope[] = {
        each(m, n,
             [&](std::size_t i, std::size_t j) {
                 const double e = z[0](i, j), s = sigmoid(e);
                 return double(hdh(i, j)) * z[1](i, j) * s * (1 + e * (1 - s));
             }),
        each(m, n, [&](std::size_t i, std::size_t j) { return double(hdh(i, j)) * z[0](i, j) * sigmoid(z[0](i, j)); })};
    wide low(m, k), dx(m, k);
    for (std::size_t i = 0; i < 2; ++i) {
        CHECK(difference(db[i], across(slope[i]) * u[i]) < 1e-3);
        dx = dx + slope[i] * w64[i], low = low + times(factor, slope[i] * b64[i]) * a64[i];
    }
    CHECK(difference(gx, dx + masked(low, saved.key)) < 1e-3);

    CHECK_REFUSES(adapters::backward_swiglu(plan, dh, x, layer, {}, de_dg, saved,
                                            adapters::fused_gradients_view<float>{}, workspace, nullptr),
                  "adapters::backward_swiglu: kernels::swiglu_adapter_backward: e is a null pointer");
    const auto three = adapters::make_fused_plan(
        {.tokens = m, .in = k, .rank = r, .count = 2, .out = {n, n - 1}, .type = adapters::fp32});
    layer.slice[1] = {holdfast::device_matrix_view<const float>(w[1].data(), n - 1, k), {b[1].data(), n - 1, r}};
    CHECK_REFUSES(adapters::forward_swiglu(three, x, layer, h, {}, saved, g, workspace, nullptr),
                  "the gate and up must be of one width, they are 21 and 20");
}

TEST_CASE("the doors of many adapters: each row its own, forward, backward, and every adapter's gradients") {
    const std::size_t m = 23, k = 30, n = 21;
    const std::size_t ranks[] = {4, 1, 7};
    philox g{8};
    std::vector<device_matrix<float>> a, b, ga, gb;
    std::vector<wide> a64, b64, da, db;
    std::vector<adapters::lora_view<float>> views;
    std::vector<adapters::gradient_table::views> targets;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto ha = random(ranks[i], k, g), hb = random(n, ranks[i], g);
        a.push_back(on_device(ha)), b.push_back(on_device(hb)), a64.push_back(widened(ha)), b64.push_back(widened(hb));
        ga.push_back(on_device(matrix<float>(ranks[i], k, 0.0f))),
            gb.push_back(on_device(matrix<float>(n, ranks[i], 0.0f)));
        da.emplace_back(ranks[i], k), db.emplace_back(n, ranks[i]);
    }
    for (std::size_t i = 0; i < 3; ++i) {
        views.push_back({a[i].view(), b[i].view(), 0.5f * float(i + 1)});
        targets.push_back({ga[i].view(), gb[i].view()});
    }
    adapters::adapter_table<float> table(views, nullptr);
    CHECK((table.size() == 3 && table.rank() == 7 && table.in() == k && table.out() == n));
    matrix<std::int32_t> numbers(1, m);
    for (std::size_t i = 0; i < m; ++i) numbers(0, i) = std::int32_t(i * 7 % 4) - 1;
    const auto ids = on_device(numbers);
    const auto rows = adapters::rows_by_number(ids.view());
    const auto hx = random(m, k, g), hy = random(m, n, g), hdy = random(m, n, g);
    auto x = on_device(hx), y = on_device(hy), dy = on_device(hdy), dx = on_device(hx);
    device_matrix<std::byte> workspace(1, adapters::segmented_workspace(table, m));
    device_matrix<float> u(m, 7), ds(m, 7);
    adapters::add_adapters(table, rows, x, y, workspace, nullptr, u.view());
    adapters::add_adapters_backward(table, rows, dy, dx, workspace, nullptr, ds.view());
    const adapters::gradient_table to(table, targets, nullptr);
    adapters::add_adapter_gradients(table, rows, x, dy, u.view(), ds.view(), to, nullptr);
    wide expected = widened(hy), back = widened(hx);
    for (std::size_t i = 0; i < m; ++i) {
        if (numbers(0, i) < 0) continue;
        const auto of = std::size_t(numbers(0, i));
        const double s = 0.5 * double(of + 1);
        const wide row = each(1, k, [&](std::size_t, std::size_t j) { return double(hx(i, j)); }),
                   slope = each(1, n, [&](std::size_t, std::size_t j) { return double(hdy(i, j)); }),
                   ui = times(s, row * across(a64[of])), di = times(s, slope * b64[of]), more = ui * across(b64[of]),
                   less = di * a64[of];
        for (std::size_t j = 0; j < n; ++j) expected(i, j) += more(0, j);
        for (std::size_t j = 0; j < k; ++j) back(i, j) += less(0, j);
        da[of] = da[of] + across(di) * row, db[of] = db[of] + across(slope) * ui;
    }
    CHECK(difference(y, expected) < 1e-4);
    CHECK(difference(dx, back) < 1e-4);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(difference(ga[i], da[i]) < 3e-4);
        CHECK(difference(gb[i], db[i]) < 3e-4);
    }
    // segments that say the same of two rows, and another adapter in place of the first
    table.replace(0, views[2], nullptr);
    const auto which = on_device(matrix<std::int32_t>(1, 1, 0));
    matrix<std::int32_t> from_to(1, 2);
    from_to(0, 1) = 2;
    auto borders = on_device(from_to);
    auto again = on_device(hy);
    adapters::add_adapters(table, adapters::rows_by_segment(borders.view(), which.view()), x, again, workspace,
                           nullptr);
    const wide two = times(1.5, widened(hx) * across(a64[2])) * across(b64[2]);
    CHECK(difference(again, each(m, n, [&](std::size_t i, std::size_t j) {
                         return double(hy(i, j)) + (i < 2 ? two(i, j) : 0.0);
                     })) < 1e-4);

    CHECK_REFUSES(adapters::adapter_table<float>({}, nullptr), "adapters::adapter_table: there must be one adapter");
    views[1].b = b[0].view();
    CHECK_REFUSES(adapters::adapter_table<float>(views, nullptr),
                  "adapters::adapter_table: b must be [21, 1], it is [21, 4]");
    CHECK_REFUSES(table.replace(3, views[0], nullptr), "there are 3 adapters, there is no number 3");
    CHECK_REFUSES(adapters::rows_by_segment(which.view(), which.view()),
                  "one offset more than 1 segments, there are 1");
    CHECK_REFUSES(adapters::add_adapters(table, {}, x, y, workspace, nullptr),
                  "adapters::add_adapters: kernels::segmented_lora: either token_adapter or row_offsets");
    CHECK_REFUSES(adapters::add_adapters(table, rows, y, y, workspace, nullptr), "x must be [23, 30], it is [23, 21]");
    device_matrix<std::byte> none(1, 8);
    CHECK_REFUSES(adapters::add_adapters_backward(table, rows, dy, dx, none, nullptr),
                  "kernels::segmented_lora_backward: the workspace must hold");
    targets.pop_back();
    CHECK_REFUSES(adapters::gradient_table(table, targets, nullptr), "there are 3 adapters, but gradients for 2");
}

TEST_CASE("O-LoRA's doors: the overlap of every module with its past, and its gradient") {
    philox g{9};
    const auto hp = random(6, 20, g), hc = random(3, 20, g), other = random(2, 9, g);
    auto previous = on_device(hp), current = on_device(hc), alone = on_device(other);
    device_matrix<float> gradient = on_device(matrix<float>(3, 20, 0.0f)), losses(1, 2);
    const adapters::overlap_view<float> modules[] = {{previous.view(), current.view(), gradient.view()},
                                                     {{}, alone.view(), {}}};
    const adapters::overlap_table<float> table(modules, nullptr);
    adapters::overlap_penalty(table, losses, nullptr, {.weight = 0.25f});
    const wide p64 = widened(hp), overlap = p64 * across(widened(hc));
    double sum = 0;
    for (const double v : overlap.values()) sum += std::abs(v);
    CHECK(difference(losses, each(1, 2, [&](std::size_t, std::size_t i) { return i == 0 ? 0.25 * sum : 0.0; })) < 1e-4);
    const wide sign = each(3, 6, [&](std::size_t q, std::size_t i) { return overlap(i, q) > 0 ? 0.25 : -0.25; });
    CHECK(difference(gradient, sign * p64) < 1e-4);
    const adapters::overlap_view<float> wrong[] = {{alone.view(), current.view(), {}}};
    CHECK_REFUSES(adapters::overlap_table<float>(wrong, nullptr),
                  "adapters::overlap_table: previous must be [2, 20], it is [2, 9]");
    CHECK_REFUSES(adapters::overlap_penalty(table, gradient, nullptr),
                  "adapters::overlap_penalty: losses must be [1, 2], it is [3, 20]");
}
