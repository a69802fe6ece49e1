#pragma once
// DoRA on the GPU, typed: y_j = magnitude_j / |W_j + s B_j A| (x W' + u B')_j, its norm without B A, its gradients with
// the norm held constant. By lora.cuh's verbs, on a dora_view. Builds on lora.cuh, kernels/dora.cuh and
// kernels/dora_backward.cuh.

#include <holdfast/adapters/lora.cuh>
#include <holdfast/kernels/dora.cuh>
#include <holdfast/kernels/dora_backward.cuh>

#include <algorithm>
#include <cstddef>

namespace holdfast::adapters {

/// A low-rank adapter with a magnitude per output.
template <class T>
struct dora_view {
    lora_view<T> adapter;
    device_matrix_view<const float> magnitude = {};  ///< [1, out]; where training begins: the norm of W's rows
};

/// What forward leaves for backward.
template <class T>
struct device_dora_saved {
    explicit device_dora_saved(const lora_plan& plan, bool with_dropout = true)
        : low_rank(plan, with_dropout), column_scale(1, plan.shape.out) {}

    device_lora_saved<T> low_rank;
    device_matrix<float> column_scale;  ///< [1, out] magnitude / norm
};

template <class T, class G = float>
struct dora_gradients_view {
    lora_gradients_view<T, G> low_rank;
    device_matrix_view<float> magnitude = {};  ///< [1, out], added to if low_rank.accumulate; empty: not wanted
};

/// lora.cuh's plan, with the workspace that DoRA's backward needs.
[[nodiscard]] inline lora_plan make_dora_plan(const plan_options& o) {
    return detail::plan_of("adapters::make_dora_plan", o, [&](const kernels::lora_shape& s) {
        namespace kd = kernels::detail;
        const std::size_t bytes = detail::bytes_of(o.type);
        return std::max(kd::plan_forward(s, bytes, true, false, false).bytes, kd::plan_dora(s, bytes).bytes);
    });
}

/// norm_j = |W_j + s B_j A| and column_scale_j = magnitude_j / norm_j, each [1, out]; an empty view is not wanted.
/// @throw, @stream, @determinism  as forward
template <class T>
void dora_norm(detail::as_is<device_matrix_view<const T>> w, const dora_view<T>& dora, device_matrix_view<float> norm,
               device_matrix_view<float> column_scale, cudaStream_t stream) {
    const char* const door = "adapters::dora_norm";
    const auto& [a, b, scale, dropout] = dora.adapter;
    const std::size_t in = w.cols(), out = w.rows(), rank = a.rows();
    kernels::dora_norm_args<T> args;
    args.shape = {0, static_cast<std::int64_t>(in), static_cast<std::int64_t>(out), static_cast<std::int64_t>(rank)};
    args.w = w.data(), args.ldw = detail::leading(door, "w", w, out, in);
    args.a = a.data(), args.lda = detail::leading(door, "a", a, rank, in);
    args.b = b.data(), args.ldb = detail::leading(door, "b", b, out, rank);
    args.scale = scale;
    const auto vector = [&](const char* name, auto given) {
        if (!given.empty()) (void)detail::leading(door, name, given, 1, out);
        return given.empty() ? nullptr : given.data();
    };
    args.magnitude = vector("magnitude", dora.magnitude);
    args.norm = vector("norm", norm), args.column_scale = vector("column_scale", column_scale);
    detail::settle(door, kernels::dora_norm(args, stream), args);
}

/// The layer in use, with a column scale that dora_norm made once.
template <class T>
void forward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> x,
             detail::as_is<device_matrix_view<const T>> w, const dora_view<T>& dora,
             device_matrix_view<const float> column_scale, detail::as_is<device_matrix_view<T>> y,
             device_matrix_view<std::byte> workspace, cudaStream_t stream,
             const detail::as_is<lora_epilogue<T>>& epilogue = {}) {
    const char* const door = "adapters::forward";
    auto args = detail::forward_args<T>(door, plan, x, w, dora.adapter, y, nullptr, {}, workspace, epilogue);
    (void)detail::leading(door, "column_scale", column_scale, 1, plan.shape.out);
    args.column_scale = column_scale.data();
    detail::settle(door, kernels::lora_matmul(args, stream), args);
}

/// In training: the norm of the weights as they are now, then the layer, with the adapter's dropout.
/// @param bias  [1, out] or empty; a residual would spoil the magnitudes' gradient, and is not taken
template <class T, uniform_random_generator G>
void forward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> x,
             detail::as_is<device_matrix_view<const T>> w, const dora_view<T>& dora,
             detail::as_is<device_matrix_view<T>> y, device_dora_saved<T>& saved, G& generator,
             device_matrix_view<std::byte> workspace, cudaStream_t stream,
             detail::as_is<device_matrix_view<const T>> bias = {}) {
    const char* const door = "adapters::forward";
    dora_norm<T>(w, dora, {}, saved.column_scale, stream);
    auto args = detail::forward_args<T>(door, plan, x, w, dora.adapter, y, &saved.low_rank,
                                        detail::draw_key(dora.adapter.dropout, generator), workspace, {bias, {}});
    args.column_scale = saved.column_scale.data();
    detail::settle(door, kernels::lora_matmul(args, stream), args);
}

/// The gradients that `to` asks for.
/// @param y       [m, out] that forward wrote;  @param bias  that was in it, or empty
/// @param scaled  [m, out], written: dy column_scale; may be dy's own memory
template <class T, class G>
void backward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> dy,
              detail::as_is<device_matrix_view<const T>> x, detail::as_is<device_matrix_view<const T>> w,
              const dora_view<T>& dora, detail::as_is<device_matrix_view<const T>> y, const device_dora_saved<T>& saved,
              const dora_gradients_view<T, G>& to, detail::as_is<device_matrix_view<T>> scaled,
              device_matrix_view<std::byte> workspace, cudaStream_t stream,
              detail::as_is<device_matrix_view<const T>> bias = {}) {
    const char* const door = "adapters::backward";
    const std::size_t m = x.rows(), n = plan.shape.out;
    kernels::dora_backward_args<T, G> args;
    args.product = detail::backward_args<T>(door, plan, dy, x, w, dora.adapter, saved.low_rank, to.low_rank, workspace);
    args.column_scale = saved.column_scale.data();
    args.scaled = scaled.data(), args.lds = detail::leading(door, "scaled", scaled, m, n);
    if (!to.magnitude.empty()) {
        (void)detail::leading(door, "the gradient of the magnitude", to.magnitude, 1, n);
        (void)detail::leading(door, "magnitude", dora.magnitude, 1, n);
        args.dmagnitude = to.magnitude.data(), args.magnitude = dora.magnitude.data();
        args.y = y.data(), args.ldy = detail::leading(door, "y", y, m, n);
    }
    if (!bias.empty()) {
        (void)detail::leading(door, "bias", bias, 1, n);
        args.bias = bias.data();
    }
    detail::settle(door, kernels::dora_backward(args, stream), args);
}

}  // namespace holdfast::adapters
