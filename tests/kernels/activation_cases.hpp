#pragma once
// Activations at the end of an adapted product, and their gradients, against fp64: for lora_matmul_test.cu on a GPU and
// activation_emulated_test.cpp on the emulated one.

#include <holdfast/kernels/activation_gradient.cuh>

#include "lora_cases.hpp"

namespace lora_cases {

inline constexpr kernels::activation every_activation[] = {kernels::activation::none, kernels::activation::relu,
                                                           kernels::activation::silu, kernels::activation::gelu,
                                                           kernels::activation::gelu_tanh};

inline double activated_in_double(kernels::activation f, double z) {
    const double pi = 3.14159265358979323846;
    switch (f) {
        case kernels::activation::none:
            return z;
        case kernels::activation::relu:
            return z > 0 ? z : 0;
        case kernels::activation::silu:
            return z / (1 + std::exp(-z));
        case kernels::activation::gelu:
            return 0.5 * z * std::erfc(-z / std::sqrt(2.0));
        case kernels::activation::gelu_tanh:
            return 0.5 * z * (1 + std::tanh(std::sqrt(2 / pi) * (z + 0.044715 * z * z * z)));
    }
    return 0;
}
/// By central differences of the fourth order, exact to some 1e-11 away from relu's corner.
inline double slope_in_double(kernels::activation f, double z) {
    const double h = 1e-3;
    const auto at = [&](double d) { return activated_in_double(f, z + d * h); };
    if (f == kernels::activation::relu) return z > 0 ? 1 : 0;
    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h);
}

/// y = f(z) with z kept and without, and dz = dy f'(z), for rows of `n` with a gap of `pad`.
template <class T>
std::string activation_verdict(kernels::activation f, std::int64_t m, std::int64_t n, int pad, bool tf32 = false) {
    const std::int64_t k = 24, r = 4;
    holdfast::philox g{std::uint64_t(f) + 90, std::uint64_t(m), std::uint64_t(n)};
    buffer<T> x(m, k, pad, 0), w(n, k, pad, 0), a(r, k, pad, 0), b(n, r, pad, 0), bias(1, n, 0, 0), y(m, n, pad, 0),
        z(m, n, pad, 0), alone(m, n, pad, 0), dy(m, n, pad, 0), dz(m, n, pad, 0);
    const auto vx = random_values<T>(m * k, g), vw = random_values<T>(n * k, g), va = random_values<T>(r * k, g),
               vb = random_values<T>(n * r, g), vc = random_values<T>(n, g), vd = random_values<T>(m * n, g);
    x.write(vx), w.write(vw), a.write(va), b.write(vb), bias.write(vc), dy.write(vd);
    kernels::lora_matmul_args<T> p;
    p.shape = {m, k, n, r};
    p.x = x.data(), p.ldx = x.ld(), p.w = w.data(), p.ldw = w.ld(), p.a = a.data(), p.lda = a.ld(), p.b = b.data();
    p.ldb = b.ld(), p.y = y.data(), p.ldy = y.ld(), p.bias = bias.data(), p.f = f, p.z = z.data(), p.ldz = z.ld();
    p.tf32 = tf32;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_workspace(p) / 4), 0, 0);
    p.workspace = space.data(), p.workspace_bytes = space.bytes();
    if (kernels::lora_matmul(p, nullptr) != cudaSuccess) return "not launched";
    p.z = nullptr, p.y = alone.data();
    if (kernels::lora_matmul(p, nullptr) != cudaSuccess) return "not launched without z";
    kernels::activation_gradient_args<T> h{f, m, n};
    const bool has_z = f != kernels::activation::none;
    h.z = has_z ? z.data() : y.data(), h.ldz = z.ld(), h.dy = dy.data(), h.lddy = dy.ld(), h.dz = dz.data();
    h.lddz = dz.ld();
    if (!kernels::explain(h).empty()) return kernels::explain(h);
    if (kernels::activation_gradient(h, nullptr) != cudaSuccess) return "the gradient was not launched";
    if (cudaDeviceSynchronize() != cudaSuccess) return "a kernel failed";
    const auto gy = y.read(), gz = has_z ? z.read() : y.read(), gd = dz.read();
    if (alone.read() != gy) return "y depends on whether z is kept";
    relative_error ez, ey, ed;
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
            double sum = vc[std::size_t(j)];
            for (std::int64_t q = 0; q < k; ++q) sum += vx[std::size_t(i * k + q)] * vw[std::size_t(j * k + q)];
            for (std::int64_t q = 0; q < r; ++q) {
                double u = 0;
                for (std::int64_t c = 0; c < k; ++c) u += vx[std::size_t(i * k + c)] * va[std::size_t(q * k + c)];
                sum += u * vb[std::size_t(j * r + q)];
            }
            const auto at = std::size_t(i * n + j);
            ez.add(gz[at], sum);
            ey.add(gy[at], activated_in_double(f, gz[at]));  // of z as it was stored
            ed.add(gd[at], vd[at] * slope_in_double(f, gz[at]));
        }
    const tolerance t = tolerance_of<T>();
    char text[160] = "";
    if (!(ez.value() <= (tf32 ? 6e-4 : 1.1 * t.y) && ey.value() <= t.y && ed.value() <= t.y))
        std::snprintf(text, sizeof text, "activation %d, m %d n %d: z %.2g y %.2g dz %.2g", int(f), int(m), int(n),
                      ez.value(), ey.value(), ed.value());
    else if (!y.gaps_intact() || !z.gaps_intact() || !dz.gaps_intact())
        std::snprintf(text, sizeof text, "wrote between rows");
    return text;
}

}  // namespace lora_cases
