#pragma once
// The first half of a gated MLP with its adapters: e = gate(x), g = up(x), h = silu(e) g, every projection with a
// low-rank adapter. One pass over x for both u, then one launch whose tiles hold e and g side by side, so that h is
// made where they are: nothing is read back. Builds on fused_adapter.cuh and detail/gemm_paired.cuh. The second half,
// down(h), is lora_matmul.

#include <holdfast/kernels/detail/gemm_paired.cuh>
#include <holdfast/kernels/fused_adapter.cuh>

#include <cstdint>
#include <string>

namespace holdfast::kernels {

/// Arguments of both directions.
template <class T>
struct swiglu_adapter_args {
    /// count 2: slice 0 is the gate, slice 1 is up, both of width n, without residuals. Their y are e and g: written
    /// by forward and read by backward; null in inference. Their dy are not used.
    fused_adapter_args<T> projections;
    T* h = nullptr;  ///< [m, n], written by forward: silu(e) g, from the rounded e and g
    std::int64_t ldh = 0;
    const T* dh = nullptr;  ///< [m, n]: input of backward
    std::int64_t lddh = 0;
    T* de = nullptr;  ///< [m, n], written by backward: dL/de; may be e's memory, or dh's
    std::int64_t ldde = 0;
    T* dg = nullptr;  ///< [m, n], written by backward: dL/dg; may be g's memory
    std::int64_t lddg = 0;
};

namespace detail {

template <class T>
struct swiglu_gradient_problem {
    const T *e, *g, *dh;
    T *de, *dg;
    std::int64_t lde, ldg, lddh, ldde, lddg, rows, cols;
    bool wide;  // every access may be of 16 bytes
};

/// de = dh g silu'(e), dg = dh silu(e). A thread per 16 bytes of a row; it reads all that it needs before it writes.
template <int Threads, class T>
__global__ void __launch_bounds__(Threads) swiglu_gradients(const __grid_constant__ swiglu_gradient_problem<T> p) {
    constexpr int width = 16 / sizeof(T);
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * Threads + threadIdx.x,
                       chunks = ceil_div<std::int64_t>(p.cols, width), row = i / chunks, col = i % chunks * width;
    if (row >= p.rows) return;
    const int count = static_cast<int>(smaller<std::int64_t>(width, p.cols - col));
    const sixteen_bytes<T> e = load_chunk(p.e + (row * p.lde + col), count, p.wide),
                           g = load_chunk(p.g + (row * p.ldg + col), count, p.wide),
                           dh = load_chunk(p.dh + (row * p.lddh + col), count, p.wide);
    sixteen_bytes<T> de, dg;
    HOLDFAST_UNROLL
    for (int j = 0; j < width; ++j) {
        const float x = to_float(e.of[j]), s = sigmoid(x), d = to_float(dh.of[j]);
        de.of[j] = rounded<T>(d * to_float(g.of[j]) * s * (1.0f + x * (1.0f - s)));
        dg.of[j] = rounded<T>(d * x * s);
    }
    store_chunk(p.de + (row * p.ldde + col), de, count, p.wide);
    store_chunk(p.dg + (row * p.lddg + col), dg, count, p.wide);
}

template <class T>
[[nodiscard]] refused check_pair(const swiglu_adapter_args<T>& g) noexcept {
    const auto& p = g.projections;
    if (p.count != 2) return {refusal::not_a_pair, "count", p.count, 2};
    if (p.slice[0].out != p.slice[1].out)
        return {refusal::different_widths, "projections", p.slice[0].out, p.slice[1].out};
    if (p.slice[0].residual != nullptr || p.slice[1].residual != nullptr)
        return {refusal::no_residual, "projections", 0, 0};
    if (p.slice[0].f != activation::none || p.slice[1].f != activation::none)
        return {refusal::no_activation, "f of projections", 0, 0};
    return {};
}

template <class T>
[[nodiscard]] refused check(const swiglu_adapter_args<T>& g, bool backward) noexcept {
    if (const refused r = check_pair(g); r.why != refusal::none) return r;
    const auto& p = g.projections;
    const std::int64_t n = p.slice[0].out, any = p.tokens > 0 ? 1 : 0;
    if (!backward) return first_of(check_forward(p, false), check_matrix("h", g.h, g.ldh, any, n, sizeof(T)));
    fused_adapter_args<T> inner = p;
    inner.slice[0].dy = g.de, inner.slice[0].lddy = g.ldde, inner.slice[1].dy = g.dg, inner.slice[1].lddy = g.lddg;
    return first_of(check_matrix("dh", g.dh, g.lddh, any, n, sizeof(T)),
                    check_matrix("de", g.de, g.ldde, any, n, sizeof(T)),
                    check_matrix("dg", g.dg, g.lddg, any, n, sizeof(T)),
                    check_matrix("e", p.slice[0].y, p.slice[0].ldy, any, n, sizeof(T)),
                    check_matrix("g", p.slice[1].y, p.slice[1].ldy, any, n, sizeof(T)), check_backward(inner));
}

template <class T, class Tile>
[[nodiscard]] cudaError_t launch_paired(const paired_problem<T>& p, cudaStream_t stream) noexcept {
    const std::int64_t tiles = static_cast<std::int64_t>(ceil_div(p.m, Tile::bm)) * ceil_div(p.n, Tile::bn / 2);
    if (tiles > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
    const dim3 grid(static_cast<unsigned>(tiles));
    if constexpr (std::is_same_v<Tile, simt_tile>)
        return launch(gemm_simt_paired<T>, grid, Tile::threads, Tile::shared_bytes, stream, p);
    else
        return launch(gemm_mma_paired<T, Tile>, grid, Tile::threads, Tile::shared_bytes, stream, p);
}

template <class T>
[[nodiscard]] cudaError_t run(const swiglu_adapter_args<T>& g, cudaStream_t stream) noexcept {
    if (const refused r = check(g, false); r.why != refusal::none) return code_of(r);
    const auto& all = g.projections;
    if (all.tokens == 0) return cudaSuccess;
    if (const cudaError_t error = shrink_all(all, stream); error != cudaSuccess) return error;
    const auto &gate = all.slice[0], &up = all.slice[1];
    const int r = static_cast<int>(all.rank), k = static_cast<int>(all.in);
    paired_problem<T> p;
    p.m = static_cast<int>(all.tokens), p.n = static_cast<int>(gate.out), p.low_rank = 2, p.count = 3;
    p.add(all.u, all.ldu, gate.b, gate.ldb, r, 0);  // the gate's alone
    p.add(all.u + padded_rank(r), all.ldu, nullptr, 0, r, 1);
    p.other[1] = {up.b, up.ldb, false};  // up's alone
    p.add(all.x, all.ldx, gate.w, gate.ldw, k, 2);
    p.other[2] = {up.w, up.ldw, false};
    p.c = gate.y, p.ldc = gate.ldy, p.bias = gate.bias;
    p.c2 = up.y, p.ldc2 = up.ldy, p.bias2 = up.bias;
    p.h = g.h, p.ldh = g.ldh, p.tf32 = all.tf32;
    mark_fast(p);
    p.sum[1].fast_b = false;  // there is none
    for (auto& second : p.other) second.fast_b = second.b != nullptr && fast(second.b, second.ldb);
    p.fast_c2 = fast(p.c2, p.ldc2), p.fast_h = fast(p.h, p.ldh);
    if constexpr (std::is_same_v<T, float>)
        if (on_simt(p)) return launch_paired<T, simt_tile>(p, stream);
    return p.m <= 64 ? launch_paired<T, small_tile<T>>(p, stream) : launch_paired<T, large_tile<T>>(p, stream);
}

template <class T>
[[nodiscard]] cudaError_t run_backward(const swiglu_adapter_args<T>& g, cudaStream_t stream) noexcept {
    if (const refused r = check(g, true); r.why != refusal::none) return code_of(r);
    fused_adapter_args<T> inner = g.projections;
    const auto &gate = inner.slice[0], &up = inner.slice[1];
    swiglu_gradient_problem<T> p{gate.y, up.y,   g.dh,   g.de,         g.dg,     gate.ldy, up.ldy,
                                 g.lddh, g.ldde, g.lddg, inner.tokens, gate.out, true};
    const auto wide = [](const T* data, std::int64_t ld) {
        return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && static_cast<std::size_t>(ld) * sizeof(T) % 16 == 0;
    };
    p.wide = wide(p.e, p.lde) && wide(p.g, p.ldg) && wide(p.dh, p.lddh) && wide(p.de, p.ldde) && wide(p.dg, p.lddg) &&
             static_cast<std::size_t>(p.cols) * sizeof(T) % 16 == 0;
    const std::int64_t threads = p.rows * ceil_div<std::int64_t>(p.cols, 16 / sizeof(T)),
                       blocks = ceil_div<std::int64_t>(threads, 256);
    if (blocks > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
    if (blocks > 0) {
        const cudaError_t error =
            launch(swiglu_gradients<256, T>, dim3(static_cast<unsigned>(blocks)), 256, 0, stream, p);
        if (error != cudaSuccess) return error;
    }
    inner.slice[0].dy = g.de, inner.slice[0].lddy = g.ldde, inner.slice[1].dy = g.dg, inner.slice[1].lddy = g.lddg;
    return run_backward(inner, stream);
}

}  // namespace detail

/// Bytes of workspace that both directions need: that of the projections, in projections.workspace.
template <class T>
[[nodiscard]] std::size_t swiglu_adapter_workspace(const swiglu_adapter_args<T>& args) noexcept {
    return fused_adapter_workspace(args.projections);
}

/// What is wrong with the arguments, as a sentence; empty if swiglu_adapter would take them.
template <class T>
[[nodiscard]] std::string explain(const swiglu_adapter_args<T>& args) {
    return detail::in_words("kernels::swiglu_adapter", detail::check(args, false));
}
template <class T>
[[nodiscard]] std::string explain_backward(const swiglu_adapter_args<T>& args) {
    return detail::in_words("kernels::swiglu_adapter_backward", detail::check(args, true));
}

/// e = x Wg' + s drop(x) Ag' Bg' (+ bias), g = x Wu' + s drop(x) Au' Bu' (+ bias), h = silu(e) g.
///
/// @stream, @determinism, @return  as lora_matmul
/// @precision  fp32 accumulation; u, e, g and h are rounded to T once each, h from the rounded e and g
template <class T>
[[nodiscard]] cudaError_t swiglu_adapter(const swiglu_adapter_args<T>& args, cudaStream_t stream) noexcept {
    return detail::run(args, stream);
}

/// de = dh g silu'(e), dg = dh silu(e), then the gradients of both projections as fused_adapter_backward has them: dx
/// once, dA and both dB. What the down projection's backward needs of h, it keeps itself.
template <class T>
[[nodiscard]] cudaError_t swiglu_adapter_backward(const swiglu_adapter_args<T>& args, cudaStream_t stream) noexcept {
    return detail::run_backward(args, stream);
}

}  // namespace holdfast::kernels
