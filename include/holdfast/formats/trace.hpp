#pragma once
// TRACE's files: the folder of tasks (task/{train,eval,test}.json, records of prompt and answer) and the folder of
// result files (results-{round}-{i}-{task}.json) that its evaluation leaves. Builds on json.hpp. Leaves out scoring:
// the numbers in the result files are taken as they stand.
/// @see Wang et al. 2023 (TRACE), arXiv:2310.06762

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/formats/json.hpp>
#include <holdfast/formats/records.hpp>

namespace holdfast::formats {

struct trace_options {
    std::vector<std::string> tasks = {};  ///< which, in this order; empty = all, in the folder's own order
};

namespace detail {

/// TRACE's prompts begin with the instruction, on a line of its own; Py150's have none.
inline std::string first_line(const std::string& prompt) {
    const std::size_t end = prompt.find('\n');
    return end == std::string::npos ? std::string{} : prompt.substr(0, end);
}

inline std::vector<record> read_trace_split(const std::filesystem::path& path, const std::string& id) {
    std::vector<record> records;
    for (const json_record& r : read_json_array(path)) {
        record one{id + "/" + std::to_string(r.number), r.text("prompt"), r.text("answer"), {}};
        one.instruction = first_line(one.prompt);
        records.push_back(std::move(one));
    }
    return records;
}

}  // namespace detail

/// Reads a folder of tasks in TRACE's layout. Order: `options.tasks`; else "order" in tasks.json where there is one;
/// else the folders in natural order. train.json and test.json must be there, eval.json may be missing. The instruction
/// of a record is the first line of its prompt (empty where the prompt is one line, as in Py150).
///
/// @return  tasks in order
/// @throw   format_error: missing folder or task, broken JSON (file, line), wrong field (file, record, field), no UTF-8
///          (file, byte), an empty split
inline std::vector<task> read_trace(const std::filesystem::path& folder, const trace_options& options = {}) {
    detail::require_folder(folder);
    const auto listed = detail::listed_order(folder / "tasks.json", "order");
    std::vector<task> tasks;
    for (const std::string& name : detail::task_names(folder, options.tasks, listed, "train.json")) {
        task t;
        t.name = name;
        t.train = detail::read_trace_split(folder / name / "train.json", name + "/train");
        t.test = detail::read_trace_split(folder / name / "test.json", name + "/test");
        if (std::filesystem::exists(folder / name / "eval.json"))
            t.eval = detail::read_trace_split(folder / name / "eval.json", name + "/eval");
        tasks.push_back(std::move(t));
    }
    if (!listed.empty()) {
        const json list = read_json(folder / "tasks.json");
        const auto notes = list.find("tasks");
        for (task& t : tasks) {
            if (notes == list.end() || !notes->is_object() || !notes->contains(t.name)) continue;
            const json& note = (*notes)[t.name];
            if (note.is_object() && note.contains("metric") && note["metric"].is_string())
                t.metric = note["metric"].get<std::string>();
        }
    }
    return tasks;
}

struct trace_results_options {
    /// Which number of a result file's "eval" is the task's score; tasks not named here take the first that is there of
    /// accuracy, similarity, sari, F1, rouge-L, bleu-4.
    std::map<std::string, std::string> metric = {};
};

namespace detail {

struct result_name {
    std::size_t round, index;
    std::string task;
};

/// results-{round}-{i}-{task}.json; the task may hold dashes.
inline std::optional<result_name> parse_result_name(std::string_view name) {
    constexpr std::string_view head = "results-", tail = ".json";
    if (!name.starts_with(head) || !name.ends_with(tail) || name.size() < head.size() + tail.size())
        return std::nullopt;
    name = name.substr(head.size(), name.size() - head.size() - tail.size());
    result_name r{};
    for (std::size_t* field : {&r.round, &r.index}) {
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), *field);
        if (error != std::errc{} || end == name.data() + name.size() || *end != '-') return std::nullopt;
        name.remove_prefix(static_cast<std::size_t>(end - name.data()) + 1);
    }
    r.task = std::string(name);
    return r.task.empty() ? std::nullopt : std::optional(r);
}

