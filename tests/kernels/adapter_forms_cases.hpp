#pragma once
// DoRA's gradients, mixtures of adapters and O-LoRA's penalty against fp64 on the CPU. For the GPU and the emulated
// one.

#include <holdfast/kernels/dora.cuh>
#include <holdfast/kernels/dora_backward.cuh>
#include <holdfast/kernels/mixture.cuh>
#include <holdfast/kernels/orthogonality.cuh>

#include "lora_cases.hpp"

namespace lora_cases {

/// A layer's inputs, the same for every form: host copies, device buffers, the mask's bits.
template <class T>
struct layer {
    explicit layer(const lora_case& c)
        : m(c.tokens),
          k(c.in),
          n(c.out),
          r(c.rank),
          words(std::int64_t(kernels::mask_words(std::size_t(c.in)))),
          g{c.seed, std::uint64_t(m), std::uint64_t(k), std::uint64_t(n * 1000 + r)},
          x(random_values<T>(m * k, g)),
          w(random_values<T>(n * k, g)),
          a(random_values<T>(r * k, g)),
          b(random_values<T>(n * r, g)),
          dy(random_values<T>(m * n, g)),
          bias(random_values<T>(n, g)),
          da0(random_values<float>(r * k, g)),
          db0(random_values<float>(n * r, g)),
          key(kernels::dropout_key::make(c.seed * 77, c.p)),
          bits(std::size_t(m * words), ~0u),
          factor(double(c.scale) * (c.p > 0 ? key.keep_scale() : 1.0)),
          gx(m, k, c.pad, c.offset),
          gw(n, k, c.pad, c.offset),
          ga(r, k, c.pad, c.offset),
          gb(n, r, c.pad, c.offset),
          gdy(m, n, c.pad, c.offset),
          gbias(1, n, 0, c.offset),
          gy(m, n, c.pad, c.offset),
          gu(m, r, c.pad, c.offset),
          gdx(m, k, c.pad, c.offset),
          gda(r, k, c.pad, 0),
          gdb(n, r, c.pad, 0),
          gmask(m, words, 0, 0) {
        gx.write(x), gw.write(w), ga.write(a), gb.write(b), gdy.write(dy), gbias.write(bias);
        if (c.accumulate) gda.write(da0), gdb.write(db0);
        if (c.p > 0)
            for (std::int64_t i = 0; i < m; ++i)
                kernels::mask_row(key, std::uint64_t(i), bits.data() + i * words, std::size_t(words));
        forward.shape = backward.shape = {m, k, n, r};
        forward.x = backward.x = gx.data(), forward.ldx = backward.ldx = gx.ld();
        forward.w = backward.w = gw.data(), forward.ldw = backward.ldw = gw.ld();
        forward.a = backward.a = ga.data(), forward.lda = backward.lda = ga.ld();
        forward.b = backward.b = gb.data(), forward.ldb = backward.ldb = gb.ld();
        forward.u = gu.data(), backward.u = gu.data(), forward.ldu = backward.ldu = gu.ld();
        forward.y = gy.data(), forward.ldy = gy.ld(), backward.dy = gdy.data(), backward.lddy = gdy.ld();
        forward.scale = backward.scale = c.scale, forward.dropout = backward.dropout = key;
        if (c.p > 0) forward.mask = reinterpret_cast<std::uint32_t*>(gmask.data()), backward.mask = forward.mask;
        if (c.bias) forward.bias = gbias.data();
        backward.dx = gdx.data(), backward.lddx = gdx.ld(), backward.da = gda.data(), backward.ldda = gda.ld();
        backward.db = gdb.data(), backward.lddb = gdb.ld(), backward.accumulate = c.accumulate;
    }
    [[nodiscard]] bool kept(std::int64_t i, std::int64_t j) const {
        return (bits[std::size_t(i * words + j / 32)] >> (j % 32) & 1u) != 0u;
    }
    /// factor (m . x) A' for one token and rank, and dy B.
    [[nodiscard]] double u(std::int64_t i, std::int64_t q) const {
        double sum = 0;
        for (std::int64_t j = 0; j < k; ++j)
            if (kept(i, j)) sum += x[std::size_t(i * k + j)] * a[std::size_t(q * k + j)];
        return factor * sum;
    }
    [[nodiscard]] double slope(const std::vector<double>& d, std::int64_t i, std::int64_t q) const {
        double sum = 0;
        for (std::int64_t j = 0; j < n; ++j) sum += d[std::size_t(i * n + j)] * b[std::size_t(j * r + q)];
        return sum;
    }
    /// x W' + u B'
    [[nodiscard]] double y(const std::vector<double>& us, std::int64_t i, std::int64_t j) const {
        double sum = 0;
        for (std::int64_t q = 0; q < k; ++q) sum += x[std::size_t(i * k + q)] * w[std::size_t(j * k + q)];
        for (std::int64_t q = 0; q < r; ++q) sum += us[std::size_t(i * r + q)] * b[std::size_t(j * r + q)];
        return sum;
    }
    /// What dx, dA and dB differ by from those of d = dL/d(x W' + u B'), u and ds.
    [[nodiscard]] std::string gradients(const std::vector<double>& d, const std::vector<double>& us,
                                        const std::vector<double>& ds, double roundings) const {
        relative_error edx, eda, edb;
        const auto vdx = gdx.read(), vda = gda.read(), vdb = gdb.read();
        const auto at = [](const std::vector<double>& v, std::int64_t i) { return v[std::size_t(i)]; };
        for (std::int64_t i = 0; i < m; ++i)
            for (std::int64_t j = 0; j < k; ++j) {
                double sum = 0;
                for (std::int64_t q = 0; q < n; ++q) sum += at(d, i * n + q) * at(w, q * k + j);
                for (std::int64_t q = 0; q < r && kept(i, j); ++q) sum += at(ds, i * r + q) * at(a, q * k + j);
                edx.add(at(vdx, i * k + j), sum);
            }
        for (std::int64_t q = 0; q < r; ++q) {
            for (std::int64_t j = 0; j < k; ++j) {
                double sum = backward.accumulate ? at(da0, q * k + j) : 0.0;
                for (std::int64_t i = 0; i < m; ++i)
                    if (kept(i, j)) sum += at(ds, i * r + q) * at(x, i * k + j);
                eda.add(at(vda, q * k + j), sum);
            }
            for (std::int64_t j = 0; j < n; ++j) {
                double sum = backward.accumulate ? at(db0, j * r + q) : 0.0;
                for (std::int64_t i = 0; i < m; ++i) sum += at(d, i * n + j) * at(us, i * r + q);
                edb.add(at(vdb, j * r + q), sum);
            }
        }
        const tolerance t = tolerance_of<T>();
        if (!gdx.gaps_intact() || !gda.gaps_intact() || !gdb.gaps_intact()) return "backward wrote between rows";
        if (edx.value() <= roundings * t.y && eda.value() <= roundings * t.gradient &&
            edb.value() <= roundings * t.gradient)
            return {};
        char text[100];
        std::snprintf(text, sizeof text, "dx %.2g dA %.2g dB %.2g", edx.value(), eda.value(), edb.value());
        return text;
    }

