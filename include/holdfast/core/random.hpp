#pragma once
// Same seed, same numbers, on any platform and any number of threads: a counter-based generator and our own draws.
// std::uniform_int_distribution, std::normal_distribution and std::shuffle differ between standard libraries, so none
// of them is used anywhere in holdfast.

#include <holdfast/core/config.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/portable_math.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace holdfast {

/// A source of random bits: ours, or any of the standard's engines whose range is all of 32 or 64 bits.
/// 1. g()            the next word, every value of its type equally likely
/// 2. G::min(), G::max()   0 and all ones
template <class G>
concept uniform_random_generator = requires(G& g) {
    { g() } -> std::unsigned_integral;
    requires G::min()
    == 0;
    requires G::max()
    == 0xffffffffu || G::max() == 0xffffffffffffffffu;
};

/// Philox4x32-10: the word at a position is a function of (seed, stream, position) alone.
///
///     word 4k+i of stream s under seed = block({k_low, k_high, s_low, s_high}, {seed_low, seed_high})[i]
///
/// So philox{seed, task, epoch, item} is an independent sequence for every item, made in O(1), the same on one thread
/// or many and after a resume. Up to one stream word is used as it is; more are mixed into one of 64 bits.
///
/// @determinism  the same bits on every platform, host and device
/// @see  Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; known answers of Random123
class philox {
  public:
    using result_type = std::uint32_t;
    using counter_type = std::array<std::uint32_t, 4>;
    using key_type = std::array<std::uint32_t, 2>;

    /// @param seed    the key
    /// @param words   what the sequence is for (task, epoch, item ...); none is stream 0
    template <std::convertible_to<std::uint64_t>... Words>
    explicit constexpr philox(std::uint64_t seed, Words... words) : seed_(seed) {
        constexpr std::size_t n = sizeof...(Words);
        if constexpr (n == 1)
            stream_ = (static_cast<std::uint64_t>(words), ...);
        else if constexpr (n > 1)
            ((stream_ = mix(stream_ ^ mix(static_cast<std::uint64_t>(words) + 0x9e3779b97f4a7c15ULL))), ...);
    }

    [[nodiscard]] static constexpr result_type min() { return 0; }
    [[nodiscard]] static constexpr result_type max() { return 0xffffffffu; }

    constexpr result_type operator()() {
        const auto lane = static_cast<std::size_t>(position_ & 3);
        if (lane == 0 || !filled_) {
            block_ = block({low(position_ >> 2), high(position_ >> 2), low(stream_), high(stream_)},
                           {low(seed_), high(seed_)});
            filled_ = true;
        }
        ++position_;
        return block_[lane];
    }

    /// Skips n words in O(1).
    constexpr void discard(std::uint64_t n) {
        position_ += n;
        filled_ = false;
    }

    [[nodiscard]] constexpr std::uint64_t seed() const { return seed_; }
    [[nodiscard]] constexpr std::uint64_t stream() const { return stream_; }
    /// How many words were drawn; with seed and stream the whole state.
    [[nodiscard]] constexpr std::uint64_t position() const { return position_; }

    /// An independent generator for part `word` of what this one is for; this one does not move.
    [[nodiscard]] constexpr philox split(std::uint64_t word) const { return philox(seed_, stream_, word, 0x5eedULL); }

    /// The bijection itself: ten rounds over one counter.
    static constexpr counter_type block(counter_type counter, key_type key) {
        for (int round = 0; round < 10; ++round) {
            const std::uint64_t a = 0xd2511f53ULL * counter[0];
            const std::uint64_t b = 0xcd9e8d57ULL * counter[2];
            counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
                       static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
            key[0] += 0x9e3779b9u;
            key[1] += 0xbb67ae85u;
        }
        return counter;
    }

    friend constexpr bool operator==(const philox& a, const philox& b) {
        return a.seed_ == b.seed_ && a.stream_ == b.stream_ && a.position_ == b.position_;
    }

  private:
    static constexpr std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
    static constexpr std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

    static constexpr std::uint64_t mix(std::uint64_t x) {  // the finaliser of SplitMix64
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
        return x ^ (x >> 31);
    }

    std::uint64_t seed_ = 0, stream_ = 0, position_ = 0;
    counter_type block_{};
    bool filled_ = false;
};

static_assert(uniform_random_generator<philox>);

namespace detail {

template <uniform_random_generator G>
std::uint64_t word64(G& g) {
    if constexpr (G::max() == 0xffffffffffffffffu) {
        return g();
    } else {
        const std::uint64_t high = g();
        return high << 32 | g();
    }
}

}  // namespace detail

/// Uniform in [0, 1), a multiple of 2^-53.
template <uniform_random_generator G>
[[nodiscard]] double uniform(G& g) {
    return static_cast<double>(detail::word64(g) >> 11) * 0x1p-53;
}

/// Uniform in (0, 1): never 0, so that its logarithm is finite.
template <uniform_random_generator G>
[[nodiscard]] double uniform_open(G& g) {
    return (static_cast<double>(detail::word64(g) >> 12) + 0.5) * 0x1p-52;
}

/// Uniform over 0 .. n-1, without bias (rejection).
/// @throw invalid_argument if n is 0
template <uniform_random_generator G>
[[nodiscard]] std::size_t uniform_index(G& g, std::size_t n) {
    require(n > 0, "uniform_index: nothing to choose from, n is 0");
    const std::uint64_t bound = n;
    const std::uint64_t reject_below = (0 - bound) % bound;  // 2^64 mod n
    std::uint64_t x = detail::word64(g);
    while (x < reject_below) x = detail::word64(g);
    return static_cast<std::size_t>(x % bound);
}

/// Standard normal (Box and Muller, the cosine half; the other half is not kept, so a draw has no hidden state).
template <uniform_random_generator G>
[[nodiscard]] double normal(G& g) {
    const double radius = std::sqrt(-2.0 * portable_log(uniform_open(g)));
    return radius * detail::portable_half_turn(2.0 * uniform(g)).cos;
}

/// Exponential with mean 1.
template <uniform_random_generator G>
[[nodiscard]] double exponential(G& g) {
    return -portable_log(uniform_open(g));
}

/// Standard Gumbel: the largest of log(w_i) + gumbel() falls on i with probability w_i / sum(w).
template <uniform_random_generator G>
[[nodiscard]] double gumbel(G& g) {
    return -portable_log(exponential(g));
}

/// Fisher-Yates from the last place down: every order equally likely.
template <class T, std::size_t Extent, uniform_random_generator G>
void shuffle(std::span<T, Extent> values, G& g) {
    for (std::size_t i = values.size(); i > 1; --i) {
        using std::swap;
        swap(values[i - 1], values[uniform_index(g, i)]);
    }
}

}  // namespace holdfast
