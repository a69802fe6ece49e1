#pragma once
// A gate that a model has to pass after every stage of a run, held against the record so far. Builds on record.hpp and
// metrics/gate.hpp (how conditions read, and what a verdict says). Going back to the last stage that passed is the
// loop's (run.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/experiment/record.hpp>
#include <holdfast/metrics/catalogue.hpp>
#include <holdfast/metrics/gate.hpp>
#include <holdfast/metrics/item_errors.hpp>
#include <holdfast/metrics/share_bounds.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::experiment {

/// Conditions that hold after every stage, as values.
///
/// "forgetting<=0.05, general>=-0.02, task:FOMC>=0.7": identifiers of metrics::all_metrics, the short forms of
/// metrics::parse_gate, and task:NAME for a task of the stream or a suite. A metric that is not defined yet (forgetting
/// after the first stage) is not asked; task:NAME of the stream is asked from the stage that learns it.
struct gate {
    std::string conditions = {};  ///< empty: there is no gate
    /// 0: every fall counts. Above (0.95): only a fall that the number of test items excludes to be chance, so that
    /// noise on a small test set does not undo a stage.
    double confidence = 0;

    [[nodiscard]] bool closed() const { return !conditions.empty(); }                  ///< there is a gate
    [[nodiscard]] double level() const { return confidence > 0 ? confidence : 0.95; }  ///< of the intervals it tells
};

namespace detail {

/// x with P(|Z| <= x) = level of a standard normal Z, by bisection: a report needs no Boost.
inline double normal_two_sided(double level) {
    double low = 0, high = 40;
    for (int i = 0; i < 200 && high - low > 1e-13 * high; ++i) {
        const double middle = (low + high) / 2;
        (std::erf(middle / 1.4142135623730951) < level ? low : high) = middle;
    }
    return (low + high) / 2;
}

/// The tables of a record as metrics take them.
struct record_tables {
    metrics::accuracy_matrix stream;
    std::optional<metrics::accuracy_matrix> general, instruction_following, safety;
    std::span<const double> single_task;

    explicit record_tables(const run_record& r)
        : stream(r.matrix()),
          general(r.suite_matrix(capability::general)),
          instruction_following(r.suite_matrix(capability::instruction_following)),
          safety(r.suite_matrix(capability::safety)),
          single_task(r.single_task) {}

    [[nodiscard]] metrics::beside beside() const {
        return {.single_task = single_task,
                .general = general ? &*general : nullptr,
                .instruction_following = instruction_following ? &*instruction_following : nullptr,
                .safety = safety ? &*safety : nullptr};
    }
};

/// The last score of a task or suite with Wilson's interval, in its own unit; nothing if it is not of this record.
inline std::optional<metrics::judgement> judge_task(const metrics::condition& asked, std::string_view name,
                                                    const run_record& r, const gate& g) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto judged = [&](double score, const task_record& about) {
        double lower = nan, upper = nan;
        if (const double p = score / about.scale; about.questions > 0 && p >= 0 && p <= 1) {
            const auto share =
                metrics::detail::wilson_bounds(p, static_cast<double>(about.questions), normal_two_sided(g.level()));
            lower = share.lower * about.scale;
            upper = share.upper * about.scale;
        }
        return metrics::judge(asked, score, lower, upper, g.level(), about.scale, g.confidence > 0);
    };
    for (std::size_t j = 0; j < r.tasks.size(); ++j)
        if (r.tasks[j].name == name) return judged(r.after.back()[j], r.tasks[j]);
    for (const auto& s : r.suites)
        if (s.about.name == name) return judged(s.scores[r.after.size()], s.about);
    return std::nullopt;
}

}  // namespace detail

