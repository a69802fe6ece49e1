#pragma once
// Weighted with replacement, by Vose's alias table: O(1) a draw. Builds on item_bits.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/item_bits.hpp>
#include <holdfast/replay/sampler_checks.hpp>
#include <holdfast/replay/smallest_keys.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::replay {

/// Weighted with replacement in O(1) a draw, after O(size) to build (Vose's alias table).
///
/// The odds are integers out of 2^32 per column, so that a draw needs no floating point and has the same bits anywhere;
/// each probability is off by less than 2^-32 / size.
///
/// @see  Vose 1991, "A linear algorithm for generating random numbers with a given distribution"
class alias_table {
  public:
    static constexpr bool with_replacement = true;

    /// @param weights [size] finite, at least 0, with a sum above 0; any scale
    /// @throw invalid_argument for a weight that is negative, infinite or NaN, or if all are 0
    explicit alias_table(std::span<const double> weights) {
        detail::check_weights("alias_table", weights);
        const std::size_t n = weights.size();
        double largest = 0;
        for (const double w : weights) largest = std::max(largest, w);
        require(largest > 0, "replay::alias_table: at least one weight must be above 0, all ", n, " are 0");
        double sum = 0;  // of weights over the largest: neither overflows nor vanishes
        for (const double w : weights) sum += w / largest;
        columns_.resize(n);
        std::vector<double> left(n);
        std::vector<std::uint32_t> light, heavy;
        for (std::size_t i = 0; i < n; ++i) {
            left[i] = weights[i] / largest / sum * static_cast<double>(n);
            (left[i] < 1 ? light : heavy).push_back(static_cast<std::uint32_t>(i));
        }
        while (!light.empty() && !heavy.empty()) {
            const std::uint32_t s = light.back(), l = heavy.back();
            light.pop_back();
            columns_[s] = {threshold(left[s]), l};
            left[l] -= 1.0 - left[s];
            if (left[l] < 1) {
                heavy.pop_back();
                light.push_back(l);
            }
        }
        // What is left over is full up to rounding; an item of weight 0 never is, it would have met a heavy one.
        for (const std::uint32_t i : heavy) columns_[i] = {0, i};
        for (const std::uint32_t i : light) columns_[i] = {0, weights[i] > 0 ? i : heaviest(weights)};
    }

    [[nodiscard]] std::size_t size() const { return columns_.size(); }

    /// A column as it lies in a table elsewhere: its odds out of 2^32 in the high half, the other item in the low one.
    [[nodiscard]] std::uint64_t column(std::size_t c) const {
        require(c < size(), "replay::alias_table: there are ", size(), " columns, asked for column ", c);
        return static_cast<std::uint64_t>(columns_[c].threshold) << 32 | columns_[c].other;
    }

    /// How likely one draw is `item`, as the table holds it: a multiple of 2^-32 / size.
    /// @throw invalid_argument if there is no such item
    /// @cost  O(size)
    [[nodiscard]] double probability(std::size_t item) const {
        require(item < size(), "replay::alias_table: there are ", size(), " items, asked for item ", item);
        double parts = 0;
        for (std::size_t c = 0; c < size(); ++c) {
            const double own = columns_[c].threshold;
            if (c == item) parts += columns_[c].other == c ? 0x1p32 : own;
            if (c != item && columns_[c].other == item) parts += 0x1p32 - own;
        }
        return parts * 0x1p-32 / static_cast<double>(size());
    }
    /// How likely n draws hold `item` at least once.
    [[nodiscard]] double inclusion_probability(std::size_t item, std::size_t n) const {
        return 1 - std::pow(1 - probability(item), static_cast<double>(n));
    }

    /// @return [n] items; draw number t depends on the generator and t alone
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, philox g) const {
        const detail::item_bits bits(g);
        std::vector<std::uint32_t> drawn(n);
        parallel_chunks(n, detail::key_grain, [&](std::size_t begin, std::size_t end, std::size_t) {
            std::uint64_t words[256];
            for (std::size_t first = begin; first < end; first += 256) {
                const std::size_t some = std::min<std::size_t>(256, end - first);
                bits.words(first, {words, some});
                for (std::size_t t = 0; t < some; ++t) drawn[first + t] = pick(words[t]);
            }
        });
        return drawn;
    }

    /// The item that 64 random bits name: the high product chooses the column, what is left of it the side.
    [[nodiscard]] std::uint32_t pick(std::uint64_t bits) const {
        const std::uint64_t high = bits >> 32, low = bits & 0xffffffffu;
        const std::uint64_t n = columns_.size();
        // bits / 2^64 * n in 96-bit fixed point: whole part the column, next 32 bits the coin.
        const std::uint64_t product = high * n + (low * n >> 32);
        const auto column = static_cast<std::size_t>(product >> 32);
        const std::uint64_t coin = product & 0xffffffffu;
        const entry e = columns_[column];  // both sides at hand: a choice without a branch, which would be a guess
        const auto own = static_cast<std::uint32_t>(column);
        return e.other ^ ((own ^ e.other) & (0u - static_cast<std::uint32_t>(coin < e.threshold)));
    }

  private:
    struct entry {                    // a full column names itself on both sides
        std::uint32_t threshold = 0;  // out of 2^32
        std::uint32_t other = 0;
    };

    static std::uint32_t threshold(double share) {
        return static_cast<std::uint32_t>(std::min(share * 0x1p32 + 0.5, 4294967295.0));
    }
    static std::uint32_t heaviest(std::span<const double> weights) {
        return static_cast<std::uint32_t>(std::max_element(weights.begin(), weights.end()) - weights.begin());
    }

    std::vector<entry> columns_;
};

}  // namespace holdfast::replay
