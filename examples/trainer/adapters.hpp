// LoRA on chosen projections of every layer: where the adapters sit, and one shard's pass through them.
//
// The adapters themselves are holdfast::adapters::lora; the base stays frozen. What is trained is one flat buffer, A
// and B of each adapter in turn, so that the optimiser needs to know nothing of adapters.
#pragma once

#include "parameters.hpp"

#include <holdfast/adapters/lora.hpp>
#include <holdfast/core/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trainer {

/// The seven linear maps of a layer.
enum class projection { query, key, value, output, gate, up, down };
inline constexpr std::size_t projections = 7;

/// Their names in PEFT's `target_modules`.
inline constexpr std::string_view projection_names[projections] = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                                   "gate_proj", "up_proj", "down_proj"};

struct lora_settings {
    std::vector<projection> on = {projection::query, projection::value};  ///< PEFT's choice for LLaMA
    std::size_t rank = 8;
    double alpha = 16;
    double dropout = 0;  ///< probability that an input of an adapter is hidden, 0 ≤ p < 1
};

/// Where a projection lies inside the group that is computed as one product, and its shape.
struct projection_place {
    std::size_t column = 0, out = 0, in = 0;
};

inline projection_place place_of(const model_config& c, projection p) {
    const attention_shape a = c.attention();
    const std::size_t q = a.query_columns(), k = a.key_columns();
    switch (p) {
        case projection::query:
            return {0, q, c.width};
        case projection::key:
            return {q, k, c.width};
        case projection::value:
            return {q + k, k, c.width};
        case projection::output:
            return {0, c.width, q};
        case projection::gate:
            return {0, c.hidden, c.width};
        case projection::up:
            return {c.hidden, c.hidden, c.width};
        case projection::down:
            break;
    }
    return {0, c.width, c.hidden};
}

/// One adapter and its place in the flat buffer: A [rank, in] at `offset`, B [out, rank] behind it.
template <class Real>
struct placed_adapter {
    std::size_t layer;
    projection on;
    projection_place place;
    std::size_t offset;
    holdfast::adapters::lora<Real> adapter;
};

/// All adapters of a model.
template <class Real>
class adapter_set {
  public:
    /// A starts uniform in ±1/sqrt(in), B at zero: new adapters change nothing.
    adapter_set(const model_config& c, const lora_settings& settings, std::uint64_t seed) : settings_(settings) {
        holdfast::require(!settings.on.empty(), "trainer::model: LoRA needs at least one projection");
        find_.assign(c.layers * projections, none);
        std::size_t at = 0;
        for (std::size_t l = 0; l < c.layers; ++l)
            for (const projection p : settings.on) {
                std::size_t& entry = find_[l * projections + static_cast<std::size_t>(p)];
                holdfast::require(entry == none, "trainer::model: LoRA is asked twice for ",
                                  projection_names[static_cast<std::size_t>(p)]);
                const projection_place place = place_of(c, p);
                const holdfast::philox g(seed, 0xADA, l, static_cast<std::size_t>(p));
                entry = all_.size();
                all_.push_back({l, p, place, at,
                                holdfast::adapters::lora<Real>({.in = place.in,
                                                                .out = place.out,
                                                                .rank = settings.rank,
                                                                .alpha = settings.alpha,
                                                                .dropout = settings.dropout},
                                                               g)});
                at += all_.back().adapter.parameters();
            }
        flat_.resize(at);
        for (placed_adapter<Real>& p : all_) {
            std::copy_n(p.adapter.a().data(), p.adapter.a().size(), flat_.data() + p.offset);
            std::copy_n(p.adapter.b().data(), p.adapter.b().size(), flat_.data() + p.offset + p.adapter.a().size());
        }
    }

    const lora_settings& settings() const { return settings_; }
    std::span<Real> parameters() { return flat_; }
    std::span<const Real> parameters() const { return flat_; }
    const std::vector<placed_adapter<Real>>& all() const { return all_; }

    const placed_adapter<Real>* find(std::size_t layer, projection p) const {
        const std::size_t i = find_[layer * projections + static_cast<std::size_t>(p)];
        return i == none ? nullptr : &all_[i];
    }
    std::size_t index(const placed_adapter<Real>* p) const { return static_cast<std::size_t>(p - all_.data()); }

    /// The flat buffer into the adapters: called before they are used, after the optimiser wrote.
    void publish() {
        for (placed_adapter<Real>& p : all_) {
            std::copy_n(flat_.data() + p.offset, p.adapter.a().size(), p.adapter.a().data());
            std::copy_n(flat_.data() + p.offset + p.adapter.a().size(), p.adapter.b().size(), p.adapter.b().data());
        }
    }

    /// w += s B A for every adapter, in a copy of the base's weights.
    void merge_into(const weights<Real>& w) const {
        for (const placed_adapter<Real>& p : all_)
            p.adapter.merge_into(rows_of(group_of(w.layers[p.layer], p.on), p.place.column, p.place.out));
    }

  private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    static view<Real> group_of(const layer_weights<Real>& w, projection p) {
        if (p <= projection::value) return w.qkv;
        if (p == projection::output) return w.output;
        return p == projection::down ? w.down : w.gate_up;
    }

    lora_settings settings_;
    std::vector<placed_adapter<Real>> all_;
    std::vector<std::size_t> find_;  // [layers, projections], index into all_
    std::vector<Real> flat_;
};

/// One shard's pass through the adapters: what forward keeps, where backward adds. Without a set it does nothing.
template <class Real>
struct adapter_pass {
    const adapter_set<Real>* set = nullptr;
    std::uint64_t seed = 0, step = 0, shard = 0;  // key of the dropout masks
    std::vector<typename holdfast::adapters::lora<Real>::saved> saved;
    Real* gradient = nullptr;  // [set->parameters().size()]

    void begin(const adapter_set<Real>* adapters, std::uint64_t dropout_seed, std::uint64_t at_step,
               std::uint64_t of_shard) {
        set = adapters;
        seed = dropout_seed;
        step = at_step;
        shard = of_shard;
        if (set) saved.resize(set->all().size());
    }

    /// y[:, part of p] += s drop(x) A' B' for the projections first..last of one group.
    void forward(std::size_t layer, projection first, projection last, view<const Real> x, view<Real> y) {
        for_each(layer, first, last, [&](const placed_adapter<Real>& p, std::size_t i) {
            holdfast::philox g(seed, step, shard, i);
            p.adapter.add_to(x, cols_of(y, p.place.column, p.place.out), saved[i], g);
        });
    }

    /// Gradients of A and B, and the adapter's part of dx added to dx.
    void backward(std::size_t layer, projection first, projection last, view<const Real> dy, view<const Real> x,
                  view<Real> dx) {
        for_each(layer, first, last, [&](const placed_adapter<Real>& p, std::size_t i) {
            Real* at = gradient + p.offset;
            const std::size_t rank = set->settings().rank;
            p.adapter.backward_into(cols_of(dy, p.place.column, p.place.out), x, saved[i],
                                    view<Real>(at, rank, p.place.in),
                                    view<Real>(at + rank * p.place.in, p.place.out, rank), dx);
        });
    }

  private:
    template <class F>
    void for_each(std::size_t layer, projection first, projection last, F f) {
        if (!set) return;
        for (int p = static_cast<int>(first); p <= static_cast<int>(last); ++p)
            if (const auto* found = set->find(layer, static_cast<projection>(p))) f(*found, set->index(found));
    }
};

}  // namespace trainer
