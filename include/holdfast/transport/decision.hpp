#pragma once
// Distances only as fine as a decision needs them: bounds from means and variances first, then measured intervals, then
// exact values where intervals are widest, until a predicate on the intervals says that nothing finer could change its
// mind. InsCL's integer budget is such a decision. Builds on bounds.hpp and similarity.hpp; knows nothing of budgets.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/bounds.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/similarity.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace holdfast::transport {

struct decided_distances {
    std::vector<certified<double>> distance;  ///< [k] as fine as was needed
    bool decided = false;                     ///< false: not even exact distances settle it (a tie)
    std::size_t measured = 0;                 ///< distances that were computed at all
    std::size_t solves = 0;                   ///< how often, all accuracies together
};

/// The distances of several tasks from one, refined until `decided` holds for the intervals.
///
///     const auto d = distances_until(past, current, [&](std::span<const certified<double>> w) {
///         return replay::allocate(w, budget).certain;
///     });
///
/// @param tasks    [k] measures
/// @param from     the one that all are compared with
/// @param decided  decided(span of k certified<double>) -> bool: true where no values within the intervals could give
///                 another outcome. What it says of narrower intervals may only change from false to true
/// @param options  relative_gap is asked for first; where that leaves the decision open, exact distances follow, those
///                 of the widest intervals first
/// @throw          as wasserstein, and what decided throws
/// @cost           from O(k d) to k distances within relative_gap and k exact ones; each round's in parallel. Up to
///                 some hundreds of points an exact distance costs little more: asking for them at once is as fast
/// @determinism    same bits for any number of threads
template <class Real, class Decided>
    requires std::predicate<const Decided&, std::span<const certified<double>>>
[[nodiscard]] decided_distances distances_until(std::span<const discrete_measure<Real>> tasks,
                                                const discrete_measure<Real>& from, const Decided& decided,
                                                const wasserstein_options& options = {}) {
    detail::check_options(options);
    const std::size_t k = tasks.size();
    const std::array<double, 2> gaps = {options.relative_gap, 0};
    decided_distances out;
    out.distance.assign(k, {});
    std::vector<std::size_t> level(k, 0);  // how many of the gaps were asked for
    if (options.cost.kind() <= ground_cost::kinds::euclidean) {
        const moments mine = moments_of(from, options.cost);
        parallel_for(k, [&](std::size_t j) {
            out.distance[j] = moment_bounds(moments_of(tasks[j], options.cost), mine, options.cost);
        });
    } else {  // nothing is known of such a cost: exact at once
        parallel_for(k,
                     [&](std::size_t j) { out.distance[j] = wasserstein(tasks[j], from, detail::exactly(options)); });
        level.assign(k, gaps.size());
        out.measured = out.solves = k;
    }
    std::vector<std::optional<detail::ready_task<Real>>> ready(k);
    std::optional<detail::ready_task<Real>> mine;
    while (!(out.decided = static_cast<bool>(decided(std::span<const certified<double>>(out.distance))))) {
        double widest = -1;
        for (std::size_t j = 0; j < k; ++j)
            if (level[j] < gaps.size()) widest = std::max(widest, out.distance[j].gap());
        std::vector<std::size_t> next;  // those about as wide as the widest
        for (std::size_t j = 0; j < k; ++j)
            if (level[j] < gaps.size() && out.distance[j].gap() >= widest / 2) next.push_back(j);
        if (next.empty()) break;
        if (!mine) mine.emplace(from, options);
        parallel_for(next.size(), [&](std::size_t r) {
            const std::size_t j = next[r];
            const bool last = level[j] + 1 == gaps.size();
            wasserstein_options now = options;
            now.relative_gap = gaps[level[j]];
            if (!ready[j] && !last) ready[j].emplace(tasks[j], options);
            const certified<double> w = last ? wasserstein(tasks[j], from, detail::exactly(options))
                                             : detail::ladder<Real, Real>(*ready[j], *mine, now).climb();
            certified<double>& known = out.distance[j];
            const double lower = std::max(known.lower, w.lower), upper = std::min(known.upper, w.upper);
            // An exact value stands as it is; of the others the bounds that were known still hold.
            known = w.status == status::exact || lower > upper
                        ? w
                        : certified<double>{std::clamp(w.value, lower, upper), lower, upper, w.status};
        });
        for (const std::size_t j : next) {
            out.measured += level[j] == 0;
            ++out.solves;
            do ++level[j];
            while (level[j] < gaps.size() && out.distance[j].status == status::exact);
        }
    }
    return out;
}

}  // namespace holdfast::transport
