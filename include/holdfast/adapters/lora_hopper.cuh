#pragma once
// lora.cuh's doors by the Hopper kernels, for whoever chooses them: they have not yet run on a GPU. Compile for sm_90a.
// Builds on lora.cuh and kernels/lora_hopper*.cuh.

#include <holdfast/adapters/lora.cuh>
#include <holdfast/kernels/lora_hopper.cuh>
#include <holdfast/kernels/lora_hopper_backward.cuh>
#include <holdfast/kernels/lora_hopper_overlap.cuh>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace holdfast::adapters {

/// A plan that both these doors and lora.cuh's can use.
/// @throw invalid_argument as make_plan, and if the elements are fp32
[[nodiscard]] inline lora_plan make_hopper_plan(const plan_options& o) {
    const char* const door = "adapters::make_hopper_plan";
    require(o.type != element::fp32, door, ": the Hopper kernels multiply bf16 and fp16, not fp32");
    lora_plan plan = detail::plan_of(door, o, &kernels::lora_matmul_backward_hopper_workspace);
    plan.workspace_bytes = std::max(plan.workspace_bytes, make_plan(o).workspace_bytes);
    return plan;
}

namespace detail {

/// settle, with a sentence of its own for another GPU.
template <class Args>
void settle_on_hopper(const char* door, cudaError_t error, const Args& args) {
    if (error == cudaErrorNoKernelImageForDevice)
        throw cuda_error(
            error, door,
            "these kernels run on compute capability 9.0 alone, in code that was compiled for sm_90a; those "
            "of adapters/lora.cuh run from 8.0 on");
    settle_by(door, error, [&] { return kernels::explain_hopper(args); });
}

}  // namespace detail

/// forward in training, by kernels::lora_matmul_hopper; x, w and b on borders of 16 bytes.
/// @throw invalid_argument for what does not fit, cuda_error if the GPU is not of compute capability 9.0
template <class T, uniform_random_generator G>
void forward_on_hopper(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> x,
                       detail::as_is<device_matrix_view<const T>> w, const lora_view<T>& adapter,
                       detail::as_is<device_matrix_view<T>> y, device_lora_saved<T>& saved, G& generator,
                       device_matrix_view<std::byte> workspace, cudaStream_t stream,
                       const detail::as_is<lora_epilogue<T>>& epilogue = {}) {
    const char* const door = "adapters::forward_on_hopper";
    const auto args = detail::forward_args<T>(door, plan, x, w, adapter, y, &saved,
                                              detail::draw_key(adapter.dropout, generator), workspace, epilogue);
    detail::settle_on_hopper(door, kernels::lora_matmul_hopper(args, stream), args);
}

/// backward by kernels::lora_matmul_backward_hopper; dy, w and a on borders of 16 bytes where dx is wanted.
template <class T, class G>
void backward_on_hopper(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> dy,
                        detail::as_is<device_matrix_view<const T>> x, detail::as_is<device_matrix_view<const T>> w,
                        const lora_view<T>& adapter, const device_lora_saved<T>& saved,
                        const lora_gradients_view<T, G>& to, device_matrix_view<std::byte> workspace,
                        cudaStream_t stream) {
    const char* const door = "adapters::backward_on_hopper";
    const auto args = detail::backward_args<T>(door, plan, dy, x, w, adapter, saved, to, workspace);
    detail::settle_on_hopper(door, kernels::lora_matmul_backward_hopper(args, stream), args);
}

/// What forward_overlapped_on_hopper counts its launches in: one for any number of layers whose calls come one after
/// the other.
class hopper_state {
  public:
    /// Enqueues its zeros on `stream`; batches of at most `tokens` rows.
    hopper_state(std::size_t tokens, cudaStream_t stream)
        : words_(1, kernels::lora_matmul_hopper_state({static_cast<std::int64_t>(tokens), 1, 1, 1})) {
        const cudaError_t error = cudaMemsetAsync(words_.data(), 0, words_.size() * sizeof(std::uint32_t), stream);
        if (error != cudaSuccess) throw cuda_error(error, "adapters::hopper_state", kernels::explain(error));
    }
    [[nodiscard]] std::uint32_t* data() { return words_.data(); }
    [[nodiscard]] std::size_t size() const { return words_.size(); }

  private:
    device_matrix<std::uint32_t> words_;
};

/// forward_on_hopper with u computed beside the product, by kernels::lora_matmul_hopper_overlapped.
template <class T, uniform_random_generator G>
void forward_overlapped_on_hopper(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> x,
                                  detail::as_is<device_matrix_view<const T>> w, const lora_view<T>& adapter,
                                  detail::as_is<device_matrix_view<T>> y, device_lora_saved<T>& saved, G& generator,
                                  hopper_state& state, device_matrix_view<std::byte> workspace, cudaStream_t stream,
                                  const detail::as_is<lora_epilogue<T>>& epilogue = {}) {
    const char* const door = "adapters::forward_overlapped_on_hopper";
    const auto args = detail::forward_args<T>(door, plan, x, w, adapter, y, &saved,
                                              detail::draw_key(adapter.dropout, generator), workspace, epilogue);
    require(state.size() >= kernels::lora_matmul_hopper_state(args.shape), door,
            ": state was made for fewer rows than ", x.rows());
    detail::settle_on_hopper(door, kernels::lora_matmul_hopper_overlapped(args, state.data(), stream), args);
}

/// backward_on_hopper with dA computed beside dx where both are wanted: the same arguments and bits.
template <class T, class G>
void backward_overlapped_on_hopper(const lora_plan& plan, detail::as_is<device_matrix_view<const T>> dy,
                                   detail::as_is<device_matrix_view<const T>> x,
                                   detail::as_is<device_matrix_view<const T>> w, const lora_view<T>& adapter,
                                   const device_lora_saved<T>& saved, const lora_gradients_view<T, G>& to,
                                   device_matrix_view<std::byte> workspace, cudaStream_t stream) {
    const char* const door = "adapters::backward_overlapped_on_hopper";
    const auto args = detail::backward_args<T>(door, plan, dy, x, w, adapter, saved, to, workspace);
    detail::settle_on_hopper(door, kernels::lora_matmul_backward_hopper_overlapped(args, stream), args);
}

}  // namespace holdfast::adapters
