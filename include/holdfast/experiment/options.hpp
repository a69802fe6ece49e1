#pragma once
// What a run may be told beside stream, learner, policy and observer. Builds on concepts.hpp, gate.hpp and record.hpp
// (settings); what is done with it is run.hpp's.

#include <holdfast/core/matrix.hpp>
#include <holdfast/experiment/concepts.hpp>
#include <holdfast/experiment/gate.hpp>
#include <holdfast/experiment/record.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::experiment {

/// Which cells of the matrix a stage fills.
enum class evaluation {
    all,  ///< every task: the upper triangle too, which forward transfer needs
    seen  ///< the tasks learnt so far (before training, still all of them)
};

struct run_options {
    std::string method = {};  ///< the name in the report; empty: the policy's
    std::uint64_t seed = 0;   ///< of the order of examples and of the policy's draws
    evaluation evaluate = evaluation::all;
    std::filesystem::path checkpoint = {};       ///< a folder for this run alone; empty: no checkpoint
    std::span<const suite> suites = {};          ///< measured before and after the stream
    bool suites_every_stage = false;             ///< and after every stage
    std::span<const example> general_data = {};  ///< what a plan with general_data mixes in (TRACE: LIMA)
    bool nll = false;                            ///< also the mean negative log-likelihood of the test answers
    /// Conditions on the model after every stage; a stage that falls is undone, and the run goes on from the last that
    /// passed. Needs a checkpoint folder.
    experiment::gate gate = {};

    /// Stands in for learner.embed: one row per text.
    std::function<matrix<float>(std::span<const std::string>)> embed = {};
    /// Tags of instructions, by the instruction's text; where one is missing, the tagger is asked.
    std::map<std::string, std::vector<std::string>, std::less<>> tags = {};
    /// Tags of an instruction; empty: the policy's own, or the keyword tagger.
    std::function<std::vector<std::string>(std::string_view)> tagger = {};

    /// Scores of models that learnt one task alone [T], for the relative gain; empty: it is absent from the report.
    std::vector<double> single_task = {};
    /// All else that shaped the run (rates, epochs, model), for the report; a checkpoint made under other values is
    /// refused.
    std::vector<setting> config = {};
};

}  // namespace holdfast::experiment
