// expect: o\.stage_end\(stage\)
// An observer whose only hook is misspelt would never be called; the compiler says which hooks there are.

#include "support/archetypes_experiment.hpp"

template <holdfast::experiment::observer Observer>
void needs_an_observer(Observer&) {}

int main() {
#ifdef HOLDFAST_BREAK
    archetypes::observer_of_nothing watcher;
#else
    archetypes::minimal_observer watcher;
#endif
    needs_an_observer(watcher);
}
