// Greedy decoding of many prompts at once, with a key-value cache.
//
// Prompts are read packed, as in training; then every sequence that is still going takes one token per round, all of
// them in one product per weight. Who stops leaves the batch. The tokens are those of the forward pass without a cache.
#pragma once

#include "batch.hpp"
#include "model.hpp"
#include "network.hpp"

#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace trainer {

struct generate_options {
    std::size_t max_new_tokens = 32;
    std::int32_t stop = -1;  ///< a token that ends a sequence and is not part of it; −1 = none
};

/// Keys and values of up to `slots` sequences in every layer. Keys lie transposed, one row per column of a head, so
/// that the scores of all places so far are sums of contiguous rows.
template <class Real>
class kv_cache {
  public:
    void shape(const model_config& c, std::size_t slots, std::size_t length) {
        heads_ = c.attention();
        slots_ = slots;
        length_ = (length + 15) / 16 * 16;
        const std::size_t room = c.layers * slots * heads_.key_columns() * length_;
        if (room > room_) {
            keys_ = std::make_unique_for_overwrite<Real[]>(room);  // pages are touched as sequences grow
            values_ = std::make_unique_for_overwrite<Real[]>(room);
            room_ = room;
        }
    }

    /// Place `at` of a sequence: its part of one row of qkv.
    void put(std::size_t layer, std::size_t slot, std::size_t at, const Real* row) {
        for (std::size_t h = 0; h < heads_.kv_heads; ++h) {
            const Real* k = row + heads_.query_columns() + h * heads_.head;
            const Real* v = k + heads_.key_columns();
            Real* keys = keys_.get() + start(layer, slot, h);
            for (std::size_t j = 0; j < heads_.head; ++j) keys[j * length_ + at] = k[j];
            std::copy_n(v, heads_.head, values_.get() + start(layer, slot, h) + at * heads_.head);
        }
    }

    /// One query row against the `length` places of its sequence.
    ///
    /// @param row     [(heads + 2 kv_heads)·head], the newest place, put already
    /// @param scores  [length] to work in
    /// @param out     [heads·head]
    void attend(std::size_t layer, std::size_t slot, std::size_t length, const Real* row, Real* scores,
                Real* out) const {
        const Real scale = Real(1) / std::sqrt(static_cast<Real>(heads_.head));
        for (std::size_t h = 0; h < heads_.heads; ++h) {
            const std::size_t from = start(layer, slot, h / (heads_.heads / heads_.kv_heads));
            const Real* q = row + h * heads_.head;
            weighted_rows(q, heads_.head, keys_.get() + from, length_, length, scores);
            const Real share = Real(1) / exponentiate(scores, length, scale).sum;
            for (std::size_t i = 0; i < length; ++i) scores[i] *= share;
            weighted_rows(scores, length, values_.get() + from, heads_.head, heads_.head, out + h * heads_.head);
        }
    }

  private:
    std::size_t start(std::size_t layer, std::size_t slot, std::size_t h) const {
        return ((layer * slots_ + slot) * heads_.kv_heads + h) * heads_.head * length_;
    }

    attention_shape heads_;
    std::size_t slots_ = 0, length_ = 0, room_ = 0;
    std::unique_ptr<Real[]> keys_;    // [layers, slots, kv_heads, head, length]
    std::unique_ptr<Real[]> values_;  // [layers, slots, kv_heads, length, head]
};

/// Decodes one group of prompts after the other on one thread.
template <class Real>
class decoder {
  public:
    /// @param prompts  [n], not empty each, at most the context long
    /// @param answers  [n], written
    void decode(const network<Real>& net, std::span<const std::vector<std::int32_t>> prompts,
                const generate_options& options, std::span<std::vector<std::int32_t>> answers) {
        const model_config& c = net.config;
        going_.clear();
        std::size_t longest = 0;
        for (const auto& prompt : prompts) longest = std::max(longest, prompt.size());
        longest = std::min(longest + options.max_new_tokens, c.context);
        cache_.shape(c, prompts.size(), longest);
        scores_.resize(longest);
        read(net, prompts, options, answers);
        while (!going_.empty()) {
            const view<const Real> hidden = step(net);
            const std::size_t n = going_.size();
            std::size_t left = 0;
            choose(net, hidden);
            for (std::size_t i = 0; i < n; ++i)  // in place: who goes on moves up
                if (take(going_[i], chosen_[i], c, options, answers)) going_[left++] = going_[i];
            going_.resize(left);
        }
    }

  private:
    struct sequence {
        std::size_t slot, length;  // places in the cache
        std::int32_t newest;       // the token that comes next to it
    };

