#pragma once
// Balance over groups (classes, tasks, instructions): a reservoir that keeps all groups as even as their sizes allow,
// GDumb's greedy memory, and the policy that replays it. Herding as a policy stands here too: it keeps a task's mean.
// Builds on policy.hpp, representatives.hpp and state.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/memory.hpp>
#include <holdfast/replay/policy.hpp>
#include <holdfast/replay/representatives.hpp>
#include <holdfast/replay/sampler.hpp>
#include <holdfast/replay/state.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::replay {

/// Balanced sample of a stream: every group keeps as many as every other, as far as it has them, and of a group's items
/// each is equally likely.
///
/// The sizes are those of filling equal vessels (min(seen, level), the remainder to the lowest group numbers). What is
/// kept depends on (generator, identifier) alone: the same in any order, and shards that merge hold what one pass
/// would. What a group is says the caller: a class (CBRS), a task, an instruction.
///
/// @see  Chrysakis & Moens 2020 (CBRS); the keys are those of keyed_reservoir
class balanced_reservoir {
  public:
    balanced_reservoir(std::size_t capacity, const philox& g) : capacity_(capacity), generator_(g), bits_(g) {}

    /// Shows an item; returns whether it is kept so far. An identifier is to be shown once.
    bool offer(std::uint64_t id, std::uint64_t group) {
        ++seen_[group];
        return keep(group, {bits_.word(id), id});
    }

    /// Takes over what another one holds.
    /// @throw invalid_argument if the other has another generator or capacity
    void merge(const balanced_reservoir& other) {
        require(generator_ == other.generator_, "replay::balanced_reservoir::merge: both need the same generator");
        require(capacity_ == other.capacity_,
                "replay::balanced_reservoir::merge: both need the same capacity, they have ", capacity_, " and ",
                other.capacity_);
        for (const auto& [group, n] : other.seen_) seen_[group] += n;
        for (const auto& [group, of_group] : other.groups_)
            for (const entry& e : of_group) keep(group, e);
    }

    [[nodiscard]] std::size_t size() const { return size_; }
    /// The items kept, group by group, in the order in which a smaller reservoir would keep them.
    [[nodiscard]] std::vector<std::uint64_t> items() const {
        std::vector<std::uint64_t> ids;
        for (const auto& [group, of_group] : groups_)
            for (const entry& e : of_group) ids.push_back(e.second);
        return ids;
    }
    /// The items kept of one group.
    [[nodiscard]] std::vector<std::uint64_t> items_of(std::uint64_t group) const {
        std::vector<std::uint64_t> ids;
        if (const auto found = groups_.find(group); found != groups_.end())
            for (const entry& e : found->second) ids.push_back(e.second);
        return ids;
    }
    /// How likely an item of this group is to be held now: kept / seen.
    [[nodiscard]] double inclusion_probability(std::uint64_t group) const {
        const auto shown = seen_.find(group);
        const auto found = groups_.find(group);
        if (shown == seen_.end() || found == groups_.end()) return 0;
        return static_cast<double>(found->second.size()) / static_cast<double>(shown->second);
    }

    /// All there is to know, as bytes.
    [[nodiscard]] std::string state() const {
        state_writer to("balanced", 1);
        to.word(capacity_), to.generator(generator_);
        to.word(seen_.size());
        for (const auto& [group, n] : seen_) {
            const auto found = groups_.find(group);
            to.word(group), to.word(n), to.word(found == groups_.end() ? 0 : found->second.size());
            if (found == groups_.end()) continue;
            for (const entry& e : found->second) to.word(e.second);
        }
        return to.finish();
    }

