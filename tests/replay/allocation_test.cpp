// Budgets against the published oracles, against exact integer arithmetic, and against what must hold for any input.

#include "support/test.hpp"

#include <holdfast/core/random.hpp>
#include <holdfast/replay/allocation.hpp>

#include <numeric>
#include <string>
#include <vector>

namespace replay = holdfast::replay;
using holdfast::certified;
using replay::allocate;
using counts = std::vector<std::size_t>;
using weights = std::vector<double>;

namespace {

const std::vector<replay::apportionment>& all_rules() {
    static const std::vector<replay::apportionment> rules{replay::sainte_lague{}, replay::hamilton{}, replay::dhondt{},
                                                          replay::huntington_hill{}, replay::as_released{}};
    return rules;
}

/// Seats one at a time to the largest claim, compared in whole numbers: a / (2 s + shift) for whole weights.
counts one_by_one(const std::vector<std::uint64_t>& weight, std::size_t budget, std::uint64_t shift,
                  const counts& capacity, const counts& minimum) {
    counts seats = minimum;
    std::size_t given = std::accumulate(seats.begin(), seats.end(), std::size_t{0});
    while (given < budget) {
        std::size_t best = weight.size();
        for (std::size_t j = 0; j < weight.size(); ++j) {
            if (weight[j] == 0 || seats[j] >= capacity[j]) continue;
            if (best == weight.size() || weight[j] * (2 * seats[best] + shift) > weight[best] * (2 * seats[j] + shift))
                best = j;
        }
        if (best == weight.size()) break;
        ++seats[best];
        ++given;
    }
    return seats;
}

/// Largest remainder in whole numbers.
counts whole_hamilton(const std::vector<std::uint64_t>& weight, std::uint64_t budget) {
    const std::uint64_t total = std::accumulate(weight.begin(), weight.end(), std::uint64_t{0});
    counts seats;
    std::uint64_t given = 0;
    for (const std::uint64_t w : weight) seats.push_back(w * budget / total), given += seats.back();
    std::vector<std::size_t> order(weight.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return weight[a] * budget % total > weight[b] * budget % total;
    });
    for (std::size_t i = 0; given < budget; ++i, ++given) ++seats[order[i]];
    return seats;
}

}  // namespace

TEST_CASE("the published allocations come out under every rule") {
    struct row {
        weights w;
        std::size_t budget;
        counts hamilton, sainte_lague, dhondt, released;
    };
    const std::vector<row> table{
        // transport_replay 4.2
        {{.42, .31, .27}, 10, {4, 3, 3}, {4, 3, 3}, {4, 3, 3}, {5, 3, 2}},
        {{7, 5, 3, 2}, 20, {8, 6, 4, 2}, {8, 6, 4, 2}, {9, 6, 3, 2}, {9, 6, 3, 2}},
        {{1, 1, 1}, 200, {67, 67, 66}, {67, 67, 66}, {67, 67, 66}, {68, 66, 66}},
        {{.30, .25, .22, .23}, 7, {2, 2, 1, 2}, {2, 2, 1, 2}, {2, 2, 1, 2}, {3, 2, 1, 1}},
        {{1, 1, 1, 1, 1, 1, 1},
         10,
         {2, 2, 2, 1, 1, 1, 1},
         {2, 2, 2, 1, 1, 1, 1},
         {2, 2, 2, 1, 1, 1, 1},
         {4, 1, 1, 1, 1, 1, 1}},
        {{1.5, 4.5, 3}, 5, {1, 2, 2}, {1, 2, 2}, {1, 3, 1}, {0, 3, 2}},
        // papers 7.4; Sainte-Lague and D'Hondt by hand
        {{3, 1, 2}, 600, {300, 100, 200}, {300, 100, 200}, {300, 100, 200}, {300, 100, 200}},
        {{.6, .25, .149}, 7, {4, 2, 1}, {4, 2, 1}, {4, 2, 1}, {5, 1, 1}},
        {{5, 1, 1}, 3, {2, 1, 0}, {3, 0, 0}, {3, 0, 0}, {3, 0, 0}},
    };
    for (const row& r : table) {
        CHECK(allocate(r.w, r.budget, {.rule = replay::hamilton{}}).quotas == r.hamilton);
        CHECK(allocate(r.w, r.budget, {.rule = replay::sainte_lague{}}).quotas == r.sainte_lague);
        CHECK(allocate(r.w, r.budget, {.rule = replay::dhondt{}}).quotas == r.dhondt);
        CHECK(allocate(r.w, r.budget, {.rule = replay::as_released{}}).quotas == r.released);
    }
}

