#pragma once
// The inputs of report: CSV, report.json, TRACE's result folders, lm-evaluation-harness files. What a file is, is seen
// from its content. Consecutive files of the harness are the stages of one method.

#include <holdfast/core/error.hpp>
#include <holdfast/experiment/report_json.hpp>
#include <holdfast/formats/csv_scores.hpp>
#include <holdfast/formats/lm_eval.hpp>
#include <holdfast/formats/trace.hpp>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "table.hpp"

namespace report_program {

namespace experiment = holdfast::experiment;
namespace formats = holdfast::formats;

/// What the command line says of tasks, whatever file they come from.
struct reading {
    std::vector<std::string> tasks{};                // which, in this order; empty = all, in the file's order
    std::map<std::string, std::string> metric{};     // which number of a result file counts
    std::map<std::string, double> scale{}, sizes{};  // "" = every task
};

enum class kind { csv, report, trace_folder, lm_eval };

inline kind kind_of(const std::string& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) throw format_error(path, 0, "there is no such file or folder");
    if (std::filesystem::is_directory(path)) {
        for (const std::string& name : formats::detail::names_in(path))
            if (formats::detail::parse_result_name(name)) return kind::trace_folder;
        return kind::lm_eval;
    }
    if (!std::filesystem::is_regular_file(path))
        throw format_error(path, 0, "is a pipe or a device, which cannot be read twice: write it to a file first");
    if (path.ends_with(".jsonl")) return kind::lm_eval;
    const std::string text = formats::detail::read_text(path);
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos || (text[first] != '{' && text[first] != '[')) return kind::csv;
    const auto content = formats::parse_json(text, path);
    if (formats::is_lm_eval_results(content)) return kind::lm_eval;
    if (content.is_object() && content.contains("methods")) return kind::report;
    throw format_error(path, 0,
                       "is JSON, but neither a report.json (\"methods\") nor a results file of lm-evaluation-harness "
                       "(\"results\")");
}

inline double chosen(const std::map<std::string, double>& by_task, const std::string& task, double otherwise) {
    if (const auto own = by_task.find(task); own != by_task.end()) return own->second;
    const auto all = by_task.find("");
    return all == by_task.end() ? otherwise : all->second;
}

/// The columns as a table, with the units and sizes that the command line says.
inline table finish(std::vector<column> columns, std::vector<std::string> stages, const reading& how,
                    const std::string& file) {
    for (column& c : columns) {
        c.traits.scale = chosen(how.scale, c.name, c.traits.scale);
        c.traits.size = static_cast<std::size_t>(chosen(how.sizes, c.name, static_cast<double>(c.traits.size)));
    }
    try {
        return table(std::move(columns), std::move(stages));
    } catch (const holdfast::invalid_argument& wrong) {
        throw format_error(file, 0, wrong.what());
    }
}

inline std::vector<column> columns_of(const formats::score_table& t) {
    std::vector<column> columns;
    for (std::size_t j = 0; j < t.tasks.size(); ++j) {
        column c{.name = t.tasks[j], .traits = {.scale = t.scale[j]}, .before = t.base.empty() ? nan : t.base[j]};
        for (std::size_t i = 0; i < t.stages.size(); ++i) c.after.push_back(t.scores(i, j));
        columns.push_back(std::move(c));
    }
    return columns;
}

/// A CSV says no unit. A task with a score above 1 is in per cent; one whose scores lie in 0..1 while others are in per
/// cent is taken as it looks, and that is said, since a low score in per cent looks the same. --scale says otherwise.
inline void guess_unit(std::vector<column>& columns, const std::string& path, const reading& how) {
    const auto best = [](const column& c) {
        double most = std::isnan(c.before) ? 0 : c.before;
        for (const double x : c.after) most = std::max(most, std::isnan(x) ? 0 : x);
        return most;
    };
    if (std::none_of(columns.begin(), columns.end(), [&](const column& c) { return best(c) > 1; })) return;
    std::string low;
    for (column& c : columns) {
        c.traits.scale = best(c) > 0 && best(c) <= 1 ? 1 : 100;
        if (c.traits.scale == 1 && chosen(how.scale, c.name, 0) == 0) low += (low.empty() ? "" : ", ") + c.name;
    }
    if (!low.empty())
        std::cerr << "report: " << path << ": the scores of " << low
                  << " are taken as 0..1, those of the other tasks as per cent; --scale TASK=100 says otherwise\n";
}

inline table read_csv(const std::string& path, const reading& how) {
    const auto t = formats::read_csv_scores(path);
    auto columns = columns_of(t);
    guess_unit(columns, path, how);
    return finish(std::move(columns), t.stages, how, path);
}

