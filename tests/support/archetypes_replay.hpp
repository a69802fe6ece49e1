#pragma once
// The smallest types that play a role of replay/, and the same with one thing missing.

#include <holdfast/replay/policy.hpp>
#include <holdfast/replay/sampler.hpp>
#include <holdfast/replay/tagger.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace archetypes {

struct minimal_policy {
    holdfast::replay::plan plan(std::span<const holdfast::replay::task_memory>, const holdfast::replay::task_memory&,
                                holdfast::philox) const {
        return {};
    }
    const char* name() const { return "minimal"; }
};

struct policy_without_plan {
    const char* name() const { return "nothing"; }
};

struct policy_without_name {
    holdfast::replay::plan plan(std::span<const holdfast::replay::task_memory>, const holdfast::replay::task_memory&,
                                holdfast::philox) const {
        return {};
    }
};

/// Changes while it plans: one object could not serve two runs.
struct policy_with_state : minimal_policy {
    holdfast::replay::plan plan(std::span<const holdfast::replay::task_memory>, const holdfast::replay::task_memory&,
                                holdfast::philox) {
        return {};
    }
};

struct policy_with_needs : minimal_policy {
    static constexpr bool needs_embeddings = true;
    static constexpr bool needs_tags = false;
};

struct minimal_sampler {
    static constexpr bool with_replacement = true;
    std::size_t size() const { return 1; }
    std::vector<std::uint32_t> draw(std::size_t n, holdfast::philox) const { return std::vector<std::uint32_t>(n, 0); }
};

/// Does not say whether an item can come twice.
struct sampler_of_unknown_kind {
    std::size_t size() const { return 1; }
    std::vector<std::uint32_t> draw(std::size_t n, holdfast::philox) const { return std::vector<std::uint32_t>(n, 0); }
};

struct minimal_tagger {
    std::vector<std::string> tags(std::string_view) const { return {}; }
};

struct tagger_of_one {
    std::string tags(std::string_view) const { return {}; }
};

}  // namespace archetypes
