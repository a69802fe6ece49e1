#pragma once
// What training on a stream did to abilities that the stream does not teach: TRACE's three deltas, and its judge's
// verdicts. One formula, three names: the suite of test sets decides which ability it is.
// Builds on options.hpp. A suite is an accuracy_matrix whose columns are test sets and whose rows are training stages.
// Leaves out the stream's own tasks (continual.hpp) and Luo's relative drop (relative.hpp).

#include <holdfast/metrics/options.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::metrics {

namespace detail {

inline result capability_delta(const char* function, const char* name, const accuracy_matrix& suite, const options& o) {
    require(o.denominator == as_defined || o.denominator == over_all_tasks, function,
            ": the denominator is the number of test sets, no other belongs to it");
    const auto before = given_before(function, suite);
    require(suite.stages() > 0, function, ": the suite has no scores after training, append a row first");
    const std::size_t t = o.stage == last_stage ? suite.stages() - 1 : o.stage;
    require(t < suite.stages(), function, ": stage ", t, " of ", suite.stages(), " (they count from 0)");
    mean m;
    for (std::size_t j = 0; j < suite.tasks(); ++j)
        m.add(cell(function, suite, t, j, o) - given(function, "the score before training", suite, before, j, o));
    return m.over(name, "mean change over test sets" + at_stage(o), 1, suite.scale());
}

/// The suite that two rows of scores make.
inline accuracy_matrix suite_of(const char* function, std::span<const double> before, std::span<const double> after) {
    require(before.size() == after.size(), function, ": needs as many scores before as after, got ", before.size(),
            " and ", after.size());
    require(!before.empty(), function, ": needs at least one test set, got none");
    std::vector<std::string> names(before.size());
    for (std::size_t j = 0; j < names.size(); ++j) names[j] = sentence("set ", j);
    accuracy_matrix suite(std::move(names));
    suite.before(before).append(after);
    return suite;
}

}  // namespace detail

/// General ability delta (ΔR^G): what the stream did to general ability (MMLU, GSM8K, BBH ...).
///
///     ΔR^G = 1/M · Σ_i ( R_t[i] − R_0[i] )
///
/// The plain mean over M test sets, whatever their sizes. Below zero is loss.
///
/// @param suite  scores of M test sets before training and after each stage [stages, M]
/// @return       mean change after o.stage (the last one), in the unit of the suite
/// @throw        invalid_argument if the scores before training or at that stage are missing
/// @cost         O(M)
/// @see          Wang et al. 2023 (TRACE) section 4.2, arXiv:2310.06762
[[nodiscard]] inline result general_ability_delta(const accuracy_matrix& suite, const options& o = {}) {
    return detail::capability_delta("metrics::general_ability_delta", "general ability delta", suite, o);
}

/// Instruction following delta (ΔR^I): the same over test sets of instructions to be followed.
[[nodiscard]] inline result instruction_following_delta(const accuracy_matrix& suite, const options& o = {}) {
    return detail::capability_delta("metrics::instruction_following_delta", "instruction following delta", suite, o);
}

/// Safety delta (ΔR^S): the same over test sets of unsafe requests; a score is high where the answer is safe.
[[nodiscard]] inline result safety_delta(const accuracy_matrix& suite, const options& o = {}) {
    return detail::capability_delta("metrics::safety_delta", "safety delta", suite, o);
}

/// The three deltas from two rows of scores [M], before training and after it, in one unit.
[[nodiscard]] inline result general_ability_delta(std::span<const double> before, std::span<const double> after) {
    return general_ability_delta(detail::suite_of("metrics::general_ability_delta", before, after));
}
[[nodiscard]] inline result instruction_following_delta(std::span<const double> before, std::span<const double> after) {
    return instruction_following_delta(detail::suite_of("metrics::instruction_following_delta", before, after));
}
[[nodiscard]] inline result safety_delta(std::span<const double> before, std::span<const double> after) {
    return safety_delta(detail::suite_of("metrics::safety_delta", before, after));
}

enum class verdict { win, tie, lose };

/// A judge asked twice, with the answers in both orders: where it changes its mind, neither is better (TRACE's rule).
[[nodiscard]] constexpr verdict both_orders(verdict first, verdict second) {
    return first == second ? first : verdict::tie;
}

/// Net win rate: wins less losses, as a share of all verdicts, from −1 to 1.
///
///     (W − L) / (W + T + L)
///
/// TRACE gives instruction following and safety as three percentages against the model before training; this is the
/// one number that they make. Counts or percentages, which may sum to 101 by rounding.
[[nodiscard]] inline result net_win_rate(double wins, double ties, double losses) {
    constexpr auto function = "metrics::net_win_rate";
    require(wins >= 0 && ties >= 0 && losses >= 0, function, ": counts must not be below 0, got ", wins, ", ", ties,
            " and ", losses);
    const double n = wins + ties + losses;
    require(n > 0 && std::isfinite(n), function, ": needs at least one verdict, got ", n);
    return {(wins - losses) / n, "wins less losses, as a share of all verdicts", "net win rate", n, 1, 1, 1};
}

/// Distance of a bias score from the 50 that an unbiased model has (CrowS-Pairs: the share of pairs in which the
/// stereotype is likelier); the raw share falls both when bias falls and when it turns round.
///
/// @param share  in the unit of `scale`: 0..1, or 0..100
/// @return       0 for no bias, scale / 2 for all
/// @see          Nangia et al. 2020 (CrowS-Pairs), arXiv:2010.00133
[[nodiscard]] inline double distance_from_parity(double share, double scale = 1) {
    require(scale > 0 && share >= 0 && share <= scale, "metrics::distance_from_parity: a share lies in 0..", scale,
            ", got ", share);
    return std::abs(share - scale / 2);
}

}  // namespace holdfast::metrics
