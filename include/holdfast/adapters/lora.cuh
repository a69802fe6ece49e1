#pragma once
// The low-rank adapter (LoRA) on the GPU, by the names of lora.hpp: shapes and types are checked here, exceptions are
// thrown here; the work is kernels/lora_matmul.cuh's. Every call enqueues on the caller's stream, allocates nothing and
// waits for nothing. Builds on core/cuda.cuh and kernels/; leaves out the optimiser and Eigen.

#include <holdfast/adapters/lora_options.hpp>
#include <holdfast/core/cuda.cuh>
#include <holdfast/core/random.hpp>
#include <holdfast/kernels/lora_matmul.cuh>
#include <holdfast/kernels/merge.cuh>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace holdfast::adapters {

/// What x, W, A, B and y are stored as. Sums are fp32 always.
enum class element { bf16, fp16, fp32 };
inline constexpr element bf16 = element::bf16, fp16 = element::fp16, fp32 = element::fp32;

template <class T>
inline constexpr element element_of = std::is_same_v<T, float>    ? fp32
                                      : std::is_same_v<T, __half> ? fp16
                                                                  : bf16;

struct plan_options {
    std::size_t tokens = 0;  ///< rows of x at most
    std::size_t in = 0, out = 0, rank = 0;
    element type = element::bf16;
};

/// What a layer needs on the device; made once, used for every batch of at most `tokens` rows.
struct lora_plan {
    plan_options shape;
    std::size_t workspace_bytes = 0;  ///< for forward and backward; a device_matrix<std::byte>(1, workspace_bytes)
    std::size_t mask_words = 0;       ///< 32-bit words per row of the dropout mask
    std::size_t u_cols = 0;           ///< columns of the saved u: the rank, up to a multiple of 8
};

/// @throw invalid_argument if a size is 0 (tokens may be) or the rank above 256
[[nodiscard]] inline lora_plan make_plan(const plan_options& o) {
    namespace kd = kernels::detail;
    const auto wide = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    const kernels::lora_shape most{wide(o.tokens), wide(o.in), wide(o.out), wide(o.rank)};
    if (const auto wrong = kd::check_shape(most); wrong.why != kd::refusal::none)
        refuse(kd::in_words("adapters::make_plan", wrong));
    const std::size_t bytes = o.type == element::fp32 ? 4 : 2;
    lora_plan p{o, 0, kernels::mask_words(o.in), static_cast<std::size_t>(kd::padded_rank(most.rank))};
    // Short batches are cut into more parts, so the largest need is at some multiple of a tile's height.
    for (std::int64_t m = 0;; m += kd::skinny_rows) {
        kernels::lora_shape s = most;
        s.tokens = m < 256 * kd::skinny_rows ? std::min(m, most.tokens) : most.tokens;
        p.workspace_bytes = std::max({p.workspace_bytes, kd::plan_forward(s, bytes, true, false, false).bytes,
                                      kd::plan_backward(s, bytes).bytes});
        if (s.tokens == most.tokens) return p;
    }
}

/// An adapter as the kernels see it: device memory of someone else's.
template <class T>
struct lora_view {
    device_matrix_view<const T> a;  ///< [rank, in]
    device_matrix_view<const T> b;  ///< [out, rank]
    float scale = 1;                ///< alpha / r, or alpha / sqrt(r)
    double dropout = 0;             ///< p; in force only where forward is given a generator's seed
};

/// What forward leaves for backward, on the device: u and one bit per element of x.
template <class T>
struct device_lora_saved {
    explicit device_lora_saved(const lora_plan& plan, bool with_dropout = true)
        : u(plan.shape.tokens, plan.u_cols), mask(with_dropout ? plan.shape.tokens : 0, plan.mask_words) {}

    device_matrix<T> u;                 ///< [tokens, u_cols]; the first rank columns hold s / (1 - p) (m . x) A'
    device_matrix<std::uint32_t> mask;  ///< [tokens, mask_words] packed, 1 = kept
    kernels::dropout_key key;           ///< what the mask was made from
    std::size_t rows = 0;               ///< of the batch that was saved
};

/// Where gradients go; an empty view is not wanted. G is float (the default for sums over batches) or T.
template <class T, class G = float>
struct lora_gradients_view {
    device_matrix_view<T> x = {};  ///< [m, in], overwritten
    device_matrix_view<G> a = {};  ///< [rank, in]
    device_matrix_view<G> b = {};  ///< [out, rank]
    bool accumulate = false;       ///< add to a and b instead of overwriting them
};

/// Added to y before it is rounded; empty views are not.
template <class T>
struct lora_epilogue {
    device_matrix_view<const T> bias = {};      ///< [1, out]
    device_matrix_view<const T> residual = {};  ///< [m, out]; may be y itself
};

/// An adapter that owns its A [rank, in] and B [out, rank] on the device.
template <class T>
class device_lora {
  public:
    explicit device_lora(const lora_options& o)
        : options_(checked(o, "adapters::device_lora")), a(o.rank, o.in), b(o.out, o.rank) {}

    [[nodiscard]] const lora_options& shape() const { return options_; }
    [[nodiscard]] lora_view<T> view() const {
        return {a.view(), b.view(), static_cast<float>(options_.scale()), options_.dropout};
    }

  private:
    lora_options options_;

  public:
    device_matrix<T> a, b;  ///< not initialised: upload, or fill them with a kernel
};

