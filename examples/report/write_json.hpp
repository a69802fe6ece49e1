#pragma once
// --format json. One method:
//   {"tasks": [..], "metrics": {ID: {"value", "lower", "upper", "variant", "stage", "tasks"}}, "stages": {ID: [..]},
//    "skipped": {ID: reason}}
// Several: "methods": {NAME: the same}, "differences", "ranks". What is not known is absent; null stands in lists only.

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "outcome.hpp"

namespace report_program {

using ordered_json = nlohmann::ordered_json;

inline ordered_json number_or_null(double x) { return std::isnan(x) ? ordered_json(nullptr) : ordered_json(x); }

inline void put_interval(ordered_json& j, const metrics::interval& i) {
    if (std::isnan(i.lower)) return;
    j["lower"] = i.lower;
    j["upper"] = i.upper;
}

inline ordered_json metrics_json(const measurement& m) {
    ordered_json all = ordered_json::object();
    for (const value& v : m.values) {
        ordered_json j{{"value", v.result.value}};
        put_interval(j, v.interval);
        j["variant"] = v.result.variant;
        j["stage"] = v.stage;
        j["tasks"] = v.result.tasks;
        if (v.has_interval()) j["interval"] = v.interval.method;
        if (v.runs.size() > 1) j["runs"] = v.runs;
        all[v.id] = std::move(j);
    }
    return all;
}

inline ordered_json method_json(const outcome& o, std::size_t k) {
    const measurement& m = o.measured[k];
    ordered_json stages = ordered_json::object(), skipped = ordered_json::object();
    if (const auto& stream = o.methods[k].runs.front().stream) stages["names"] = stream->stages();
    for (const auto& [id, curve] : m.by_stage) {
        stages[id] = ordered_json::array();
        for (const double x : curve) stages[id].push_back(number_or_null(x));
    }
    for (const auto& s : m.skipped) skipped[s.id] = s.reason;
    ordered_json j{{"metrics", metrics_json(m)}, {"stages", stages}, {"skipped", skipped}};
    if (!o.peer.empty()) {
        ordered_json& says = j["peer"][o.peer] = ordered_json::object();
        for (const auto& r : o.by_peer[k]) says[r.name] = {{"value", r.value}, {"variant", r.variant}};
    }
    return j;
}

inline std::string as_json(const outcome& o) {
    ordered_json j{{"tasks", o.tasks()}};
    if (o.methods.size() == 1) {
        j.update(method_json(o, 0));
    } else {
        for (std::size_t k = 0; k < o.methods.size(); ++k) j["methods"][o.methods[k].name] = method_json(o, k);
        j["differences"] = ordered_json::array();
        for (const difference& d : o.differences) {
            ordered_json one{{"metric", d.id},
                             {"a", o.methods[d.a].name},
                             {"b", o.methods[d.b].name},
                             {"value", d.interval.estimate}};
            put_interval(one, d.interval);
            if (!d.interval.method.empty()) one["interval"] = d.interval.method;
            if (d.test)
                one.update(ordered_json{{"test", d.test->name},
                                        {"p", d.test->p},
                                        {"p_holm", d.corrected_p},
                                        {"pairs", d.test->n},
                                        {"verdict", d.test->verdict()}});
            j["differences"].push_back(std::move(one));
        }
        if (o.ranks) {
            ordered_json mean = ordered_json::object();
            for (std::size_t k = 0; k < o.methods.size(); ++k)
                mean[o.methods[k].name] = o.ranks->friedman.mean_ranks[k];
            j["ranks"] = {{"mean", mean},
                          {"friedman_p", o.ranks->friedman.p},
                          {"iman_davenport_p", o.ranks->friedman.p_f},
                          {"critical_difference", o.ranks->critical_difference},
                          {"level", 0.05},
                          {"tasks", o.ranks->friedman.rows}};
        }
    }
    j["confidence"] = o.confidence;
    if (!o.gate.empty()) {
        j["gate"] = ordered_json::array();
        for (const verdict& v : o.gate) {
            ordered_json one{{"condition", v.asked.text}, {"value", v.value}};
            put_interval(one, {v.value, v.lower, v.upper, v.confidence, 0, {}});
            one["met"] = v.met;
            one["failed"] = v.failed;
            if (!v.met && v.knows_chance()) one["excludes_chance"] = v.excludes_chance();
            if (o.methods.size() > 1) one["method"] = v.method;
            j["gate"].push_back(std::move(one));
        }
    }
    return j.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace report_program
