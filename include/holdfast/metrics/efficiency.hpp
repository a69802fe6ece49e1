#pragma once
// What continual learning costs, as scores in 0..1 where higher is better: growth of the model, of stored samples and
// of computation, and the one number that a weighted mean makes of several scores. Builds on result.hpp and core.
// Leaves out how memory and operations are counted: that is the trainer's to say.
/// @see Díaz-Rodríguez et al. 2018, arXiv:1810.13166, section 3

#include <holdfast/core/error.hpp>
#include <holdfast/metrics/result.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace holdfast::metrics {

namespace detail {

inline void check_amounts(const char* function, const char* what, std::span<const double> amounts, bool zero) {
    require(!amounts.empty(), function, ": needs ", what, " after at least one stage, got none");
    for (std::size_t i = 0; i < amounts.size(); ++i)
        require(std::isfinite(amounts[i]) && (zero ? amounts[i] >= 0 : amounts[i] > 0), function, ": ", what,
                zero ? " must not be negative" : " must be above 0", ", after stage ", i, " it is ", amounts[i]);
}

inline result efficiency(const char* name, std::string variant, double value, std::size_t stages) {
    return {.value = value,
            .variant = std::move(variant),
            .name = name,
            .denominator = static_cast<double>(stages),
            .tasks = stages,
            .stages = stages};
}

}  // namespace detail

/// Model size efficiency: 1 while the model does not grow.
///
///     MS = min( 1, 1/N Σ_i Mem(θ_0) / Mem(θ_i) )
///
/// @param model  Mem(θ_i) after each stage [N], in any one unit, above 0; the first is the model that all compare with
/// @throw        invalid_argument if there is none, or one is not above 0
[[nodiscard]] inline result model_size_efficiency(std::span<const double> model) {
    detail::check_amounts("metrics::model_size_efficiency", "the size of the model", model, false);
    double sum = 0;
    for (const double m : model) sum += model[0] / m;
    return detail::efficiency("MS", "first size over each stage's, mean, at most 1",
                              std::min(1.0, sum / static_cast<double>(model.size())), model.size());
}

/// Samples storage size efficiency: 1 where nothing is stored, 0 where as much is stored as there was to learn.
///
///     SSS = 1 − min( 1, 1/N Σ_i Mem(M_i) / Mem(D) )
///
/// @param stored  Mem(M_i): samples kept for replay after each stage [N], 0 or more, in bytes or in samples
/// @param all     Mem(D): all training data of the stream, in the same unit, above 0
[[nodiscard]] inline result samples_storage_efficiency(std::span<const double> stored, double all) {
    constexpr auto function = "metrics::samples_storage_efficiency";
    detail::check_amounts(function, "what is stored", stored, true);
    require(std::isfinite(all) && all > 0, function, ": all training data must be above 0, it is ", all);
    double sum = 0;
    for (const double m : stored) sum += m / all;
    return detail::efficiency("SSS", "1 less the share of all data that is stored, mean over stages, at least 0",
                              1 - std::min(1.0, sum / static_cast<double>(stored.size())), stored.size());
}

/// Computational efficiency: how much of the work is the one pass over each task that cannot be avoided.
///
///     CE = min( 1, 1/N Σ_i ε Ops↑↓(Tr_i) / Ops(Tr_i) )
///
/// @param one_pass  Ops↑↓(Tr_i): operations of one forward and backward pass over task i's training data [N], above 0
/// @param spent     Ops(Tr_i): operations spent to learn task i, replay included [N], above 0
/// @param epsilon   the paper's ε: above 1 where several epochs are expected; 1 expects a single one
/// @throw           invalid_argument if sizes differ or an amount is not above 0
[[nodiscard]] inline result computational_efficiency(std::span<const double> one_pass, std::span<const double> spent,
                                                     double epsilon = 1) {
    constexpr auto function = "metrics::computational_efficiency";
    detail::check_amounts(function, "one pass", one_pass, false);
    detail::check_amounts(function, "what was spent", spent, false);
    require(one_pass.size() == spent.size(), function, ": needs both amounts for each stage, got ", one_pass.size(),
            " and ", spent.size());
    require(std::isfinite(epsilon) && epsilon > 0, function, ": epsilon must be above 0, it is ", epsilon);
    double sum = 0;
    for (std::size_t i = 0; i < spent.size(); ++i) sum += epsilon * one_pass[i] / spent[i];
    return detail::efficiency("CE", sentence("one pass over what was spent, mean over stages, epsilon ", epsilon),
                              std::min(1.0, sum / static_cast<double>(spent.size())), spent.size());
}

namespace detail {

inline void check_weighted(const char* function, std::span<const double> scores, std::span<const double> weights) {
    require(scores.size() == weights.size() && !scores.empty(), function, ": needs a weight for each of ",
            scores.size(), " scores and at least one, got ", weights.size());
    double sum = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        require(scores[i] >= 0 && scores[i] <= 1, function, ": a score lies in 0..1, number ", i, " is ", scores[i]);
        require(weights[i] >= 0, function, ": a weight must not be negative, number ", i, " is ", weights[i]);
        sum += weights[i];
    }
    require(std::abs(sum - 1) < 1e-9, function, ": weights must sum to 1, they sum to ", sum);
}

}  // namespace detail

/// One number of several scores: CL_score = Σ w_i c_i.
///
/// @param scores   c_i in 0..1, higher better: accuracy, REM, BWT⁺, FWT, MS, SSS, CE [n]
/// @param weights  w_i, not negative, sum 1 [n]
[[nodiscard]] inline result continual_learning_score(std::span<const double> scores, std::span<const double> weights) {
    detail::check_weighted("metrics::continual_learning_score", scores, weights);
    double sum = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) sum += weights[i] * scores[i];
    auto r = detail::efficiency("CL_score", "weighted mean of scores", sum, 0);
    r.denominator = 1, r.tasks = scores.size();
    return r;
}

/// How little the scores vary from run to run: CL_stability = 1 − Σ w_i σ(c_i).
///
/// @param deviations  σ(c_i) of each score over runs, 0..1 [n]
/// @param weights     w_i, not negative, sum 1 [n]
[[nodiscard]] inline result continual_learning_stability(std::span<const double> deviations,
                                                         std::span<const double> weights) {
    detail::check_weighted("metrics::continual_learning_stability", deviations, weights);
    double sum = 0;
    for (std::size_t i = 0; i < deviations.size(); ++i) sum += weights[i] * deviations[i];
    auto r = detail::efficiency("CL_stability", "1 less the weighted mean of standard deviations", 1 - sum, 0);
    r.denominator = 1, r.tasks = deviations.size();
    return r;
}

}  // namespace holdfast::metrics
