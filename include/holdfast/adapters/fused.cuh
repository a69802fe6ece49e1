#pragma once
// Several adapted projections of one input on the GPU, typed: query, key and value, or gate and up, and the gated MLP's
// first half h = silu(gate) up. Builds on detail/doors.cuh, kernels/fused_adapter.cuh and kernels/swiglu.cuh.

#include <holdfast/adapters/detail/doors.cuh>
#include <holdfast/kernels/fused_adapter.cuh>
#include <holdfast/kernels/swiglu.cuh>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast::adapters {

inline constexpr std::size_t most_slices = kernels::most_slices;

struct fused_options {
    std::size_t tokens = 0;                      ///< rows of x at most
    std::size_t in = 0, rank = 0;                ///< of every slice
    std::size_t count = 0;                       ///< slices, 1 to 3
    std::array<std::size_t, most_slices> out{};  ///< columns of each
    element type = element::bf16;
    bool tf32 = false;  ///< fp32 only: factors rounded to tf32 and multiplied by tensor cores
};

struct fused_plan {
    fused_options shape;
    std::size_t workspace_bytes = 0;  ///< for forward and backward
    lora_plan saved;                  ///< what device_lora_saved is made from: u has the slices side by side
};

/// One projection: w [out, in] frozen, b [out, rank], and what is added before y is rounded.
template <class T>
struct fused_slice_view {
    device_matrix_view<const T> w, b;
    lora_epilogue<T> epilogue = {};
};

/// All projections; their A lie one below the other, and one mask is theirs.
template <class T>
struct fused_view {
    device_matrix_view<const T> a;  ///< [count rank, in]
    std::array<fused_slice_view<T>, most_slices> slice = {};
    float scale = 1;
    double dropout = 0;
};

template <class T>
struct fused_gradients_view {
    device_matrix_view<T> x = {};                               ///< [m, in], overwritten
    device_matrix_view<float> a = {};                           ///< [count rank, in]
    std::array<device_matrix_view<float>, most_slices> b = {};  ///< [out, rank] each
    bool accumulate = false;
};

/// @throw invalid_argument if there are not 1 to 3 slices, a size is 0 or the rank above 256
[[nodiscard]] inline fused_plan make_fused_plan(const fused_options& o) {
    const char* const door = "adapters::make_fused_plan";
    require(o.count >= 1 && o.count <= most_slices, door, ": slices must be 1 to ", most_slices, ", they are ",
            o.count);
    fused_plan plan{o, 0, {}};
    for (std::size_t i = 0; i < o.count; ++i) {
        const lora_plan one = detail::plan_of(door, {o.tokens, o.in, o.out[i], o.rank, o.type}, [&](const auto& s) {
            const auto need = [&](auto type) {
                kernels::fused_adapter_args<decltype(type)> args;
                args.tokens = s.tokens, args.in = s.in, args.rank = s.rank, args.count = static_cast<int>(o.count);
                for (std::size_t j = 0; j < o.count; ++j) args.slice[j].out = static_cast<std::int64_t>(o.out[j]);
                return kernels::fused_adapter_workspace(args);
            };
            return o.type == element::fp32 ? need(float{}) : need(__nv_bfloat16{});
        });
        if (i == 0) plan.saved = one;
        plan.workspace_bytes = std::max(plan.workspace_bytes, one.workspace_bytes);
    }
    plan.saved.u_cols *= o.count;
    plan.saved.workspace_bytes = plan.workspace_bytes;
    return plan;
}

