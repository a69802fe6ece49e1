#pragma once
// Replay of what surprises: of every earlier task the examples with the highest scores. With a model's negative
// log-likelihoods this is SuRe's choice, with the increase of the loss by the coming step MIR's.
// Builds on policy.hpp and representatives.hpp. The scores come from the learner, in task_memory::score.

#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/memory.hpp>
#include <holdfast/replay/policy.hpp>
#include <holdfast/replay/representatives.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace holdfast::replay {

/// The examples with the highest scores of every earlier task; the earlier one among equals. Draws nothing.
///
/// @see  SuRe (2025), arXiv:2511.22367; Aljundi et al. 2019 (MIR), arXiv:1908.04742
struct surprise_replay {
    std::size_t budget_per_task = 200;       ///< examples of each earlier task
    std::optional<std::size_t> budget = {};  ///< or of all together, in equal shares (what a task lacks, others give)
    mixing mix = mixing::interleaved;

    [[nodiscard]] std::string name() const { return "surprise"; }

    /// @throw invalid_argument for a task whose memory has no scores, or a NaN one
    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox) const {
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        if (budget) made.quotas = detail::equal_quotas(past, *budget);
        for (std::size_t j = 0; j < past.size(); ++j) {
            const task_memory& memory = past[j];
            check_memory("replay::surprise_replay", memory);
            require(memory.score.size() == memory.size(),
                    "replay::surprise_replay: every example needs a score, task '", memory.name, "' has none");
            if (!budget) made.quotas[j] = std::min(budget_per_task, memory.size());
            made.examples[j] = top_k(memory.score, made.quotas[j]);
            made.reasons[j].amount =
                budget ? sentence("the task gives ", made.quotas[j], " of ", *budget, ", in equal shares")
                       : sentence("every earlier task gives ", budget_per_task, ", this one has ", memory.size());
            for (std::size_t i = 0; i < made.examples[j].size(); ++i) {
                made.reasons[j].kind.push_back(static_cast<std::uint32_t>(i));
                made.reasons[j].choice.push_back(sentence("its score of ", memory.score[made.examples[j][i]],
                                                          " is number ", i + 1, " of the task's ", memory.size()));
            }
        }
        made.unplaced = budget.value_or(budget_per_task * past.size()) - made.size();
        return made;
    }
};

static_assert(replay_policy<surprise_replay>);

}  // namespace holdfast::replay
