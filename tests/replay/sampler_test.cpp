// Every sampler: the law it claims (chi-square at fixed seeds), no repeats, the same draw for any number of threads,
// and sequences that must not change between versions.

#include "support/test.hpp"

#include <holdfast/core/parallel.hpp>
#include <holdfast/replay/sampler.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "replay/chi_square.hpp"

namespace replay = holdfast::replay;
using holdfast::philox;
using ids = std::vector<std::uint32_t>;

namespace {

bool all_different(const ids& drawn) {
    return std::set<std::uint32_t>(drawn.begin(), drawn.end()).size() == drawn.size();
}

}  // namespace

TEST_CASE("a uniform draw without replacement holds every item equally often and none twice") {
    const replay::uniform_without_replacement sampler(12);
    for (const std::size_t n : {1u, 5u, 11u}) {
        std::vector<std::size_t> counts(12, 0), first(12, 0);
        for (std::uint64_t trial = 0; trial < 20000; ++trial) {
            const ids drawn = sampler.draw(n, philox{7, trial});
            REQUIRE(drawn.size() == n);
            REQUIRE(all_different(drawn));
            for (const auto i : drawn) ++counts[i];
            ++first[drawn[0]];
        }
        CHECK(holdfast_test::inclusion_misfit(counts, n, 20000) < 1);
        CHECK(holdfast_test::misfit(first, std::vector<double>(12, 1.0 / 12)) < 1);
        CHECK(sampler.inclusion_probability(n) == Approx(static_cast<double>(n) / 12));
    }
    CHECK(sampler.draw(0, philox{1}).empty());
    ids everything = sampler.draw(12, philox{1});
    std::sort(everything.begin(), everything.end());
    CHECK(everything == ids{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
}

TEST_CASE("a uniform draw with replacement takes every item equally often") {
    std::vector<std::size_t> counts(7, 0);
    for (const auto i : replay::uniform_with_replacement(7).draw(70000, philox{3})) ++counts[i];
    CHECK(holdfast_test::misfit(counts, std::vector<double>(7, 1.0 / 7)) < 1);
}

TEST_CASE("a weighted draw without replacement has the law of taking one after the other") {
    const std::vector<double> w{0.5, 3, 0, 1, 2.5};
    const replay::weighted_without_replacement sampler(w);
    std::vector<std::size_t> pairs(25, 0);
    for (std::uint64_t trial = 0; trial < 50000; ++trial) {
        const ids drawn = sampler.draw(2, philox{19, trial});
        ++pairs[drawn[0] * 5 + drawn[1]];
    }
    CHECK(holdfast_test::misfit(pairs, holdfast_test::ordered_pairs(w)) < 1);
    CHECK(sampler.positive() == 4);
}

TEST_CASE("the alias table draws in proportion to the weights") {
    const std::vector<double> w{0.5, 3, 0, 1, 2.5, 1e-9, 7};
    std::vector<double> p;
    for (const double x : w) p.push_back(x / 14.000000001);
    p[5] = 0;
    std::vector<std::size_t> counts(7, 0);
    for (const auto i : replay::alias_table(w).draw(200000, philox{23})) ++counts[i];
    CHECK(holdfast_test::misfit(counts, p) < 1);
    for (const auto i : replay::alias_table(std::vector<double>{0, 5}).draw(1000, philox{1})) REQUIRE(i == 1);
    for (const auto i : replay::alias_table(std::vector<double>{1e300, 1e300, 0}).draw(1000, philox{1})) REQUIRE(i < 2);
}

TEST_CASE("the alias table is exact over all bits") {
    // pick() is monotone within a column: walk the 64-bit range evenly and count.
    const std::vector<double> w{1, 2, 3, 4, 6};
    const replay::alias_table table(w);
    std::vector<std::size_t> counts(5, 0);
    constexpr std::uint64_t steps = 1 << 20;
    for (std::uint64_t i = 0; i < steps; ++i) ++counts[table.pick(i << 44 | 1ULL << 43)];
    for (std::size_t i = 0; i < 5; ++i)
        CHECK(static_cast<double>(counts[i]) / steps == Approx(w[i] / 16).margin(16.0 / steps));
}

TEST_CASE("a smaller draw is the beginning of a larger one") {
    std::vector<double> w(50);
    for (std::size_t i = 0; i < 50; ++i) w[i] = static_cast<double>(i % 7);
    const replay::weighted_without_replacement weighted(w);
    const replay::uniform_without_replacement uniform(50);
    const ids all = weighted.draw(weighted.positive(), philox{2}), every = uniform.draw(50, philox{2});
    for (std::size_t n = 0; n <= weighted.positive(); ++n) {
        CHECK(weighted.draw(n, philox{2}) == ids(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n)));
        CHECK(uniform.draw(n, philox{2}) == ids(every.begin(), every.begin() + static_cast<std::ptrdiff_t>(n)));
    }
}

TEST_CASE("draws do not depend on the number of threads") {
    std::vector<double> w(100000);
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = 1.0 + static_cast<double>(i % 1000);
    const auto all_draws = [&] {
        std::vector<ids> drawn;
        drawn.push_back(replay::draw(replay::weighted_without_replacement(w), 500, philox{1, 2}));
        drawn.push_back(replay::draw(replay::uniform_without_replacement(w.size()), 500, philox{1, 2}));
        drawn.push_back(replay::draw(replay::uniform_with_replacement(w.size()), 500, philox{1, 2}));
        drawn.push_back(replay::draw(replay::alias_table(w), 50000, philox{1, 2}));
        return drawn;
    };
    holdfast::set_threads(1);
    const auto one = all_draws();
    for (const unsigned n : {2u, 5u}) {
        holdfast::set_threads(n);
        CHECK(all_draws() == one);
    }
    holdfast::set_threads(0);
}

TEST_CASE("a draw is a function of the generator's place: another seed, stream or position is another draw") {
    const replay::uniform_without_replacement sampler(1000);
    const ids base = sampler.draw(20, philox{1, 2});
    CHECK(sampler.draw(20, philox{1, 2}) == base);
    CHECK(sampler.draw(20, philox{2, 2}) != base);
    CHECK(sampler.draw(20, philox{1, 3}) != base);
    philox moved{1, 2};
    moved.discard(4);
    CHECK(sampler.draw(20, moved) != base);
}

TEST_CASE("known draws, which later versions repeat") {
    // The same numbers come from twenty lines of Python written from the comments of random.hpp and sampler.hpp.
    const std::vector<double> w{1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(replay::draw(replay::uniform_without_replacement(100), 6, philox{42}) == ids{5, 99, 76, 44, 86, 96});
    CHECK(replay::draw(replay::uniform_with_replacement(100), 6, philox{42}) == ids{22, 85, 28, 86, 25, 77});
    CHECK(replay::draw(replay::weighted_without_replacement(w), 6, philox{42}) == ids{7, 6, 0, 3, 4, 1});
    CHECK(replay::draw(replay::alias_table(w), 6, philox{42}) == ids{7, 7, 6, 4, 6, 0});
    CHECK(replay::draw(replay::head(100), 3, philox{42}) == ids{0, 1, 2});
}

TEST_CASE("samplers refuse what they cannot give") {
    using weights = std::vector<double>;
    CHECK_REFUSES(replay::uniform_without_replacement(3).draw(4, philox{1}),
                  "replay::uniform_without_replacement: 4 items asked, there are 3");
    CHECK_REFUSES(replay::uniform_with_replacement(0).draw(1, philox{1}),
                  "replay::uniform_with_replacement: 1 items asked, there are none");
    CHECK_REFUSES(replay::head(3).draw(4, philox{1}), "replay::head: 4 items asked, there are 3");
    CHECK_REFUSES(replay::weighted_without_replacement(weights{1, 0, 2}).draw(3, philox{1}),
                  "replay::weighted_without_replacement: 3 items asked, 2 of 3 have a weight above 0");
    CHECK_REFUSES(replay::weighted_without_replacement(weights{1, -1}),
                  "replay::weighted_without_replacement: a weight is a finite number of at least 0, weight 1 is -1");
    CHECK_REFUSES(replay::alias_table(weights{std::numeric_limits<double>::quiet_NaN()}),
                  "replay::alias_table: a weight is a finite number of at least 0, weight 0 is nan");
    CHECK_REFUSES(replay::alias_table(weights{0, 0}),
                  "replay::alias_table: at least one weight must be above 0, all 2 are 0");
    for (const std::size_t many : {std::size_t{0xffffffff}, std::size_t{1} << 40}) {
        CHECK_REFUSES(replay::uniform_without_replacement(many), "fewer than 2^32 items");
        CHECK_REFUSES(replay::uniform_with_replacement(many), "fewer than 2^32 items");
        CHECK_REFUSES(replay::head(many), "fewer than 2^32 items");
    }
    CHECK(replay::uniform_with_replacement(0).draw(0, philox{1}).empty());
}

TEST_CASE("many words at once are the words one by one, wherever they begin and end") {
    const replay::detail::item_bits bits(philox{42, 7});
    for (const std::uint64_t first : {0ULL, 1ULL, 6ULL, 0x1fffffff0ULL, 0xfffffffffULL})
        for (const std::size_t n : {0u, 1u, 2u, 15u, 64u, 65u, 150u, 333u}) {
            std::vector<std::uint64_t> words(n);
            bits.words(first, words);
            for (std::size_t i = 0; i < n; ++i) REQUIRE(words[i] == bits.word(first + i));
        }
}

TEST_CASE("words of items in any order are the words one by one") {
    const replay::detail::item_bits bits(philox{42, 8});
    for (const std::size_t n : {0u, 1u, 7u, 8u, 21u}) {
        ids items(n);
        std::vector<std::uint64_t> words(n);
        for (std::size_t i = 0; i < n; ++i) items[i] = static_cast<std::uint32_t>(0xfffffffeu - 987654321u * i * i);
        bits.words_of(items, words.data());
        for (std::size_t i = 0; i < n; ++i) REQUIRE(words[i] == bits.word(items[i]));
    }
}

TEST_CASE("likely items: none is missed, few are named in vain, and keys have the bits of the plain form") {
    const replay::detail::item_bits bits(philox{42, 9});
    constexpr std::size_t items = 3 * replay::detail::key_block;
    std::vector<double> w(items);
    philox g{10};
    for (double& x : w) x = std::ldexp(holdfast::uniform(g), static_cast<int>(holdfast::uniform_index(g, 12)));
    w[5] = 0, w[77] = 1e-320;
    const replay::detail::weight_bounds bounds(w);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const auto found = std::make_unique<replay::detail::likely_items>(),
               plain = std::make_unique<replay::detail::likely_items>();
    std::size_t in_vain = 0, wanted = 0;
    for (const double cut : {0.0, 1e-300, 1e-5, 0.003, 0.1, 20.0, infinity})
        for (const std::size_t first : {std::size_t{0}, replay::detail::key_block, 2 * replay::detail::key_block})
            for (const std::size_t count :
                 {std::size_t{1}, std::size_t{15}, std::size_t{97}, replay::detail::key_block}) {
                const auto limit = bounds.at_most(cut, w.data());
                found->find(bits, first, count, limit);
                plain->find_plain(bits, first, count, limit);
                found->make_keys(w.data());
                plain->make_keys_plain(w.data());
                REQUIRE(found->size() == plain->size());
                for (std::size_t c = 0; c < found->size(); ++c) {
                    REQUIRE(found->item(c) == plain->item(c));
                    REQUIRE(found->word(c) == plain->word(c));
                    REQUIRE(std::bit_cast<std::uint64_t>(found->key(c)) == std::bit_cast<std::uint64_t>(plain->key(c)));
                    REQUIRE(found->word(c) == bits.word(found->item(c)));
                    in_vain += found->key(c) > cut;
                }
                std::size_t c = 0;
                for (std::size_t i = first; i < first + count; ++i) {
                    const double key = -holdfast::portable_log(replay::detail::item_bits::open(bits.word(i))) / w[i];
                    if (!(w[i] > 0) || key > cut) continue;
                    ++wanted;
                    while (c < found->size() && found->item(c) < i) ++c;
                    REQUIRE((c < found->size() && found->item(c) == i));
                }
            }
    CHECK(in_vain < wanted / 2);
}

TEST_CASE("no weighted draw misses a key: brute force over sizes and shares") {
    philox g{6};
    for (const std::size_t size : {1u, 7u, 255u, 3000u}) {
        std::vector<double> w(size);
        for (double& x : w)
            x = holdfast::uniform_index(g, 5) == 0  // a few hold nearly all the weight: a guessed cut is far off
                    ? 0.0
                    : std::ldexp(holdfast::uniform(g), static_cast<int>(holdfast::uniform_index(g, 80)));
        w[0] = 1;
        const replay::weighted_without_replacement sampler(w);
        for (std::uint64_t trial = 0; trial < 20; ++trial) {
            const replay::detail::item_bits bits(philox{3, trial});
            std::vector<std::pair<double, std::uint32_t>> keys;
            for (std::uint32_t i = 0; i < size; ++i)
                if (w[i] > 0)
                    keys.emplace_back(-holdfast::portable_log(replay::detail::item_bits::open(bits.word(i))) / w[i], i);
            std::sort(keys.begin(), keys.end());
            for (const std::size_t n : {std::size_t{1}, 1 + keys.size() / 50, keys.size()}) {
                const ids drawn = sampler.draw(n, philox{3, trial});
                for (std::size_t i = 0; i < n; ++i) REQUIRE(drawn[i] == keys[i].second);
            }
        }
    }
}

TEST_CASE("inclusion probabilities: Horvitz and Thompson's sum is right on average") {
    const std::vector<double> w{0.5, 3, 0, 1, 2.5, 4, 0.1}, x{4, 1, 9, 2, 8, 3, 5};
    const replay::weighted_without_replacement sampler(w);
    double sum = 0, square = 0;
    constexpr std::uint64_t trials = 40000;
    for (std::uint64_t trial = 0; trial < trials; ++trial) {
        const auto drawn = sampler.draw_with_probability(3, philox{8, trial});
        double estimate = 0;
        for (std::size_t i = 0; i < 3; ++i) estimate += x[drawn.items[i]] / drawn.probability[i];
        sum += estimate, square += estimate * estimate;
    }
    const double mean = sum / trials, sd = std::sqrt((square / trials - mean * mean) / trials);
    CHECK(std::abs(mean - 23) < 4 * sd);  // all but the one of weight 0
    CHECK(sd < 0.2);
    CHECK(sampler.draw_with_probability(6, philox{1}).probability == std::vector<double>(6, 1.0));

    const replay::alias_table table(w);
    double total = 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
        CHECK(table.probability(i) == Approx(w[i] / 11.1).margin(1e-9));
        total += table.probability(i);
    }
    CHECK(total == Approx(1).epsilon(1e-15));
    CHECK(table.inclusion_probability(5, 2) == Approx(1 - std::pow(1 - 4 / 11.1, 2)));
    CHECK(replay::uniform_with_replacement(5).inclusion_probability(2) == Approx(1 - 16.0 / 25));
    CHECK_REFUSES(table.probability(7), "replay::alias_table: there are 7 items, asked for item 7");
}
