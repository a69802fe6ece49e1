#pragma once
// The low-rank adapter (LoRA) on the GPU, by the names of lora.hpp: shapes and types are checked here, exceptions are
// thrown here; the work is kernels/lora_matmul.cuh's. Every call enqueues on the caller's stream, allocates nothing and
// waits for nothing. Builds on core/cuda.cuh and kernels/; leaves out the optimiser and Eigen. dora.cuh, mixture.cuh,
// fused.cuh, segmented.cuh, orthogonality.cuh and lora_hopper.cuh have the other forms.

#include <holdfast/adapters/detail/doors.cuh>
#include <holdfast/kernels/activation_gradient.cuh>
#include <holdfast/kernels/merge.cuh>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace holdfast::adapters {

/// @throw invalid_argument if a size is 0 (tokens may be) or the rank above 256
[[nodiscard]] inline lora_plan make_plan(const plan_options& o) {
    return detail::plan_of("adapters::make_plan", o, [&](const kernels::lora_shape& s) {
        namespace kd = kernels::detail;
        const std::size_t bytes = detail::bytes_of(o.type);
        return std::max(kd::plan_forward(s, bytes, true, false, false).bytes, kd::plan_backward(s, bytes).bytes);
    });
}

/// The adapted layer in use: y = f(x W' + s x A' B' (+ bias) (+ residual)).
///
/// @param x  [m, in], m at most the plan's tokens;  @param w  [out, in], frozen;  @param y  [m, out], overwritten
/// @param workspace  plan.workspace_bytes of device memory; may be shared by calls on one stream
/// @throw    invalid_argument for what does not fit, cuda_error if the launch fails
/// @stream   enqueues on `stream`; never allocates, never waits; memory must outlive the work; can be captured
/// @determinism  bitwise run to run
/// @precision    fp32 accumulation; u and y are rounded once each
/// @cpu      lora<float>::forward in <holdfast/adapters/lora.hpp>
template <class T>
void forward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> x,
             detail::as_is<device_matrix_view<const T>> w, const lora_view<T>& adapter,
             detail::as_is<device_matrix_view<T>> y, device_matrix_view<std::byte> workspace, cudaStream_t stream,
             const detail::as_is<lora_epilogue<T>>& epilogue = {}) {
    const char* const door = "adapters::forward";
    const auto args = detail::forward_args<T>(door, plan, x, w, adapter, y, nullptr, {}, workspace, epilogue);
    detail::settle(door, kernels::lora_matmul(args, stream), args);
}

/// The same in training: keeps in `saved` what backward needs, with the adapter's dropout.
///
/// @param generator  one 64-bit seed is drawn from it if p > 0, as lora.hpp does: the same mask as on the CPU
template <class T, uniform_random_generator G>
void forward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> x,
             detail::as_is<device_matrix_view<const T>> w, const lora_view<T>& adapter,
             detail::as_is<device_matrix_view<T>> y, device_lora_saved<T>& saved, G& generator,
             device_matrix_view<std::byte> workspace, cudaStream_t stream,
             const detail::as_is<lora_epilogue<T>>& epilogue = {}) {
    const char* const door = "adapters::forward";
    const auto args = detail::forward_args<T>(door, plan, x, w, adapter, y, &saved,
                                              detail::draw_key(adapter.dropout, generator), workspace, epilogue);
    detail::settle(door, kernels::lora_matmul(args, stream), args);
}

/// The gradients that `to` asks for, given dy = dL/dy [m, out] and what forward saved; formulas in lora.hpp.
/// @throw, @stream, @determinism  as forward
template <class T, class G>
void backward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> dy,
              detail::as_is<device_matrix_view<const T>> x, detail::as_is<device_matrix_view<const T>> w,
              const lora_view<T>& adapter, const device_lora_saved<T>& saved, const lora_gradients_view<T, G>& to,
              device_matrix_view<std::byte> workspace, cudaStream_t stream) {
    const char* const door = "adapters::backward";
    const auto args = detail::backward_args<T>(door, plan, dy, x, w, adapter, saved, to, workspace);
    detail::settle(door, kernels::lora_matmul_backward(args, stream), args);
}

