#pragma once
// Samplers over 0 .. size-1: uniform, the first ones, weighted without replacement, alias table.
// Every draw is a function of the generator's (seed, stream, position) and of the item: item i has its own block of
// random bits, so the result is the same for any number of threads, any shard order and after a resume. Builds on core.
// Leaves out streams of unknown length (reservoir.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::replay {

/// Chooses some of a fixed number of items.
/// 1. size()                how many items there are, fewer than 2^32
/// 2. with_replacement      whether one draw may name an item twice (a static constant)
/// 3. draw(n, g)            n items, each below size(); without replacement all different. A function of (sampler, n,
/// g)
///                          alone. Asking for more than there is without replacement is refused
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

/// Random bits per item: words 2i and 2i + 1 of a stream of its own, which a generator that has moved on does not
/// share.
class item_bits {
  public:
    explicit item_bits(const philox& g) : keyed_(g.split(g.position())) {}

    /// What seed() and stream() of another one gave.
    item_bits(std::uint64_t seed, std::uint64_t stream) : keyed_(seed, stream) {}
    [[nodiscard]] std::uint64_t seed() const { return keyed_.seed(); }
    [[nodiscard]] std::uint64_t stream() const { return keyed_.stream(); }

    /// 64 bits, a function of the generator and of `item`.
    [[nodiscard]] std::uint64_t word(std::uint64_t item) const {
        const philox::counter_type block = philox::block(counter(item / 2), key());
        return item % 2 ? join(block[2], block[3]) : join(block[0], block[1]);
    }

    /// word(first), word(first + 1) ...; eight blocks at a time, in loops that compilers turn into vectors.
    void words(std::uint64_t first, std::span<std::uint64_t> to) const {
        std::uint64_t* const out = to.data();
        const std::size_t n = to.size();
        std::size_t i = 0;
        if (first % 2 && n > 0) out[i++] = word(first);
        constexpr std::size_t lanes = 8;
        for (; i + 2 * lanes <= n; i += 2 * lanes) {
            std::uint32_t c0[lanes], c1[lanes], c2[lanes], c3[lanes];
            for (std::size_t l = 0; l < lanes; ++l) {
                const philox::counter_type c = counter((first + i) / 2 + l);
                c0[l] = c[0], c1[l] = c[1], c2[l] = c[2], c3[l] = c[3];
            }
            philox::key_type k = key();
            for (int round = 0; round < 10; ++round) {
                for (std::size_t l = 0; l < lanes; ++l) {
                    const std::uint64_t a = 0xd2511f53ULL * c0[l], b = 0xcd9e8d57ULL * c2[l];
                    const auto b_high = static_cast<std::uint32_t>(b >> 32);
                    const auto a_high = static_cast<std::uint32_t>(a >> 32);
                    c0[l] = b_high ^ c1[l] ^ k[0];
                    c1[l] = static_cast<std::uint32_t>(b);
                    c2[l] = a_high ^ c3[l] ^ k[1];
                    c3[l] = static_cast<std::uint32_t>(a);
                }
                k[0] += 0x9e3779b9u;
                k[1] += 0xbb67ae85u;
            }
            for (std::size_t l = 0; l < lanes; ++l) {
                out[i + 2 * l] = join(c0[l], c1[l]);
                out[i + 2 * l + 1] = join(c2[l], c3[l]);
            }
        }
        for (; i < n; ++i) out[i] = word(first + i);
    }

    /// The 52 bits of a word as a number in (0, 1), as uniform_open makes it.
    [[nodiscard]] static double open(std::uint64_t word) { return (static_cast<double>(word >> 12) + 0.5) * 0x1p-52; }

    /// A generator for `item` that may draw any number of words.
    [[nodiscard]] philox generator(std::uint64_t item) const { return keyed_.split(item); }

  private:
    static std::uint64_t join(std::uint32_t high, std::uint32_t low) {
        return static_cast<std::uint64_t>(high) << 32 | low;
    }
    [[nodiscard]] philox::counter_type counter(std::uint64_t block) const {
        return {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                static_cast<std::uint32_t>(keyed_.stream()), static_cast<std::uint32_t>(keyed_.stream() >> 32)};
    }
    [[nodiscard]] philox::key_type key() const {
        return {static_cast<std::uint32_t>(keyed_.seed()), static_cast<std::uint32_t>(keyed_.seed() >> 32)};
    }

    philox keyed_;
};

/// Keeps the n smallest of the (key, item) pairs it is shown, in whatever order; O(1) per pair on average.
template <class Key>
class smallest {
  public:
    explicit smallest(std::size_t n, Key largest) : n_(n), cut_(largest) {}

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
    [[nodiscard]] std::vector<std::uint32_t> items() {
        if (kept_.size() > n_) shrink();
        std::sort(kept_.begin(), kept_.end());
        std::vector<std::uint32_t> chosen;
        for (const auto& [key, item] : kept_) chosen.push_back(item);
        return chosen;
    }

  private:
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

inline constexpr std::size_t key_grain = std::size_t{1} << 16;

/// The n items with the smallest keys. look(bits of 256 items or fewer, first item, where to offer them) makes the
/// keys.
///
/// Whichever worker looks at a chunk adds to a list of its own: which list an item meets is chance, the n smallest of
/// all pairs are not.
template <class Key, class Look>
std::vector<std::uint32_t> smallest_of(std::size_t items, std::size_t n, Key largest, const item_bits& bits,
                                       Look look) {
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
        std::uint64_t words[256];
        for (std::size_t first = begin; first < end; first += 256) {
            const std::span<std::uint64_t> some(words, std::min<std::size_t>(256, end - first));
            bits.words(first, some);
            look(std::span<const std::uint64_t>(some), first, kept);
        }
        const std::lock_guard lock(guard);
        idle.push_back(std::move(kept));
    });
    for (std::size_t i = 1; i < idle.size(); ++i) idle[0].take(idle[i]);
    return idle.at(0).items();
}

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
        const detail::item_bits bits(g);
        return detail::smallest_of(items_, n, std::numeric_limits<std::uint64_t>::max(), bits,
                                   [](std::span<const std::uint64_t> words, std::size_t first, auto& kept) {
                                       for (std::size_t i = 0; i < words.size(); ++i)
                                           kept.offer(words[i], static_cast<std::uint32_t>(first + i));
                                   });
    }

    /// How likely a draw of n holds a given item.
    [[nodiscard]] double inclusion_probability(std::size_t n) const {
        return items_ == 0 ? 0.0 : static_cast<double>(std::min(n, items_)) / static_cast<double>(items_);
    }

  private:
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
    explicit weighted_without_replacement(std::span<const double> weights) : weights_(weights.begin(), weights.end()) {
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
        const detail::item_bits bits(g);
        return detail::smallest_of(weights_.size(), n, std::numeric_limits<double>::infinity(), bits,
                                   [&](std::span<const std::uint64_t> words, std::size_t first, auto& kept) {
                                       for (std::size_t i = 0; i < words.size(); ++i) {
                                           const double u = detail::item_bits::open(words[i]), w = weights_[first + i];
                                           // -log u > 1 - u: most are out without a logarithm
                                           if (w == 0 || (1.0 - u) * (1 - 1e-14) > kept.cut() * w) continue;
                                           kept.offer(-portable_log(u) / w, static_cast<std::uint32_t>(first + i));
                                       }
                                   });
    }

  private:
    std::vector<double> weights_;
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
        return coin < columns_[column].threshold ? static_cast<std::uint32_t>(column) : columns_[column].other;
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
