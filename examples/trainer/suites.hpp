// The built-in suites: what the base model learns first, and the held-out questions that say what it has kept.
//
// SYNTHETIC, three capabilities as in TRACE: general ability, instruction following, safety. The stream never trains on
// the questions; a part of the training text serves TRACE's replay as its general data. Real sets come with --general.
#pragma once

#include "stream.hpp"
#include "stream/abilities.hpp"
#include "stream/conduct.hpp"

#include <holdfast/experiment/concepts.hpp>
#include <holdfast/scoring/exact_match.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace trainer {

struct suite_options {
    std::uint64_t seed = 7;
    std::size_t train = 1500;  ///< examples per capability for the base model
    std::size_t test = 60;     ///< held-out questions per capability
};

struct base_material {
    std::vector<experiment::example> train;  ///< all capabilities, for the base model
    std::vector<experiment::suite> suites;   ///< held-out questions, one suite per capability
};

/// Training text and questions of the three capabilities, the same for the same options on every platform.
inline base_material built_in_suites(const suite_options& options = {}) {
    using experiment::capability;
    const std::vector<std::pair<capability, generated_task>> sources = {
        {capability::general, {"general ability", {""}, draw_general, holdfast::scoring::exact_match{}}},
        {capability::instruction_following,
         {"instruction following", {""}, draw_following, holdfast::scoring::exact_match{}}},
        {capability::safety, {"safety", {""}, draw_safety, holdfast::scoring::exact_match{}}}};
    base_material out;
    std::uint64_t number = 100;
    for (const auto& [kind, source] : sources) {
        std::set<std::string> seen;
        experiment::suite s;
        s.kind = kind;
        s.questions.name = source.name;
        s.questions.scorer = source.scorer;
        s.questions.test =
            detail::draw_split(source, options.test, "test", holdfast::philox{options.seed, number, 2}, seen);
        // Training may repeat itself, but never a held-out question: the spaces are small, and the base model needs
        // every fact often.
        const std::set<std::string> held_out = seen;
        holdfast::philox g{options.seed, number, 0};
        for (std::size_t i = 0; i < options.train;) {
            drawn d = source.draw(g);
            if (held_out.count(d.body) != 0) continue;
            experiment::example e;
            e.id = source.name + "-train-" + std::to_string(i++);
            e.prompt = e.instruction = std::move(d.body);
            e.answer = std::move(d.answer);
            out.train.push_back(std::move(e));
        }
        for (experiment::example& e : s.questions.test) e.prompt = e.instruction = e.prompt.substr(1);  // no empty line
        out.suites.push_back(std::move(s));
        ++number;
    }
    return out;
}

}  // namespace trainer
