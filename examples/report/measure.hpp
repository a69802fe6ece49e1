#pragma once
// Every metric of a method with its interval: over runs by Student's t where there are several, else over test items by
// the delta method, which takes a metric's derivative by each score and that score's own variance.

#include <holdfast/metrics/catalogue.hpp>
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

/// The tables of one run, one of which may be changed for a derivative.
struct tables {
    const metrics::accuracy_matrix* stream = nullptr;
    std::array<const metrics::accuracy_matrix*, 3> suites{};
};

inline tables tables_of(const run& r) {
    tables t;
    if (r.stream) t.stream = &r.stream->scores();
    for (std::size_t k = 0; k < 3; ++k)
        if (r.suites[k]) t.suites[k] = &r.suites[k]->scores();
    return t;
}

inline metrics::catalogue compute(const tables& t, const measuring& how, std::size_t stage) {
    metrics::options o{.stage = stage};
    if (how.skip_missing) o.missing = metrics::missing_cells::skip;
    const metrics::beside beside{.baseline = how.beside.baseline,
                                 .single_task = how.beside.single_task,
                                 .general = t.suites[general],
                                 .instruction_following = t.suites[instruction_following],
                                 .safety = t.suites[safety]};
    if (t.stream) return all_metrics(*t.stream, beside, o);
    metrics::accuracy_matrix none({"none"});  // suites alone: the metrics of a stream are skipped with their reason
    none.append({metrics::not_evaluated});
    auto all = all_metrics(none, beside, o);
    const auto of_a_suite = [](const std::string& id) {
        return id.ends_with("ability_delta") || id == "luo_fg" || id.ends_with("following_delta") ||
               id == "safety_delta";
    };
    std::vector<metrics::catalogue::entry> kept;
    for (auto& e : all.values)
        if (of_a_suite(e.id)) kept.push_back(std::move(e));
    for (auto& s : all.skipped)
        if (!of_a_suite(s.id))
            s.reason = "metrics::" + s.id + ": needs the scores of a stream of tasks, none were given";
    all.values = std::move(kept);
    return all;
}

/// variance = Σ (∂metric/∂score)² · variance(score): exact for means of scores, and for a maximum where it is not tied.
class item_errors {
  public:
    item_errors(const run& r, const measuring& how, const metrics::catalogue& at) : how_(how), at_(at) {
        variances_.assign(at.values.size(), 0.0);
        const tables whole = tables_of(r);
        const auto use = [&](const table& t, auto replace) {
            for (std::size_t row = 0; row <= t.stages().size(); ++row)
                for (std::size_t j = 0; j < t.tasks(); ++j)
                    if (!std::isnan(t.score(row, j))) add(t, row, j, whole, replace);
        };
        if (r.stream) use(*r.stream, [](tables& t, const metrics::accuracy_matrix& m) { t.stream = &m; });
        for (std::size_t k = 0; k < 3; ++k)
            if (r.suites[k]) use(*r.suites[k], [k](tables& t, const metrics::accuracy_matrix& m) { t.suites[k] = &m; });
    }

    [[nodiscard]] double error(std::size_t metric) const { return std::sqrt(variances_[metric]); }

  private:
    template <class Replace>
    void add(const table& t, std::size_t row, std::size_t task, const tables& whole, Replace replace) {
        const double h = 1e-5 * t.scores().traits()[task].scale;
        tables changed = whole;
        const auto higher = t.with(row, task, t.score(row, task) + h),
                   lower = t.with(row, task, t.score(row, task) - h);
        replace(changed, higher);
        const auto up = compute(changed, how_, metrics::last_stage);
        replace(changed, lower);
        const auto down = compute(changed, how_, metrics::last_stage);
        for (std::size_t k = 0; k < variances_.size(); ++k) {
            const auto* u = up.find(at_.values[k].id);
            const auto* d = down.find(at_.values[k].id);
            const double slope = u && d ? (u->value - d->value) / (2 * h) : nan;
            if (std::abs(slope) < 1e-8) continue;
            variances_[k] += slope * slope * t.variance(row, task);  // NaN stays: one unknown makes it unknown
        }
    }

    const measuring& how_;
    const metrics::catalogue& at_;
    std::vector<double> variances_;
};

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
            for (const auto& e : compute(tables_of(r), how, t).values) {
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
        const auto all = compute(tables_of(r), how, metrics::last_stage);
        if (i == 0) {
            std::optional<item_errors> errors;
            if (m.runs.size() == 1 && knows_items(r)) errors.emplace(r, how, all);
            for (std::size_t k = 0; k < all.values.size(); ++k) {
                value v{.id = all.values[k].id, .result = all.values[k].result};
                if (errors && errors->error(k) > 0) v.error = errors->error(k);  // flat there: says nothing of it
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
