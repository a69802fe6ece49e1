#pragma once
// The nouns of an adapter on the GPU: what is stored as what, the plan of a layer, views of an adapter and of its
// gradients, what forward leaves for backward. Builds on core/cuda.cuh and kernels/; the verbs are lora.cuh's and those
// of the other forms.

#include <holdfast/adapters/lora_options.hpp>
#include <holdfast/core/cuda.cuh>
#include <holdfast/kernels/detail/activations.cuh>
#include <holdfast/kernels/detail/dropout.hpp>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

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
    bool tf32 = false;  ///< fp32 only: factors rounded to tf32 and multiplied by tensor cores (lora.cuh's own doors)
};

/// What a layer needs on the device; made once, used for every batch of at most `tokens` rows.
struct lora_plan {
    plan_options shape;
    std::size_t workspace_bytes = 0;  ///< for forward and backward; a device_matrix<std::byte>(1, workspace_bytes)
    std::size_t mask_words = 0;       ///< 32-bit words per row of the dropout mask
    std::size_t u_cols = 0;           ///< columns of the saved u: the rank, up to a multiple of 8
};

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

/// Added to y before it is rounded, and what y is passed through; empty views are not. The doors of lora.cuh and of the
/// forms that go through them have activations, the Hopper doors refuse them.
template <class T>
struct lora_epilogue {
    device_matrix_view<const T> bias = {};      ///< [1, out]
    device_matrix_view<const T> residual = {};  ///< [m, out]; may be y itself
    kernels::activation f = kernels::activation::none;
    device_matrix_view<T> z = {};  ///< [m, out], written where there is an activation: what f is of
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

}  // namespace holdfast::adapters
