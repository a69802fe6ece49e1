#pragma once
// Distances between all pairs of tasks that remember: a cache by content serves every run and every order of the tasks,
// progress is told, and the function that measures a pair may be the user's. Builds on similarity.hpp and
// distance_cache.hpp. Leaves out finding near tasks without measuring all (nearest.hpp).

#include <holdfast/core/certified.hpp>
#include <holdfast/core/config.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/distance_cache.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/similarity.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::transport {

struct all_pairs_options {
    distance_cache* cache = nullptr;  ///< asked before a pair is measured, told after; null: none
    /// Called after every pair, from several threads, one at a time.
    std::function<void(std::size_t done, std::size_t pairs)> progress = {};
};

/// The table, and how much of it had to be computed.
struct all_pairs_result : distance_table {
    std::size_t measured = 0;    ///< pairs that were computed
    std::size_t remembered = 0;  ///< pairs that the cache held
};

/// What a distance between two measures under these options is remembered by: the measures' content, whatever their
/// order, and all that the answer depends on.
[[nodiscard]] inline fingerprint distance_key(const fingerprint& a, const fingerprint& b, std::string_view method) {
    fingerprint_maker maker;
    maker.add(std::string_view(HOLDFAST_VERSION));
    maker.add(method);
    maker.add(std::min(a, b));
    maker.add(std::max(a, b));
    return maker.value();
}

/// The same for `wasserstein`; nothing for a cost of the user's, which has no name to be remembered by.
[[nodiscard]] inline std::optional<fingerprint> distance_key(const fingerprint& a, const fingerprint& b,
                                                             const wasserstein_options& options) {
    if (options.cost.kind() > ground_cost::kinds::euclidean) return std::nullopt;
    fingerprint_maker maker;
    maker.add(distance_key(a, b, "transport::wasserstein"));
    maker.add(static_cast<std::uint64_t>(options.cost.kind()));
    maker.add(options.relative_gap);
    maker.add(static_cast<std::uint64_t>(options.method));
    maker.add(std::uint64_t{options.simplex_limit});
    maker.add(std::uint64_t{options.max_iterations});
    maker.add(static_cast<std::uint64_t>(options.storage));
    maker.add(std::uint64_t{options.memory});
    maker.add(options.merge_within);
    return maker.value();
}

namespace detail {

/// Asks the cache, measures the rest.
template <class Real, class Key, class Begin, class Distance>
all_pairs_result fill_table(std::span<const discrete_measure<Real>> tasks, const Key& key, const Begin& begin,
                            const Distance& distance, const all_pairs_options& options) {
    const std::size_t count = tasks.size(), all = count < 2 ? 0 : count * (count - 1) / 2;
    all_pairs_result table{distance_table::zeros(count), 0, 0};
    std::vector<fingerprint> prints(count);
    if (options.cache) parallel_for(count, [&](std::size_t t) { prints[t] = fingerprint_of(tasks[t]); });
    std::vector<std::pair<std::size_t, std::size_t>> open;
    std::vector<char> used(count, 0);
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = i + 1; j < count; ++j) {
            const auto name = options.cache ? key(prints[i], prints[j]) : std::nullopt;
            if (const auto known = name ? options.cache->find(*name) : std::nullopt) {
                table.set(i, j, *known);
                ++table.remembered;
                continue;
            }
            used[i] = used[j] = 1;
            const bool turned = options.cache && prints[j] < prints[i];
            open.emplace_back(turned ? j : i, turned ? i : j);
        }
    table.measured = open.size();
    begin(used);
    std::mutex guard;
    std::size_t done = table.remembered;
    if (options.progress && all > 0) options.progress(done, all);
    for_pairs(tasks, std::move(open), [&](std::size_t i, std::size_t j) {
        const certified<double> w = distance(i, j);
        table.set(i, j, w);
        if (const auto name = options.cache ? key(prints[i], prints[j]) : std::nullopt) options.cache->store(*name, w);
        if (!options.progress) return;
        const std::lock_guard lock(guard);
        options.progress(++done, all);
    });
    return table;
}

}  // namespace detail

/// All pairs of tasks, with a cache and progress. Symmetric, the diagonal exactly zero.
///
/// What a cache holds changes no bit: with one, a pair is measured in the order of its fingerprints, so the answer is
/// that of the two contents, whichever run, order of tasks or thread came first. Without one the bits are `pairwise`'s.
///
/// @param tasks  measures (see transport::measure)
/// @throw        as wasserstein and distance_cache
/// @cost         T (T − 1) / 2 times wasserstein for what is not remembered, pairs in parallel; O(n d) to know a task
template <class Real>
[[nodiscard]] all_pairs_result all_pairs(std::span<const discrete_measure<Real>> tasks,
                                         const wasserstein_options& options = {}, const all_pairs_options& how = {}) {
    detail::check_options(options);
    std::vector<std::optional<detail::ready_task<Real>>> ready(tasks.size());
    return detail::fill_table(
        tasks, [&](const fingerprint& a, const fingerprint& b) { return distance_key(a, b, options); },
        [&](const std::vector<char>& used) {
            parallel_for(tasks.size(), [&](std::size_t t) {
                if (used[t]) ready[t].emplace(tasks[t], options);
            });
        },
        [&](std::size_t i, std::size_t j) -> certified<double> {
            return detail::ladder<Real, Real>(*ready[i], *ready[j], options).climb();
        },
        how);
}

/// The same by a function of the user's: another engine, another distance.
///
/// @param distance  distance(a, b) -> certified<double>; symmetric, zero between equal measures; called from several
///                  threads at once
/// @param name      what it is remembered by: must differ for whatever gives other answers; empty: not remembered
template <class Real, class Distance>
    requires std::invocable < const Distance&, const discrete_measure<Real>
&, const discrete_measure<Real>& >
       [[nodiscard]] all_pairs_result all_pairs_by(std::span<const discrete_measure<Real>> tasks,
                                                   const Distance& distance, std::string_view name = {},
                                                   const all_pairs_options& how = {}) {
    return detail::fill_table(
        tasks,
        [&](const fingerprint& a, const fingerprint& b) {
            return name.empty() ? std::nullopt : std::optional(distance_key(a, b, name));
        },
        [](const std::vector<char>&) {},
        [&](std::size_t i, std::size_t j) -> certified<double> { return distance(tasks[i], tasks[j]); }, how);
}

}  // namespace holdfast::transport
