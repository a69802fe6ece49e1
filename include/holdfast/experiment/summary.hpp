#pragma once
// What the runs of one method say together: every metric with its interval over seeds, the mean matrix, curves by
// stage, deltas, what was replayed. Builds on record.hpp and metrics/; text and pictures are made of it elsewhere. The
// t quantile is computed here, in closed form for whole degrees of freedom, so that a report needs no Boost.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/experiment/record.hpp>
#include <holdfast/metrics/averages.hpp>
#include <holdfast/metrics/backward_transfer.hpp>
#include <holdfast/metrics/capability.hpp>
#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/forward_transfer.hpp>
#include <holdfast/metrics/relative.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::experiment {

/// A number over seeds, or the reason why there is none.
struct estimate {
    std::string key = {};                                     ///< as in report.json: "backward_transfer"
    std::string name = {};                                    ///< the field's letters: "BWT"
    double value = std::numeric_limits<double>::quiet_NaN();  ///< mean over seeds; NaN: absent, see reason
    double lower = std::numeric_limits<double>::quiet_NaN();  ///< 95 % t interval of the mean; NaN with one seed
    double upper = std::numeric_limits<double>::quiet_NaN();
    std::size_t seeds = 0;     ///< values that went in
    double scale = 1;          ///< what a perfect score is worth in this unit
    std::string variant = {};  ///< the definition in words
    std::string reason = {};   ///< why it is absent; else empty

    [[nodiscard]] bool present() const { return !std::isnan(value); }
    [[nodiscard]] bool has_interval() const { return !std::isnan(lower) && !std::isnan(upper); }
};

namespace detail {

/// P(|t| <= x) of Student's distribution with v degrees of freedom, v whole: a finite sum.
/// @see Abramowitz & Stegun 26.7.3 and 26.7.4
inline double t_within(double x, std::size_t v) {
    const double pi = 3.141592653589793238462643;
    const double angle = std::atan(x / std::sqrt(static_cast<double>(v)));
    const double sine = std::sin(angle), cosine = std::cos(angle);
    double term = v % 2 == 1 ? cosine : 1.0, sum = v == 1 ? 0.0 : term;
    for (std::size_t k = v % 2 == 1 ? 3 : 2; k + 1 < v; k += 2) {
        term *= cosine * cosine * static_cast<double>(k - 1) / static_cast<double>(k);
        sum += term;
    }
    return v % 2 == 1 ? 2 / pi * (angle + sine * sum) : sine * sum;
}

/// x with P(|t| <= x) = level, by bisection to the last bit that matters.
inline double t_quantile(double level, std::size_t v) {
    double low = 0, high = 1;
    while (t_within(high, v) < level) high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-13 * high; ++i) {
        const double middle = (low + high) / 2;
        (t_within(middle, v) < level ? low : high) = middle;
    }
    return (low + high) / 2;
}

/// The mean of the values with its t interval; values that are NaN are left out, none left is NaN.
inline estimate mean_of(std::span<const double> values, double level = 0.95) {
    estimate e;
    double sum = 0;
    for (const double x : values)
        if (!std::isnan(x)) sum += x, ++e.seeds;
    if (e.seeds == 0) return e;
    const auto n = static_cast<double>(e.seeds);
    e.value = sum / n;
    if (e.seeds < 2) return e;
    double squares = 0;
    for (const double x : values)
        if (!std::isnan(x)) squares += (x - e.value) * (x - e.value);
    const double half = t_quantile(level, e.seeds - 1) * std::sqrt(squares / (n - 1) / n);
    e.lower = e.value - half;
    e.upper = e.value + half;
    return e;
}

/// Metric(run) over all runs; the first refusal makes it absent, with the sentence as its reason.
template <class Metric>
estimate over_seeds(std::string_view key, std::string_view name, std::span<const run_record* const> runs,
                    Metric metric) {
    std::vector<double> values;
    metrics::result last;
    std::string reason;
    for (const run_record* run : runs) {
        try {
            last = metric(*run);
            values.push_back(last.value);
        } catch (const invalid_argument& refusal) {
            reason = refusal.what();
            values.clear();
            break;
        }
    }
    estimate e = mean_of(values);
    e.key = key;
    e.name = name;
    e.scale = last.scale;
    e.variant = last.variant;
    e.reason = e.present() || !reason.empty() ? reason : "it is not defined for these scores";
    return e;
}

}  // namespace detail

