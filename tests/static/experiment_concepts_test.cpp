// Who plays a role of experiment/ and who does not, side by side. Compiling is passing.

#include "support/archetypes_experiment.hpp"

#include <deque>
#include <span>
#include <string>
#include <vector>

namespace experiment = holdfast::experiment;

static_assert(experiment::learner<archetypes::minimal_learner>);
static_assert(!experiment::learner<archetypes::learner_without_evaluate>);
static_assert(!experiment::learner<archetypes::learner_without_train>);
static_assert(!experiment::learner<archetypes::learner_of_text>);
static_assert(!experiment::learner<int>);

static_assert(experiment::task_stream<std::vector<experiment::task>>);
static_assert(experiment::task_stream<std::deque<experiment::task>>);
static_assert(experiment::task_stream<std::span<const experiment::task>>);
static_assert(experiment::task_stream<archetypes::minimal_stream>);
static_assert(!experiment::task_stream<archetypes::stream_without_size>);
static_assert(!experiment::task_stream<archetypes::stream_of_names>);
static_assert(!experiment::task_stream<std::vector<std::string>>);

static_assert(experiment::observer<experiment::silent>);
static_assert(experiment::observer<archetypes::minimal_observer>);
static_assert(!experiment::observer<archetypes::observer_of_nothing>);
static_assert(!experiment::observer<int>);
