#pragma once
// Methods side by side: the paired difference of every two by every metric, with an interval and a test, and their
// ranks over tasks. Pairs are runs with the same seed where both have several, else the tasks of the stream.

#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/multiple_testing.hpp>
#include <holdfast/metrics/ranking.hpp>
#include <holdfast/metrics/significance.hpp>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "measure.hpp"

namespace report_program {

struct difference {
    std::size_t a = 0, b = 0;  // methods; the value is a less b
    std::string id;
    metrics::interval interval;                // bounds NaN where nothing allows one
    std::optional<metrics::test_result> test;  // exact sign flips of the pairs
    double corrected_p = nan;                  // Holm, over all pairs of methods by this metric
};

/// The terms whose mean the metric is, one per task; empty where it is no mean over tasks.
inline std::vector<double> terms(const run& r, std::string_view id) {
    std::vector<double> by_task;
    const auto& s = r.stream->scores();
    const std::size_t last = s.stages() - 1;
    if (id == "overall_performance")
        for (std::size_t j = 0; j <= last; ++j) by_task.push_back(s.score(last, j));
    if (id == "backward_transfer")
        for (std::size_t j = 0; j < last; ++j) by_task.push_back(s.score(last, j) - s.score(j, j));
    if (id == "forgetting") by_task = forgetting_by_task(s), by_task.resize(std::min(by_task.size(), last));
    for (const double x : by_task)
        if (!std::isfinite(x)) return {};
    return by_task;
}

inline bool same_seeds(const method& a, const method& b) {
    if (a.runs.size() != b.runs.size() || a.runs.size() < 2) return false;
    for (std::size_t i = 0; i < a.runs.size(); ++i)
        if (a.runs[i].seed != b.runs[i].seed) return false;
    return true;
}

inline difference differ(const method& a, const method& b, const value& x, const value& y, double confidence) {
    difference d;
    d.id = x.id;
    d.interval = {x.result.value - y.result.value, nan, nan, confidence, 0, ""};
    std::vector<double> pairs;
    std::string unit = "t over runs";
    if (same_seeds(a, b)) {
        for (std::size_t i = 0; i < x.runs.size(); ++i) pairs.push_back(x.runs[i] - y.runs[i]);
    } else if (a.runs.size() == 1 && b.runs.size() == 1 && a.runs[0].stream && b.runs[0].stream) {
        const auto p = terms(a.runs[0], x.id), q = terms(b.runs[0], x.id);
        if (p.size() == q.size())
            for (std::size_t j = 0; j < p.size(); ++j) pairs.push_back(p[j] - q[j]);
        unit = "t over tasks";
    }
    if (pairs.size() >= 2) {
        d.interval = metrics::t_interval(pairs, confidence);
        d.interval.method = unit;
        d.test = metrics::sign_flip(pairs);
    } else if (!std::isnan(x.error) && !std::isnan(y.error)) {
        d.interval = metrics::detail::normal_interval(d.interval.estimate, std::hypot(x.error, y.error), confidence, 0);
        d.interval.method = "test items, as if not the same";
    }
    return d;
}

/// Every two methods by every metric that both have; metric by metric.
inline std::vector<difference> differences(const std::vector<method>& methods, const std::vector<measurement>& all,
                                           double confidence) {
    std::vector<difference> out;
    for (const value& first : all.front().values) {
        const std::size_t begin = out.size();
        for (std::size_t a = 0; a < methods.size(); ++a)
            for (std::size_t b = a + 1; b < methods.size(); ++b) {
                const value *x = all[a].find(first.id), *y = all[b].find(first.id);
                if (!x || !y) continue;
                out.push_back(differ(methods[a], methods[b], *x, *y, confidence));
                out.back().a = a, out.back().b = b;
            }
        std::vector<double> p;
        for (std::size_t k = begin; k < out.size(); ++k)
            if (out[k].test) p.push_back(out[k].test->p);
        const auto corrected = metrics::holm(p);
        for (std::size_t k = begin, i = 0; k < out.size(); ++k)
            if (out[k].test) out[k].corrected_p = corrected[i++];
    }
    return out;
}

struct ranking {
    metrics::friedman_result friedman;
    double critical_difference = nan;  // Nemenyi at 0.05
};

/// Ranks of the methods over the tasks' scores after the last stage; none where a score is missing.
inline std::optional<ranking> rank(const std::vector<method>& methods) {
    std::vector<std::vector<double>> scores;
    for (const method& m : methods) {
        std::vector<double> mean;
        for (const run& r : m.runs) {
            if (!r.stream) return std::nullopt;
            const auto s = terms(r, "overall_performance");
            mean.resize(s.size(), 0.0);
            for (std::size_t j = 0; j < std::min(s.size(), mean.size()); ++j)
                mean[j] += s[j] / static_cast<double>(m.runs.size());
        }
        scores.push_back(std::move(mean));
    }
    const std::size_t tasks = scores.front().size();
    if (methods.size() < 2 || tasks < 2) return std::nullopt;
    holdfast::matrix<double> by_task(tasks, methods.size());
    for (std::size_t k = 0; k < methods.size(); ++k) {
        if (scores[k].size() != tasks) return std::nullopt;
        for (std::size_t j = 0; j < tasks; ++j) by_task(j, k) = scores[k][j];
    }
    return ranking{metrics::friedman(by_task), metrics::critical_difference(methods.size(), tasks)};
}

}  // namespace report_program
