// The command line into settings. Whatever is wrong is a usage_error with a sentence; main prints it and exits with 2.
//
// Builds on CLI11. Leaves out what files say (data.hpp) and how the presets are filled (settings.hpp).
#pragma once

#include "settings.hpp"

#include <holdfast/metrics/gate.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace trainer {

namespace detail {

inline std::vector<std::string> split_list(const std::string& text) {
    std::vector<std::string> out(1);
    for (const char c : text)
        if (c == ',')
            out.emplace_back();
        else
            out.back() += c;
    return out;
}

inline std::vector<std::string> names_in(const std::string& option, const std::string& text) {
    std::vector<std::string> out = split_list(text);
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (out[i].empty()) throw usage_error(option + ": a name in \"" + text + "\" is empty");
        if (std::find(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(i), out[i]) !=
            out.begin() + static_cast<std::ptrdiff_t>(i))
            throw usage_error(option + ": " + out[i] + " is named twice");
    }
    return out;
}

inline std::size_t above_zero(const std::string& option, long long value) {
    if (value <= 0) throw usage_error(option + " must be at least 1, it is " + std::to_string(value));
    return static_cast<std::size_t>(value);
}

}  // namespace detail

/// Reads the command line.
/// @return nothing where only help or the version was asked for, and printed
/// @throw usage_error
inline std::optional<settings> read_options(int argc, const char* const* argv, const std::string& version) {
    settings s;
    std::string methods, tasks, order;
    long long train_limit = 1, test_limit = 1, budget = 1, seeds = 1, seed = 1, threads = 0, base_examples = 1;
    CLI::App app{
        "Trains a small language model on a stream of tasks, with and without replay, and shows what it kept.\n"
        "Without --data the stream is generated: eight SYNTHETIC tasks modelled on TRACE's mix."};
    app.set_version_flag("--version", version);
    app.add_option(
        "--methods", methods,
        "Any of seq, lora, replay, random, inscl, surprise, mir, prioritised, herding, gdumb, forgetting, icl "
        "[seq,lora,replay,inscl]");
    app.add_option("--data", s.data, "Folder with tasks in TRACE's or SuperNI's layout");
    app.add_option("--general", s.general, "Folder with ability sets (JSON Lines), for the three deltas");
    app.add_option("--tasks", tasks, "Only these tasks");
    app.add_option("--order", order, "These tasks first, in this order; the others follow in their own");
    auto* train_option = app.add_option("--train-limit", train_limit, "Training examples per task");
    auto* test_option = app.add_option("--test-limit", test_limit, "Test questions per task");
    auto* budget_option =
        app.add_option("--budget", budget, "Replayed examples per earlier task (all that replay but replay, a tenth)");
    app.add_flag("--strict", s.strict, "Refuse a budget that is more than a task has, instead of saying so");
    app.add_option("--tags", s.tags, "JSON file, instruction -> list of tags, instead of the keyword tagger");
    app.add_option("--gate", s.gate,
                   "Conditions after every stage, as \"forgetting<=0.3, safety>=-0.1, task:NAME>=0.5\": a stage after "
                   "which one falls is undone");
    app.add_option("--gate-confidence", s.gate_confidence,
                   "Undo only what falls with this confidence, 0 to 1 [every fall]");
    app.add_option("--seeds", seeds, "Repetitions; with more than one the report gives intervals [1]");
    app.add_option("--seed", seed, "Seed of the first repetition [1]");
    app.add_flag("--quick", s.quick, "A smaller run, for a first look");
    app.add_option("--out", s.out, "Folder for report.json, report.html, matrices and checkpoints [holdfast-run]");
    app.add_option("--cache", s.cache, "Folder of base models [XDG_CACHE_HOME/holdfast]");
    auto* base_option = app.add_option("--base-examples", base_examples, "Examples per capability for the base model");
    app.add_flag("--fresh", s.fresh, "Begin anew, whatever checkpoints the folder holds");
    app.add_flag("!--no-single", s.single, "Do not learn each task alone (no relative gain)");
    app.add_option("--threads", threads, "Cores to use; results do not depend on it [all]");
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {
        app.exit(asked);
        return std::nullopt;
    } catch (const CLI::ParseError& e) {
        throw usage_error(std::string(e.what()) + " (--help lists the options)");
    }
    if (!methods.empty()) s.methods = detail::names_in("--methods", methods);
    for (const std::string& m : s.methods)
        if (std::find(known_methods().begin(), known_methods().end(), m) == known_methods().end())
            throw usage_error("--methods: there is no method \"" + m +
                              "\"; there are seq, lora, replay, random, inscl, surprise, mir, prioritised, herding, "
                              "gdumb, forgetting, icl");
    if (s.gate_confidence < 0 || s.gate_confidence >= 1)
        throw usage_error("--gate-confidence lies between 0 and 1 (0.95, not 95)");
    if (s.gate.empty() && s.gate_confidence > 0) throw usage_error("--gate-confidence needs --gate");
    if (!s.gate.empty()) (void)holdfast::metrics::parse_gate(s.gate);
    if (!tasks.empty()) s.tasks = detail::names_in("--tasks", tasks);
    if (!order.empty()) s.order = detail::names_in("--order", order);
    if (train_option->count() > 0) s.train_limit = detail::above_zero("--train-limit", train_limit);
    if (test_option->count() > 0) s.test_limit = detail::above_zero("--test-limit", test_limit);
    if (budget_option->count() > 0) s.budget = detail::above_zero("--budget", budget);
    if (base_option->count() > 0) s.base_examples = detail::above_zero("--base-examples", base_examples);
    s.seeds = detail::above_zero("--seeds", seeds);
    if (seed < 0) throw usage_error("--seed must be at least 0, it is " + std::to_string(seed));
    if (threads < 0) throw usage_error("--threads must be at least 0, it is " + std::to_string(threads));
    s.seed = static_cast<std::uint64_t>(seed);
    s.threads = static_cast<unsigned>(threads);
    apply_preset(s);
    return s;
}

}  // namespace trainer
