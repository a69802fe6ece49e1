// Who plays the scorer, and who does not: yes and no side by side, decided by the compiler alone.

#include <holdfast/scoring/scorer.hpp>

#include <type_traits>

#include "support/archetypes_scoring.hpp"

namespace scoring = holdfast::scoring;

static_assert(scoring::scorer<archetypes::minimal_scorer>);
static_assert(!scoring::scorer<archetypes::scorer_without_score>);
static_assert(!scoring::scorer<archetypes::scorer_not_const>);
static_assert(!scoring::scorer<archetypes::scorer_of_text>);
static_assert(!scoring::scorer<int>);

static_assert(scoring::scorer<archetypes::sourced_scorer>);
static_assert(scoring::scorer<scoring::any_scorer>);

static_assert(std::is_copy_constructible_v<scoring::any_scorer> &&
              std::is_nothrow_move_constructible_v<scoring::any_scorer>);
static_assert(std::is_convertible_v<archetypes::minimal_scorer, scoring::any_scorer>);
static_assert(!std::is_convertible_v<archetypes::scorer_not_const, scoring::any_scorer>);
static_assert(!std::is_constructible_v<scoring::any_scorer, int>);
