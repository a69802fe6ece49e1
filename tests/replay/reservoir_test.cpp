// Reservoirs: their law at every length of the stream, skipping, merging, and resuming from a copy at any point.

#include "support/test.hpp"

#include <holdfast/replay/balanced.hpp>
#include <holdfast/replay/reservoir.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "replay/chi_square.hpp"

namespace replay = holdfast::replay;
using holdfast::philox;
using ids = std::vector<std::uint64_t>;

namespace {

/// How often each pair {a < b} of six items is what a reservoir of two holds after them.
template <class Reservoir>
std::vector<std::size_t> pairs_of_six(std::uint64_t trials) {
    std::vector<std::size_t> counts(36, 0);
    for (std::uint64_t trial = 0; trial < trials; ++trial) {
        Reservoir reservoir(2, philox{31, trial});
        for (std::uint64_t id = 0; id < 6; ++id) reservoir.offer(id);
        ids kept = reservoir.items();
        std::sort(kept.begin(), kept.end());
        ++counts[kept[0] * 6 + kept[1]];
    }
    return counts;
}

std::vector<double> every_pair_alike() {
    std::vector<double> p(36, 0);
    for (std::size_t a = 0; a < 6; ++a)
        for (std::size_t b = a + 1; b < 6; ++b) p[a * 6 + b] = 1.0 / 15;
    return p;
}

}  // namespace

TEST_CASE("reservoirs R, L and the keyed one hold every pair equally often") {
    CHECK(holdfast_test::misfit(pairs_of_six<replay::reservoir_r>(30000), every_pair_alike()) < 1);
    CHECK(holdfast_test::misfit(pairs_of_six<replay::reservoir_l>(30000), every_pair_alike()) < 1);
    CHECK(holdfast_test::misfit(pairs_of_six<replay::keyed_reservoir>(30000), every_pair_alike()) < 1);
}

TEST_CASE("reservoir L keeps every item of a long stream equally often") {
    std::vector<std::size_t> counts(200, 0);
    for (std::uint64_t trial = 0; trial < 4000; ++trial) {
        replay::reservoir_l reservoir(10, philox{5, trial});
        for (std::uint64_t id = 0; id < 200; ++id) reservoir.offer(id);
        REQUIRE(reservoir.items().size() == 10);
        for (const auto id : reservoir.items()) ++counts[id];
    }
    CHECK(holdfast_test::inclusion_misfit(counts, 10, 4000) < 1);
}

TEST_CASE("passing over idle items changes nothing") {
    replay::reservoir_l slow(20, philox{9}), quick(20, philox{9});
    constexpr std::uint64_t n = 1'000'000;
    std::uint64_t looked = 0;
    for (std::uint64_t id = 0; id < n; ++id) slow.offer(id);
    while (quick.seen() < n) {
        const std::uint64_t pass = std::min(quick.idle(), n - quick.seen());
        quick.skip(pass);
        if (quick.seen() == n) break;
        quick.offer(quick.seen());
        ++looked;
    }
    CHECK(quick.items() == slow.items());
    CHECK(looked < 600);  // 20 (1 + ln(50000)) = 236 expected
    CHECK_REFUSES(quick.skip(quick.idle() + 1), "replay::reservoir_l::skip: ");
}

TEST_CASE("the weighted reservoir has the law of a weighted draw without replacement") {
    const std::vector<double> w{0.5, 3, 0, 1, 2.5};
    for (const bool backwards : {false, true}) {
        std::vector<std::size_t> pairs(25, 0);
        for (std::uint64_t trial = 0; trial < 50000; ++trial) {
            replay::weighted_reservoir reservoir(2, philox{41, trial});
            for (std::size_t i = 0; i < 5; ++i) {
                const std::size_t id = backwards ? 4 - i : i;
                reservoir.offer(id, w[id]);
            }
            const ids kept = reservoir.items();
            ++pairs[kept[0] * 5 + kept[1]];
        }
        CHECK(holdfast_test::misfit(pairs, holdfast_test::ordered_pairs(w)) < 1);
    }
}

