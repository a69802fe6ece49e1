#pragma once
// Tests on paired scores that assume no distribution: exact sign-flip and Wilcoxon's signed ranks.
// A test knows the smallest p that so few pairs can give, and says so instead of "significant" or "not significant".
// Builds on core (random.hpp above the exact range). Needs no Boost; tests that do are in significance.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::metrics {

/// What a test of "no difference" found, two-sided.
struct test_result {
    double p = 1;           ///< chance of a difference at least as large, if there were none
    double statistic = 0;   ///< in the unit that the test's comment names
    std::string name{};     ///< "exact sign-flip test"
    std::size_t n = 0;      ///< pairs (or items) that entered
    double smallest_p = 0;  ///< the smallest p that this n can give; 0 where there is no such bound

    /// Whether so few pairs could have reached the level at all.
    [[nodiscard]] bool can_reach(double level) const { return smallest_p <= level; }

    /// "significant at 0.05", "not significant at 0.05", or that n cannot tell.
    [[nodiscard]] std::string verdict(double level = 0.05) const {
        require(level > 0 && level < 1, "metrics::test_result::verdict: a level lies between 0 and 1, got ", level);
        if (!can_reach(level))
            return sentence("cannot reach ", level, ": the smallest p that ", n, n == 1 ? " pair" : " pairs",
                            " can give is ", smallest_p);
        return sentence(p <= level ? "significant at " : "not significant at ", level);
    }
};

/// "exact sign-flip test, 7 pairs: p = 0.03125 (significant at 0.05)"
inline std::ostream& operator<<(std::ostream& out, const test_result& t) {
    return out << sentence(t.name, ", ", t.n, t.n == 1 ? " pair" : " pairs", ": p = ", t.p, " (", t.verdict(), ")");
}

namespace detail {

/// a − b, checked.
inline std::vector<double> differences(const char* function, std::span<const double> a, std::span<const double> b) {
    require(a.size() == b.size(), function, ": pairs need as many scores on either side, got ", a.size(), " and ",
            b.size());
    std::vector<double> d(a.size());
    for (std::size_t i = 0; i < d.size(); ++i) d[i] = a[i] - b[i];
    return d;
}

inline void check_finite(const char* function, std::span<const double> values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        require(std::isfinite(values[i]), function, ": value ", i, " must be finite, it is ", values[i]);
}

/// All 2^n sums of ±d, ascending: each step merges the sums less d and plus d, which are ascending themselves.
inline std::vector<double> sign_sums(std::span<const double> magnitudes) {
    std::vector<double> sums{0.0}, lower, upper;
    for (double d : magnitudes) {
        lower = sums, upper = sums;
        for (double& x : lower) x -= d;
        for (double& x : upper) x += d;
        sums.resize(2 * lower.size());
        std::merge(lower.begin(), lower.end(), upper.begin(), upper.end(), sums.begin());
    }
    return sums;
}

/// How many of the 2^n sums of ±d reach `least`, by meeting in the middle.
inline double count_reaching(std::span<const double> magnitudes, double least) {
    const std::size_t half = magnitudes.size() / 2;
    const auto a = sign_sums(magnitudes.first(half)), b = sign_sums(magnitudes.subspan(half));
    double count = 0;
    std::size_t from = b.size();  // b[from..] reach with the current a
    for (double x : a) {
        while (from > 0 && x + b[from - 1] >= least) --from;
        count += static_cast<double>(b.size() - from);
    }
    return count;
}

/// How often `resamples` random sign patterns reach `least` on either side; the same for any number of threads.
inline double count_random_reaching(std::span<const double> magnitudes, double least, std::size_t resamples,
                                    std::uint64_t seed) {
    return static_cast<double>(parallel_reduce(
        resamples, 256, std::size_t{0},
        [&](std::size_t begin, std::size_t end) {
            std::size_t hits = 0;
            for (std::size_t i = begin; i < end; ++i) {
                philox g(seed, i);  // one stream per resample, so that chunks do not matter
                double sum = 0;
                std::uint32_t bits = 0;
                for (std::size_t k = 0; k < magnitudes.size(); ++k) {
                    if (k % 32 == 0) bits = g();
                    sum += (bits >> (k % 32)) & 1u ? magnitudes[k] : -magnitudes[k];
                }
                hits += std::abs(sum) >= least;
            }
            return hits;
        },
        [](std::size_t a, std::size_t b) { return a + b; }));
}

}  // namespace detail

