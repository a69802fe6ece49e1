#include "support/test.hpp"

#include <holdfast/core/certified.hpp>

#include <string>

TEST_CASE("a value without doubt has no gap") {
    constexpr auto w = holdfast::certified<double>::exactly(0.5);
    CHECK(w.gap() == 0);
    CHECK(w.value == 0.5);
    CHECK(w.status == holdfast::status::exact);
    CHECK(w == holdfast::certified<double>{0.5, 0.5, 0.5, holdfast::status::exact});
}

TEST_CASE("each status has a word") {
    CHECK(std::string(to_string(holdfast::status::exact)) == "exact");
    CHECK(std::string(to_string(holdfast::status::certified)) == "certified");
    CHECK(std::string(to_string(holdfast::status::not_converged)) == "not converged");
}