TEST_CASE("the weighted reservoir copes with weights that hardly count") {
    replay::weighted_reservoir reservoir(3, philox{1});
    for (std::uint64_t id = 0; id < 1000; ++id) reservoir.offer(id, id % 2 ? 1e-300 : 1e-310);
    CHECK(reservoir.items().size() == 3);
    for (const auto id : reservoir.items()) CHECK(id % 2 == 1);
    for (std::uint64_t id = 1000; id < 1003; ++id) reservoir.offer(id, 1e300);
    ids kept = reservoir.items();
    std::sort(kept.begin(), kept.end());
    CHECK(kept == ids{1000, 1001, 1002});
}

TEST_CASE("the keyed reservoir holds what the weighted draw takes, in any order and from any shards") {
    std::vector<double> w(300);
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<double>(i % 5);
    const philox g{77, 1};
    const auto drawn = replay::draw(replay::weighted_without_replacement(w), 40, g);
    const ids expected(drawn.begin(), drawn.end());
    replay::keyed_reservoir forwards(40, g), backwards(40, g), left(40, g), right(40, g);
    for (std::uint64_t id = 0; id < 300; ++id) {
        forwards.offer(id, w[id]);
        backwards.offer(299 - id, w[299 - id]);
        (id % 3 ? left : right).offer(id, w[id]);
    }
    left.merge(right);
    CHECK(forwards.items() == expected);
    CHECK(backwards.items() == expected);
    CHECK(left.items() == expected);
    CHECK(left.seen() == 300);
    CHECK_REFUSES(left.merge(replay::keyed_reservoir(40, philox{78})), "both need the same generator");
    CHECK_REFUSES(left.merge(replay::keyed_reservoir(41, g)), "both need the same capacity, they have 40 and 41");
}

TEST_CASE("a copy at any point goes on as the original does") {
    const auto weight = [](std::uint64_t id) { return 1.0 + static_cast<double>(id % 13); };
    replay::reservoir_r r(8, philox{3});
    replay::reservoir_l l(8, philox{3});
    replay::weighted_reservoir a(8, philox{3});
    for (std::uint64_t id = 0; id < 300; ++id) r.offer(id), l.offer(id), a.offer(id, weight(id));
    for (std::uint64_t stop = 0; stop < 300; stop += 7) {
        replay::reservoir_r r1(8, philox{3});
        replay::reservoir_l l1(8, philox{3});
        replay::weighted_reservoir a1(8, philox{3});
        for (std::uint64_t id = 0; id < stop; ++id) r1.offer(id), l1.offer(id), a1.offer(id, weight(id));
        auto r2 = r1;
        auto l2 = l1;
        auto a2 = a1;
        for (std::uint64_t id = stop; id < 300; ++id) r2.offer(id), l2.offer(id), a2.offer(id, weight(id));
        REQUIRE(r2.items() == r.items());
        REQUIRE(l2.items() == l.items());
        REQUIRE(a2.items() == a.items());
    }
}

TEST_CASE("known reservoirs, which later versions repeat") {
    // The same items come from forty lines of Python written from the comments of random.hpp and reservoir.hpp.
    replay::reservoir_r r(4, philox{42});
    replay::reservoir_l l(4, philox{42});
    replay::weighted_reservoir a(4, philox{42});
    replay::keyed_reservoir k(4, philox{42});
    for (std::uint64_t id = 0; id < 1000; ++id) {
        const double w = 1.0 + static_cast<double>(id % 10);
        r.offer(id), l.offer(id), a.offer(id, w), k.offer(id, w);
    }
    CHECK(r.items() == ids{923, 699, 728, 502});
    CHECK(l.items() == ids{593, 992, 839, 589});
    CHECK(a.items() == ids{551, 129, 363, 922});
    CHECK(k.items() == ids{618, 357, 994, 714});
    replay::balanced_reservoir b(10, philox{42});  // tests/reference/replay_draws.py
    for (std::uint64_t id = 0; id < 60; ++id) b.offer(id, id % 3 == 0 ? 0 : id % 20 == 1 ? 1 : 2);
    CHECK(b.items() == ids{27, 51, 12, 9, 1, 41, 5, 44, 23, 20});
}

