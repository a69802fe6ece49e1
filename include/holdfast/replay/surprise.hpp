#pragma once
// Replay by what a learner measured of every example, in task_memory::score: what surprises it most (SuRe), what it is
// about to forget (MIR), and by lot in proportion to its error (prioritised).
// Builds on policy.hpp and representatives.hpp. Who measures is the learner: experiment's run does where nll() is
// there.

#include <holdfast/core/error.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/memory.hpp>
#include <holdfast/replay/policy.hpp>
#include <holdfast/replay/representatives.hpp>
#include <holdfast/replay/sampler.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::replay {

namespace detail {

/// The examples of a task with the highest of the given scores, each with its rank as the reason.
inline void choose_highest(plan& made, std::size_t j, const task_memory& memory, std::span<const double> scores,
                           const char* what) {
    made.examples[j] = top_k(scores, made.quotas[j]);
    for (std::size_t i = 0; i < made.examples[j].size(); ++i) {
        made.reasons[j].kind.push_back(static_cast<std::uint32_t>(i));
        made.reasons[j].choice.push_back(sentence("its ", what, " of ", scores[made.examples[j][i]], " is number ",
                                                  i + 1, " of the task's ", memory.size()));
    }
}

inline void check_scores(const char* who, const task_memory& memory) {
    check_memory(who, memory);
    require(memory.score.size() == memory.size(), who, ": every example needs a score, task '", memory.name,
            "' has none");
}

}  // namespace detail

/// The examples with the highest scores of every earlier task; the earlier one among equals. Draws nothing. With a
/// model's negative log-likelihoods this is SuRe's choice.
///
/// With ageing, one list for all tasks: a score loses its weight with the stages since its task was learnt, so that a
/// memory does not fill with what was never understood,
///
///     priority = score exp(-ageing * stages since)
///
/// @see  SuRe (2025), arXiv:2511.22367
struct surprise_replay {
    std::size_t budget_per_task = 200;       ///< examples of each earlier task
    std::optional<std::size_t> budget = {};  ///< or of all together, in equal shares (what a task lacks, others give)
    mixing mix = mixing::interleaved;
    std::optional<double> ageing = {};  ///< at least 0; set: the highest priorities of all tasks together, no shares

    static constexpr bool needs_scores = true;

    [[nodiscard]] std::string name() const { return "surprise"; }
    [[nodiscard]] std::string settings() const {
        return sentence(detail::budget_setting(budget_per_task, budget), ", ageing ", ageing.value_or(0),
                        ageing ? "" : " (none)", ", ", to_string(mix));
    }

    /// @throw invalid_argument for a task whose memory has no scores, or a NaN one, or an ageing below 0
    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox) const {
        for (const task_memory& memory : past) detail::check_scores("replay::surprise_replay", memory);
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        const std::size_t total = budget.value_or(budget_per_task * past.size());
        if (ageing) {
            plan_aged(made, past, total);
        } else {
            made.quotas = detail::quotas_of(past, budget_per_task, budget);
            for (std::size_t j = 0; j < past.size(); ++j) {
                detail::choose_highest(made, j, past[j], past[j].score, "score");
                made.reasons[j].amount = detail::say_quota(made.quotas[j], past[j], budget_per_task, budget);
            }
        }
        made.unplaced = total - made.size();
        return made;
    }

  private:
    void plan_aged(replay::plan& made, std::span<const task_memory> past, std::size_t total) const {
        require(*ageing >= 0 && *ageing < std::numeric_limits<double>::infinity(),
                "replay::surprise_replay: ageing is at least 0, it is ", *ageing);
        std::vector<double> priority;
        std::vector<std::pair<std::uint32_t, std::uint32_t>> place;
        for (std::size_t j = 0; j < past.size(); ++j) {
            const double left = portable_exp(-*ageing * static_cast<double>(past.size() - 1 - j));
            for (std::size_t e = 0; e < past[j].size(); ++e) {
                priority.push_back(past[j].score[e] * left);
                place.emplace_back(static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(e));
            }
        }
        const auto chosen = top_k(priority, std::min(total, priority.size()));
        for (std::size_t rank = 0; rank < chosen.size(); ++rank) {
            const auto [j, e] = place[chosen[rank]];
            made.examples[j].push_back(e);
            made.reasons[j].kind.push_back(static_cast<std::uint32_t>(made.reasons[j].choice.size()));
            made.reasons[j].choice.push_back(sentence("its score of ", past[j].score[e], ", aged to ",
                                                      priority[chosen[rank]], ", is number ", rank + 1, " of all ",
                                                      priority.size()));
        }
        for (std::size_t j = 0; j < past.size(); ++j) {
            made.quotas[j] = made.examples[j].size();
            made.reasons[j].amount = sentence("the ", total, " highest of all earlier tasks are taken, ",
                                              made.quotas[j], " are this task's");
        }
    }
};

