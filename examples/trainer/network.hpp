// The transformer as a function: tokens in, hidden states and loss out, and all the way back.
//
// One `pass` is the working memory of one shard of a batch: allocated in the first step, reused in every later one.
// Builds on layers, attention and adapters. Knows nothing of threads, optimisers or files.
#pragma once

#include "adapters.hpp"
#include "attention.hpp"
#include "layers.hpp"
#include "parameters.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace trainer {

/// What a pass reads: sizes, weights, rotation tables.
template <class Real>
struct network {
    const model_config& config;
    weights<const Real> w;
    const rotary<Real>& rope;
};

/// Several sequences behind each other, without padding.
struct packed {
    std::span<const std::int32_t> tokens;    // [n]
    std::span<const std::int32_t> targets;   // [n], the token to predict at each place, −1 = none; may be empty
    std::span<const std::uint32_t> offsets;  // [s + 1], from 0 to n
};

/// The rows that are asked for at the end. Behind the last layer's attention nothing looks at any other row, so that
/// they alone go through its MLP and the head: where only answers are learnt, that is a third of the tokens.
enum class rows { all, with_target, last_of_sequence };

/// What one layer leaves for its way back; m = n, but in the last layer the rows that are asked for.
template <class Real>
struct layer_activations {
    tensor<Real> normed_in;      // [n, width], input of q, k, v
    tensor<Real> scale_in;       // [n, 1]
    tensor<Real> qkv;            // [n, (heads + 2 kv_heads)·head], q and k rotated
    tensor<Real> probabilities;  // [Σ heads · length², 1]
    tensor<Real> attended;       // [n, heads·head]
    tensor<Real> asked;          // [m, heads·head], input of o, where m is not n
    tensor<Real> middle;         // [m, width], residual stream after attention
    tensor<Real> normed_middle;  // [m, width], input of gate and up
    tensor<Real> scale_middle;   // [m, 1]
    tensor<Real> gate_up;        // [m, 2 hidden]
    tensor<Real> gated;          // [m, hidden], input of down
    tensor<Real> out;            // [m, width], residual stream after the layer
};

template <class Real>
class pass {
  public:
    adapter_pass<Real> adapters;

    /// Hidden states of all tokens, after the final norm.
    ///
    /// @param position  [n], place of each token in its own sequence
    /// @param attend    attend(layer, a) reads a.qkv and writes a.attended [n, heads·head]
    /// @return          [n, width], valid until the next call
    template <class Attend>
    view<const Real> run(const network<Real>& net, std::span<const std::int32_t> tokens,
                         std::span<const std::uint32_t> position, Attend attend) {
        all_ = true;
        return through(net, tokens, position, false, attend);
    }

    /// The same for whole sequences that attend to themselves.
    ///
    /// @param ask   which rows to return
    /// @param keep  true: every layer keeps what its way back needs; false: all layers share one set of buffers
    /// @param seen  called as seen(layer, a) when a.qkv is there: generation copies keys and values
    /// @return      [m, width], the rows that are asked for
    template <class Seen>
    view<const Real> forward(const network<Real>& net, const packed& in, rows ask, bool keep, Seen seen) {
        choose(in, ask);
        return through(net, in.tokens, position_, keep, [&](std::size_t l, layer_activations<Real>& a) {
            seen(l, a);
            a.probabilities.shape(attention_room(net.config.attention(), in.offsets), 1);
            attention_forward(reading(a.qkv.all()), in.offsets, net.config.attention(), a.probabilities.data(),
                              a.attended.all());
        });
    }
    view<const Real> forward(const network<Real>& net, const packed& in, rows ask, bool keep = false) {
        return forward(net, in, ask, keep, [](std::size_t, const layer_activations<Real>&) {});
    }

    /// After forward for the rows with a target: their loss.
    ///
    /// @param weight    what one target counts, 1 / targets in the whole batch
    /// @param gradient  true: leaves the gradient of the hidden states for `backward`, and adds the head's to `dhead`
    /// @param dhead     [vocabulary, width], or empty where the head is frozen
    /// @param each      [n], −log p(target) where there is a target, else untouched
    void loss(const network<Real>& net, const packed& in, double weight, bool gradient, view<Real> dhead,
              double* each) {
        dfinal_.shape(final_.rows(), final_.cols());
        for (std::size_t from = 0; from < rows_.size(); from += head_rows) {  // logits [m, vocabulary] stay in cache
            const std::size_t m = std::min(head_rows, rows_.size() - from);
            const view<const Real> hidden = rows_of(final_.all(), from, m);
            logits_.shape(m, net.config.vocabulary);
            aims_.resize(m);
            nll_.resize(m);
            for (std::size_t i = 0; i < m; ++i) aims_[i] = in.targets[rows_[from + i]];
            linear_forward(hidden, net.w.head, logits_.all());
            cross_entropy(logits_.all(), aims_.data(), weight, nll_.data());
            for (std::size_t i = 0; i < m; ++i) each[rows_[from + i]] = nll_[i];
            if (!gradient) continue;
            if (!dhead.empty()) linear_backward_weight(reading(logits_.all()), hidden, dhead);
            linear_backward_input(reading(logits_.all()), net.w.head, rows_of(dfinal_.all(), from, m));
        }
    }