TEST_CASE("reservoirs of nothing keep nothing, and weights that are none are refused") {
    replay::reservoir_r r(0, philox{1});
    replay::reservoir_l l(0, philox{1});
    replay::weighted_reservoir a(0, philox{1});
    replay::keyed_reservoir k(0, philox{1});
    for (std::uint64_t id = 0; id < 10; ++id) {
        CHECK_FALSE(r.offer(id));
        CHECK_FALSE(l.offer(id));
        CHECK_FALSE(a.offer(id, 1));
        CHECK_FALSE(k.offer(id));
    }
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_REFUSES(a.offer(7, nan),
                  "replay::weighted_reservoir: a weight is a finite number of at least 0, that of item 7 is nan");
    CHECK_REFUSES(a.offer(7, -1), "that of item 7 is -1");
    CHECK_REFUSES(k.offer(7, HUGE_VAL),
                  "replay::keyed_reservoir: a weight is a finite number of at least 0, that of item 7 is inf");
}

namespace {

/// A reservoir after n items, by name of its type.
template <class Reservoir>
Reservoir filled(std::uint64_t n) {
    Reservoir reservoir(5, philox{3, 9});
    for (std::uint64_t id = 0; id < n; ++id) {
        if constexpr (requires { reservoir.offer(id, 1.0); })
            reservoir.offer(id, 1.0 + static_cast<double>(id % 3));
        else
            reservoir.offer(id);
    }
    return reservoir;
}

template <class Reservoir>
void goes_on(Reservoir& reservoir, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t id = from; id < to; ++id) {
        if constexpr (requires { reservoir.offer(id, 1.0); })
            reservoir.offer(id, 1.0 + static_cast<double>(id % 3));
        else
            reservoir.offer(id);
    }
}

template <class Reservoir>
void check_states() {
    const auto whole = filled<Reservoir>(120).state();
    for (std::uint64_t stop = 0; stop <= 120; ++stop) {
        auto resumed = Reservoir::from_state(filled<Reservoir>(stop).state());
        REQUIRE(resumed.items() == filled<Reservoir>(stop).items());
        goes_on(resumed, stop, 120);
        REQUIRE(resumed.state() == whole);
    }
    for (std::size_t length = 0; length < whole.size(); ++length)
        REQUIRE_THROWS_AS(Reservoir::from_state(whole.substr(0, length)), holdfast::format_error);
    for (std::size_t at = 0; at < whole.size(); ++at)
        for (const int bit : {0, 3, 7}) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            REQUIRE_THROWS_AS(Reservoir::from_state(damaged), holdfast::format_error);
        }
    REQUIRE_THROWS_AS(Reservoir::from_state(whole + std::string(8, '\0')), holdfast::format_error);
}

/// A state with the checksum put right, as somebody who means harm would.
std::string with_word(std::string state, std::size_t index, std::uint64_t value) {
    for (std::size_t b = 0; b < 8; ++b)
        state[8 * index + b] = static_cast<char>(static_cast<unsigned char>(value >> 8 * b));
    const std::uint64_t sum = replay::state_writer::checksum(state.substr(0, state.size() - 8));
    for (std::size_t b = 0; b < 8; ++b)
        state[state.size() - 8 + b] = static_cast<char>(static_cast<unsigned char>(sum >> 8 * b));
    return state;
}

}  // namespace

TEST_CASE("a state goes through bytes bit for bit at any point, and a damaged one is an error") {
    check_states<replay::reservoir_r>();
    check_states<replay::reservoir_l>();
    check_states<replay::weighted_reservoir>();
    check_states<replay::keyed_reservoir>();
}