/// Maximally interfered retrieval: the examples whose loss a trial step on the current task would raise most.
///
///     increase_i = score_after_step_i - score_i
///
/// An increase below 0 (the step helps) counts too, last of all. Draws nothing.
///
/// @see  Aljundi et al. 2019 (MIR), arXiv:1908.04742
struct mir_replay {
    std::size_t budget_per_task = 200;
    std::optional<std::size_t> budget = {};  ///< or of all together, in equal shares (what a task lacks, others give)
    mixing mix = mixing::interleaved;
    std::size_t trial_examples = 32;  ///< of the current task, where experiment's run makes the trial step

    static constexpr bool needs_scores = true;
    static constexpr bool needs_trial_step = true;

    [[nodiscard]] std::string name() const { return "mir"; }
    [[nodiscard]] std::string settings() const {
        return sentence(detail::budget_setting(budget_per_task, budget), ", trial_examples ", trial_examples, ", ",
                        to_string(mix));
    }

    /// @throw invalid_argument for a task whose memory lacks scores or scores after a step, or holds a NaN one
    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox) const {
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        made.quotas = detail::quotas_of(past, budget_per_task, budget);
        for (std::size_t j = 0; j < past.size(); ++j) {
            const task_memory& memory = past[j];
            detail::check_scores("replay::mir_replay", memory);
            require(memory.score_after_step.size() == memory.size(),
                    "replay::mir_replay: every example needs a score after a trial step, task '", memory.name,
                    "' has none");
            std::vector<double> increase(memory.size());
            for (std::size_t e = 0; e < increase.size(); ++e)
                increase[e] = memory.score_after_step[e] - memory.score[e];
            detail::choose_highest(made, j, memory, increase, "increase of the score");
            made.reasons[j].amount = detail::say_quota(made.quotas[j], memory, budget_per_task, budget);
        }
        made.unplaced = budget.value_or(budget_per_task * past.size()) - made.size();
        return made;
    }
};

/// Prioritised replay: drawn without replacement in proportion to score^exponent. Exponent 0 is a uniform draw; where
/// fewer examples have a score above 0 than are wanted, the others fill up, all equally likely.
///
/// @see  Schaul et al. 2016, "Prioritized experience replay", arXiv:1511.05952
struct prioritised_replay {
    std::size_t budget_per_task = 200;
    std::optional<std::size_t> budget = {};  ///< or of all together, in equal shares (what a task lacks, others give)
    mixing mix = mixing::interleaved;
    double exponent = 0.6;  ///< at least 0

    static constexpr bool needs_scores = true;

    [[nodiscard]] std::string name() const { return "prioritised"; }
    [[nodiscard]] std::string settings() const {
        return sentence(detail::budget_setting(budget_per_task, budget), ", exponent ", exponent, ", ", to_string(mix));
    }

    /// @throw invalid_argument for a task without scores, a score that is negative, infinite or NaN, or an exponent
    ///        below 0
    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox g) const {
        require(exponent >= 0, "replay::prioritised_replay: exponent is at least 0, it is ", exponent);
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        made.quotas = detail::quotas_of(past, budget_per_task, budget);
        for (std::size_t j = 0; j < past.size(); ++j) {
            const task_memory& memory = past[j];
            detail::check_scores("replay::prioritised_replay", memory);
            detail::check_weights("prioritised_replay", memory.score);
            double largest = 0;
            for (const double s : memory.score) largest = std::max(largest, s);
            std::vector<double> weight(memory.size());
            for (std::size_t e = 0; e < weight.size(); ++e)
                weight[e] = exponent == 0 ? 1.0
                            : memory.score[e] > 0
                                ? std::max(portable_exp(exponent * portable_log(memory.score[e] / largest)),
                                           std::numeric_limits<double>::min())
                                : 0.0;
            const weighted_without_replacement by_score(weight);
            made.examples[j] = by_score.draw(std::min(made.quotas[j], by_score.positive()), g.split(j));
            for (const std::uint32_t i :
                 uniform_without_replacement(memory.size()).draw(memory.size(), g.split(j).split(1))) {
                if (made.examples[j].size() == made.quotas[j]) break;
                if (weight[i] == 0) made.examples[j].push_back(i);
            }
            std::sort(made.examples[j].begin(), made.examples[j].end());
            for (std::size_t i = 0; i < made.examples[j].size(); ++i) {
                made.reasons[j].kind.push_back(static_cast<std::uint32_t>(i));
                made.reasons[j].choice.push_back(sentence(
                    "it was drawn by its score of ", memory.score[made.examples[j][i]], " to the power of ", exponent));
            }
            made.reasons[j].amount = detail::say_quota(made.quotas[j], memory, budget_per_task, budget);
        }
        made.unplaced = budget.value_or(budget_per_task * past.size()) - made.size();
        return made;
    }
};

static_assert(replay_policy<surprise_replay> && replay_policy<mir_replay> && replay_policy<prioritised_replay>);

}  // namespace holdfast::replay
