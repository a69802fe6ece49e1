#pragma once
// One LoRA layer through the kernels, forward and backward, against fp64 on the CPU: for lora_matmul_test.cu on a GPU
// and lora_matmul_emulated_test.cpp on the emulated one. Outputs, workspaces and gaps between rows begin as NaN.

#include <holdfast/core/random.hpp>
#include <holdfast/kernels/lora_matmul.cuh>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace lora_cases {

namespace kernels = holdfast::kernels;

struct lora_case {
    std::int64_t tokens = 16, in = 64, out = 64, rank = 8;
    double p = 0;    // dropout
    int pad = 0;     // leading dimensions above the width
    int offset = 0;  // elements from the 256-byte border
    bool bias = false, residual = false, accumulate = false, zero_w = false, keep = true;
    float scale = 0.5f;
    std::uint64_t seed = 1;
    std::int64_t samples = 1 << 30;  // rows of y and dx, columns of dA, rows of dB that are compared
};

inline std::string name(const lora_case& c) {
    char text[160];
    std::snprintf(text, sizeof text, "m %lld k %lld n %lld r %lld p %g pad %d offset %d%s%s%s%s%s",
                  static_cast<long long>(c.tokens), static_cast<long long>(c.in), static_cast<long long>(c.out),
                  static_cast<long long>(c.rank), c.p, c.pad, c.offset, c.bias ? " bias" : "",
                  c.residual ? " residual" : "", c.accumulate ? " accumulate" : "", c.zero_w ? " W=0" : "",
                  c.keep ? "" : " inference");
    return text;
}

/// Relative errors in the Frobenius norm over what was compared; a NaN that was left shows as NaN.
struct lora_errors {
    double u = 0, y = 0, dx = 0, da = 0, db = 0;
    bool gaps_intact = true, mask_equal = true, repeatable = true;
    cudaError_t error = cudaSuccess;
};

template <class T>
T to_storage(double x) {
    if constexpr (std::is_same_v<T, float>)
        return static_cast<float>(x);
    else if constexpr (std::is_same_v<T, __half>)
        return __float2half_rn(static_cast<float>(x));
    else
        return __float2bfloat16_rn(static_cast<float>(x));
}
inline double to_double(float x) { return x; }
inline double to_double(__half x) { return __half2float(x); }
inline double to_double(__nv_bfloat16 x) { return __bfloat162float(x); }

/// Device memory [rows, cols] with a gap after every row and an offset before the first.
template <class T>
class buffer {
  public:
    buffer(std::int64_t rows, std::int64_t cols, int pad, int offset)
        : rows_(rows),
          cols_(cols),
          ld_(cols + pad),
          offset_(offset),
          bytes_(sizeof(T) * std::size_t(rows * ld_ + offset)) {
        if (cudaMalloc(&memory_, std::max<std::size_t>(bytes_, 1)) != cudaSuccess) std::abort();
        poison();
    }
    buffer(const buffer&) = delete;
    buffer& operator=(const buffer&) = delete;
    ~buffer() { (void)cudaFree(memory_); }

