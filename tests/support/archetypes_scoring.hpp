#pragma once
// The smallest types that play a role of scoring/, and the smallest that miss it by one member. Nothing here computes.

#include <span>
#include <string>
#include <string_view>

namespace archetypes {

/// All a scorer must have.
struct minimal_scorer {
    double score(std::string_view, std::span<const std::string>) const { return 0.5; }
};

/// A scorer that looks at the source too, in per cent, with a name.
struct sourced_scorer {
    static constexpr double best = 100;
    std::string_view name() const { return "archetype with a source"; }
    double score(std::string_view, std::span<const std::string>) const { return 25; }
    double score(std::string_view, std::span<const std::string>, std::string_view) const { return 75; }
};

/// Misses: no score at all.
struct scorer_without_score {
    std::string_view name() const { return "none"; }
};

/// Misses: scoring would change it.
struct scorer_not_const {
    double score(std::string_view, std::span<const std::string>) { return 0.5; }
};

/// Misses: the score is not a number.
struct scorer_of_text {
    std::string score(std::string_view, std::span<const std::string>) const { return {}; }
};

}  // namespace archetypes
