// The model as an experiment::learner: what the loop of the library asks of a model, answered with this trainer's
// parts.
//
// One class for full training and for LoRA (one set of adapters through all tasks, the base frozen), and in_context for
// demonstrations without training. Builds on fitting.hpp and generate.hpp; knows nothing of methods or files of data.
#pragma once

#include "base.hpp"
#include "choices.hpp"
#include "fitting.hpp"
#include "generate.hpp"
#include "weights.hpp"

#include <holdfast/core/matrix.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/experiment/concepts.hpp>
#include <holdfast/scoring/multiple_choice.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace trainer {

/// Mean of scores; NaN where there are none.
inline double mean(std::span<const double> scores) {
    return scores.empty() ? std::numeric_limits<double>::quiet_NaN()
                          : std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

class learner {
  public:
    /// @param lora  true: the base stays frozen and adapters learn
    learner(const base_model& base, const settings& s, bool lora, std::uint64_t seed)
        : words_(base.words), settings_(s), model_(base.weights), seed_(seed), lora_(lora) {
        if (lora) model_.adapt(s.lora, seed);
    }

    void train(std::span<const experiment::example> examples) { train(examples, {}); }

    /// One stage: epochs over the examples, from a fresh optimiser. A trailing epoch of replay is one epoch.
    void train(std::span<const experiment::example> examples, const experiment::stage_info& where) {
        if (examples.empty()) return;
        training_settings how = lora_ ? settings_.adapter : settings_.stage;
        if (where.replay_epoch) how.epochs = 1;
        fit(model_, encode_examples(words_, examples, limits_of(settings_)), how,
            holdfast::philox{seed_, where.stage, where.replay_epoch ? 1u : 0u, 7}, where.step);
    }

    /// One score per question: by greedy generation, or by likelihood where the task is multiple choice.
    std::vector<double> evaluate_items(const experiment::task& task) {
        return score(
            task, [](const experiment::example& e) { return e.prompt; }, limits_of(settings_));
    }
    double evaluate(const experiment::task& task) { return mean(evaluate_items(task)); }

    /// Mean of the final hidden states over a text's tokens [texts, width].
    holdfast::matrix<float> embed(std::span<const std::string> texts) {
        batch b;
        for (const std::string& text : texts) b.add(encode_prompt(words_, text, limits_of(settings_)));
        return model_.embed(b);
    }

    /// Mean negative log-likelihood of the answer's tokens, in nats.
    double nll(const experiment::example& e) {
        const encoded x = encode_example(words_, e.prompt, e.answer, limits_of(settings_));
        batch b;
        b.add_answer(x.tokens, x.answer);
        return model_.loss(b);
    }

    void save(const std::string& path) {
        const section all[] = {{lora_ ? "adapters" : "weights", model_.trainable()}};
        save_sections(path, model_.config(), all);
    }
    void load(const std::string& path) {
        const auto sections = load_sections(path, model_.config());
        const auto found = sections.find(lora_ ? "adapters" : "weights");
        if (found == sections.end() || found->second.size() != model_.trainable().size())
            throw holdfast::format_error(path, 0, "does not hold what this method trains");
        std::copy(found->second.begin(), found->second.end(), model_.trainable().begin());
    }

    /// Scores the questions of a task with prompts made by `prompt_of`.
    template <class Prompt>
    std::vector<double> score(const experiment::task& task, Prompt prompt_of, const text_limits& limits) {
        if (task.test.empty()) return {};
        if (is_multiple_choice(task)) return score_choices(task, limits);
        std::vector<std::vector<std::int32_t>> prompts;
        for (const experiment::example& e : task.test) prompts.push_back(encode_prompt(words_, prompt_of(e), limits));
        const auto answers = generate(model_, prompts, {.max_new_tokens = limits.answer, .stop = end_token});
        std::vector<double> scores;
        for (std::size_t i = 0; i < answers.size(); ++i) {
            const experiment::example& e = task.test[i];
            std::vector<std::string> references = {e.answer};
            references.insert(references.end(), e.references.begin(), e.references.end());
            scores.push_back(task.scorer.score(words_.decode(answers[i]), references, e.source));
        }
        return scores;
    }

  private:
    /// 1 where the right option is the likeliest, its log-likelihood taken per byte.
    std::vector<double> score_choices(const experiment::task& task, const text_limits& limits) {
        std::vector<double> scores;
        for (const experiment::example& e : task.test) {
            const std::vector<std::string> options = choices_of(e);
            batch b;
            std::vector<double> lengths;
            for (const std::string& option : options) {
                const encoded x = encode_example(words_, e.prompt, option, limits);
                b.add_answer(x.tokens, x.answer);
                lengths.push_back(static_cast<double>(option.size() + 1));
            }
            std::vector<double> likelihoods;
            for (const likelihood& l : model_.likelihoods(b)) likelihoods.push_back(-l.nll);
            const std::size_t chosen = holdfast::scoring::most_likely(likelihoods, lengths);
            scores.push_back(options[chosen] == e.answer ? 1 : 0);
        }
        return scores;
    }

    const tokeniser& words_;
    const settings& settings_;
    model model_;
    std::uint64_t seed_;
    bool lora_;
};

static_assert(experiment::learner<learner>);

/// In-context learning: nothing is trained; every question comes after the first six examples of the task's training
/// split (TRACE draws them from the test split). Before the stream there are no demonstrations.
class in_context {
  public:
    static constexpr std::size_t demonstrations = 6;

    in_context(const base_model& base, const settings& s) : model_(base, s, false, 0), settings_(s) {}

    void train(std::span<const experiment::example>) { shown_ = true; }

    /// The model does not change, so every task is asked once without and once with demonstrations.
    std::vector<double> evaluate_items(const experiment::task& task) {
        const auto known = scores_.find({task.name, shown_});
        if (known != scores_.end()) return known->second;
        std::string before;
        if (shown_)
            for (std::size_t i = 0; i < std::min(demonstrations, task.train.size()); ++i)
                before += task.train[i].prompt + " " + task.train[i].answer + "\n\n";
        text_limits limits = limits_of(settings_);
        limits.prompt = settings_.model.context - limits.answer - 3;
        return scores_[{task.name, shown_}] = model_.score(
                   task, [&](const experiment::example& e) { return before + e.prompt; }, limits);
    }
    double evaluate(const experiment::task& task) { return mean(evaluate_items(task)); }

    void save(const std::string& path) {
        experiment::archive_writer out("in-context learner", 1);
        out.number("shown", shown_ ? 1 : 0);
        experiment::write_atomically(path, out.finish());
    }
    void load(const std::string& path) {
        experiment::archive_reader in(path, "in-context learner", 1);
        shown_ = in.number("shown") == 1;
    }

  private:
    learner model_;
    const settings& settings_;
    std::map<std::pair<std::string, bool>, std::vector<double>> scores_;
    bool shown_ = false;
};

static_assert(experiment::learner<in_context>);

}  // namespace trainer
