#pragma once
// All that shaped a run, as settings: what a checkpoint compares before a run goes on, task contents included. Builds
// on concepts.hpp, options.hpp and archive.hpp (the checksum). The comparing is checkpoint.hpp's.

#include <holdfast/core/error.hpp>
#include <holdfast/experiment/archive.hpp>
#include <holdfast/experiment/concepts.hpp>
#include <holdfast/experiment/options.hpp>
#include <holdfast/experiment/record.hpp>
#include <holdfast/experiment/text.hpp>
#include <holdfast/replay/policy.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace holdfast::experiment::detail {

/// What the examples say, in one number.
inline void add(checksum& sum, std::span<const example> examples) {
    const auto text = [&](const std::string& s) {
        sum.add(s.size());
        sum.add(s);
    };
    sum.add(examples.size());
    for (const auto& e : examples) {
        for (const auto* s : {&e.id, &e.prompt, &e.answer, &e.instruction, &e.source}) text(*s);
        sum.add(e.references.size());
        for (const auto& r : e.references) text(r);
    }
}

inline std::string content_of(const task& t) {
    checksum sum;
    add(sum, t.train);
    add(sum, t.eval);
    add(sum, t.test);
    return sentence(t.name, ", ", t.train.size(), "/", t.eval.size(), "/", t.test.size(), " examples, content ",
                    sum.text());
}

inline task_record about(const task& t) {
    return {.name = t.name,
            .scorer = std::string(t.scorer.name()),
            .scale = t.scorer.best(),
            .train = t.train.size(),
            .questions = t.test.size()};
}

/// The policy's hyper-parameters, as far as they can be read: what it says itself, else the members that ours have.
template <class Policy>
void add_policy([[maybe_unused]] std::vector<setting>& all, const Policy& policy) {
    if constexpr (requires {
                      { policy.settings() } -> std::convertible_to<std::string>;
                  }) {
        all.emplace_back("policy settings", policy.settings());
        return;
    }
    if constexpr (requires { policy.budget_per_task + 1; })
        all.emplace_back("budget_per_task", sentence(policy.budget_per_task));
    if constexpr (requires { policy.ratio + 1; }) all.emplace_back("ratio", detail::shortest(policy.ratio));
    if constexpr (requires { *policy.budget + 1; })
        if (policy.budget) all.emplace_back("budget", sentence(*policy.budget));
    if constexpr (requires { *policy.ratio + 1; })
        if (policy.ratio) all.emplace_back("ratio", detail::shortest(*policy.ratio));
    if constexpr (requires { policy.relative_gap + 1; })
        all.emplace_back("relative_gap", detail::shortest(policy.relative_gap));
    if constexpr (requires { static_cast<int>(policy.mode); })
        all.emplace_back("mode", sentence(static_cast<int>(policy.mode)));
    if constexpr (requires { replay::to_string(policy.mix); }) all.emplace_back("mix", replay::to_string(policy.mix));
    if constexpr (requires { static_cast<int>(policy.general_data); })
        all.emplace_back("general_data", policy.general_data ? "yes" : "no");
}

/// All that the result depends on, as far as it can be known from here.
/// @param record  with its tasks, method and policy, before the first stage
template <class Stream, class Policy>
std::vector<setting> configuration_of(const Stream& stream, const Policy& policy, const run_options& options,
                                      const run_record& record) {
    std::vector<setting> all = {{"method", record.method}, {"policy", record.policy}};
    add_policy(all, policy);
    all.emplace_back("seed", std::to_string(options.seed));
    all.emplace_back("evaluate", options.evaluate == evaluation::all ? "all" : "seen");
    all.emplace_back("suites_every_stage", options.suites_every_stage ? "yes" : "no");
    all.emplace_back("nll", options.nll ? "yes" : "no");
    if (options.gate.closed())
        all.emplace_back("gate", sentence(options.gate.conditions, ", confidence ", options.gate.confidence));
    all.insert(all.end(), options.config.begin(), options.config.end());
    all.emplace_back("number of tasks", std::to_string(stream.size()));
    for (std::size_t i = 0; i < stream.size(); ++i) all.emplace_back(sentence("task ", i + 1), content_of(stream[i]));
    for (const auto& s : options.suites)
        all.emplace_back("suite " + s.questions.name, sentence(name_of(s.kind), ", ", content_of(s.questions)));
    checksum general, tags;
    add(general, options.general_data);
    all.emplace_back("general data", sentence(options.general_data.size(), " examples, content ", general.text()));
    for (const auto& [instruction, list] : options.tags) {
        tags.add(instruction);
        for (const auto& t : list) tags.add(t + "\n");
    }
    all.emplace_back("tags", sentence(options.tags.size(), " instructions, content ", tags.text()));
    return all;
}

}  // namespace holdfast::experiment::detail
