#include "support/test.hpp"

#include <cstdint>
#include <string>

using namespace std::string_literals;

TEST_CASE("a sentence is its parts, numbers with nine digits at most") {
    CHECK(holdfast::sentence("sum ", 0.93, ", n ", 12, ' ', true, " ", std::uint8_t{7}, " "s, std::string_view("x")) ==
          "sum 0.93, n 12 true 7 x");
    CHECK(holdfast::sentence(1.0 / 3.0) == "0.333333333");
    CHECK(holdfast::sentence() == "");
}

TEST_CASE("require throws only what does not hold") {
    CHECK_NOTHROW(holdfast::require(true, "never"));
    CHECK_REFUSES(holdfast::require(false, "weights must sum to 1, they sum to ", 0.93), "they sum to 0.93");
    CHECK_THROWS_AS(holdfast::refuse("no"), std::invalid_argument);
}

TEST_CASE("a format error names file and line") {
    const holdfast::format_error with_line("train.json", 7, "a comma is missing");
    CHECK(with_line.what() == "train.json:7: a comma is missing"s);
    CHECK(with_line.line == 7);
    const holdfast::format_error without("x.npy", 0, "ends at byte 12");
    CHECK(without.what() == "x.npy: ends at byte 12"s);
    CHECK(without.file == "x.npy");
}
