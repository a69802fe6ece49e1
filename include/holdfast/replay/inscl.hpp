#pragma once
// InsCL's replay: more of the tasks that differ more from the current one, and inside a task more of the instructions
// that tell more. As the paper writes it and as the released code does it, every stage replaceable.
// Builds on transport/similarity.hpp (distances), allocation.hpp, insinfo.hpp, inscl_choice.hpp and policy.hpp.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/allocation.hpp>
#include <holdfast/replay/inscl_choice.hpp>
#include <holdfast/replay/insinfo.hpp>
#include <holdfast/replay/memory.hpp>
#include <holdfast/replay/policy.hpp>
#include <holdfast/replay/tag_merging.hpp>
#include <holdfast/transport/similarity.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::replay {

namespace detail {

inline std::string shortened(std::string_view text, std::size_t most = 60) {
    if (text.size() <= most) return std::string(text);
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;  // not inside a character
    return std::string(text.substr(0, most)) + "...";
}

/// Three significant digits: enough for a reason.
inline std::string brief(double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", x);
    return text;
}

inline std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
    return text;
}

}  // namespace detail

/// InsCL: which examples of the earlier tasks to replay while the current one is learnt.
///
/// With t-1 earlier tasks and budget B = budget_per_task * (t-1), unless it is given:
///
///     quota_j  ~  W_j / sum(W) * B             W_j: Wasserstein distance between the instructions of task j and of the
///                                              current one (cosine cost, instruction frequencies as weights)
///     n_jk     ~  s_jk / sum_k(s_jk) * quota_j s_jk: InsInfo of instruction k of task j
///
/// | stage | as_published | as_released |
/// | --- | --- | --- |
/// | distance | within relative_gap; exact where that leaves the quotas open | exact |
/// | quotas | `rule` (Hamilton), none above what a task holds | round down, one more to the largest, tie bug and all |
/// | pool of InsInfo | earlier tasks | earlier and current |
/// | near-equal tags (with tag_embedder) | every cluster merged | all but the last one |
/// | inside a task | Hamilton by InsInfo, none above what an instruction has | top ones, or max(1, floor), random rest
/// |
///
/// Unlike the released code nothing stops with an error: identical tasks (all W = 0) and uninformative tags (all s = 0)
/// count the same, and what the tasks cannot give comes back as plan::unplaced. Duplicated records stay apart, since
/// examples are known by their place. Task j's choice depends on the generator, on j and on the task alone.
///
/// @see  Wang et al. 2024 (InsCL), arXiv:2403.11435; replay/InsCL_sampling.py of OPPO-Mente-Lab/InsCL @3ad357c
struct inscl {
    std::size_t budget_per_task = 200;       ///< examples per earlier task on average (alpha)
    std::optional<std::size_t> budget = {};  ///< or of all earlier tasks together
    replay::mode mode = replay::mode::as_published;
    apportionment rule = hamilton{};        ///< of the budget over tasks; as_released brings its own
    std::optional<replay::pool> pool = {};  ///< whose tags are counted; unset: what the mode does
    double relative_gap = 0.01;             ///< of the distances, 0 is exact; as_released is exact
    mixing mix = mixing::interleaved;
    /// Tags of instructions where task_memory::tags is empty.
    std::function<std::vector<std::string>(std::string_view)> tagger = [](std::string_view instruction) {
        return keyword_tagger{}.tags(instruction);
    };
    /// Embeddings [n, d] of n distinct tags: near-equal tags are merged (see merge_tags). Unset: none are.
    std::function<matrix<float>(std::span<const std::string>)> tag_embedder = {};
    dbscan_options clusters = {};
    /// Distance between an earlier task and the current one; unset: Wasserstein between their instructions.
    std::function<certified<double>(const task_memory& earlier, const task_memory& current)> distance = {};

    static constexpr bool needs_embeddings = true;
    static constexpr bool needs_tags = true;

    [[nodiscard]] std::string name() const { return "inscl"; }

