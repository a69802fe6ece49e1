#pragma once
// The items with the n smallest keys of very many, found in one pass and in any order: what draws without replacement
// amount to. Builds on likely_items.hpp.

#include <holdfast/core/parallel.hpp>
#include <holdfast/replay/likely_items.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

namespace holdfast::replay::detail {

/// Keeps the n smallest of the (key, item) pairs it is shown, in whatever order; O(1) per pair on average.
template <class Key>
class smallest {
  public:
    explicit smallest(std::size_t n, Key largest) : n_(n), cut_(largest) { kept_.reserve(n + n / 4 + 64); }

    /// A key above this need not be shown.
    [[nodiscard]] Key cut() const { return cut_; }

    void offer(Key key, std::uint32_t item) {
        if (key > cut_) return;
        kept_.emplace_back(key, item);
        if (kept_.size() >= 2 * n_ + 64) shrink();
    }

    /// Takes over the pairs of another.
    void take(const smallest& other) { kept_.insert(kept_.end(), other.kept_.begin(), other.kept_.end()); }

    /// The items, smallest key first; equal keys in the order of the items.
    [[nodiscard]] std::vector<std::uint32_t> items() const {
        std::vector<std::uint32_t> order = sorted_places();
        order.resize(std::min(order.size(), n_));
        for (std::uint32_t& place : order) place = kept_[place].second;
        return order;
    }

  private:
    /// The places of the pairs, in order. They are thrown into bins first, four for each: the smallest of many keys lie
    /// evenly, so that hardly any two meet.
    [[nodiscard]] std::vector<std::uint32_t> sorted_places() const {
        const std::size_t count = kept_.size(), bins = 4 * count;
        std::vector<std::uint32_t> order(count);
        const auto sort = [&](std::size_t first, std::size_t end) {
            const auto before = [&](std::uint32_t a, std::uint32_t b) { return kept_[a] < kept_[b]; };
            if (end - first > 16)
                return std::sort(order.begin() + static_cast<std::ptrdiff_t>(first),
                                 order.begin() + static_cast<std::ptrdiff_t>(end), before);
            for (std::size_t i = first + 1; i < end; ++i)
                for (std::size_t k = i; k > first && before(order[k], order[k - 1]); --k)
                    std::swap(order[k], order[k - 1]);
        };
        double low = std::numeric_limits<double>::infinity(), high = 0;
        for (const auto& [key, item] : kept_) {
            low = std::min(low, static_cast<double>(key));
            high = std::max(high, static_cast<double>(key));
        }
        const double last = static_cast<double>(bins) - 1, scale = last / (high - low);
        if (!(scale > 0 && scale < std::numeric_limits<double>::infinity())) {
            for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<std::uint32_t>(i);
            sort(0, count);
            return order;
        }
        const auto bin = [&](Key key) {
            return static_cast<std::uint32_t>(std::min((static_cast<double>(key) - low) * scale, last));
        };
        std::vector<std::uint32_t> end(bins + 1, 0);  // of bin b; while it fills, how far it is filled
        for (const auto& pair : kept_) ++end[bin(pair.first) + 1];
        for (std::size_t b = 1; b < end.size(); ++b) end[b] += end[b - 1];
        for (std::size_t i = 0; i < count; ++i) order[end[bin(kept_[i].first)]++] = static_cast<std::uint32_t>(i);
        for (std::size_t b = 0, first = 0; b < bins && first < n_; first = end[b++])
            if (end[b] - first > 1) sort(first, end[b]);
        return order;
    }

    void shrink() {
        const auto last = kept_.begin() + static_cast<std::ptrdiff_t>(n_);
        std::nth_element(kept_.begin(), last - 1, kept_.end());
        cut_ = kept_[n_ - 1].first;
        kept_.erase(last, kept_.end());
    }

    std::size_t n_;  // above 0
    Key cut_;
    std::vector<std::pair<Key, std::uint32_t>> kept_ = {};
};

inline constexpr std::size_t key_grain = std::size_t{1} << 16;  // a worker's share

/// The n items with the smallest keys. look(first, count, here, kept) finds those among the items first .. first +
/// count - 1, at most key_block, that may have small keys, in `here`, and offers them to `kept`.
///
/// Whichever worker looks at a chunk adds to a list of its own: which list an item meets is chance, the n smallest of
/// all pairs are not.
template <class Key, class Look>
std::vector<std::uint32_t> smallest_of(std::size_t items, std::size_t n, Key largest, Look look) {
    if (n == 0) return {};
    std::mutex guard;
    std::vector<smallest<Key>> idle;
    parallel_chunks(items, key_grain, [&](std::size_t begin, std::size_t end, std::size_t) {
        smallest<Key> kept(n, largest);
        {
            const std::lock_guard lock(guard);
            if (!idle.empty()) {
                kept = std::move(idle.back());
                idle.pop_back();
            }
        }
        likely_items here;
        for (std::size_t first = begin; first < end; first += key_block)
            look(first, std::min(key_block, end - first), here, kept);
        const std::lock_guard lock(guard);
        idle.push_back(std::move(kept));
    });
    for (std::size_t i = 1; i < idle.size(); ++i) idle[0].take(idle[i]);
    return idle.at(0).items();
}

}  // namespace holdfast::replay::detail
