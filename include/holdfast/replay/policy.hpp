#pragma once
// The replay policy as a role, the plan it makes, and the three simplest policies: none, the head slice of TRACE,
// random. A policy is hyper-parameters: copyable, without state; the same (past, current, generator) gives the same
// plan. Builds on memory.hpp and sampler.hpp. InsCL, which needs distances and tags, is inscl.hpp.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/allocation.hpp>
#include <holdfast/replay/memory.hpp>
#include <holdfast/replay/sampler.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace holdfast::replay {

/// How replayed examples reach the learner: among the current ones, or in one epoch after them (TRACE).
enum class mixing { interleaved, trailing_epoch };

/// "interleaved", "trailing epoch".
[[nodiscard]] constexpr const char* to_string(mixing m) noexcept {
    return m == mixing::interleaved ? "interleaved" : "trailing epoch";
}

/// What to replay of every earlier task: indices into the user's own store, never examples.
///
/// quotas[j] = examples[j].size(), and sum(quotas) + unplaced = what the policy was to place, always.
struct plan {
    /// Why a task got what it got, in clauses that plan::why puts together.
    struct reason {
        std::string task = {};                 ///< its name
        std::string amount = {};               ///< why so many of this task
        std::vector<std::string> choice = {};  ///< why these: one clause per kind of example
        std::vector<std::uint32_t> kind = {};  ///< [examples] which clause is an example's; empty: all have the first
    };

    std::vector<std::vector<std::uint32_t>> examples = {};  ///< [past tasks] indices into that task's training examples
    std::vector<std::size_t> quotas = {};                   ///< [past tasks] how many of each
    std::size_t unplaced = 0;                               ///< asked for beyond what the tasks hold
    std::vector<certified<double>> distance = {};           ///< [past tasks] where the policy measured it, else empty
    bool certain = true;                                    ///< every distance within its bounds gives these quotas
    mixing mix = mixing::interleaved;
    bool general_data = false;         ///< TRACE adds its general instruction set
    std::vector<reason> reasons = {};  ///< [past tasks]

    /// How many examples the plan names.
    [[nodiscard]] std::size_t size() const {
        std::size_t n = 0;
        for (const auto& of_task : examples) n += of_task.size();
        return n;
    }

    /// One sentence: why the plan replays this example, or that it does not.
    ///
    /// @param task     index of the past task
    /// @param example  index into that task's training examples
    /// @throw invalid_argument if there is no such past task
    [[nodiscard]] std::string why(std::size_t task, std::uint32_t example) const {
        require(task < examples.size(), "replay::plan::why: there are ", examples.size(),
                " past tasks, asked for task ", task);
        const bool told = task < reasons.size();
        const std::string name = told ? reasons[task].task : std::to_string(task);
        const std::string amount = told && !reasons[task].amount.empty() ? "; " + reasons[task].amount : "";
        const auto& chosen = examples[task];
        const auto found = std::find(chosen.begin(), chosen.end(), example);
        if (found == chosen.end())
            return sentence("Example ", example, " of task '", name, "' is not replayed: the plan takes ",
                            chosen.size(), " of this task's examples, not this one", amount, ".");
        std::string choice;
        if (told && !reasons[task].choice.empty()) {
            const auto place = static_cast<std::size_t>(found - chosen.begin());
            const std::size_t kind = place < reasons[task].kind.size() ? reasons[task].kind[place] : 0;
            choice = ": " + reasons[task].choice[std::min(kind, reasons[task].choice.size() - 1)];
        }
        return sentence("Example ", example, " of task '", name, "' is replayed", choice, amount, ".");
    }
};

/// Decides what to rehearse before the current task is learnt.
/// 1. plan(past, current, g)  one entry per past task, in their order; indices are below that task's size and name no
///                            example twice; quotas[j] = examples[j].size(). What cannot be placed is returned, not
///                            thrown. A function of its arguments alone; the policy does not change
/// 2. name()                  short, for tables and file names
/// A policy that wants more of a memory than instructions says so: `static constexpr bool needs_embeddings = true`, or
/// needs_tags, needs_scores, needs_trial_step (score_after_step), needs_labels, needs_example_embeddings.
template <class P>
concept replay_policy = requires(const P& p, std::span<const task_memory> past, const task_memory& current, philox g) {
    { p.plan(past, current, g) } -> std::same_as<plan>;
    { p.name() } -> std::convertible_to<std::string>;
};