    /// @throw format_error if the bytes are not what state() of a balanced_reservoir gave
    [[nodiscard]] static balanced_reservoir from_state(std::string_view bytes) {
        state_reader from(bytes, "balanced", 1);
        const auto capacity = static_cast<std::size_t>(from.word());
        balanced_reservoir made(capacity, from.generator());
        for (std::uint64_t groups = from.word(); groups > 0; --groups) {
            const std::uint64_t group = from.word(), seen = from.word(), kept = from.word();
            if (kept > seen || kept > from.left()) from.fail("holds more of a group than was shown");
            if (!made.seen_.emplace(group, seen).second) from.fail("names a group twice");
            for (std::uint64_t i = 0; i < kept; ++i) {
                const std::uint64_t id = from.word();
                if (!made.groups_[group].insert({made.bits_.word(id), id}).second) from.fail("holds an item twice");
            }
            if (kept > 0) made.by_size_.insert({static_cast<std::size_t>(kept), group});
            made.size_ += static_cast<std::size_t>(kept);
        }
        if (made.size_ > capacity) from.fail("holds more than its capacity");
        from.finish();
        return made;
    }

  private:
    using entry = std::pair<std::uint64_t, std::uint64_t>;  // key, identifier

    void resize_group(std::uint64_t group, std::size_t from, std::size_t to) {
        by_size_.erase({from, group});
        if (to > 0) by_size_.insert({to, group});
    }

    bool keep(std::uint64_t group, const entry& e) {
        if (capacity_ == 0) return false;
        auto& own = groups_[group];
        if (!own.insert(e).second) return true;
        resize_group(group, own.size() - 1, own.size());
        if (++size_ <= capacity_) return true;
        const std::uint64_t fullest = by_size_.rbegin()->second;
        auto& losing = groups_[fullest];
        const entry lost = *losing.rbegin();
        losing.erase(lost);
        resize_group(fullest, losing.size() + 1, losing.size());
        --size_;
        return lost != e;
    }

    std::size_t capacity_, size_ = 0;
    philox generator_;
    detail::item_bits bits_;
    std::map<std::uint64_t, std::uint64_t> seen_ = {};              // of each group
    std::map<std::uint64_t, std::set<entry>> groups_ = {};          // the smallest keys of each
    std::set<std::pair<std::size_t, std::uint64_t>> by_size_ = {};  // kept items of each group, group
};

/// Herding of every earlier task: the examples that keep the mean of the task's embeddings, in the order in which a
/// smaller plan would take them. By the embeddings of the examples, or of their instructions where there are no others.
/// Draws nothing.
///
/// @see  Rebuffi et al. 2017 (iCaRL), arXiv:1611.07725
struct herding_replay {
    std::size_t budget_per_task = 200;
    std::optional<std::size_t> budget = {};  ///< or of all together, in equal shares (what a task lacks, others give)
    mixing mix = mixing::interleaved;

    static constexpr bool needs_example_embeddings = true;

    [[nodiscard]] std::string name() const { return "herding"; }
    [[nodiscard]] std::string settings() const {
        return sentence(detail::budget_setting(budget_per_task, budget), ", ", to_string(mix));
    }

    /// @throw invalid_argument for a task without embeddings
    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox) const {
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        made.quotas = detail::quotas_of(past, budget_per_task, budget);
        for (std::size_t j = 0; j < past.size(); ++j) {
            const task_memory& memory = past[j];
            check_memory("replay::herding_replay", memory);
            require(memory.size() == 0 || memory.example_embedding.rows() > 0 || memory.embedding.rows() > 0,
                    "replay::herding_replay: every task needs embeddings, task '", memory.name, "' has none");
            made.examples[j] = memory.example_embedding.rows() > 0 ? herding(memory.example_embedding, made.quotas[j])
                                                                   : herding(by_instruction(memory), made.quotas[j]);
            for (std::size_t i = 0; i < made.examples[j].size(); ++i) {
                made.reasons[j].kind.push_back(static_cast<std::uint32_t>(i));
                made.reasons[j].choice.push_back(
                    sentence("as number ", i + 1, " it brings the mean of the chosen closest to the task's"));
            }
            made.reasons[j].amount = detail::say_quota(made.quotas[j], memory, budget_per_task, budget);
        }
        made.unplaced = budget.value_or(budget_per_task * past.size()) - made.size();
        return made;
    }

  private:
    static matrix<float> by_instruction(const task_memory& memory) {
        matrix<float> rows(memory.size(), memory.embedding.cols());
        for (std::size_t e = 0; e < memory.size(); ++e)
            for (std::size_t c = 0; c < rows.cols(); ++c) rows(e, c) = memory.embedding(memory.instruction[e], c);
        return rows;
    }
};

