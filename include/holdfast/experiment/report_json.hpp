#pragma once
// report.json: the report for other programs, and back. Builds on report.hpp and nlohmann-json, which stands here and
// in formats/ only. What is missing is null, never 0. Leaves out the clauses of plan::why, which are long and repeat
// the settings. The file's layout is described at to_json.

#if !__has_include(<nlohmann/json.hpp>)
#error "experiment/report_json.hpp needs nlohmann-json: install nlohmann-json3-dev and link holdfast::json"
#endif

#include <holdfast/core/config.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/experiment/archive.hpp>
#include <holdfast/experiment/page.hpp>
#include <holdfast/experiment/record.hpp>
#include <holdfast/experiment/report.hpp>
#include <holdfast/experiment/summary.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::experiment {

namespace detail {

using json = nlohmann::ordered_json;

inline json number(double x) { return std::isnan(x) ? json(nullptr) : json(x); }

inline json numbers(const std::vector<double>& values) {
    json list = json::array();
    for (const double x : values) list.push_back(number(x));
    return list;
}

inline json rows(const std::vector<std::vector<double>>& values) {
    json list = json::array();
    for (const auto& row : values) list.push_back(numbers(row));
    return list;
}

inline json to_json(const estimate& e) {
    json j = {{"value", number(e.value)}, {"variant", e.variant}};
    if (e.has_interval()) {
        j["lower"] = e.lower;
        j["upper"] = e.upper;
        j["level"] = 0.95;
    }
    if (e.present())
        j["seeds"] = e.seeds;
    else
        j["reason"] = e.reason;
    return j;
}

inline json points(const std::vector<estimate>& curve) {
    json list = json::array();
    for (const auto& e : curve) list.push_back(number(e.value));
    return list;
}

inline json to_json(const task_record& t) {
    return {{"name", t.name}, {"scorer", t.scorer}, {"scale", t.scale}, {"train", t.train}, {"questions", t.questions}};
}

inline json to_json(const stage_record& s) {
    json distance = json::array();
    for (const auto& d : s.plan.distance)
        distance.push_back({{"value", number(d.value)},
                            {"lower", number(d.lower)},
                            {"upper", number(d.upper)},
                            {"status", to_string(d.status)}});
    json j = {{"task", s.task},
              {"trained", s.trained},
              {"replayed", s.replayed},
              {"general", s.general},
              {"plan",
               {{"examples", s.plan.examples},
                {"quotas", s.plan.quotas},
                {"unplaced", s.plan.unplaced},
                {"distance", std::move(distance)},
                {"mix", to_string(s.plan.mix)},
                {"general_data", s.plan.general_data}}},
              {"seconds", {{"plan", s.plan_seconds}, {"train", s.train_seconds}, {"evaluate", s.evaluate_seconds}}}};
    if (!s.undone.empty()) {
        j["undone"] = s.undone;
        j["tried"] = numbers(s.tried);
    }
    return j;
}

inline json to_json(const run_record& r) {
    json suites = json::array(), stages = json::array(), config = json::object();
    for (const auto& s : r.suites)
        suites.push_back({{"kind", name_of(s.kind)}, {"about", to_json(s.about)}, {"scores", numbers(s.scores)}});
    for (const auto& s : r.stages) stages.push_back(to_json(s));
    for (const auto& [name, value] : r.config) config[name] = value;
    json j = {{"seed", r.seed},         {"policy", r.policy},          {"before", numbers(r.before)},
              {"after", rows(r.after)}, {"suites", std::move(suites)}, {"stages", std::move(stages)},
              {"used", r.used},         {"config", std::move(config)}, {"before_seconds", r.before_seconds}};
    if (!r.items.empty()) j["items"] = rows(r.items);
    if (!r.nll.empty()) j["nll"] = rows(r.nll);
    if (!r.single_task.empty()) j["single_task"] = numbers(r.single_task);
    return j;
}

/// Text with one line per member, and lists of plain values on one line: a matrix reads as a matrix.
inline void print(std::string& out, const json& j, std::size_t depth) {
    const auto plain = [](const json& x) { return !x.is_structured(); };
    if (!j.is_structured() || j.empty() || (j.is_array() && std::all_of(j.begin(), j.end(), plain))) {
        out += j.dump(-1, ' ', false, json::error_handler_t::replace);
        return;
    }
    const bool object = j.is_object();
    out += object ? "{" : "[";
    const std::string indent = "\n" + std::string(depth + 1, ' ');
    bool first = true;
    for (auto it = j.begin(); it != j.end(); ++it) {
        out += first ? indent : "," + indent;
        first = false;
        if (object) out += json(it.key()).dump(-1, ' ', false, json::error_handler_t::replace) + ": ";
        print(out, *it, depth + 1);
    }
    out += "\n" + std::string(depth, ' ') + (object ? "}" : "]");
}

/// Distances both ways, from the first method that measured any; the diagonal is then 0.
inline json similarity(const std::vector<method_summary>& methods, std::size_t tasks) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    std::vector<std::vector<double>> table(tasks, std::vector<double>(tasks, nan));
    for (const auto& m : methods) {
        bool any = false;
        for (std::size_t i = 0; i < tasks; ++i)
            for (std::size_t j = 0; j < i; ++j)
                if (!std::isnan(m.distance[i][j].value)) {
                    table[i][j] = table[j][i] = m.distance[i][j].value;
                    any = true;
                }
        if (!any) continue;
        for (std::size_t i = 0; i < tasks; ++i) table[i][i] = 0;
        break;
    }
    return rows(table);
}

