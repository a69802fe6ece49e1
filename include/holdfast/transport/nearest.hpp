#pragma once
// Which tasks are nearest to which, without measuring all pairs: means and variances bound every distance, each
// measured one bounds others through the triangle, and what cannot be among the k nearest is never measured. Builds on
// bounds.hpp and similarity.hpp. Leaves out the full table (similarity.hpp, all_pairs.hpp).

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/bounds.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/similarity.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport {

/// The k nearest tasks of every task.
struct nearest_tasks {
    matrix<std::size_t> index;                       ///< [T, k] the nearest first
    std::vector<std::vector<certified<double>>> at;  ///< [T][k] their distances W
    std::size_t measured = 0;                        ///< pairs whose distance was computed
    std::size_t pairs = 0;                           ///< T (T − 1) / 2
};

namespace detail {

/// What is known of all distances, in the metric, and what to measure next.
template <class Real>
class nearest_search {
  public:
    nearest_search(std::span<const discrete_measure<Real>> tasks, std::size_t k, const wasserstein_options& options)
        : tasks_(tasks),
          k_(k),
          options_(options),
          known_(distance_table::zeros(tasks.size())),
          low_(tasks.size(), tasks.size()),
          high_(tasks.size(), tasks.size()),
          level_(tasks.size(), tasks.size(), 0),
          ready_(tasks.size()) {
        std::vector<moments> m(tasks.size());
        parallel_for(tasks.size(), [&](std::size_t t) {
            ready_[t].emplace(tasks[t], options);
            m[t] = moments_of(tasks[t], options.cost);
        });
        for (std::size_t i = 0; i < tasks.size(); ++i)
            for (std::size_t j = i + 1; j < tasks.size(); ++j) enter(i, j, moment_bounds(m[i], m[j], options.cost));
    }

    nearest_tasks run() {
        const std::size_t count = tasks_.size();
        for (;;) {
            std::vector<std::pair<std::size_t, std::size_t>> next;
            for (std::size_t i = 0; i < count; ++i)
                if (const std::size_t j = wanted(i); j < count) next.emplace_back(std::min(i, j), std::max(i, j));
            if (next.empty()) break;
            std::sort(next.begin(), next.end());
            next.erase(std::unique(next.begin(), next.end()), next.end());
            for_pairs(tasks_, next, [&](std::size_t i, std::size_t j) {
                known_.set(i, j,
                           level_(i, j) == unmeasured
                               ? detail::ladder<Real, Real>(*ready_[i], *ready_[j], options_).climb()
                               : wasserstein(tasks_[i], tasks_[j], exactly(options_)));
            });
            for (const auto& [i, j] : next) {
                level_(i, j) = level_(j, i) =
                    level_(i, j) == measured || known_.state(i, j) == status::exact ? polished : measured;
                enter(i, j, known_(i, j));
                spread(i, j);
                spread(j, i);
            }
        }
        nearest_tasks found{matrix<std::size_t>(count, k_), {}, 0, count * (count - 1) / 2};
        for (std::size_t i = 0; i < count; ++i) {
            auto near = nearest(i);
            std::sort(near.begin(), near.end(), [&](std::size_t a, std::size_t b) {
                return known_.value(i, a) != known_.value(i, b) ? known_.value(i, a) < known_.value(i, b) : a < b;
            });
            found.at.emplace_back();
            for (std::size_t r = 0; r < k_; ++r) {
                found.index(i, r) = near[r];
                found.at[i].push_back(known_(i, near[r]));
            }
            for (std::size_t j = 0; j < i; ++j) found.measured += level_(i, j) != unmeasured;
        }
        return found;
    }

  private:
    static constexpr int unmeasured = 0, measured = 1, polished = 2;

    void enter(std::size_t i, std::size_t j, const certified<double>& w) {
        low_(i, j) = low_(j, i) = std::max(low_(i, j), to_metric(options_.cost, w.lower) * (1 - 1e-15));
        const double high = to_metric(options_.cost, w.upper) * (1 + 1e-15);
        high_(i, j) = high_(j, i) = high_(i, j) > 0 ? std::min(high_(i, j), high) : high;
    }

    /// d(i, j) lies between |d(i, l) − d(l, j)| and d(i, l) + d(l, j).
    void spread(std::size_t i, std::size_t l) {
        for (std::size_t j = 0; j < tasks_.size(); ++j) {
            if (j == i || j == l) continue;
            const double low = std::max(low_(i, l) - high_(l, j), low_(l, j) - high_(i, l));
            low_(i, j) = low_(j, i) = std::max(low_(i, j), low);
            high_(i, j) = high_(j, i) = std::min(high_(i, j), high_(i, l) + high_(l, j));
        }
    }

    /// The k with the least upper bounds; of equal ones those of lower index.
    [[nodiscard]] std::vector<std::size_t> nearest(std::size_t i) const {
        std::vector<std::size_t> order(tasks_.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        order.erase(order.begin() + static_cast<std::ptrdiff_t>(i));
        std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k_), order.end(),
                          [&](std::size_t a, std::size_t b) {
                              return high_(i, a) != high_(i, b) ? high_(i, a) < high_(i, b) : a < b;
                          });
        order.resize(k_);
        return order;
    }

    /// A task whose distance from i is to be measured next; none: tasks_.size().
    [[nodiscard]] std::size_t wanted(std::size_t i) const {
        const std::vector<std::size_t> near = nearest(i);
        std::vector<char> chosen(tasks_.size(), 0);
        for (const std::size_t j : near) chosen[j] = 1;
        const double reach = high_(i, near.back());
        double rival = reach;
        for (std::size_t j = 0; j < tasks_.size(); ++j)
            if (j != i && !chosen[j]) rival = std::min(rival, low_(i, j));
        std::size_t best = tasks_.size();
        const auto better = [&](std::size_t j) { return best == tasks_.size() || low_(i, j) < low_(i, best); };
        for (std::size_t j = 0; j < tasks_.size(); ++j) {  // first what has not been measured
            if (j == i || level_(i, j) != unmeasured) continue;
            if ((chosen[j] || low_(i, j) < reach) && better(j)) best = j;
        }
        if (best != tasks_.size() || rival >= reach) return best;
        for (std::size_t j = 0; j < tasks_.size(); ++j) {  // then, exactly, what may stand on either side
            if (j == i || level_(i, j) != measured) continue;
            if ((chosen[j] ? high_(i, j) > rival : low_(i, j) < reach) && better(j)) best = j;
        }
        return best;
    }

    std::span<const discrete_measure<Real>> tasks_;
    std::size_t k_;
    const wasserstein_options& options_;
    distance_table known_;
    matrix<double> low_, high_;
    matrix<int> level_;
    std::vector<std::optional<ready_task<Real>>> ready_;
};

}  // namespace detail

/// The k nearest tasks of every task, as if all pairs had been measured exactly; ties go to the lower index.
///
/// Distances come within relative_gap, and exactly where that leaves open who belongs. With T tasks in clusters far
/// fewer than T (T − 1) / 2 pairs are measured; in high dimension, where all distances are about the same, most are.
///
/// @param tasks  measures (see transport::measure)
/// @param k      from 1 to T − 1
/// @throw        invalid_argument for k outside its range, a cost of the user's, and as wasserstein
/// @cost         O(T² (T + d)) beside the pairs that are measured, which run in parallel
/// @determinism  same bits for any number of threads
template <class Real>
[[nodiscard]] nearest_tasks nearest(std::span<const discrete_measure<Real>> tasks, std::size_t k,
                                    const wasserstein_options& options = {}) {
    detail::check_options(options);
    require(k >= 1 && k < tasks.size(), "transport::nearest: of ", tasks.size(),
            " tasks each has 1 to one fewer neighbours, asked for ", k);
    return detail::nearest_search<Real>(tasks, k, options).run();
}

}  // namespace holdfast::transport
