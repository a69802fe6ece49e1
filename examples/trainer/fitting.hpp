// Fitting a model to examples: epochs, batches, the optimiser. The base model and every stage of a stream go through
// here.
//
// Examples come shuffled for the first epoch; every later epoch is shuffled again from a generator of its own, so that
// a stage depends on its words alone and a resumed run repeats it to the bit.
#pragma once

#include "adamw.hpp"
#include "model.hpp"
#include "settings.hpp"
#include "text.hpp"

#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

namespace trainer {

/// @param m         changed: its adapters where it has any, else all weights
/// @param examples  at least one
/// @param how       epochs, batch, rates
/// @param g         of the order in the second and later epochs, and of the dropout
/// @param step      called as step(done, total); may be empty
/// @return          mean loss of the last epoch, in nats per token
/// @throw           invalid_argument if there is nothing to learn from, or the loss is no number any more
inline double fit(model& m, std::span<const encoded> examples, const training_settings& how, holdfast::philox g,
                  const std::function<void(std::size_t, std::size_t)>& step = {}) {
    holdfast::require(!examples.empty(), "trainer::fit: there are no examples to learn from");
    holdfast::require(how.batch > 0 && how.epochs > 0, "trainer::fit: batch and epochs must be at least 1, they are ",
                      how.batch, " and ", how.epochs);
    const std::size_t per_epoch = (examples.size() + how.batch - 1) / how.batch;
    const std::size_t steps = per_epoch * how.epochs;
    adamw optimiser(
        {.learning_rate = how.learning_rate,
         .weight_decay = how.weight_decay,
         .clip = how.clip,
         .warm_up = std::max<std::size_t>(1, static_cast<std::size_t>(how.warm_up * static_cast<double>(steps))),
         .after = schedule::cosine,
         .steps = steps,
         .floor = how.final_share},
        m.trainable().size());
    std::vector<std::size_t> order(examples.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::uint64_t dropout_seed = g.split(1).stream();
    double sum = 0;
    batch b;
    for (std::size_t epoch = 0, done = 0; epoch < how.epochs; ++epoch) {
        if (epoch > 0) {
            holdfast::philox of_epoch = g.split(epoch + 1);
            holdfast::shuffle(std::span<std::size_t>(order), of_epoch);
        }
        sum = 0;
        for (std::size_t from = 0; from < order.size(); from += how.batch, ++done) {
            b.clear();
            for (std::size_t i = from; i < std::min(from + how.batch, order.size()); ++i)
                b.add_answer(examples[order[i]].tokens, examples[order[i]].answer);
            const double loss = m.gradients(b, done, dropout_seed);
            holdfast::require(std::isfinite(loss), "trainer::fit: the loss is no number any more at step ", done,
                              "; lower the learning rate");
            optimiser.step(m.trainable(), m.gradient(), m.trainable_slices());
            sum += loss;
            if (step) step(done + 1, steps);
        }
    }
    return sum / static_cast<double>(per_epoch);
}

}  // namespace trainer
