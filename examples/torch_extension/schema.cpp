// The adapted linear layer as PyTorch operators: their schema, and what they do on the CPU (fp32, the library's own
// adapters::lora). cuda.cu has the GPU's side, holdfast_torch.py the autograd formula. Compiled by
// torch.utils.cpp_extension when holdfast_torch.py is imported.
#include <holdfast/adapters/lora.hpp>

#include <torch/library.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <tuple>

namespace {

using holdfast::matrix_view;
using torch::Tensor;

/// Hands lora the seed that PyTorch drew, in the two words that it asks a generator for.
class given_seed {
  public:
    using result_type = std::uint32_t;
    explicit given_seed(std::uint64_t seed) : words_{std::uint32_t(seed), std::uint32_t(seed >> 32)} {}
    result_type operator()() { return words_[next_++ % 2]; }
    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  private:
    std::array<std::uint32_t, 2> words_;
    std::size_t next_ = 0;
};

matrix_view<const float> reading(const Tensor& t) {
    return {t.const_data_ptr<float>(), std::size_t(t.size(0)), std::size_t(t.size(1)), t.stride(0), t.stride(1)};
}
matrix_view<float> writing(Tensor& t) {
    return {t.mutable_data_ptr<float>(), std::size_t(t.size(0)), std::size_t(t.size(1)), t.stride(0), t.stride(1)};
}

holdfast::adapters::lora<float> adapter_of(const Tensor& a, const Tensor& b, double scale, double dropout) {
    holdfast::adapters::lora<float> adapter({.in = std::size_t(a.size(1)),
                                             .out = std::size_t(b.size(0)),
                                             .rank = std::size_t(a.size(0)),
                                             .alpha = scale * double(a.size(0)),
                                             .dropout = dropout});
    const Tensor plain_a = a.to(torch::kFloat).contiguous(), plain_b = b.to(torch::kFloat).contiguous();
    std::memcpy(adapter.a().data(), plain_a.const_data_ptr<float>(), sizeof(float) * std::size_t(a.numel()));
    std::memcpy(adapter.b().data(), plain_b.const_data_ptr<float>(), sizeof(float) * std::size_t(b.numel()));
    return adapter;
}

/// y, u [m, rank up to a multiple of 8] and the packed mask [m or 0, words]: what backward needs besides x.
std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                                           const Tensor& a, const Tensor& b, double scale, double dropout,
                                           const Tensor& seed) {
    TORCH_CHECK(x.scalar_type() == torch::kFloat && weight.scalar_type() == torch::kFloat,
                "holdfast::lora_linear: on the CPU x and weight must be float32");
    TORCH_CHECK(x.dim() == 2 && weight.dim() == 2, "holdfast::lora_linear: x and weight must be matrices");
    const std::int64_t m = x.size(0), r = a.size(0);
    const auto adapter = adapter_of(a, b, scale, dropout);
    Tensor y = torch::empty({m, weight.size(0)}, x.options());
    holdfast::adapters::lora_saved<float> saved;
    given_seed generator(static_cast<std::uint64_t>(seed.item<std::int64_t>()));
    if (dropout > 0)
        saved = adapter.forward(reading(x), reading(weight), writing(y), generator);
    else
        saved = adapter.forward(reading(x), reading(weight), writing(y));
    if (bias.has_value()) y.add_(*bias);
    Tensor u = torch::zeros({m, (r + 7) / 8 * 8}, x.options());
    if (m > 0) u.narrow(1, 0, r).copy_(torch::from_blob(saved.u.data(), {m, r}, torch::kFloat));
    const auto words = std::int64_t(holdfast::kernels::mask_words(std::size_t(x.size(1))));
    Tensor mask = torch::empty({dropout > 0 ? m : 0, words}, x.options().dtype(torch::kInt));
    if (!saved.mask.empty()) std::memcpy(mask.mutable_data_ptr(), saved.mask.data(), 4 * saved.mask.size());
    return {y, u, mask};
}

/// dx, dA, dB; one that is not wanted is empty. A's and B's gradients are float32.
std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& a,
                                            const Tensor& b, const Tensor& u, const Tensor& mask, double scale,
                                            double dropout, std::array<bool, 3> wanted) {
    const auto adapter = adapter_of(a, b, scale, dropout);
    const std::int64_t m = x.size(0), r = a.size(0);
    holdfast::adapters::lora_saved<float> saved;
    saved.u = holdfast::matrix<float>(std::size_t(m), std::size_t(r));
    const Tensor plain = u.narrow(1, 0, r).contiguous();
    if (m > 0) std::memcpy(saved.u.data(), plain.const_data_ptr<float>(), sizeof(float) * std::size_t(plain.numel()));
    if (dropout > 0) {
        saved.mask.resize(std::size_t(mask.numel()));
        std::memcpy(saved.mask.data(), mask.const_data_ptr(), 4 * saved.mask.size());
    }
    Tensor dx = wanted[0] ? torch::matmul(dy, weight) : torch::empty({0}, x.options());
    Tensor da = torch::zeros({r, x.size(1)}, x.options()), db = torch::zeros({weight.size(0), r}, x.options());
    if (wanted[0])
        adapter.backward_into(reading(dy), reading(x), saved, writing(da), writing(db), writing(dx));
    else
        adapter.backward_into(reading(dy), reading(x), saved, writing(da), writing(db));
    const auto chosen = [&](bool keep, const Tensor& t) { return keep ? t : torch::empty({0}, x.options()); };
    return {dx, chosen(wanted[1], da), chosen(wanted[2], db)};
}

}  // namespace

TORCH_LIBRARY(holdfast, library) {
    library.def(
        "lora_linear(Tensor x, Tensor weight, Tensor? bias, Tensor a, Tensor b, float scale, float dropout, Tensor "
        "seed) "
        "-> (Tensor, Tensor, Tensor)");
    library.def(
        "lora_linear_backward(Tensor dy, Tensor x, Tensor weight, Tensor a, Tensor b, Tensor u, Tensor mask, "
        "float scale, float dropout, bool[3] wanted) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(holdfast, CPU, library) {
    library.impl("lora_linear", forward);
    library.impl("lora_linear_backward", backward);
}
