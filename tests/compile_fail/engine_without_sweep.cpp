// expect: e\.sweep\(f, g, eps, omega\)
// An engine that lacks its central operation is refused, and the message names the missing expression.

#include "support/archetypes_transport.hpp"

int main() {
#ifdef HOLDFAST_BREAK
    archetypes::engine_without_sweep engine;
#else
    archetypes::minimal_engine engine;
#endif
    return holdfast::transport::sinkhorn(engine).converged ? 0 : 1;
}
