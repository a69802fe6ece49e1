// Every kernel of the library, instantiated once: what static_gate.sh compiles for each architecture.
#include <holdfast/kernels/activation_gradient.cuh>
#include <holdfast/kernels/dora.cuh>
#include <holdfast/kernels/dora_backward.cuh>
#include <holdfast/kernels/fused_adapter.cuh>
#include <holdfast/kernels/lora_hopper.cuh>
#include <holdfast/kernels/lora_hopper_backward.cuh>
#include <holdfast/kernels/lora_hopper_overlap.cuh>
#include <holdfast/kernels/lora_matmul.cuh>
#include <holdfast/kernels/merge.cuh>
#include <holdfast/kernels/mixture.cuh>
#include <holdfast/kernels/orthogonality.cuh>
#include <holdfast/kernels/segmented_gradients.cuh>
#include <holdfast/kernels/swiglu.cuh>
#include <holdfast/transport/detail/pair_kernel.cuh>
#include <holdfast/transport/engine_cuda.cuh>

#if __has_include(<cublasLt.h>)
#include <holdfast/kernels/lora_bordered.cuh>
#endif

namespace kernels = holdfast::kernels;

template <class T, class G>
cudaError_t all(const kernels::lora_matmul_args<T>& forward, const kernels::lora_matmul_backward_args<T, G>& backward,
                const kernels::merge_args<T>& merge, const kernels::fused_adapter_args<T>& fused,
                const kernels::segmented_lora_args<T>& many, const kernels::segmented_gradient_args<T>& sums,
                cudaStream_t stream) {
    for (const cudaError_t error :
         {kernels::lora_matmul(forward, stream), kernels::lora_matmul_backward(backward, stream),
          kernels::merge(merge, stream), kernels::fused_adapter(fused, stream),
          kernels::fused_adapter_backward(fused, stream), kernels::segmented_lora(many, stream),
          kernels::segmented_lora_backward(many, stream), kernels::segmented_lora_gradients(sums, stream),
          kernels::dora_norm(kernels::dora_norm_args<T>{}, stream),
          kernels::dora_backward(kernels::dora_backward_args<T>{}, stream),
          kernels::mixture(kernels::mixture_args<T>{}, stream),
          kernels::mixture_backward(kernels::mixture_backward_args<T>{}, stream),
          kernels::orthogonality(kernels::orthogonality_args<T>{}, stream),
          kernels::activation_gradient(kernels::activation_gradient_args<T>{}, stream),
          kernels::swiglu_adapter(kernels::swiglu_adapter_args<T>{}, stream),
          kernels::swiglu_adapter_backward(kernels::swiglu_adapter_args<T>{}, stream),
          kernels::restore(merge.w, merge.ldw, merge.changed, merge.ldc, 1, 1, stream)})
        if (error != cudaSuccess) return error;
    return cudaSuccess;
}

template <class T>
using forward_args = const kernels::lora_matmul_args<T>&;
template <class T, class G>
using backward_args = const kernels::lora_matmul_backward_args<T, G>&;
template <class T>
using merging = const kernels::merge_args<T>&;
template <class T>
using fusing = const kernels::fused_adapter_args<T>&;
template <class T>
using batching = const kernels::segmented_lora_args<T>&;
template <class T>
using summing = const kernels::segmented_gradient_args<T>&;

template cudaError_t all(forward_args<float>, backward_args<float, float>, merging<float>, fusing<float>,
                         batching<float>, summing<float>, cudaStream_t);
template cudaError_t all(forward_args<__half>, backward_args<__half, float>, merging<__half>, fusing<__half>,
                         batching<__half>, summing<__half>, cudaStream_t);
template cudaError_t all(forward_args<__nv_bfloat16>, backward_args<__nv_bfloat16, __nv_bfloat16>,
                         merging<__nv_bfloat16>, fusing<__nv_bfloat16>, batching<__nv_bfloat16>, summing<__nv_bfloat16>,
                         cudaStream_t);

#if __has_include(<cublasLt.h>)
template <class T>
cublasStatus_t by_cublaslt(cublasLtHandle_t handle, forward_args<T> forward, backward_args<T, float> backward,
                           const kernels::bordered_lora_args<T>& bordered, cudaStream_t stream) {
    for (const cublasStatus_t status :
         {kernels::lora_matmul_cublaslt(handle, forward, stream),
          kernels::lora_matmul_backward_cublaslt(handle, backward, stream),
          kernels::bordered_lora(handle, bordered, stream), kernels::bordered_lora_backward(handle, bordered, stream)})
        if (status != CUBLAS_STATUS_SUCCESS) return status;
    return CUBLAS_STATUS_SUCCESS;
}
template <class T>
using bordering = const kernels::bordered_lora_args<T>&;
template cublasStatus_t by_cublaslt(cublasLtHandle_t, forward_args<float>, backward_args<float, float>,
                                    bordering<float>, cudaStream_t);
template cublasStatus_t by_cublaslt(cublasLtHandle_t, forward_args<__half>, backward_args<__half, float>,
                                    bordering<__half>, cudaStream_t);
template cublasStatus_t by_cublaslt(cublasLtHandle_t, forward_args<__nv_bfloat16>, backward_args<__nv_bfloat16, float>,
                                    bordering<__nv_bfloat16>, cudaStream_t);
#endif

template cudaError_t kernels::lora_matmul_hopper(forward_args<__half>, cudaStream_t) noexcept;
template cudaError_t kernels::lora_matmul_hopper(forward_args<__nv_bfloat16>, cudaStream_t) noexcept;
template cudaError_t kernels::lora_matmul_backward_hopper(backward_args<__half, float>, cudaStream_t) noexcept;
template cudaError_t kernels::lora_matmul_backward_hopper(backward_args<__nv_bfloat16, float>, cudaStream_t) noexcept;
template cudaError_t kernels::lora_matmul_hopper_overlapped(forward_args<__half>, std::uint32_t*,
                                                            cudaStream_t) noexcept;
template cudaError_t kernels::lora_matmul_hopper_overlapped(forward_args<__nv_bfloat16>, std::uint32_t*,
                                                            cudaStream_t) noexcept;
template cudaError_t kernels::lora_matmul_backward_hopper_overlapped(backward_args<__half, float>,
                                                                     cudaStream_t) noexcept;
template cudaError_t kernels::lora_matmul_backward_hopper_overlapped(backward_args<__nv_bfloat16, float>,
                                                                     cudaStream_t) noexcept;

template class holdfast::transport::cuda_engine<float>;
template class holdfast::transport::cuda_engine<double>;
template class holdfast::transport::cuda_engine<std::uint16_t>;
template class holdfast::transport::cuda_engine<holdfast::transport::gpu_streamed>;
template __global__ void holdfast::transport::detail::gpu_sinkhorn_pairs<float>(
    holdfast::transport::detail::gpu_pairs<float>, unsigned);
template __global__ void holdfast::transport::detail::gpu_sinkhorn_clusters<float>(
    holdfast::transport::detail::gpu_pairs<float>, unsigned);
