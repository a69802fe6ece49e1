#include <holdfast/scoring/bleu.hpp>
#include <holdfast/scoring/corpus.hpp>

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
    using scoring::sacrebleu::tokens;
    for (const tokens t : {tokens::mteval_13a, tokens::intl, tokens::none, tokens::characters})
        CHECK(scoring::sacrebleu::bleu{.words = t}.score(text, texts{text}) == Approx(100));
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

TEST_CASE("sacreBLEU's tokenisers and smoothings, on a sentence and on a corpus with two references") {
    using scoring::sacrebleu::bleu;
    using scoring::sacrebleu::smoothing;
    using scoring::sacrebleu::tokens;
    const std::vector<scoring::item> items{
        {"Das ist (fast) gut, oder?", {"Das ist fast gut - oder?", "Das ist gut, (fast) oder?"}},
        {"5€ – mehr nicht.", {"5 € – nicht mehr.", "5€: mehr nicht!"}},
        {"北京 是 首都。", {"北京是首都。", "北京 是 中国 首都。"}}};
    struct row {
        tokens words;
        smoothing smooth;
        double corpus, sentence;
    };
    // Measured with sacrebleu 2.6.0: corpus_score of all three, sentence_score (effective order) of the second.
    const row rows[] = {
        {tokens::mteval_13a, smoothing::exponential, 21.767953442561215, 26.86424829558855},
        {tokens::mteval_13a, smoothing::floor, 14.557107823890945, 14.287202148493996},
        {tokens::mteval_13a, smoothing::add_k, 29.723812138506418, 42.7287006396234},
        {tokens::mteval_13a, smoothing::none, 0, 0},
        {tokens::intl, smoothing::exponential, 24.981963065930923, 39.76353643835254},
        {tokens::intl, smoothing::floor, 16.70644559962036, 26.59147948472494},
        {tokens::intl, smoothing::add_k, 31.789117390469848, 50.81327481546149},
        {tokens::none, smoothing::exponential, 18.936989441124997, 18.99589214128981},
        {tokens::none, smoothing::add_k, 30.739407647563226, 37.99178428257963},
        {tokens::characters, smoothing::exponential, 77.95249844970503, 77.65453555044465},
        {tokens::characters, smoothing::add_k, 78.67012086133775, 79.71755824799465},
        {tokens::characters, smoothing::none, 77.95249844970503, 77.65453555044465},
    };
    for (const row& r : rows) {
        const bleu b{.words = r.words, .smooth = r.smooth};
        INFO(b.name());
        const auto c = scoring::score_corpus(b, items);
        CHECK(c.pooled == Approx(r.corpus).epsilon(1e-12));
        CHECK(c.scores[1] == Approx(r.sentence).epsilon(1e-12));
        CHECK_FALSE(scoring::any_scorer(b).reports_pooled());
    }
    // sacreBLEU's README example and its test_bleu.py.
    const std::vector<scoring::item> dogs{
        {"The dog bit the man.", {"The dog bit the man.", "The dog had bit the man."}},
        {"It wasn't surprising.", {"It was not unexpected.", "No one was surprised."}},
        {"The man had just bitten him.", {"The man bit him first.", "The man had bitten the dog."}}};
    CHECK(scoring::score_corpus(bleu{}, dogs).pooled == Approx(48.530827).margin(1e-6));
    CHECK(scoring::score_corpus(bleu{.words = tokens::none}, dogs).pooled == Approx(49.1919566).margin(1e-6));
    CHECK(scoring::score_corpus(bleu{.words = tokens::intl}, dogs).pooled == Approx(43.91623493).margin(1e-6));
    const bleu corpus{.words = tokens::intl, .lowercase = true, .items = scoring::sacrebleu::over::corpus};
    CHECK(corpus.name() == "sacrebleu::corpus_bleu (intl, lowercase)");
    CHECK(corpus.reports_pooled());
    CHECK(scoring::score_corpus(corpus, items).pooled == Approx(24.981963065930923).epsilon(1e-12));
    CHECK(bleu{}.score("a-\n\u3000", texts{"a -"}) ==
          bleu{}.score("a-", texts{"a -"}));  // rstrip before the line ends go
}
