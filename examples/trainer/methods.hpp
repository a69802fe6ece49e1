// The methods of the program: which learner and which replay policy stand behind each name, and the runs of one seed.
//
// Every method starts from the same base model, learns the same tasks in the same order with the same seeds, and keeps
// a checkpoint of its own under OUT/checkpoints. Builds on the library's experiment::run.
#pragma once

#include "learner.hpp"
#include "progress.hpp"
#include "suites.hpp"

#include <holdfast/experiment/run.hpp>
#include <holdfast/replay/balanced.hpp>
#include <holdfast/replay/forgetting_curve.hpp>
#include <holdfast/replay/inscl.hpp>
#include <holdfast/replay/policy.hpp>
#include <holdfast/replay/surprise.hpp>
#include <holdfast/replay/tagger.hpp>

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace trainer {

/// What all runs share.
struct experiment_setup {
    const settings& options;
    const base_model& base;
    std::span<const experiment::task> stream;
    std::span<const experiment::suite> suites;
    std::span<const experiment::example> general_data;  ///< for TRACE's replay
    std::map<std::string, std::vector<std::string>, std::less<>> tags;
    std::vector<experiment::setting> config;  ///< everything that shaped the run, for report and checkpoint
};

/// All that shapes a run besides method and seed, as text.
inline std::vector<experiment::setting> configuration(const settings& s, const base_model& base) {
    const auto number = [](auto x) { return holdfast::sentence(x); };
    const auto names = [](const std::vector<std::string>& list) {
        std::string out;
        for (const std::string& name : list) out += (out.empty() ? "" : ",") + name;
        return out.empty() ? std::string("all") : out;
    };
    return {
        {"preset", s.quick ? "quick" : (s.data.empty() ? "default" : "data")},
        {"data", s.data.empty() ? "built-in stream (synthetic)" : s.data},
        {"general", s.general.empty() ? "built-in suites (synthetic)" : s.general},
        {"tasks", names(s.tasks)},
        {"order", s.order.empty() ? "the data's own" : names(s.order)},
        {"train limit", number(s.train_limit)},
        {"test limit", number(s.test_limit)},
        {"budget", number(s.budget)},
        {"model", detail::text_of(base.weights.config())},
        {"base model", base.fingerprint},
        {"base training", detail::text_of(s.base) + ", " + number(s.base_examples) + " examples per capability"},
        {"stage training", detail::text_of(s.stage)},
        {"LoRA", holdfast::sentence("rank ", s.lora.rank, ", alpha ", s.lora.alpha, ", ", detail::text_of(s.adapter))},
        {"longest prompt", number(s.longest_prompt)},
        {"longest answer", number(s.longest_answer)}};
}

namespace detail {

inline experiment::run_options options_of(const experiment_setup& setup, const std::string& method,
                                          std::uint64_t seed) {
    experiment::run_options o;
    o.method = method;
    o.seed = seed;
    o.evaluate = setup.options.all_cells ? experiment::evaluation::all : experiment::evaluation::seen;
    o.checkpoint = std::filesystem::path(setup.options.out) / "checkpoints" / (method + "-" + std::to_string(seed));
    o.suites = setup.suites;
    o.suites_every_stage = !setup.options.gate.empty();
    o.gate = {.conditions = setup.options.gate, .confidence = setup.options.gate_confidence};
    o.general_data = setup.general_data;
    o.tags = setup.tags;
    o.config = setup.config;
    return o;
}

}  // namespace detail

/// Scores [T] of models that learnt one task alone from the base model: what relative gain compares with.
inline std::vector<double> learn_alone(const experiment_setup& setup, std::uint64_t seed, progress& shown) {
    std::vector<double> scores;
    for (const experiment::task& t : setup.stream) {
        learner alone(setup.base, setup.options, false, seed);
        experiment::run_options o = detail::options_of(setup, "alone", seed);
        o.checkpoint /= std::to_string(scores.size() + 1);
        o.suites = {};
        o.gate = {};
        const std::vector<experiment::task> one = {t};
        scores.push_back(experiment::run(one, alone, holdfast::replay::no_replay{}, shown, o).runs()[0].after[0][0]);
    }
    return scores;
}

/// One method, one seed.
inline experiment::report run_method(const std::string& method, const experiment_setup& setup, std::uint64_t seed,
                                     std::span<const double> alone, progress& shown) {
    namespace replay = holdfast::replay;
    experiment::run_options o = detail::options_of(setup, method, seed);
    o.single_task.assign(alone.begin(), alone.end());
    const std::vector<experiment::task> stream(setup.stream.begin(), setup.stream.end());
    const std::size_t budget = setup.options.budget;
    if (method == "icl")
        return experiment::run(stream, in_context(setup.base, setup.options), replay::no_replay{}, shown, o);
    learner student(setup.base, setup.options, method == "lora", seed);
    if (method == "replay") return experiment::run(stream, student, replay::head_slice{}, shown, o);
    if (method == "random")
        return experiment::run(stream, student, replay::random_replay{.budget_per_task = budget}, shown, o);
    if (method == "inscl") return experiment::run(stream, student, replay::inscl{.budget_per_task = budget}, shown, o);
    if (method == "surprise")
        return experiment::run(stream, student, replay::surprise_replay{.budget_per_task = budget}, shown, o);
    if (method == "mir")
        return experiment::run(stream, student, replay::mir_replay{.budget_per_task = budget}, shown, o);
    if (method == "prioritised")
        return experiment::run(stream, student, replay::prioritised_replay{.budget_per_task = budget}, shown, o);
    if (method == "herding")
        return experiment::run(stream, student, replay::herding_replay{.budget_per_task = budget}, shown, o);
    if (method == "gdumb")
        return experiment::run(stream, student, replay::gdumb_replay{.budget_per_task = budget}, shown, o);
    if (method == "forgetting")
        return experiment::run(stream, student, replay::forgetting_curve_replay{.budget_per_task = budget}, shown, o);
    return experiment::run(stream, student, replay::no_replay{}, shown, o);
}

}  // namespace trainer
