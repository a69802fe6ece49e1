#pragma once
// A batch with many adapters against fp64, row by row: for the GPU and for the emulated one.

#include <holdfast/kernels/segmented_gradients.cuh>
#include <holdfast/kernels/segmented_lora.cuh>

#include "lora_cases.hpp"

namespace lora_cases {

struct segmented_case {
    std::int64_t in = 64, out = 72, rank = 16;
    std::vector<int> ranks;               // of the adapters in the table
    std::vector<std::int32_t> of_row;     // adapter of every row, -1 = none
    std::vector<std::int32_t> offsets{};  // if set: the same as segments, of_row then says what is expected
    std::vector<std::int32_t> segment{};
    std::int32_t device_count = -1;  // segments in use, read on the device; -1: all
    int pad = 0;
};

template <class T>
std::string segmented_verdict(const segmented_case& c) {
    const std::int64_t m = std::int64_t(c.of_row.size()), k = c.in, n = c.out;
    holdfast::philox g{13, std::uint64_t(m), std::uint64_t(k)};
    std::vector<std::unique_ptr<buffer<T>>> as, bs;
    std::vector<std::vector<double>> va, vb;
    std::vector<kernels::adapter_entry<T>> table;
    for (const int r : c.ranks) {
        as.push_back(std::make_unique<buffer<T>>(r, k, c.pad, 0)),
            bs.push_back(std::make_unique<buffer<T>>(n, r, c.pad, 0));
        va.push_back(random_values<T>(r * k, g)), vb.push_back(random_values<T>(n * r, g));
        as.back()->write(va.back()), bs.back()->write(vb.back());
        table.push_back(
            {as.back()->data(), bs.back()->data(), as.back()->ld(), bs.back()->ld(), r, 0.25f * float(r % 3 + 1)});
    }
    const auto on_device = [](const auto& values) {
        using V = std::remove_cvref_t<decltype(values[0])>;
        V* p = nullptr;
        if (cudaMalloc(&p, sizeof(V) * values.size()) != cudaSuccess) std::abort();
        (void)cudaMemcpy(p, values.data(), sizeof(V) * values.size(), cudaMemcpyHostToDevice);
        return std::unique_ptr<V, void (*)(V*)>(p, [](V* q) { (void)cudaFree(q); });
    };
    const auto entries = on_device(table);
    const auto rows = on_device(c.of_row), offsets = on_device(c.offsets), segment = on_device(c.segment);
    const auto count = on_device(std::vector<std::int32_t>{c.device_count});
    const auto vx = random_values<T>(m * k, g), vy = random_values<T>(m * n, g);
    buffer<T> x(m, k, c.pad, 0), y(m, n, c.pad, 0), dy(m, n, c.pad, 0), dx(m, k, c.pad, 0);
    x.write(vx), dx.write(vx), y.write(vy), dy.write(vy);
    kernels::segmented_lora_args<T> f;
    f.tokens = m, f.in = k, f.out = n, f.rank = c.rank;
    f.adapters = entries.get(), f.adapter_count = std::int32_t(table.size());
    if (c.offsets.empty()) {
        f.rows.token_adapter = rows.get();
    } else {
        f.rows.row_offsets = offsets.get(), f.rows.segment_adapter = segment.get();
        f.rows.most = std::int32_t(c.segment.size());
        if (c.device_count >= 0) f.rows.count = count.get();
    }
    f.x = x.data(), f.ldx = x.ld(), f.y = y.data(), f.ldy = y.ld();
    buffer<float> u(m, c.rank, 0, 0), ds(m, c.rank, 0, 0),
        space(1, std::int64_t(kernels::segmented_lora_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes(), f.u = u.data();
    if (!kernels::explain(f).empty()) return kernels::explain(f);
    if (kernels::segmented_lora(f, nullptr) != cudaSuccess) return "forward was not launched";
    buffer<T> alone(m, n, c.pad, 0);  // in serving, where u is not kept: few rows then take one launch
    f.u = nullptr, f.y = alone.data();
    std::vector<double> first;
    for (int run = 0; run < 2; ++run) {
        alone.write(vy), space.poison();
        if (kernels::segmented_lora(f, nullptr) != cudaSuccess) return "serving was not launched";
        if (run == 0) first = alone.read();
    }
    if (alone.read() != first) return "two runs in serving differ";
    f.x = dy.data(), f.ldx = dy.ld(), f.y = dx.data(), f.ldy = dx.ld(), f.u = ds.data();
    if (kernels::segmented_lora_backward(f, nullptr) != cudaSuccess) return "backward was not launched";
    std::vector<std::unique_ptr<buffer<float>>> da, db;
    std::vector<std::vector<double>> wanted_a, wanted_b;
    std::vector<kernels::gradient_entry> targets;
    for (const int r : c.ranks) {
        da.push_back(std::make_unique<buffer<float>>(r, k, c.pad, 0)),
            db.push_back(std::make_unique<buffer<float>>(n, r, c.pad, 0));
        wanted_a.push_back(random_values<float>(r * k, g)), wanted_b.push_back(random_values<float>(n * r, g));
        da.back()->write(wanted_a.back()), db.back()->write(wanted_b.back());
        targets.push_back({da.back()->data(), db.back()->data(), da.back()->ld(), db.back()->ld(), r});
    }
    const auto target_table = on_device(targets);
    kernels::segmented_gradient_args<T> h;
    h.tokens = m, h.in = k, h.out = n, h.rank = c.rank, h.gradients = target_table.get();
    h.adapter_count = f.adapter_count, h.rows = f.rows, h.x = x.data(), h.ldx = x.ld(), h.dy = dy.data(),
    h.lddy = dy.ld();
    h.u = u.data(), h.ds = ds.data();
    if (!kernels::explain(h).empty()) return kernels::explain(h);
    if (kernels::segmented_lora_gradients(h, nullptr) != cudaSuccess) return "gradients were not launched";
    if (cudaDeviceSynchronize() != cudaSuccess) return "a kernel failed";
    const auto out = y.read(), gradient = dx.read(), us = u.read();
    relative_error ey, ex, eu, es;
    for (std::int64_t i = 0; i < m; ++i) {
        const int id = c.of_row[std::size_t(i)];
        const bool has = id >= 0 && id < int(table.size());
        const int r = has ? c.ranks[std::size_t(id)] : 0;
        std::vector<double> ru(static_cast<std::size_t>(r)), rd(static_cast<std::size_t>(r));
        for (int q = 0; q < r; ++q) {
            for (std::int64_t j = 0; j < k; ++j)
                ru[std::size_t(q)] += vx[std::size_t(i * k + j)] * va[std::size_t(id)][std::size_t(q * k + j)];
            for (std::int64_t j = 0; j < n; ++j)
                rd[std::size_t(q)] += vy[std::size_t(i * n + j)] * vb[std::size_t(id)][std::size_t(j * r + q)];
            ru[std::size_t(q)] *= double(table[std::size_t(id)].scale),
                rd[std::size_t(q)] *= double(table[std::size_t(id)].scale);
            eu.add(us[std::size_t(i * c.rank + q)], ru[std::size_t(q)]);
            for (std::int64_t j = 0; j < k; ++j)
                wanted_a[std::size_t(id)][std::size_t(q * k + j)] += rd[std::size_t(q)] * vx[std::size_t(i * k + j)];
            for (std::int64_t j = 0; j < n; ++j)
                wanted_b[std::size_t(id)][std::size_t(j * r + q)] += ru[std::size_t(q)] * vy[std::size_t(i * n + j)];
        }
        for (std::int64_t j = 0; j < n; ++j) {
            double sum = vy[std::size_t(i * n + j)];
            for (int q = 0; q < r; ++q) sum += ru[std::size_t(q)] * vb[std::size_t(id)][std::size_t(j * r + q)];
            ey.add(out[std::size_t(i * n + j)], sum);
            es.add(first[std::size_t(i * n + j)], sum);
            if (!has && (out[std::size_t(i * n + j)] != sum || first[std::size_t(i * n + j)] != sum))
                return "a row without an adapter was changed";
        }
        for (std::int64_t j = 0; j < k; ++j) {
            double sum = vx[std::size_t(i * k + j)];
            for (int q = 0; q < r; ++q) sum += rd[std::size_t(q)] * va[std::size_t(id)][std::size_t(q * k + j)];
            ex.add(gradient[std::size_t(i * k + j)], sum);
        }
    }
    for (std::size_t a = 0; a < da.size(); ++a) {
        relative_error e;
        const auto got_a = da[a]->read(), got_b = db[a]->read();
        for (std::size_t i = 0; i < got_a.size(); ++i) e.add(got_a[i], wanted_a[a][i]);
        for (std::size_t i = 0; i < got_b.size(); ++i) e.add(got_b[i], wanted_b[a][i]);
        if (!(e.value() <= 1e-5)) return "gradients of adapter " + std::to_string(a) + ": " + std::to_string(e.value());
        if (!da[a]->gaps_intact() || !db[a]->gaps_intact()) return "gradients were written between rows";
    }
    const tolerance t = tolerance_of<T>();
    char text[100];
    std::snprintf(text, sizeof text, "m %d: u %.2g y %.2g dx %.2g serving %.2g", int(m), eu.value(), ey.value(),
                  ex.value(), es.value());
    if (!(eu.value() <= 5e-6 && ey.value() <= t.y && ex.value() <= t.y && es.value() <= t.y)) return text;
    return y.gaps_intact() && dx.gaps_intact() && alone.gaps_intact() ? "" : "wrote between rows";
}

/// Rows of adapters in some popularity: 0 one for all, 1 each its own, 2 skewed, 3 none, 4 random with none among them.
inline std::vector<std::int32_t> popularity(int kind, int m, int adapters) {
    holdfast::philox g{std::uint64_t(kind), std::uint64_t(m)};
    std::vector<std::int32_t> ids;
    for (int i = 0; i < m; ++i)
        ids.push_back(kind == 0   ? 0
                      : kind == 1 ? i % adapters
                      : kind == 2 ? std::int32_t(double(adapters) * std::pow(holdfast::uniform(g), 4))
                      : kind == 3 ? -1
                                  : std::int32_t(holdfast::uniform_index(g, std::size_t(adapters) + 1)) - 1);
    return ids;
}

}  // namespace lora_cases
