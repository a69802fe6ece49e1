#pragma once
// Samplers over 0 .. size-1: uniform, the first ones, weighted without replacement (weighted_sampler.hpp), alias table
// (alias_table.hpp). Every draw is a function of the generator's (seed, stream, position) and of the item: item i has
// its own block of random bits, so the result is the same for any number of threads, any shard order and after a
// resume. Builds on item_bits.hpp and smallest_keys.hpp. Leaves out streams of unknown length (reservoir.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/alias_table.hpp>
#include <holdfast/replay/item_bits.hpp>
#include <holdfast/replay/likely_items.hpp>
#include <holdfast/replay/sampler_checks.hpp>
#include <holdfast/replay/smallest_keys.hpp>
#include <holdfast/replay/weighted_sampler.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace holdfast::replay {

/// Chooses some of a fixed number of items.
/// 1. size()                how many items there are, fewer than 2^32
/// 2. with_replacement      whether one draw may name an item twice (a static constant)
/// 3. draw(n, g)            n items, each below size(); without replacement all different. A function of the sampler, n
///                          and g alone. Asking for more than there is without replacement is refused
template <class S>
concept sampler = requires(const S& s, std::size_t n, philox g) {
    { s.size() } -> std::convertible_to<std::size_t>;
    { S::with_replacement } -> std::convertible_to<bool>;
    { s.draw(n, g) } -> std::same_as<std::vector<std::uint32_t>>;
};

/// n items of a sampler: `draw(weighted_without_replacement{info[j]}, quotas[j], philox{seed, task})`.
///
/// @throw invalid_argument if the sampler cannot give n items
template <sampler S>
[[nodiscard]] std::vector<std::uint32_t> draw(const S& s, std::size_t n, philox g) {
    return s.draw(n, g);
}

/// Every subset of n items equally likely; draw(n) is the beginning of draw(n + 1) under the same generator.
///
/// @cost O(size) time, O(n) memory
class uniform_without_replacement {
  public:
    static constexpr bool with_replacement = false;

    /// @throw invalid_argument if there are 2^32 items or more
    explicit uniform_without_replacement(std::size_t items) : items_(items) {
        detail::check_count("uniform_without_replacement", items);
    }

    [[nodiscard]] std::size_t size() const { return items_; }

    /// @return [n] different items in random order
    /// @throw  invalid_argument if n > size()
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, philox g) const {
        require(n <= items_, "replay::uniform_without_replacement: ", n, " items asked, there are ", items_);
        const double wanted = static_cast<double>(n) + 6 * std::sqrt(static_cast<double>(n)) + 32;
        const double share = wanted / static_cast<double>(std::max<std::size_t>(1, items_));
        constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
        auto drawn = smallest_keys(n, share < 0.5 ? static_cast<std::uint64_t>(share * 0x1p64) : all, g);
        if (drawn.size() < n) drawn = smallest_keys(n, all, g);
        return drawn;
    }

    /// How likely a draw of n holds a given item.
    [[nodiscard]] double inclusion_probability(std::size_t n) const {
        return items_ == 0 ? 0.0 : static_cast<double>(std::min(n, items_)) / static_cast<double>(items_);
    }

  private:
    /// The n smallest keys of those up to `cut`.
    [[nodiscard]] std::vector<std::uint32_t> smallest_keys(std::size_t n, std::uint64_t cut, const philox& g) const {
        const detail::item_bits bits(g);
        return detail::smallest_of(items_, n, cut,
                                   [&](std::size_t first, std::size_t count, detail::likely_items& here, auto& kept) {
                                       here.find(bits, first, count, detail::word_limit{kept.cut()});
                                       for (std::size_t c = 0; c < here.size(); ++c)
                                           kept.offer(here.word(c), here.item(c));
                                   });
    }

    std::size_t items_;
};

/// n independent items, each equally likely.
///
/// @cost O(n)
class uniform_with_replacement {
  public:
    static constexpr bool with_replacement = true;

    /// @throw invalid_argument if there are 2^32 items or more
    explicit uniform_with_replacement(std::size_t items) : items_(items) {
        detail::check_count("uniform_with_replacement", items);
    }

    [[nodiscard]] std::size_t size() const { return items_; }

    /// @return [n] items; draw number t depends on the generator and t alone
    /// @throw  invalid_argument if there is nothing to draw from
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, philox g) const {
        require(n == 0 || items_ > 0, "replay::uniform_with_replacement: ", n, " items asked, there are none");
        const detail::item_bits bits(g);
        std::vector<std::uint32_t> drawn(n);
        for (std::size_t t = 0; t < n; ++t) {
            philox own = bits.generator(t);
            drawn[t] = static_cast<std::uint32_t>(uniform_index(own, items_));
        }
        return drawn;
    }

    /// How likely a draw of n holds a given item at least once.
    [[nodiscard]] double inclusion_probability(std::size_t n) const {
        if (items_ == 0) return 0;
        return 1 - std::pow(1 - 1 / static_cast<double>(items_), static_cast<double>(n));
    }

  private:
    std::size_t items_;
};

/// The first n items in their order: what TRACE replays.
class head {
  public:
    static constexpr bool with_replacement = false;

    /// @throw invalid_argument if there are 2^32 items or more
    explicit head(std::size_t items) : items_(items) { detail::check_count("head", items); }

    [[nodiscard]] std::size_t size() const { return items_; }

    /// @throw invalid_argument if n > size()
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, philox) const {
        require(n <= items_, "replay::head: ", n, " items asked, there are ", items_);
        std::vector<std::uint32_t> drawn(n);
        for (std::size_t i = 0; i < n; ++i) drawn[i] = static_cast<std::uint32_t>(i);
        return drawn;
    }

  private:
    std::size_t items_;
};

static_assert(sampler<uniform_without_replacement> && sampler<uniform_with_replacement> && sampler<head> &&
              sampler<weighted_without_replacement> && sampler<alias_table>);

}  // namespace holdfast::replay
