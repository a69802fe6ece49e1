#include <holdfast/scoring/bleu.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using texts = std::vector<std::string>;

TEST_CASE("sentence BLEU without smoothing is NLTK's, tiny values included") {
    struct row {
        const char *reference, *hypothesis;
        double one, two, four, tolerance;
    };
    // Measured with NLTK's sentence_bleu on TRACE's words.
    const row rows[] = {
        {"the cat is on the mat", "the cat sat on the mat", .833333, .707107, 7.26e-78, 2e-3},
        {"the cat is on the mat", "the cat", .135335, .135335, 2.02e-155, 2e-3},
        {"a b c d e", "a b c d x", .8, .774597, .668740, 1e-5},
        {"Hello world.", "Hello world", 1, 1, 1.49e-154, 2e-3},
        {"a", "a", 1, 1.49e-154, 1.8e-231, 2e-2},
    };
    for (const row& r : rows) {
        INFO(r.reference << " | " << r.hypothesis);
        const texts reference{r.reference};
        CHECK(scoring::trace::bleu{1}.score(r.hypothesis, reference) == Approx(r.one).epsilon(1e-5));
        CHECK(scoring::trace::bleu{2}.score(r.hypothesis, reference) == Approx(r.two).epsilon(r.tolerance));
        CHECK(scoring::trace::bleu{4}.score(r.hypothesis, reference) == Approx(r.four).epsilon(r.tolerance));
    }
    const texts today{"the cat is on the mat today"};
    const std::string seven = "the the the the the the the";
    CHECK(scoring::trace::bleu{1}.score(seven, today) == Approx(.285714).epsilon(1e-5));
    CHECK(scoring::trace::bleu{2}.score(seven, today) == Approx(8e-155).epsilon(1e-1));
    CHECK(scoring::trace::bleu{4}.score(seven, today) == Approx(1e-231).epsilon(1));
}

TEST_CASE("BLEU of an empty or wholly different text is zero") {
    const scoring::trace::bleu s;
    CHECK(s.score("", texts{"a"}) == 0);
    CHECK(s.score("a", texts{""}) == 0);
    CHECK(s.score("...", texts{"a"}) == 0);
    CHECK(s.score("a", texts{"."}) == 0);
    CHECK(s.score("a", texts{"b"}) == 0);
    CHECK(s.score("a", texts{}) == 0);
    CHECK(scoring::trace::bleu{0}.score("a", texts{"a"}) == 0);
}

TEST_CASE("the brevity penalty takes the reference closest in length, the shorter of two") {
    const std::vector<std::string_view> four{"a", "b", "c", "d"};
    const std::vector<std::vector<std::string_view>> references{{"a", "b", "c", "d", "e"}, {"a", "b", "c"}, {"a"}};
    const auto c = scoring::count_bleu(four, references, 2);
    CHECK(c.referenced == 3);
    CHECK(c.matches == std::vector<double>{4, 3});
    CHECK(c.total == std::vector<double>{4, 3});
    CHECK(scoring::nltk::sentence_bleu(c) == 1);
}

TEST_CASE("a megabyte of text has BLEU 1 against itself") {
    std::string text;
    for (int k = 0; text.size() < 1'000'000; ++k) text += "w" + std::to_string(k * 7919 % 10007) + " ";
    CHECK(scoring::trace::bleu{}.score(text, texts{text}) == Approx(1));
}

TEST_CASE("sacreBLEU's sentences and corpora") {
    using scoring::sacrebleu::bleu;
    using scoring::sacrebleu::smoothing;
    using scoring::sacrebleu::tokens;
    // Measured with sacrebleu 2.6.0.
    const texts mat{"the cat is on the mat"};
    CHECK(bleu{}.score("the cat sat on the mat", mat) == Approx(37.991784).margin(1e-6));
    CHECK(bleu{.smooth = smoothing::floor}.score("the cat sat on the mat", mat) == Approx(25.406637).margin(1e-6));
    CHECK(bleu{.smooth = smoothing::none}.score("the cat sat on the mat", mat) == 0);
    CHECK(bleu{.smooth = smoothing::add_k}.score("the cat sat on the mat", mat) == Approx(48.549177).margin(1e-6));
    const texts lower_case{"the cat sat on the mat."};
    CHECK(bleu{}.score("The cat sat on the mat.", lower_case) == Approx(80.910671).margin(1e-6));
    CHECK(bleu{.lowercase = true}.score("The cat sat on the mat.", lower_case) == Approx(100));
    CHECK(bleu{.words = tokens::none}.score("The cat sat on the mat.", lower_case) == Approx(75.983569).margin(1e-6));
    CHECK(bleu{}.score("hello, world!", texts{"hello , world !"}) == Approx(100));
    CHECK(bleu{.words = tokens::none}.score("hello, world!", texts{"hello , world !"}) == 0);
    CHECK(bleu{}.score("the cat", mat) == Approx(13.533528).margin(1e-6));
    CHECK(bleu{}.score("this is a fest", texts{"this is a test"}) == Approx(59.460356).margin(1e-6));
    CHECK(bleu{}.score("test", texts{"a test"}) == Approx(36.787944).margin(1e-6));
    CHECK(bleu{.words = tokens::characters}.score("北 京", texts{"北京"}) == Approx(100));
    CHECK(bleu{}.score("", texts{"a"}) == 0);
    CHECK(bleu{}.score("a", texts{}) == 0);

    const bleu b;
    const std::vector<scoring::bleu_counts> short_one{b.count("the cat", mat)};
    CHECK(b.corpus(short_one) == 0);  // no effective order over a corpus
    const std::vector<scoring::bleu_counts> two{b.count("the cat sat on the mat", mat),
                                                b.count("the cat is on the mat", mat)};
    CHECK(b.corpus(two) == Approx(69.189129).margin(1e-6));
    CHECK(b.corpus({}) == 0);
}