    std::int64_t m, k, n, r, words;
    holdfast::philox g;
    std::vector<double> x, w, a, b, dy, bias, da0, db0;
    kernels::dropout_key key;
    std::vector<std::uint32_t> bits;
    double factor;
    buffer<T> gx, gw, ga, gb, gdy, gbias, gy, gu, gdx;
    buffer<float> gda, gdb, gmask;
    kernels::lora_matmul_args<T> forward;
    kernels::lora_matmul_backward_args<T> backward;
};

/// DoRA forward and backward, the norm held constant.
template <class T>
std::string dora_verdict(const lora_case& c, bool in_place = false) {
    layer<T> l(c);
    const std::int64_t m = l.m, k = l.k, n = l.n, r = l.r;
    auto magnitude = random_values<float>(n, l.g);
    for (double& v : magnitude) v = v < 0 ? v - 0.2 : v + 0.2;
    for (double& v : magnitude) v = double(float(v));
    const auto dm0 = random_values<float>(n, l.g);
    buffer<float> gmag(1, n, 0, 0), gscale(1, n, 0, 0), gdm(1, n, 0, 0);
    buffer<T> scaled(m, n, c.pad, c.offset);
    gmag.write(magnitude);
    if (c.accumulate) gdm.write(dm0);
    kernels::dora_norm_args<T> d;
    d.shape = l.forward.shape;
    d.w = l.gw.data(), d.ldw = l.gw.ld(), d.a = l.ga.data(), d.lda = l.ga.ld(), d.b = l.gb.data(), d.ldb = l.gb.ld();
    d.scale = c.scale, d.magnitude = gmag.data(), d.column_scale = gscale.data();
    l.forward.column_scale = gscale.data();
    kernels::dora_backward_args<T> h;
    h.product = l.backward;
    h.column_scale = gscale.data(), h.scaled = in_place ? l.gdy.data() : scaled.data();
    h.lds = in_place ? l.gdy.ld() : scaled.ld();
    h.dmagnitude = gdm.data(), h.magnitude = gmag.data(), h.y = l.gy.data(), h.ldy = l.gy.ld(), h.bias = l.forward.bias;
    buffer<float> space(1,
                        std::int64_t(std::max(kernels::lora_matmul_workspace(l.forward),
                                              kernels::dora_backward_workspace<T>(l.forward.shape)) /
                                     4),
                        0, 0);
    l.forward.workspace = h.product.workspace = space.data();
    l.forward.workspace_bytes = h.product.workspace_bytes = space.bytes();
    if (kernels::dora_norm(d, nullptr) != cudaSuccess || kernels::lora_matmul(l.forward, nullptr) != cudaSuccess)
        return "forward was not launched";
    space.poison();
    if (!kernels::explain(h).empty()) return kernels::explain(h);
    if (kernels::dora_backward(h, nullptr) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess)
        return "backward failed";

    const auto first = gdm.read();
    if (!c.accumulate && !in_place) {
        gdm.poison(), scaled.poison(), space.poison();
        if (kernels::dora_backward(h, nullptr) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess ||
            gdm.read() != first)
            return name(c) + ": two runs of backward differ";
    }
    std::vector<double> norm(static_cast<std::size_t>(n)), us(std::size_t(m * r)), ds(us.size()),
        dz(std::size_t(m * n)), dm(static_cast<std::size_t>(n));
    for (std::int64_t j = 0; j < n; ++j) {
        double square = 0;
        for (std::int64_t q = 0; q < k; ++q) {
            double v = l.w[std::size_t(j * k + q)];
            for (std::int64_t s = 0; s < r; ++s)
                v += double(c.scale) * l.b[std::size_t(j * r + s)] * l.a[std::size_t(s * k + q)];
            square += v * v;
        }
        norm[std::size_t(j)] = std::sqrt(square);
    }
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t q = 0; q < r; ++q) us[std::size_t(i * r + q)] = l.u(i, q);
    relative_error em, ey;
    const auto vy = l.gy.read(), vdm = gdm.read();
    for (std::int64_t j = 0; j < n; ++j) {
        double sum = c.accumulate ? dm0[std::size_t(j)] : 0.0;
        const double scale = magnitude[std::size_t(j)] / norm[std::size_t(j)];
        for (std::int64_t i = 0; i < m; ++i) {
            const double plain = l.y(us, i, j), slope = l.dy[std::size_t(i * n + j)];
            ey.add(vy[std::size_t(i * n + j)], scale * plain + (c.bias ? l.bias[std::size_t(j)] : 0.0));
            sum += slope * plain / norm[std::size_t(j)];
            dz[std::size_t(i * n + j)] = slope * scale;
        }
        em.add(vdm[std::size_t(j)], sum);
    }
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t q = 0; q < r; ++q) ds[std::size_t(i * r + q)] = l.factor * l.slope(dz, i, q);
    const tolerance t = tolerance_of<T>();
    char text[100];
    std::snprintf(text, sizeof text, ": y %.2g dmagnitude %.2g", ey.value(), em.value());
    if (!(ey.value() <= t.y && em.value() <= 2 * t.gradient)) return name(c) + text;  // y was rounded before
    if (!gdm.gaps_intact() || !scaled.gaps_intact()) return name(c) + ": wrote between rows";
    const std::string wrong = l.gradients(dz, us, ds, 1.5);  // dy was rounded once more
    return wrong.empty() ? wrong : name(c) + ": " + wrong;
}