TEST_CASE("D'Hondt seats the House of 1792 as Jefferson did, Huntington-Hill as equal proportions would have") {
    // Populations of 1790 and 105 seats, Virginia to Delaware; Balinski & Young 1982, appendix B.
    const weights census{630560, 475327, 432879, 353523, 331589, 278514, 236841, 206236,
                         179570, 141822, 85533,  70835,  68705,  68446,  55540};
    CHECK(allocate(census, 105, {.rule = replay::dhondt{}}).quotas ==
          counts{19, 14, 13, 10, 10, 8, 7, 6, 5, 4, 2, 2, 2, 2, 1});
    CHECK(allocate(census, 105, {.rule = replay::huntington_hill{}}).quotas ==
          counts{18, 14, 12, 10, 10, 8, 7, 6, 5, 4, 3, 2, 2, 2, 2});
}

TEST_CASE("Huntington-Hill gives everybody one first, the largest weights where even that is too much") {
    // Two weights by hand: after one each, 9/sqrt(2) = 6.36, 9/sqrt(6) = 3.67, 9/sqrt(12) = 2.60, 1/sqrt(2) = 0.71.
    CHECK(allocate(weights{9, 1}, 5, {.rule = replay::huntington_hill{}}).quotas == counts{4, 1});
    CHECK(allocate(weights{2, 9, 5, 1}, 2, {.rule = replay::huntington_hill{}}).quotas == counts{0, 1, 1, 0});
}

TEST_CASE("Hamilton loses an example when the budget grows, Sainte-Lague never does") {
    CHECK(allocate(weights{6, 6, 2}, 10, {.rule = replay::hamilton{}}).quotas == counts{4, 4, 2});
    CHECK(allocate(weights{6, 6, 2}, 11, {.rule = replay::hamilton{}}).quotas == counts{5, 5, 1});
    holdfast::philox g{11};
    for (int trial = 0; trial < 30; ++trial) {
        weights w;
        counts caps;
        for (int j = 0; j < 6; ++j) {
            w.push_back(holdfast::uniform(g) < 0.1 ? 0.0 : holdfast::exponential(g));
            caps.push_back(holdfast::uniform_index(g, 40));
        }
        w[0] = 1;
        for (const replay::apportionment rule :
             {replay::apportionment{replay::sainte_lague{}}, replay::apportionment{replay::dhondt{}},
              replay::apportionment{replay::huntington_hill{}}}) {
            counts before(6, 0);
            for (std::size_t budget = 0; budget < 150; ++budget) {
                const counts now = allocate(w, budget, {.rule = rule, .capacity = caps}).quotas;
                for (std::size_t j = 0; j < 6; ++j) REQUIRE(now[j] >= before[j]);
                before = now;
            }
        }
    }
}

TEST_CASE("a full task passes its share on, and what nobody can take comes back") {
    const counts roomy{20, 100, 100}, tight{20, 30, 10};
    for (const replay::apportionment& rule : all_rules()) {
        if (std::holds_alternative<replay::as_released>(rule)) continue;
        const auto a = allocate(weights{5, 3, 2}, 100, {.rule = rule, .capacity = roomy});
        CHECK(a.quotas == counts{20, 48, 32});
        CHECK(a.unplaced == 0);
        const auto b = allocate(weights{5, 3, 2}, 100, {.rule = rule, .capacity = tight});
        CHECK(b.quotas == tight);
        CHECK(b.unplaced == 40);
        const counts least{30, 0, 35};
        const auto c = allocate(weights{5, 3, 2}, 100, {.rule = rule, .capacity = roomy, .minimum = least});
        CHECK(c.quotas == counts{20, 45, 35});  // the minimum of the first is cut to what it holds
    }
    const auto released = allocate(weights{5, 3, 2}, 100, {.rule = replay::as_released{}, .capacity = roomy});
    CHECK(released.quotas == counts{20, 30, 20});
    CHECK(released.unplaced == 30);
}

