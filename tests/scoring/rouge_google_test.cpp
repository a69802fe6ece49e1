#include <holdfast/scoring/rouge_google.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using texts = std::vector<std::string>;

TEST_CASE("Google's ROUGE-L and ROUGE-N on the package's own cases") {
    const scoring::google::rouge_l l;
    CHECK(l.match("testing", "testing one two").f() == Approx(.5));
    CHECK(l.match("testing", "testing one two").recall() == Approx(1. / 3));
    const auto o = l.match("testing two", "testing one two");
    CHECK(o.precision() == 1);
    CHECK(o.recall() == Approx(2. / 3));
    CHECK(o.f() == Approx(.8));
    CHECK(l.score("he die of hungers", texts{"he was dying of hunger"}) == Approx(.444444).margin(1e-6));
    CHECK(l.score("Die Müller Strasse ist lang", texts{"Die Müller-Straße ist lang"}) == Approx(.769231).margin(1e-6));
    CHECK(l.score("the the the cat", texts{"the the cat"}) == Approx(.857143).margin(1e-6));
    CHECK(l.score("我们", texts{"我们"}) == 0);
    CHECK(l.score("b", texts{"a", "b"}) == 1);

    const scoring::google::rouge_n one{1}, two{2};
    CHECK(one.match("testing", "testing one two").f() == Approx(.5));
    CHECK(one.match("the the the cat", "the cat") == scoring::overlap{2, 4, 2});
    CHECK(two.match("a b c", "b c a b") == scoring::overlap{2, 2, 3});
    CHECK(two.score("one", texts{"one"}) == 0);
    CHECK(scoring::google::rouge_n{0}.score("one", texts{"one"}) == 0);
}

TEST_CASE("the stemmer makes forms of one word equal") {
    const scoring::google::rouge_l stemmed{.stem = true};
    CHECK(stemmed.score("he die of hungers", texts{"he was dying of hunger"}) == Approx(.888889).margin(1e-6));
    CHECK(scoring::superni::rouge_l{}.score("he die of hungers", texts{"he was dying of hunger"}) ==
          stemmed.score("he die of hungers", texts{"he was dying of hunger"}));
    CHECK(scoring::google::words("The skies, enjoyed possibly; dogs", true) == "the sky enjoy possibl dog");
    CHECK(scoring::google::words("ties", true) == "tie");
    CHECK(scoring::google::words("was", true) == "was");  // three letters are left alone
}

TEST_CASE("ROUGE-Lsum takes the union over lines, with each word of the prediction used once") {
    const scoring::google::rouge_lsum s;
    const auto o = s.match("w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", "w1 w2 w3 w4 w5");
    CHECK(o.recall() == Approx(.8));
    CHECK(o.precision() == Approx(.4));
    CHECK(o.f() == Approx(.5333).margin(1e-4));
    CHECK(s.score("", texts{"a"}) == 0);
    CHECK(s.score("\n\n", texts{"\n"}) == 0);
    CHECK(s.score("b\na", texts{"a\nb"}) == 1);
}

TEST_CASE("a megabyte equals itself in rouge-score's words too") {
    std::string text;
    for (int k = 0; text.size() < 1'000'000; ++k)
        text += "w" + std::to_string(k * 7919 % 20011) + (k % 17 == 16 ? "\n" : " ");
    CHECK(scoring::google::rouge_l{}.score(text, texts{text}) == 1);
    CHECK(scoring::google::rouge_lsum{}.score(text, texts{text}) == 1);
    CHECK(scoring::google::rouge_n{2}.score(text, texts{text}) == 1);
}