struct sign_flip_options {
    std::size_t exact_up_to = 40;     ///< pairs up to which all 2^n sign patterns are counted; at most 44
    std::size_t resamples = 100'000;  ///< random sign patterns above that
    std::uint64_t seed = 0;
};

/// Paired permutation test (sign-flip): is the mean difference further from 0 than flipped signs would bring it?
///
///     p = #{ s in {−1, 1}^n : |Σ s_i d_i| >= |Σ d_i| } / 2^n
///
/// Exact up to 40 pairs, by meeting in the middle; above, B random patterns and p = (k+1)/(B+1), never 0. Pairs
/// without a difference are left out, which changes nothing. Sums count as equal within 1e-11 of Σ|d|: scores are
/// decimals, their differences are not. n = 5 cannot give less than 0.0625.
///
/// @param differences  d [n]; scores of two methods on the same tasks, seeds or orders, subtracted
/// @return             statistic: the mean difference over all n
/// @throw              invalid_argument if n = 0, or a value is not finite
/// @cost               O(2^(n/2)) time and memory (8 MiB at n = 40), or O(n B), on all cores
[[nodiscard]] inline test_result sign_flip(std::span<const double> differences, const sign_flip_options& o = {}) {
    constexpr auto function = "metrics::sign_flip";
    require(!differences.empty(), function, ": needs at least one pair, got none");
    require(o.exact_up_to <= 44, function, ": exact_up_to is at most 44, got ", o.exact_up_to);
    detail::check_finite(function, differences);
    double sum = 0, total = 0;
    std::vector<double> magnitudes;
    for (double d : differences) {
        sum += d, total += std::abs(d);
        if (d != 0) magnitudes.push_back(std::abs(d));
    }
    test_result t;
    t.n = magnitudes.size();
    t.statistic = sum / static_cast<double>(differences.size());
    const double least = std::abs(sum) - 1e-11 * total;
    const double patterns = std::ldexp(1.0, static_cast<int>(std::min<std::size_t>(t.n, 1000)));
    t.smallest_p = std::min(1.0, 2 / patterns);
    if (t.n <= o.exact_up_to) {
        t.name = "exact sign-flip test";
        t.p = least <= 0 ? 1 : std::min(1.0, 2 * detail::count_reaching(magnitudes, least) / patterns);
    } else {
        require(o.resamples > 0, function, ": needs at least one resample, got 0");
        t.name = sentence("sign-flip test with ", o.resamples, " resamples");
        const double b = static_cast<double>(o.resamples) + 1;
        t.p = (detail::count_random_reaching(magnitudes, least, o.resamples, o.seed) + 1) / b;
        t.smallest_p = std::max(t.smallest_p, 1 / b);
    }
    return t;
}

/// The same for the scores of two methods, pair by pair.
/// @param a, b  [n]
[[nodiscard]] inline test_result sign_flip(std::span<const double> a, std::span<const double> b,
                                           const sign_flip_options& o = {}) {
    return sign_flip(detail::differences("metrics::sign_flip", a, b), o);
}

/// What Wilcoxon's test does with pairs that do not differ.
enum class zero_rule {
    drop,   ///< leaves them out before ranking (Wilcoxon 1945)
    pratt,  ///< ranks them, then leaves their ranks out (Pratt 1959)
    split,  ///< ranks them, and gives half of their ranks to either side
};

struct wilcoxon_options {
    zero_rule zeros = zero_rule::drop;
    std::size_t exact_up_to = 60;  ///< pairs up to which the distribution is counted out; above, the normal one
};