/// dz = dy f'(z) for the z [m, n] that forward kept: what backward then takes for dy.
/// @param dz  [m, n], written; may be dy's memory
/// @throw     invalid_argument for what does not fit, cuda_error if the launch fails
template <class T>
void activation_gradient(kernels::activation f, device_matrix_view<const T> z,
                         detail::as_is<device_matrix_view<const T>> dy, detail::as_is<device_matrix_view<T>> dz,
                         cudaStream_t stream) {
    const char* const door = "adapters::activation_gradient";
    kernels::activation_gradient_args<T> args{f, static_cast<std::int64_t>(z.rows()),
                                              static_cast<std::int64_t>(z.cols())};
    args.z = z.data(), args.ldz = detail::leading(door, "z", z, z.rows(), z.cols());
    args.dy = dy.data(), args.lddy = detail::leading(door, "dy", dy, z.rows(), z.cols());
    args.dz = dz.data(), args.lddz = detail::leading(door, "dz", dz, z.rows(), z.cols());
    detail::settle(door, kernels::activation_gradient(args, stream), args);
}

/// How a merge rounds, and where it keeps what it changes.
template <class T>
struct merge_options {
    kernels::rounding round = kernels::rounding::nearest;  ///< stochastic: bf16 only
    std::uint64_t seed = 0;                                ///< of the stochastic rounding
    device_matrix_view<kernels::bits_of<T>> changed = {};  ///< [out, in] written, for restore; empty: not kept
};

namespace detail {

template <class T>
void merge(const char* door, const lora_view<T>& adapter, device_matrix_view<T> w, float scale, cudaStream_t stream,
           const merge_options<T>& options) {
    kernels::merge_args<T> args;
    const std::size_t in = adapter.a.cols(), out = adapter.b.rows(), rank = adapter.a.rows();
    args.shape = {0, static_cast<std::int64_t>(in), static_cast<std::int64_t>(out), static_cast<std::int64_t>(rank)};
    args.w = w.data(), args.ldw = leading(door, "w", w, out, in);
    args.a = adapter.a.data(), args.lda = leading(door, "a", adapter.a, rank, in);
    args.b = adapter.b.data(), args.ldb = leading(door, "b", adapter.b, out, rank);
    args.scale = scale, args.round = options.round, args.seed = options.seed;
    if (!options.changed.empty())
        args.changed = options.changed.data(), args.ldc = leading(door, "changed", options.changed, out, in);
    settle(door, kernels::merge(args, stream), args);
}

}  // namespace detail

/// w += s B A on the device, rounded to the nearest unless `options` say otherwise.
template <class T>
void merge_into(const lora_view<T>& adapter, detail::as_is<device_matrix_view<T>> w, cudaStream_t stream,
                const detail::as_is<merge_options<T>>& options = {}) {
    detail::merge<T>("adapters::merge_into", adapter, w, adapter.scale, stream, options);
}
/// w -= s B A: not exact in 16 bits, and drifts when it is done often; restore is exact.
template <class T>
void unmerge_from(const lora_view<T>& adapter, detail::as_is<device_matrix_view<T>> w, cudaStream_t stream) {
    detail::merge<T>("adapters::unmerge_from", adapter, w, -adapter.scale, stream, {});
}
/// w as it was before the merge that wrote `changed`, bit by bit.
template <class T>
void restore(device_matrix_view<T> w, detail::as_is<device_matrix_view<const kernels::bits_of<T>>> changed,
             cudaStream_t stream) {
    const char* const door = "adapters::restore";
    const std::int64_t ldw = detail::leading(door, "w", w, w.rows(), w.cols()),
                       ldc = detail::leading(door, "changed", changed, w.rows(), w.cols());
    detail::settle_by(door,
                      kernels::restore(w.data(), ldw, changed.data(), ldc, static_cast<std::int64_t>(w.rows()),
                                       static_cast<std::int64_t>(w.cols()), stream),
                      [] { return std::string{}; });
}

}  // namespace holdfast::adapters
