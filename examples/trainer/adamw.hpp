// AdamW with clipping and a warm-up, over one flat buffer.
//
// Loshchilov & Hutter 2019, arXiv:1711.05101, as torch.optim.AdamW computes it. State in fp32 beside the weights; knows
// slices (what decays), not layers.
#pragma once

#include "parameters.hpp"

#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

namespace trainer {

enum class schedule { constant, cosine };

struct adamw_options {
    double learning_rate = 1e-3;  ///< highest, after the warm-up
    double beta1 = 0.9, beta2 = 0.95;
    double epsilon = 1e-8;
    double weight_decay = 0.1;  ///< decoupled; on matrices, not on gains
    double clip = 1.0;          ///< largest norm of the whole gradient; 0 = no clipping
    std::size_t warm_up = 0;    ///< steps of linear warm-up
    schedule after = schedule::constant;
    std::size_t steps = 0;  ///< length of the cosine, warm-up included
    double floor = 0.1;     ///< where the cosine ends, as a share of learning_rate
};

/// Learning rate of step t = 0, 1, ...: linear to the top over the warm-up, then constant or half a cosine.
inline double learning_rate_at(const adamw_options& o, std::size_t t) {
    if (t < o.warm_up) return o.learning_rate * static_cast<double>(t + 1) / static_cast<double>(o.warm_up);
    if (o.after == schedule::constant || o.steps <= o.warm_up) return o.learning_rate;
    const double way = std::min(1.0, static_cast<double>(t - o.warm_up) / static_cast<double>(o.steps - o.warm_up));
    return o.learning_rate * (o.floor + (1 - o.floor) * 0.5 * (1 + std::cos(std::numbers::pi * way)));
}

/// The optimiser's state for one buffer of parameters.
template <class Real>
class basic_adamw {
  public:
    /// @param size  numbers to train
    basic_adamw(const adamw_options& options, std::size_t size) : options_(options), first_(size), second_(size) {
        holdfast::require(options.learning_rate >= 0 && options.epsilon > 0 && options.clip >= 0,
                          "trainer::adamw: learning rate and clip must not be negative, epsilon above 0");
        holdfast::require(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1,
                          "trainer::adamw: the betas must be in [0, 1), they are ", options.beta1, " and ",
                          options.beta2);
    }

    /// One step:  g ← g · min(1, clip / (|g| + 1e-6))
    ///            m ← β1 m + (1 − β1) g,  v ← β2 v + (1 − β2) g²
    ///            w ← w (1 − η λ) − η m̂ / (sqrt(v̂) + ε),  m̂ = m / (1 − β1^t), v̂ = v / (1 − β2^t)
    ///
    /// @param w       [size], changed
    /// @param g       [size], its gradient
    /// @param slices  which parts of w decay
    /// @return        norm of the gradient before clipping; where it is not finite nothing was changed
    double step(std::span<Real> w, std::span<const Real> g, const std::vector<slice>& slices) {
        holdfast::require(w.size() == first_.size() && g.size() == first_.size() && size_of(slices) == w.size(),
                          "trainer::adamw: made for ", first_.size(), " parameters, given ", w.size(),
                          " and a gradient of ", g.size());
        const double norm = std::sqrt(holdfast::parallel_reduce(
            g.size(), 16384, 0.0,
            [&](std::size_t begin, std::size_t end) {
                const Real* at = g.data() + begin;
                return static_cast<double>(lane_sum<Real>(end - begin, [at](std::size_t i) { return at[i] * at[i]; }));
            },
            [](double a, double b) { return a + b; }));
        if (!std::isfinite(norm)) return norm;
        const double rate = learning_rate_at(options_, steps_);
        ++steps_;
        const double t = static_cast<double>(steps_);
        const Real shrink =
            options_.clip > 0 ? static_cast<Real>(std::min(1.0, options_.clip / (norm + 1e-6))) : Real(1);
        const Real b1 = static_cast<Real>(options_.beta1), b2 = static_cast<Real>(options_.beta2);
        const Real rest1 = static_cast<Real>(1 - options_.beta1), rest2 = static_cast<Real>(1 - options_.beta2);
        const Real pace = static_cast<Real>(rate / (1 - std::pow(options_.beta1, t)));
        const Real spread = static_cast<Real>(1 / std::sqrt(1 - std::pow(options_.beta2, t)));
        const Real eps = static_cast<Real>(options_.epsilon);
        holdfast::parallel_for(slices.size(), [&](std::size_t s) {
            const Real keep = slices[s].decays ? static_cast<Real>(1 - rate * options_.weight_decay) : Real(1);
            const std::size_t begin = slices[s].offset, n = slices[s].size();
            Real* __restrict weight = w.data() + begin;
            Real* __restrict m = first_.data() + begin;
            Real* __restrict v = second_.data() + begin;
            const Real* __restrict gradient = g.data() + begin;
            for (std::size_t i = 0; i < n; ++i) {
                const Real d = gradient[i] * shrink;
                m[i] = b1 * m[i] + rest1 * d;
                v[i] = b2 * v[i] + rest2 * d * d;
                weight[i] = weight[i] * keep - pace * m[i] / (std::sqrt(v[i]) * spread + eps);
            }
        });
        return norm;
    }

    const adamw_options& options() const { return options_; }
    std::size_t steps() const { return steps_; }

    /// The state, to save and restore: first and second moments, and steps taken.
    std::span<const Real> first_moment() const { return first_; }
    std::span<const Real> second_moment() const { return second_; }
    void restore(std::size_t steps, std::span<const Real> first, std::span<const Real> second) {
        holdfast::require(first.size() == first_.size() && second.size() == second_.size(),
                          "trainer::adamw: the saved state has ", first.size(), " numbers, the parameters ",
                          first_.size());
        steps_ = steps;
        std::copy(first.begin(), first.end(), first_.begin());
        std::copy(second.begin(), second.end(), second_.begin());
    }

  private:
    adamw_options options_;
    std::vector<Real> first_, second_;  // [size]
    std::size_t steps_ = 0;
};

using adamw = basic_adamw<float>;

}  // namespace trainer
