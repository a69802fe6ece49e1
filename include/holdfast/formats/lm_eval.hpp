#pragma once
// What lm-evaluation-harness leaves behind: its results file (one JSON object with "results") and its sample files
// (samples_TASK_DATE.jsonl, one question a line), alone or in the folder of one evaluation. One evaluation is one
// model; several in the order of training make a table of stages. Builds on json.hpp. Leaves out running the harness.
/// @see https://github.com/EleutherAI/lm-evaluation-harness, versions 0.3 ("acc") and 0.4 ("acc,none")

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/formats/json.hpp>
#include <holdfast/formats/records.hpp>

namespace holdfast::formats {

/// One task of one evaluation.
struct lm_eval_score {
    std::string task;
    std::string metric;  ///< as the file names it: "acc,none", "exact_match,strict-match", "acc"
    double value = 0;
    double error = std::numeric_limits<double>::quiet_NaN();  ///< standard error as the file gives it; NaN = not said
    std::size_t items = 0;                                    ///< questions behind it; 0 where the file does not say
    bool higher_is_better = true;
    double scale = 1;  ///< 100 for bleu, chrf and ter, which the harness gives in per cent
};

struct lm_eval_options {
    /// Which metric of a task counts, with or without its filter ("exact_match" or "exact_match,strict-match"). Others
    /// take the first that is there of acc, exact_match, em, f1, pass@1, mc2, rougeL, bleu, else their first number.
    std::map<std::string, std::string> metric = {};
};

namespace detail {

inline constexpr std::string_view lm_eval_first[] = {"acc",    "exact_match", "em",     "f1",
                                                     "pass@1", "mc2",         "rougeL", "bleu"};

/// "acc,none" -> "acc".
inline std::string_view without_filter(std::string_view metric) { return metric.substr(0, metric.find(',')); }

inline double lm_eval_scale(std::string_view metric) {
    const auto name = without_filter(metric);
    return name == "bleu" || name == "chrf" || name == "ter" ? 100 : 1;
}

/// Is this key of a task a score? Not its error, nor what the harness says beside the scores.
inline bool is_lm_eval_metric(std::string_view key, bool number) {
    const auto name = without_filter(key);
    return number && !name.ends_with("_stderr") && name != "sample_len" && name != "sample_count";
}

/// The metric that counts, of those that are there (in the order of the file).
inline std::string lm_eval_choice(const std::vector<std::string>& there, const std::string& task,
                                  const lm_eval_options& o, const std::string& file) {
    const auto matching = [&](std::string_view wanted) -> const std::string* {
        for (const std::string& m : there)
            if (m == wanted) return &m;
        for (const std::string& m : there)
            if (without_filter(m) == wanted && (m.ends_with(",none") || m == wanted)) return &m;
        for (const std::string& m : there)
            if (without_filter(m) == wanted) return &m;
        return nullptr;
    };
    if (const auto asked = o.metric.find(task); asked != o.metric.end()) {
        if (const auto* m = matching(asked->second)) return *m;
        std::string list;
        for (const std::string& m : there) list += (list.empty() ? "" : ", ") + m;
        throw format_error(file, 0,
                           sentence("task \"", task, "\" has no metric \"", asked->second, "\"; it has ", list));
    }
    for (const std::string_view wanted : lm_eval_first)
        if (const auto* m = matching(wanted)) return *m;
    return there.front();
}

/// "acc,none" -> "acc_stderr,none".
inline std::string error_key(std::string_view metric) {
    const auto name = without_filter(metric);
    return std::string(name) + "_stderr" + std::string(metric.substr(name.size()));
}

}  // namespace detail

/// Does this JSON text look like a results file of the harness: an object with an object "results"?
inline bool is_lm_eval_results(const json& content) {
    return content.is_object() && content.contains("results") && content["results"].is_object();
}

/// The scores of a results file, in the order of the file; tasks that a group in the same file sums up are left out
/// (mmlu stands for its 57 subjects).
///
/// @param text  the file's content
/// @param file  what an error calls it
/// @throw       format_error: broken JSON (file, line), no "results", a task without a number, a metric not there
inline std::vector<lm_eval_score> parse_lm_eval_results(std::string_view text, const std::string& file,
                                                        const lm_eval_options& options = {}) {
    const json content = parse_json(text, file);
    if (!is_lm_eval_results(content))
        throw format_error(file, 0, "must be an object with an object \"results\", as lm-evaluation-harness writes it");
    const auto ordered = nlohmann::ordered_json::parse(text.begin(), text.end()).at("results");  // order of the file
    const auto part = [&](const char* name) {
        const auto at = content.find(name);
        return at != content.end() && at->is_object() ? *at : json::object();
    };
    const json groups = part("group_subtasks"), counts = part("n-samples"), higher = part("higher_is_better");
    std::set<std::string> summed_up;
    for (const auto& [group, members] : groups.items()) {
        if (!members.is_array() || members.empty() || !content["results"].contains(group)) continue;
        const json& own = content["results"][group];
        bool scored = false;
        if (own.is_object())
            for (const auto& [key, value] : own.items()) scored |= detail::is_lm_eval_metric(key, value.is_number());
        if (!scored) continue;  // a group without a number of its own stands for nothing
        for (const json& member : members)
            if (member.is_string()) summed_up.insert(member.get<std::string>());
    }
    const auto items_of = [&](const std::string& task) -> std::size_t {
        const auto count = counts.find(task);
        if (count == counts.end() || !count->is_object() || !count->contains("effective")) return 0;
        const json& n = (*count)["effective"];
        return n.is_number_unsigned() ? n.get<std::size_t>() : 0;
    };
    std::vector<lm_eval_score> scores;
    for (const auto& [task, values] : ordered.items()) {
        if (summed_up.contains(task)) continue;
        if (!values.is_object())
            throw format_error(file, 0, sentence("\"results\": task \"", task, "\" must be an object"));
        std::vector<std::string> there;
        for (const auto& [key, value] : values.items())
            if (detail::is_lm_eval_metric(key, value.is_number())) there.push_back(key);
        if (there.empty()) {
            if (groups.contains(task)) continue;
            throw format_error(file, 0, sentence("\"results\": task \"", task, "\" has no number"));
        }
        lm_eval_score s;
        s.task = task;
        s.metric = detail::lm_eval_choice(there, task, options, file);
        s.value = values.at(s.metric).template get<double>();
        const auto error = values.find(detail::error_key(s.metric));
        if (error != values.end() && error->is_number()) s.error = error->template get<double>();
        s.items = items_of(task);
        const std::string name(detail::without_filter(s.metric));
        if (const auto says = higher.find(task); says != higher.end() && says->is_object() && says->contains(name))
            s.higher_is_better = (*says)[name] != json(false);
        s.scale = detail::lm_eval_scale(s.metric);
        scores.push_back(std::move(s));
    }
    if (scores.empty()) throw format_error(file, 0, "\"results\" holds no task");
    return scores;
}

/// The score of a sample file, samples_TASK_DATE.jsonl: the mean over its questions with its standard error.
///
/// A question that was filtered in several ways stands once per filter; those of the first line's filter count.
/// @throw format_error: broken line (file, line), a question without the metric
inline lm_eval_score read_lm_eval_samples(const std::filesystem::path& path, const lm_eval_options& options = {}) {
    lm_eval_score s;
    s.task = path.stem().string();
    if (s.task.starts_with("samples_")) s.task.erase(0, 8);
    if (const auto date = s.task.rfind("_20"); date != std::string::npos && s.task.find('T', date) != std::string::npos)
        s.task.erase(date);
    std::vector<double> values;
    std::string filter;
    for (const json_record& r : read_json_lines(path)) {
        const std::string own = r.text_or_empty("filter");
        if (s.metric.empty()) {
            std::vector<std::string> there;
            if (const auto listed = r.value.find("metrics"); listed != r.value.end() && listed->is_array()) {
                for (const json& m : *listed)
                    if (m.is_string()) there.push_back(m.get<std::string>());
            } else {
                for (const std::string_view m : detail::lm_eval_first)
                    if (r.value.contains(std::string(m))) there.emplace_back(m);
            }
            if (there.empty())
                r.refuse("names no metric: it has no list \"metrics\" and no field acc, exact_match ...");
            s.metric = detail::lm_eval_choice(there, s.task, options, path.string());
            filter = own;
        }
        if (own != filter) continue;
        const auto value = r.value.find(s.metric);
        if (value == r.value.end()) r.refuse(sentence("has no field \"", s.metric, "\""));
        if (!value->is_number() && !value->is_boolean())
            r.refuse(sentence("field \"", s.metric, "\" must be a number, it is ", value->type_name()));
        values.push_back(value->is_boolean() ? (value->get<bool>() ? 1.0 : 0.0) : value->get<double>());
    }
    double sum = 0, squares = 0;
    for (const double x : values) sum += x;
    s.items = values.size();
    const auto n = static_cast<double>(s.items);
    s.value = sum / n;
    for (const double x : values) squares += (x - s.value) * (x - s.value);
    if (s.items > 1) s.error = std::sqrt(squares / (n - 1) / n);
    s.scale = detail::lm_eval_scale(s.metric);
    if (!filter.empty()) s.metric += "," + filter;
    return s;
}

/// One evaluation: a results file, a sample file, or the folder of one evaluation (its last results file by name, which
/// holds the date; without one, its sample files; folders in it are looked into as well, the harness makes one per
/// model).
/// @throw format_error as the readers of single files; a folder without either
inline std::vector<lm_eval_score> read_lm_eval(const std::filesystem::path& path, const lm_eval_options& options = {}) {
    if (!std::filesystem::is_directory(path)) {
        if (path.extension() == ".jsonl") return {read_lm_eval_samples(path, options)};
        return parse_lm_eval_results(detail::read_text(path), path.string(), options);
    }
    std::vector<std::string> results, samples;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("results") && name.ends_with(".json")) results.push_back(entry.path().string());
        if (name.starts_with("samples_") && name.ends_with(".jsonl")) samples.push_back(entry.path().string());
    }
    std::sort(results.begin(), results.end(), natural_less);
    std::sort(samples.begin(), samples.end(), natural_less);
    if (!results.empty()) return parse_lm_eval_results(detail::read_text(results.back()), results.back(), options);
    std::vector<lm_eval_score> scores;
    for (const std::string& file : samples) {
        auto s = read_lm_eval_samples(file, options);
        std::erase_if(scores, [&](const lm_eval_score& other) { return other.task == s.task; });  // the later date
        scores.push_back(std::move(s));
    }
    if (scores.empty())
        throw format_error(path.string(), 0, "holds no results*.json and no samples_*.jsonl of lm-evaluation-harness");
    return scores;
}

}  // namespace holdfast::formats
