#pragma once
// lora_hopper.cuh's and lora_hopper_backward.cuh's products with the skinny ones beside them, in the same launch: some
// multiprocessors stream x for u (forward) or dA (backward) while the others multiply; the tiles of y wait for u just
// before they need it. Saves the pass over x as time, not as bytes. NOT YET RUN ON A GPU: nothing in the library
// chooses these, a caller must. Tested on an emulated GPU; benchmarks/gpu.sh checks them against fp64 and times them.
// bf16 and fp16. Builds on detail/hopper_help.cuh.

#include <holdfast/kernels/detail/hopper_help.cuh>
#include <holdfast/kernels/lora_hopper.cuh>
#include <holdfast/kernels/lora_hopper_backward.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::kernels {
namespace detail {

template <class T>
[[nodiscard]] refused check_overlapped(const lora_matmul_args<T>& g, const std::uint32_t* state) noexcept {
    return first_of(check_hopper(g), check_matrix("state", state, 1, g.shape.tokens > 0, 1, 4));
}

[[nodiscard]] inline std::int64_t shrinking_pieces(const lora_shape& s) noexcept {
    return ceil_div<std::int64_t>(s.tokens, help_tile<16>::rows);
}

/// y and u by one kernel of `Tail` products in the last step, after the mask.
template <int Tail, int Ranks, class T>
[[nodiscard]] cudaError_t run_shrinking(hopper_call<T> c, const gemm_problem<T>& u, std::uint32_t* state,
                                        cudaStream_t stream) noexcept {
    const shrinking_help<T, Ranks> help{u, static_cast<int>(ceil_div(u.m, help_tile<Ranks>::rows)), state};
    return launch_helped<hopper_sum::forward, Tail>(c.p, help, true, stream);
}

template <class T>
[[nodiscard]] cudaError_t run_overlapped(const lora_matmul_args<T>& g, std::uint32_t* state,
                                         cudaStream_t stream) noexcept {
    const lora_shape& s = g.shape;
    int multiprocessors = 0;
    cudaError_t error = hopper_multiprocessors(multiprocessors);
    if (error != cudaSuccess || s.tokens == 0) return error;
    const forward_layout l = plan_forward(s, sizeof(T), g.dropout.threshold > 0, g.u != nullptr, g.mask != nullptr);
    std::uint32_t* const mask = g.mask != nullptr ? g.mask : part<std::uint32_t>(g.workspace, l.mask);
    gemm_problem<T> u = shrink_of(g, mask);
    u.c = g.u != nullptr ? g.u : part<T>(g.workspace, l.u);
    u.ldc = g.u != nullptr ? g.ldu : padded_rank(s.rank);
    mark_fast(u);
    hopper_call<T> c = expansion_of(g, static_cast<const T*>(u.c), u.ldc);
    error = describe_hopper_product<hopper_sum::forward>(c);
    if (error == cudaSuccess) error = draw_mask_of(g, mask, stream);
    if (error != cudaSuccess) return error;
    const int wide = s.rank > 16 ? ceil_div(static_cast<int>(s.rank), 64) : 1;  // times that x is read
    c.p.schedule = plan_help(c.p.tiles_m(), c.p.tiles_n(), c.p.steps.count(), shrinking_pieces(s),
                             wide * c.p.steps.frozen, multiprocessors, true);
    if (s.rank <= 16) return run_shrinking<1, 16>(c, u, state, stream);
    switch (c.p.steps.tail) {
        case 1:
            return run_shrinking<1, 64>(c, u, state, stream);
        case 2:
            return run_shrinking<2, 64>(c, u, state, stream);
        case 3:
            return run_shrinking<3, 64>(c, u, state, stream);
        default:
            return run_shrinking<4, 64>(c, u, state, stream);
    }
}

/// dx, with the partial sums of dA beside it.
struct dx_with_da {
    static constexpr bool with_da = true;