TEST_CASE("a state says what is wrong with it") {
    const std::string r = filled<replay::reservoir_r>(50).state();
    CHECK_THROWS_WITH(replay::reservoir_l::from_state(r), Contains("reserv l state: of another kind: 'reserv r'"));
    CHECK_THROWS_WITH(replay::reservoir_r::from_state("nonsense"), Contains("not a state of holdfast, or cut off"));
    std::string damaged = r;
    damaged[40] = static_cast<char>(damaged[40] ^ 1);
    CHECK_THROWS_WITH(replay::reservoir_r::from_state(damaged), Contains("damaged: its checksum does not fit"));
    CHECK_THROWS_WITH(replay::reservoir_r::from_state(with_word(r, 2, 7)), Contains("of version 7, this is version 1"));
    CHECK_THROWS_WITH(replay::reservoir_r::from_state(with_word(r, 7, 1000)), Contains("too short"));
    CHECK_THROWS_WITH(replay::reservoir_r::from_state(with_word(r, 7, ~0ULL)), Contains("too short"));
    CHECK_THROWS_WITH(replay::reservoir_r::from_state(with_word(r, 7, 4)), Contains("too long"));
    CHECK_THROWS_WITH(replay::reservoir_r::from_state(with_word(r, 3, 4)), Contains("holds more than its capacity"));
    const std::string k = filled<replay::keyed_reservoir>(50).state();
    CHECK_THROWS_WITH(replay::keyed_reservoir::from_state(with_word(k, 9, ~0ULL)),
                      Contains("holds a key that is none"));
    CHECK_THROWS_WITH(replay::keyed_reservoir::from_state(with_word(k, 9, 0)), Contains("is out of order"));
    CHECK_REFUSES(replay::state_writer("much too long", 1), "a kind has at most 8 letters");
}

TEST_CASE("the balanced reservoir fills groups like vessels, in any order, from any shards, and after a resume") {
    // 60 items of group 7, 9 of group 2, 3 of group 5, 1 of group 9: of 20 places 8 + 8 + 3 + 1.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> stream;
    for (std::uint64_t id = 0; id < 73; ++id) stream.emplace_back(id, id < 60 ? 7 : id < 69 ? 2 : id < 72 ? 5 : 9);
    philox g{12};
    const auto fill = [](auto& reservoir, const auto& items) {
        for (const auto& [id, group] : items) reservoir.offer(id, group);
    };
    replay::balanced_reservoir base(20, philox{4});
    fill(base, stream);
    CHECK(base.size() == 20);
    CHECK(base.items_of(7).size() == 8);
    CHECK(base.items_of(2).size() == 8);
    CHECK(base.items_of(5).size() == 3);
    CHECK(base.items_of(9).size() == 1);
    CHECK(base.items_of(1).empty());
    CHECK(base.inclusion_probability(7) == Approx(8.0 / 60));
    CHECK(base.inclusion_probability(1) == 0);
    for (int trial = 0; trial < 200; ++trial) {
        holdfast::shuffle(std::span(stream), g);
        replay::balanced_reservoir one(20, philox{4}), left(20, philox{4}), right(20, philox{4});
        fill(one, stream);
        const std::size_t cut = holdfast::uniform_index(g, stream.size());
        fill(left, std::span(stream).first(cut)), fill(right, std::span(stream).subspan(cut));
        auto resumed = replay::balanced_reservoir::from_state(left.state());
        fill(resumed, std::span(stream).subspan(cut));
        left.merge(right);
        REQUIRE(one.items() == base.items());
        REQUIRE(left.items() == base.items());
        REQUIRE(resumed.state() == base.state());
        REQUIRE(left.state() == base.state());
    }
    CHECK_REFUSES(base.merge(replay::balanced_reservoir(20, philox{5})), "both need the same generator");
    CHECK_REFUSES(base.merge(replay::balanced_reservoir(2, philox{4})), "both need the same capacity, they have 20");
    replay::balanced_reservoir none(0, philox{1});
    CHECK_FALSE(none.offer(1, 1));
    // Sizes of 1, 2, 1, 2 ...: the remainder goes to the lowest groups.
    replay::balanced_reservoir odd(5, philox{1});
    for (std::uint64_t id = 0; id < 90; ++id) odd.offer(id, 2 - id % 3);
    CHECK(odd.items_of(0).size() == 2);
    CHECK(odd.items_of(1).size() == 2);
    CHECK(odd.items_of(2).size() == 1);
}

