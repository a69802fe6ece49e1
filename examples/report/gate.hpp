#pragma once
// The gate of a fine-tuning pipeline: the conditions of metrics/gate.hpp held against what was measured.

#include <holdfast/metrics/gate.hpp>

#include <cmath>
#include <string>
#include <vector>

#include "measure.hpp"

namespace report_program {

/// What metrics::judge says, and the method that it is of.
struct verdict : metrics::judgement {
    std::string method;

    [[nodiscard]] std::string words() const {
        return metrics::judgement::words() +
               (met || knows_chance() ? "" : " (--sizes says how many test items there are)");
    }
};

/// The last score of a task, of the stream or of a suite, over runs.
inline std::optional<value> last_score(const method& m, const std::string& task, double confidence) {
    value v{.id = "task:" + task};
    for (const run& r : m.runs) {
        const table* found = nullptr;
        const auto look = [&](const std::optional<table>& t) {
            if (!t || found) return;
            for (const std::string& name : t->scores().names())
                if (name == task) found = &*t;
        };
        look(r.stream);
        for (const auto& s : r.suites) look(s);
        look(r.others);
        if (!found) return std::nullopt;
        const std::size_t j = found->scores().index(task), last = found->stages().size();
        const double score = found->score(last, j);
        require(!std::isnan(score), "report: --gate: task \"", task, "\" was not evaluated after the last stage");
        v.runs.push_back(score);
        v.error = std::sqrt(found->variance(last, j));
        v.result.scale = found->scores().traits()[j].scale;
        v.interval = {score, nan, nan, confidence, 0, ""};
        const auto& traits = found->scores().traits()[j];
        if (m.runs.size() == 1 && traits.size > 0 && score >= 0 && score <= traits.scale && last > 0)
            v.interval = score_interval(found->scores(), last - 1, j, confidence);
    }
    double sum = 0;
    for (const double x : v.runs) sum += x;
    v.result.value = sum / static_cast<double>(v.runs.size());
    if (!v.has_interval()) v.interval = interval_of(v, confidence);
    return v;
}

/// @param forgive  what can be chance does not fail
inline std::vector<verdict> judge(const std::vector<metrics::condition>& gate, const method& m,
                                  const measurement& measured, double confidence, bool forgive) {
    std::vector<verdict> all;
    for (const metrics::condition& c : gate) {
        const auto add = [&](const metrics::result& found, const metrics::interval& i) {
            all.push_back(
                {metrics::judge(c, found.value, i.lower, i.upper, i.confidence, found.scale, forgive), m.name});
        };
        if (c.what.starts_with("task:")) {
            const auto score = last_score(m, c.what.substr(5), confidence);
            require(score.has_value(), "report: --gate: there is no task \"", c.what.substr(5), "\" in ", m.source);
            add(score->result, score->interval);
        } else {
            const value* found = measured.find(c.what);
            const std::string reason = measured.reason(c.what);
            require(found || !reason.empty(), "report: --gate: there is no metric \"", c.what,
                    "\"; the identifiers are those of --format json, general, instruction, safety, and task:NAME");
            require(found, "report: --gate: ", c.what, " cannot be judged: ", reason);
            add(found->result, interval_of(*found, confidence));
        }
    }
    return all;
}

}  // namespace report_program
