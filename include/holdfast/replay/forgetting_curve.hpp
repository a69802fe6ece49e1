#pragma once
// Replay when it is due: a memory fades with time and gains strength with every rehearsal, so that a task comes back
// after ever longer intervals. Builds on policy.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/memory.hpp>
#include <holdfast/replay/policy.hpp>
#include <holdfast/replay/sampler.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::replay {

/// How much is left of a memory: retention = exp(-age / strength), Ebbinghaus' curve as it is used for schedules.
///
/// @throw invalid_argument for an age below 0 or a strength that is not above 0
[[nodiscard]] inline double retention(double age, double strength) {
    require(age >= 0, "replay::retention: an age is at least 0, it is ", age);
    require(strength > 0, "replay::retention: a strength is above 0, it is ", strength);
    return portable_exp(-age / strength);
}

/// Replays the tasks whose retention has fallen below a threshold, a random part of each; the others wait.
///
/// A task is learnt with `strength` and is rehearsed at every stage at which it is due; a rehearsal multiplies its
/// strength by `growth` and starts its age anew. With the values below it comes back after 1, 2, 3, 6, 12 ... stages.
/// Time is counted in stages, or in the learner's own time where `clock` is given (the sum of its update norms, say).
///
/// @see  Ebbinghaus 1885; FOREVER (2026), arXiv:2601.03938, for model-centric time
struct forgetting_curve_replay {
    std::size_t budget_per_task = 200;       ///< examples of each task that is due
    std::optional<std::size_t> budget = {};  ///< or of all that are due together, in equal shares
    mixing mix = mixing::interleaved;
    double strength = 1;             ///< of a task just learnt, in units of the clock
    double growth = 2;               ///< of the strength with each rehearsal, at least 1
    double threshold = 0.5;          ///< rehearsed below this retention, above 0 and at most 1
    std::vector<double> clock = {};  ///< when each stage begins, from the first on; empty: 0, 1, 2 ...

    [[nodiscard]] std::string name() const { return "forgetting curve"; }
    [[nodiscard]] std::string settings() const {
        std::string text = sentence(detail::budget_setting(budget_per_task, budget), ", strength ", strength,
                                    ", growth ", growth, ", threshold ", threshold, ", ", to_string(mix));
        for (const double t : clock) text += sentence(" ", t);
        return text;
    }

    /// What is left of a task at a stage, and whether it is due.
    struct fading {
        double retention = 1;
        bool due = false;
        std::size_t rehearsals = 0;  ///< before this stage
    };

    /// @param task   index of the task, which is learnt in the stage of that number
    /// @param stage  a later one
    /// @throw invalid_argument for options out of their range, or a clock that runs backwards or is too short
    [[nodiscard]] fading state_of(std::size_t task, std::size_t stage) const {
        require(growth >= 1, "replay::forgetting_curve_replay: growth is at least 1, it is ", growth);
        require(threshold > 0 && threshold <= 1,
                "replay::forgetting_curve_replay: threshold is above 0 and at most 1, it is ", threshold);
        double last = time_of(task + 1), power = strength;
        fading now;
        for (std::size_t s = task + 1; s <= stage; ++s) {
            now.retention = replay::retention(time_of(s) - last, power);
            now.due = now.retention < threshold;
            if (!now.due || s == stage) continue;
            power *= growth;
            last = time_of(s);
            ++now.rehearsals;
        }
        return now;
    }

    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox g) const {
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        std::vector<fading> now;
        std::vector<double> due;
        std::vector<std::size_t> sizes;
        for (std::size_t j = 0; j < past.size(); ++j) {
            now.push_back(state_of(j, past.size()));
            due.push_back(now[j].due ? 1.0 : 0.0);
            sizes.push_back(now[j].due ? past[j].size() : 0);
        }
        std::size_t asked = 0;
        for (std::size_t j = 0; j < past.size(); ++j) asked += now[j].due ? budget_per_task : 0;
        if (budget) asked = *budget;
        if (budget) made.quotas = allocate(due, asked, {.rule = hamilton{}, .capacity = sizes}).quotas;
        for (std::size_t j = 0; j < past.size(); ++j) {
            if (!budget) made.quotas[j] = std::min(budget_per_task, sizes[j]);
            made.examples[j] = uniform_without_replacement(past[j].size()).draw(made.quotas[j], g.split(j));
            std::sort(made.examples[j].begin(), made.examples[j].end());
            made.reasons[j].amount =
                sentence("after ", now[j].rehearsals, " rehearsals ", now[j].retention, " of the task is retained, ",
                         now[j].due ? "less than " : "not less than ", threshold);
            made.reasons[j].choice = {"it was drawn at random, every example of the task being equally likely"};
        }
        made.unplaced = asked - made.size();
        return made;
    }

  private:
    [[nodiscard]] double time_of(std::size_t stage) const {
        if (clock.empty()) return static_cast<double>(stage);
        require(stage < clock.size(), "replay::forgetting_curve_replay: the clock tells the beginning of ",
                clock.size(), " stages, asked for stage ", stage);
        require(std::isfinite(clock[stage]) && (stage == 0 || clock[stage] >= clock[stage - 1]),
                "replay::forgetting_curve_replay: a clock does not run backwards, stage ", stage, " begins at ",
                clock[stage]);
        return clock[stage];
    }
};

static_assert(replay_policy<forgetting_curve_replay>);

}  // namespace holdfast::replay
