#include "support/test.hpp"

#include <holdfast/core/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <vector>

using holdfast::philox;

TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
    // kat_vectors of Random123 1.14: philox4x32 10 rounds
    using block = philox::counter_type;
    CHECK(philox::block({0, 0, 0, 0}, {0, 0}) == block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox::block({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
          block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox::block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a generator's words are the blocks of its counter") {
    philox g{0};
    const auto first = philox::block({0, 0, 0, 0}, {0, 0});
    for (const auto word : first) CHECK(g() == word);
    CHECK(g() == philox::block({1, 0, 0, 0}, {0, 0})[0]);
    CHECK(g.position() == 5);
    philox keyed{0x299f31d0a4093822ULL, 0x0370734413198a2eULL};
    CHECK(keyed() == philox::block({0, 0, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0})[0]);
}

TEST_CASE("skipping words is drawing them") {
    for (const std::uint64_t n : {0u, 1u, 3u, 4u, 5u, 1001u}) {
        philox drawn{3, 1}, skipped{3, 1};
        for (std::uint64_t i = 0; i < n; ++i) (void)drawn();
        skipped.discard(n);
        CHECK(drawn == skipped);
        CHECK(drawn() == skipped());
        CHECK(drawn() == skipped());
    }
}

TEST_CASE("other words, other sequences") {
    std::map<std::uint32_t, int> seen;
    for (std::uint64_t task = 0; task < 20; ++task)
        for (std::uint64_t epoch = 0; epoch < 20; ++epoch) ++seen[philox(7, task, epoch)()];
    ++seen[philox(7)()];
    ++seen[philox(8)()];
    ++seen[philox(7).split(0)()];
    ++seen[philox(7).split(1)()];
    CHECK(seen.size() == 404);
    CHECK_FALSE(philox(7, 1, 2) == philox(7, 2, 1));
}

TEST_CASE("draws whose numbers will not change between versions") {
    // tests/reference/philox_draws.py
    philox g{2024, 5};
    CHECK(holdfast::uniform_index(g, 10) == 9);
    CHECK(holdfast::uniform(g) == 0x1.32df42a77b4c0p-6);
    CHECK(holdfast::normal(g) == 0x1.4176450e4c815p+1);
    CHECK(holdfast::exponential(g) == 0x1.117bd429ef2e9p-3);
    CHECK(holdfast::gumbel(g) == 0x1.4215a6f2c23f3p-2);
    std::array<int, 8> order{0, 1, 2, 3, 4, 5, 6, 7};
    holdfast::shuffle(std::span(order), g);
    CHECK(order == std::array<int, 8>{3, 1, 4, 7, 0, 6, 5, 2});
}

TEST_CASE("uniform indices are uniform for a count that divides nothing") {
    philox g{1};
    std::array<int, 7> count{};
    constexpr int n = 70000;
    for (int i = 0; i < n; ++i) ++count[holdfast::uniform_index(g, 7)];
    double chi = 0;
    for (const int c : count) chi += (c - n / 7.0) * (c - n / 7.0) / (n / 7.0);
    CHECK(chi < 22.46);  // chi-square, 6 degrees: exceeded once in a thousand seeds
    CHECK(holdfast::uniform_index(g, 1) == 0);
    CHECK_REFUSES(holdfast::uniform_index(g, 0), "n is 0");
}

TEST_CASE("moments of the draws") {
    philox g{2};
    constexpr int n = 400000;
    double u = 0, z = 0, z2 = 0, z4 = 0, e = 0, gum = 0;
    for (int i = 0; i < n; ++i) {
        u += holdfast::uniform(g);
        const double x = holdfast::normal(g);
        z += x;
        z2 += x * x;
        z4 += x * x * x * x;
        e += holdfast::exponential(g);
        gum += holdfast::gumbel(g);
    }
    // Bounds are four standard errors.
    CHECK(u / n == Approx(0.5).margin(4 * 0.2887 / std::sqrt(n)));
    CHECK(z / n == Approx(0).margin(4 / std::sqrt(n)));
    CHECK(z2 / n == Approx(1).margin(4 * 1.4142 / std::sqrt(n)));
    CHECK(z4 / n == Approx(3).margin(4 * 9.798 / std::sqrt(n)));
    CHECK(e / n == Approx(1).margin(4 / std::sqrt(n)));
    CHECK(gum / n == Approx(0.5772156649).margin(4 * 1.2825 / std::sqrt(n)));
}

TEST_CASE("every order of a shuffle is equally likely") {
    philox g{3};
    std::map<std::array<int, 4>, int> count;
    constexpr int n = 24000;
    for (int i = 0; i < n; ++i) {
        std::array<int, 4> order{0, 1, 2, 3};
        holdfast::shuffle(std::span(order), g);
        ++count[order];
    }
    REQUIRE(count.size() == 24);
    double chi = 0;
    for (const auto& [order, c] : count) chi += (c - n / 24.0) * (c - n / 24.0) / (n / 24.0);
    CHECK(chi < 49.73);  // chi-square, 23 degrees, one in a thousand
}

TEST_CASE("the standard's engines serve as well") {
    std::mt19937 a(5);
    std::mt19937_64 b(5);
    STATIC_REQUIRE(holdfast::uniform_random_generator<std::mt19937>);
    STATIC_REQUIRE(holdfast::uniform_random_generator<std::mt19937_64>);
    STATIC_REQUIRE_FALSE(holdfast::uniform_random_generator<std::minstd_rand>);
    CHECK(holdfast::uniform(a) < 1);
    CHECK(holdfast::uniform_index(b, 3) < 3);
    std::vector<int> nothing;
    holdfast::shuffle(std::span(nothing), a);
    CHECK(nothing.empty());
}
