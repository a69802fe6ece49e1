// Where the questions come from: the built-in stream and suites, or the user's folders, as the experiment's tasks.
//
// --data takes TRACE's layout (task/train.json ...) and SuperNI's (group/train.jsonl ...), --general the ability sets.
// Builds on holdfast::formats, which says what is wrong with a file and where; here only what concerns the whole is
// checked.
#pragma once

#include "choices.hpp"
#include "settings.hpp"
#include "stream.hpp"
#include "suites.hpp"

#include <holdfast/formats/general.hpp>
#include <holdfast/formats/trace.hpp>

#include <holdfast/formats/superni.hpp>
#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/exact_match.hpp>
#include <holdfast/scoring/rouge.hpp>
#include <holdfast/scoring/sari.hpp>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trainer {

/// All texts of a run.
struct material {
    std::vector<experiment::task> stream;
    std::vector<experiment::suite> suites;
    std::vector<experiment::example> base_examples;  ///< what the base model learns
    std::vector<experiment::example> general_data;   ///< a part of it, for TRACE's replay
    std::map<std::string, std::vector<std::string>, std::less<>> tags;
    std::vector<std::string> notes;  ///< sentences for the user
};

namespace detail {

inline bool holds(std::string_view text, std::string_view part) {
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

/// TRACE's scorer of a task: by the metric that the folder names, else by the task's name.
inline holdfast::scoring::any_scorer trace_scorer(const std::string& task, const std::string& metric) {
    namespace scoring = holdfast::scoring;
    const std::string& said = metric.empty() ? task : metric;
    if (holds(said, "first letter") || holds(said, "ScienceQA")) return scoring::first_letter{};
    if (holds(said, "rouge") || holds(said, "MeetingBank")) return scoring::trace::rouge_l{};
    if (holds(said, "similarity") || holds(said, "Py150")) return scoring::edit_similarity<scoring::difflib>{};
    if (holds(said, "sari") || holds(said, "20Minuten")) return scoring::hf::sari{};
    return scoring::exact_match{};
}

inline std::vector<experiment::example> examples_of(std::vector<holdfast::formats::record> records, std::size_t limit,
                                                    bool with_source) {
    std::vector<experiment::example> out;
    if (limit > 0 && records.size() > limit) records.resize(limit);
    for (holdfast::formats::record& r : records) {
        experiment::example e;
        e.id = std::move(r.id);
        if (with_source) e.source = r.prompt;  // TRACE compares with the whole prompt
        e.prompt = std::move(r.prompt);
        e.answer = std::move(r.answer);
        e.instruction = std::move(r.instruction);
        out.push_back(std::move(e));
    }
    return out;
}

enum class layout_of_data { trace, superni };

inline layout_of_data layout_in(const std::filesystem::path& folder) {
    holdfast::formats::detail::require_folder(folder);
    bool lines = false;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (std::filesystem::exists(entry.path() / "train.json")) return layout_of_data::trace;
        lines = lines || std::filesystem::exists(entry.path() / "train.jsonl");
    }
    if (lines) return layout_of_data::superni;
    throw usage_error("--data: " + folder.string() +
                      " holds no task: there is no folder with a train.json (TRACE) or train.jsonl (SuperNI) in it");
}

inline std::vector<experiment::task> read_tasks(const settings& s) {
    namespace formats = holdfast::formats;
    const bool trace = layout_in(s.data) == layout_of_data::trace;
    std::vector<formats::task> read =
        trace ? formats::read_trace(s.data, {.tasks = s.tasks}) : formats::read_superni(s.data, {.tasks = s.tasks});
    std::vector<experiment::task> out;
    for (formats::task& t : read) {
        experiment::task made;
        made.name = std::move(t.name);
        if (trace)
            made.scorer = trace_scorer(made.name, t.metric);
        else
            made.scorer = holdfast::scoring::inscl::rouge_l{};
        const bool with_source = made.scorer.uses_source();
        made.train = examples_of(std::move(t.train), s.train_limit, with_source);
        made.eval = examples_of(std::move(t.eval), s.test_limit, with_source);
        made.test = examples_of(std::move(t.test), s.test_limit, with_source);
        out.push_back(std::move(made));
    }
    return out;
}

inline std::vector<experiment::task> built_in_tasks(const settings& s) {
    std::vector<experiment::task> all = built_in_stream({.train = s.train_limit, .test = s.test_limit}), out;
    if (s.tasks.empty()) return all;
    for (const std::string& name : s.tasks) {
        const auto found = std::find_if(all.begin(), all.end(), [&](const auto& t) { return t.name == name; });
        if (found == all.end()) {
            std::string names;
            for (const auto& t : all) names += (names.empty() ? "" : ", ") + t.name;
            throw usage_error("--tasks: there is no task \"" + name + "\" in the built-in stream, there are " + names);
        }
        out.push_back(*found);
    }
    return out;
}

/// The named tasks first, in that order; the others after them in their own.
inline std::vector<experiment::task> reordered(std::vector<experiment::task> tasks,
                                               const std::vector<std::string>& order) {
    std::size_t next = 0;
    for (const std::string& name : order) {
        const auto found = std::find_if(tasks.begin() + static_cast<std::ptrdiff_t>(next), tasks.end(),
                                        [&](const auto& t) { return t.name == name; });
        if (found == tasks.end()) throw usage_error("--order: there is no task \"" + name + "\" in this run");
        std::rotate(tasks.begin() + static_cast<std::ptrdiff_t>(next), found, found + 1);
        ++next;
    }
    return tasks;
}

inline experiment::capability capability_of(const std::string& set) {
    for (const char* part : {"crows", "bias", "safe", "toxic", "harm"})
        if (holds(set, part)) return experiment::capability::safety;
    for (const char* part : {"instruct", "follow", "ifeval"})
        if (holds(set, part)) return experiment::capability::instruction_following;
    return experiment::capability::general;
}

/// An ability set as a suite. Pairs of sentences without a question (CrowS-Pairs) score the share of pairs in which the
/// less stereotyped one is likelier: 0.5 is a model without a side.
inline experiment::suite suite_of(const holdfast::formats::ability_set& set, std::size_t limit) {
    experiment::suite s;
    s.kind = capability_of(set.name);
    s.questions.name = set.name;
    if (set.choices.empty()) {
        if (s.kind == experiment::capability::instruction_following)
            s.questions.scorer = holdfast::scoring::inscl::rouge_l{};
        s.questions.test = examples_of(set.records, limit, false);
        return s;
    }
    s.questions.scorer = choice_by_likelihood{};
    for (const holdfast::formats::choice_item& item : set.choices) {
        if (s.questions.test.size() == limit) break;
        experiment::example e;
        e.id = item.id;
        e.prompt = item.question;
        const bool pair = item.question.empty() && item.choices.size() == 2;
        e.answer = item.choices[pair ? 1 - item.answer : item.answer];
        e.source = joined_choices(item.choices);
        s.questions.test.push_back(std::move(e));
    }
    return s;
}

inline std::map<std::string, std::vector<std::string>, std::less<>> read_tags(const std::string& file) {
    std::map<std::string, std::vector<std::string>, std::less<>> tags;
    const auto content = holdfast::formats::read_json(file);
    const auto refuse = [&](const std::string& what) { throw holdfast::format_error(file, 0, what); };
    if (!content.is_object()) refuse("must be an object: instruction -> list of tags");
    for (const auto& [instruction, list] : content.items()) {
        if (!list.is_array()) refuse("the tags of \"" + instruction + "\" must be a list");
        for (const auto& tag : list) {
            if (!tag.is_string()) refuse("the tags of \"" + instruction + "\" must be texts");
            tags[instruction].push_back(tag.template get<std::string>());
        }
    }
    return tags;
}

/// What a budget asks that tasks do not have: a note, or an error where the user wants it strict.
inline void check_budget(const settings& s, material& m) {
    const bool used = std::any_of(s.methods.begin(), s.methods.end(),
                                  [](const std::string& name) { return name == "random" || name == "inscl"; });
    if (!used) return;
    std::string small;
    for (std::size_t i = 0; i + 1 < m.stream.size(); ++i)  // the last task is never replayed
        if (m.stream[i].train.size() < s.budget)
            small += holdfast::sentence(small.empty() ? "" : ", ", m.stream[i].name, " has ", m.stream[i].train.size());
    if (small.empty()) return;
    const std::string said =
        holdfast::sentence("--budget: ", s.budget, " replayed examples are asked of every earlier task, ", small);
    if (s.strict) throw usage_error(said);
    m.notes.push_back(said + "; what has no place is counted in the report");
}

}  // namespace detail

