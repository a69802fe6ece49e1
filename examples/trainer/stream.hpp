// The built-in stream: eight generated instruction tasks in the order and the mix of TRACE, and no file needed.
//
// SYNTHETIC. The tasks imitate the form of TRACE's (letters in two domains, a summary, code, choice with a reason, two
// kinds of arithmetic, plain words), small enough for a model of about a million numbers; scores on them say how a
// method behaves on a stream, nothing about TRACE itself. A question stands in one split only, whatever its
// instruction.
#pragma once

#include "stream/classification.hpp"
#include "stream/code.hpp"
#include "stream/phrases.hpp"
#include "stream/reasoning.hpp"
#include "stream/rewriting.hpp"

#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/experiment/concepts.hpp>
#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/exact_match.hpp>
#include <holdfast/scoring/rouge.hpp>
#include <holdfast/scoring/sari.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace trainer {

namespace experiment = holdfast::experiment;

struct stream_options {
    std::uint64_t seed = 2023;  ///< of the texts; --seeds varies the training, not the stream
    std::size_t train = 300;    ///< examples per task
    std::size_t eval = 32;
    std::size_t test = 60;
};

/// The eight tasks, each with its instructions (24 to 36), its questions and TRACE's scorer.
inline std::vector<generated_task> generated_tasks() {
    namespace scoring = holdfast::scoring;
    return {{"stance", stance_instructions(), draw_stance, scoring::exact_match{}},
            {"policy-tone", tone_instructions(), draw_tone, scoring::exact_match{}},
            {"minutes", minutes_instructions(), draw_minutes, scoring::trace::rouge_l{}},
            {"code", code_instructions(), draw_code, scoring::edit_similarity<scoring::difflib>{}},
            {"choice", choice_instructions(), draw_choice, scoring::first_letter{}},
            {"quantities", quantities_instructions(), draw_quantities, scoring::exact_match{}},
            {"molecules", molecules_instructions(), draw_molecules, scoring::exact_match{}},
            {"plain-words", plain_words_instructions(), draw_plain_words, scoring::hf::sari{}}};
}

namespace detail {

inline std::vector<experiment::example> draw_split(const generated_task& task, std::size_t count,
                                                   const std::string& split, holdfast::philox g,
                                                   std::set<std::string>& seen) {
    std::vector<experiment::example> out;
    for (std::size_t tries = 0; out.size() < count; ++tries) {
        holdfast::require(tries < 200 * count + 1000, "trainer::built_in_stream: task ", task.name, " cannot make ",
                          count, " different questions for ", split);
        drawn d = task.draw(g);
        const std::string instruction = pick(task.instructions, g);
        if (!seen.insert(d.body).second) continue;
        experiment::example e;
        e.id = task.name + "-" + split + "-" + std::to_string(out.size());
        e.instruction = instruction;
        e.prompt = instruction + "\n" + d.body;
        e.answer = std::move(d.answer);
        e.source = std::move(d.source);
        out.push_back(std::move(e));
    }
    return out;
}

}  // namespace detail

/// All tasks of the built-in stream, the same for the same options on every platform. Fewer training examples are the
/// head of more.
/// @throw invalid_argument if a split is larger than the generator's space of questions
inline std::vector<experiment::task> built_in_stream(const stream_options& options = {}) {
    std::vector<experiment::task> tasks;
    std::uint64_t number = 0;
    for (const generated_task& generated : generated_tasks()) {
        experiment::task t;
        t.name = generated.name;
        t.scorer = generated.scorer;
        std::set<std::string> seen;  // drawn in this order, so that the test set does not depend on the training size
        t.test = detail::draw_split(generated, options.test, "test", holdfast::philox{options.seed, number, 2}, seen);
        t.eval = detail::draw_split(generated, options.eval, "eval", holdfast::philox{options.seed, number, 1}, seen);
        t.train =
            detail::draw_split(generated, options.train, "train", holdfast::philox{options.seed, number, 0}, seen);
        tasks.push_back(std::move(t));
        ++number;
    }
    return tasks;
}

}  // namespace trainer
