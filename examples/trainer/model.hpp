// The model: weights, adapters, and what one asks of it (gradients, loss, likelihoods, embeddings) on all cores.
//
// A batch is cut into a fixed number of shards, each of which goes forward and backward on one thread with a gradient
// of its own; these are added in order. The result is bit-identical for any number of threads. Builds on network.hpp;
// generate.hpp decodes with it, adamw.hpp trains it, weights.hpp saves it.
#pragma once

#include "adapters.hpp"
#include "batch.hpp"
#include "network.hpp"
#include "parameters.hpp"

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace trainer {

/// −Σ log p of a sequence's targets, in nats, and how many there were.
struct likelihood {
    double nll = 0;
    std::size_t targets = 0;
};

/// A decoder-only LLaMA in Real (float; double for the gradient check).
template <class Real>
class basic_model {
  public:
    /// @param config  the sizes; checked
    /// @param seed    of the first weights
    /// @param shards  parts of a batch that can run at once; part of the result's bits, unlike the number of threads
    explicit basic_model(const model_config& config, std::uint64_t seed = 0, std::size_t shards = 4)
        : config_((check(config), config)),
          shards_(shards),
          slices_(layout(config)),
          flat_(size_of(slices_)),
          rope_(config.context, config.head(), config.rope_base) {
        holdfast::require(shards > 0, "trainer::model: there must be at least one shard");
        initialise<Real>(slices_, seed, flat_);
    }

    const model_config& config() const { return config_; }

    // ---- parameters --------------------------------------------------------------------------------------------

    /// The base's weights, one flat buffer; `slices()` says what lies where.
    std::span<const Real> parameters() const { return flat_; }
    std::span<Real> parameters() {
        changed_ = true;
        return flat_;
    }
    const std::vector<slice>& slices() const { return slices_; }

    /// Freezes the base and trains LoRA adapters from here on. New adapters change nothing yet.
    void adapt(const lora_settings& settings, std::uint64_t seed) {
        adapters_.emplace(config_, settings, seed);
        adapter_slices_.clear();
        for (const auto& p : adapters_->all()) {
            const std::string name = "model.layers." + std::to_string(p.layer) + "." +
                                     std::string(projection_names[static_cast<std::size_t>(p.on)]);
            const std::size_t rank = settings.rank;
            adapter_slices_.push_back({name + ".lora_A.weight", p.offset, rank, p.place.in, true});
            adapter_slices_.push_back({name + ".lora_B.weight", p.offset + rank * p.place.in, p.place.out, rank, true});
        }
        forget_gradients();
    }
    /// Adds the adapters to the base for good; full training afterwards.
    void merge_adapters() {
        if (!adapters_) return;
        adapters_->publish();
        adapters_->merge_into(weights_in(config_, flat_.data()));
        drop_adapters();
    }
    void drop_adapters() {
        adapters_.reset();
        forget_gradients();
    }
    bool adapted() const { return adapters_.has_value(); }

    /// What an optimiser changes: the adapters where there are any, else all weights. And its gradient, once
    /// `gradients` ran, and the slices of both.
    std::span<Real> trainable() {
        changed_ = true;
        return adapters_ ? adapters_->parameters() : std::span<Real>(flat_);
    }
    std::span<const Real> gradient() const { return gradient_; }
    std::span<Real> gradient() { return gradient_; }
    const std::vector<slice>& trainable_slices() const { return adapters_ ? adapter_slices_ : slices_; }

    // ---- training ----------------------------------------------------------------------------------------------

    /// Mean loss over the batch's targets, and its gradient by all that is trainable, in `gradient()`.
    ///
    /// @param b     the sequences; at least one target
    /// @param step  which step this is, with `seed` the key of LoRA's dropout masks
    /// @throw invalid_argument for a batch without targets, or one that does not fit the model
    /// @cost  about 6 operations a weight and token; allocates only when a batch is larger than any before
    double gradients(const batch& b, std::uint64_t step = 0, std::uint64_t seed = 0) {
        check(b.all(), config_);
        const double weight = 1.0 / static_cast<double>(targets_of(b));
        const std::vector<part> parts = in_shards(b.offsets, shards_);
        const std::size_t size = adapters_ ? adapters_->parameters().size() : flat_.size();
        shard_gradients_.resize(shards_);
        for (auto& g : shard_gradients_) g.resize(size);
        passes_.resize(std::max(passes_.size(), shards_));
        each_.resize(b.tokens.size());
        if (adapters_) adapters_->publish();
        const network<Real> net{config_, weights_in<const Real>(config_, flat_.data()), rope_};
        holdfast::parallel_for(shards_, [&](std::size_t k) {
            const packed in = parts[k].of(b.all());
            if (!has_target(in)) return;
            pass<Real>& p = passes_[k];
            p.adapters.begin(adapters_ ? &*adapters_ : nullptr, seed, step, k);
            p.adapters.gradient = shard_gradients_[k].data();
            std::optional<weights<Real>> d;
            if (!adapters_) d = weights_in(config_, shard_gradients_[k].data());
            p.forward(net, in, rows::with_target, true);
            p.loss(net, in, weight, true, d ? d->head : view<Real>{}, each_.data() + parts[k].start);
            p.backward(net, in, d ? &*d : nullptr);
        });
        add_shards(size);
        return sum_of_targets(b) * weight;
    }

    // ---- asking ------------------------------------------------------------------------------------------------

    /// Mean loss over the batch's targets.
    double loss(const batch& b) {
        double nll = 0;
        for (const likelihood& l : likelihoods(b)) nll += l.nll;
        return nll / static_cast<double>(targets_of(b));
    }

    /// [sequences], the likelihood of each.
    std::vector<likelihood> likelihoods(const batch& b) {
        each_.resize(b.tokens.size());
        std::vector<likelihood> all(b.sequences());
        ask(b, [&](const network<Real>& net, const part& piece, const packed& in, pass<Real>& p) {
            if (!has_target(in)) return;
            p.forward(net, in, rows::with_target);
            p.loss(net, in, 1.0, false, {}, each_.data() + piece.start);
            for (std::size_t s = piece.first; s < piece.last; ++s)
                for (std::size_t i = b.offsets[s]; i < b.offsets[s + 1]; ++i)
                    if (b.targets[i] >= 0) {
                        all[s].nll += each_[i];
                        ++all[s].targets;
                    }
        });
        return all;
    }

    /// [sequences, width], the mean of each sequence's final hidden states.
    holdfast::matrix<Real> embed(const batch& b) {
        holdfast::matrix<Real> all(b.sequences(), config_.width);
        ask(b, [&](const network<Real>& net, const part& piece, const packed& in, pass<Real>& p) {
            const view<const Real> hidden = p.forward(net, in, rows::all);
            for (std::size_t s = piece.first; s < piece.last; ++s) {
                const std::size_t first = b.offsets[s], length = b.offsets[s + 1] - first;
                for (std::size_t i = 0; i < length; ++i)
                    for (std::size_t j = 0; j < config_.width; ++j)
                        all(s, j) += hidden(first - piece.start + i, j) / static_cast<Real>(length);
            }
        });
        return all;
    }

    /// [n, vocabulary], of every token; for tests and small texts.
    holdfast::matrix<Real> logits(const batch& b) {
        holdfast::matrix<Real> all(b.tokens.size(), config_.vocabulary);
        ask(b, [&](const network<Real>& net, const part& piece, const packed& in, pass<Real>& p) {
            linear_forward(p.forward(net, in, rows::all), net.w.head,
                           rows_of(all.view(), piece.start, in.tokens.size()));
        });
        return all;
    }

    /// What inference reads: the base's weights, or, where there are adapters, a copy with the adapters merged in.
    network<Real> inference() {
        if (adapters_ && changed_) {
            adapters_->publish();
            merged_.assign(flat_.begin(), flat_.end());
            adapters_->merge_into(weights_in(config_, merged_.data()));
            changed_ = false;
        }
        return {config_, weights_in<const Real>(config_, adapters_ ? merged_.data() : flat_.data()), rope_};
    }

    /// At least `count` passes to work with, one for each thing that runs at the same time.
    std::span<pass<Real>> passes(std::size_t count) {
        if (passes_.size() < count) passes_.resize(count);
        return passes_;
    }

    static constexpr std::size_t lanes = 8;            ///< pieces of an evaluation that can run at once
    static constexpr std::size_t piece_tokens = 1024;  ///< tokens of such a piece: what its activations take is bounded

  private:
    void forget_gradients() {
        changed_ = true;
        gradient_.clear();
        shard_gradients_.clear();
    }

    static std::size_t targets_of(const batch& b) {
        const auto n = std::count_if(b.targets.begin(), b.targets.end(), [](std::int32_t t) { return t >= 0; });
        holdfast::require(n > 0, "trainer::model: the batch has nothing to predict");
        return static_cast<std::size_t>(n);
    }
    double sum_of_targets(const batch& b) const {
        double sum = 0;
        for (std::size_t i = 0; i < b.targets.size(); ++i)
            if (b.targets[i] >= 0) sum += each_[i];
        return sum;
    }

    /// gradient_ = Σ_k of the shards in order; leaves the shards at zero for the next step while they are in cache.
    void add_shards(std::size_t size) {
        gradient_.resize(size);
        holdfast::parallel_chunks(size, 8192, [&](std::size_t begin, std::size_t end, std::size_t) {
            for (std::size_t k = 0; k < shards_; ++k) {
                Real* __restrict from = shard_gradients_[k].data();
                Real* __restrict to = gradient_.data();
                for (std::size_t i = begin; i < end; ++i) {
                    to[i] = k ? to[i] + from[i] : from[i];
                    from[i] = Real(0);
                }
            }
        });
    }

    /// f on pieces of the batch, `lanes` at a time, each lane with a pass of its own.
    template <class F>
    void ask(const batch& b, F f) {
        check(b.all(), config_);
        const network<Real> net = inference();
        const std::vector<part> pieces = in_pieces(b.offsets, piece_tokens);
        const std::size_t count = std::min(lanes, pieces.size());
        passes(count);
        holdfast::parallel_for(count, [&](std::size_t lane) {
            passes_[lane].adapters.begin(nullptr, 0, 0, 0);
            for (std::size_t i = lane; i < pieces.size(); i += count)
                f(net, pieces[i], pieces[i].of(b.all()), passes_[lane]);
        });
    }

    model_config config_;
    std::size_t shards_;
    std::vector<slice> slices_, adapter_slices_;
    std::vector<Real> flat_, merged_;  // [size_of(slices_)]
    rotary<Real> rope_;
    std::optional<adapter_set<Real>> adapters_;
    bool changed_ = true;  // merged_ is older than the weights

    std::vector<pass<Real>> passes_;                  // [shards or lanes]
    std::vector<std::vector<Real>> shard_gradients_;  // [shards][trainable]
    std::vector<Real> gradient_;                      // [trainable]
    std::vector<double> each_;                        // [n], −log p of each target
};

using model = basic_model<float>;

}  // namespace trainer