/// A mixture of `experts`, forward and backward; some gates are 0, as a router's top few leave them.
template <class T>
std::string mixture_verdict(const lora_case& c, std::int64_t experts) {
    layer<T> l(c);
    const std::int64_t m = l.m, n = l.n, r = l.r, each = r / experts;
    auto gate = random_values<float>(m * experts, l.g);
    for (std::size_t i = 0; i < gate.size(); i += 3) gate[i] = 0;
    buffer<float> ggate(m, experts, c.pad, 0), gdgate(m, experts, c.pad, 0);
    buffer<T> raw(m, r, c.pad, c.offset);
    ggate.write(gate);
    kernels::mixture_args<T> f;
    f.product = l.forward, f.gates = {experts, ggate.data(), ggate.ld()};
    kernels::mixture_backward_args<T> h;
    h.product = l.backward, h.gates = f.gates, h.dgates = gdgate.data(), h.lddg = gdgate.ld();
    if (c.keep)
        f.raw = raw.data(), h.raw = raw.data(), f.ldraw = h.ldraw = raw.ld();
    else
        f.product.u = nullptr, f.product.mask = nullptr;
    buffer<float> space(1, std::int64_t(std::max(kernels::mixture_workspace(f), kernels::mixture_workspace(h)) / 4), 0,
                        0);
    f.product.workspace = h.product.workspace = space.data();
    f.product.workspace_bytes = h.product.workspace_bytes = space.bytes();
    if (!kernels::explain(f).empty()) return kernels::explain(f);
    if (kernels::mixture(f, nullptr) != cudaSuccess) return "forward was not launched";
    std::vector<double> us(std::size_t(m * r)), ds(us.size());
    relative_error ey, eg;
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t q = 0; q < r; ++q)
            us[std::size_t(i * r + q)] = gate[std::size_t(i * experts + q / each)] * l.u(i, q);
    if (cudaDeviceSynchronize() != cudaSuccess) return "forward failed";
    const auto vy = l.gy.read();
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j)
            ey.add(vy[std::size_t(i * n + j)], l.y(us, i, j) + (c.bias ? l.bias[std::size_t(j)] : 0.0));
    const tolerance t = tolerance_of<T>();
    if (!(ey.value() <= t.y)) return name(c) + ": y " + std::to_string(ey.value());
    l.gy.poison(), space.poison();
    if (kernels::mixture(f, nullptr) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess || l.gy.read() != vy)
        return name(c) + ": two runs of forward differ";
    if (!l.gy.gaps_intact() || !raw.gaps_intact() || !l.gu.gaps_intact()) return name(c) + ": wrote between rows";
    if (!c.keep) return {};
    space.poison();
    if (!kernels::explain(h).empty()) return kernels::explain(h);
    if (kernels::mixture_backward(h, nullptr) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess)
        return "backward failed";
    const auto vg = gdgate.read();
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t e = 0; e < experts; ++e) {
            double sum = 0;
            for (std::int64_t q = e * each; q < (e + 1) * each; ++q) {
                const double slope = l.slope(l.dy, i, q);
                sum += slope * l.u(i, q);
                ds[std::size_t(i * r + q)] = l.factor * gate[std::size_t(i * experts + e)] * slope;
            }
            eg.add(vg[std::size_t(i * experts + e)], sum);
        }
    if (!(eg.value() <= t.gradient)) return name(c) + ": dgates " + std::to_string(eg.value());
    if (!gdgate.gaps_intact()) return name(c) + ": wrote between the rows of dgates";
    const auto first = l.gda.read();
    if (!c.accumulate) {
        l.gda.poison(), gdgate.poison(), space.poison();
        if (kernels::mixture_backward(h, nullptr) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess ||
            l.gda.read() != first || gdgate.read() != vg)
            return name(c) + ": two runs of backward differ";
    }
    const std::string wrong = l.gradients(l.dy, us, ds, 1);
    return wrong.empty() ? wrong : name(c) + ": " + wrong;
}

