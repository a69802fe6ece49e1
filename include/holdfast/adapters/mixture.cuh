#pragma once
// A gated mixture of adapters on the GPU, typed: y = x W' + sum_e g_e(token) s drop(x) A_e' B_e', by lora.cuh's verbs
// on a mixture_view. Builds on lora.cuh and kernels/mixture.cuh; leaves out the router.

#include <holdfast/adapters/lora.cuh>
#include <holdfast/kernels/mixture.cuh>

#include <algorithm>
#include <cstddef>

namespace holdfast::adapters {

/// All experts as one adapter of rank R: their A one below the other, their B side by side.
template <class T>
struct mixture_view {
    lora_view<T> experts;
    device_matrix_view<const float> gates;  ///< [m, count]; count divides R
};

/// What forward leaves for backward: u is the gated one.
template <class T>
struct device_mixture_saved {
    explicit device_mixture_saved(const lora_plan& plan, bool with_dropout = true)
        : low_rank(plan, with_dropout), raw(plan.shape.tokens, plan.u_cols) {}

    device_lora_saved<T> low_rank;
    device_matrix<T> raw;  ///< [tokens, u_cols] u before the gates
};

/// lora.cuh's plan for rank R, with the workspace that a mixture needs.
[[nodiscard]] inline lora_plan make_mixture_plan(const plan_options& o) {
    return detail::plan_of("adapters::make_mixture_plan", o, [&](const kernels::lora_shape& s) {
        const auto need = [&](auto type) {
            using T = decltype(type);
            kernels::lora_matmul_args<T> f;
            f.shape = s, f.dropout.threshold = 1;
            kernels::lora_matmul_backward_args<T> b;
            b.shape = s;
            return std::max(kernels::detail::plan(f).bytes, kernels::detail::plan(b).bytes);
        };
        return o.type == element::fp32 ? need(float{}) : need(__nv_bfloat16{});
    });
}

namespace detail {

template <class T>
[[nodiscard]] kernels::expert_gates gates_of(const char* door, const mixture_view<T>& mixture, std::size_t rows) {
    const auto& g = mixture.gates;
    return {static_cast<std::int64_t>(g.cols()), g.data(), leading(door, "gates", g, rows, g.cols())};
}

template <class T>
void forward(const lora_plan& plan, device_matrix_view<const T> x, device_matrix_view<const T> w,
             const mixture_view<T>& mixture, device_matrix_view<T> y, device_mixture_saved<T>* saved,
             kernels::dropout_key key, device_matrix_view<std::byte> workspace, cudaStream_t stream,
             const lora_epilogue<T>& epilogue) {
    const char* const door = "adapters::forward";
    kernels::mixture_args<T> args;
    args.product = forward_args<T>(door, plan, x, w, mixture.experts, y, saved ? &saved->low_rank : nullptr, key,
                                   workspace, epilogue);
    args.gates = gates_of(door, mixture, x.rows());
    if (saved != nullptr) args.raw = saved->raw.data(), args.ldraw = static_cast<std::int64_t>(plan.u_cols);
    settle(door, kernels::mixture(args, stream), args);
}

}  // namespace detail

/// The mixture in use.  @throw, @stream, @determinism  as lora.cuh's forward
template <class T>
void forward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> x,
             detail::as_is<device_matrix_view<const T>> w, const mixture_view<T>& mixture,
             detail::as_is<device_matrix_view<T>> y, device_matrix_view<std::byte> workspace, cudaStream_t stream,
             const detail::as_is<lora_epilogue<T>>& epilogue = {}) {
    detail::forward<T>(plan, x, w, mixture, y, nullptr, {}, workspace, stream, epilogue);
}

/// In training, with the adapter's dropout; one seed is drawn from the generator if p > 0.
template <class T, uniform_random_generator G>
void forward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> x,
             detail::as_is<device_matrix_view<const T>> w, const mixture_view<T>& mixture,
             detail::as_is<device_matrix_view<T>> y, device_mixture_saved<T>& saved, G& generator,
             device_matrix_view<std::byte> workspace, cudaStream_t stream,
             const detail::as_is<lora_epilogue<T>>& epilogue = {}) {
    detail::forward<T>(plan, x, w, mixture, y, &saved, detail::draw_key(mixture.experts.dropout, generator), workspace,
                       stream, epilogue);
}

/// The gradients that `to` asks for, and those of the gates, [m, count], where `gates` is not empty.
template <class T, class G>
void backward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> dy,
              detail::as_is<device_matrix_view<const T>> x, detail::as_is<device_matrix_view<const T>> w,
              const mixture_view<T>& mixture, const device_mixture_saved<T>& saved, const lora_gradients_view<T, G>& to,
              device_matrix_view<float> gates, device_matrix_view<std::byte> workspace, cudaStream_t stream) {
    const char* const door = "adapters::backward";
    kernels::mixture_backward_args<T, G> args;
    args.product = detail::backward_args<T>(door, plan, dy, x, w, mixture.experts, saved.low_rank, to, workspace);
    args.gates = detail::gates_of(door, mixture, x.rows());
    if (!gates.empty()) {
        args.dgates = gates.data();
        args.lddg = detail::leading(door, "the gradient of the gates", gates, x.rows(), mixture.gates.cols());
    }
    args.raw = saved.raw.data(), args.ldraw = static_cast<std::int64_t>(plan.u_cols);
    detail::settle(door, kernels::mixture_backward(args, stream), args);
}

}  // namespace holdfast::adapters
