#include <holdfast/scoring/sari.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using texts = std::vector<std::string>;

TEST_CASE("SARI is Hugging Face's on the paper's example and on small cases") {
    const scoring::hf::sari s;
    const std::string source = "About 95 species are currently accepted .";
    const texts references{"About 95 species are currently known .", "About 95 species are now accepted .",
                           "95 species are now accepted ."};
    // Measured with evaluate's sari; the first is also in its documentation.
    CHECK(s.score("About 95 you now get in .", references, source) == Approx(26.953601953601954).epsilon(1e-12));
    CHECK(s.score(source, references, source) == Approx(55.206551).margin(1e-6));
    CHECK(s.score("About 95 species are now accepted .", references, source) == Approx(78.291350).margin(1e-6));
    CHECK(s.score("a b c", texts{"a b c"}, "a b c") == Approx(100));
    CHECK(s.score("a b", texts{"a b"}, "a b c d") == Approx(100));
    CHECK(s.score("x y", texts{"a b"}, "a b c d") == Approx(59.722222).margin(1e-6));
    CHECK(s.score("the fast fox", texts{"a fast fox"}, "the quick brown fox") == Approx(81.944444).margin(1e-6));
}

TEST_CASE("SARI does not see case, and takes signs as words") {
    const scoring::hf::sari s;
    CHECK(s.score("DIE STRASSE IST LANG.", texts{"die strasse ist lang ."}, "Die Straße, die lang ist.") ==
          s.score("die strasse ist lang .", texts{"Die Strasse ist lang."}, "die straße , die lang ist ."));
}

TEST_CASE("SARI of empty texts is a number, and needs a source and a reference") {
    const scoring::hf::sari s;
    CHECK(s.score("", texts{""}, "") == Approx(100));
    CHECK(s.score("", texts{"a"}, "a") >= 0);
    CHECK(s.score("a", texts{}, "a") == 0);
    CHECK_REFUSES(s.score("a", texts{"a"}), "needs the source text");
    std::string text;
    for (int k = 0; text.size() < 300'000; ++k) text += "w" + std::to_string(k * 7919 % 10007) + " ";
    CHECK(s.score(text, texts{text}, text) == Approx(100));
}
