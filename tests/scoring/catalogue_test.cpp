#include <holdfast/scoring/catalogue.hpp>

#include <set>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;

TEST_CASE("every scorer is found under its own name") {
    std::set<std::string_view> names;
    for (const auto& entry : scoring::catalogue()) {
        CHECK(names.insert(entry.scorer.name()).second);
        CHECK(scoring::named(entry.scorer.name()).name() == entry.scorer.name());
        CHECK_FALSE(entry.definition.empty());
        CHECK_FALSE(entry.origin.empty());
        // A perfect prediction reaches `best` (trace::rouge_l up to its 1e-8). EASSE's 0/0 is 0: four words in a row
        // must be kept, added and deleted.
        const std::vector<std::string> reference{"one two three 4 five"};
        const std::string source = "a b c d one two three 4";
        CHECK(entry.scorer.score(reference[0], reference, source) == Approx(entry.scorer.best()).margin(1e-8));
    }
    CHECK(scoring::named("trace::rouge_l").score("a b", std::vector<std::string>{"a c"}) == Approx(.5).margin(1e-8));
    CHECK_REFUSES(scoring::named("rouge"), "there is no scorer \"rouge\"; there are exact_match, stripped_match");
}

TEST_CASE("a corpus has the same scores on any number of threads, and one pass has them all") {
    std::vector<scoring::item> items;
    for (int k = 0; k < 500; ++k) {
        const std::string n = std::to_string(k * 7919 % 101), m = std::to_string(k * 104729 % 101);
        items.push_back({"the cat " + n + " sat on " + m, {"a cat " + m + " sat on " + n, n}, "a cat " + n});
    }
    for (const auto& [s, definition, origin] : scoring::catalogue()) {
        INFO(s.name());
        holdfast::set_threads(1);
        const auto one = scoring::score_all(s, items);
        const auto corpus = scoring::score_corpus(s, items);
        holdfast::set_threads(3);
        CHECK(scoring::score_all(s, items) == one);
        const auto again = scoring::score_corpus(s, items);
        const double mean = scoring::mean_score(s, items);
        holdfast::set_threads(0);
        CHECK(scoring::mean_score(s, items) == mean);
        CHECK(one[7] == s.score(items[7].prediction, items[7].references, items[7].source));
        CHECK(corpus.scores == one);
        CHECK(corpus.mean == mean);
        CHECK((again.scores == one && again.pooled == corpus.pooled && again.numbers == corpus.numbers));
        CHECK(corpus.numbers.cols() == s.width());
        if (!s.pools()) CHECK(corpus.pooled == mean);
        CHECK((corpus.pooled >= 0 && corpus.pooled <= s.best()));
    }
    CHECK_REFUSES(scoring::score_corpus(scoring::any_scorer{}, {}), "needs at least 1 item");
    CHECK(scoring::score_all(scoring::any_scorer{}, {}).empty());
    CHECK_REFUSES(scoring::mean_score(scoring::any_scorer{}, {}), "needs at least 1 item");
}

TEST_CASE("the score of a corpus is that of its counts") {
    const std::vector<scoring::item> items{{"a b c d", {"a b c d"}}, {"x", {"y z"}}, {"a", {"b", "a c"}}};
    const auto corpus_of = [&](const char* name) { return scoring::score_corpus(scoring::named(name), items); };
    // 4 + 0 + 1 words matched of 6 written and 8 asked for
    CHECK(corpus_of("google::rouge_1").pooled == Approx(2. * 5 / (6 + 8)));
    CHECK(corpus_of("google::rouge_1").mean == Approx((1 + 0 + 2. / 3) / 3));
    CHECK(corpus_of("google::rouge_l").pooled == Approx(2. * 5 / (6 + 8)));
    // InsCL: F of mean precision (1 + 0 + 1/2) / 3 and mean recall (1 + 0 + 1/3) / 3, references added up
    const double p = 1.5 / 3, r = (1 + 1. / 3) / 3;
    CHECK(corpus_of("inscl::rouge_l").pooled == Approx(2 * p * r / (p + r)));
    CHECK(scoring::named("inscl::rouge_l").reports_pooled());
    CHECK_FALSE(scoring::named("google::rouge_l").reports_pooled());
    CHECK_FALSE(scoring::any_scorer{}.pools());
    CHECK(scoring::score_corpus(scoring::any_scorer{}, items).pooled == Approx(1. / 3));
}