namespace detail {

/// What both directions are given.
template <class T>
[[nodiscard]] kernels::fused_adapter_args<T> fused_args(const char* door, const fused_plan& plan,
                                                        device_matrix_view<const T> x, const fused_view<T>& view,
                                                        const device_lora_saved<T>& saved, kernels::dropout_key key,
                                                        device_matrix_view<std::byte> workspace) {
    const auto& o = plan.shape;
    kernels::fused_adapter_args<T> args;
    args.tokens = shape_for<T>(door, plan.saved, x.rows()).tokens;
    args.in = static_cast<std::int64_t>(o.in), args.rank = static_cast<std::int64_t>(o.rank);
    args.count = static_cast<int>(o.count), args.scale = view.scale, args.dropout = key;
    args.tf32 = o.tf32;
    args.x = x.data(), args.ldx = leading(door, "x", x, x.rows(), o.in);
    args.a = view.a.data(), args.lda = leading(door, "a", view.a, o.count * o.rank, o.in);
    for (std::size_t i = 0; i < o.count; ++i) {
        auto& s = args.slice[i];
        const auto& v = view.slice[i];
        s.out = static_cast<std::int64_t>(o.out[i]);
        s.w = v.w.data(), s.ldw = leading(door, "w", v.w, o.out[i], o.in);
        s.b = v.b.data(), s.ldb = leading(door, "b", v.b, o.out[i], o.rank);
        if (!v.epilogue.bias.empty()) {
            (void)leading(door, "bias", v.epilogue.bias, 1, o.out[i]);
            s.bias = v.epilogue.bias.data();
        }
        if (!v.epilogue.residual.empty()) {
            s.ldr = leading(door, "residual", v.epilogue.residual, x.rows(), o.out[i]);
            s.residual = v.epilogue.residual.data();
        }
        s.f = v.epilogue.f;
        if (!v.epilogue.z.empty())
            s.z = v.epilogue.z.data(), s.ldz = leading(door, "z", v.epilogue.z, x.rows(), o.out[i]);
    }
    args.u = const_cast<T*>(saved.u.data());  // written by forward, read by backward
    args.ldu = static_cast<std::int64_t>(saved.u.cols());
    args.mask = key.threshold > 0 ? const_cast<std::uint32_t*>(saved.mask.data()) : nullptr;
    args.workspace = workspace.data(), args.workspace_bytes = workspace.size();
    return args;
}

template <class T>
void wants(const char* door, kernels::fused_adapter_args<T>& args, const fused_plan& plan, std::size_t m,
           const fused_gradients_view<T>& to) {
    const auto& o = plan.shape;
    if (!to.x.empty()) args.dx = to.x.data(), args.lddx = leading(door, "the gradient of x", to.x, m, o.in);
    if (!to.a.empty())
        args.da = to.a.data(), args.ldda = leading(door, "the gradient of A", to.a, o.count * o.rank, o.in);
    for (std::size_t i = 0; i < o.count; ++i)
        if (!to.b[i].empty())
            args.slice[i].db = to.b[i].data(),
            args.slice[i].lddb = leading(door, "the gradient of B", to.b[i], o.out[i], o.rank);
    args.accumulate = to.accumulate;
}

template <class T>
void check_rows(const char* door, const device_lora_saved<T>& saved, std::size_t rows) {
    require(saved.rows == rows, door, ": what forward saved is for ", saved.rows, " rows, x has ", rows);
}

}  // namespace detail

/// y_i = x W_i' + s drop(x) A_i' B_i' (+ bias_i) (+ residual_i) for every slice.
///
/// @param y      one view [m, out_i] per slice, overwritten
/// @param saved  made from plan.saved; in use too, where no generator is drawn from if the dropout is 0
/// @throw, @stream, @determinism, @precision  as lora.cuh's forward
template <class T, uniform_random_generator G>
void forward(const fused_plan& plan, detail::as_is<device_matrix_view<const T>> x, const fused_view<T>& view,
             std::span<const device_matrix_view<T>> y, device_lora_saved<T>& saved, G& generator,
             device_matrix_view<std::byte> workspace, cudaStream_t stream) {
    const char* const door = "adapters::forward";
    require(y.size() == plan.shape.count, door, ": there must be one y per slice, ", plan.shape.count, ", there are ",
            y.size());
    const auto key = detail::draw_key(view.dropout, generator);
    detail::keep(door, saved, x.rows(), plan.saved.u_cols, key);
    auto args = detail::fused_args<T>(door, plan, x, view, saved, key, workspace);
    for (std::size_t i = 0; i < y.size(); ++i)
        args.slice[i].y = y[i].data(),
        args.slice[i].ldy = detail::leading(door, "y", y[i], x.rows(), plan.shape.out[i]);
    detail::settle(door, kernels::fused_adapter(args, stream), args);
}