    void poison() { (void)cudaMemset(memory_, 0xFF, bytes_); }
    [[nodiscard]] T* data() const { return memory_ + offset_; }
    [[nodiscard]] std::int64_t ld() const { return ld_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

    void write(const std::vector<double>& values) {
        std::vector<T> raw = raw_copy();
        for (std::int64_t i = 0; i < rows_; ++i)
            for (std::int64_t j = 0; j < cols_; ++j)
                raw[std::size_t(offset_ + i * ld_ + j)] = to_storage<T>(values[std::size_t(i * cols_ + j)]);
        if (bytes_) (void)cudaMemcpy(memory_, raw.data(), bytes_, cudaMemcpyHostToDevice);
    }
    [[nodiscard]] std::vector<double> read() const {
        const std::vector<T> raw = raw_copy();
        std::vector<double> values(std::size_t(rows_ * cols_));
        for (std::int64_t i = 0; i < rows_; ++i)
            for (std::int64_t j = 0; j < cols_; ++j)
                values[std::size_t(i * cols_ + j)] = to_double(raw[std::size_t(offset_ + i * ld_ + j)]);
        return values;
    }
    /// The bytes between the rows are still the poison.
    [[nodiscard]] bool gaps_intact() const {
        const std::vector<T> raw = raw_copy();
        const auto poisoned = [&](std::int64_t at) {
            const auto* bytes = reinterpret_cast<const unsigned char*>(&raw[std::size_t(at)]);
            return std::all_of(bytes, bytes + sizeof(T), [](unsigned char b) { return b == 0xFF; });
        };
        for (std::int64_t at = 0; at < offset_; ++at)
            if (!poisoned(at)) return false;
        for (std::int64_t i = 0; i < rows_; ++i)
            for (std::int64_t j = cols_; j < ld_; ++j)
                if (!poisoned(offset_ + i * ld_ + j)) return false;
        return true;
    }

  private:
    [[nodiscard]] std::vector<T> raw_copy() const {
        std::vector<T> raw(std::size_t(rows_ * ld_ + offset_));
        if (bytes_) (void)cudaMemcpy(raw.data(), memory_, bytes_, cudaMemcpyDeviceToHost);
        return raw;
    }
    std::int64_t rows_, cols_, ld_;
    int offset_;
    std::size_t bytes_;
    T* memory_ = nullptr;
};

template <class T>
std::vector<double> random_values(std::int64_t count, holdfast::philox& g) {
    std::vector<double> v(static_cast<std::size_t>(count));
    for (double& x : v) x = to_double(to_storage<T>(2 * holdfast::uniform(g) - 1));
    return v;
}

class relative_error {
  public:
    void add(double value, double expected) {
        difference_ += (value - expected) * (value - expected);
        norm_ += expected * expected;
    }
    [[nodiscard]] double value() const { return norm_ > 0 ? std::sqrt(difference_ / norm_) : std::sqrt(difference_); }

