#pragma once
// From a plan to batches: which examples of the current and of the earlier tasks stand in each batch of an epoch, mixed
// evenly, at a given ratio, by chance, or the replayed ones behind. Indices only; the trainer fetches the examples.
// Builds on policy.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/policy.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::replay {

/// One place in a batch: an example of a past task, or of the current one (task = number of past tasks).
struct batch_item {
    std::uint32_t task = 0;
    std::uint32_t example = 0;

    friend bool operator==(const batch_item&, const batch_item&) = default;
};

struct batch_options {
    std::size_t batch = 16;            ///< places; the last batch may have fewer
    std::optional<double> ratio = {};  ///< share of replayed places, 0 to below 1; unset: every planned example once
    bool exact = true;                 ///< the share holds in every batch (to one place); else in expectation
    std::size_t epoch = 0;             ///< another one is another order
};

/// The batches of an epoch, and what they are made of.
struct schedule {
    std::vector<std::vector<batch_item>> batches = {};
    std::vector<std::size_t> mixture = {};  ///< [past tasks + 1] places of each task, the current one last
    double replayed = 0;                    ///< share of the places that are replayed
    std::size_t fewest = 0, most = 0;       ///< replayed places in a batch (of a mixed schedule: over its full batches)
};

namespace detail {

/// Endless replayed examples: every planned one once, then all again in another order, none twice in one batch unless
/// the plan is smaller than a batch.
class replay_cycle {
  public:
    replay_cycle(const plan& made, const philox& g) : generator_(g) {
        for (std::size_t j = 0; j < made.examples.size(); ++j)
            for (const std::uint32_t e : made.examples[j]) items_.push_back({static_cast<std::uint32_t>(j), e});
        next_ = items_.size();
    }

    [[nodiscard]] std::size_t size() const { return items_.size(); }

    batch_item take(std::span<const batch_item> already_in_batch) {
        if (next_ == items_.size()) {
            philox own = generator_.split(round_++);
            shuffle(std::span(items_), own);
            std::stable_partition(items_.begin(), items_.end(), [&](const batch_item& item) {
                return std::find(already_in_batch.begin(), already_in_batch.end(), item) == already_in_batch.end();
            });
            next_ = 0;
        }
        return items_[next_++];
    }

  private:
    philox generator_;
    std::uint64_t round_ = 0;
    std::size_t next_ = 0;
    std::vector<batch_item> items_ = {};
};

inline schedule finished(schedule made, std::size_t past) {
    made.mixture.assign(past + 1, 0);
    std::size_t places = 0;
    bool first = true;
    const std::size_t full = made.batches.empty() ? 0 : made.batches.front().size();
    for (const auto& batch : made.batches) {
        std::size_t old = 0;
        for (const batch_item& item : batch) {
            ++made.mixture[item.task];
            old += item.task < past;
        }
        places += batch.size();
        if (batch.size() < full) continue;
        made.fewest = first ? old : std::min(made.fewest, old);
        made.most = std::max(made.most, old);
        first = false;
    }
    if (places > 0) made.replayed = 1 - static_cast<double>(made.mixture.back()) / static_cast<double>(places);
    return made;
}

}  // namespace detail

/// The batches of one epoch over the current task, with what the plan replays.
///
/// Every current example comes once, in random order. Interleaved, without a ratio: every planned example once, spread
/// evenly (`exact`) or shuffled in. Interleaved, with a ratio r: r of the places are replayed, the plan's examples
/// again and again. Trailing epoch: the current examples, then every planned one once.
///
/// @param made     the plan; plan::mix says which
/// @param current  how many examples the current task has
/// @param g        a draw depends on it and on the epoch alone
/// @throw          invalid_argument for a batch of 0, a ratio outside 0 to 1 or under a trailing epoch
[[nodiscard]] inline schedule compose(const plan& made, std::size_t current, const batch_options& options,
                                      const philox& g) {
    require(options.batch > 0, "replay::compose: a batch has at least one place, it is 0");
    const double ratio = options.ratio.value_or(0);
    require(ratio >= 0 && ratio < 1, "replay::compose: ratio is from 0 to below 1, it is ", ratio);
    require(!options.ratio || made.mix == mixing::interleaved, "replay::compose: a trailing epoch takes no ratio");
    detail::check_count("compose", current);
    const auto past = static_cast<std::uint32_t>(made.examples.size());
    const philox own = g.split(options.epoch);
    std::vector<batch_item> fresh(current);
    for (std::size_t e = 0; e < current; ++e) fresh[e] = {past, static_cast<std::uint32_t>(e)};
    philox order = own.split(0);
    shuffle(std::span(fresh), order);
    detail::replay_cycle old(made, own.split(1));

    schedule result;
    const auto place = [&](const batch_item& item) {
        if (result.batches.empty() || result.batches.back().size() == options.batch) result.batches.emplace_back();
        result.batches.back().push_back(item);
    };
    const auto batch_now = [&]() -> std::span<const batch_item> {
        if (result.batches.empty() || result.batches.back().size() == options.batch) return {};
        return result.batches.back();
    };
    if (made.mix == mixing::trailing_epoch) {
        for (const batch_item& item : fresh) place(item);
        const std::size_t partial = result.batches.size();
        for (std::size_t i = 0; i < old.size(); ++i) {
            if (i == 0 && partial > 0) result.batches.emplace_back();  // the epoch begins with a batch of its own
            place(old.take({}));
        }
        return detail::finished(std::move(result), past);
    }
    if (!options.ratio && !options.exact) {
        for (std::size_t i = 0; i < old.size(); ++i) fresh.push_back(old.take({}));
        shuffle(std::span(fresh), order);
        for (const batch_item& item : fresh) place(item);
        return detail::finished(std::move(result), past);
    }
    // Place t is a replayed one when the count of replayed places up to it, share * (t + 1) + 1/2, passes a whole
    // number.
    const std::size_t all = current + old.size();
    const double share = old.size() == 0 ? 0.0
                         : options.ratio ? ratio
                                         : static_cast<double>(old.size()) / static_cast<double>(all);
    philox coin = own.split(2);
    std::size_t given = 0;
    for (std::size_t t = 0, next = 0; next < current || (!options.ratio && given < old.size()); ++t) {
        const bool even = std::floor(share * static_cast<double>(t + 1) + 0.5) > static_cast<double>(given);
        bool replayed = share > 0 && (options.exact ? even : uniform(coin) < share);
        if (!options.ratio && (given == old.size() || next == current)) replayed = next == current;
        if (replayed)
            place(old.take(batch_now())), ++given;
        else
            place(fresh[next++]);
    }
    if (options.exact)  // where in a batch they stand is chance
        for (std::size_t b = 0; b < result.batches.size(); ++b) {
            philox inside = own.split(3).split(b);
            shuffle(std::span(result.batches[b]), inside);
        }
    return detail::finished(std::move(result), past);
}

}  // namespace holdfast::replay