/// GDumb's memory of all earlier tasks: examples pass in their order, each is kept while its class has fewer than
/// budget / (classes so far), and a full memory makes room by a random one of the largest class.
///
/// A class is a task's label (task_memory::label), or its instruction where labels are not known. That GDumb learns
/// from this memory alone, from a fresh model, is the trainer's part.
///
/// @see  Prabhu, Torr & Dokania 2020, "GDumb: a simple approach that questions our progress in continual learning"
struct gdumb_replay {
    std::size_t budget_per_task = 200;       ///< places per earlier task
    std::optional<std::size_t> budget = {};  ///< or of all together
    mixing mix = mixing::interleaved;

    static constexpr bool needs_labels = true;

    [[nodiscard]] std::string name() const { return "gdumb"; }
    [[nodiscard]] std::string settings() const {
        return sentence(detail::budget_setting(budget_per_task, budget), ", ", to_string(mix));
    }

    [[nodiscard]] replay::plan plan(std::span<const task_memory> past, const task_memory&, philox g) const {
        replay::plan made = detail::empty_plan(past);
        made.mix = mix;
        const std::size_t total = budget.value_or(budget_per_task * past.size());
        std::map<std::pair<std::size_t, std::uint32_t>, std::vector<std::uint32_t>> kept;
        std::set<std::pair<std::size_t, std::pair<std::size_t, std::uint32_t>>> by_size;
        std::size_t size = 0;
        for (std::size_t j = 0; j < past.size(); ++j) {
            check_memory("replay::gdumb_replay", past[j]);
            for (std::uint32_t e = 0; e < past[j].size() && total > 0; ++e) {
                const std::pair own(j, past[j].label.empty() ? past[j].instruction[e] : past[j].label[e]);
                auto& of_class = kept[own];
                if (!of_class.empty() && of_class.size() >= std::max<std::size_t>(1, total / kept.size())) continue;
                if (size == total) {
                    const auto largest = *by_size.rbegin();
                    auto& losing = kept[largest.second];
                    if (losing.size() <= 1 && !of_class.empty()) continue;
                    losing.erase(losing.begin() + static_cast<std::ptrdiff_t>(uniform_index(g, losing.size())));
                    by_size.erase(largest);
                    if (!losing.empty()) by_size.insert({losing.size(), largest.second});
                    --size;
                }
                by_size.erase({of_class.size(), own});
                of_class.push_back(e);
                by_size.insert({of_class.size(), own});
                ++size;
            }
        }
        for (const auto& [own, examples] : kept)
            for (const std::uint32_t e : examples) {
                made.examples[own.first].push_back(e);
                made.reasons[own.first].kind.push_back(
                    static_cast<std::uint32_t>(made.reasons[own.first].choice.size()));
                made.reasons[own.first].choice.push_back(
                    sentence("it is one of ", examples.size(), " kept of its class, of ", kept.size(), " classes"));
            }
        for (std::size_t j = 0; j < past.size(); ++j) {
            made.quotas[j] = made.examples[j].size();
            made.reasons[j].amount = sentence("the task holds ", made.quotas[j], " of the memory's ", total, " places");
        }
        made.unplaced = total - made.size();
        return made;
    }
};

static_assert(replay_policy<herding_replay> && replay_policy<gdumb_replay>);

}  // namespace holdfast::replay