    /// @param past     tasks already learnt, with embeddings [k, d] unless `distance` is set
    /// @param current  the task to be learnt next
    /// @return         sum(quotas) + unplaced = budget, or budget_per_task * past.size()
    /// @throw          invalid_argument for a memory whose parts do not fit, a task without embedding, a NaN distance,
    ///                 no tags and no tagger, a relative_gap that is negative
    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory& current, philox g) const {
        require(relative_gap >= 0, "replay::inscl: relative_gap is at least 0, it is ", relative_gap);
        for (const task_memory& memory : past) check_memory("replay::inscl", memory);
        check_memory("replay::inscl", current);
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        if (past.empty()) return made;

        const bool released = mode == replay::mode::as_released;
        const std::size_t total = budget.value_or(budget_per_task * past.size());
        std::vector<std::size_t> sizes;
        for (const task_memory& memory : past) sizes.push_back(memory.size());
        const allocation_options options{.rule = released ? apportionment{replay::as_released{}} : rule,
                                         .capacity = sizes};
        made.distance = distances(past, current, released ? 0.0 : relative_gap);
        allocation quotas = allocate(made.distance, total, options);
        if (!quotas.certain && !distance && relative_gap > 0) {
            made.distance = distances(past, current, 0.0);
            quotas = allocate(made.distance, total, options);
        }
        made.certain = quotas.certain;

        const information_pool information = count(past, current);
        for (std::size_t j = 0; j < past.size(); ++j) {
            const std::vector<double> scores = information.scores(j);
            const philox own = g.split(j);
            const detail::choice chosen = released ? detail::choose_as_released(past[j], quotas[j], scores, own)
                                                   : detail::choose_as_published(past[j], quotas[j], scores, own);
            made.quotas[j] = chosen.examples.size();
            std::vector<std::size_t> order(chosen.examples.size());
            std::iota(order.begin(), order.end(), std::size_t{0});
            std::sort(order.begin(), order.end(),
                      [&](std::size_t a, std::size_t b) { return chosen.examples[a] < chosen.examples[b]; });
            for (const std::size_t i : order) {
                made.examples[j].push_back(chosen.examples[i]);
                made.reasons[j].kind.push_back(chosen.clause[i]);
            }
            made.reasons[j].amount = say_amount(made, quotas, total, j);
            made.reasons[j].choice = say_choice(past[j], information, scores, chosen, j);
        }
        made.unplaced = total - made.size();
        return made;
    }

  private:
    [[nodiscard]] std::vector<certified<double>> distances(std::span<const task_memory> past,
                                                           const task_memory& current, double gap) const {
        std::vector<certified<double>> measured(past.size());
        for (std::size_t j = 0; j < past.size(); ++j) {
            measured[j] = distance ? distance(past[j], current) : wasserstein(past[j], current, gap);
            require(!std::isnan(measured[j].value), "replay::inscl: the distance of task '", past[j].name, "' from '",
                    current.name, "' is NaN");
            // The cosine cost of equal directions is 0 up to rounding, on either side.
            measured[j].value = std::max(measured[j].value, 0.0);
            measured[j].lower = std::clamp(measured[j].lower, 0.0, measured[j].value);
            measured[j].upper = std::max(measured[j].upper, measured[j].value);
        }
        return measured;
    }

    static certified<double> wasserstein(const task_memory& a, const task_memory& b, double gap) {
        for (const task_memory* m : {&a, &b})
            require(m->size() > 0, "replay::inscl: every task needs an example, task '", m->name, "' has none");
        for (const task_memory* m : {&a, &b})
            require(m->embedding.rows() > 0,
                    "replay::inscl: every task needs the embeddings of its instructions, task '", m->name,
                    "' has none");
        require(a.embedding.cols() == b.embedding.cols(), "replay::inscl: embeddings have one dimension, task '",
                a.name, "' has ", a.embedding.cols(), " and '", b.name, "' has ", b.embedding.cols());
        const auto w =
            transport::wasserstein(a.embedding, frequencies(a), b.embedding, frequencies(b), {.relative_gap = gap});
        return {w.value, w.lower, w.upper, w.status};
    }

    static std::vector<double> frequencies(const task_memory& memory) {
        std::vector<double> weights;
        for (const std::size_t n : memory.frequency())
            weights.push_back(static_cast<double>(n) / static_cast<double>(memory.size()));
        return weights;
    }

    [[nodiscard]] task_tags tags_of(const task_memory& memory) const {
        if (!memory.tags.empty() || memory.instructions.empty()) return memory.tags;
        require(static_cast<bool>(tagger), "replay::inscl: task '", memory.name,
                "' brings no tags, and no tagger is set");
        task_tags tags;
        for (const std::string& instruction : memory.instructions) tags.push_back(tagger(instruction));
        return tags;
    }

    [[nodiscard]] information_pool count(std::span<const task_memory> past, const task_memory& current) const {
        const replay::pool counts = pool.value_or(mode == replay::mode::as_released ? replay::pool::earlier_and_current
                                                                                    : replay::pool::earlier);
        std::vector<task_tags> tags;
        for (const task_memory& memory : past) tags.push_back(tags_of(memory));
        if (counts == replay::pool::earlier_and_current) tags.push_back(tags_of(current));
        if (tag_embedder) tags = merge_tags(std::move(tags), tag_embedder, clusters, mode);
        information_pool counted(mode);
        for (const task_tags& of_task : tags) counted.add(of_task);
        return counted;
    }

    [[nodiscard]] static std::string say_amount(const replay::plan& made, const allocation& quotas, std::size_t total,
                                                std::size_t j) {
        double sum = 0;
        for (const auto& d : made.distance) sum += d.value;
        std::string text = sentence("the task gives ", made.quotas[j], " of ", total, ": ");
        if (quotas.equal_shares)
            text += "no earlier task differs from the current one, so all count the same";
        else
            text += sentence("its distance from the current one is ", detail::brief(made.distance[j].value), ", ",
                             detail::percent(made.distance[j].value / sum), " of the sum over ", made.distance.size(),
                             " earlier tasks");
        return text;
    }

    [[nodiscard]] static std::vector<std::string> say_choice(const task_memory& memory,
                                                             const information_pool& information,
                                                             const std::vector<double>& scores,
                                                             const detail::choice& chosen, std::size_t j) {
        const std::size_t k = scores.size();
        std::vector<std::size_t> taken(k + 1, 0);
        for (const std::uint32_t c : chosen.clause) ++taken[c];
        std::vector<std::string> clauses(k + 1);
        double sum = 0;
        for (const double s : scores) sum += s;
        const auto frequency = memory.frequency();
        for (std::size_t i = 0; i < k; ++i) {
            if (taken[i] == 0) continue;
            std::string tags;
            const auto parts = information.explain(j, i);
            for (std::size_t t = 0; t < std::min<std::size_t>(3, parts.size()); ++t)
                tags += sentence(t ? ", " : " (", parts[t].tag, " ", detail::brief(parts[t].information));
            if (!tags.empty()) tags += ")";
            clauses[i] = sentence("its instruction '", detail::shortened(memory.instructions[i]), "' tells ",
                                  detail::brief(scores[i]), tags,
                                  sum > 0 ? ", " + detail::percent(scores[i] / sum) + " of the task" : "",
                                  ", and gives ", taken[i], " of its ", frequency[i]);
        }
        clauses[k] = sentence("it was drawn at random to fill the quota, as ", taken[k], " of the task were");
        return clauses;
    }
};

static_assert(replay_policy<inscl>);

}  // namespace holdfast::replay
