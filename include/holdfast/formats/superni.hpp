#pragma once
// Super-NaturalInstructions in groups, as JSON Lines: group/{train,test}.jsonl with id, task, category, instruction,
// input and output, and categories.json with the order of the groups. Builds on json.hpp. Leaves out the collection's
// own one-file-per-task JSON.
/// @see Wang et al. 2022 (Super-NaturalInstructions), arXiv:2204.07705

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <holdfast/formats/json.hpp>
#include <holdfast/formats/records.hpp>

namespace holdfast::formats {

struct superni_options {
    std::vector<std::string> tasks = {};  ///< which groups, in this order; empty = all, in the folder's own order
};

namespace detail {

inline std::vector<record> read_superni_split(const std::filesystem::path& path) {
    std::vector<record> records;
    for (const json_record& r : read_json_lines(path)) {
        // All six are asked for, so that a file of another layout is noticed at its first record.
        record one{r.text("id"), r.text("instruction"), r.text("output"), {}};
        const std::string input = r.text("input");
        (void)r.text("task");
        (void)r.text("category");
        one.instruction = one.prompt;
        if (!input.empty()) one.prompt += "\n\n" + input;
        records.push_back(std::move(one));
    }
    return records;
}

}  // namespace detail

/// Reads a folder of groups. Order: `options.tasks`; else "order" in categories.json where there is one; else the
/// folders in natural order. The prompt is instruction, empty line, input (the instruction alone where the input is
/// empty), as InsCL builds it. There is no eval split.
///
/// @return  one task per group, in order
/// @throw   format_error: missing folder or group, broken JSON (file, line), wrong field (file, line, record, field),
/// no UTF-8
///          (file, byte), an empty split
inline std::vector<task> read_superni(const std::filesystem::path& folder, const superni_options& options = {}) {
    detail::require_folder(folder);
    const auto listed = detail::listed_order(folder / "categories.json", "order");
    std::vector<task> tasks;
    for (const std::string& name : detail::task_names(folder, options.tasks, listed, "train.jsonl")) {
        task t;
        t.name = name;
        t.train = detail::read_superni_split(folder / name / "train.jsonl");
        t.test = detail::read_superni_split(folder / name / "test.jsonl");
        tasks.push_back(std::move(t));
    }
    return tasks;
}

}  // namespace holdfast::formats
