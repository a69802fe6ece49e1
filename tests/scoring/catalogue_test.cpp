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
        // A perfect prediction reaches `best` (trace::rouge_l up to its 1e-8).
        const std::vector<std::string> reference{"one two three 4 five"};
        CHECK(entry.scorer.score(reference[0], reference, reference[0]) == Approx(entry.scorer.best()).margin(1e-8));
    }
    CHECK(scoring::named("trace::rouge_l").score("a b", std::vector<std::string>{"a c"}) == Approx(.5).margin(1e-8));
    CHECK_REFUSES(scoring::named("rouge"), "there is no scorer \"rouge\"; there are exact_match, stripped_match");
}

TEST_CASE("a corpus has the same scores on any number of threads") {
    std::vector<scoring::item> items;
    for (int k = 0; k < 500; ++k) {
        const std::string n = std::to_string(k * 7919 % 101), m = std::to_string(k * 104729 % 101);
        items.push_back({"the cat " + n + " sat on " + m, {"a cat " + m + " sat on " + n, n}, "a cat " + n});
    }
    for (const char* name : {"inscl::rouge_l", "hf::sari", "trace::py150"}) {
        const auto s = scoring::named(name);
        holdfast::set_threads(1);
        const auto one = scoring::score_all(s, items);
        holdfast::set_threads(3);
        CHECK(scoring::score_all(s, items) == one);
        const double mean = scoring::mean_score(s, items);
        holdfast::set_threads(0);
        CHECK(scoring::mean_score(s, items) == mean);
        CHECK(one[7] == s.score(items[7].prediction, items[7].references, items[7].source));
    }
    CHECK(scoring::score_all(scoring::any_scorer{}, {}).empty());
    CHECK_REFUSES(scoring::mean_score(scoring::any_scorer{}, {}), "needs at least 1 item");
}