/// A number, or {"sari": number}, or a list of one of those, as TRACE writes its SARI.
inline std::optional<double> score_in(const json& field, const std::string& name) {
    const json* value = &field;
    if (value->is_array() && value->size() == 1) value = &(*value)[0];
    if (value->is_object() && value->contains(name)) value = &(*value)[name];
    return value->is_number() ? std::optional(value->get<double>()) : std::nullopt;
}

}  // namespace detail

/// Reads TRACE's results-{round}-{i}-{task}.json into one table: round = stage, i = place of the task. Rounds and
/// places are numbers (round 10 follows round 9), a pair without a file is NaN. similarity and sari are per cent (scale
/// 100), everything else 0 ... 1.
///
/// @return  stages named "0", "1" ...; `metric` says which number was taken for each task
/// @throw   format_error: no such folder, no result file, one place with two names, a round or place left out, broken
/// JSON,
///          no "eval" or none of the known numbers in it
inline score_table read_trace_results(const std::filesystem::path& folder, const trace_results_options& options = {}) {
    struct cell {
        std::size_t round, index;
        double score;
    };
    std::map<std::size_t, std::string> names;
    std::map<std::size_t, std::string> metrics;
    std::vector<cell> cells;
    std::set<std::size_t> rounds;
    for (const std::string& file : detail::names_in(folder)) {
        const auto name = detail::parse_result_name(file);
        if (!name) continue;
        const std::string path = (folder / file).string();
        if (const auto it = names.try_emplace(name->index, name->task).first; it->second != name->task)
            throw format_error(path, 0,
                               sentence("place ", name->index, " is task \"", it->second, "\" in another file"));
        const json content = read_json(folder / file);
        if (!content.is_object() || !content.contains("eval") || !content["eval"].is_object())
            throw format_error(path, 0, "must be an object with an object \"eval\"");
        const json& eval = content["eval"];
        std::vector<std::string> candidates{"accuracy", "similarity", "sari", "F1", "rouge-L", "bleu-4"};
        if (const auto it = options.metric.find(name->task); it != options.metric.end()) candidates = {it->second};
        const auto metric =
            std::find_if(candidates.begin(), candidates.end(), [&](const std::string& m) { return eval.contains(m); });
        if (metric == candidates.end()) {
            std::string list;
            for (const std::string& m : candidates) list += (list.empty() ? "" : ", ") + m;
            throw format_error(path, 0, sentence("\"eval\" has none of: ", list));
        }
        const auto score = detail::score_in(eval[*metric], *metric);
        if (!score) throw format_error(path, 0, sentence("\"eval\" field \"", *metric, "\" must be a number"));
        if (const auto it = metrics.try_emplace(name->index, *metric).first; it->second != *metric)
            throw format_error(path, 0, sentence("has ", *metric, ", other rounds of this task have ", it->second));
        cells.push_back({name->round, name->index, *score});
        rounds.insert(name->round);
    }
    if (cells.empty()) throw format_error(folder.string(), 0, "holds no file results-{round}-{i}-{task}.json");
    score_table table;
    for (const std::size_t round : rounds) {
        if (round != table.stages.size())
            throw format_error(folder.string(), 0, sentence("has no result file of round ", table.stages.size()));
        table.stages.push_back(std::to_string(round));
    }
    for (const auto& [index, name] : names) {
        if (index != table.tasks.size())
            throw format_error(folder.string(), 0, sentence("has no result file of task number ", table.tasks.size()));
        table.tasks.push_back(name);
        table.metric.push_back(metrics[index]);
        table.scale.push_back(metrics[index] == "similarity" || metrics[index] == "sari" ? 100 : 1);
    }
    table.scores = matrix<double>(rounds.size(), table.tasks.size(), std::numeric_limits<double>::quiet_NaN());
    for (const cell& c : cells) table.scores(c.round, c.index) = c.score;
    return table;
}

}  // namespace holdfast::formats
