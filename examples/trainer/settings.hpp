// What a run is asked to do, and the presets: the default, --quick, and the one for real data.
//
// Plain data with its units. The command line that fills it is options.hpp.
#pragma once

#include "adapters.hpp"
#include "parameters.hpp"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace trainer {

/// How one stage, or the base model, is trained.
struct training_settings {
    std::size_t epochs = 3;
    std::size_t batch = 16;  ///< examples in one step of the optimiser
    double learning_rate = 1e-3;
    double warm_up = 0.1;      ///< share of the steps
    double final_share = 0.1;  ///< of the learning rate, at the last step (cosine between)
    double weight_decay = 0.01;
    double clip = 1.0;  ///< norm of the gradient
};

/// Something that the user can put right: a sentence for the terminal.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct settings {
    // what
    std::vector<std::string> methods = {"seq", "lora", "replay", "inscl"};
    std::string data;                ///< folder with tasks; empty: the built-in stream
    std::string general;             ///< folder with ability sets; empty: the built-in suites
    std::vector<std::string> tasks;  ///< names to keep; empty: all
    std::vector<std::string> order;  ///< names in the order of learning; empty: the data's own
    std::string tags;                ///< JSON file: instruction -> list of tags; empty: the keyword tagger
    std::size_t train_limit = 0;     ///< examples per task; 0: the preset's
    std::size_t test_limit = 0;      ///< questions per task; 0: the preset's
    std::size_t budget = 0;          ///< replayed examples per earlier task; 0: the preset's
    bool strict = false;             ///< refuse a budget that a task cannot fill, instead of saying so
    std::string gate;                ///< conditions after every stage; a stage that falls is undone; empty: none
    double gate_confidence = 0;      ///< 0: every fall counts
    std::size_t base_examples = 0;   ///< for the base model, per capability; 0: the preset's
    std::size_t seeds = 1;
    std::uint64_t seed = 1;  ///< of the first repetition
    bool quick = false;
    bool single = true;  ///< also learn each task alone, for the relative gain
    // where
    std::string out = "holdfast-run";
    std::string cache;     ///< of base models; empty: XDG_CACHE_HOME/holdfast or ~/.cache/holdfast
    bool fresh = false;    ///< forget the checkpoints in `out`
    unsigned threads = 0;  ///< 0: all cores

    // how: filled by apply_preset
    model_config model;  ///< its vocabulary is how many tokens the tokeniser may learn
    training_settings base, stage, adapter;
    lora_settings lora;
    std::size_t suite_questions = 60;  ///< per capability
    std::size_t longest_prompt = 448;  ///< tokens; longer ones lose their beginning, as in TRACE
    std::size_t longest_answer = 48;   ///< tokens, in training and in generation
    bool all_cells = true;             ///< evaluate tasks that are still to come, for forward transfer
};

/// The methods that the program knows, in the order in which they run.
inline const std::vector<std::string>& known_methods() {
    static const std::vector<std::string> names = {"seq", "lora",        "replay",  "random", "inscl",      "surprise",
                                                   "mir", "prioritised", "herding", "gdumb",  "forgetting", "icl"};
    return names;
}

/// Fills in what the user left open. One model for all presets; what differs is how much it is given.
inline void apply_preset(settings& s) {
    const bool real = !s.data.empty();
    const auto unless_given = [](std::size_t& value, std::size_t preset) {
        if (value == 0) value = preset;
    };
    s.model = {};
    s.model.vocabulary = real ? 2048 : 1024;
    s.model.width = 128;
    s.model.layers = 4;
    s.model.heads = 4;
    s.model.kv_heads = 2;
    s.model.hidden = 352;
    s.model.init_deviation = 0.06;  // small models learn attention sooner from larger weights
    s.model.context = 768;          // six demonstrations and a question fit (icl)
    s.longest_prompt = real ? 256 : 448;
    s.longest_answer = real ? 48 : 32;
    s.base.epochs = s.quick ? 2 : 4;
    s.base.batch = 24;
    s.base.learning_rate = 2e-3;
    s.suite_questions = s.quick ? 40 : 60;
    s.stage.epochs = real ? 3 : (s.quick ? 4 : 5);
    s.stage.batch = 8;
    s.stage.learning_rate = 1e-3;
    s.adapter = s.stage;
    s.adapter.learning_rate = 4e-3;
    s.lora.on = {projection::query, projection::key, projection::value, projection::output,
                 projection::gate,  projection::up,  projection::down};
    s.lora.rank = 8;
    s.lora.alpha = 16;
    unless_given(s.base_examples, s.quick ? 3500 : 6000);
    unless_given(s.train_limit, s.quick ? 128 : (real ? 200 : 300));
    unless_given(s.test_limit, s.quick ? 24 : (real ? 30 : 60));
    unless_given(s.budget, s.quick ? 16 : (real ? 20 : 30));
    s.all_cells = !real;
    if (s.quick || real) s.single = false;
}

}  // namespace trainer