    /// After forward with keep = true and loss with gradient = true: adds the gradient of every weight to `d`, or,
    /// where d is null, only those of the adapters.
    void backward(const network<Real>& net, const packed& in, weights<Real>* d) {
        const model_config& c = net.config;
        stream_.shape(rows_.size(), c.width);
        stream_.zero();
        rms_norm_backward(reading(dfinal_.all()), last_, net.w.norm_final, scale_final_.data(), stream_.all(),
                          d ? d->norm_final : nullptr);
        for (std::size_t l = c.layers; l-- > 0;)
            layer_backward(net, l, l ? reading(layers_[l - 1].out.all()) : reading(embedded_.all()), in.offsets,
                           layers_[l], d ? &d->layers[l] : nullptr);
        if (d) embedding_backward(in.tokens, reading(stream_.all()), d->embedding);
    }

  private:
    static constexpr std::size_t head_rows = 256;

    /// The place of every token in its own sequence, and the rows that are asked for.
    void choose(const packed& in, rows ask) {
        position_.clear();
        rows_.clear();
        all_ = ask == rows::all;
        for (std::size_t s = 0; s + 1 < in.offsets.size(); ++s)
            for (std::uint32_t i = in.offsets[s]; i < in.offsets[s + 1]; ++i) {
                position_.push_back(i - in.offsets[s]);
                if (ask == rows::with_target ? in.targets[i] >= 0 : all_ || i + 1 == in.offsets[s + 1])
                    rows_.push_back(i);
            }
    }

    /// to = the rows of `from` that are asked for
    void pick(view<const Real> from, tensor<Real>& to) const {
        to.shape(rows_.size(), from.cols());
        for (std::size_t i = 0; i < rows_.size(); ++i)
            std::copy_n(row_of(from, rows_[i]), from.cols(), row_of(to.all(), i));
    }
    /// The way back: the rows of t to their places among n, zero at the others.
    void spread(tensor<Real>& t, std::size_t n) {
        spare_.shape(n, t.cols());
        spare_.zero();
        for (std::size_t i = 0; i < rows_.size(); ++i)
            std::copy_n(row_of(t.all(), i), t.cols(), row_of(spare_.all(), rows_[i]));
        std::swap(spare_, t);
    }

    /// Embedding, layers, final norm.
    template <class Attend>
    view<const Real> through(const network<Real>& net, std::span<const std::int32_t> tokens,
                             std::span<const std::uint32_t> position, bool keep, Attend attend) {
        const model_config& c = net.config;
        layers_.resize(std::max(layers_.size(), keep ? c.layers : std::size_t{1}));
        embedded_.shape(tokens.size(), c.width);
        embedding_forward(tokens, net.w.embedding, embedded_.all());
        last_ = embedded_.all();
        for (std::size_t l = 0; l < c.layers; ++l) {
            layer_activations<Real>& a = layers_[keep ? l : 0];
            layer_forward(net, l, last_, position, a, attend);
            last_ = a.out.all();
        }
        final_.shape(last_.rows(), c.width);
        scale_final_.shape(last_.rows(), 1);
        rms_norm_forward(last_, net.w.norm_final, c.norm_eps, final_.all(), scale_final_.data());
        return final_.all();
    }

    template <class Attend>
    void layer_forward(const network<Real>& net, std::size_t l, view<const Real> x,
                       std::span<const std::uint32_t> position, layer_activations<Real>& a, Attend attend) {
        const model_config& c = net.config;
        const layer_weights<const Real>& w = net.w.layers[l];
        const attention_shape heads = c.attention();
        const std::size_t n = x.rows();
        a.normed_in.shape(n, c.width);
        a.scale_in.shape(n, 1);
        rms_norm_forward(x, w.norm_attention, c.norm_eps, a.normed_in.all(), a.scale_in.data());
        a.qkv.shape(n, heads.columns());
        linear_forward(reading(a.normed_in.all()), w.qkv, a.qkv.all());
        adapters.forward(l, projection::query, projection::value, a.normed_in.all(), a.qkv.all());
        net.rope.turn(cols_of(a.qkv.all(), 0, heads.query_columns() + heads.key_columns()), position, Real(1));
        a.attended.shape(n, heads.query_columns());
        attend(l, a);

        const bool narrow = l + 1 == c.layers && !all_;
        if (narrow) {
            pick(reading(a.attended.all()), a.asked);
            pick(x, a.middle);
        } else {
            a.middle.shape(n, c.width);
            std::copy_n(x.data(), x.size(), a.middle.data());
        }
        const view<const Real> attended = narrow ? a.asked.all() : a.attended.all();
        const std::size_t m = attended.rows();
        linear_forward(attended, w.output, a.middle.all(), true);
        adapters.forward(l, projection::output, projection::output, attended, a.middle.all());

        a.normed_middle.shape(m, c.width);
        a.scale_middle.shape(m, 1);
        rms_norm_forward(reading(a.middle.all()), w.norm_mlp, c.norm_eps, a.normed_middle.all(), a.scale_middle.data());
        a.gate_up.shape(m, 2 * c.hidden);
        linear_forward(reading(a.normed_middle.all()), w.gate_up, a.gate_up.all());
        adapters.forward(l, projection::gate, projection::up, a.normed_middle.all(), a.gate_up.all());
        a.gated.shape(m, c.hidden);
        swiglu_forward(reading(a.gate_up.all()), a.gated.all());
        a.out.shape(m, c.width);
        std::copy_n(a.middle.data(), m * c.width, a.out.data());
        linear_forward(reading(a.gated.all()), w.down, a.out.all(), true);
        adapters.forward(l, projection::down, projection::down, a.gated.all(), a.out.all());
    }

