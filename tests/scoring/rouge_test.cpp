#include <holdfast/scoring/rouge.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using texts = std::vector<std::string>;

namespace {

double trace_f(const std::string& reference, const std::string& hypothesis, bool exclusive = true) {
    return scoring::trace::rouge_l{exclusive}.score(hypothesis, texts{reference});
}
double inscl_f(const std::string& reference, const std::string& hypothesis) {
    return scoring::inscl::rouge_l{}.score(hypothesis, texts{reference});
}

}  // namespace

TEST_CASE("ROUGE-L as the original packages print it: pltrdy 1.0.1 (sets, lists) and li-plus PyRouge") {
    struct row {
        const char *reference, *hypothesis;
        double sets, lists, inscl;
    };
    // Measured with pltrdy rouge 1.0.1 (exclusive True and False) and rouge-metric.
    const row rows[] = {
        {"the cat sat on the mat", "the cat lay on a mat", .727272722, .666666662, .666666667},
        {"a a a b", "a b", .999999995, .666666662, .666666667},
        {"police killed the gunman", "police kill the gunman", .749999995, .749999995, .75},
        {"The total is 3.14 units.", "the total is 3.15 units.", .666666662, .666666662, .6},
        {"the the the the", "the", .999999995, .399999997, .4},
    };
    for (const row& r : rows) {
        INFO(r.reference << " | " << r.hypothesis);
        CHECK(trace_f(r.reference, r.hypothesis) == Approx(r.sets).margin(1e-9));
        CHECK(trace_f(r.reference, r.hypothesis, false) == Approx(r.lists).margin(1e-9));
        CHECK(inscl_f(r.reference, r.hypothesis) == Approx(r.inscl).margin(1e-9));
    }
    CHECK(trace_f("one two three. four five", "four five. one two three") == Approx(.999999995).margin(1e-9));
    CHECK(trace_f("one two three. four five", "four five. one two three", false) == Approx(.999999995).margin(1e-9));
}

TEST_CASE("TRACE's ROUGE-L on the reference cases of pltrdy rouge") {
    CHECK(trace_f("the cat is on the mat", "the cat sat on the mat") == Approx(.8).margin(1e-6));
    CHECK(trace_f("the cat", "the the the cat") == Approx(1).margin(1e-6));
    CHECK(trace_f("the gunman kill police", "police killed the gunman") == Approx(.5).margin(1e-6));
    CHECK(trace_f("a b x d. g i h", "a b c d e f. g h i") == Approx(.625).margin(1e-6));
    CHECK(trace_f("testing one two", "Testing one two") == Approx(.666667).margin(1e-6));
    CHECK(trace_f("hello world", "hello, world") == Approx(.5).margin(1e-6));
}

TEST_CASE("TRACE's ROUGE-L scores 0 where the original skips or stops") {
    for (const char* empty : {"", ".", "..", "..."}) {
        CHECK(trace_f("a b", empty) == 0);
        CHECK(trace_f(empty, "a b") == 0);
        CHECK(trace_f(empty, empty) == 0);
    }
    CHECK(scoring::trace::rouge_l{}.score("a", texts{}) == 0);
    // White space between full stops is one empty word in the original: " " against " " is a match.
    CHECK(trace_f(" ", " ") == Approx(1).margin(1e-6));
    CHECK(trace_f("a. ", "a") == Approx(2. / 3).margin(1e-6));
}

TEST_CASE("InsCL's ROUGE-L on its reference cases") {
    CHECK(inscl_f("a b x d. g i h", "a b c d e f. g h i") == Approx(.5).margin(1e-9));
    CHECK(inscl_f("the cat", "") == 0);
    CHECK(inscl_f("the cat", ".") == 0);
    CHECK(inscl_f("", "") == 0);
    // The package's own documentation: p .5, r .4, F .444.
    const auto o =
        scoring::inscl::rouge_l{}.match("police killed the gunman", texts{"the gunman killed the policeman"});
    CHECK(o.precision() == Approx(.5));
    CHECK(o.recall() == Approx(.4));
    CHECK(o.f() == Approx(.444444444).margin(1e-9));
    CHECK(inscl_f("a\nb", "b\na") == Approx(1));  // lines are sentences, in any order
    CHECK(inscl_f("a b", "b a") == Approx(.5));
}

TEST_CASE("InsCL averages references by adding up their counts, and items by averaging p and r") {
    const scoring::inscl::rouge_l s;
    // 2 of 2 and 0 of 1 words: matches 2, predicted 2 + 2, referenced 2 + 1.
    CHECK(s.match("a b", texts{"a b", "c"}) == scoring::overlap{2, 4, 3});
    CHECK(s.score("a b", texts{"a b", "c"}) == Approx(2 * .5 * (2. / 3) / (.5 + 2. / 3)));
    // p = (1 + 0.5) / 2 and r = (1 + 1) / 2: F of the means is not the mean of the F.
    const std::vector<scoring::overlap> items{{1, 1, 1}, {1, 2, 1}};
    CHECK(scoring::inscl::rouge_l::corpus(items) == Approx(2 * .75 / 1.75));
    CHECK(scoring::inscl::rouge_l::corpus({}) == 0);
}

TEST_CASE("Chinese and German words between spaces are words to TRACE and to InsCL") {
    CHECK(trace_f("今天 天气 很 好", "今天 天气 不 好") == Approx(.75).margin(1e-6));
    CHECK(inscl_f("今天 天气 很 好", "今天 天气 不 好") == Approx(.75));
    CHECK(trace_f("Die Straße über den Fluss.", "Die Straße über dem Fluss.") == Approx(.8).margin(1e-6));
    CHECK(trace_f("今天天气很好", "今天天气不好") == 0);  // one word each
}

TEST_CASE("a text against itself is perfect, whatever its size") {
    std::string text;
    for (int k = 0; text.size() < 1'000'000; ++k)
        text += "w" + std::to_string(k * 7919 % 20011) + (k % 17 == 16 ? ".\n" : k % 5 == 4 ? ", " : " ");
    CHECK(trace_f(text, text) == Approx(1).margin(1e-6));
    CHECK(inscl_f(text, text) == Approx(1));
    const std::string dots(1'000'000, '.'), lines(1'000'000, '\n');
    CHECK(trace_f(dots, dots) == 0);
    CHECK(inscl_f(lines, lines) == 0);
    std::string short_sentences, short_lines;
    for (int k = 0; short_sentences.size() < 1'000'000; ++k) {
        short_sentences += "w" + std::to_string(k % 50000) + ".";
        short_lines += "w" + std::to_string(k % 50000) + "\n";
    }
    CHECK(trace_f(short_sentences, short_sentences) == Approx(1).margin(1e-6));
    CHECK(inscl_f(short_lines, short_lines) == Approx(1));
}
