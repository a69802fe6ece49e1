#pragma once
// What a replay policy may ask about the earlier tasks' examples at the moment it plans, measured with the learner as
// it is then: negative log-likelihoods, the same after a trial step, embeddings of prompts, labels.
// Builds on abilities.hpp and options.hpp; called by loop.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/experiment/abilities.hpp>
#include <holdfast/experiment/concepts.hpp>
#include <holdfast/experiment/options.hpp>
#include <holdfast/replay/policy.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace holdfast::experiment::detail {

/// Refuses a learner that cannot tell what the policy asks.
template <class Policy, class Learner>
void check_measured(std::string_view policy, const run_options& options) {
    require(!replay::needs_scores<Policy> || has_nll<Learner>, "experiment::run: policy \"", policy,
            "\" chooses by scores: give the learner nll(example)");
    require(!replay::needs_trial_step<Policy> || saves_and_loads<Learner>, "experiment::run: policy \"", policy,
            "\" makes a trial step: give the learner save(path) and load(path)");
    require(!replay::needs_example_embeddings<Policy> || options.embed || embeds<Learner>, "experiment::run: policy \"",
            policy, "\" chooses by embeddings: give the learner embed(texts), or the options an embed function");
}

/// Negative log-likelihood of every training example of a task.
template <class Learner>
std::vector<double> nll_of(Learner& learner, const task& t) {
    std::vector<double> all;
    if constexpr (has_nll<Learner>)
        for (const example& e : t.train) all.push_back(static_cast<double>(learner.nll(e)));
    return all;
}

/// Equal answers, equal labels, numbered as they come.
inline std::vector<std::uint32_t> labels_of(const task& t) {
    std::unordered_map<std::string_view, std::uint32_t> known;
    std::vector<std::uint32_t> labels;
    for (const example& e : t.train)
        labels.push_back(known.try_emplace(e.answer, static_cast<std::uint32_t>(known.size())).first->second);
    return labels;
}

/// The learner after a trial step on some examples of the current task, for as long as `look` takes; then as before.
template <class Learner, class Look>
void with_trial_step(Learner& learner, const task& current, std::size_t examples, philox g, const stage_info& where,
                     Look look) {
    if constexpr (saves_and_loads<Learner>) {
        std::random_device chance;  // for a name, not for a result
        const auto file = std::filesystem::temp_directory_path() /
                          sentence("holdfast-trial-", chance(), "-", chance(), "-", where.stage);
        learner.save(file.string());
        std::vector<example> step(current.train.begin(), current.train.end());
        shuffle(std::span<example>(step), g);
        step.resize(std::min(step.size(), examples));
        if constexpr (trains_with_stage<Learner>)
            learner.train(std::span<const example>(step), where);
        else
            learner.train(std::span<const example>(step));
        look();
        learner.load(file.string());
        std::error_code ignored;
        std::filesystem::remove_all(file, ignored);
    }
}

/// Fills in what the policy asks for, of every earlier task. Costs nothing where it asks for nothing.
template <class Policy, class Learner, class Stream>
void measure([[maybe_unused]] const Policy& policy, [[maybe_unused]] Learner& learner,
             [[maybe_unused]] const Stream& stream, [[maybe_unused]] std::span<replay::task_memory> past,
             [[maybe_unused]] const run_options& options, [[maybe_unused]] std::uint64_t word) {
    if constexpr (replay::needs_labels<Policy>)
        for (std::size_t j = 0; j < past.size(); ++j)
            if (past[j].label.empty()) past[j].label = labels_of(stream[j]);
    if constexpr (replay::needs_scores<Policy>)
        for (std::size_t j = 0; j < past.size(); ++j) past[j].score = nll_of(learner, stream[j]);
    if constexpr (replay::needs_trial_step<Policy>) {
        std::size_t examples = 32;
        if constexpr (requires { policy.trial_examples + 1; }) examples = policy.trial_examples;
        const std::size_t stage = past.size() + 1;
        if (past.empty()) return;
        with_trial_step(learner, stream[stage - 1], examples, philox{options.seed, stage, word, 1},
                        {stage, stream[stage - 1].name, true, {}}, [&] {
                            for (std::size_t j = 0; j < past.size(); ++j)
                                past[j].score_after_step = nll_of(learner, stream[j]);
                        });
    }
    if constexpr (replay::needs_example_embeddings<Policy>)
        for (std::size_t j = 0; j < past.size(); ++j) {
            std::vector<std::string> prompts;
            for (const example& e : stream[j].train) prompts.push_back(e.prompt);
            if (options.embed)
                past[j].example_embedding = to_floats(options.embed(prompts), prompts.size(), past[j].name);
            else if constexpr (embeds<Learner>)
                past[j].example_embedding =
                    to_floats(learner.embed(std::span<const std::string>(prompts)), prompts.size(), past[j].name);
        }
}

}  // namespace holdfast::experiment::detail