    /// stream_ holds the gradient of a.out on entry, of x on return.
    void layer_backward(const network<Real>& net, std::size_t l, view<const Real> x,
                        std::span<const std::uint32_t> offsets, layer_activations<Real>& a, layer_weights<Real>* d) {
        const model_config& c = net.config;
        const layer_weights<const Real>& w = net.w.layers[l];
        const attention_shape heads = c.attention();
        const bool narrow = l + 1 == c.layers && !all_;
        const view<const Real> stream = stream_.all(), attended = narrow ? a.asked.all() : a.attended.all();
        const std::size_t n = x.rows(), m = stream.rows();
        dgated_.shape(m, c.hidden);
        linear_backward_input(stream, w.down, dgated_.all());
        if (d) linear_backward_weight(stream, reading(a.gated.all()), d->down);
        adapters.backward(l, projection::down, projection::down, stream, a.gated.all(), dgated_.all());
        dgate_up_.shape(m, 2 * c.hidden);
        swiglu_backward(reading(dgated_.all()), reading(a.gate_up.all()), dgate_up_.all());
        dnormed_.shape(m, c.width);
        linear_backward_input(reading(dgate_up_.all()), w.gate_up, dnormed_.all());
        if (d) linear_backward_weight(reading(dgate_up_.all()), reading(a.normed_middle.all()), d->gate_up);
        adapters.backward(l, projection::gate, projection::up, dgate_up_.all(), a.normed_middle.all(), dnormed_.all());
        rms_norm_backward(reading(dnormed_.all()), reading(a.middle.all()), w.norm_mlp, a.scale_middle.data(),
                          stream_.all(), d ? d->norm_mlp : nullptr);

        dattended_.shape(m, heads.query_columns());
        linear_backward_input(stream, w.output, dattended_.all());
        if (d) linear_backward_weight(stream, attended, d->output);
        adapters.backward(l, projection::output, projection::output, stream, attended, dattended_.all());
        if (narrow) {  // the other rows got their gradient from nowhere
            spread(dattended_, n);
            spread(stream_, n);
        }
        dqkv_.shape(n, heads.columns());
        attention_backward(reading(dattended_.all()), reading(a.attended.all()), reading(a.qkv.all()),
                           a.probabilities.data(), offsets, heads, dqkv_.all(), dscores_);
        net.rope.turn(cols_of(dqkv_.all(), 0, heads.query_columns() + heads.key_columns()), position_, Real(-1));
        dnormed_.shape(n, c.width);
        linear_backward_input(reading(dqkv_.all()), w.qkv, dnormed_.all());
        if (d) linear_backward_weight(reading(dqkv_.all()), reading(a.normed_in.all()), d->qkv);
        adapters.backward(l, projection::query, projection::value, dqkv_.all(), a.normed_in.all(), dnormed_.all());
        rms_norm_backward(reading(dnormed_.all()), x, w.norm_attention, a.scale_in.data(), stream_.all(),
                          d ? d->norm_attention : nullptr);
    }

    std::vector<std::uint32_t> position_;          // [n]
    tensor<Real> embedded_;                        // [n, width], residual stream before the first layer
    std::vector<layer_activations<Real>> layers_;  // [layers], or one
    view<const Real> last_;                        // [m, width], residual stream after the last layer
    bool all_ = true;                              // m = n
    std::vector<std::size_t> rows_;                // [m], the rows that are asked for
    tensor<Real> final_, scale_final_;             // [m, width], [m, 1]
    std::vector<std::int32_t> aims_;               // [head_rows]
    std::vector<double> nll_;                      // [head_rows]
    tensor<Real> logits_;                          // [head_rows, vocabulary]
    tensor<Real> dfinal_, stream_, spare_;         // [m, width], gradients of final_ and of the residual stream
    tensor<Real> dgated_, dgate_up_, dnormed_;     // [n, hidden], [n, 2 hidden], [n, width]
    tensor<Real> dattended_, dqkv_, dscores_;      // as attended, qkv; [attention_block, longest]
};

}  // namespace trainer
