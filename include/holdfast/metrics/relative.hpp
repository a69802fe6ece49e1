#pragma once
// Scores as shares of another score: of what a single-task model reaches (relative gain), of what the model had before
// (Luo's FG), of what an offline model reaches (Kemker's Ω).
// Builds on options.hpp. A ratio has no unit of its own: per cent or a share, as each comment says.
// In the formulas R[i][j] is the score of task j after stage i, both from 0, and T the number of tasks seen so far.

#include <holdfast/metrics/options.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace holdfast::metrics {

namespace detail {

/// x / y where y must not be 0; NaN where either is.
inline double share(const char* function, const char* what, const accuracy_matrix& r, std::size_t task, double x,
                    double y) {
    require(y != 0, function, ": a share of 0 is not defined, ", what, " of task ", task, " (", r.names()[task],
            ") is 0");
    return x / y;
}

}  // namespace detail

/// Relative gain (RG): the share of a single-task model's score that is left, in per cent.
///
///     RG = 100/(T-1) · Σ_{j<T-1} R[T-1][j] / U[j]
///
/// InsCL leaves the task just learned out; `{.denominator = over_all_tasks}` takes it in, as Continual-T0 does. A mean
/// of ratios, not a ratio of means.
///
/// @param r     scores [stages, T], at least 2 stages (1 with over_all_tasks)
/// @param upper U [T]: each task's score when it is learned alone, in its own unit
/// @return      per cent; 100 is as good as learning alone
/// @throw       invalid_argument if a needed score is missing, or an upper bound is 0
/// @cost        O(T)
/// @see         Scialom et al. 2022 (Continual-T0), arXiv:2205.12393; Wang et al. 2024 (InsCL), arXiv:2403.11435
[[nodiscard]] inline result relative_gain(const accuracy_matrix& r, std::span<const double> upper,
                                          const options& o = {}) {
    constexpr auto function = "metrics::relative_gain";
    detail::check_given(function, "a single-task score", r, upper);
    const bool all = detail::denominator_of(function, o, over_earlier_tasks, over_all_tasks) == over_all_tasks;
    const std::size_t t = detail::stage_of(function, r, o, all ? 1 : 2);
    detail::mean m;
    for (std::size_t j = 0; j < t + all; ++j)
        m.add(100 * detail::share(function, "the single-task score", r, j, detail::cell(function, r, t, j, o),
                                  detail::given(function, "the single-task score", r, upper, j, o)));
    return m.over(
        "RG", (all ? "per cent, mean over all T tasks" : "per cent, mean over T-1 earlier tasks") + detail::at_stage(o),
        1, 100);
}

/// Relative gain of scores that lie side by side: the mean over all that are given.
/// @param scores, upper  [n], each pair in one unit
[[nodiscard]] inline result relative_gain(std::span<const double> scores, std::span<const double> upper) {
    constexpr auto function = "metrics::relative_gain";
    require(scores.size() == upper.size() && !scores.empty(), function,
            ": needs a single-task score for each score and at least one, got ", upper.size(), " for ", scores.size());
    detail::mean m;
    for (std::size_t j = 0; j < scores.size(); ++j) {
        require(upper[j] != 0, function, ": a share of 0 is not defined, single-task score ", j, " is 0");
        require(std::isfinite(scores[j]) && std::isfinite(upper[j]), function, ": pair ", j,
                " was not evaluated or is not finite");
        m.add(100 * scores[j] / upper[j]);
    }
    return m.over("RG", "per cent, mean over the tasks given", 1, 100);
}

/// Luo's forgetting (FG): the relative drop of an ability, the mean over all stages and then over its test sets.
///
///     FG = 100/M · Σ_e 1/N · Σ_{n<N} ( R₀[e] − R[n][e] ) / R₀[e]
///
/// Not the drop at the end, nor a ratio of means: on two sets with 50 and 40 before and 45 40 35, 42 38 36 after, FG is
/// 11.67 where those give 20 and 12.59. Models that start high are punished less; see luo_fg_above_chance.
///
/// @param suite  scores of M test sets before training and after each of N stages [N, M]
/// @return       per cent; above zero is loss
/// @throw        invalid_argument if a score is missing, or one before training is 0
/// @cost         O(N M)
/// @see          Luo et al. 2023, arXiv:2308.08747
[[nodiscard]] inline result luo_fg(const accuracy_matrix& suite, const options& o = {});

/// Luo's FG of what lies above chance: the drop as a share of R₀ − c.
///
///     100/M · Σ_e 1/N · Σ_{n<N} ( R₀[e] − R[n][e] ) / ( R₀[e] − c[e] )
///
/// Not in the paper: with a floor of 25 (four choices), a fall from 33 to 26 is nearly all there was, and FG says 21 %.
/// @param chance  c [M]: what guessing scores, in each set's own unit
/// @throw         invalid_argument also if a score before training is not above chance
[[nodiscard]] inline result luo_fg_above_chance(const accuracy_matrix& suite, std::span<const double> chance,
                                                const options& o = {});

