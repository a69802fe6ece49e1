// expect: p\.plan\(past, current, g\)
// Something that cannot plan is no policy; the message names the missing expression.

#include "support/archetypes_replay.hpp"

template <holdfast::replay::replay_policy Policy>
void needs_a_policy(const Policy&) {}

int main() {
#ifdef HOLDFAST_BREAK
    needs_a_policy(archetypes::policy_without_plan{});
#else
    needs_a_policy(archetypes::minimal_policy{});
#endif
}
