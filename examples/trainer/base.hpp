// The base model: what every method starts from. A tokeniser trained on the stream's training text, and a model trained
// on the general suites, so that it can do something before the stream begins.
//
// Made once and kept in a cache folder under a fingerprint of all that shaped it: sizes, rates, texts, version of this
// code. A file is there whole or not at all; a damaged one is made again.
#pragma once

#include "fitting.hpp"
#include "model.hpp"
#include "settings.hpp"
#include "text.hpp"
#include "tokeniser.hpp"
#include "weights.hpp"

#include <holdfast/experiment/archive.hpp>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace trainer {

struct base_model {
    tokeniser words;
    model weights;
    std::string fingerprint;
    bool from_cache = false;
};

/// Raise it when the same settings begin to give another base model.
inline constexpr unsigned base_version = 1;

/// The folder of base models: what the user said, else XDG_CACHE_HOME/holdfast, else ~/.cache/holdfast, else beside
/// `out`.
inline std::filesystem::path cache_folder(const settings& s) {
    if (!s.cache.empty()) return s.cache;
    if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg) return std::filesystem::path(xdg) / "holdfast";
    if (const char* home = std::getenv("HOME"); home && *home)
        return std::filesystem::path(home) / ".cache" / "holdfast";
    return std::filesystem::absolute(s.out).parent_path() / "holdfast-cache";
}

inline text_limits limits_of(const settings& s) { return {s.longest_prompt, s.longest_answer}; }

namespace detail {

inline std::string text_of(const training_settings& t) {
    return holdfast::sentence(t.epochs, " epochs, batch ", t.batch, ", rate ", t.learning_rate, ", warm-up ", t.warm_up,
                              ", final ", t.final_share, ", decay ", t.weight_decay, ", clip ", t.clip);
}

inline std::string text_of(const model_config& c) {
    return holdfast::sentence("vocabulary ", c.vocabulary, ", width ", c.width, ", layers ", c.layers, ", heads ",
                              c.heads, "/", c.kv_heads, ", hidden ", c.hidden, ", context ", c.context, ", rope ",
                              c.rope_base, ", eps ", c.norm_eps, ", tied ", c.tied_embeddings ? 1 : 0,
                              ", first weights ", c.init_deviation);
}

}  // namespace detail

/// Makes the base model, or takes it from the cache.
///
/// @param stream    its training text (prompts and answers) trains the tokeniser; the model never sees it
/// @param examples  what the base model learns
/// @param say       told what is going on, in a sentence
/// @param step      called as step(done, total) while training
inline base_model make_base(const settings& s, std::span<const experiment::task> stream,
                            std::span<const experiment::example> examples,
                            const std::function<void(const std::string&)>& say,
                            const std::function<void(std::size_t, std::size_t)>& step) {
    std::vector<std::string> texts;
    for (const experiment::task& t : stream)
        for (const experiment::example& e : t.train) {
            texts.push_back(e.prompt);
            texts.push_back(e.answer);
        }
    for (const experiment::example& e : examples) {
        texts.push_back(e.prompt);
        texts.push_back(e.answer);
    }
    tokeniser learned = tokeniser::train(texts, s.model.vocabulary);
    model_config config = s.model;
    config.vocabulary = learned.vocabulary();

    experiment::checksum sum;
    std::ostringstream joins;
    learned.save(joins);
    sum.add(joins.str());
    sum.add(detail::text_of(config));
    sum.add(detail::text_of(s.base));
    sum.add(holdfast::sentence(s.longest_prompt, " ", s.longest_answer, " version ", base_version));
    for (const experiment::example& e : examples) {
        sum.add(e.prompt);
        sum.add(e.answer);
    }

    base_model b{std::move(learned), model(config, 20231006), sum.text(), false};
    const std::filesystem::path folder = cache_folder(s);
    const std::filesystem::path file = folder / ("base-" + b.fingerprint);
    if (std::filesystem::exists(file)) {
        try {
            load_weights(file, config, b.weights.parameters());
            b.from_cache = true;
            say("Base model " + b.fingerprint + " from " + folder.string() + ".");
            return b;
        } catch (const holdfast::format_error& damaged) {
            say(std::string("The cached base model is made again: ") + damaged.what());
        }
    }
    say(holdfast::sentence("Base model: ", b.weights.parameters().size(), " parameters, ", b.words.vocabulary(),
                           " tokens; training it on ", examples.size(), " general examples."));
    std::vector<encoded> material = encode_examples(b.words, examples, limits_of(s));
    holdfast::philox g{20231006, 1};
    holdfast::shuffle(std::span<encoded>(material), g);
    fit(b.weights, material, s.base, g.split(0), step);
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    try {
        save_weights(file, config, b.weights.parameters());
    } catch (const std::runtime_error& e) {
        say(std::string("The base model could not be kept for the next run: ") + e.what());
    }
    return b;
}

}  // namespace trainer
