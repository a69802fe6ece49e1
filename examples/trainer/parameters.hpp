// What a model is made of: its sizes, and where each weight lies in the one flat buffer that holds them all.
//
// One buffer makes the optimiser, saving, averaging and adding up gradients a single loop each; gradients have the same
// layout. Names and shapes are those of LLaMA in Hugging Face's transformers. Builds on holdfast's philox.
#pragma once

#include "attention.hpp"
#include "tensor.hpp"

#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace trainer {

/// The sizes of a decoder-only LLaMA (Touvron et al. 2023, arXiv:2302.13971).
struct model_config {
    std::size_t vocabulary = 1024;
    std::size_t width = 128;  ///< of the residual stream
    std::size_t layers = 4;
    std::size_t heads = 4;      ///< query heads, of width / heads columns each
    std::size_t kv_heads = 2;   ///< key and value heads; divides heads
    std::size_t hidden = 352;   ///< of the SwiGLU
    std::size_t context = 512;  ///< longest sequence
    double rope_base = 10000;
    double norm_eps = 1e-5;
    bool tied_embeddings = true;  ///< the output head is the embedding table
    /// Of the first weights; those that feed the residual stream get it / sqrt(2 layers). LLaMA's 0.02 is for widths in
    /// the thousands: at 128 a copying task falls to the same loss in half the steps with 0.06.
    double init_deviation = 0.06;

    std::size_t head() const { return width / heads; }
    attention_shape attention() const { return {heads, kv_heads, head()}; }
    friend bool operator==(const model_config&, const model_config&) = default;
};

/// @throw invalid_argument with the first rule that the sizes break
inline void check(const model_config& c) {
    using holdfast::require;
    require(c.vocabulary > 0 && c.width > 0 && c.layers > 0 && c.heads > 0 && c.kv_heads > 0 && c.hidden > 0 &&
                c.context > 0,
            "trainer::model: every size must be above 0");
    require(c.width % c.heads == 0, "trainer::model: the heads must divide the width, ", c.heads, " does not divide ",
            c.width);
    require(c.heads % c.kv_heads == 0, "trainer::model: kv_heads must divide heads, ", c.kv_heads, " does not divide ",
            c.heads);
    require(c.head() % 2 == 0, "trainer::model: rotary embeddings need an even head size, it is ", c.head());
    require(c.norm_eps > 0 && c.rope_base > 1, "trainer::model: norm_eps must be above 0 and rope_base above 1");
}

/// One weight [rows, cols] in the flat buffer.
struct slice {
    std::string name;
    std::size_t offset = 0, rows = 0, cols = 0;
    bool decays = false;   ///< matrices decay, gains do not
    double deviation = 0;  ///< of the normal distribution it starts from; 0 = starts at one

    std::size_t size() const { return rows * cols; }
};

/// All weights in their order. q, k, v are neighbours, as are gate and up, so that each group is one product.
inline std::vector<slice> layout(const model_config& c) {
    std::vector<slice> all;
    std::size_t at = 0;
    const auto add = [&](std::string name, std::size_t rows, std::size_t cols, double deviation) {
        all.push_back({std::move(name), at, rows, cols, deviation > 0, deviation});
        at += rows * cols;
    };
    const attention_shape a = c.attention();
    const double branch = c.init_deviation / std::sqrt(2.0 * static_cast<double>(c.layers));
    add("model.embed_tokens.weight", c.vocabulary, c.width, c.init_deviation);
    for (std::size_t l = 0; l < c.layers; ++l) {
        const std::string layer = "model.layers." + std::to_string(l) + ".";
        add(layer + "input_layernorm.weight", 1, c.width, 0);
        add(layer + "self_attn.q_proj.weight", a.query_columns(), c.width, c.init_deviation);
        add(layer + "self_attn.k_proj.weight", a.key_columns(), c.width, c.init_deviation);
        add(layer + "self_attn.v_proj.weight", a.key_columns(), c.width, c.init_deviation);
        add(layer + "self_attn.o_proj.weight", c.width, a.query_columns(), branch);
        add(layer + "post_attention_layernorm.weight", 1, c.width, 0);
        add(layer + "mlp.gate_proj.weight", c.hidden, c.width, c.init_deviation);
        add(layer + "mlp.up_proj.weight", c.hidden, c.width, c.init_deviation);
        add(layer + "mlp.down_proj.weight", c.width, c.hidden, branch);
    }
    add("model.norm.weight", 1, c.width, 0);
    if (!c.tied_embeddings) add("lm_head.weight", c.vocabulary, c.width, c.init_deviation);
    return all;
}

/// Numbers in all slices together.
inline std::size_t size_of(const std::vector<slice>& all) { return all.back().offset + all.back().size(); }

/// The weights of one layer, as the products use them.
template <class Real>
struct layer_weights {
    Real* norm_attention;  // [width]
    view<Real> qkv;        // [(heads + 2 kv_heads)·head, width]
    view<Real> output;     // [width, heads·head]
    Real* norm_mlp;        // [width]
    view<Real> gate_up;    // [2 hidden, width]
    view<Real> down;       // [width, hidden]
};

/// The flat buffer, seen as a model.
template <class Real>
struct weights {
    view<Real> embedding;  // [vocabulary, width]
    std::vector<layer_weights<Real>> layers;
    Real* norm_final;  // [width]
    view<Real> head;   // [vocabulary, width]; the embedding where tied
};

/// @param flat  [size_of(layout(c))], weights or gradients
template <class Real>
weights<Real> weights_in(const model_config& c, Real* flat) {
    const attention_shape a = c.attention();
    const auto take = [&flat](std::size_t rows, std::size_t cols) {
        Real* here = flat;
        flat += rows * cols;
        return view<Real>(here, rows, cols);
    };
    weights<Real> w;
    w.embedding = take(c.vocabulary, c.width);
    for (std::size_t l = 0; l < c.layers; ++l) {
        layer_weights<Real> layer;
        layer.norm_attention = take(1, c.width).data();
        layer.qkv = take(a.columns(), c.width);
        layer.output = take(c.width, a.query_columns());
        layer.norm_mlp = take(1, c.width).data();
        layer.gate_up = take(2 * c.hidden, c.width);
        layer.down = take(c.width, c.hidden);
        w.layers.push_back(layer);
    }
    w.norm_final = take(1, c.width).data();
    w.head = c.tied_embeddings ? w.embedding : take(c.vocabulary, c.width);
    return w;
}

/// The first weights: normal with each slice's deviation, gains at one. Same seed, same bits, on every platform.
template <class Real>
void initialise(const std::vector<slice>& all, std::uint64_t seed, std::span<Real> flat) {
    for (std::size_t s = 0; s < all.size(); ++s) {
        holdfast::philox g(seed, s);
        for (Real& value : flat.subspan(all[s].offset, all[s].size()))
            value = all[s].deviation > 0 ? static_cast<Real>(all[s].deviation * holdfast::normal(g)) : Real(1);
    }
}

}  // namespace trainer
