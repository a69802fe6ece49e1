#include <holdfast/scoring/scorer.hpp>

#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/exact_match.hpp>
#include <holdfast/scoring/sari.hpp>

#include "support/archetypes_scoring.hpp"
#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using texts = std::vector<std::string>;

TEST_CASE("any_scorer without a scorer is TRACE's exact match") {
    const scoring::any_scorer any;
    const scoring::exact_match exact;
    CHECK(any.name() == exact.name());
    CHECK(any.best() == exact.best);
    CHECK_FALSE(any.uses_source());
    for (const std::string p : {"", "B", " B", "b"})
        for (const texts& r : {texts{}, texts{""}, texts{"A", "B"}}) {
            CHECK(any.score(p, r) == exact.score(p, r));
            CHECK(any.score(p, r, "source") == exact.score(p, r));
        }
}

TEST_CASE("any_scorer passes on what the scorer says of itself") {
    const scoring::any_scorer plain = archetypes::minimal_scorer{};
    CHECK(plain.name() == "unnamed scorer");
    CHECK(plain.best() == 1);
    CHECK_FALSE(plain.uses_source());
    CHECK(plain.score("x", texts{"y"}) == 0.5);
    CHECK(plain.score("x", texts{"y"}, "source") == 0.5);

    const scoring::any_scorer sourced = archetypes::sourced_scorer{};
    CHECK(sourced.name() == "archetype with a source");
    CHECK(sourced.best() == 100);
    CHECK(sourced.uses_source());
    CHECK(sourced.score("x", texts{"y"}) == 25);
    CHECK(sourced.score("x", texts{"y"}, "source") == 75);
}

TEST_CASE("a copy of any_scorer outlives the original, with its name") {
    scoring::any_scorer kept;
    {
        const scoring::any_scorer original = scoring::fuzz_ratio<scoring::indel>{};
        kept = original;
    }
    CHECK(kept.name() == "fuzz_ratio<indel>");
    CHECK(kept.best() == 100);
    CHECK(kept.score("kitten", texts{"sitting"}) == 62);
}

TEST_CASE("a score that needs the source says so through any_scorer too") {
    const scoring::any_scorer sari = scoring::hf::sari{};
    CHECK(sari.uses_source());
    CHECK_REFUSES(sari.score("a", texts{"a"}), "scoring::hf::sari: needs the source text");
}
