#pragma once
// Every metric of one table at once, each under its identifier: what a report prints and a file stores. What cannot be
// computed from the scores at hand is listed with the reason instead.
// Builds on continual.hpp, forgetting.hpp, relative.hpp and capability.hpp. Leaves out intervals (items.hpp, runs.hpp).

#include <holdfast/metrics/capability.hpp>
#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/relative.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::metrics {

/// What some metrics need beside the table; what is not given is left empty, and those metrics are skipped.
struct beside {
    std::span<const double> baseline{};  ///< [T] for forward_transfer: a randomly initialised model, a majority guess
    std::span<const double> single_task{};     ///< [T] each task learned alone: intransigence, relative gain
    const accuracy_matrix* general = nullptr;  ///< suites measured before training and after stages
    const accuracy_matrix* instruction_following = nullptr;
    const accuracy_matrix* safety = nullptr;
};

/// All metrics of a table.
struct catalogue {
    struct entry {
        std::string id;  ///< "backward_transfer_over_T"
        metrics::result result;
    };
    struct omission {
        std::string id, reason;
    };

    std::vector<entry> values;      ///< what could be computed, in a fixed order
    std::vector<omission> skipped;  ///< what could not, and why

    /// The result with this identifier, null if it was skipped or there is none.
    [[nodiscard]] const metrics::result* find(std::string_view id) const {
        for (const auto& e : values)
            if (e.id == id) return &e.result;
        return nullptr;
    }
};

/// Whether a metric is of a suite's table (general, instruction following, safety), not of the stream's.
[[nodiscard]] inline bool is_of_a_suite(std::string_view id) {
    return id == "general_ability_delta" || id == "luo_fg" || id == "instruction_following_delta" ||
           id == "safety_delta";
}

/// Computes every metric that the table and what is given beside it allow.
///
/// @param r  scores [stages, T], at least one stage
/// @param b  baselines and suites; their spans and tables must live as long as the call
/// @param o  stage and missing cells, for all metrics; each keeps its own denominator
/// @throw    invalid_argument if the table has no stage, or o names a denominator or a stage that is not there
/// @cost     O(T²)
[[nodiscard]] inline catalogue all_metrics(const accuracy_matrix& r, const beside& b = {}, const options& o = {}) {
    constexpr auto function = "metrics::all_metrics";
    require(o.denominator == as_defined, function,
            ": each metric keeps its own denominator, none can be named for all");
    (void)detail::stage_of(function, r, o, 1);
    catalogue c;
    const auto add = [&](const char* id, const auto& metric) {
        try {
            c.values.push_back({id, metric()});
        } catch (const invalid_argument& e) {
            c.skipped.push_back({id, e.what()});
        }
    };
    const auto over_t = [&] {
        options all = o;
        all.denominator = over_all_tasks;
        return all;
    }();
    add("overall_performance", [&] { return overall_performance(r, o); });
    add("overall_performance_by_size", [&] { return overall_performance_by_size(r, o); });
    add("average_incremental", [&] { return average_incremental(r, o); });
    add("learning_accuracy", [&] { return learning_accuracy(r, o); });
    add("lower_triangle_mean", [&] { return lower_triangle_mean(r, o); });
    add("minimum_accuracy", [&] { return minimum_accuracy(r, o); });
    add("worst_case_accuracy", [&] { return worst_case_accuracy(r, o); });
    add("stability", [&] { return stability(r, o); });
    add("stability_plasticity", [&] { return stability_plasticity(r, o); });
    add("intransigence", [&] { return intransigence(r, b.single_task, o); });
    add("backward_transfer", [&] { return backward_transfer(r, o); });
    add("backward_transfer_over_T", [&] { return backward_transfer(r, over_t); });
    add("backward_transfer_clipped", [&] { return backward_transfer_clipped(r, o); });
    add("backward_transfer_diaz", [&] { return backward_transfer_diaz(r, o); });
    add("backward_transfer_raw", [&] { return backward_transfer_raw(r, o); });
    add("remembering", [&] { return remembering(r, o); });
    add("positive_backward_transfer", [&] { return positive_backward_transfer(r, o); });
    add("forward_transfer", [&] { return forward_transfer(r, b.baseline, o); });
    add("forward_transfer_zero_shot", [&] { return forward_transfer_zero_shot(r, o); });
    add("forward_transfer_no_baseline", [&] { return forward_transfer_no_baseline(r, o); });
    add("forward_transfer_diaz", [&] { return forward_transfer_diaz(r, o); });
    add("forward_transfer_single_task", [&] { return forward_transfer_single_task(r, b.single_task, o); });
    add("forward_transfer_learned", [&] { return forward_transfer_learned(r, o); });
    add("forgetting", [&] { return forgetting(r, o); });
    add("forgetting_inclusive", [&] { return forgetting_inclusive(r, o); });
    add("forgetting_first_last", [&] { return forgetting_first_last(r, o); });
    add("relative_forgetting", [&] { return relative_forgetting(r, o); });
    add("relative_forgetting_best", [&] { return relative_forgetting_best(r, o); });
    add("relative_gain", [&] { return relative_gain(r, b.single_task, o); });
    add("relative_gain_over_T", [&] { return relative_gain(r, b.single_task, over_t); });
    add("omega_new", [&] { return omega_new(r, o); });
    const auto suite = [&](const char* id, const accuracy_matrix* s, const auto& metric) {
        add(id, [&] {
            require(s != nullptr, "metrics::", id, ": needs a suite of test sets, which was not given");
            return metric(*s);
        });
    };
    suite("general_ability_delta", b.general, [&](const auto& s) { return general_ability_delta(s, o); });
    suite("luo_fg", b.general, [&](const auto& s) { return luo_fg(s, o); });
    suite("instruction_following_delta", b.instruction_following,
          [&](const auto& s) { return instruction_following_delta(s, o); });
    suite("safety_delta", b.safety, [&](const auto& s) { return safety_delta(s, o); });
    return c;
}

}  // namespace holdfast::metrics