namespace detail {

template <class P>
constexpr bool needs_embeddings() {
    if constexpr (requires {
                      { P::needs_embeddings } -> std::convertible_to<bool>;
                  })
        return P::needs_embeddings;
    return false;
}

template <class P>
constexpr bool needs_tags() {
    if constexpr (requires {
                      { P::needs_tags } -> std::convertible_to<bool>;
                  })
        return P::needs_tags;
    return false;
}

template <class P>
constexpr bool needs_scores() {
    if constexpr (requires {
                      { P::needs_scores } -> std::convertible_to<bool>;
                  })
        return P::needs_scores;
    return false;
}

template <class P>
constexpr bool needs_trial_step() {
    if constexpr (requires {
                      { P::needs_trial_step } -> std::convertible_to<bool>;
                  })
        return P::needs_trial_step;
    return false;
}

template <class P>
constexpr bool needs_labels() {
    if constexpr (requires {
                      { P::needs_labels } -> std::convertible_to<bool>;
                  })
        return P::needs_labels;
    return false;
}

template <class P>
constexpr bool needs_example_embeddings() {
    if constexpr (requires {
                      { P::needs_example_embeddings } -> std::convertible_to<bool>;
                  })
        return P::needs_example_embeddings;
    return false;
}

/// A plan with one empty entry per past task.
inline plan empty_plan(std::span<const task_memory> past) {
    plan made;
    made.examples.resize(past.size());
    made.quotas.assign(past.size(), 0);
    made.reasons.resize(past.size());
    for (std::size_t j = 0; j < past.size(); ++j) made.reasons[j].task = past[j].name;
    return made;
}

/// A number for all tasks together, shared out equally: a full task leaves its part to the others.
inline std::vector<std::size_t> equal_quotas(std::span<const task_memory> past, std::size_t budget) {
    std::vector<std::size_t> sizes;
    for (const task_memory& memory : past) sizes.push_back(memory.size());
    return allocate(std::vector<double>(past.size(), 1.0), budget, {.rule = hamilton{}, .capacity = sizes}).quotas;
}

/// What every earlier task gives: so many each, or of a number for all together its part.
inline std::vector<std::size_t> quotas_of(std::span<const task_memory> past, std::size_t each,
                                          std::optional<std::size_t> together) {
    if (together) return equal_quotas(past, *together);
    std::vector<std::size_t> quotas;
    for (const task_memory& memory : past) quotas.push_back(std::min(each, memory.size()));
    return quotas;
}

/// The budget as a setting of a run: what a checkpoint compares.
inline std::string budget_setting(std::size_t each, std::optional<std::size_t> together) {
    return together ? sentence("budget ", *together) : sentence("budget_per_task ", each);
}

/// Why a task gives as many as quotas_of says.
inline std::string say_quota(std::size_t quota, const task_memory& memory, std::size_t each,
                             std::optional<std::size_t> together) {
    return together ? sentence("the task gives ", quota, " of ", *together, ", in equal shares; it has ", memory.size())
                    : sentence("every earlier task gives ", each, ", this one has ", memory.size());
}

}  // namespace detail

/// Whether a policy wants task_memory::embedding filled in.
template <class P>
inline constexpr bool needs_embeddings = detail::needs_embeddings<std::remove_cvref_t<P>>();
/// Whether a policy wants task_memory::tags filled in.
template <class P>
inline constexpr bool needs_tags = detail::needs_tags<std::remove_cvref_t<P>>();
/// task_memory::score.
template <class P>
inline constexpr bool needs_scores = detail::needs_scores<std::remove_cvref_t<P>>();
/// task_memory::score_after_step.
template <class P>
inline constexpr bool needs_trial_step = detail::needs_trial_step<std::remove_cvref_t<P>>();
/// task_memory::label.
template <class P>
inline constexpr bool needs_labels = detail::needs_labels<std::remove_cvref_t<P>>();
/// task_memory::example_embedding.
template <class P>
inline constexpr bool needs_example_embeddings = detail::needs_example_embeddings<std::remove_cvref_t<P>>();

