#pragma once
// Means of the scores themselves: after the last stage, over all stages, on the diagonal, over the triangle.
// Builds on options.hpp. Leaves out what compares two scores (backward_transfer.hpp, forward_transfer.hpp,
// forgetting.hpp). In the formulas R[i][j] is the score of task j after stage i, both from 0, and T the number of tasks
// seen so far.

#include <holdfast/metrics/options.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace holdfast::metrics {

/// Overall performance (OP; also ACC, AP, AR): the mean score at the end.
///
///     OP = 1/T · Σ_j R[T-1][j]
///
/// @param r  scores [stages, T]; the last row, or row o.stage, must hold all tasks seen by then
/// @return   mean, in the unit of r
/// @throw    invalid_argument if a score that is needed is missing
/// @cost     O(T)
/// @see      Lopez-Paz & Ranzato 2017 (GEM), arXiv:1706.08840; Wang et al. 2023 (TRACE), arXiv:2310.06762
[[nodiscard]] inline result overall_performance(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::overall_performance";
    (void)detail::denominator_of(function, o, over_all_tasks, over_all_tasks);
    const std::size_t t = detail::stage_of(function, r, o, 1);
    detail::mean m;
    for (std::size_t j = 0; j <= t; ++j) m.add(detail::cell(function, r, t, j, o));
    return m.over("OP", o.stage == last_stage ? "mean of the last row" : sentence("mean of the row of stage ", t), 1,
                  r.scale());
}

/// Overall performance where every test item counts the same, not every task (OP, micro).
///
///     OP = Σ_j n_j R[T-1][j] / Σ_j n_j
///
/// @throw  invalid_argument if the size of a task is not known (task_traits::size)
[[nodiscard]] inline result overall_performance_by_size(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::overall_performance_by_size";
    (void)detail::denominator_of(function, o, over_all_tasks, over_all_tasks);
    const std::size_t t = detail::stage_of(function, r, o, 1);
    double sum = 0, items = 0;
    std::size_t used = 0;
    for (std::size_t j = 0; j <= t; ++j) {
        require(r.traits()[j].size > 0, function, ": needs the number of test items of task ", j, " (", r.names()[j],
                "), say it in task_traits::size");
        const double x = detail::cell(function, r, t, j, o);
        if (std::isnan(x)) continue;
        const auto n = static_cast<double>(r.traits()[j].size);
        sum += n * x, items += n, ++used;
    }
    std::string variant = "mean of the last row weighted by test items" + detail::at_stage(o);
    if (used <= t) variant += sentence(", ", used, " of ", t + 1, " evaluated");
    return {used ? sum / items : not_evaluated, std::move(variant), "OP", items, used, 1, r.scale()};
}

/// Average incremental score (AIA): the mean of OP over all stages.
///
///     AIA = 1/T · Σ_i 1/(i+1) · Σ_{j<=i} R[i][j]
///
/// Early tasks weigh more than in lower_triangle_mean.
/// @throw  invalid_argument if a score on or below the diagonal is missing
/// @cost   O(T²)
/// @see    Rebuffi et al. 2017 (iCaRL), arXiv:1611.07725
[[nodiscard]] inline result average_incremental(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::average_incremental";
    (void)detail::denominator_of(function, o, over_all_tasks, over_all_tasks);
    const std::size_t t = detail::stage_of(function, r, o, 1);
    detail::mean m;
    for (std::size_t i = 0; i <= t; ++i) {
        detail::mean row;
        for (std::size_t j = 0; j <= i; ++j) row.add(detail::cell(function, r, i, j, o));
        m.add(row.over("", "", 1, 1).value);
    }
    return m.over("AIA", "mean over stages of the mean over tasks seen" + detail::at_stage(o), t + 1, r.scale());
}

/// Learning accuracy (LA): how well each task was learned when it was its turn.
///
///     LA = 1/T · Σ_j R[j][j]
///
/// @see  Riemer et al. 2019 (MER), arXiv:1810.11910
[[nodiscard]] inline result learning_accuracy(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::learning_accuracy";
    (void)detail::denominator_of(function, o, over_all_tasks, over_all_tasks);
    const std::size_t t = detail::stage_of(function, r, o, 1);
    detail::mean m;
    for (std::size_t j = 0; j <= t; ++j) m.add(detail::cell(function, r, j, j, o));
    return m.over("LA", "mean of the diagonal" + detail::at_stage(o), t + 1, r.scale());
}