inline json replay_of(const method_summary& m, const std::vector<std::string>& tasks) {
    json list = json::array();
    for (std::size_t i = 0; i < m.replayed.size(); ++i) {
        json counts = json::object();
        for (std::size_t j = 0; j < i; ++j) counts[tasks[j]] = m.replayed[i][j];
        list.push_back({{"stage", i + 1},
                        {"task", tasks[i]},
                        {"examples", std::move(counts)},
                        {"general", m.general[i]},
                        {"unplaced", m.unplaced[i]}});
    }
    return list;
}

inline std::vector<double> read_numbers(const json& list) {
    std::vector<double> values;
    for (const auto& x : list)
        values.push_back(x.is_null() ? std::numeric_limits<double>::quiet_NaN() : x.get<double>());
    return values;
}

inline std::vector<std::vector<double>> read_rows(const json& list) {
    std::vector<std::vector<double>> values;
    for (const auto& row : list) values.push_back(read_numbers(row));
    return values;
}

inline double read_number(const json& x) {
    return x.is_null() ? std::numeric_limits<double>::quiet_NaN() : x.get<double>();
}

inline task_record read_task(const json& j) {
    return {.name = j.at("name"),
            .scorer = j.at("scorer"),
            .scale = j.at("scale"),
            .train = j.at("train"),
            .questions = j.at("questions")};
}

inline stage_record read_stage(const json& j) {
    stage_record s;
    s.task = j.at("task");
    s.trained = j.at("trained");
    s.replayed = j.at("replayed");
    s.general = j.at("general");
    const json& plan = j.at("plan");
    s.plan.examples = plan.at("examples").get<std::vector<std::vector<std::uint32_t>>>();
    s.plan.quotas = plan.at("quotas").get<std::vector<std::size_t>>();
    s.plan.unplaced = plan.at("unplaced");
    for (const auto& d : plan.at("distance")) {
        certified<double> c{read_number(d.at("value")), read_number(d.at("lower")), read_number(d.at("upper"))};
        for (const auto known : {status::exact, status::certified, status::not_converged})
            if (d.at("status") == to_string(known)) c.status = known;
        s.plan.distance.push_back(c);
    }
    if (plan.at("mix") == to_string(replay::mixing::trailing_epoch)) s.plan.mix = replay::mixing::trailing_epoch;
    s.plan.general_data = plan.at("general_data");
    const json& seconds = j.at("seconds");
    s.plan_seconds = seconds.at("plan");
    s.train_seconds = seconds.at("train");
    s.evaluate_seconds = seconds.at("evaluate");
    if (j.contains("undone")) {
        s.undone = j.at("undone").get<std::vector<std::string>>();
        s.tried = read_numbers(j.at("tried"));
    }
    return s;
}

inline run_record read_run(const json& j, const std::string& method, const std::vector<task_record>& tasks) {
    run_record r;
    r.method = method;
    r.tasks = tasks;
    r.seed = j.at("seed");
    r.policy = j.at("policy");
    r.before = read_numbers(j.at("before"));
    r.after = read_rows(j.at("after"));
    for (const auto& s : j.at("suites")) {
        suite_record suite;
        suite.about = read_task(s.at("about"));
        suite.scores = read_numbers(s.at("scores"));
        for (const auto kind : {capability::general, capability::instruction_following, capability::safety})
            if (s.at("kind") == name_of(kind)) suite.kind = kind;
        r.suites.push_back(std::move(suite));
    }
    for (const auto& s : j.at("stages")) r.stages.push_back(read_stage(s));
    r.used = j.at("used").get<std::vector<std::string>>();
    for (const auto& [name, value] : j.at("config").items()) r.config.emplace_back(name, value.get<std::string>());
    r.before_seconds = j.at("before_seconds");
    if (j.contains("items")) r.items = read_rows(j.at("items"));
    if (j.contains("nll")) r.nll = read_rows(j.at("nll"));
    if (j.contains("single_task")) r.single_task = read_numbers(j.at("single_task"));
    require(r.before.size() == tasks.size() && r.after.size() <= tasks.size() && r.stages.size() == r.after.size(),
            "run of \"", method, "\" has scores of another shape than ", tasks.size(), " tasks ask for");
    for (const auto& row : r.after)
        require(row.size() == tasks.size(), "run of \"", method, "\" has a row of ", row.size(), " scores for ",
                tasks.size(), " tasks");
    for (const auto& s : r.suites)
        require(s.scores.size() == tasks.size() + 1, "run of \"", method, "\" has ", s.scores.size(),
                " scores of suite \"", s.about.name, "\", not one before training and one per stage");
    return r;
}

}  // namespace detail