/// One method over its seeds. Scores are on the common scale of accuracy_matrix::score.
struct method_summary {
    std::string method = {}, policy = {};
    std::vector<std::uint64_t> seeds = {};
    double scale = 1;                             ///< of the scores here
    std::vector<double> before = {};              ///< [T] mean scores before training, NaN where not evaluated
    std::vector<std::vector<double>> after = {};  ///< [T][T] mean scores after stage s at [s - 1]
    std::vector<estimate> metrics = {};           ///< in the order of report.json
    std::array<estimate, 3> deltas = {};          ///< general, instruction_following, safety
    std::vector<estimate> op_by_stage = {}, bwt_by_stage = {};  ///< [T]
    std::vector<std::vector<double>> replayed = {};             ///< [T][T] mean examples of task j at stage s
    std::vector<double> general = {}, unplaced = {};            ///< [T] mean general examples; asked, not placed
    std::vector<std::vector<certified<double>>> distance = {};  ///< [T][T] current task to earlier task, NaN unknown
    estimate seconds = {};

    /// The metric of this key.
    /// @throw invalid_argument if there is none of that name
    [[nodiscard]] const estimate& at(std::string_view key) const {
        for (const auto& m : metrics)
            if (m.key == key) return m;
        for (const auto& d : deltas)
            if (d.key == key) return d;
        refuse("experiment::method_summary::at: there is no metric \"", key, "\"");
    }
};

namespace detail {

/// [T] or [T][T] means over runs, cell by cell; NaN where no run has it.
template <class Get>
double mean_cell(std::span<const run_record* const> runs, Get get) {
    double sum = 0;
    std::size_t n = 0;
    for (const run_record* run : runs)
        if (const double x = get(*run); !std::isnan(x)) sum += x, ++n;
    return n ? sum / static_cast<double>(n) : std::numeric_limits<double>::quiet_NaN();
}

inline void summarise_replay(method_summary& s, std::span<const run_record* const> runs) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::size_t t = runs.front()->tasks.size();
    s.replayed.assign(t, std::vector<double>(t, 0.0));
    s.distance.assign(t, std::vector<certified<double>>(t, {nan, nan, nan, status::exact}));
    s.general.assign(t, 0.0);
    s.unplaced.assign(t, 0.0);
    for (std::size_t i = 0; i < t; ++i) {
        const auto of = [&](auto get) {
            return mean_cell(runs, [&](const run_record& r) { return i < r.stages.size() ? get(r.stages[i]) : nan; });
        };
        s.general[i] = of([](const stage_record& x) { return static_cast<double>(x.general); });
        s.unplaced[i] = of([](const stage_record& x) { return static_cast<double>(x.plan.unplaced); });
        for (std::size_t j = 0; j < i; ++j) {
            s.replayed[i][j] = of([&](const stage_record& x) {
                return j < x.plan.examples.size() ? static_cast<double>(x.plan.examples[j].size()) : 0.0;
            });
            for (const run_record* r : runs)  // the same model measures in every seed: the first that knows will do
                if (std::isnan(s.distance[i][j].value) && i < r->stages.size() && j < r->stages[i].plan.distance.size())
                    s.distance[i][j] = r->stages[i].plan.distance[j];
        }
    }
}

}  // namespace detail