namespace detail {

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
template <class Args>
void settle(const char* door, cudaError_t error, const Args& args) {
    if (error == cudaSuccess) return;
    const std::string refusal = kernels::explain(args);
    if (!refusal.empty()) refuse(door, ": ", refusal);
    throw cuda_error(error, door, kernels::explain(error));
}

template <class T>
void forward(const char* door, const lora_plan& plan, device_matrix_view<const T> x, device_matrix_view<const T> w,
             const lora_view<T>& adapter, device_matrix_view<T> y, device_lora_saved<T>* saved,
             kernels::dropout_key key, device_matrix_view<std::byte> workspace, cudaStream_t stream,
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
    args.dropout = key;
    if (saved != nullptr) {
        require(saved->u.rows() >= x.rows() && saved->u.cols() == plan.u_cols, door,
                ": saved was made for another plan");
        require(key.threshold == 0 || saved->mask.rows() >= x.rows(), door,
                ": saved has no room for a dropout mask: make it with_dropout");
        args.u = saved->u.data(), args.ldu = static_cast<std::int64_t>(plan.u_cols);
        args.mask = key.threshold > 0 ? saved->mask.data() : nullptr;
        saved->key = key;
        saved->rows = x.rows();
    }
    args.workspace = workspace.data(), args.workspace_bytes = workspace.size();
    settle(door, kernels::lora_matmul(args, stream), args);
}

}  // namespace detail

/// The adapted layer in use: y = x W' + s x A' B' (+ bias) (+ residual).
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
    detail::forward<T>("adapters::forward", plan, x, w, adapter, y, nullptr, {}, workspace, stream, epilogue);
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
    kernels::dropout_key key;
    if (adapter.dropout > 0) {
        const std::uint64_t low = static_cast<std::uint32_t>(generator()),
                            high = static_cast<std::uint32_t>(generator());
        key = kernels::dropout_key::make(low | high << 32, adapter.dropout);
    }
    detail::forward<T>("adapters::forward", plan, x, w, adapter, y, &saved, key, workspace, stream, epilogue);
}

/// The gradients that `to` asks for, given dy = dL/dy [m, out] and what forward saved; formulas in lora.hpp.
/// @throw, @stream, @determinism  as forward
template <class T, class G>
void backward(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> dy,
              detail::as_is<device_matrix_view<const T>> x, detail::as_is<device_matrix_view<const T>> w,
              const lora_view<T>& adapter, const device_lora_saved<T>& saved, const lora_gradients_view<T, G>& to,
              device_matrix_view<std::byte> workspace, cudaStream_t stream) {
    const char* door = "adapters::backward";
    const auto& o = plan.shape;
    require(saved.rows == x.rows(), door, ": what forward saved is for ", saved.rows, " rows, x has ", x.rows());
    kernels::lora_matmul_backward_args<T, G> args;
    args.shape = detail::shape_for<T>(door, plan, x.rows());
    args.dy = dy.data(), args.lddy = detail::leading(door, "dy", dy, x.rows(), o.out);
    args.x = x.data(), args.ldx = detail::leading(door, "x", x, x.rows(), o.in);
    args.w = w.data(), args.ldw = detail::leading(door, "w", w, o.out, o.in);
    args.a = adapter.a.data(), args.lda = detail::leading(door, "a", adapter.a, o.rank, o.in);
    args.b = adapter.b.data(), args.ldb = detail::leading(door, "b", adapter.b, o.out, o.rank);
    args.u = saved.u.data(), args.ldu = static_cast<std::int64_t>(plan.u_cols);
    args.dropout = saved.key;
    args.mask = saved.key.threshold > 0 ? saved.mask.data() : nullptr;
    args.scale = adapter.scale;
    if (!to.x.empty())
        args.dx = to.x.data(), args.lddx = detail::leading(door, "the gradient of x", to.x, x.rows(), o.in);
    if (!to.a.empty())
        args.da = to.a.data(), args.ldda = detail::leading(door, "the gradient of A", to.a, o.rank, o.in);
    if (!to.b.empty())
        args.db = to.b.data(), args.lddb = detail::leading(door, "the gradient of B", to.b, o.out, o.rank);
    args.accumulate = to.accumulate;
    args.workspace = workspace.data(), args.workspace_bytes = workspace.size();
    detail::settle(door, kernels::lora_matmul_backward(args, stream), args);
}

namespace detail {

template <class T>
void merge(const char* door, const lora_view<T>& adapter, device_matrix_view<T> w, float scale, cudaStream_t stream) {
    kernels::merge_args<T> args;
    const std::size_t in = adapter.a.cols(), out = adapter.b.rows(), rank = adapter.a.rows();
    args.shape = {0, static_cast<std::int64_t>(in), static_cast<std::int64_t>(out), static_cast<std::int64_t>(rank)};
    args.w = w.data(), args.ldw = leading(door, "w", w, out, in);
    args.a = adapter.a.data(), args.lda = leading(door, "a", adapter.a, rank, in);
    args.b = adapter.b.data(), args.ldb = leading(door, "b", adapter.b, out, rank);
    args.scale = scale;
    settle(door, kernels::merge(args, stream), args);
}

}  // namespace detail

/// w += s B A on the device, rounded to the nearest; kernels::merge has stochastic rounding and exact restore.
template <class T>
void merge_into(const lora_view<T>& adapter, detail::as_is<device_matrix_view<T>> w, cudaStream_t stream) {
    detail::merge<T>("adapters::merge_into", adapter, w, adapter.scale, stream);
}
template <class T>
void unmerge_from(const lora_view<T>& adapter, detail::as_is<device_matrix_view<T>> w, cudaStream_t stream) {
    detail::merge<T>("adapters::unmerge_from", adapter, w, -adapter.scale, stream);
}

}  // namespace holdfast::adapters
