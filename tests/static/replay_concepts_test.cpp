// Who plays a role of replay/ and who does not, side by side. Compiling is passing.

#include <holdfast/replay/inscl.hpp>

#include <string>
#include <type_traits>

#include "support/archetypes_replay.hpp"

namespace replay = holdfast::replay;

static_assert(replay::replay_policy<archetypes::minimal_policy>);
static_assert(replay::replay_policy<replay::no_replay>);
static_assert(replay::replay_policy<replay::head_slice>);
static_assert(replay::replay_policy<replay::random_replay>);
static_assert(replay::replay_policy<replay::inscl>);
static_assert(!replay::replay_policy<archetypes::policy_without_plan>);
static_assert(!replay::replay_policy<archetypes::policy_without_name>);
static_assert(!replay::replay_policy<archetypes::policy_with_state>);
static_assert(!replay::replay_policy<replay::uniform_without_replacement>);

static_assert(replay::needs_embeddings<replay::inscl> && replay::needs_tags<replay::inscl>);
static_assert(!replay::needs_embeddings<replay::random_replay> && !replay::needs_tags<replay::random_replay>);
static_assert(replay::needs_embeddings<archetypes::policy_with_needs>);
static_assert(!replay::needs_tags<archetypes::policy_with_needs>);

static_assert(replay::sampler<archetypes::minimal_sampler>);
static_assert(replay::sampler<replay::uniform_without_replacement>);
static_assert(replay::sampler<replay::alias_table>);
static_assert(!replay::sampler<archetypes::sampler_of_unknown_kind>);
static_assert(!replay::sampler<replay::random_replay>);

static_assert(replay::tagger<archetypes::minimal_tagger>);
static_assert(replay::tagger<replay::keyword_tagger>);
static_assert(replay::tagger<replay::precomputed_tagger>);
static_assert(!replay::tagger<archetypes::tagger_of_one>);
static_assert(!replay::tagger<std::string>);

// A policy is hyper-parameters: copyable, and equal copies plan alike.
static_assert(std::is_copy_constructible_v<replay::inscl> && std::is_copy_assignable_v<replay::inscl>);