TEST_CASE("of a group every item is kept equally often") {
    std::vector<std::size_t> counts(12, 0);
    for (std::uint64_t seed = 0; seed < 20000; ++seed) {
        replay::balanced_reservoir reservoir(5, philox{seed});
        for (std::uint64_t id = 0; id < 12; ++id) reservoir.offer(id, 1);
        reservoir.offer(100, 2), reservoir.offer(101, 2);
        for (const auto id : reservoir.items_of(1)) ++counts[id];
    }
    CHECK(holdfast_test::inclusion_misfit(counts, 3, 20000) < 1);
}

TEST_CASE("a balanced state that is damaged, or that nobody wrote, is an error") {
    replay::balanced_reservoir reservoir(6, philox{3});
    for (std::uint64_t id = 0; id < 30; ++id) reservoir.offer(id, id % 4);
    const std::string whole = reservoir.state();
    for (std::size_t length = 0; length < whole.size(); ++length)
        REQUIRE_THROWS_AS(replay::balanced_reservoir::from_state(whole.substr(0, length)), holdfast::format_error);
    philox g{1};
    for (std::size_t word = 3; word + 1 < whole.size() / 8; ++word)
        for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{7}}) {
            try {
                const auto read = replay::balanced_reservoir::from_state(with_word(whole, word, value));
                REQUIRE(read.items().size() == read.size());
                REQUIRE(replay::balanced_reservoir::from_state(read.state()).state() == read.state());
            } catch (const holdfast::format_error&) {}
        }
    CHECK_THROWS_WITH(replay::balanced_reservoir::from_state(with_word(whole, 3, 2)),
                      Contains("holds more than its capacity"));
    CHECK_THROWS_WITH(replay::balanced_reservoir::from_state(with_word(whole, 10, 99)),
                      Contains("holds more of a group than was shown"));
}

TEST_CASE("what a weighted reservoir keeps estimates a sum over all that was offered") {
    const std::size_t n = 60, capacity = 12, tries = 4000;
    std::vector<double> weights(n), values(n);
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) {
        weights[i] = 0.2 + static_cast<double>(i % 7);
        values[i] = static_cast<double>(i % 5) + 1;
        total += values[i];
    }
    const auto check = [&](auto make) {
        double mean = 0, squares = 0;
        for (std::size_t t = 0; t < tries; ++t) {
            auto reservoir = make(holdfast::philox{41, t});
            CHECK(reservoir.inclusion_probability(1) == 1);  // nothing offered yet
            for (std::size_t i = 0; i < n; ++i) reservoir.offer(i, weights[i]);
            const auto kept = reservoir.items();
            double estimate = 0;
            for (std::size_t k = 0; k + 1 < kept.size(); ++k)
                estimate += values[kept[k]] / reservoir.inclusion_probability(weights[kept[k]]);
            mean += estimate / double(tries);
            squares += estimate * estimate / double(tries);
        }
        const double error = std::sqrt((squares - mean * mean) / double(tries));
        CHECK(std::abs(mean - total) < 4 * error);
        CHECK(error < 0.02 * total);
    };
    check([&](const holdfast::philox& g) { return replay::weighted_reservoir(capacity, g); });
    check([&](const holdfast::philox& g) { return replay::keyed_reservoir(capacity, g); });
    CHECK(replay::keyed_reservoir(3, holdfast::philox{1}).inclusion_probability(0) == 0);
}