TEST_CASE("every rule conserves the budget and stays within capacity and minimum") {
    holdfast::philox g{5};
    for (int trial = 0; trial < 3000; ++trial) {
        const std::size_t k = 1 + holdfast::uniform_index(g, 7), budget = holdfast::uniform_index(g, 60);
        weights w(k);
        counts caps(k), least(k);
        std::size_t left = budget;
        const bool whole = trial % 2 == 0;
        for (std::size_t j = 0; j < k; ++j) {
            w[j] = whole ? static_cast<double>(holdfast::uniform_index(g, 5)) : holdfast::exponential(g);
            caps[j] = holdfast::uniform_index(g, 30);
            least[j] = trial % 3 ? 0 : holdfast::uniform_index(g, left / k + 1);
            left -= least[j];
        }
        for (const replay::apportionment& rule : all_rules()) {
            const bool released = std::holds_alternative<replay::as_released>(rule);
            const auto a =
                allocate(w, budget, {.rule = rule, .capacity = caps, .minimum = released ? counts(k, 0) : least});
            std::size_t sum = a.unplaced;
            bool room = false;
            for (std::size_t j = 0; j < k; ++j) {
                sum += a[j];
                REQUIRE(a[j] <= caps[j]);
                if (!released) REQUIRE(a[j] >= std::min(least[j], caps[j]));
                room = room || ((w[j] > 0 || a.equal_shares) && a[j] < caps[j]);
            }
            REQUIRE(sum == budget);
            if (!released && room) REQUIRE(a.unplaced == 0);
        }
    }
}

TEST_CASE("divisor methods and Hamilton equal whole-number arithmetic") {
    holdfast::philox g{17};
    for (int trial = 0; trial < 2000; ++trial) {
        const std::size_t k = 1 + holdfast::uniform_index(g, 9), budget = holdfast::uniform_index(g, 300);
        std::vector<std::uint64_t> whole(k);
        weights w(k);
        counts caps(k), least(k, 0), open(k, budget), none(k, 0);
        std::size_t left = budget;
        for (std::size_t j = 0; j < k; ++j) {
            whole[j] = holdfast::uniform_index(g, 1000) * holdfast::uniform_index(g, 3) + (j == 0 ? 1 : 0);
            w[j] = static_cast<double>(whole[j]);
            caps[j] = holdfast::uniform_index(g, 100);
            if (trial % 2) least[j] = std::min(caps[j], holdfast::uniform_index(g, left / k + 1));
            left -= least[j];
        }
        REQUIRE(allocate(w, budget, {.rule = replay::sainte_lague{}}).quotas ==
                one_by_one(whole, budget, 1, open, none));
        REQUIRE(allocate(w, budget, {.rule = replay::dhondt{}}).quotas == one_by_one(whole, budget, 2, open, none));
        REQUIRE(allocate(w, budget, {.rule = replay::sainte_lague{}, .capacity = caps, .minimum = least}).quotas ==
                one_by_one(whole, budget, 1, caps, least));
        REQUIRE(allocate(w, budget, {.rule = replay::dhondt{}, .capacity = caps, .minimum = least}).quotas ==
                one_by_one(whole, budget, 2, caps, least));
        REQUIRE(allocate(w, budget, {.rule = replay::hamilton{}}).quotas == whole_hamilton(whole, budget));
    }
}

TEST_CASE("the scale of the weights does not matter, nor how far apart they are") {
    for (const replay::apportionment& rule : all_rules()) {
        const counts plain = allocate(weights{.3, .1, .2}, 17, {.rule = rule}).quotas;
        for (const double scale : {0x1p-900, 0x1p-30, 0x1p30, 0x1p900})
            CHECK(allocate(weights{.3 * scale, .1 * scale, .2 * scale}, 17, {.rule = rule}).quotas == plain);
        const auto apart = allocate(weights{1e-200, 1, 1e-12}, 1000, {.rule = rule});
        CHECK(apart.unplaced == 0);
        CHECK(apart[1] >= 998);
    }
}

TEST_CASE("weights that are all zero count the same, and the result says so") {
    for (const replay::apportionment& rule : all_rules()) {
        const auto a = allocate(weights{0, 0}, 10, {.rule = rule});
        CHECK(a.quotas == counts{5, 5});
        CHECK(a.equal_shares);
        CHECK_FALSE(allocate(weights{0, 1}, 10, {.rule = rule}).equal_shares);
        CHECK(allocate(weights{0, 1}, 10, {.rule = rule}).quotas == counts{0, 10});
    }
    const auto nothing = allocate(weights{}, 10);
    CHECK(nothing.quotas.empty());
    CHECK(nothing.unplaced == 10);
    CHECK(allocate(weights{1, 2}, 0).quotas == counts{0, 0});
    CHECK(allocate(weights{1}, 3).rule == "sainte-lague");
}