/// The gradients that `to` asks for, given one dy_i [m, out_i] per slice: dx once, for all of them.
template <class T>
void backward(const fused_plan& plan, std::span<const device_matrix_view<const T>> dy,
              detail::as_is<device_matrix_view<const T>> x, const fused_view<T>& view,
              const device_lora_saved<T>& saved, const fused_gradients_view<T>& to,
              device_matrix_view<std::byte> workspace, cudaStream_t stream) {
    const char* const door = "adapters::backward";
    require(dy.size() == plan.shape.count, door, ": there must be one dy per slice, ", plan.shape.count, ", there are ",
            dy.size());
    detail::check_rows(door, saved, x.rows());
    auto args = detail::fused_args<T>(door, plan, x, view, saved, saved.key, workspace);
    for (std::size_t i = 0; i < dy.size(); ++i)
        args.slice[i].dy = dy[i].data(),
        args.slice[i].lddy = detail::leading(door, "dy", dy[i], x.rows(), plan.shape.out[i]);
    detail::wants(door, args, plan, x.rows(), to);
    detail::settle_by(door, kernels::fused_adapter_backward(args, stream), [&] { return explain_backward(args); });
}

/// e and g of a gated MLP, kept for backward; empty in use.
template <class T>
struct swiglu_kept {
    device_matrix_view<T> e = {}, g = {};  ///< [m, out]
};

namespace detail {

template <class T>
[[nodiscard]] kernels::swiglu_adapter_args<T> swiglu_args(const char* door, const fused_plan& plan,
                                                          device_matrix_view<const T> x, const fused_view<T>& view,
                                                          const device_lora_saved<T>& saved, kernels::dropout_key key,
                                                          const swiglu_kept<T>& kept,
                                                          device_matrix_view<std::byte> workspace) {
    kernels::swiglu_adapter_args<T> args;
    args.projections = fused_args<T>(door, plan, x, view, saved, key, workspace);
    const auto put = [&](std::size_t i, const char* name, device_matrix_view<T> m) {
        auto& s = args.projections.slice[i];
        if (!m.empty()) s.y = m.data(), s.ldy = leading(door, name, m, x.rows(), plan.shape.out[i]);
    };
    put(0, "e", kept.e), put(1, "g", kept.g);
    return args;
}

}  // namespace detail

/// h = silu(e) g with e = gate(x) and g = up(x): slice 0 is the gate, slice 1 up, of one width, without residuals.
/// @param h  [m, out], overwritten;  @throw, @stream, @determinism  as forward
template <class T, uniform_random_generator G>
void forward_swiglu(const fused_plan& plan, detail::as_is<device_matrix_view<const T>> x, const fused_view<T>& view,
                    detail::as_is<device_matrix_view<T>> h, const detail::as_is<swiglu_kept<T>>& kept,
                    device_lora_saved<T>& saved, G& generator, device_matrix_view<std::byte> workspace,
                    cudaStream_t stream) {
    const char* const door = "adapters::forward_swiglu";
    const auto key = detail::draw_key(view.dropout, generator);
    detail::keep(door, saved, x.rows(), plan.saved.u_cols, key);
    auto args = detail::swiglu_args<T>(door, plan, x, view, saved, key, kept, workspace);
    args.h = h.data(), args.ldh = detail::leading(door, "h", h, x.rows(), plan.shape.out[0]);
    detail::settle(door, kernels::swiglu_adapter(args, stream), args);
}

/// The gradients that `to` asks for, given dh [m, out] and the e and g that forward kept.
/// @param slopes  where de and dg go, [m, out] each: memory of their own, or that of e and g
template <class T>
void backward_swiglu(const fused_plan& plan, detail::as_is<device_matrix_view<const T>> dh,
                     detail::as_is<device_matrix_view<const T>> x, const fused_view<T>& view,
                     const detail::as_is<swiglu_kept<T>>& kept, const detail::as_is<swiglu_kept<T>>& slopes,
                     const device_lora_saved<T>& saved, const fused_gradients_view<T>& to,
                     device_matrix_view<std::byte> workspace, cudaStream_t stream) {
    const char* const door = "adapters::backward_swiglu";
    const std::size_t m = x.rows(), n = plan.shape.out[0];
    detail::check_rows(door, saved, m);
    auto args = detail::swiglu_args<T>(door, plan, x, view, saved, saved.key, kept, workspace);
    args.dh = dh.data(), args.lddh = detail::leading(door, "dh", dh, m, n);
    args.de = slopes.e.data(), args.ldde = detail::leading(door, "de", slopes.e, m, n);
    args.dg = slopes.g.data(), args.lddg = detail::leading(door, "dg", slopes.g, m, n);
    detail::wants(door, args.projections, plan, m, to);
    detail::settle_by(door, kernels::swiglu_adapter_backward(args, stream), [&] { return explain_backward(args); });
}

}  // namespace holdfast::adapters