    /// All prompts into the cache, and the first token of each answer.
    void read(const network<Real>& net, std::span<const std::vector<std::int32_t>> prompts,
              const generate_options& options, std::span<std::vector<std::int32_t>> answers) {
        prompt_batch_.clear();
        for (const auto& prompt : prompts) prompt_batch_.add(prompt);
        for (const part& piece : in_pieces(prompt_batch_.offsets, basic_model<Real>::piece_tokens)) {
            const packed in = piece.of(prompt_batch_.all());
            const view<const Real> hidden =
                pass_.forward(net, in, rows::last_of_sequence, false, [&](std::size_t l, const auto& a) {
                    for (std::size_t s = piece.first; s < piece.last; ++s)
                        for (std::size_t i = 0; i < prompts[s].size(); ++i)
                            cache_.put(l, s, i, row_of(a.qkv.all(), in.offsets[s - piece.first] + i));
                });
            choose(net, hidden);
            for (std::size_t s = piece.first; s < piece.last; ++s) {
                sequence next{s, prompts[s].size(), 0};
                if (take(next, chosen_[s - piece.first], net.config, options, answers)) going_.push_back(next);
            }
        }
    }

    /// One place more for every sequence that goes on. @return [going, width]
    view<const Real> step(const network<Real>& net) {
        tokens_.clear();
        position_.clear();
        for (const sequence& s : going_) {
            tokens_.push_back(s.newest);
            position_.push_back(static_cast<std::uint32_t>(s.length));
        }
        const auto hidden = pass_.run(net, tokens_, position_, [&](std::size_t l, layer_activations<Real>& a) {
            for (std::size_t i = 0; i < going_.size(); ++i) {
                const sequence& s = going_[i];
                const Real* row = row_of(a.qkv.all(), i);
                cache_.put(l, s.slot, s.length, row);
                cache_.attend(l, s.slot, s.length + 1, row, scores_.data(), row_of(a.attended.all(), i));
            }
        });
        for (sequence& s : going_) ++s.length;
        return hidden;
    }

    /// chosen_[i] = the first of the largest logits of row i.
    void choose(const network<Real>& net, view<const Real> hidden) {
        logits_.shape(hidden.rows(), net.config.vocabulary);
        linear_forward(hidden, net.w.head, logits_.all());
        chosen_.resize(hidden.rows());
        for (std::size_t i = 0; i < hidden.rows(); ++i) {
            const Real* x = row_of(logits_.all(), i);
            const Real top = lane_max(x, net.config.vocabulary);
            chosen_[i] = static_cast<std::int32_t>(std::find(x, x + net.config.vocabulary, top) - x);
        }
    }

    /// Whether the sequence goes on behind token `t`.
    static bool take(sequence& s, std::int32_t t, const model_config& c, const generate_options& options,
                     std::span<std::vector<std::int32_t>> answers) {
        if (t == options.stop || static_cast<std::size_t>(t) >= c.vocabulary) return false;
        answers[s.slot].push_back(t);
        s.newest = t;
        return answers[s.slot].size() < options.max_new_tokens && s.length < c.context;
    }

    pass<Real> pass_;
    kv_cache<Real> cache_;
    batch prompt_batch_;
    std::vector<sequence> going_;
    std::vector<std::int32_t> tokens_, chosen_;  // [going]
    std::vector<std::uint32_t> position_;        // [going]
    std::vector<Real> scores_;                   // [longest]
    tensor<Real> logits_;                        // [going, vocabulary]
};

/// What the model says after each prompt, greedily.
///
/// A sequence ends before `stop`, after `max_new_tokens`, or where the context is full. How prompts are grouped depends
/// on their number alone, so the answers are the same for any number of threads.
///
/// @param prompts  [n], 1 to context tokens each
/// @return         [n], the new tokens
/// @throw          invalid_argument for an empty or too long prompt, or an unknown token
/// @cost           per group of 64 about one pass over the weights a token; a cache of 2·layers·kv width a place
template <class Real>
std::vector<std::vector<std::int32_t>> generate(basic_model<Real>& m,
                                                std::span<const std::vector<std::int32_t>> prompts,
                                                const generate_options& options) {
    std::vector<std::vector<std::int32_t>> answers(prompts.size());
    batch all;
    for (const auto& prompt : prompts) all.add(prompt);
    check(all.all(), m.config());
    if (prompts.empty() || options.max_new_tokens == 0) return answers;
    const std::size_t groups = prompts.size() < 16 ? 1 : (prompts.size() + 127) / 128 * 2;  // of 8 to 64 prompts
    const std::size_t size = (prompts.size() + groups - 1) / groups;
    const network<Real> net = m.inference();
    const std::size_t lanes = std::min(groups, basic_model<Real>::lanes);
    holdfast::parallel_for(lanes, [&](std::size_t lane) {
        decoder<Real> here;  // its cache lives as long as the lane: at most one per thread at a time
        for (std::size_t g = lane; g < groups; g += lanes) {
            const std::size_t first = std::min(g * size, prompts.size()), last = std::min(first + size, prompts.size());
            if (first < last)
                here.decode(net, prompts.subspan(first, last - first), options,
                            std::span(answers).subspan(first, last - first));
        }
    });
    return answers;
}

}  // namespace trainer
