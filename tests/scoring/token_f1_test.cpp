#include <holdfast/scoring/token_f1.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using texts = std::vector<std::string>;

TEST_CASE("SQuAD drops articles, SuperNI keeps them") {
    CHECK(scoring::squad::normalise("The  Cat, sat!") == "cat sat");
    CHECK(scoring::superni::normalise("The  Cat, sat!") == "the cat sat");
    CHECK(scoring::squad::exact_match{}.score("a cat sat", texts{"The cat sat."}) == 1);
    CHECK(scoring::superni::exact_match{}.score("a cat sat", texts{"The cat sat."}) == 0);
    CHECK(scoring::superni::exact_match{}.score("THE cat sat", texts{"The cat sat."}) == 1);
    CHECK(scoring::squad::exact_match{}.score("b", texts{"a", "B."}) == 1);
    CHECK(scoring::squad::exact_match{}.score("b", texts{}) == 0);
}

TEST_CASE("articles end where Python's \\b ends them") {
    CHECK(scoring::squad::normalise("“the” cat — an—other") == "“ ” cat — —other");
    CHECK(scoring::squad::normalise("theatre Anna élan a") == "theatre anna élan");
    CHECK(scoring::squad::normalise("the_end") == "theend");  // punctuation goes first
    CHECK(scoring::squad::normalise("a我") == "a我");         // one word of word characters
}

TEST_CASE("token F1 counts words as often as both have them") {
    const scoring::squad::token_f1 f1;
    const scoring::squad::exact_match em;
    CHECK(f1.score("York", texts{"New York City"}) == Approx(.5));
    CHECK(f1.score("the", texts{"a"}) == 0);
    CHECK(em.score("the", texts{"a"}) == 1);
    CHECK(f1.score("", texts{""}) == 0);
    CHECK(em.score("", texts{""}) == 1);
    CHECK(f1.score("state of the art", texts{"state-of-the-art"}) == 0);
    CHECK(f1.score("usa", texts{"U.S.A"}) == 1);
    CHECK(f1.score("b b c", texts{"b c c"}) == Approx(2. / 3));
    CHECK(f1.score("x", texts{"y", "x"}) == 1);
    CHECK(f1.score("北京", texts{"北京"}) == 1);
    CHECK(f1.score("Über Straße", texts{"über straße!"}) == 1);
}

TEST_CASE("TRACE's keyword F1 counts repeats of the target, so it can exceed 1") {
    const scoring::trace::keyword_f1 s;
    CHECK(s.score("a", texts{"a , a"}) == Approx(4. / 3));
    CHECK(s.score("a , a", texts{"a , b , c"}) == Approx(.4));
    CHECK(s.score("a , b , c", texts{"a , a"}) == Approx(.8));
    CHECK(s.score("a, b", texts{"a , b"}) == 0);
    CHECK(s.score("x", texts{}) == 0);
}