/// TRACE keeps the answers in its result files: their number is the number of test items.
inline table read_trace_folder(const std::string& path, const reading& how) {
    const auto t = formats::read_trace_results(path, {.metric = how.metric});
    auto columns = columns_of(t);
    for (const std::string& name : formats::detail::names_in(path)) {
        const auto parsed = formats::detail::parse_result_name(name);
        if (!parsed) continue;
        const auto content = formats::read_json(std::filesystem::path(path) / name);
        if (content.contains("results") && content["results"].is_array())
            columns[parsed->index].traits.size = content["results"].size();
    }
    return finish(std::move(columns), t.stages, how, path);
}

/// Evaluations of the harness in the order of training, one row each. A task that only some of them have is not
/// evaluated in the others.
inline table read_lm_eval_stages(const std::vector<std::string>& paths, const reading& how) {
    std::vector<column> columns;
    std::vector<std::string> stages, metric;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        for (const auto& s : formats::read_lm_eval(paths[i], {.metric = how.metric})) {
            auto at = std::find_if(columns.begin(), columns.end(), [&](const column& c) { return c.name == s.task; });
            if (at == columns.end()) {
                columns.push_back(
                    {.name = s.task,
                     .traits = {.size = s.items,
                                .scale = s.scale,
                                .orientation = s.higher_is_better ? metrics::orientation::higher_is_better
                                                                  : metrics::orientation::lower_is_better},
                     .after = std::vector<double>(paths.size(), nan),
                     .after_errors = std::vector<double>(paths.size(), nan)});
                metric.push_back(s.metric);
                at = columns.end() - 1;
            }
            const auto j = static_cast<std::size_t>(at - columns.begin());
            if (metric[j] != s.metric)
                throw format_error(paths[i], 0,
                                   sentence("task \"", s.task, "\" has ", s.metric, ", other stages have ", metric[j]));
            at->after[i] = s.value;
            at->after_errors[i] = s.error;
        }
        stages.push_back(std::filesystem::path(paths[i]).stem().string());
    }
    return finish(std::move(columns), std::move(stages), how, paths.front());
}

inline std::optional<table> suite_of(const experiment::run_record& r, experiment::capability which,
                                     const std::vector<std::string>& stages, const std::string& path) {
    std::vector<column> columns;
    for (const auto& s : r.suites) {
        if (s.kind != which) continue;
        column c{.name = s.about.name,
                 .traits = {.size = s.about.questions, .scale = s.about.scale},
                 .before = s.scores.empty() ? nan : s.scores[0]};
        for (std::size_t i = 0; i < stages.size(); ++i) c.after.push_back(s.scores[i + 1]);
        columns.push_back(std::move(c));
    }
    if (columns.empty()) return std::nullopt;
    return finish(std::move(columns), stages, {}, path);
}

/// Every method of a report.json, over its seeds; the single-task scores that it may hold.
inline std::vector<method> read_report_json(const std::string& path, const reading& how, std::vector<double>& single) {
    const auto whole = experiment::read_report(path);
    std::vector<method> methods;
    for (const std::string& name : whole.methods()) {
        method m{name, path, {}};
        for (const auto& r : whole.runs()) {
            if (r.method != name) continue;
            std::vector<column> columns;
            std::vector<std::string> stages;
            for (std::size_t i = 0; i < r.after.size(); ++i) stages.push_back(r.tasks[i].name);
            for (std::size_t j = 0; j < r.tasks.size(); ++j) {
                column c{.name = r.tasks[j].name,
                         .traits = {.size = r.tasks[j].questions, .scale = r.tasks[j].scale},
                         .before = r.before.empty() ? nan : r.before[j]};
                for (const auto& row : r.after) c.after.push_back(row[j]);
                columns.push_back(std::move(c));
            }
            if (stages.empty()) throw format_error(path, 0, "method \"" + name + "\" has no stage yet");
            run one{.seed = r.seed, .stream = finish(std::move(columns), stages, how, path), .suites = {}};
            one.suites[general] = suite_of(r, experiment::capability::general, stages, path);
            one.suites[instruction_following] =
                suite_of(r, experiment::capability::instruction_following, stages, path);
            one.suites[safety] = suite_of(r, experiment::capability::safety, stages, path);
            m.runs.push_back(std::move(one));
            if (how.tasks.empty() && single.empty()) single = r.single_task;
        }
        methods.push_back(std::move(m));
    }
    if (methods.empty()) throw format_error(path, 0, "holds no method");
    return methods;
}

/// A row of scores on its own, from any table of one row (base or a stage), by the names of tasks.
inline table read_row(const std::string& path, const reading& how) {
    const kind what = kind_of(path);
    if (what == kind::report) throw format_error(path, 0, "is a report.json, where one row of scores is needed");
    const table t = what == kind::csv            ? read_csv(path, how)
                    : what == kind::trace_folder ? read_trace_folder(path, how)
                                                 : read_lm_eval_stages({path}, how);
    const bool base = !t.scores().before().empty();
    if (t.stages().size() + (base ? 1 : 0) != 1)
        throw format_error(path, 0, sentence("must hold one row of scores, it holds ", t.stages().size() + base));
    return t;
}

}  // namespace report_program
