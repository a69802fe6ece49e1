#pragma once
// The loop: a stream of tasks, a learner, a replay policy -> a report. It evaluates before training (row 0), then for
// each task plans the replay, trains, evaluates, and writes a checkpoint. Builds on concepts.hpp (the roles), loop.hpp
// (the work) and report.hpp. It prints nothing: observers do (progress.hpp).

#include <holdfast/experiment/concepts.hpp>
#include <holdfast/experiment/loop.hpp>
#include <holdfast/experiment/options.hpp>
#include <holdfast/experiment/progress.hpp>
#include <holdfast/experiment/report.hpp>
#include <holdfast/replay/policy.hpp>

#include <type_traits>

namespace holdfast::experiment {

/// Learns the tasks of a stream one after the other, rehearsing what the policy plans, and reports what was kept.
///
/// Row 0 of the matrix is the model as it came; row s holds the scores after stage s, which learns task s - 1. At every
/// stage the task's examples come shuffled, with the replayed ones among them (mixing::interleaved), or in one more
/// epoch after them (mixing::trailing_epoch, as TRACE does). The order depends on seed and stage alone, so methods see
/// the same order. What a plan could not place stands in the report. Embeddings are made once, by the model as it came
/// (InsCL measures with one fixed encoder).
///
/// With a checkpoint folder the run goes on from the last complete stage, and its scores and plans are to the bit those
/// of a run that was never cut; only the seconds differ.
///
/// With a gate (options.gate) a stage after which a condition falls is undone: the learner goes back to the last
/// checkpoint that passed, the row holds that model's scores, later stages do not rehearse the task, and the report
/// says what fell.
///
/// @param stream    tasks in order; T >= 1, names of their own
/// @param learner   trained in place
/// @param policy    hyper-parameters only: the same policy serves many runs
/// @param observer  told of stages and scores; silent{} unless given
/// @return          a report of this one run; reports of other methods and seeds are added with report::add
/// @throw           invalid_argument for an empty stream, names alike, a plan that points outside a task, an ability
///                  that is asked for and not there, a checkpoint of another configuration; format_error for a damaged
///                  one; and whatever learner, policy and observer throw, unchanged
/// @cost            T trainings and T + 1 evaluations of up to T tasks; holds one stage's examples once more
/// @see             Wang et al. 2023 (TRACE), arXiv:2310.06762; Wang et al. 2024 (InsCL), arXiv:2403.11435
template <task_stream Stream, learner Learner, replay::replay_policy Policy, class Observer = silent>
    requires observer<std::remove_cvref_t<Observer>> report run(const Stream& stream, Learner&& learner,
                                                                const Policy& policy, Observer&& observer = {},
                                                                const run_options& options = {}) {
        return report(detail::loop<Stream, std::remove_reference_t<Learner>, Policy, std::remove_reference_t<Observer>>(
                          stream, learner, policy, observer, options)
                          .go());
    }

/// The same without an observer.
template <task_stream Stream, learner Learner, replay::replay_policy Policy>
report run(const Stream& stream, Learner&& learner, const Policy& policy, const run_options& options) {
    return run(stream, learner, policy, silent{}, options);
}

}  // namespace holdfast::experiment
