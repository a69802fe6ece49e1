#pragma once
// What other projects report for the same table, under their own names: to compare with their papers and logs.
// Each preset returns the numbers of that project as its code computes them, quirks included and said in the variant.
// Builds on continual.hpp, forgetting.hpp and relative.hpp. Leaves out their loops, files and plots.

#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/relative.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::metrics::peer {

namespace detail {

inline result called(std::string name, result r) {
    r.name = std::move(name);
    return r;
}

inline result negative(std::string name, result r) {
    r.value = -r.value;
    r.variant = "opposite of " + r.variant;
    return called(std::move(name), std::move(r));
}

/// mean over j < T-1 of (max over all rows from the first, with or without the last, a missing score being 0) − last.
inline result padded_forgetting(const char* function, const accuracy_matrix& r, bool last_too) {
    const std::size_t t = metrics::detail::stage_of(function, r, {}, 2);
    metrics::detail::mean m;
    for (std::size_t j = 0; j < t; ++j) {
        double best = 0;
        for (std::size_t i = 0; i < t + last_too; ++i) {
            const double x = r.has(i, j) ? r.score(i, j) : 0;
            best = i == 0 ? x : std::max(best, x);
        }
        m.add(best - metrics::detail::cell(function, r, t, j, {}));
    }
    return m.over("forgetting",
                  last_too ? "best of all rows, a missing score counts 0, mean over T-1 earlier tasks"
                           : "best of the rows before the last, a missing score counts 0, mean over T-1 earlier tasks",
                  t + 1, r.scale());
}

}  // namespace detail

/// GEM's main.py: ACC, BWT, and FWT against a randomly initialised model.
/// @param random  the score of each task before any training [T]
[[nodiscard]] inline std::vector<result> gem(const accuracy_matrix& r, std::span<const double> random) {
    return {detail::called("ACC", overall_performance(r)), backward_transfer(r), forward_transfer(r, random)};
}

/// TRACE: OP, BWT as its published numbers follow (T-1), and as its formula is printed (T).
[[nodiscard]] inline std::vector<result> trace(const accuracy_matrix& r) {
    return {overall_performance(r), backward_transfer(r),
            detail::called("BWT as printed", backward_transfer(r, {.denominator = over_all_tasks}))};
}

/// Avalanche: stream forgetting (first minus last, per experience) and backward transfer, its opposite.
[[nodiscard]] inline std::vector<result> avalanche(const accuracy_matrix& r) {
    const auto f = detail::called("StreamForgetting", forgetting_first_last(r));
    return {detail::called("StreamAccuracy", overall_performance(r)), f, detail::negative("StreamBWT", f)};
}

/// Mammoth: accuracy, backward transfer, forgetting over all rows (zero-padded, never below zero for scores above 0),
/// forward transfer against a randomly initialised model.
[[nodiscard]] inline std::vector<result> mammoth(const accuracy_matrix& r, std::span<const double> random) {
    return {detail::called("accmean", overall_performance(r)),
            detail::called("backward_transfer", backward_transfer(r)),
            detail::padded_forgetting("metrics::peer::mammoth", r, true),
            detail::called("forward_transfer", forward_transfer(r, random))};
}

/// FACIL: average accuracy, and forgetting since the best row before the last.
[[nodiscard]] inline std::vector<result> facil(const accuracy_matrix& r) {
    return {detail::called("avg_accs", overall_performance(r)),
            detail::called("forg", detail::padded_forgetting("metrics::peer::facil", r, false))};
}

/// PyCIL and LAMDA-PILOT: average incremental accuracy, and forgetting over all rows, the last too. They round scores
/// to two decimals first; this does not.
[[nodiscard]] inline std::vector<result> pycil(const accuracy_matrix& r) {
    return {detail::called("Average Accuracy", average_incremental(r)),
            detail::called("Forgetting", detail::padded_forgetting("metrics::peer::pycil", r, true))};
}

/// Continuum's Logger: accuracy A, backward transfer and its two halves (Díaz-Rodríguez, though its page cites GEM),
/// forward transfer without a baseline, and forgetting.
[[nodiscard]] inline std::vector<result> continuum(const accuracy_matrix& r) {
    return {detail::called("accuracy_A", lower_triangle_mean(r)),
            detail::called("backward_transfer", backward_transfer_diaz(r)),
            detail::called("positive_backward_transfer", positive_backward_transfer(r)),
            detail::called("remembering", remembering(r)),
            detail::called("forward_transfer", forward_transfer_no_baseline(r)),
            detail::called("forgetting", forgetting(r))};
}

/// SAPT's score.py: average performance, forgetting rate, forward transfer against single tasks, backward transfer over
/// T. Its code holds one constant (50.94) for the single-task mean; here the scores are said.
[[nodiscard]] inline std::vector<result> sapt(const accuracy_matrix& r, std::span<const double> single_task) {
    return {detail::called("AP", overall_performance(r)),
            detail::called("F.Ra", detail::padded_forgetting("metrics::peer::sapt", r, false)),
            forward_transfer_single_task(r, single_task), backward_transfer(r, {.denominator = over_all_tasks})};
}

/// InsCL: relative gain over the earlier tasks.
[[nodiscard]] inline std::vector<result> inscl(const accuracy_matrix& r, std::span<const double> single_task) {
    return {detail::called("Relative Gain", relative_gain(r, single_task))};
}

/// CITB: AR, FWT without a baseline, BWT.
[[nodiscard]] inline std::vector<result> citb(const accuracy_matrix& r) {
    return {detail::called("AR", overall_performance(r)), forward_transfer_no_baseline(r), backward_transfer(r)};
}

/// SEEKR: OP, and BWT over T.
[[nodiscard]] inline std::vector<result> seekr(const accuracy_matrix& r) {
    return {overall_performance(r), backward_transfer(r, {.denominator = over_all_tasks})};
}

/// TreeLoRA's collect_results: OP, and BWT of losses alone over T.
[[nodiscard]] inline std::vector<result> treelora(const accuracy_matrix& r) {
    return {overall_performance(r), backward_transfer_clipped(r)};
}

/// EasyCL: OP, BWT, and FWT against the model before training.
[[nodiscard]] inline std::vector<result> easycl(const accuracy_matrix& r) {
    return {overall_performance(r), backward_transfer(r), forward_transfer_zero_shot(r)};
}

/// AimMerging: OP, BWT, and what learning brought over the model before training, which it calls FWT.
[[nodiscard]] inline std::vector<result> aimmerging(const accuracy_matrix& r) {
    return {overall_performance(r), backward_transfer(r), forward_transfer_learned(r)};
}

/// CLEAR's starter code: in-domain, next-domain, forward and backward transfer, all raw means of scores.
[[nodiscard]] inline std::vector<result> clear(const accuracy_matrix& r) {
    return {detail::called("in-domain", learning_accuracy(r)),
            detail::called("next-domain", forward_transfer_no_baseline(r)),
            detail::called("forward transfer", forward_transfer_diaz(r)),
            detail::called("backward transfer", backward_transfer_raw(r))};
}

}  // namespace holdfast::metrics::peer
