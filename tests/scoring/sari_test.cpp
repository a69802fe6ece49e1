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
    CHECK(scoring::easse::sari{}.score(text, texts{text}, text) == Approx(100. / 3));
}

TEST_CASE("EASSE's SARI: macro with either score of deletions, and the paper's version") {
    const std::string source = "About 95 species are currently accepted .";
    const texts references{"About 95 species are currently known .", "About 95 species are now accepted .",
                           "95 species are now accepted ."};
    struct row {
        std::string source, hypothesis;
        texts references;
        double macro, precision, paper;
    };
    // Measured with easse/sari.py.
    const row rows[] = {
        {source, "About 95 you now get in .", references, 31.350247, 26.953602, 31.882081},
        {source, source, references, 21.873218, 21.873218, 22.739356},
        {source, "About 95 species are now accepted .", references, 76.963512, 78.291350, 77.100982},
        {"a b c", "a b c", {"a b c"}, 25, -1, -1},
        {"a b c d", "a b", {"a b"}, 50, -1, -1},
        {"a b c d", "x y", {"a b"}, 28.888889, 26.388889, 29.457364},
        {"the quick brown fox", "the fast fox", {"a fast fox"}, 46.944444, 48.611111, 47.439614},
    };
    for (const row& r : rows) {
        INFO(r.source << " | " << r.hypothesis);
        using scoring::easse::sari;
        CHECK(sari{}.score(r.hypothesis, r.references, r.source) == Approx(r.macro).margin(1e-6));
        if (r.precision < 0) continue;
        const sari precision{.f1_of_deletion = false}, paper{.paper_version = true};
        CHECK(precision.score(r.hypothesis, r.references, r.source) == Approx(r.precision).margin(1e-6));
        CHECK(paper.score(r.hypothesis, r.references, r.source) == Approx(r.paper).margin(1e-6));
    }
    CHECK(scoring::easse::sari{}.score("", texts{""}, "") == 0);
    CHECK(scoring::easse::sari{}.score("a", texts{}, "a") == 0);
    CHECK_REFUSES(scoring::easse::sari{}.score("a", texts{"a"}), "scoring::easse::sari: needs the source text");
}