namespace detail {

inline result luo(const char* function, const char* variant, const accuracy_matrix& suite,
                  std::span<const double> chance, const options& o) {
    require(o.denominator == as_defined, function, ": the denominator is the number of test sets, no other is known");
    const auto before = given_before(function, suite);
    require(suite.stages() > 0, function, ": the suite has no scores after training, append a row first");
    const std::size_t stages = o.stage == last_stage ? suite.stages() : o.stage + 1;
    require(stages <= suite.stages(), function, ": stage ", o.stage, " of ", suite.stages(), " (they count from 0)");
    mean sets;
    for (std::size_t e = 0; e < suite.tasks(); ++e) {
        const double start = given(function, "the score before training", suite, before, e, o);
        const double floor = chance.empty() ? 0 : given(function, "the score of chance", suite, chance, e, o);
        require(!(start - floor <= 0), function, ": a drop relative to ", chance.empty() ? "0" : "chance",
                " is not defined, the score before training of task ", e, " (", suite.names()[e], ") is ", start);
        mean drops;
        for (std::size_t n = 0; n < stages; ++n)
            drops.add((start - cell(function, suite, n, e, o)) / (start - floor) * 100);
        sets.add(drops.over("", "", 0, 1).value);
    }
    return sets.over("FG", variant + at_stage(o), stages, 100);
}

}  // namespace detail

inline result luo_fg(const accuracy_matrix& suite, const options& o) {
    return detail::luo("metrics::luo_fg", "per cent, mean relative drop over all stages and test sets", suite, {}, o);
}

inline result luo_fg_above_chance(const accuracy_matrix& suite, std::span<const double> chance, const options& o) {
    detail::check_given("metrics::luo_fg_above_chance", "a score of chance", suite, chance);
    return detail::luo("metrics::luo_fg_above_chance",
                       "per cent, mean drop relative to what lies above chance, over all stages and test sets", suite,
                       chance, o);
}

/// Ω_base: the first task's later scores as a share of an ideal one.
///
///     Ω_base = 1/(T-1) · Σ_{i>=1} R[i][0] / u[0]
///
/// @param ideal  u [T]: at [i], a model trained offline on all tasks up to i, mean over them, in the unit of r.scale()
/// @see  Kemker et al. 2018, arXiv:1708.02072
[[nodiscard]] inline result omega_base(const accuracy_matrix& r, std::span<const double> ideal, const options& o = {}) {
    constexpr auto function = "metrics::omega_base";
    detail::check_given(function, "an ideal score", r, ideal);
    require(std::isfinite(ideal[0]) && ideal[0] != 0, function, ": the ideal score of stage 0 must not be 0, it is ",
            ideal[0]);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t i = 1; i <= t; ++i) m.add(detail::cell(function, r, i, 0, o) / ideal[0]);
    return m.over("Omega base", "share of the ideal, mean over T-1 later stages" + detail::at_stage(o), t, 1);
}

/// Ω_new: how well new tasks are learned, the first left out.
///
///     Ω_new = 1/(T-1) · Σ_{i>=1} R[i][i]
[[nodiscard]] inline result omega_new(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::omega_new";
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t i = 1; i <= t; ++i) m.add(detail::cell(function, r, i, i, o));
    return m.over("Omega new", "mean of the diagonal over T-1 later tasks" + detail::at_stage(o), t, r.scale());
}

/// Ω_all: the mean over all tasks seen, at each stage, as a share of an ideal one.
///
///     Ω_all = 1/(T-1) · Σ_{i>=1} A_i / u[i],   A_i = 1/(i+1) · Σ_{j<=i} R[i][j]
///
/// @see  Kemker et al. 2018, arXiv:1708.02072; Hayes et al. 2019
[[nodiscard]] inline result omega_all(const accuracy_matrix& r, std::span<const double> ideal, const options& o = {}) {
    constexpr auto function = "metrics::omega_all";
    detail::check_given(function, "an ideal score", r, ideal);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t i = 1; i <= t; ++i) {
        require(std::isfinite(ideal[i]) && ideal[i] != 0, function, ": the ideal score of stage ", i,
                " must not be 0, it is ", ideal[i]);
        detail::mean row;
        for (std::size_t j = 0; j <= i; ++j) row.add(detail::cell(function, r, i, j, o));
        m.add(row.over("", "", 1, 1).value / ideal[i]);
    }
    return m.over("Omega all", "share of the ideal, mean over T-1 later stages" + detail::at_stage(o), t, 1);
}

}  // namespace holdfast::metrics