/// Everything a report says of one method.
///
/// @param runs  the method's runs [seeds], one or more, over the same tasks
/// @throw       invalid_argument if there is no run; a metric that cannot be computed is absent with its reason instead
/// @cost        O(seeds * T³)
[[nodiscard]] inline method_summary summarise(std::span<const run_record* const> runs) {
    require(!runs.empty(), "experiment::summarise: needs at least one run");
    const run_record& first = *runs.front();
    const std::size_t t = first.tasks.size();
    std::vector<metrics::accuracy_matrix> matrices;
    method_summary s;
    s.method = first.method;
    s.policy = first.policy;
    for (const run_record* run : runs) {
        s.seeds.push_back(run->seed);
        matrices.push_back(run->matrix());
    }
    s.scale = matrices.front().scale();
    const auto matrix_of = [&](const run_record& r) -> const metrics::accuracy_matrix& {
        for (std::size_t i = 0; i < runs.size(); ++i)
            if (runs[i] == &r) return matrices[i];
        return matrices.front();
    };
    const double nan = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t j = 0; j < t; ++j)
        s.before.push_back(detail::mean_cell(runs, [&](const run_record& r) {
            return r.before.empty() ? nan : matrix_of(r).comparable(j, r.before[j]);
        }));
    for (std::size_t i = 0; i < t; ++i) {
        s.after.emplace_back();
        for (std::size_t j = 0; j < t; ++j)
            s.after[i].push_back(detail::mean_cell(runs, [&](const run_record& r) {
                const auto& m = matrix_of(r);
                return i < m.stages() ? m.score(i, j) : nan;
            }));
    }
    const auto metric = [&](std::string_view key, std::string_view name, auto compute) {
        s.metrics.push_back(
            detail::over_seeds(key, name, runs, [&](const run_record& r) { return compute(r, matrix_of(r)); }));
    };
    using metrics::accuracy_matrix;
    metric("overall_performance", "OP",
           [](const run_record&, const accuracy_matrix& r) { return metrics::overall_performance(r); });
    metric("backward_transfer", "BWT",
           [](const run_record&, const accuracy_matrix& r) { return metrics::backward_transfer(r); });
    metric("forward_transfer", "FWT",
           [](const run_record&, const accuracy_matrix& r) { return metrics::forward_transfer_zero_shot(r); });
    metric("forgetting", "F", [](const run_record&, const accuracy_matrix& r) { return metrics::forgetting(r); });
    metric("average_incremental", "AIA",
           [](const run_record&, const accuracy_matrix& r) { return metrics::average_incremental(r); });
    metric("learning_accuracy", "LA",
           [](const run_record&, const accuracy_matrix& r) { return metrics::learning_accuracy(r); });
    metric("relative_gain", "RG", [](const run_record& run, const accuracy_matrix& r) {
        require(!run.single_task.empty(),
                "needs the scores of models that learnt one task alone, none were given (run_options::single_task)");
        return metrics::relative_gain(r, run.single_task);
    });

    const auto delta = [&](capability kind, std::string_view name, auto compute) {
        return detail::over_seeds(name_of(kind), name, runs, [&](const run_record& r) {
            const auto suites = r.suite_matrix(kind);
            require(suites.has_value(), "no suite of this kind was given (run_options::suites)");
            return compute(*suites, metrics::options{});
        });
    };
    using metrics::options;
    s.deltas = {
        delta(capability::general, "ΔG",
              [](const accuracy_matrix& m, const options& o) { return metrics::general_ability_delta(m, o); }),
        delta(capability::instruction_following, "ΔI",
              [](const accuracy_matrix& m, const options& o) { return metrics::instruction_following_delta(m, o); }),
        delta(capability::safety, "ΔS",
              [](const accuracy_matrix& m, const options& o) { return metrics::safety_delta(m, o); })};

    for (std::size_t i = 0; i < t; ++i) {
        const metrics::options at{.stage = i};
        s.op_by_stage.push_back(detail::over_seeds("overall_performance", "OP", runs, [&](const run_record& r) {
            return metrics::overall_performance(matrix_of(r), at);
        }));
        s.bwt_by_stage.push_back(detail::over_seeds("backward_transfer", "BWT", runs, [&](const run_record& r) {
            return metrics::backward_transfer(matrix_of(r), at);
        }));
    }
    detail::summarise_replay(s, runs);
    std::vector<double> seconds;
    for (const run_record* run : runs) seconds.push_back(run->seconds());
    s.seconds = detail::mean_of(seconds);
    s.seconds.key = "seconds";
    return s;
}

}  // namespace holdfast::experiment
