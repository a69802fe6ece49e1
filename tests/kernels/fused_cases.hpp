#pragma once
// A fused layer against its slices computed alone by lora_matmul (which lora_cases.hpp checks against fp64): y_i, dB_i,
// dA_i to rounding, dx against the sum of the slices' own. For the GPU and for the emulated one.

#include <holdfast/kernels/fused_adapter.cuh>

#include "lora_cases.hpp"

namespace lora_cases {

struct fused_case {
    std::int64_t tokens, in, rank;
    std::vector<std::int64_t> out;
    double p = 0;
    bool bias = false, accumulate = false, residual = false, tf32 = false;  // the slices alone are not tf32
};

template <class T>
std::string fused_verdict(const fused_case& c) {
    const std::int64_t m = c.tokens, k = c.in, r = c.rank, count = std::int64_t(c.out.size());
    holdfast::philox g{3, std::uint64_t(m), std::uint64_t(k)};
    const auto words = std::int64_t(kernels::mask_words(std::size_t(k)));
    const std::int64_t width = kernels::fused_u_cols(r);
    buffer<T> x(m, k, 0, 0), a(count * r, k, 0, 0), u(m, count * width, 0, 0), dx(m, k, 0, 0);
    buffer<float> da(count * r, k, 0, 0), mask(m, words, 0, 0), mask1(m, words, 0, 0);
    x.write(random_values<T>(m * k, g)), a.write(random_values<T>(count * r * k, g));
    const auto da0 = random_values<float>(count * r * k, g);
    if (c.accumulate) da.write(da0);
    kernels::fused_adapter_args<T> f;
    f.tokens = m, f.in = k, f.rank = r, f.count = int(count);
    f.x = x.data(), f.ldx = k, f.a = a.data(), f.lda = k, f.u = u.data(), f.ldu = u.ld(), f.scale = 0.5f;
    f.dropout = kernels::dropout_key::make(77, c.p), f.tf32 = c.tf32;
    f.mask = reinterpret_cast<std::uint32_t*>(mask.data());
    f.dx = dx.data(), f.lddx = k, f.da = da.data(), f.ldda = k, f.accumulate = c.accumulate;
    std::vector<std::unique_ptr<buffer<T>>> own;
    std::vector<std::unique_ptr<buffer<float>>> sums;
    const auto make = [&](std::int64_t rows, std::int64_t cols, bool fill) -> buffer<T>& {
        own.push_back(std::make_unique<buffer<T>>(rows, cols, 0, 0));
        if (fill) own.back()->write(random_values<T>(rows * cols, g));
        return *own.back();
    };
    std::vector<std::vector<double>> db0;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t n = c.out[std::size_t(i)];
        auto& s = f.slice[i];
        s.out = n;
        s.w = make(n, k, true).data(), s.ldw = k, s.b = make(n, r, true).data(), s.ldb = r;
        s.dy = make(m, n, true).data(), s.lddy = n;
        if (c.bias) s.bias = make(1, n, true).data();
        if (c.residual) s.residual = make(m, n, true).data(), s.ldr = n;
        s.y = make(m, n, false).data(), s.ldy = n;
        sums.push_back(std::make_unique<buffer<float>>(n, r, 0, 0));
        db0.push_back(random_values<float>(n * r, g));
        if (c.accumulate) sums.back()->write(db0.back());
        s.db = sums.back()->data(), s.lddb = r;
    }
    buffer<float> space(1, std::int64_t(kernels::fused_adapter_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    if (!kernels::explain(f).empty()) return kernels::explain(f);
    if (!kernels::explain_backward(f).empty()) return kernels::explain_backward(f);
    if (kernels::fused_adapter(f, nullptr) != cudaSuccess) return "forward was not launched";
    if (kernels::fused_adapter_backward(f, nullptr) != cudaSuccess) return "backward was not launched";
    if (cudaDeviceSynchronize() != cudaSuccess) return "a kernel failed";

    const auto read = [](const T* data, std::int64_t size) {
        std::vector<T> raw(static_cast<std::size_t>(size));
        (void)cudaMemcpy(raw.data(), data, sizeof(T) * raw.size(), cudaMemcpyDeviceToHost);
        std::vector<double> v;
        for (const T t : raw) v.push_back(to_double(t));
        return v;
    };
    const tolerance t = c.tf32 ? tf32_tolerance : tolerance_of<T>();
    std::vector<double> dx_sum(std::size_t(m * k));
    const auto da_all = da.read();
    for (std::int64_t i = 0; i < count; ++i) {
        const auto& s = f.slice[i];
        buffer<T> y(m, s.out, 0, 0), u1(m, r, 0, 0), dx1(m, k, 0, 0);
        buffer<float> da1(r, k, 0, 0), db1(s.out, r, 0, 0);
        kernels::lora_matmul_args<T> one;
        one.shape = {m, k, s.out, r};
        one.x = f.x, one.ldx = k, one.w = s.w, one.ldw = k, one.a = f.a + i * r * k, one.lda = k, one.b = s.b,
        one.ldb = r;
        one.y = y.data(), one.ldy = s.out, one.scale = f.scale, one.bias = s.bias, one.residual = s.residual,
        one.ldr = s.ldr, one.dropout = f.dropout;
        one.mask = reinterpret_cast<std::uint32_t*>(mask1.data()), one.u = u1.data(), one.ldu = r;
        kernels::lora_matmul_backward_args<T> back;
        back.shape = one.shape;
        back.dy = s.dy, back.lddy = s.out, back.x = f.x, back.ldx = k, back.w = s.w, back.ldw = k, back.a = one.a;
        back.lda = k, back.b = s.b, back.ldb = r, back.u = one.u, back.ldu = r, back.mask = one.mask;
        back.dropout = f.dropout, back.scale = f.scale, back.dx = dx1.data(), back.lddx = k, back.da = da1.data();
        back.ldda = k, back.db = db1.data(), back.lddb = r;
        buffer<float> work(1,
                           std::int64_t(std::max(kernels::lora_matmul_workspace(one),
                                                 kernels::lora_matmul_backward_workspace<T>(one.shape)) /
                                        4),
                           0, 0);
        one.workspace = back.workspace = work.data(), one.workspace_bytes = back.workspace_bytes = work.bytes();
        if (kernels::lora_matmul(one, nullptr) != cudaSuccess ||
            kernels::lora_matmul_backward(back, nullptr) != cudaSuccess)
            return "a slice alone was not launched";
        (void)cudaDeviceSynchronize();
        relative_error ey, ea, eb;
        const auto fused_y = read(s.y, m * s.out), alone_y = y.read(), alone_da = da1.read(), alone_db = db1.read(),
                   fused_db = sums[std::size_t(i)]->read(), alone_dx = dx1.read();
        for (std::size_t j = 0; j < fused_y.size(); ++j) ey.add(fused_y[j], alone_y[j]);
        for (std::int64_t j = 0; j < r * k; ++j)
            ea.add(da_all[std::size_t(i * r * k + j)],
                   alone_da[std::size_t(j)] + (c.accumulate ? da0[std::size_t(i * r * k + j)] : 0));
        for (std::size_t j = 0; j < fused_db.size(); ++j)
            eb.add(fused_db[j], alone_db[j] + (c.accumulate ? db0[std::size_t(i)][j] : 0));
        for (std::size_t j = 0; j < dx_sum.size(); ++j) dx_sum[j] += alone_dx[j];
        char text[120];
        std::snprintf(text, sizeof text, "slice %d: y %.2g dA %.2g dB %.2g", int(i), ey.value(), ea.value(),
                      eb.value());
        if (!(ey.value() <= t.y && ea.value() <= t.gradient && eb.value() <= t.gradient)) return text;
    }
    relative_error ex;  // the slices' dx are rounded once each, the fused one once in all
    const auto fused_dx = dx.read();
    for (std::size_t j = 0; j < dx_sum.size(); ++j) ex.add(fused_dx[j], dx_sum[j]);
    if (!(ex.value() <= 2 * t.y)) return "dx " + std::to_string(ex.value());
    if (c.p > 0 && mask.read() != mask1.read() && m > 0) {
        std::vector<std::uint32_t> one(std::size_t(m * words)), other(one.size());
        (void)cudaMemcpy(one.data(), mask.data(), 4 * one.size(), cudaMemcpyDeviceToHost);
        (void)cudaMemcpy(other.data(), mask1.data(), 4 * one.size(), cudaMemcpyDeviceToHost);
        if (one != other) return "the mask is not the one of a slice alone";
    }
    return {};
}

}  // namespace lora_cases
