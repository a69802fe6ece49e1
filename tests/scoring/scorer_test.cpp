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

namespace {

/// Letters in common, place by place; only `match` and `f` are its own.
struct same_places {
    static double f(const scoring::overlap& o) { return o.predicted > 0 ? o.matches / o.predicted : 0; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return scoring::detail::score_best(*this, prediction, references);
    }
    scoring::overlap match(std::string_view prediction, std::string_view reference) const {
        scoring::overlap o{0, static_cast<double>(prediction.size()), static_cast<double>(reference.size())};
        for (std::size_t k = 0; k < std::min(prediction.size(), reference.size()); ++k)
            o.matches += prediction[k] == reference[k];
        return o;
    }
};
static_assert(scoring::overlap_scorer<same_places> && !scoring::pooled_scorer<same_places>);

}  // namespace

TEST_CASE("a scorer of counts needs no more than the counts of a pair") {
    const scoring::any_scorer s = same_places{};
    CHECK(s.width() == 3);
    CHECK(s.pools());
    CHECK_FALSE(s.reports_pooled());
    std::vector<double> numbers(3);
    const std::vector<std::string> references{"abxx", "abcx", "abcy"};
    CHECK(s.measure("abcd", references, "", numbers) == 0.75);
    CHECK(numbers == std::vector<double>{3, 4, 4});
    CHECK(s.score("abcd", references) == 0.75);
    CHECK(s.measure("abcd", {}, "", numbers) == 0);
    CHECK(numbers == std::vector<double>{0, 0, 0});
    CHECK(s.pooled(std::vector<double>{3, 8, 9}, 2) == Approx(3.0 / 8));  // by its own f, not overlap's
}
