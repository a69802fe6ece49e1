// The GPU's side of the operators of schema.cpp: checks, memory from PyTorch's allocator, its current stream, and one
// call of holdfast's kernels. bf16, fp16 and fp32; A and B may be of another type than x, their gradients are fp32.
#include <holdfast/kernels/lora_matmul.cuh>

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>

namespace {

using torch::Tensor;
namespace kernels = holdfast::kernels;

/// A matrix whose rows lie whole in memory: the tensor itself, or a copy where PyTorch's strides are others.
Tensor with_rows(const Tensor& t) {
    const bool rows = t.stride(1) == 1 && (t.stride(0) >= t.size(1) || t.size(0) <= 1);
    return rows ? t : t.contiguous();
}
std::int64_t leading(const Tensor& t) { return std::max(t.stride(0), t.size(1)); }

template <class T>
const T* reading(const Tensor& t) {
    return static_cast<const T*>(t.const_data_ptr());
}
template <class T>
T* writing(Tensor& t) {
    return t.numel() == 0 ? nullptr : static_cast<T*>(t.mutable_data_ptr());
}

template <class Args>
void settle(cudaError_t error, const Args& args) {
    if (error == cudaSuccess) return;
    const std::string refusal = kernels::explain(args);
    TORCH_CHECK(false, refusal.empty() ? kernels::explain(error) : refusal);
}

Tensor bytes_for(std::size_t size, const Tensor& like) {
    return torch::empty({std::int64_t(size)}, like.options().dtype(torch::kByte));
}

/// f<T>() for the type that x has.
template <class F>
auto by_type(const Tensor& x, F&& f) {
    switch (x.scalar_type()) {
        case torch::kFloat:
            return f(float{});
        case torch::kHalf:
            return f(__half{});
        case torch::kBFloat16:
            return f(__nv_bfloat16{});
        default:
            TORCH_CHECK(false, "holdfast::lora_linear: x must be bfloat16, float16 or float32, it is ",
                        x.scalar_type());
    }
}

kernels::lora_shape shape_of(const Tensor& x, const Tensor& weight, const Tensor& a, const Tensor& b) {
    TORCH_CHECK(x.dim() == 2 && weight.dim() == 2 && a.dim() == 2 && b.dim() == 2,
                "holdfast::lora_linear: x, weight, a and b must be matrices");
    TORCH_CHECK(weight.scalar_type() == x.scalar_type(), "holdfast::lora_linear: weight must be of x's type");
    TORCH_CHECK(x.size(1) == weight.size(1) && a.size(1) == weight.size(1) && b.size(0) == weight.size(0) &&
                    a.size(0) == b.size(1),
                "holdfast::lora_linear: x [m, k], weight [n, k], a [r, k] and b [n, r] do not fit");
    return {x.size(0), x.size(1), weight.size(0), a.size(0)};
}

std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& x_, const Tensor& weight_, const std::optional<Tensor>& bias_,
                                           const Tensor& a_, const Tensor& b_, double scale, double dropout,
                                           const Tensor& seed) {
    const c10::cuda::CUDAGuard device(x_.device());
    const kernels::lora_shape shape = shape_of(x_, weight_, a_, b_);
    const auto type = x_.scalar_type();
    const Tensor x = with_rows(x_), weight = with_rows(weight_), a = with_rows(a_.to(type)), b = with_rows(b_.to(type)),
                 bias = bias_.has_value() ? bias_->to(type).contiguous() : Tensor{};
    const std::int64_t words = std::int64_t(kernels::mask_words(std::size_t(shape.in))),
                       width = (shape.rank + 7) / 8 * 8;
    Tensor y = torch::empty({shape.tokens, shape.out}, x.options()),
           u = torch::empty({shape.tokens, width}, x.options()),
           mask = torch::empty({dropout > 0 ? shape.tokens : 0, words}, x.options().dtype(torch::kInt));
    if (width > shape.rank) u.narrow(1, shape.rank, width - shape.rank).zero_();
    by_type(x, [&](auto element) {
        using T = decltype(element);
        kernels::lora_matmul_args<T> f;
        f.shape = shape;
        f.x = reading<T>(x), f.ldx = leading(x), f.w = reading<T>(weight), f.ldw = leading(weight);
        f.a = reading<T>(a), f.lda = leading(a), f.b = reading<T>(b), f.ldb = leading(b);
        f.y = writing<T>(y), f.ldy = shape.out, f.u = writing<T>(u), f.ldu = width;
        f.bias = bias.defined() ? reading<T>(bias) : nullptr;
        f.scale = float(scale);
        f.dropout = kernels::dropout_key::make(std::uint64_t(seed.item<std::int64_t>()), dropout);
        f.mask = dropout > 0 ? static_cast<std::uint32_t*>(mask.mutable_data_ptr()) : nullptr;
        Tensor space = bytes_for(kernels::lora_matmul_workspace(f), x);
        f.workspace = writing<unsigned char>(space), f.workspace_bytes = std::size_t(space.numel());
        settle(kernels::lora_matmul(f, at::cuda::getCurrentCUDAStream()), f);
    });
    return {y, u, mask};
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& dy_, const Tensor& x_, const Tensor& weight_,
                                            const Tensor& a_, const Tensor& b_, const Tensor& u, const Tensor& mask,
                                            double scale, double dropout, std::array<bool, 3> wanted) {
    const c10::cuda::CUDAGuard device(x_.device());
    const kernels::lora_shape shape = shape_of(x_, weight_, a_, b_);
    const auto type = x_.scalar_type();
    const Tensor dy = with_rows(dy_.to(type)), x = with_rows(x_), weight = with_rows(weight_),
                 a = with_rows(a_.to(type)), b = with_rows(b_.to(type));
    const auto sums = x.options().dtype(torch::kFloat);
    Tensor dx = wanted[0] ? torch::empty({shape.tokens, shape.in}, x.options()) : torch::empty({0}, x.options()),
           da = wanted[1] ? torch::empty({shape.rank, shape.in}, sums) : torch::empty({0}, sums),
           db = wanted[2] ? torch::empty({shape.out, shape.rank}, sums) : torch::empty({0}, sums);
    by_type(x, [&](auto element) {
        using T = decltype(element);
        kernels::lora_matmul_backward_args<T> h;
        h.shape = shape;
        h.dy = reading<T>(dy), h.lddy = leading(dy), h.x = reading<T>(x), h.ldx = leading(x);
        h.w = reading<T>(weight), h.ldw = leading(weight), h.a = reading<T>(a), h.lda = leading(a);
        h.b = reading<T>(b), h.ldb = leading(b), h.u = reading<T>(u), h.ldu = leading(u);
        h.scale = float(scale);
        h.dropout = kernels::dropout_key::make(0, dropout);  // the mask has the seed in it
        h.mask = dropout > 0 ? static_cast<const std::uint32_t*>(mask.const_data_ptr()) : nullptr;
        h.dx = writing<T>(dx), h.lddx = shape.in, h.da = writing<float>(da), h.ldda = shape.in;
        h.db = writing<float>(db), h.lddb = shape.rank;
        Tensor space = bytes_for(kernels::lora_matmul_backward_workspace<T>(shape), x);
        h.workspace = writing<unsigned char>(space), h.workspace_bytes = std::size_t(space.numel());
        settle(kernels::lora_matmul_backward(h, at::cuda::getCurrentCUDAStream()), h);
    });
    return {dx, da, db};
}

}  // namespace

TORCH_LIBRARY_IMPL(holdfast, CUDA, library) {
    library.impl("lora_linear", forward);
    library.impl("lora_linear_backward", backward);
}