/// Holds the last stage of a record against a gate.
///
/// @param r  at least one stage
/// @return   one per condition that is asked at this stage; `failed` where the stage falls
/// @throw    invalid_argument if the gate does not read, or names a task that the record does not have
/// @cost     O(T²); where a metric falls, O(cells · T²) (metrics::item_errors)
[[nodiscard]] inline std::vector<metrics::judgement> judge(const gate& g, const run_record& r) {
    constexpr auto function = "experiment::judge";
    require(!r.after.empty(), function, ": needs at least one stage, the record has none");
    require(g.confidence >= 0 && g.confidence < 1, function, ": a gate's confidence lies in 0..1, 1 left out, got ",
            g.confidence);
    std::vector<metrics::judgement> all;
    std::optional<detail::record_tables> tables;
    metrics::catalogue known;
    std::vector<double> errors;
    for (const auto& asked : metrics::parse_gate(g.conditions)) {
        if (asked.what.starts_with("task:")) {
            const std::string name = asked.what.substr(5);
            const auto at = std::find_if(r.tasks.begin(), r.tasks.end(),
                                         [&](const auto& known_task) { return known_task.name == name; });
            const auto j = static_cast<std::size_t>(at - r.tasks.begin());
            const bool of_stream = at != r.tasks.end();
            if (of_stream && (j >= r.after.size() || !r.stages[j].undone.empty())) continue;  // not learnt
            auto v = detail::judge_task(asked, name, r, g);
            require(v.has_value(), function, ": there is no task \"", name, "\" in the stream or its suites");
            if (!std::isnan(v->value)) all.push_back(std::move(*v));
            continue;
        }
        if (!tables) {
            tables.emplace(r);
            known = metrics::all_metrics(tables->stream, tables->beside());
        }
        for (std::size_t k = 0; k < known.values.size(); ++k) {
            const auto& [id, result] = known.values[k];
            if (id != asked.what || std::isnan(result.value)) continue;
            if (!asked.met_by(result.value) && errors.empty())  // what is met needs no interval
                errors = metrics::item_errors(tables->stream, tables->beside(), known,
                                              metrics::variance_tables::of(tables->stream, tables->beside()));
            const bool sure = !errors.empty() && errors[k] > 0;
            const double half =
                sure ? detail::normal_two_sided(g.level()) * errors[k] : std::numeric_limits<double>::quiet_NaN();
            all.push_back(metrics::judge(asked, result.value, result.value - half, result.value + half, g.level(),
                                         result.scale, g.confidence > 0));
        }
    }
    return all;
}

/// Refuses a gate that could never be judged in a run, before it starts.
///
/// @param r               tasks, suites and single_task of the run, without stages
/// @param upper_triangle  tasks that are still to come are evaluated too
/// @param every_stage     suites are evaluated after every stage
/// @throw                 invalid_argument with the condition and the reason
inline void check_gate(const gate& g, const run_record& r, bool upper_triangle, bool every_stage) {
    constexpr auto function = "experiment::run";
    require(g.confidence >= 0 && g.confidence < 1, function, ": a gate's confidence lies in 0..1, 1 left out, got ",
            g.confidence);
    run_record whole = r;  // with every score that the run is going to have
    const std::size_t t = r.tasks.size();
    whole.before.clear();
    whole.after.assign(t, std::vector<double>(t, std::numeric_limits<double>::quiet_NaN()));
    for (std::size_t j = 0; j < t; ++j) {
        whole.before.push_back(r.tasks[j].scale / 4);
        for (std::size_t i = upper_triangle ? 0 : j; i < t; ++i) whole.after[i][j] = r.tasks[j].scale / 2;
    }
    for (auto& s : whole.suites) s.scores.assign(t + 1, s.about.scale / 2);
    const detail::record_tables tables(whole);
    const auto known = metrics::all_metrics(tables.stream, tables.beside());
    const auto is_suite = [&](const std::string& name) {
        return std::any_of(r.suites.begin(), r.suites.end(), [&](const auto& s) { return s.about.name == name; });
    };
    for (const auto& asked : metrics::parse_gate(g.conditions)) {
        const std::string name = asked.what.starts_with("task:") ? asked.what.substr(5) : std::string{};
        bool of_suites = metrics::is_of_a_suite(asked.what);
        if (!name.empty()) {
            const bool of_stream = std::any_of(r.tasks.begin(), r.tasks.end(),
                                               [&](const auto& known_task) { return known_task.name == name; });
            of_suites = !of_stream && is_suite(name);
            require(of_stream || of_suites, function, ": the gate asks for ", asked.text, ", and there is no task \"",
                    name, "\" in the stream or its suites");
        } else if (!known.find(asked.what)) {
            std::string reason = "there is no such metric";
            for (const auto& s : known.skipped)
                if (s.id == asked.what) reason = s.reason;
            refuse(function, ": the gate asks for ", asked.text, ", which cannot be judged: ", reason);
        }
        require(!of_suites || every_stage, function, ": the gate asks for ", asked.text,
                ", which needs the suites after every stage (run_options::suites_every_stage)");
    }
}

}  // namespace holdfast::experiment