    template <class T, class G>
    cudaError_t operator()(const lora_matmul_backward_args<T, G>& g, const T* ds, std::int64_t ldds,
                           const split_plan& split, float* partial, cudaStream_t stream) const noexcept {
        if (g.da == nullptr) return dx_alone{}(g, ds, ldds, split, partial, stream);
        gemm_problem<T> da = gradient_of_a_parts(g, ds, ldds, split, partial);
        mark_fast(da);
        return as_masked(g, [&](auto sum) {
            const hopper_call<T> c = dx_of(g, ds, ldds);
            return g.shape.rank <= 16 ? run<sum.value, 1>(c, gradient_help<T, 16>{da}, stream)
                                      : run<sum.value, 4>(c, gradient_help<T, 64>{da}, stream);
        });
    }

  private:
    template <hopper_sum Sum, int Tail, class T, class Help>
    static cudaError_t run(hopper_call<T> c, const Help& help, cudaStream_t stream) noexcept {
        int multiprocessors = 0;
        cudaError_t error = hopper_multiprocessors(multiprocessors);
        if (error == cudaSuccess) error = describe_hopper_product<Sum>(c);
        if (error != cudaSuccess) return error;
        c.p.schedule = plan_help(c.p.tiles_m(), c.p.tiles_n(), c.p.steps.count(), help.pieces(), help.da.split.steps,
                                 multiprocessors, false);
        return launch_helped<Sum, Tail>(c.p, help, false, stream);
    }
};

}  // namespace detail

/// Numbers of `state` that lora_matmul_hopper_overlapped needs for a shape; more do no harm.
[[nodiscard]] inline std::size_t lora_matmul_hopper_state(const lora_shape& shape) noexcept {
    return 2 + static_cast<std::size_t>(detail::shrinking_pieces(shape));
}

/// What is wrong with the arguments, as a sentence; empty if lora_matmul_hopper_overlapped would take them.
template <class T>
[[nodiscard]] std::string explain_overlapped(const lora_matmul_args<T>& args, const std::uint32_t* state) {
    return detail::in_words("kernels::lora_matmul_hopper_overlapped", detail::check_overlapped(args, state));
}

/// lora_matmul_hopper in one launch (with dropout a second one draws the mask): some blocks compute u, 192 rows at a
/// time, and then take tiles as the others do. lora_matmul's workspace, and no more bits of u are lost than there.
///
/// @param state  [lora_matmul_hopper_state(shape)] on the device, zero before its first use and left to these calls
///               afterwards: they count launches in it. Calls that share it, of whatever shapes, must come one after
///               the other. If it was not zero, the kernel may never end
/// @stream       as lora_matmul; a cooperative launch: all its blocks run at once
/// @determinism  as lora_matmul: neither the number of multiprocessors nor the order of events changes a bit
/// @return  cudaErrorInvalidValue or cudaErrorMisalignedAddress for what explain_overlapped(args, state) names,
///          cudaErrorNoKernelImageForDevice if the device is not of compute capability 9.0, else CUDA's own
template <class T>
[[nodiscard]] cudaError_t lora_matmul_hopper_overlapped(const lora_matmul_args<T>& g, std::uint32_t* state,
                                                        cudaStream_t stream) noexcept {
    static_assert(sizeof(T) == 2, "the Hopper kernel multiplies bf16 and fp16: lora_matmul has fp32");
    if (const detail::refused r = detail::check_overlapped(g, state); r.why != detail::refusal::none)
        return detail::code_of(r);
    return detail::run_overlapped(g, state, stream);
}

/// lora_matmul_backward_hopper with the pass over x for dA beside the product for dx, where both are wanted: the same
/// arguments, workspace, errors and bits.
template <class T, class G>
[[nodiscard]] cudaError_t lora_matmul_backward_hopper_overlapped(const lora_matmul_backward_args<T, G>& g,
                                                                 cudaStream_t stream) noexcept {
    static_assert(sizeof(T) == 2, "the Hopper kernels multiply bf16 and fp16: lora_matmul_backward has fp32");
    if (const detail::refused r = detail::check_hopper(g); r.why != detail::refusal::none) return detail::code_of(r);
    return detail::run_on_hopper(g, detail::dx_with_da{}, stream);
}

}  // namespace holdfast::kernels
