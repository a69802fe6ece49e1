#pragma once
// The smallest types that play a role of experiment/, and the smallest that miss it by one member. Nothing here learns.

#include <holdfast/experiment/concepts.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace archetypes {

namespace experiment = holdfast::experiment;

/// All a learner must have.
struct minimal_learner {
    void train(std::span<const experiment::example>) {}
    double evaluate(const experiment::task&) const { return 0.5; }
};

/// Misses: evaluate.
struct learner_without_evaluate {
    void train(std::span<const experiment::example>) {}
};

/// Misses: train.
struct learner_without_train {
    double evaluate(const experiment::task&) const { return 0.5; }
};

/// Misses: the score is not a number.
struct learner_of_text {
    void train(std::span<const experiment::example>) {}
    std::string evaluate(const experiment::task&) const { return {}; }
};

/// All a stream must have; it reads its task anew at every call.
struct minimal_stream {
    std::size_t size() const { return 1; }
    experiment::task operator[](std::size_t) const { return {.name = "only"}; }
};

/// Misses: size.
struct stream_without_size {
    experiment::task operator[](std::size_t) const { return {}; }
};

/// Misses: what it holds are not tasks.
struct stream_of_names {
    std::size_t size() const { return 1; }
    std::string operator[](std::size_t) const { return {}; }
};

/// One hook is enough.
struct minimal_observer {
    void stage_end(std::size_t) {}
};

/// Misses: no hook that anyone would call.
struct observer_of_nothing {
    void stage_ended(std::size_t) {}
};

}  // namespace archetypes