  private:
    double difference_ = 0, norm_ = 0;
};

/// `count` indices of 0..n-1, the first and the last among them.
inline std::vector<std::int64_t> sample(std::int64_t n, std::int64_t count) {
    std::vector<std::int64_t> s;
    if (n <= count) {
        for (std::int64_t i = 0; i < n; ++i) s.push_back(i);
    } else {
        for (std::int64_t i = 0; i < count; ++i) s.push_back(i * (n - 1) / (count - 1));
    }
    return s;
}

/// Who computes: lora_matmul.cuh, unless a test names another route with the same arguments.
struct own_route {
    static constexpr double roundings = 1;  // of y and dx, relative to one
    template <class Args>
    static std::size_t bytes(const Args& f) {
        if constexpr (requires { f.y; })
            return kernels::lora_matmul_workspace(f);
        else
            return kernels::lora_matmul_backward_workspace<std::remove_cv_t<std::remove_pointer_t<decltype(f.dy)>>>(
                f.shape);
    }
    template <class Args>
    static cudaError_t compute(const Args& f) {
        if constexpr (requires { f.y; })
            return kernels::lora_matmul(f, nullptr);
        else
            return kernels::lora_matmul_backward(f, nullptr);
    }
};

template <class T, class G = float, class Route = own_route>
lora_errors run(const lora_case& c) {
    const std::int64_t m = c.tokens, k = c.in, n = c.out, r = c.rank;
    const auto words = static_cast<std::int64_t>(kernels::mask_words(std::size_t(k)));
    holdfast::philox g{c.seed, std::uint64_t(m * 31 + k), std::uint64_t(n), std::uint64_t(r)};
    const auto x = random_values<T>(m * k, g), a = random_values<T>(r * k, g), b = random_values<T>(n * r, g),
               dy = random_values<T>(m * n, g), bias = random_values<T>(n, g), residual = random_values<T>(m * n, g),
               da0 = random_values<G>(r * k, g), db0 = random_values<G>(n * r, g);
    auto w = random_values<T>(n * k, g);
    if (c.zero_w) std::fill(w.begin(), w.end(), 0.0);
    const auto at = [](const std::vector<double>& v, std::int64_t i) { return v[std::size_t(i)]; };
    const auto make = [&](std::int64_t rows, std::int64_t cols) {
        return std::make_unique<buffer<T>>(rows, cols, c.pad, c.offset);
    };
    const auto gx = make(m, k), gw = make(n, k), ga = make(r, k), gb = make(n, r), gy = make(m, n), gu = make(m, r),
               gdy = make(m, n), gdx = make(m, k), gbias = make(1, n), gres = make(m, n);
    buffer<G> gda(r, k, c.pad, c.offset), gdb(n, r, c.pad, c.offset);
    buffer<float> gmask(m, words, 0, 0);
    gx->write(x), gw->write(w), ga->write(a), gb->write(b), gdy->write(dy), gbias->write(bias), gres->write(residual);
    if (c.accumulate) gda.write(da0), gdb.write(db0);

    lora_errors e;
    kernels::lora_matmul_args<T> f;
    f.shape = {m, k, n, r};
    f.x = gx->data(), f.ldx = gx->ld(), f.w = gw->data(), f.ldw = gw->ld(), f.a = ga->data(), f.lda = ga->ld();
    f.b = gb->data(), f.ldb = gb->ld(), f.y = gy->data(), f.ldy = gy->ld(), f.scale = c.scale;
    if (c.bias) f.bias = gbias->data();
    if (c.residual) f.residual = gres->data(), f.ldr = gres->ld();
    f.dropout = kernels::dropout_key::make(c.seed * 7919, c.p);
    auto* const mask = reinterpret_cast<std::uint32_t*>(gmask.data());
    if (c.keep) f.u = gu->data(), f.ldu = gu->ld(), f.mask = c.p > 0 ? mask : nullptr;
    buffer<float> space(1, std::int64_t(Route::bytes(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    e.error = Route::compute(f);
    if (e.error != cudaSuccess) return e;
    const auto y = gy->read(), u = gu->read();
    gy->poison(), space.poison();
    e.error = Route::compute(f);
    if (e.error == cudaSuccess) e.error = cudaDeviceSynchronize();
    if (e.error != cudaSuccess) return e;
    e.repeatable = gy->read() == y;

    // the reference
    std::vector<std::uint32_t> bits(std::size_t(m * words), ~0u);
    if (c.p > 0) {
        for (std::int64_t i = 0; i < m; ++i)
            kernels::mask_row(f.dropout, std::uint64_t(i), bits.data() + i * words, std::size_t(words));
        if (c.keep && m > 0) {
            std::vector<std::uint32_t> device(bits.size());
            (void)cudaMemcpy(device.data(), mask, 4 * device.size(), cudaMemcpyDeviceToHost);
            e.mask_equal = device == bits;
        }
    }
    const auto kept = [&](std::int64_t i, std::int64_t j) {
        return (bits[std::size_t(i * words + j / 32)] >> (j % 32) & 1u) != 0u;
    };
    const double factor = double(c.scale) * (c.p > 0 ? f.dropout.keep_scale() : 1.0);
    std::vector<double> ru(std::size_t(m * r)), rds(std::size_t(m * r));
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t q = 0; q < r; ++q) {
            double su = 0, sd = 0;
            for (std::int64_t j = 0; j < k; ++j)
                if (kept(i, j)) su += at(x, i * k + j) * at(a, q * k + j);
            for (std::int64_t j = 0; j < n; ++j) sd += at(dy, i * n + j) * at(b, j * r + q);
            ru[std::size_t(i * r + q)] = factor * su;
            rds[std::size_t(i * r + q)] = factor * sd;
        }
    relative_error eu, ey, edx, eda, edb;
    if (c.keep)
        for (std::int64_t i = 0; i < m * r; ++i) eu.add(at(u, i), at(ru, i));
    for (const auto i : sample(m, c.samples))
        for (std::int64_t j = 0; j < n; ++j) {
            double sum = (c.bias ? at(bias, j) : 0.0) + (c.residual ? at(residual, i * n + j) : 0.0);
            for (std::int64_t q = 0; q < k; ++q) sum += at(x, i * k + q) * at(w, j * k + q);
            for (std::int64_t q = 0; q < r; ++q) sum += at(ru, i * r + q) * at(b, j * r + q);
            ey.add(at(y, i * n + j), sum);
        }
    e.u = eu.value(), e.y = ey.value();
    e.gaps_intact = gy->gaps_intact() && gu->gaps_intact();
    if (!c.keep) return e;

    kernels::lora_matmul_backward_args<T, G> h;
    h.shape = f.shape;
    h.dy = gdy->data(), h.lddy = gdy->ld(), h.x = f.x, h.ldx = f.ldx, h.w = f.w, h.ldw = f.ldw, h.a = f.a,
    h.lda = f.lda;
    h.b = f.b, h.ldb = f.ldb, h.u = f.u, h.ldu = f.ldu, h.mask = f.mask, h.dropout = f.dropout, h.scale = f.scale;
    h.dx = gdx->data(), h.lddx = gdx->ld(), h.da = gda.data(), h.ldda = gda.ld(), h.db = gdb.data(), h.lddb = gdb.ld();
    h.accumulate = c.accumulate;
    buffer<float> back(1, std::int64_t(Route::bytes(h) / 4), 0, 0);
    h.workspace = back.data(), h.workspace_bytes = back.bytes();
    e.error = Route::compute(h);
    if (e.error == cudaSuccess) e.error = cudaDeviceSynchronize();
    if (e.error != cudaSuccess) return e;
    const auto dx = gdx->read(), da = gda.read(), db = gdb.read();
    for (const auto i : sample(m, c.samples))
        for (std::int64_t j = 0; j < k; ++j) {
            double sum = 0;
            for (std::int64_t q = 0; q < n; ++q) sum += at(dy, i * n + q) * at(w, q * k + j);
            if (kept(i, j))
                for (std::int64_t q = 0; q < r; ++q) sum += at(rds, i * r + q) * at(a, q * k + j);
            edx.add(at(dx, i * k + j), sum);
        }
    for (const auto j : sample(k, c.samples))
        for (std::int64_t q = 0; q < r; ++q) {
            double sum = c.accumulate ? at(da0, q * k + j) : 0.0;
            for (std::int64_t i = 0; i < m; ++i)
                if (kept(i, j)) sum += at(rds, i * r + q) * at(x, i * k + j);
            eda.add(at(da, q * k + j), sum);
        }
    for (const auto j : sample(n, c.samples))
        for (std::int64_t q = 0; q < r; ++q) {
            double sum = c.accumulate ? at(db0, j * r + q) : 0.0;
            for (std::int64_t i = 0; i < m; ++i) sum += at(dy, i * n + j) * at(ru, i * r + q);
            edb.add(at(db, j * r + q), sum);
        }
    e.dx = edx.value(), e.da = eda.value(), e.db = edb.value();
    e.gaps_intact = e.gaps_intact && gdx->gaps_intact() && gda.gaps_intact() && gdb.gaps_intact();
    if (!c.accumulate) {
        gda.poison(), gdb.poison(), gdx->poison(), back.poison();
        e.error = Route::compute(h);
        e.repeatable = e.repeatable && gda.read() == da && gdb.read() == db && gdx->read() == dx;
    }
    return e;
}

/// fp32 rounded to tf32.
struct tf32_route : own_route {
    template <class Args>
    static cudaError_t compute(Args f) {
        f.tf32 = true;
        return own_route::compute(f);
    }
};

struct tolerance {
    double y, gradient, u;
};
template <class T>
constexpr tolerance tolerance_of() {
    if constexpr (std::is_same_v<T, float>) return {5e-6, 1e-5, 5e-6};
    if constexpr (std::is_same_v<T, __half>) return {4e-4, 8e-4, 4e-4};
    return {2.5e-3, 4e-3, 2.5e-3};
}

inline constexpr tolerance tf32_tolerance{5e-4, 8e-4, 5e-4};

/// Empty if all is well, else what is not.
template <class T, class G = float, class Route = own_route>
std::string verdict(const lora_case& c) {
    const lora_errors e = run<T, G, Route>(c);
    // the bounds of lora_kernels.md 6 hold for many numbers; the norm of a few scatters around its mean
    const std::int64_t fewest = c.rank * std::max<std::int64_t>(1, std::min({c.tokens, c.in, c.out}));
    const double few = 1 + 1 / std::sqrt(double(fewest));
    tolerance t = tolerance_of<T>();
    if (std::is_same_v<Route, tf32_route>) t = tf32_tolerance;
    t.y *= few * Route::roundings, t.u *= few, t.gradient *= few;
    const double gradient = std::is_same_v<G, float> ? t.gradient : std::max(t.gradient, few * tolerance_of<G>().y);
    char text[200] = "";
    if (e.error != cudaSuccess)
        std::snprintf(text, sizeof text, "CUDA error %d", int(e.error));
    else if (!(e.u <= t.u && e.y <= t.y && e.dx <= t.y && e.da <= gradient && e.db <= gradient))
        std::snprintf(text, sizeof text, "errors u %.2g y %.2g dx %.2g dA %.2g dB %.2g", e.u, e.y, e.dx, e.da, e.db);
    else if (!e.gaps_intact)
        return name(c) + ": wrote between rows";
    else if (!e.mask_equal)
        return name(c) + ": the mask is not the CPU's";
    else if (!e.repeatable)
        return name(c) + ": two runs differ";
    return text[0] ? name(c) + ": " + text : std::string{};
}

/// A NaN in one row of x, and an infinity in one of dy, reach that row of y and dx and no other. Empty if so.
template <class T>
std::string rows_stay_apart() {
    const std::int64_t m = 70, k = 40, n = 33, r = 5;
    holdfast::philox g{9};
    auto x = random_values<T>(m * k, g), dy = random_values<T>(m * n, g);
    x[std::size_t(17 * k + 3)] = NAN;
    dy[std::size_t(66 * n + 32)] = INFINITY;
    buffer<T> gx(m, k, 0, 0), gw(n, k, 0, 0), ga(r, k, 0, 0), gb(n, r, 0, 0), gy(m, n, 0, 0), gdy(m, n, 0, 0),
        gdx(m, k, 0, 0);
    gx.write(x), gdy.write(dy);
    gw.write(random_values<T>(n * k, g)), ga.write(random_values<T>(r * k, g)), gb.write(random_values<T>(n * r, g));
    kernels::lora_matmul_args<T> f;
    f.shape = {m, k, n, r};
    f.x = gx.data(), f.ldx = k, f.w = gw.data(), f.ldw = k, f.a = ga.data(), f.lda = k, f.b = gb.data(), f.ldb = r;
    f.y = gy.data(), f.ldy = n;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    kernels::lora_matmul_backward_args<T> h;
    h.shape = f.shape;
    h.dy = gdy.data(), h.lddy = n, h.w = f.w, h.ldw = k, h.a = f.a, h.lda = k, h.b = f.b, h.ldb = r;
    h.dx = gdx.data(), h.lddx = k;
    buffer<float> back(1, std::int64_t(kernels::lora_matmul_backward_workspace<T>(h.shape) / 4), 0, 0);
    h.workspace = back.data(), h.workspace_bytes = back.bytes();
    if (kernels::lora_matmul(f, nullptr) != cudaSuccess || kernels::lora_matmul_backward(h, nullptr) != cudaSuccess)
        return "a launch failed";
    if (cudaDeviceSynchronize() != cudaSuccess) return "a kernel failed";
    const auto y = gy.read(), dx = gdx.read();
    for (std::int64_t i = 0; i < m * n; ++i)
        if (std::isfinite(y[std::size_t(i)]) != (i / n != 17)) return "y, row " + std::to_string(i / n);
    for (std::int64_t i = 0; i < m * k; ++i)
        if (std::isfinite(dx[std::size_t(i)]) != (i / k != 66)) return "dx, row " + std::to_string(i / k);
    return {};
}

}  // namespace lora_cases
