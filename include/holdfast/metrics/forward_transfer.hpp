#pragma once
// What earlier tasks did for a task before, or when, it was learned: FWT against a baseline that is always said, and
// the five other numbers that go by its name. Most need scores above the diagonal or before training: evaluate all
// tasks. Builds on options.hpp. In the formulas R[i][j] is the score of task j after stage i, both from 0, and T the
// number of tasks seen so far.

#include <holdfast/metrics/options.hpp>

#include <span>
#include <string>
#include <vector>

namespace holdfast::metrics {

namespace detail {

/// 1/(T-1) Σ_{j>=1} (R[j-1][j] − b[j]); an empty baseline takes nothing off.
inline result one_step_ahead(const char* function, const accuracy_matrix& r, std::span<const double> baseline,
                             const std::string& against, const options& o) {
    const bool all = denominator_of(function, o, over_later_tasks, over_all_tasks) == over_all_tasks;
    const std::size_t t = stage_of(function, r, o, 2);
    mean m;
    for (std::size_t j = 1; j <= t; ++j) {
        const double x = cell(function, r, j - 1, j, o);
        m.add(baseline.empty() ? x : x - given(function, "the baseline", r, baseline, j, o));
    }
    return m.over(
        "FWT",
        (all ? "mean over all T tasks, the first counts 0, " : "mean over T-1 later tasks, ") + against + at_stage(o),
        t, r.scale(), all ? 1 : 0);
}

/// 1/T Σ_j (R[j][j] − b[j]), or without the first task.
inline result when_learned(const char* function, const accuracy_matrix& r, std::span<const double> baseline,
                           const std::string& against, const options& o) {
    const bool all = denominator_of(function, o, over_all_tasks, over_later_tasks) == over_all_tasks;
    const std::size_t t = stage_of(function, r, o, all ? 1 : 2);
    mean m;
    for (std::size_t j = all ? 0 : 1; j <= t; ++j)
        m.add(cell(function, r, j, j, o) - given(function, "the baseline", r, baseline, j, o));
    return m.over("FWT",
                  (all ? "mean over all T tasks, when learned, " : "mean over T-1 later tasks, when learned, ") +
                      against + at_stage(o),
                  t + 1, r.scale());
}

}  // namespace detail

/// Forward transfer (FWT): how much better a task was, just before it was learned, than a baseline.
///
///     FWT = 1/(T-1) · Σ_{j>=1} ( R[j-1][j] − b[j] )
///
/// The baseline decides what the number means: GEM takes a randomly initialised model; for a pretrained one pass
/// r.before() (or call forward_transfer_zero_shot, which says so in its variant); a majority-class guess is a third.
/// There is no default.
///
/// @param r         scores [stages, T], at least 2 stages; R[j-1][j] (just above the diagonal) must be there
/// @param baseline  b [T], in each task's own unit; b[0] is not read
/// @return          mean difference, in the unit of r
/// @throw           invalid_argument if there are fewer than 2 stages, or a score that is needed is missing
/// @cost            O(T)
/// @see             Lopez-Paz & Ranzato 2017 (GEM), arXiv:1706.08840
[[nodiscard]] inline result forward_transfer(const accuracy_matrix& r, std::span<const double> baseline,
                                             const options& o = {}) {
    constexpr auto function = "metrics::forward_transfer";
    detail::check_given(function, "a baseline score", r, baseline);
    return detail::one_step_ahead(function, r, baseline, "against the given baseline", o);
}

/// The same with a baseline written at the call: forward_transfer(r, {0.1, 0.25, 0.2}).
[[nodiscard]] inline result forward_transfer(const accuracy_matrix& r, const std::vector<double>& baseline,
                                             const options& o = {}) {
    return forward_transfer(r, std::span<const double>(baseline), o);
}

/// Forward transfer against the model before training (zero-shot), as EasyCL computes it.
/// @throw  invalid_argument if the scores before training were not given
[[nodiscard]] inline result forward_transfer_zero_shot(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::forward_transfer_zero_shot";
    return detail::one_step_ahead(function, r, detail::given_before(function, r), "against the scores before training",
                                  o);
}

/// The score of a task just before it was learned, nothing taken off (CITB's FWT; next-domain accuracy of CLEAR).
///
///     1/(T-1) · Σ_{j>=1} R[j-1][j]
///
/// @see  Zhang et al. 2023 (CITB), arXiv:2310.14510
[[nodiscard]] inline result forward_transfer_no_baseline(const accuracy_matrix& r, const options& o = {}) {
    return detail::one_step_ahead("metrics::forward_transfer_no_baseline", r, {}, "no baseline taken off", o);
}

/// The mean score above the diagonal (Díaz-Rodríguez; FwT of CLEAR): tasks not learned yet, after every stage.
///
///     2/(T(T-1)) · Σ_{i<j} R[i][j]
///
/// `tasks` counts cells.
/// @throw  invalid_argument if a score above the diagonal is missing
/// @cost   O(T²)
/// @see    Díaz-Rodríguez et al. 2018, arXiv:1810.13166
[[nodiscard]] inline result forward_transfer_diaz(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::forward_transfer_diaz";
    (void)detail::denominator_of(function, o, as_defined, as_defined);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t i = 0; i < t; ++i)
        for (std::size_t j = i + 1; j <= t; ++j) m.add(detail::cell(function, r, i, j, o));
    return m.over("FWT", "mean score above the diagonal" + detail::at_stage(o), t, r.scale());
}

/// Forward transfer against single-task models: did the stream help learning (SAPT)? The opposite of intransigence.
///
///     FWT = 1/T · Σ_j ( R[j][j] − s[j] )
///
/// `{.denominator = over_later_tasks}` leaves the first task out, which the stream could not help.
/// @param single_task  s [T]: each task's score when it is learned alone, in its own unit
/// @see  Zhao et al. 2024 (SAPT), arXiv:2401.08295
[[nodiscard]] inline result forward_transfer_single_task(const accuracy_matrix& r, std::span<const double> single_task,
                                                         const options& o = {}) {
    constexpr auto function = "metrics::forward_transfer_single_task";
    detail::check_given(function, "a single-task score", r, single_task);
    return detail::when_learned(function, r, single_task, "against single-task models", o);
}

/// What learning a task brought it over the model before training (AimMerging's FWT).
///
///     1/T · Σ_j ( R[j][j] − R₀[j] )
///
/// Mostly learning, little transfer: the task's own training is in it.
[[nodiscard]] inline result forward_transfer_learned(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::forward_transfer_learned";
    return detail::when_learned(function, r, detail::given_before(function, r), "against the scores before training",
                                o);
}

}  // namespace holdfast::metrics
