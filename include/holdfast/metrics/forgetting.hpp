#pragma once
// How much of what a task once reached is gone at the end. Above zero is loss: the other sign than backward transfer.
// Builds on options.hpp. Three definitions go by the one name and differ on the same matrix; none is the other's
// default: always first_last <= forgetting <= inclusive. In the formulas R[i][j] is the score of task j after stage i,
// both from 0, and T the number of tasks seen so far.

#include <holdfast/metrics/options.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace holdfast::metrics {

namespace detail {

enum class reference_rows { earlier, all, first };

/// The mean over j < T-1 of (best of the reference rows) − R[T-1][j], or of that divided by the best.
inline result loss(const char* function, const char* name, const std::string& what, const accuracy_matrix& r,
                   reference_rows rows, bool relative, const options& o) {
    const auto denominator = denominator_of(function, o, over_earlier_tasks, over_all_tasks);
    const std::size_t t = stage_of(function, r, o, 2);
    mean m;
    for (std::size_t j = 0; j < t; ++j) {
        const std::size_t end = rows == reference_rows::first ? j + 1 : rows == reference_rows::all ? t + 1 : t;
        double best = not_evaluated;
        for (std::size_t i = j; i < end; ++i) {
            const double x = cell(function, r, i, j, o);
            if (!(best >= x) && !std::isnan(x)) best = x;
        }
        const double drop = best - cell(function, r, t, j, o);
        if (relative)
            require(!(best == 0), function, ": a loss relative to 0 is not defined, task ", j, " (", r.names()[j],
                    ") never scored above 0");
        m.add(relative ? drop / best : drop);
    }
    return close_earlier(m, name, what, denominator, t + 1, relative ? 1 : r.scale(), o);
}

}  // namespace detail

/// Forgetting (F; Chaudhry): the loss since a task's best earlier stage.
///
///     F = 1/(T-1) · Σ_{j<T-1} ( max_{j<=i<T-1} R[i][j] − R[T-1][j] )
///
/// Below zero where the last stage is the best yet. Stages before a task was learned do not enter.
///
/// @param r  scores [stages, T], at least 2 stages; all on and below the diagonal must be there
/// @return   mean loss, in the unit of r
/// @throw    invalid_argument if there are fewer than 2 stages, or a score that is needed is missing; with
///           missing_cells::skip the best is taken of what was evaluated
/// @cost     O(T²)
/// @see      Chaudhry et al. 2018 (RWalk), arXiv:1801.10112; so computed by FACIL and Continuum
[[nodiscard]] inline result forgetting(const accuracy_matrix& r, const options& o = {}) {
    return detail::loss("metrics::forgetting", "F", "best earlier stage, ", r, detail::reference_rows::earlier, false,
                        o);
}

/// Forgetting where the last stage may be the best too (inclusive), so that it is never below zero.
///
///     F = 1/(T-1) · Σ_{j<T-1} ( max_{j<=i<T} R[i][j] − R[T-1][j] )
///
/// @see  so computed by Mammoth and PyCIL
[[nodiscard]] inline result forgetting_inclusive(const accuracy_matrix& r, const options& o = {}) {
    return detail::loss("metrics::forgetting_inclusive", "F", "best stage with the last, ", r,
                        detail::reference_rows::all, false, o);
}

/// Forgetting as first minus last: the loss since a task was learned; exactly −BWT.
///
///     F = 1/(T-1) · Σ_{j<T-1} ( R[j][j] − R[T-1][j] )
///
/// @see  so computed by Avalanche, per experience
[[nodiscard]] inline result forgetting_first_last(const accuracy_matrix& r, const options& o = {}) {
    return detail::loss("metrics::forgetting_first_last", "F", "first minus last, ", r, detail::reference_rows::first,
                        false, o);
}

/// Relative forgetting (FR): the share that was lost of what a task scored when it was learned.
///
///     FR = 1/(T-1) · Σ_{j<T-1} ( R[j][j] − R[T-1][j] ) / R[j][j]
///
/// @return  a share: 0.15 is a loss of 15 %
/// @throw   invalid_argument also if a task scored 0 when it was learned
/// @see     Zhao et al. 2024 (SAPT), arXiv:2401.08295
[[nodiscard]] inline result relative_forgetting(const accuracy_matrix& r, const options& o = {}) {
    return detail::loss("metrics::relative_forgetting", "FR", "share of the first score, ", r,
                        detail::reference_rows::first, true, o);
}

/// Relative forgetting where the reference is a task's best earlier stage.
///
///     FR = 1/(T-1) · Σ_{j<T-1} ( m_j − R[T-1][j] ) / m_j,   m_j = max_{j<=i<T-1} R[i][j]
[[nodiscard]] inline result relative_forgetting_best(const accuracy_matrix& r, const options& o = {}) {
    return detail::loss("metrics::relative_forgetting_best", "FR", "share of the best earlier score, ", r,
                        detail::reference_rows::earlier, true, o);
}

/// Recovery gap: what a few steps of training on old tasks bring back. As large as the forgetting, the knowledge was
/// never gone (spurious forgetting); near zero, it was.
///
///     gap = 1/(T-1) · Σ_{j<T-1} ( s[j] − R[T-1][j] )
///
/// @param r          scores [stages, T], at least 2 stages
/// @param recovered  s [T], scores of the last stage's model after those steps, each in its task's own unit; how many
///                   steps is the caller's to say
/// @return           mean gain, in the unit of r
/// @throw            invalid_argument if a score that is needed is missing
/// @cost             O(T)
/// @see              Zheng et al. 2025 (Spurious Forgetting in Continual Learning of Language Models), ICLR
[[nodiscard]] inline result recovery_gap(const accuracy_matrix& r, std::span<const double> recovered,
                                         const options& o = {}) {
    constexpr auto function = "metrics::recovery_gap";
    const auto denominator = detail::denominator_of(function, o, over_earlier_tasks, over_all_tasks);
    detail::check_given(function, "a score after recovery", r, recovered);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t j = 0; j < t; ++j)
        m.add(detail::given(function, "the score after recovery", r, recovered, j, o) -
              detail::cell(function, r, t, j, o));
    return detail::close_earlier(m, "recovery gap", "after recovery minus last, ", denominator, t + 1, r.scale(), o);
}

/// Forgetting of each task alone, the terms of forgetting().
/// @return  [T-1]: the loss of task j since its best earlier stage, NaN where it cannot be known
[[nodiscard]] inline std::vector<double> forgetting_by_task(const accuracy_matrix& r, std::size_t stage = last_stage) {
    const std::size_t t = detail::stage_of("metrics::forgetting_by_task", r, {.stage = stage}, 1);
    std::vector<double> f(t, not_evaluated);
    for (std::size_t j = 0; j < t; ++j) {
        double best = not_evaluated;
        for (std::size_t i = j; i < t; ++i)
            if (const double x = r.score(i, j); !(best >= x) && !std::isnan(x)) best = x;
        f[j] = best - r.score(t, j);
    }
    return f;
}

}  // namespace holdfast::metrics