/// The mean of all scores on and below the diagonal (A of Díaz-Rodríguez et al.); `tasks` counts cells.
///
///     A = 2/(T(T+1)) · Σ_{i>=j} R[i][j]
///
/// @cost  O(T²)
/// @see   Díaz-Rodríguez et al. 2018, arXiv:1810.13166
[[nodiscard]] inline result lower_triangle_mean(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::lower_triangle_mean";
    (void)detail::denominator_of(function, o, over_all_tasks, over_all_tasks);
    const std::size_t t = detail::stage_of(function, r, o, 1);
    detail::mean m;
    for (std::size_t i = 0; i <= t; ++i)
        for (std::size_t j = 0; j <= i; ++j) m.add(detail::cell(function, r, i, j, o));
    return m.over("A", "mean of the lower triangle and its diagonal" + detail::at_stage(o), t + 1, r.scale());
}

/// Intransigence: how much worse a task was learned in the stream than by a reference model.
///
///     I = 1/T · Σ_j ( s[j] − R[j][j] )
///
/// Below zero means that the stream helped. The reference is a model trained on task j alone, or on all tasks up to j.
/// @param r          scores [stages, T]
/// @param reference  s [T], in each task's own unit
/// @see  Chaudhry et al. 2018 (RWalk), arXiv:1801.10112
[[nodiscard]] inline result intransigence(const accuracy_matrix& r, std::span<const double> reference,
                                          const options& o = {}) {
    constexpr auto function = "metrics::intransigence";
    (void)detail::denominator_of(function, o, over_all_tasks, over_all_tasks);
    detail::check_given(function, "a reference score", r, reference);
    const std::size_t t = detail::stage_of(function, r, o, 1);
    detail::mean m;
    for (std::size_t j = 0; j <= t; ++j)
        m.add(detail::given(function, "the reference score", r, reference, j, o) - detail::cell(function, r, j, j, o));
    return m.over("I", "mean of reference minus diagonal" + detail::at_stage(o), t + 1, r.scale());
}

/// Worst-case score of the earlier tasks (min-ACC): the lowest that each fell to after it was learned.
///
///     min-ACC = 1/(T-1) · Σ_{j<T-1} min_{j<i<T} R[i][j]
///
/// @see  De Lange et al. 2023, arXiv:2205.13452; there measured every few training steps, here once per stage
[[nodiscard]] inline result minimum_accuracy(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::minimum_accuracy";
    (void)detail::denominator_of(function, o, over_earlier_tasks, over_earlier_tasks);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t j = 0; j < t; ++j) {
        double low = not_evaluated;
        for (std::size_t i = j + 1; i <= t; ++i) {
            const double x = detail::cell(function, r, i, j, o);
            if (!(low <= x) && !std::isnan(x)) low = x;
        }
        m.add(low);
    }
    return m.over("min-ACC", "mean over T-1 earlier tasks of the lowest score since" + detail::at_stage(o), t,
                  r.scale());
}

/// Worst-case accuracy (WC-ACC): the new task's score, and min-ACC of the others.
///
///     WC-ACC = R[T-1][T-1] / T + (1 − 1/T) · min-ACC
///
/// @see  De Lange et al. 2023, arXiv:2205.13452
[[nodiscard]] inline result worst_case_accuracy(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::worst_case_accuracy";
    const std::size_t t = detail::stage_of(function, r, o, 2);
    auto w = minimum_accuracy(r, o);
    const auto n = static_cast<double>(t + 1);
    w.value = detail::cell(function, r, t, t, o) / n + (1 - 1 / n) * w.value;
    w.name = "WC-ACC";
    w.variant = "last task's score and min-ACC of the others, by number" + detail::at_stage(o);
    w.denominator = n, w.tasks += 1;
    return w;
}

/// Stability: the mean score of the earlier tasks at the end.
///
///     S = 1/(T-1) · Σ_{j<T-1} R[T-1][j]
[[nodiscard]] inline result stability(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::stability";
    (void)detail::denominator_of(function, o, over_earlier_tasks, over_earlier_tasks);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t j = 0; j < t; ++j) m.add(detail::cell(function, r, t, j, o));
    return m.over("S", "mean score of T-1 earlier tasks" + detail::at_stage(o), 1, r.scale());
}

/// Balance of stability and plasticity: their harmonic mean, near the smaller of the two.
///
///     2 S P / (S + P),   P = learning accuracy
[[nodiscard]] inline result stability_plasticity(const accuracy_matrix& r, const options& o = {}) {
    auto s = stability(r, o);
    options all = o;
    all.denominator = as_defined;
    const auto p = learning_accuracy(r, all);
    s.value = s.value + p.value > 0 ? 2 * s.value * p.value / (s.value + p.value) : 0 * s.value;  // NaN stays NaN
    s.name = "S/P", s.variant = "harmonic mean of stability and learning accuracy" + detail::at_stage(o);
    s.stages = p.stages, s.tasks = p.tasks;
    return s;
}

}  // namespace holdfast::metrics
