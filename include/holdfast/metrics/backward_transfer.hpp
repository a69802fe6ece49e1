#pragma once
// What learning later tasks did to the earlier ones: BWT as GEM defines it, and the other numbers that go by its name.
// Builds on options.hpp. Leaves out forgetting, which has the other sign and other reference rows (forgetting.hpp).
// In the formulas R[i][j] is the score of task j after stage i, both from 0, and T the number of tasks seen so far.

#include <holdfast/metrics/options.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

namespace holdfast::metrics {

/// Backward transfer (BWT): what learning later tasks did to the earlier ones.
///
///     BWT = 1/(T-1) · Σ_{j<T-1} ( R[T-1][j] − R[j][j] )
///
/// Below zero is forgetting. With `{.denominator = over_all_tasks}` the sum is divided by T, as TRACE's formula is
/// printed (its published numbers follow T-1), and as SEEKR and SAPT compute it.
///
/// @param r  scores [stages, T], at least 2 stages; the diagonal and the last row must be there
/// @return   mean change, in the unit of r
/// @throw    invalid_argument if there are fewer than 2 stages, or a score that is needed is missing
/// @cost     O(T)
/// @see      Lopez-Paz & Ranzato 2017 (GEM), arXiv:1706.08840; Wang et al. 2023 (TRACE), arXiv:2310.06762
[[nodiscard]] inline result backward_transfer(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::backward_transfer";
    const auto denominator = detail::denominator_of(function, o, over_earlier_tasks, over_all_tasks);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t j = 0; j < t; ++j) m.add(detail::cell(function, r, t, j, o) - detail::cell(function, r, j, j, o));
    return detail::close_earlier(m, "BWT", "", denominator, t + 1, r.scale(), o);
}

/// Backward transfer that counts losses only (clipped): a task that gained adds 0.
///
///     BWT⁻ = 1/T · Σ_{j<T-1} min( R[T-1][j] − R[j][j], 0 )
///
/// Divided by T, as TreeLoRA's evaluation script does; over_earlier_tasks divides by T-1.
/// @see  the script collect_results of TreeLoRA (ICML 2025)
[[nodiscard]] inline result backward_transfer_clipped(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::backward_transfer_clipped";
    const auto denominator = detail::denominator_of(function, o, over_all_tasks, over_earlier_tasks);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t j = 0; j < t; ++j) {
        const double change = detail::cell(function, r, t, j, o) - detail::cell(function, r, j, j, o);
        m.add(change > 0 ? 0 : change);  // written so that NaN stays NaN
    }
    return detail::close_earlier(m, "BWT", "losses only, ", denominator, t + 1, r.scale(), o);
}

/// Backward transfer over the whole lower triangle (Díaz-Rodríguez): every later stage counts, not only the last.
///
///     BWT = 2/(T(T-1)) · Σ_{i>j} ( R[i][j] − R[j][j] )
///
/// `tasks` counts cells.
/// @throw  invalid_argument if a score on or below the diagonal is missing
/// @cost   O(T²)
/// @see    Díaz-Rodríguez et al. 2018, arXiv:1810.13166; computed so by continuum
[[nodiscard]] inline result backward_transfer_diaz(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::backward_transfer_diaz";
    (void)detail::denominator_of(function, o, as_defined, as_defined);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t i = 1; i <= t; ++i)
        for (std::size_t j = 0; j < i; ++j)
            m.add(detail::cell(function, r, i, j, o) - detail::cell(function, r, j, j, o));
    return m.over("BWT", "mean over all cells below the diagonal" + detail::at_stage(o), t + 1, r.scale());
}

/// Remembering (REM): what the Díaz-Rodríguez form leaves of a perfect score when it is below zero.
///
///     REM = 1 − |min(BWT, 0)|
[[nodiscard]] inline result remembering(const accuracy_matrix& r, const options& o = {}) {
    auto b = backward_transfer_diaz(r, o);
    b.value = std::isnan(b.value) ? b.value : r.scale() + std::min(b.value, 0.0);
    b.name = "REM", b.variant = "perfect score less the loss in BWT, " + b.variant;
    return b;
}

/// Positive backward transfer (BWT⁺): the Díaz-Rodríguez form where it is above zero, else 0.
[[nodiscard]] inline result positive_backward_transfer(const accuracy_matrix& r, const options& o = {}) {
    auto b = backward_transfer_diaz(r, o);
    b.value = std::isnan(b.value) ? b.value : std::max(b.value, 0.0);
    b.name = "BWT+", b.variant = "gains only, " + b.variant;
    return b;
}

/// The mean score below the diagonal, not a difference (what CLEAR's starter code calls backward transfer).
///
///     BwT = 2/(T(T-1)) · Σ_{i>j} R[i][j]
///
/// @see  Lin et al. 2021 (CLEAR), arXiv:2201.06289
[[nodiscard]] inline result backward_transfer_raw(const accuracy_matrix& r, const options& o = {}) {
    constexpr auto function = "metrics::backward_transfer_raw";
    (void)detail::denominator_of(function, o, as_defined, as_defined);
    const std::size_t t = detail::stage_of(function, r, o, 2);
    detail::mean m;
    for (std::size_t i = 1; i <= t; ++i)
        for (std::size_t j = 0; j < i; ++j) m.add(detail::cell(function, r, i, j, o));
    return m.over("BwT", "mean score below the diagonal, no difference" + detail::at_stage(o), t + 1, r.scale());
}

}  // namespace holdfast::metrics
