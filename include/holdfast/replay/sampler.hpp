#pragma once
// Samplers over 0 .. size-1: uniform, the first ones, weighted without replacement, alias table.
// Every draw is a function of the generator's (seed, stream, position) and of the item: item i has its own block of
// random bits, so the result is the same for any number of threads, any shard order and after a resume. Builds on
// item_bits.hpp and smallest_keys.hpp. Leaves out streams of unknown length (reservoir.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/item_bits.hpp>
#include <holdfast/replay/smallest_keys.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
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

namespace detail {

inline void check_count(std::string_view what, std::size_t items) {
    require(items < std::numeric_limits<std::uint32_t>::max(), "replay::", what, ": fewer than 2^32 items, got ",
            items);
}

inline void check_weights(std::string_view what, std::span<const double> weights) {
    check_count(what, weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i)
        require(weights[i] >= 0 && weights[i] < std::numeric_limits<double>::infinity(), "replay::", what,
                ": a weight is a finite number of at least 0, weight ", i, " is ", weights[i]);
}

}  // namespace detail

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

/// Items and how likely each was to be drawn.
struct weighted_draw {
    std::vector<std::uint32_t> items = {};
    std::vector<double> probability = {};
};

/// Weighted without replacement: as if items were taken one after the other, each time with probability proportional
/// to the weights of those that are left (Gumbel top-k, in the form of exponential keys).
///
///     key_i = E_i / w_i,  E_i exponential;  the n smallest keys, smallest first
///
/// E_i depends on (generator, i) alone, so a draw is the same in any order, and two shards merge by their keys. Weight
/// 0 is never drawn. draw(n) is the beginning of draw(n + 1).
///
/// @see  Efraimidis & Spirakis 2006, "Weighted random sampling with a reservoir"; Vieira 2014, Gumbel-max trick
class weighted_without_replacement {
  public:
    static constexpr bool with_replacement = false;

    /// @param weights [size] finite, at least 0, any scale
    /// @throw invalid_argument for a weight that is negative, infinite or NaN
    explicit weighted_without_replacement(std::span<const double> weights)
        : weights_(weights.begin(), weights.end()), bounds_(weights_) {
        detail::check_weights("weighted_without_replacement", weights_);
        positive_ =
            static_cast<std::size_t>(std::count_if(weights_.begin(), weights_.end(), [](double w) { return w > 0; }));
    }

    [[nodiscard]] std::size_t size() const { return weights_.size(); }
    /// How many items can be drawn: those whose weight is above 0.
    [[nodiscard]] std::size_t positive() const { return positive_; }

    /// @return [n] different items in the order in which a sequential draw would take them
    /// @throw  invalid_argument if n is more than the items whose weight is above 0
    /// @cost   O(size + n log n)
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, philox g) const {
        require(n <= positive_, "replay::weighted_without_replacement: ", n, " items asked, ", positive_, " of ",
                weights_.size(), " have a weight above 0");
        auto drawn = smallest_keys(n, likely_cut(n), g);
        if (drawn.size() < n) drawn = smallest_keys(n, std::numeric_limits<double>::infinity(), g);
        return drawn;
    }

    /// n items as draw() gives them, each with the chance of its being among them given the keys of all others: what
    /// Horvitz and Thompson divide by. sum(x_i / probability_i) over the draw is sum(x_i) over all items on average.
    ///
    /// @throw invalid_argument if n is more than the items whose weight is above 0
    /// @see   Cohen & Kaplan 2007, "Summarizing data using bottom-k sketches"
    [[nodiscard]] weighted_draw draw_with_probability(std::size_t n, philox g) const {
        weighted_draw made;
        made.items = draw(n, g);
        made.probability.assign(n, 1.0);
        if (n == positive_) return made;  // all there is
        const detail::item_bits bits(g);
        const std::uint32_t next = draw(n + 1, g).back();
        const double cut = -portable_log(detail::item_bits::open(bits.word(next))) / weights_[next];
        for (std::size_t i = 0; i < n; ++i) made.probability[i] = 1 - portable_exp(-weights_[made.items[i]] * cut);
        return made;
    }

    /// A key that somewhat more than n are likely to be below, from some of the weights. Only the time depends on it.
    [[nodiscard]] double likely_cut(std::size_t n) const {
        const std::size_t looked = std::clamp<std::size_t>(weights_.size() / 256, 128, 1024);
        const double spare = 4 / std::sqrt(static_cast<double>(looked)), asked = static_cast<double>(n);
        const double wanted = (1 + spare) * asked + 6 * std::sqrt(asked) + 32;
        const std::size_t step = std::max<std::size_t>(1, weights_.size() / looked);
        const double scale = static_cast<double>(step);
        if (wanted * 2 > static_cast<double>(positive_)) return std::numeric_limits<double>::infinity();
        double cut = 0;
        for (int newton = 0; newton < 5; ++newton) {  // sum of 1 - exp(-w cut) = wanted, from below
            double below = 0, slope = 0;
            for (std::size_t i = 0; i < weights_.size(); i += step) {
                const double rest = std::exp(-weights_[i] * cut);
                below += 1 - rest;
                slope += weights_[i] * rest;
            }
            if (!(slope > 0)) return std::numeric_limits<double>::infinity();
            const double step_up = (wanted - scale * below) / (scale * slope);
            cut += step_up;
            if (!(step_up > cut * 1e-3)) break;
        }
        return cut > 0 ? cut : std::numeric_limits<double>::infinity();
    }

    /// @throw invalid_argument if there is no such item
    [[nodiscard]] double weight(std::size_t item) const {
        require(item < size(), "replay::weighted_without_replacement: there are ", size(), " items, asked for item ",
                item);
        return weights_[item];
    }

  private:
    /// The n smallest keys of those up to `cut`.
    [[nodiscard]] std::vector<std::uint32_t> smallest_keys(std::size_t n, double cut, const philox& g) const {
        const detail::item_bits bits(g);
        return detail::smallest_of(weights_.size(), n, cut,
                                   [&](std::size_t first, std::size_t count, detail::likely_items& here, auto& kept) {
                                       here.find(bits, first, count, bounds_.at_most(kept.cut(), weights_.data()));
                                       here.make_keys(weights_.data());
                                       for (std::size_t c = 0; c < here.size(); ++c)
                                           if (weights_[here.item(c)] > 0) kept.offer(here.key(c), here.item(c));
                                   });
    }

    std::vector<double> weights_;
    detail::weight_bounds bounds_;
    std::size_t positive_ = 0;
};

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

static_assert(sampler<uniform_without_replacement> && sampler<uniform_with_replacement> && sampler<head> &&
              sampler<weighted_without_replacement> && sampler<alias_table>);

}  // namespace holdfast::replay