struct overlap_case {
    std::int64_t previous, rank, width;
};

/// All modules in one launch, the first without a gradient.
template <class T>
std::string overlap_verdict(const std::vector<overlap_case>& cases, kernels::overlap kind, double exact = 1e-5) {
    holdfast::philox g{8};
    std::vector<std::vector<double>> previous, current, start;
    std::vector<std::unique_ptr<buffer<T>>> own;
    std::vector<std::unique_ptr<buffer<float>>> sums;
    std::vector<kernels::overlap_entry<T>> table;
    for (const auto& c : cases) {
        previous.push_back(random_values<T>(c.previous * c.width, g));
        current.push_back(random_values<T>(c.rank * c.width, g));
        start.push_back(random_values<float>(c.rank * c.width, g));
        own.push_back(std::make_unique<buffer<T>>(c.previous, c.width, 3, 1));
        own.back()->write(previous.back());
        kernels::overlap_entry<T> e;
        e.previous = own.back()->data(), e.ldp = own.back()->ld();
        own.push_back(std::make_unique<buffer<T>>(c.rank, c.width, 1, 0));
        own.back()->write(current.back());
        e.current = own.back()->data(), e.lda = own.back()->ld();
        sums.push_back(std::make_unique<buffer<float>>(c.rank, c.width, 2, 0));
        sums.back()->write(start.back());
        e.gradient = table.empty() ? nullptr : sums.back()->data(), e.ldg = sums.back()->ld();
        e.previous_rank = std::int32_t(c.previous), e.rank = std::int32_t(c.rank), e.width = c.width;
        table.push_back(e);
    }
    kernels::overlap_entry<T>* on_device = nullptr;
    if (cudaMalloc(&on_device, sizeof(table[0]) * table.size()) != cudaSuccess) return "no memory";
    (void)cudaMemcpy(on_device, table.data(), sizeof(table[0]) * table.size(), cudaMemcpyHostToDevice);
    buffer<float> losses(1, std::int64_t(cases.size()), 0, 0);
    kernels::orthogonality_args<T> f;
    f.modules = on_device, f.count = std::int64_t(cases.size()), f.weight = 0.25f, f.kind = kind;
    f.losses = losses.data();
    const bool ran = kernels::orthogonality(f, nullptr) == cudaSuccess && cudaDeviceSynchronize() == cudaSuccess;
    (void)cudaFree(on_device);
    if (!ran) return "it failed";
    const auto loss = losses.read();
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const auto& c = cases[i];
        double sum = 0;
        auto expected = start[i];
        for (std::int64_t p = 0; p < c.previous; ++p)
            for (std::int64_t q = 0; q < c.rank; ++q) {
                double overlap = 0;
                for (std::int64_t j = 0; j < c.width; ++j)
                    overlap += previous[i][std::size_t(p * c.width + j)] * current[i][std::size_t(q * c.width + j)];
                const bool squared = kind == kernels::overlap::squared;
                sum += squared ? overlap * overlap : std::abs(overlap);
                const double slope = squared ? 2 * overlap : overlap > 0 ? 1.0 : overlap < 0 ? -1.0 : 0.0;
                for (std::int64_t j = 0; j < c.width && i > 0; ++j)
                    expected[std::size_t(q * c.width + j)] += 0.25 * slope * previous[i][std::size_t(p * c.width + j)];
            }
        relative_error e;
        const auto gradient = sums[i]->read();
        for (std::size_t j = 0; j < expected.size(); ++j) e.add(gradient[j], expected[j]);
        if (!(std::abs(loss[i] - 0.25 * sum) <= exact * (1 + sum)))
            return "module " + std::to_string(i) + ": the loss is " + std::to_string(loss[i]) + ", not " +
                   std::to_string(0.25 * sum);
        if (!(e.value() <= exact)) return "module " + std::to_string(i) + ": gradient " + std::to_string(e.value());
        if (!sums[i]->gaps_intact()) return "wrote between rows";
    }
    return {};
}

}  // namespace lora_cases
