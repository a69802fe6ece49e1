#pragma once
// What every door on the GPU does before it enqueues: views become pointers with checked shapes, a refusal becomes an
// exception with the door's name. Builds on device_lora.cuh and kernels/lora_matmul.cuh.

#include <holdfast/adapters/device_lora.cuh>
#include <holdfast/core/random.hpp>
#include <holdfast/kernels/lora_matmul.cuh>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace holdfast::adapters::detail {

template <class T>
using as_is = std::type_identity_t<T>;  // deduced from the adapter alone, so that owners convert to views

template <class T>
[[nodiscard]] std::int64_t leading(const char* door, const char* name, device_matrix_view<T> m, std::size_t rows,
                                   std::size_t cols) {
    require(m.rows() == rows && m.cols() == cols, door, ": ", name, " must be [", rows, ", ", cols, "], it is [",
            m.rows(), ", ", m.cols(), "]");
    require(m.col_stride() == 1 || cols <= 1, door, ": ", name, " must be row-major, its column stride is ",
            m.col_stride());
    return rows <= 1 ? static_cast<std::int64_t>(std::max<std::ptrdiff_t>(m.row_stride(), std::ptrdiff_t(cols)))
                     : static_cast<std::int64_t>(m.row_stride());
}

template <class T>
[[nodiscard]] kernels::lora_shape shape_for(const char* door, const lora_plan& p, std::size_t rows) {
    require(p.shape.type == element_of<T>, door, ": the plan was made for another element type than the adapter's");
    require(rows <= p.shape.tokens, door, ": the plan is for ", p.shape.tokens, " rows at most, x has ", rows);
    return {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(p.shape.in),
            static_cast<std::int64_t>(p.shape.out), static_cast<std::int64_t>(p.shape.rank)};
}

/// A refusal is the caller's mistake (invalid_argument), everything else CUDA's (cuda_error).
/// @param explain  gives the refusal as a sentence, empty if there is none
template <class Explain>
void settle_by(const char* door, cudaError_t error, const Explain& explain) {
    if (error == cudaSuccess) return;
    const std::string refusal = explain();
    if (!refusal.empty()) refuse(door, ": ", refusal);
    throw cuda_error(error, door, kernels::explain(error));
}
template <class Args>
void settle(const char* door, cudaError_t error, const Args& args) {
    settle_by(door, error, [&] { return explain(args); });  // that of its kind, by its namespace
}

/// The key of a new mask: one 64-bit seed from the generator if p > 0, as lora.hpp draws it.
template <uniform_random_generator G>
[[nodiscard]] kernels::dropout_key draw_key(double p, G& generator) {
    if (!(p > 0)) return {};
    const std::uint64_t low = static_cast<std::uint32_t>(generator()), high = static_cast<std::uint32_t>(generator());
    return kernels::dropout_key::make(low | high << 32, p);
}

/// Notes in `saved` what a batch of `rows` was masked by, once it is sure that it fits.
template <class T>
void keep(const char* door, device_lora_saved<T>& saved, std::size_t rows, std::size_t u_cols,
          kernels::dropout_key key) {
    require(saved.u.rows() >= rows && saved.u.cols() == u_cols, door, ": saved was made for another plan");
    require(key.threshold == 0 || saved.mask.rows() >= rows, door,
            ": saved has no room for a dropout mask: make it with_dropout");
    saved.key = key;
    saved.rows = rows;
}

/// The plan of a layer of this shape: the largest need(shape) of bytes of any batch of at most its tokens.
template <class Need>
[[nodiscard]] lora_plan plan_of(const char* door, const plan_options& o, const Need& need) {
    namespace kd = kernels::detail;
    const auto wide = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    const kernels::lora_shape most{wide(o.tokens), wide(o.in), wide(o.out), wide(o.rank)};
    if (const auto wrong = kd::check_shape(most); wrong.why != kd::refusal::none) refuse(kd::in_words(door, wrong));
    lora_plan p{o, 0, kernels::mask_words(o.in), static_cast<std::size_t>(kd::padded_rank(most.rank))};
    // Short batches are cut into more parts, so the largest need is at some multiple of a tile's height.
    for (std::int64_t m = 0;; m += kd::skinny_rows) {
        kernels::lora_shape s = most;
        s.tokens = m < 256 * kd::skinny_rows ? std::min(m, most.tokens) : most.tokens;
        p.workspace_bytes = std::max(p.workspace_bytes, static_cast<std::size_t>(need(s)));
        if (s.tokens == most.tokens) return p;
    }
}
[[nodiscard]] inline std::size_t bytes_of(element type) { return type == element::fp32 ? 4 : 2; }

