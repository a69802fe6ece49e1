// Every scorer on random bytes: never a crash, never a score outside its range, the same score twice.

#include <holdfast/scoring/bleu.hpp>
#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/exact_match.hpp>
#include <holdfast/scoring/rouge.hpp>
#include <holdfast/scoring/rouge_google.hpp>
#include <holdfast/scoring/sari.hpp>
#include <holdfast/scoring/token_f1.hpp>

#include <holdfast/core/random.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;

namespace {

std::vector<scoring::any_scorer> all_scorers() {
    return {scoring::exact_match{},
            scoring::stripped_match{},
            scoring::prefix_match{},
            scoring::first_letter{},
            scoring::numeric_match{},
            scoring::squad::exact_match{},
            scoring::squad::token_f1{},
            scoring::superni::exact_match{},
            scoring::trace::rouge_l{},
            scoring::trace::rouge_l{false},
            scoring::trace::bleu{},
            scoring::sacrebleu::bleu{},
            scoring::codexglue::edit_sim<>{},
            scoring::google::rouge_lsum{true},
            scoring::trace::py150{},
            scoring::trace::keyword_f1{},
            scoring::inscl::rouge_l{},
            scoring::google::rouge_l{},
            scoring::google::rouge_n{2},
            scoring::edit_similarity<scoring::difflib>{},
            scoring::edit_similarity<scoring::indel>{},
            scoring::fuzz_ratio<scoring::indel>{},
            scoring::sacrebleu::bleu{.words = scoring::sacrebleu::tokens::intl, .lowercase = true},
            scoring::sacrebleu::bleu{.words = scoring::sacrebleu::tokens::characters},
            scoring::easse::sari{},
            scoring::easse::sari{.paper_version = true},
            scoring::hf::sari{}};
}

std::string random_text(holdfast::philox& g, int kind) {
    static const std::vector<std::string> pieces{" ",
                                                 ".",
                                                 "\n",
                                                 "a",
                                                 "the",
                                                 "Ä",
                                                 "我",
                                                 "\u3000",
                                                 "\xff",
                                                 "\xe6\x88",
                                                 "1.5",
                                                 "<STR_LIT:x>",
                                                 "<",
                                                 ">",
                                                 " , ",
                                                 "-3,000",
                                                 "Σ",
                                                 "&amp;",
                                                 std::string(1, '\0')};
    std::string text;
    for (std::size_t n = holdfast::uniform_index(g, 60); n > 0; --n)
        if (kind == 0)
            text.push_back(static_cast<char>(holdfast::uniform_index(g, 256)));
        else
            text += pieces[holdfast::uniform_index(g, pieces.size())];
    return text;
}

}  // namespace

TEST_CASE("no bytes make a scorer crash or leave its range") {
    holdfast::philox g{2024};
    const auto scorers = all_scorers();
    for (int round = 0; round < 400; ++round) {
        const std::string prediction = random_text(g, round % 2), source = random_text(g, round % 2);
        const std::vector<std::string> references{random_text(g, round % 2), random_text(g, 1)};
        for (const auto& s : scorers) {
            const double score = s.score(prediction, references, source);
            INFO(s.name());
            REQUIRE(score >= 0);
            // keyword_f1 counts repeats of the target, as its origin does
            if (s.name() != "trace::keyword_f1") REQUIRE(score <= s.best() * (1 + 1e-12));
            REQUIRE(score == s.score(prediction, references, source));
        }
    }
}

TEST_CASE("empty and one-character texts are scored by every scorer") {
    for (const auto& s : all_scorers())
        for (const std::string p : {"", "a", ".", "我", "\xff", "\n"})
            for (const std::string r : {"", "a", ".", "我", "\xff", "\n"}) {
                const std::vector<std::string> reference{r};
                INFO(s.name());
                const double score = s.score(p, reference, "a");
                CHECK((score >= 0 && score <= s.best() * (1 + 1e-12)));
                CHECK(s.score(p, {}, "a") == 0);
            }
}