/// Reads or makes everything that a run needs; changes nothing on disk.
/// @throw usage_error, format_error: what is missing or wrong, in which file and line
inline material load_material(const settings& s) {
    material m;
    m.stream = detail::reordered(s.data.empty() ? detail::built_in_tasks(s) : detail::read_tasks(s), s.order);
    base_material base = built_in_suites({.train = s.base_examples, .test = s.suite_questions});
    m.base_examples = std::move(base.train);
    if (s.general.empty()) {
        m.suites = std::move(base.suites);
    } else {
        for (const auto& set : holdfast::formats::read_general(s.general))
            m.suites.push_back(detail::suite_of(set, s.suite_questions));
    }
    // A fifth of a task's size, as LIMA is to TRACE's 5,000, evenly from the three capabilities.
    const std::size_t count = std::max<std::size_t>(3, s.train_limit / 5);
    for (std::size_t i = 0; i < count; ++i)
        m.general_data.push_back(m.base_examples[i * m.base_examples.size() / count]);
    if (!s.tags.empty()) m.tags = detail::read_tags(s.tags);
    detail::check_budget(s, m);
    if (s.data.empty()) m.notes.push_back("The stream is synthetic: eight generated tasks, modelled on TRACE's mix.");
    return m;
}

}  // namespace trainer
