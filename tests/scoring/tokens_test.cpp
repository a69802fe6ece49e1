#include <holdfast/scoring/tokens.hpp>

#include <string>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using ids = std::vector<std::uint32_t>;

TEST_CASE("the interner numbers words in order of first appearance") {
    scoring::interner number;
    const std::vector<std::string_view> words{"the", "cat", "the", "", "我们", ""};
    CHECK(number(words) == ids{0, 1, 0, 2, 3, 2});
    CHECK(number.size() == 4);
    CHECK(number.word(3) == "我们");
    std::vector<std::string> many;
    for (int k = 0; k < 5000; ++k) many.push_back(std::to_string(k));
    scoring::interner large;
    for (std::uint32_t k = 0; k < 5000; ++k) REQUIRE(large(many[k]) == k);
    for (std::uint32_t k = 0; k < 5000; ++k) REQUIRE(large(many[k]) == k);
}

TEST_CASE("n-grams are numbered across texts, order by order") {
    scoring::ngrams grams(std::vector<ids>{{0, 1, 0, 1}, {0, 1}, {2}, {}});
    CHECK(grams.distinct() == 3);
    CHECK(grams[0].size() == 4);
    grams.lengthen();  // (0 1) (1 0) (0 1) | (0 1) | none
    CHECK(grams.distinct() == 2);
    CHECK(ids(grams[0].begin(), grams[0].end()) == ids{0, 1, 0});
    CHECK(ids(grams[1].begin(), grams[1].end()) == ids{0});
    CHECK(grams[2].empty());
    CHECK(grams[3].empty());
    grams.lengthen();
    CHECK(ids(grams[0].begin(), grams[0].end()) == ids{0, 1});
    CHECK(grams[1].empty());
    grams.lengthen();
    grams.lengthen();
    CHECK(grams[0].empty());
    CHECK(grams.distinct() == 0);
}

TEST_CASE("pairs are told apart by both halves") {
    scoring::pair_interner number;
    for (std::uint32_t a = 0; a < 70; ++a)
        for (std::uint32_t b = 0; b < 70; ++b) REQUIRE(number(a, b) == a * 70 + b);
    CHECK(number(69, 0) == 69 * 70);
    CHECK(number.size() == 4900);
}