TEST_CASE("an allocation from certified weights is certain only if every value within the bounds agrees") {
    holdfast::philox g{23};
    int certain = 0, claimed_wrongly = 0, cautious = 0, uncertain = 0;
    for (int trial = 0; trial < 1500; ++trial) {
        const std::size_t k = 2 + holdfast::uniform_index(g, 4), budget = 1 + holdfast::uniform_index(g, 30);
        const double width = 0.1 * holdfast::uniform(g) * holdfast::uniform(g);
        std::vector<certified<double>> w(k);
        counts caps(k);
        for (std::size_t j = 0; j < k; ++j) {
            const double v = 0.05 + holdfast::uniform(g);
            w[j] = {v, v * (1 - width), v * (1 + width), holdfast::status::certified};
            caps[j] = trial % 2 ? budget : 1 + holdfast::uniform_index(g, 20);
        }
        for (const replay::apportionment& rule : all_rules()) {
            const auto a = allocate(w, budget, {.rule = rule, .capacity = caps});
            bool differs = false;  // corners of the box, and points inside
            for (int probe = 0; probe < 80 && !differs; ++probe) {
                weights v(k);
                for (std::size_t j = 0; j < k; ++j)
                    v[j] = probe < 32 ? ((probe >> j) & 1 ? w[j].upper : w[j].lower)
                                      : w[j].lower + (w[j].upper - w[j].lower) * holdfast::uniform(g);
                differs = allocate(v, budget, {.rule = rule, .capacity = caps}).quotas != a.quotas;
            }
            certain += a.certain;
            uncertain += differs;
            claimed_wrongly += a.certain && differs;
            cautious += !a.certain && !differs;
        }
    }
    CHECK(claimed_wrongly == 0);
    CHECK(certain > 1000);
    CHECK(uncertain > 1000);
    CHECK(cautious < certain / 4);
}

TEST_CASE("points are certain, ties and all") {
    std::vector<certified<double>> points(3, certified<double>::exactly(1.0));
    for (const replay::apportionment& rule : all_rules()) CHECK(allocate(points, 200, {.rule = rule}).certain);
    std::vector<certified<double>> zeros(2, {0, 0, 0.1, holdfast::status::certified});
    CHECK(allocate(zeros, 10).equal_shares);
    CHECK_FALSE(allocate(zeros, 10).certain);
}

TEST_CASE("a hundred thousand tasks and a budget of twenty million cost no more than the tasks") {
    holdfast::philox g{3};
    weights w(100000);
    for (double& x : w) x = holdfast::exponential(g);
    for (const replay::apportionment& rule : all_rules()) {
        const auto a = allocate(w, 20'000'000, {.rule = rule});
        CHECK(std::accumulate(a.quotas.begin(), a.quotas.end(), std::size_t{0}) == 20'000'000);
    }
}

TEST_CASE("a share of all examples is rounded to the nearest number") {
    CHECK(replay::budget_of(0.1, counts{50, 54}) == 10);
    CHECK(replay::budget_of(0.1, counts{50, 55}) == 11);
    CHECK_REFUSES(replay::budget_of(1.5, counts{1}), "replay::budget_of: ratio is from 0 to 1, it is 1.5");
}

TEST_CASE("allocate refuses what it cannot mean") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_REFUSES(allocate(weights{1, nan}, 3), "replay::allocate: a weight is a number, weight 1 is NaN");
    CHECK_REFUSES(allocate(weights{1, -2}, 3), "a weight is finite and at least 0, weight 1 is -2");
    CHECK_REFUSES(allocate(weights{1, HUGE_VAL}, 3), "a weight is finite and at least 0, weight 1 is inf");
    CHECK_REFUSES(allocate(weights{1, 2}, 3, {.capacity = counts{1}}), "one capacity per weight, got 1 for 2");
    CHECK_REFUSES(allocate(weights{1, 2}, 3, {.minimum = counts{1}}), "one minimum per weight, got 1 for 2");
    CHECK_REFUSES(allocate(weights{1, 2}, 3, {.minimum = counts{2, 2}}),
                  "the minimum quotas must fit into the budget of 3, those of the first 2 tasks do not");
    CHECK_REFUSES(allocate(weights{1, 2}, 3, {.rule = replay::as_released{}, .minimum = counts{1, 1}}),
                  "the rule as released knows no minimum quotas, they ask for 2");
    CHECK_REFUSES(allocate(weights{1}, (std::size_t{1} << 53) + 1), "a budget is at most 2^53");
    const std::vector<certified<double>> outside{{1.0, 1.1, 1.2, holdfast::status::certified}};
    CHECK_REFUSES(allocate(outside, 3), "a value lies within its bounds, weight 0 is 1 within 1.1 and 1.2");
}
