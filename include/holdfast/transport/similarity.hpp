#pragma once
// How far apart tasks are: distances between all pairs of them, each with its certificate. Builds on wasserstein.hpp,
// which has the distance between two.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/wasserstein.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport {

/// Distances between every two of T tasks; symmetric, the diagonal exactly zero.
struct distance_table {
    matrix<double> value, lower, upper;  ///< [T, T]
    matrix<holdfast::status> state;      ///< [T, T] how each pair ended

    [[nodiscard]] std::size_t size() const { return value.rows(); }
    [[nodiscard]] certified<double> operator()(std::size_t i, std::size_t j) const {
        return {value(i, j), lower(i, j), upper(i, j), state(i, j)};
    }

    /// All zero. @param count  T
    [[nodiscard]] static distance_table zeros(std::size_t count) {
        const matrix<double> none(count, count);
        return {none, none, none, matrix<holdfast::status>(count, count, holdfast::status::exact)};
    }
    /// Enters a distance, both ways.
    void set(std::size_t i, std::size_t j, const certified<double>& w) {
        value(i, j) = value(j, i) = w.value;
        lower(i, j) = lower(j, i) = w.lower;
        upper(i, j) = upper(j, i) = w.upper;
        state(i, j) = state(j, i) = w.status;
    }
};

namespace detail {

/// The same question without any room in the answer.
inline wasserstein_options exactly(wasserstein_options options) {
    options.relative_gap = 0;
    options.merge_within = 0;
    options.method = solver::automatic;
    return options;
}

/// Calls distance(i, j) for the pairs in parallel, the largest first, so that no core is left alone with them at the
/// end.
template <class Tasks, class Distance>
void for_pairs(const Tasks& tasks, std::vector<std::pair<std::size_t, std::size_t>> pairs, const Distance& distance) {
    const auto size = [&](const auto& p) { return tasks[p.first].size() * tasks[p.second].size(); };
    std::stable_sort(pairs.begin(), pairs.end(), [&](const auto& p, const auto& q) { return size(p) > size(q); });
    parallel_for(pairs.size(), [&](std::size_t k) { distance(pairs[k].first, pairs[k].second); });
}

}  // namespace detail

/// All pairs of tasks that are measures already. A cost of the user's must be symmetric: one order of each pair is
/// computed, and the diagonal is taken to be zero.
///
/// @param tasks  range of discrete_measure
/// @throw        as wasserstein; the sentence of the first failing pair
/// @cost         T (T − 1) / 2 times wasserstein, pairs in parallel; each task made ready once
/// @determinism  same bits for any number of threads
template <class Real>
[[nodiscard]] distance_table pairwise(std::span<const discrete_measure<Real>> tasks,
                                      const wasserstein_options& options = {}) {
    detail::check_options(options);
    const std::size_t count = tasks.size();
    distance_table table = distance_table::zeros(count);
    std::vector<std::optional<detail::ready_task<Real>>> ready(count);
    parallel_for(count, [&](std::size_t t) { ready[t].emplace(tasks[t], options); });
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = i + 1; j < count; ++j) pairs.emplace_back(i, j);
    detail::for_pairs(tasks, std::move(pairs), [&](std::size_t i, std::size_t j) {
        table.set(i, j, detail::ladder<Real, Real>(*ready[i], *ready[j], options).climb());
    });
    return table;
}

/// All pairs of clouds whose rows weigh the same.
///
/// @param tasks  range of matrices [n_t, d], e.g. std::vector<Eigen::MatrixXf>
template <class Tasks>
    requires(matrix_like<typename Tasks::value_type>)
[[nodiscard]] distance_table pairwise(const Tasks& tasks, const wasserstein_options& options = {}) {
    using Real = measured_t<typename Tasks::value_type>;
    std::vector<discrete_measure<Real>> measures;
    for (const auto& points : tasks) measures.push_back(measure(points));
    return pairwise(std::span<const discrete_measure<Real>>(measures), options);
}

/// All pairs of clouds whose rows have weights.
///
/// @param tasks    range of matrices [n_t, d]
/// @param weights  range of the same length of vectors [n_t]
template <class Tasks, class Weights>
    requires(matrix_like<typename Tasks::value_type>&&
                 std::convertible_to<const typename Weights::value_type&, std::span<const double>>)
[[nodiscard]] distance_table pairwise(const Tasks& tasks, const Weights& weights,
                                      const wasserstein_options& options = {}) {
    using Real = measured_t<typename Tasks::value_type>;
    require(tasks.size() == weights.size(), "transport::pairwise: one vector of weights for each task, got ",
            weights.size(), " for ", tasks.size(), " tasks");
    std::vector<discrete_measure<Real>> measures;
    auto w = weights.begin();
    for (const auto& points : tasks) measures.push_back(measure(points, std::span<const double>(*w++)));
    return pairwise(std::span<const discrete_measure<Real>>(measures), options);
}

}  // namespace holdfast::transport
