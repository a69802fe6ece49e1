#include <holdfast/scoring/multiple_choice.hpp>

#include <limits>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using numbers = std::vector<double>;

TEST_CASE("the most likely option is the first of the highest") {
    const double inf = std::numeric_limits<double>::infinity();
    CHECK(scoring::most_likely(numbers{-3, -1, -2}) == 1);
    CHECK(scoring::most_likely(numbers{-1, -1}) == 0);
    CHECK(scoring::most_likely(numbers{-inf, -inf}) == 0);
    CHECK(scoring::most_likely(numbers{-inf, -5}) == 1);
    CHECK(scoring::most_likely(numbers{-4}) == 0);
}

TEST_CASE("length normalisation lets a long option win") {
    const numbers total{-6, -8}, characters{2, 8};
    CHECK(scoring::most_likely(total) == 0);
    CHECK(scoring::most_likely(total, characters) == 1);
}

TEST_CASE("what cannot be chosen from is refused in a sentence") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_REFUSES(scoring::most_likely(numbers{}), "needs at least 1 option");
    CHECK_REFUSES(scoring::most_likely(numbers{-1, nan}), "option 1 has NaN");
    CHECK_REFUSES(scoring::most_likely(numbers{-1, -2}, numbers{1}), "got 1 for 2 options");
    CHECK_REFUSES(scoring::most_likely(numbers{-1, -2}, numbers{1, 0}), "option 1 has 0");
}

TEST_CASE("choice accuracy is the share of right choices") {
    using indices = std::vector<std::size_t>;
    CHECK(scoring::choice_accuracy(indices{0, 1, 2, 3}, indices{0, 1, 0, 0}) == 0.5);
    CHECK_REFUSES(scoring::choice_accuracy(indices{}, indices{}), "at least 1 item");
    CHECK_REFUSES(scoring::choice_accuracy(indices{1}, indices{}), "got 0 for 1 items");
}
