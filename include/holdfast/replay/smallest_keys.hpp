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
    /// The places of the pairs, in order: by 22 bits of where a key lies between the least and the greatest, in two
    /// passes of eleven, then by the keys themselves, of which hardly any two have these bits in common.
    [[nodiscard]] std::vector<std::uint32_t> sorted_places() const {
        constexpr std::uint32_t digit = 2048;
        const std::size_t count = kept_.size();
        double low = std::numeric_limits<double>::infinity(), high = 0;
        for (const auto& [key, item] : kept_) {
            low = std::min(low, static_cast<double>(key));
            high = std::max(high, static_cast<double>(key));
        }
        double scale = (digit * digit - 1) / (high - low);
        if (!(scale > 0 && scale < std::numeric_limits<double>::infinity())) scale = 0;
        std::vector<std::uint64_t> placed(2 * count);  // the bits high, the place low; twice
        std::uint32_t ends[2][digit + 1] = {};
        for (std::size_t i = 0; i < count; ++i) {
            const double along = (static_cast<double>(kept_[i].first) - low) * scale;
            const auto bits = scale > 0 ? static_cast<std::uint32_t>(along) : 0u;
            placed[i] = std::uint64_t{bits} << 32 | i;
            ++ends[0][bits % digit + 1];
            ++ends[1][bits / digit + 1];
        }
        for (std::uint32_t d = 0; d < digit; ++d) ends[0][d + 1] += ends[0][d], ends[1][d + 1] += ends[1][d];
        for (std::size_t i = 0; i < count; ++i) placed[count + ends[0][(placed[i] >> 32) % digit]++] = placed[i];
        for (std::size_t i = count; i < 2 * count; ++i) placed[ends[1][placed[i] >> 43]++] = placed[i];
        std::vector<std::uint32_t> order(count);
        for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<std::uint32_t>(placed[i]);
        const auto before = [&](std::uint32_t a, std::uint32_t b) { return kept_[a] < kept_[b]; };
        for (std::size_t first = 0, end = 0; first < std::min(count, n_); first = end) {
            for (end = first + 1; end < count && placed[end] >> 32 == placed[first] >> 32;) ++end;
            if (end - first > 1)
                std::sort(order.begin() + static_cast<std::ptrdiff_t>(first),
                          order.begin() + static_cast<std::ptrdiff_t>(end), before);
        }
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
