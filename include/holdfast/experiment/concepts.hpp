#pragma once
// The words of an experiment: example, task, suite, and the three roles that a user brings (task_stream, learner,
// observer); the fourth, replay_policy, is replay's. Builds on scoring/scorer.hpp alone, so that a trainer includes no
// more than it must. The loop that plays the roles against each other is run.hpp.

#include <holdfast/scoring/scorer.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::replay {
struct plan;  // replay/policy.hpp
}

namespace holdfast::experiment {

/// One question with its answer.
struct example {
    std::string id = {};
    std::string prompt = {};                   ///< what the model reads
    std::string answer = {};                   ///< what it should write, and what it is trained on
    std::string instruction = {};              ///< the part of the prompt that says what to do; empty: not known
    std::vector<std::string> references = {};  ///< accepted besides `answer`
    std::string source = {};                   ///< the text a score looks at besides the references (SARI); else empty
};

/// One task of a stream. `train` is learnt and rehearsed, `test` makes the score in the matrix, `eval` is the learner's
/// to use while it trains (the loop never reads it).
struct task {
    std::string name = {};
    std::vector<example> train = {}, eval = {}, test = {};
    scoring::any_scorer scorer = {};
};

/// What a model could do before the stream, and should still do after it (the three deltas of TRACE).
enum class capability { general, instruction_following, safety };

/// "general", "instruction_following", "safety": as in report.json.
inline std::string_view name_of(capability kind) {
    switch (kind) {
        case capability::general:
            return "general";
        case capability::instruction_following:
            return "instruction_following";
        case capability::safety:
            return "safety";
    }
    return "unknown";
}

/// Questions of a capability, measured before and after the stream and never trained on by it.
struct suite {
    capability kind = capability::general;
    task questions = {};
};

/// Where in the run a call to `train` stands; passed to a learner that takes it.
struct stage_info {
    std::size_t stage = 0;      ///< 1 .. T: stage s learns task s - 1 (stage 0 is before training, and trains nothing)
    std::string task = {};      ///< name of the task being learnt
    bool replay_epoch = false;  ///< the examples are the trailing epoch over earlier tasks, not the task itself
    std::function<void(std::size_t done, std::size_t total)> step =
        {};  ///< call it to move a progress bar; may be empty
};

/// Tasks in the order in which they are learnt; std::vector<task> is one.
/// 1. `size()` is their number, and does not change.
/// 2. `stream[i]` is task i, the same whenever it is asked for (read it again from disk if you like).
template <class S>
concept task_stream = requires(const S& stream, std::size_t i) {
    { stream.size() } -> std::convertible_to<std::size_t>;
    { stream[i] } -> std::convertible_to<const task&>;
};

/// A model that learns: any trainer, in any framework, in any process.
/// 1. `learner.train(examples)` learns from the examples, in the order given (they come shuffled); how many epochs is
///    the learner's business. It continues from what the last call left.
/// 2. `learner.evaluate(task)` answers the questions in `task.test` and returns their mean score by `task.scorer`, in
///    the scorer's unit. It does not change the learner. NaN says: not evaluated.
///
/// Used when there (`report` says which):
/// 3. `learner.train(examples, stage_info)` instead of 1.: the same, told where in the run it is.
/// 4. `learner.evaluate_items(task)` instead of 2.: one score for each question of `task.test`; their mean is the
/// score.
/// 5. `learner.embed(texts)` one row per text [n, d], as holdfast::matrix<float> or any matrix_like of float or double.
///    Asked once, before training, so that every stage measures with the same encoder.
/// 6. `learner.save(path)` writes all that training changed to a file or a folder of that name, and
/// `learner.load(path)`
///    makes this learner behave as the saved one, to the bit. Checkpoints need both.
/// 7. `learner.nll(example)` mean negative log-likelihood of the answer's tokens, in nats.
/// What they throw passes through `run` unchanged.
template <class L>
concept learner = requires(L& learner, std::span<const example> examples, const task& task) {
    learner.train(examples);
    { learner.evaluate(task) } -> std::convertible_to<double>;
};

/// An observer that watches nothing.
struct silent {};

/// Who is told what happens, to draw a progress bar or write a log. It has one or more of these, and sees only those;
/// a type with none of them is refused, since its author meant one of them.
/// 1. `run_begin(tasks, method)`            names in order of the stream, and the method's name
/// 2. `stage_begin(stage, stages, name)`    stage 0 is "before training"; stages counts them all, T + 1
/// 3. `replayed(stage, plan)`               what the policy planned for the stage, before it is trained
/// 4. `step(stage, done, total)`            how far training is, as the learner tells through stage_info::step
/// 5. `scored(stage, task, score)`          one cell of the matrix, or of a suite
/// 6. `stage_end(stage)`                    trained, evaluated, and written to the checkpoint if there is one
/// 7. `resumed(stage)`                      stages up to and with this one come from a checkpoint
/// 8. `undone(stage, reasons)`              the stage fell at the gate; the scores told next are of the model before it
/// What it throws passes through `run` unchanged, and ends the run.
template <class O>
concept observer = std::same_as<O, silent> ||
    requires(O& o, std::span<const std::string> tasks, std::string_view name) {
    o.run_begin(tasks, name);
} || requires(O& o, std::size_t stage, std::string_view name) {
    o.stage_begin(stage, stage, name);
} || requires(O& o, std::size_t stage, const replay::plan& plan) {
    o.replayed(stage, plan);
} || requires(O& o, std::size_t stage) {
    o.step(stage, stage, stage);
} || requires(O& o, std::size_t stage, std::string_view task, double score) {
    o.scored(stage, task, score);
} || requires(O& o, std::size_t stage) {
    o.stage_end(stage);
} || requires(O& o, std::size_t stage) {
    o.resumed(stage);
} || requires(O& o, std::size_t stage, std::span<const std::string> reasons) {
    o.undone(stage, reasons);
};

static_assert(observer<silent>);
static_assert(task_stream<std::vector<task>>);

}  // namespace holdfast::experiment