namespace detail {

/// Twice the ranks of the magnitudes (so that midranks are whole), ties sharing the mean rank.
inline std::vector<std::size_t> doubled_ranks(std::span<const double> values) {
    std::vector<std::size_t> order(values.size()), ranks(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
    for (std::size_t first = 0; first < order.size();) {
        std::size_t end = first + 1;
        // decimals that ought to be equal differ in their last bits once subtracted
        while (end < order.size() && values[order[end]] - values[order[first]] <= 1e-11 * values[order[end]]) ++end;
        for (std::size_t k = first; k < end; ++k) ranks[order[k]] = first + end + 1;
        first = end;
    }
    return ranks;
}

/// P(W <= w) where W is the sum of a random half of the doubled ranks, each in or out by a fair coin.
inline double rank_sum_tail(std::span<const std::size_t> ranks, std::size_t w) {
    std::size_t total = 0;
    for (std::size_t r : ranks) total += r;
    std::vector<double> chance(total + 1, 0.0);
    chance[0] = 1;
    std::size_t reached = 0;
    for (std::size_t r : ranks) {
        reached += r;
        for (std::size_t s = reached + 1; s-- > 0;) chance[s] = 0.5 * (chance[s] + (s >= r ? chance[s - r] : 0));
    }
    double tail = 0;
    for (std::size_t s = 0; s <= w && s <= total; ++s) tail += chance[s];
    return tail;
}

}  // namespace detail

/// Wilcoxon signed-rank test: are positive and negative differences of the same size?
///
/// Exact up to 60 pairs, ties included (midranks, counted out by dynamic programming); above, the normal approximation
/// with the ranks' own variance and no continuity correction.
///
/// @param differences  d [n]
/// @return             statistic: W, the smaller of the two rank sums
/// @throw              invalid_argument if n = 0, or a value is not finite
/// @cost               O(n³) where exact
/// @see                Wilcoxon 1945; Pratt 1959
[[nodiscard]] inline test_result wilcoxon(std::span<const double> differences, const wilcoxon_options& o = {}) {
    constexpr auto function = "metrics::wilcoxon";
    require(!differences.empty(), function, ": needs at least one pair, got none");
    detail::check_finite(function, differences);
    std::vector<double> kept, magnitudes;
    for (double d : differences)
        if (d != 0 || o.zeros != zero_rule::drop) kept.push_back(d), magnitudes.push_back(std::abs(d));
    const auto all = detail::doubled_ranks(magnitudes);
    std::size_t plus = 0, minus = 0, zero = 0;
    std::vector<std::size_t> ranks;
    for (std::size_t i = 0; i < kept.size(); ++i) {
        (kept[i] > 0 ? plus : kept[i] < 0 ? minus : zero) += all[i];
        if (kept[i] != 0) ranks.push_back(all[i]);
    }
    test_result t;
    t.n = ranks.size();
    const std::size_t w = std::min(plus, minus);
    t.statistic = static_cast<double>(w) / 2 + (o.zeros == zero_rule::split ? static_cast<double>(zero) / 4 : 0);
    t.smallest_p = std::min(1.0, std::ldexp(2.0, -static_cast<int>(std::min<std::size_t>(t.n, 1000))));
    if (t.n <= o.exact_up_to) {
        t.name = "exact Wilcoxon signed-rank test";
        t.p = std::min(1.0, 2 * detail::rank_sum_tail(ranks, w));
    } else {
        t.name = "Wilcoxon signed-rank test, normal approximation";
        double variance = 0;  // of the doubled sum
        for (std::size_t r : ranks) variance += static_cast<double>(r) * static_cast<double>(r) / 4;
        const double mean = static_cast<double>(plus + minus) / 2;
        t.p = std::min(1.0, std::erfc((mean - static_cast<double>(w)) / std::sqrt(2 * variance)));
    }
    return t;
}

/// The same for the scores of two methods, pair by pair.
[[nodiscard]] inline test_result wilcoxon(std::span<const double> a, std::span<const double> b,
                                          const wilcoxon_options& o = {}) {
    return wilcoxon(detail::differences("metrics::wilcoxon", a, b), o);
}

}  // namespace holdfast::metrics
