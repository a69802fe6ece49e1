#include <holdfast/scoring/exact_match.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using texts = std::vector<std::string>;

TEST_CASE("TRACE's exact match strips nothing and counts the empty prediction wrong") {
    const scoring::exact_match s;
    CHECK(s.score("4", texts{"4"}) == 1);
    CHECK(s.score("4", texts{"4.0"}) == 0);
    CHECK(s.score(" B", texts{"B"}) == 0);
    CHECK(s.score("b", texts{"B"}) == 0);
    CHECK(s.score("", texts{""}) == 0);
    CHECK(s.score("支持", texts{"支持"}) == 1);
    CHECK(s.score("B", texts{"A", "B"}) == 1);
    CHECK(s.score("B", texts{}) == 0);
}

TEST_CASE("the stripped match forgives white space only") {
    const scoring::stripped_match s;
    CHECK(s.score(" B\n", texts{"B"}) == 1);
    CHECK(s.score("\u3000B", texts{"B "}) == 1);
    CHECK(s.score("B.", texts{"B"}) == 0);
    CHECK(s.score("  ", texts{""}) == 0);
}

TEST_CASE("the first letter is a whole code point, and a leading space is wrong") {
    const scoring::first_letter s;
    CHECK(s.score("B\nBecause ...", texts{"B\nSince ..."}) == 1);
    CHECK(s.score(" B", texts{"B"}) == 0);
    CHECK(s.score("", texts{"B"}) == 0);
    CHECK(s.score("", texts{""}) == 0);
    CHECK(s.score("北京", texts{"北海"}) == 1);
    CHECK(s.score("北京", texts{"南京"}) == 0);
    CHECK(s.score("é", texts{"ê"}) == 0);  // their first bytes are equal
}

TEST_CASE("the prefix match takes an explanation after the answer") {
    const scoring::prefix_match s;
    CHECK(s.score("B. Because", texts{"B"}) == 1);
    CHECK(s.score(" B", texts{"B"}) == 1);
    CHECK(s.score("A", texts{"B"}) == 0);
    CHECK(s.score("A", texts{""}) == 0);
}

TEST_CASE("the last number of a text is found with its sign, its thousands and its fraction") {
    CHECK(scoring::last_number("the total is -1,250.50 units") == "-1,250.50");
    CHECK(scoring::last_number("3-2") == "2");
    CHECK(scoring::last_number("x = +7.") == "+7");
    CHECK(scoring::last_number(".5") == ".5");
    CHECK(scoring::last_number("1,2,3") == "3");
    CHECK(scoring::last_number("12,3456") == "3456");
    CHECK(scoring::last_number("none") == std::nullopt);
    CHECK(scoring::last_number("") == std::nullopt);
    CHECK(scoring::number_value("-1,250.50") == -1250.5);
    CHECK(scoring::number_value("0.1") == 0.1);
    CHECK(scoring::number_value(".5") == 0.5);
}

TEST_CASE("the numeric match compares values, and texts where there is no number") {
    const scoring::numeric_match s;
    CHECK(s.score("The answer is 4.0.", texts{"4"}) == 1);
    CHECK(s.score("4", texts{"4.0"}) == 1);
    CHECK(s.score("1,250", texts{"1250"}) == 1);
    CHECK(s.score("-4", texts{"4"}) == 0);
    CHECK(s.score("four", texts{"4"}) == 0);
    CHECK(s.score(" October", texts{"October"}) == 1);
    CHECK(s.score("", texts{"4"}) == 0);
    CHECK(s.score("", texts{""}) == 0);
    const std::string long_number(400, '9');
    CHECK(s.score(long_number, texts{long_number}) == 1);
    CHECK(s.score(long_number, texts{"1"}) == 0);
}
