#pragma once
// The cuBLASLt routes against fp64: the accumulating calls through lora_cases.hpp, the bordered form here. For
// lora_cublaslt_gpu.cu on a GPU and lora_cublaslt_emulated_test.cpp, where cuBLASLt itself is emulated.

#include <holdfast/kernels/lora_bordered.cuh>

#include "lora_cases.hpp"

namespace lora_cases {

inline cublasLtHandle_t& cublas_handle() {
    static cublasLtHandle_t handle = nullptr;
    return handle;
}

inline cudaError_t as_cuda(cublasStatus_t status) {
    return status == CUBLAS_STATUS_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

struct cublaslt_route {
    static constexpr double roundings = 1.5;  // two: the square root of 2, and some
    template <class Args>
    static std::size_t bytes(const Args& f) {
        return kernels::lora_cublaslt_workspace(f);
    }
    template <class Args>
    static cudaError_t compute(const Args& f) {
        if constexpr (requires { f.y; })
            return as_cuda(kernels::lora_matmul_cublaslt(cublas_handle(), f, nullptr));
        else
            return as_cuda(kernels::lora_matmul_backward_cublaslt(cublas_handle(), f, nullptr));
    }
};

/// Both directions of the bordered form. Empty if all is well.
template <class T>
std::string bordered_verdict(std::int64_t m, std::int64_t k, std::int64_t n, std::int64_t r, bool accumulate,
                             bool epilogue = false) {
    holdfast::philox g{4, std::uint64_t(m), std::uint64_t(k), std::uint64_t(r)};
    const std::int64_t border = kernels::border_width(r);
    const double s = 0.5;
    const auto x = random_values<T>(m * k, g), w = random_values<T>(n * k, g), a = random_values<T>(r * k, g),
               b = random_values<T>(n * r, g), dy = random_values<T>(m * n, g), da0 = random_values<float>(r * k, g),
               db0 = random_values<float>(n * r, g), bias = random_values<T>(n, g),
               residual = random_values<T>(m * n, g);
    const auto at = [](const std::vector<double>& v, std::int64_t i) { return v[std::size_t(i)]; };
    buffer<T> gx(m, k, int(border), 0), gw(n, k, 0, 0), ga(r, k, 0, 0), gb(n, r, 0, 0), gy(m, n, 0, 0),
        gdy(m, n, int(border), 0), gdx(m, k, 0, 0), whole(n + border, k + border, 0, 0), gbias(1, n, 0, 0),
        gres(m, n, 0, 0);
    buffer<float> da(r, k, 0, 0), db(n, r, 0, 0), space(1, std::int64_t(kernels::cublaslt_scratch / 4), 0, 0);
    gx.write(x), gw.write(w), ga.write(a), gb.write(b), gdy.write(dy), gbias.write(bias), gres.write(residual);
    if (accumulate) da.write(da0), db.write(db0);
    const kernels::lora_shape shape{m, k, n, r};
    if (kernels::border_weight(shape, whole.data(), whole.ld(), gw.data(), k, nullptr) != cudaSuccess ||
        kernels::border_adapter(shape, whole.data(), whole.ld(), ga.data(), k, gb.data(), r, nullptr) != cudaSuccess)
        return "the weight was not bordered";
    kernels::bordered_lora_args<T> f;
    f.shape = shape;
    f.weight = whole.data(), f.ldw = whole.ld(), f.x = gx.data(), f.ldx = gx.ld(), f.y = gy.data(), f.ldy = n;
    f.scale = float(s), f.dy = gdy.data(), f.lddy = gdy.ld(), f.dx = gdx.data(), f.lddx = k;
    f.da = da.data(), f.ldda = k, f.db = db.data(), f.lddb = r, f.accumulate = accumulate;
    if (epilogue) f.bias = gbias.data(), f.residual = gres.data(), f.ldr = n;
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    if (kernels::bordered_lora(cublas_handle(), f, nullptr) != CUBLAS_STATUS_SUCCESS) return "forward: " + explain(f);
    if (kernels::bordered_lora_backward(cublas_handle(), f, nullptr) != CUBLAS_STATUS_SUCCESS)
        return "backward: " + explain_backward(f);
    if (cudaDeviceSynchronize() != cudaSuccess) return "a kernel failed";
    relative_error ey, edx, eda, edb;
    const auto vy = gy.read(), vdx = gdx.read(), vda = da.read(), vdb = db.read();
    std::vector<double> u(std::size_t(m * r)), ds(u.size());
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t q = 0; q < r; ++q) {
            for (std::int64_t j = 0; j < k; ++j) u[std::size_t(i * r + q)] += s * at(x, i * k + j) * at(a, q * k + j);
            for (std::int64_t j = 0; j < n; ++j) ds[std::size_t(i * r + q)] += s * at(dy, i * n + j) * at(b, j * r + q);
        }
    for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
            double sum = epilogue ? at(bias, j) + at(residual, i * n + j) : 0.0;
            for (std::int64_t q = 0; q < k; ++q) sum += at(x, i * k + q) * at(w, j * k + q);
            for (std::int64_t q = 0; q < r; ++q) sum += at(u, i * r + q) * at(b, j * r + q);
            ey.add(at(vy, i * n + j), sum);
        }
        for (std::int64_t j = 0; j < k; ++j) {
            double sum = 0;
            for (std::int64_t q = 0; q < n; ++q) sum += at(dy, i * n + q) * at(w, q * k + j);
            for (std::int64_t q = 0; q < r; ++q) sum += at(ds, i * r + q) * at(a, q * k + j);
            edx.add(at(vdx, i * k + j), sum);
        }
    }
    for (std::int64_t q = 0; q < r; ++q) {
        for (std::int64_t j = 0; j < k; ++j) {
            double sum = accumulate ? at(da0, q * k + j) : 0.0;
            for (std::int64_t i = 0; i < m; ++i) sum += at(ds, i * r + q) * at(x, i * k + j);
            eda.add(at(vda, q * k + j), sum);
        }
        for (std::int64_t j = 0; j < n; ++j) {
            double sum = accumulate ? at(db0, j * r + q) : 0.0;
            for (std::int64_t i = 0; i < m; ++i) sum += at(dy, i * n + j) * at(u, i * r + q);
            edb.add(at(vdb, j * r + q), sum);
        }
    }
    const tolerance t = tolerance_of<T>();
    char text[120] = "";
    if (!(ey.value() <= t.y && edx.value() <= t.y && eda.value() <= t.gradient && edb.value() <= t.gradient))
        std::snprintf(text, sizeof text, "bordered: y %.2g dx %.2g dA %.2g dB %.2g", ey.value(), edx.value(),
                      eda.value(), edb.value());
    return text;
}

}  // namespace lora_cases