/// No replay: learns each task and hopes.
struct no_replay {
    [[nodiscard]] std::string name() const { return "none"; }
    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox) const {
        replay::plan made = detail::empty_plan(past);
        for (auto& reason : made.reasons) reason.amount = "the policy replays nothing";
        return made;
    }
};

/// TRACE's replay: the first part of every earlier task, with the general instruction set, as one trailing epoch.
///
///     n_j = floor(ratio * size_j)
///
/// The slice is the head of the file, not a sample: this is what the released code does, and why the order of a
/// training file matters there.
///
/// @see  Wang et al. 2023 (TRACE), arXiv:2310.06762; `past_task_ratio` of its training scripts
struct head_slice {
    double ratio = 0.1;                      ///< share of every earlier task, 0 to 1
    std::optional<std::size_t> budget = {};  ///< instead of a ratio: so many of all tasks together, in equal shares
    bool general_data = true;                ///< with the general instruction set
    mixing mix = mixing::trailing_epoch;

    [[nodiscard]] std::string name() const { return "head slice"; }

    /// @throw invalid_argument if ratio is not within 0 and 1
    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox g) const {
        require(ratio >= 0 && ratio <= 1, "replay::head_slice: ratio is from 0 to 1, it is ", ratio);
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        made.general_data = general_data;
        if (budget) made.quotas = detail::equal_quotas(past, *budget);
        for (std::size_t j = 0; j < past.size(); ++j) {
            const std::size_t n = past[j].size();
            if (!budget) made.quotas[j] = static_cast<std::size_t>(ratio * static_cast<double>(n));
            made.examples[j] = head(n).draw(made.quotas[j], g);
            made.reasons[j].amount =
                budget ? sentence("the task gives its first ", made.quotas[j], " of ", *budget, ", in equal shares")
                       : sentence("every earlier task gives the first ", ratio, " of its ", n, " examples");
            made.reasons[j].choice = {"it is in the head of the task's training examples"};
        }
        if (budget) made.unplaced = *budget - made.size();
        return made;
    }
};

/// Random replay: the same number of every earlier task, or the same share of it, every example equally likely, none
/// twice.
///
/// Task j's examples depend on the generator, j and the task's size and share alone.
struct random_replay {
    std::size_t budget_per_task = 200;       ///< examples of each earlier task
    std::optional<std::size_t> budget = {};  ///< or of all together, in equal shares (what a task lacks, others give)
    mixing mix = mixing::interleaved;
    std::optional<double> ratio = {};  ///< or this share of every earlier task, 0 to 1, rounded to the nearest

    [[nodiscard]] std::string name() const { return "random"; }

    /// @throw invalid_argument if ratio is not within 0 and 1, or both budget and ratio are set
    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox g) const {
        require(!budget || !ratio, "replay::random_replay: a budget or a ratio, not both");
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        made.quotas = detail::quotas_of(past, budget_per_task, budget);
        for (std::size_t j = 0; j < past.size(); ++j) {
            const std::size_t n = past[j].size();
            if (ratio) made.quotas[j] = budget_of(*ratio, std::span(&n, 1));
            made.examples[j] = uniform_without_replacement(n).draw(made.quotas[j], g.split(j));
            std::sort(made.examples[j].begin(), made.examples[j].end());
            made.reasons[j].amount =
                ratio ? sentence("every earlier task gives ", *ratio, " of its examples, this one has ", n)
                      : detail::say_quota(made.quotas[j], past[j], budget_per_task, budget);
            made.reasons[j].choice = {"it was drawn at random, every example of the task being equally likely"};
        }
        made.unplaced = ratio ? 0 : budget.value_or(budget_per_task * past.size()) - made.size();
        return made;
    }
};

static_assert(replay_policy<no_replay> && replay_policy<head_slice> && replay_policy<random_replay>);

}  // namespace holdfast::replay
