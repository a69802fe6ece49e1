#pragma once
// Weighted without replacement. Item i has its own block of random bits, so the result is the same for any number of
// threads, any shard order and after a resume. Builds on smallest_keys.hpp. Leaves out streams of unknown length
// (reservoir.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/item_bits.hpp>
#include <holdfast/replay/likely_items.hpp>
#include <holdfast/replay/sampler_checks.hpp>
#include <holdfast/replay/smallest_keys.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::replay {

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

}  // namespace holdfast::replay