/// The report as JSON text.
///
///     {"tasks": [name],
///      "methods": {METHOD: {"policy", "seeds",
///                           "R0": [T], "R": [T][T],           means over seeds on the common scale, as metrics see
///                           them "metrics": {KEY: {"value", "variant", "lower", "upper", "level", "seeds", "reason"}},
///                           "deltas": {"general", "instruction_following", "safety"},
///                           "delta_intervals": {KEY: [lower, upper]},
///                           "op_by_stage": [T], "bwt_by_stage": [T], "seconds",
///                           "runs": [{...}]}},                every seed: scores in each task's own unit, suites,
///                           plans
///      "similarity": [T][T],                                  distance between tasks, 0 = alike, null = not measured
///      "replay": {METHOD: [{"stage", "task", "examples": {TASK: n}, "general", "unplaced"}]},
///      "config": {name: value}, "task_info": [{...}], "version"}
///
/// Numbers read back to the bit. A metric or delta that is absent has value null (a metric says its reason).
[[nodiscard]] inline std::string to_json(const report& r) {
    using detail::json;
    const auto tasks = r.tasks();
    const auto summaries = r.summaries();
    json methods = json::object(), replay = json::object(), config = json::object(), info = json::array();
    for (const auto& m : summaries) {
        json metrics = json::object(), deltas = json::object(), intervals = json::object(), runs = json::array();
        for (const auto& e : m.metrics) metrics[e.key] = detail::to_json(e);
        for (const auto& e : m.deltas) {
            deltas[e.key] = detail::number(e.value);
            if (e.has_interval()) intervals[e.key] = {e.lower, e.upper};
        }
        for (const auto& run : r.runs())
            if (run.method == m.method) runs.push_back(detail::to_json(run));
        methods[m.method] = {{"policy", m.policy},
                             {"seeds", m.seeds},
                             {"R0", detail::numbers(m.before)},
                             {"R", detail::rows(m.after)},
                             {"metrics", std::move(metrics)},
                             {"deltas", std::move(deltas)},
                             {"delta_intervals", std::move(intervals)},
                             {"op_by_stage", detail::points(m.op_by_stage)},
                             {"bwt_by_stage", detail::points(m.bwt_by_stage)},
                             {"seconds", m.seconds.value},
                             {"runs", std::move(runs)}};
        replay[m.method] = detail::replay_of(m, tasks);
    }
    for (const auto& [name, value] : detail::common_settings(r.runs())) config[name] = value;
    if (!r.runs().empty())
        for (const auto& t : r.runs().front().tasks) info.push_back(detail::to_json(t));
    const json whole = {{"tasks", tasks},
                        {"methods", std::move(methods)},
                        {"similarity", detail::similarity(summaries, tasks.size())},
                        {"replay", std::move(replay)},
                        {"config", std::move(config)},
                        {"task_info", std::move(info)},
                        {"version", HOLDFAST_VERSION}};
    std::string text;
    detail::print(text, whole, 0);
    return text + "\n";
}

/// @throw format_error if the file cannot be written; what stood there before is then untouched
inline void write_json(const report& r, const std::filesystem::path& file) { write_atomically(file, to_json(r)); }

/// The report that to_json wrote.
/// @param text  the JSON
/// @param name  of the file, for the error's sentence
/// @throw       format_error if it is no JSON (with the line), or not a report
[[nodiscard]] inline report parse_report(std::string_view text, const std::string& name = "report.json") {
    using detail::json;
    try {
        const json whole = json::parse(text);
        std::vector<task_record> tasks;
        for (const auto& t : whole.at("task_info")) tasks.push_back(detail::read_task(t));
        report r;
        for (const auto& [method, about] : whole.at("methods").items())
            for (const auto& run : about.at("runs")) r.add(detail::read_run(run, method, tasks));
        return r;
    } catch (const json::parse_error& e) {
        const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(e.byte, text.size()));
        throw format_error(name, static_cast<std::size_t>(std::count(text.begin(), end, '\n')) + 1,
                           "is no JSON: " + std::string(e.what()));
    } catch (const json::exception& e) {
        throw format_error(name, 0, "is no report of holdfast: " + std::string(e.what()));
    } catch (const invalid_argument& e) {
        throw format_error(name, 0, "is no report of holdfast: " + std::string(e.what()));
    }
}

[[nodiscard]] inline report read_report(const std::filesystem::path& file) {
    return parse_report(detail::read_all(file), file.string());
}

}  // namespace holdfast::experiment
