#pragma once
// InsInfo: how much an instruction tells, from how rare its tags are among all instructions. Two variants by name: as
// the paper writes it, and as the released code computes it. Incremental, and able to say which tag gave how much.
// Builds on tagger.hpp. Merging near-equal tags is tag_merging.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/replay/tagger.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace holdfast::replay {

/// InsCL as its paper writes it, or as its released code computes it (transport, tags, rounding and sampling each say
/// what that means for them).
enum class mode { as_published, as_released };

[[nodiscard]] constexpr const char* to_string(mode m) noexcept {
    return m == mode::as_published ? "as published" : "as released";
}

/// Whose instructions are counted: those of the earlier tasks (the paper), or the current task's too (the code).
enum class pool { earlier, earlier_and_current };

/// What a tag is worth in a pool.
struct tag_information {
    std::string tag = {};
    std::size_t carriers = 0;  ///< f: instructions that carry it (as released: occurrences)
    double information = 0;    ///< ln(N / f)

    friend bool operator==(const tag_information&, const tag_information&) = default;
};

/// A growing pool of tagged instructions, and what each of them tells.
///
///     InsInfo(instruction) = sum over its tags t of ln(N / f_t)
///
/// N instructions in the pool, f_t of them carry tag t. Natural logarithm. A tag that every instruction carries tells
/// nothing; no tags, no information; more tags, more information (the measure's own bias to long instructions).
///
/// As published: tags are brought to normal form (every script), empty ones dropped, each counted once per instruction.
/// As released: A to Z alone, so a tag in another script becomes the empty tag, which counts; a tag that an instruction
/// repeats counts each time, both in its score and in f (so that a score can fall below 0). The released code loses
/// those repetitions where its clustering finds two clusters or more; without clusters it is this.
///
/// @see  Wang et al. 2024 (InsCL), arXiv:2403.11435; tag_utils.py of OPPO-Mente-Lab/InsCL @3ad357c
class information_pool {
  public:
    explicit information_pool(replay::mode mode = mode::as_published) : mode_(mode) {}

    /// Counts one more task; costs its own size, whatever came before.
    ///
    /// @param tags  [k] the tags of each of its instructions
    /// @return      the task's number, from 0
    std::size_t add(std::span<const std::vector<std::string>> tags) {
        task_begin_.push_back(begin_.size() - 1);
        std::vector<std::uint32_t> own;
        for (const std::vector<std::string>& of_one : tags) {
            own.clear();
            for (const std::string& tag : of_one) {
                const std::uint32_t id = identify(tag);
                if (id == dropped) continue;
                if (mode_ == mode::as_published && std::find(own.begin(), own.end(), id) != own.end()) continue;
                own.push_back(id);
                ++carriers_[id];
            }
            tags_.insert(tags_.end(), own.begin(), own.end());
            begin_.push_back(tags_.size());
        }
        return task_begin_.size() - 1;
    }

    /// N: instructions in the pool.
    [[nodiscard]] std::size_t instructions() const { return begin_.size() - 1; }
    [[nodiscard]] std::size_t tasks() const { return task_begin_.size(); }
    /// Different tags in the pool.
    [[nodiscard]] std::size_t different_tags() const { return carriers_.size(); }

    /// [k] InsInfo of every instruction of a task, in the pool as it is now.
    ///
    /// @throw invalid_argument if there is no such task
    [[nodiscard]] std::vector<double> scores(std::size_t task) const {
        const auto [first, last] = range(task);
        std::vector<double> all(last - first);
        for (std::size_t i = first; i < last; ++i)
            for (std::size_t t = begin_[i]; t < begin_[i + 1]; ++t) all[i - first] += information(tags_[t]);
        return all;
    }

    /// Which tags gave how much, the most telling first; their sum is the instruction's InsInfo.
    ///
    /// @throw invalid_argument if there is no such task or instruction
    [[nodiscard]] std::vector<tag_information> explain(std::size_t task, std::size_t instruction) const {
        const auto [first, last] = range(task);
        require(instruction < last - first, "replay::information_pool: task ", task, " has ", last - first,
                " instructions, asked for instruction ", instruction);
        std::vector<tag_information> parts;
        for (std::size_t t = begin_[first + instruction]; t < begin_[first + instruction + 1]; ++t)
            parts.push_back({names_[tags_[t]], carriers_[tags_[t]], information(tags_[t])});
        std::stable_sort(parts.begin(), parts.end(), [](const tag_information& a, const tag_information& b) {
            return a.information > b.information;
        });
        return parts;
    }

  private:
    static constexpr std::uint32_t dropped = std::numeric_limits<std::uint32_t>::max();

    std::uint32_t identify(const std::string& raw) {
        const auto [known, fresh] = of_raw_.try_emplace(raw, dropped);
        if (!fresh) return known->second;
        const std::string normal =
            normalize_tag(raw, mode_ == mode::as_released ? tag_letters::ascii : tag_letters::every_script);
        if (normal.empty() && mode_ == mode::as_published) return dropped;
        const auto [place, first_seen] = of_normal_.try_emplace(normal, static_cast<std::uint32_t>(names_.size()));
        if (first_seen) {
            names_.push_back(normal);
            carriers_.push_back(0);
        }
        return known->second = place->second;
    }

    [[nodiscard]] double information(std::uint32_t tag) const {
        return portable_log(static_cast<double>(instructions()) / static_cast<double>(carriers_[tag]));
    }

    struct instruction_range {
        std::size_t first, last;
    };
    [[nodiscard]] instruction_range range(std::size_t task) const {
        require(task < tasks(), "replay::information_pool: ", tasks(), " tasks were added, asked for task ", task);
        return {task_begin_[task], task + 1 < tasks() ? task_begin_[task + 1] : instructions()};
    }

    replay::mode mode_;
    std::unordered_map<std::string, std::uint32_t> of_raw_ = {}, of_normal_ = {};
    std::vector<std::string> names_ = {};
    std::vector<std::size_t> carriers_ = {};
    std::vector<std::uint32_t> tags_ = {};      // of all instructions, one after the other
    std::vector<std::size_t> begin_ = {0};      // [N + 1] where each instruction's tags begin
    std::vector<std::size_t> task_begin_ = {};  // [tasks] its first instruction
};

/// InsInfo of every instruction of one pool.
///
/// @param tags_of_each_instruction  [N] lists of tags
/// @return  [N]
[[nodiscard]] inline std::vector<double> insinfo(std::span<const std::vector<std::string>> tags_of_each_instruction,
                                                 mode variant = mode::as_published) {
    information_pool counted(variant);
    return counted.scores(counted.add(tags_of_each_instruction));
}

/// InsInfo of every instruction of every task, all tasks in one pool.
///
/// @param tags_of_each_task  [tasks] of [k] lists of tags
/// @return  [tasks] of [k]
[[nodiscard]] inline std::vector<std::vector<double>> insinfo(
    std::span<const std::vector<std::vector<std::string>>> tags_of_each_task, mode variant = mode::as_published) {
    information_pool counted(variant);
    for (const auto& tags : tags_of_each_task) counted.add(tags);
    std::vector<std::vector<double>> scores;
    for (std::size_t j = 0; j < counted.tasks(); ++j) scores.push_back(counted.scores(j));
    return scores;
}

}  // namespace holdfast::replay
