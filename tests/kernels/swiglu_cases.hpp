#pragma once
// Gate and up with SwiGLU, forward and backward, against fp64 on the CPU. For the GPU and for the emulated one.

#include <holdfast/kernels/swiglu.cuh>

#include "lora_cases.hpp"

namespace lora_cases {

struct swiglu_case {
    std::int64_t tokens = 16, in = 64, out = 64, rank = 8;
    double p = 0;
    bool bias = false, accumulate = false, in_place = false, keep = true;
    int pad = 0, offset = 0;
    bool tf32 = false;
};

template <class T>
std::string swiglu_verdict(const swiglu_case& c) {
    const std::int64_t m = c.tokens, k = c.in, n = c.out, r = c.rank;
    holdfast::philox gen{5, std::uint64_t(m), std::uint64_t(k), std::uint64_t(n)};
    const auto words = std::int64_t(kernels::mask_words(std::size_t(k)));
    const auto at = [](const std::vector<double>& v, std::int64_t i) { return v[std::size_t(i)]; };
    const auto scaled = [&](std::int64_t count) {  // e and g of the order of 1, where silu bends
        auto v = random_values<T>(count, gen);
        for (double& x : v) x = to_double(to_storage<T>(x * 2 / std::sqrt(double(k))));
        return v;
    };
    const auto x = random_values<T>(m * k, gen), dh = random_values<T>(m * n, gen), a = scaled(2 * r * k);
    const std::vector<double> w[2] = {scaled(n * k), scaled(n * k)},
                              b[2] = {random_values<T>(n * r, gen), random_values<T>(n * r, gen)},
                              bias[2] = {random_values<T>(n, gen), random_values<T>(n, gen)},
                              db0[2] = {random_values<float>(n * r, gen), random_values<float>(n * r, gen)};
    const auto da0 = random_values<float>(2 * r * k, gen);
    const auto make = [&](std::int64_t rows, std::int64_t cols, const std::vector<double>* values = nullptr) {
        auto made = std::make_unique<buffer<T>>(rows, cols, c.pad, c.offset);
        if (values != nullptr) made->write(*values);
        return made;
    };
    const auto gx = make(m, k, &x), ga = make(2 * r, k, &a), gdh = make(m, n, &dh), gh = make(m, n), gdx = make(m, k),
               ge = make(m, n), gg = make(m, n), gde = make(m, n), gdg = make(m, n), w0 = make(n, k, &w[0]),
               w1 = make(n, k, &w[1]), b0 = make(n, r, &b[0]), b1 = make(n, r, &b[1]), c0 = make(1, n, &bias[0]),
               c1 = make(1, n, &bias[1]), gu = make(m, 2 * kernels::fused_u_cols(r));
    buffer<float> da(2 * r, k, 0, 0), db_gate(n, r, 0, 0), db_up(n, r, 0, 0), mask(m, words, 0, 0);
    if (c.accumulate) da.write(da0), db_gate.write(db0[0]), db_up.write(db0[1]);
    kernels::swiglu_adapter_args<T> f;
    auto& p = f.projections;
    p.tokens = m, p.in = k, p.rank = r, p.count = 2, p.x = gx->data(), p.ldx = gx->ld(), p.a = ga->data();
    p.lda = ga->ld(), p.scale = 0.5f, p.dropout = kernels::dropout_key::make(31, c.p);
    p.tf32 = c.tf32;
    p.mask = reinterpret_cast<std::uint32_t*>(mask.data()), p.u = gu->data(), p.ldu = gu->ld();
    p.dx = gdx->data(), p.lddx = gdx->ld(), p.da = da.data(), p.ldda = k, p.accumulate = c.accumulate;
    auto &gate = p.slice[0], &up = p.slice[1];
    gate.out = up.out = n;
    gate.w = w0->data(), gate.ldw = w0->ld(), up.w = w1->data(), up.ldw = w1->ld();
    gate.b = b0->data(), gate.ldb = b0->ld(), up.b = b1->data(), up.ldb = b1->ld();
    if (c.bias) gate.bias = c0->data(), up.bias = c1->data();
    if (c.keep) gate.y = ge->data(), gate.ldy = ge->ld(), up.y = gg->data(), up.ldy = gg->ld();
    gate.db = db_gate.data(), gate.lddb = r, up.db = db_up.data(), up.lddb = r;
    f.h = gh->data(), f.ldh = gh->ld(), f.dh = gdh->data(), f.lddh = gdh->ld();
    f.de = c.in_place ? gate.y : gde->data(), f.ldde = c.in_place ? gate.ldy : gde->ld();
    f.dg = c.in_place ? up.y : gdg->data(), f.lddg = c.in_place ? up.ldy : gdg->ld();
    buffer<float> space(1, std::int64_t(kernels::swiglu_adapter_workspace(f) / 4), 0, 0);
    p.workspace = space.data(), p.workspace_bytes = space.bytes();
    if (!kernels::explain(f).empty()) return kernels::explain(f);
    if (kernels::swiglu_adapter(f, nullptr) != cudaSuccess) return "forward was not launched";
    if (cudaDeviceSynchronize() != cudaSuccess) return "forward failed";

    std::vector<std::uint32_t> bits(std::size_t(m * words), ~0u);
    if (c.p > 0)
        for (std::int64_t i = 0; i < m; ++i)
            kernels::mask_row(p.dropout, std::uint64_t(i), bits.data() + i * words, std::size_t(words));
    const auto kept = [&](std::int64_t i, std::int64_t j) {
        return (bits[std::size_t(i * words + j / 32)] >> (j % 32) & 1u) != 0u;
    };
    const double factor = 0.5 * (c.p > 0 ? p.dropout.keep_scale() : 1.0);
    std::vector<double> u[2], y[2], ds[2], dy[2];
    for (int s = 0; s < 2; ++s) {
        u[s].resize(std::size_t(m * r)), ds[s].resize(std::size_t(m * r)), y[s].resize(std::size_t(m * n));
        dy[s].resize(std::size_t(m * n));
        for (std::int64_t i = 0; i < m; ++i)
            for (std::int64_t q = 0; q < r; ++q)
                for (std::int64_t j = 0; j < k; ++j)
                    if (kept(i, j))
                        u[s][std::size_t(i * r + q)] += factor * at(x, i * k + j) * at(a, (s * r + q) * k + j);
        for (std::int64_t i = 0; i < m; ++i)
            for (std::int64_t j = 0; j < n; ++j) {
                double sum = c.bias ? at(bias[s], j) : 0.0;
                for (std::int64_t q = 0; q < k; ++q) sum += at(x, i * k + q) * at(w[s], j * k + q);
                for (std::int64_t q = 0; q < r; ++q) sum += at(u[s], i * r + q) * at(b[s], j * r + q);
                y[s][std::size_t(i * n + j)] = sum;
            }
    }
    relative_error eh, ee, eg;
    const auto vh = gh->read(), ve = ge->read(), vg = gg->read();
    for (std::int64_t i = 0; i < m * n; ++i) {
        const double e = at(y[0], i), g = at(y[1], i), sigmoid = 1 / (1 + std::exp(-e)), d = at(dh, i);
        eh.add(at(vh, i), e * sigmoid * g);
        if (c.keep) ee.add(at(ve, i), e), eg.add(at(vg, i), g);
        dy[0][std::size_t(i)] = d * g * sigmoid * (1 + e * (1 - sigmoid));
        dy[1][std::size_t(i)] = d * e * sigmoid;
    }
    const tolerance t =
        c.tf32 ? tf32_tolerance : tolerance_of<T>();  // h has the roundings of e and g in it, and its own
    char text[160] = "";
    std::snprintf(text, sizeof text, "m %d k %d n %d r %d: h %.2g e %.2g g %.2g", int(m), int(k), int(n), int(r),
                  eh.value(), ee.value(), eg.value());
    if (!(eh.value() <= 2 * t.y && ee.value() <= t.y && eg.value() <= t.y)) return text;
    gh->poison(), space.poison();
    if (kernels::swiglu_adapter(f, nullptr) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess ||
        gh->read() != vh)
        return "two runs of forward differ";
    if (!gh->gaps_intact() || !ge->gaps_intact() || !gg->gaps_intact()) return "forward wrote between rows";
    if (!c.keep) return {};

    if (!kernels::explain_backward(f).empty()) return kernels::explain_backward(f);
    if (kernels::swiglu_adapter_backward(f, nullptr) != cudaSuccess) return "backward was not launched";
    if (cudaDeviceSynchronize() != cudaSuccess) return "backward failed";
    relative_error edx, eda, edb;
    const auto vdx = gdx->read(), vda = da.read();
    const std::vector<double> vdb[2] = {db_gate.read(), db_up.read()};
    std::vector<double> dx(std::size_t(m * k));
    for (int s = 0; s < 2; ++s) {
        for (std::int64_t i = 0; i < m; ++i) {
            for (std::int64_t q = 0; q < r; ++q)
                for (std::int64_t j = 0; j < n; ++j)
                    ds[s][std::size_t(i * r + q)] += factor * at(dy[s], i * n + j) * at(b[s], j * r + q);
            for (std::int64_t j = 0; j < k; ++j) {
                for (std::int64_t q = 0; q < n; ++q)
                    dx[std::size_t(i * k + j)] += at(dy[s], i * n + q) * at(w[s], q * k + j);
                for (std::int64_t q = 0; q < r && kept(i, j); ++q)
                    dx[std::size_t(i * k + j)] += at(ds[s], i * r + q) * at(a, (s * r + q) * k + j);
            }
        }
        for (std::int64_t q = 0; q < r; ++q) {
            for (std::int64_t j = 0; j < k; ++j) {
                double sum = c.accumulate ? at(da0, (s * r + q) * k + j) : 0.0;
                for (std::int64_t i = 0; i < m; ++i)
                    if (kept(i, j)) sum += at(ds[s], i * r + q) * at(x, i * k + j);
                eda.add(at(vda, (s * r + q) * k + j), sum);
            }
            for (std::int64_t j = 0; j < n; ++j) {
                double sum = c.accumulate ? at(db0[s], j * r + q) : 0.0;
                for (std::int64_t i = 0; i < m; ++i) sum += at(dy[s], i * n + j) * at(u[s], i * r + q);
                edb.add(at(vdb[s], j * r + q), sum);
            }
        }
    }
    for (std::int64_t i = 0; i < m * k; ++i) edx.add(at(vdx, i), at(dx, i));
    std::snprintf(text, sizeof text, "m %d k %d n %d r %d: dx %.2g dA %.2g dB %.2g", int(m), int(k), int(n), int(r),
                  edx.value(), eda.value(), edb.value());
    if (!(edx.value() <= 2 * t.y && eda.value() <= 2 * t.gradient && edb.value() <= 2 * t.gradient)) return text;
    return gdx->gaps_intact() ? std::string{} : "backward wrote between rows";
}

}  // namespace lora_cases
