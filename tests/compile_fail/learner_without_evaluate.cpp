// expect: learner\.evaluate\(task\)
// A trainer that cannot be evaluated is refused in the user's own words: the message names the missing expression.

#include "support/archetypes_experiment.hpp"

template <holdfast::experiment::learner Learner>
void needs_a_learner(Learner&) {}

int main() {
#ifdef HOLDFAST_BREAK
    archetypes::learner_without_evaluate model;
#else
    archetypes::minimal_learner model;
#endif
    needs_a_learner(model);
}