template <class T>
[[nodiscard]] kernels::lora_matmul_args<T> forward_args(const char* door, const lora_plan& plan,
                                                        device_matrix_view<const T> x, device_matrix_view<const T> w,
                                                        const lora_view<T>& adapter, device_matrix_view<T> y,
                                                        device_lora_saved<T>* saved, kernels::dropout_key key,
                                                        device_matrix_view<std::byte> workspace,
                                                        const lora_epilogue<T>& epilogue) {
    const auto& o = plan.shape;
    kernels::lora_matmul_args<T> args;
    args.shape = shape_for<T>(door, plan, x.rows());
    args.x = x.data(), args.ldx = leading(door, "x", x, x.rows(), o.in);
    args.w = w.data(), args.ldw = leading(door, "w", w, o.out, o.in);
    args.a = adapter.a.data(), args.lda = leading(door, "a", adapter.a, o.rank, o.in);
    args.b = adapter.b.data(), args.ldb = leading(door, "b", adapter.b, o.out, o.rank);
    args.y = y.data(), args.ldy = leading(door, "y", y, x.rows(), o.out);
    args.scale = adapter.scale;
    if (!epilogue.bias.empty()) {
        (void)leading(door, "bias", epilogue.bias, 1, o.out);
        args.bias = epilogue.bias.data();
    }
    if (!epilogue.residual.empty()) {
        args.ldr = leading(door, "residual", epilogue.residual, x.rows(), o.out);
        args.residual = epilogue.residual.data();
    }
    args.f = epilogue.f;
    if (!epilogue.z.empty()) args.z = epilogue.z.data(), args.ldz = leading(door, "z", epilogue.z, x.rows(), o.out);
    args.dropout = key, args.tf32 = o.tf32;
    if (saved != nullptr) {
        keep(door, *saved, x.rows(), plan.u_cols, key);
        args.u = saved->u.data(), args.ldu = static_cast<std::int64_t>(plan.u_cols);
        args.mask = key.threshold > 0 ? saved->mask.data() : nullptr;
    }
    args.workspace = workspace.data(), args.workspace_bytes = workspace.size();
    return args;
}

template <class T, class G>
[[nodiscard]] kernels::lora_matmul_backward_args<T, G> backward_args(
    const char* door, const lora_plan& plan, device_matrix_view<const T> dy, device_matrix_view<const T> x,
    device_matrix_view<const T> w, const lora_view<T>& adapter, const device_lora_saved<T>& saved,
    const lora_gradients_view<T, G>& to, device_matrix_view<std::byte> workspace) {
    const auto& o = plan.shape;
    require(saved.rows == x.rows(), door, ": what forward saved is for ", saved.rows, " rows, x has ", x.rows());
    kernels::lora_matmul_backward_args<T, G> args;
    args.shape = shape_for<T>(door, plan, x.rows());
    args.dy = dy.data(), args.lddy = leading(door, "dy", dy, x.rows(), o.out);
    args.x = x.data(), args.ldx = leading(door, "x", x, x.rows(), o.in);
    args.w = w.data(), args.ldw = leading(door, "w", w, o.out, o.in);
    args.a = adapter.a.data(), args.lda = leading(door, "a", adapter.a, o.rank, o.in);
    args.b = adapter.b.data(), args.ldb = leading(door, "b", adapter.b, o.out, o.rank);
    args.u = saved.u.data(), args.ldu = static_cast<std::int64_t>(plan.u_cols);
    args.dropout = saved.key, args.tf32 = o.tf32;
    args.mask = saved.key.threshold > 0 ? saved.mask.data() : nullptr;
    args.scale = adapter.scale;
    if (!to.x.empty()) args.dx = to.x.data(), args.lddx = leading(door, "the gradient of x", to.x, x.rows(), o.in);
    if (!to.a.empty()) args.da = to.a.data(), args.ldda = leading(door, "the gradient of A", to.a, o.rank, o.in);
    if (!to.b.empty()) args.db = to.b.data(), args.lddb = leading(door, "the gradient of B", to.b, o.out, o.rank);
    args.accumulate = to.accumulate;
    args.workspace = workspace.data(), args.workspace_bytes = workspace.size();
    return args;
}

}  // namespace holdfast::adapters::detail
