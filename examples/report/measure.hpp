#pragma once
// Every metric of a method with its interval: over runs by Student's t where there are several, else over test items by
// the delta method.

#include <holdfast/metrics/catalogue.hpp>
#include <holdfast/metrics/item_errors.hpp>
#include <holdfast/metrics/items.hpp>
#include <holdfast/metrics/runs.hpp>
#include <holdfast/metrics/significance.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "table.hpp"

namespace report_program {

struct value {
    std::string id{};
    metrics::result result{};
    std::size_t stage = 0;       // tasks learnt when it was measured
    std::vector<double> runs{};  // one per run
    double error = nan;          // standard error of one run by its test items; NaN = not known
    metrics::interval interval{.estimate = nan, .lower = nan, .upper = nan};

    [[nodiscard]] bool has_interval() const { return !std::isnan(interval.lower); }
};

struct measurement {
    std::vector<value> values;
    std::vector<metrics::catalogue::omission> skipped;
    std::vector<std::pair<std::string, std::vector<double>>> by_stage;  // id, mean over runs after each stage

    [[nodiscard]] const value* find(std::string_view id) const {
        for (const value& v : values)
            if (v.id == id) return &v;
        return nullptr;
    }
    [[nodiscard]] std::string reason(std::string_view id) const {
        for (const auto& s : skipped)
            if (s.id == id) return s.reason;
        return {};
    }
};

struct measuring {
    references beside;
    double confidence = 0.95;
    bool skip_missing = false;
};

/// The interval that runs or items allow; without bounds where neither is known.
inline metrics::interval interval_of(const value& v, double confidence) {
    if (v.runs.size() > 1) return metrics::t_interval(v.runs, confidence);
    if (std::isnan(v.error)) return {v.result.value, nan, nan, confidence, 0, ""};
    auto i = metrics::detail::normal_interval(v.result.value, v.error, confidence, 0);
    i.method = "delta method over test items";
    return i;
}

/// The tables of one run as metrics take them. Where there are suites alone, the stream is one task without a score.
struct tables {
    metrics::accuracy_matrix stream;
    metrics::beside beside;
    metrics::options options;
    bool has_stream;

    tables(const run& r, const measuring& how, std::size_t stage)
        : stream(r.stream ? r.stream->scores() : metrics::accuracy_matrix({"none"}).append({metrics::not_evaluated})),
          beside{.baseline = how.beside.baseline, .single_task = how.beside.single_task},
          options{.stage = stage},
          has_stream(r.stream.has_value()) {
        const auto suite = [&](ability a) { return r.suites[a] ? &r.suites[a]->scores() : nullptr; };
        beside.general = suite(general);
        beside.instruction_following = suite(instruction_following);
        beside.safety = suite(safety);
        if (how.skip_missing) options.missing = metrics::missing_cells::skip;
    }
};

inline metrics::catalogue compute(const tables& t) {
    auto all = all_metrics(t.stream, t.beside, t.options);
    if (t.has_stream) return all;
    std::erase_if(all.values, [&](const auto& e) { return !metrics::is_of_a_suite(e.id); });
    for (auto& s : all.skipped)
        if (!metrics::is_of_a_suite(s.id))
            s.reason = "metrics::" + s.id + ": needs the scores of a stream of tasks, none were given";
    return all;
}

inline std::vector<double> item_errors(const run& r, const tables& t, const metrics::catalogue& of) {
    const auto known = [](const std::optional<table>& x) { return x ? x->variances() : holdfast::matrix<double>{}; };
    return metrics::item_errors(
        t.stream, t.beside, of,
        {r.stream ? r.stream->variances() : metrics::score_variances(t.stream), known(r.suites[general]),
         known(r.suites[instruction_following]), known(r.suites[safety])},
        t.options);
}

inline constexpr std::size_t most_cells = 6'400;  // the derivatives of a larger table take minutes

inline bool knows_items(const run& r) {
    std::size_t cells = 0;
    bool known = false;
    const auto look = [&](const std::optional<table>& t) {
        if (!t) return;
        cells += t->stages().size() * t->tasks();
        for (std::size_t row = 0; row <= t->stages().size(); ++row)
            for (std::size_t j = 0; j < t->tasks(); ++j) known |= !std::isnan(t->variance(row, j));
    };
    look(r.stream);
    for (const auto& s : r.suites) look(s);
    return known && cells <= most_cells;
}

inline std::vector<std::pair<std::string, std::vector<double>>> curves(const method& m, const measuring& how) {
    std::vector<std::pair<std::string, std::vector<double>>> all;
    if (!m.runs.front().stream) return all;
    const auto& first = *m.runs.front().stream;
    const std::size_t stages = std::min(first.stages().size(), first.tasks());
    for (std::size_t t = 0; t < stages; ++t)
        for (const run& r : m.runs)
            for (const auto& e : compute(tables(r, how, t)).values) {
                auto at = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.first == e.id; });
                if (at == all.end()) at = all.insert(all.end(), {e.id, std::vector<double>(stages, nan)});
                double& sum = at->second[t];
                sum = (std::isnan(sum) ? 0 : sum) + e.result.value / static_cast<double>(m.runs.size());
            }
    return all;
}

inline measurement measure(const method& m, const measuring& how) {
    measurement out;
    for (std::size_t i = 0; i < m.runs.size(); ++i) {
        const run& r = m.runs[i];
        const tables t(r, how, metrics::last_stage);
        const auto all = compute(t);
        if (i == 0) {
            std::vector<double> errors(all.values.size(), 0.0);
            if (m.runs.size() == 1 && knows_items(r)) errors = item_errors(r, t, all);
            for (std::size_t k = 0; k < all.values.size(); ++k) {
                value v{.id = all.values[k].id, .result = all.values[k].result};
                if (errors[k] > 0) v.error = errors[k];  // flat there: says nothing of it
                v.stage = r.stream ? r.stream->stages().size() : r.suites[0] ? r.suites[0]->stages().size() : 1;
                out.values.push_back(std::move(v));
            }
        }
        for (value& v : out.values)
            if (const auto* x = all.find(v.id)) v.runs.push_back(x->value);
        for (const auto& s : all.skipped)
            if (out.reason(s.id).empty()) out.skipped.push_back(s);
    }
    std::erase_if(out.values, [&](const value& v) {
        if (v.runs.size() == m.runs.size() && !std::isnan(v.result.value)) return false;
        if (out.reason(v.id).empty()) out.skipped.push_back({v.id, "metrics::" + v.id + ": is not defined here"});
        return true;
    });
    bool any = false;
    for (value& v : out.values) {
        double sum = 0;
        for (const double x : v.runs) sum += x;
        v.result.value = sum / static_cast<double>(v.runs.size());
        if (v.runs.size() > 1) v.result.variant += sentence(", mean of ", v.runs.size(), " runs");
        v.interval = interval_of(v, how.confidence);
        any |= v.has_interval();
    }
    const auto& stream = m.runs.front().stream;
    const bool large = stream && stream->stages().size() * stream->tasks() > most_cells;
    if (!any)
        out.skipped.push_back({"intervals", large ? "one run has no spread, and so many scores take too long"
                                                  : "one run has no spread, and the number of test items is not known "
                                                    "(--sizes)"});
    out.by_stage = curves(m, how);
    return out;
}

}  // namespace report_program
