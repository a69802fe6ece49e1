#pragma once
// Evaluation sets of general ability, as JSON Lines: multiple choice (id, question, choices, answer = index from 0;
// pairs without a question) and generation (id, prompt, answer). Builds on json.hpp. Leaves out how a model is asked.

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <holdfast/formats/json.hpp>
#include <holdfast/formats/records.hpp>

namespace holdfast::formats {

namespace detail {

inline std::string group_of(const json_record& r) {
    for (const char* name : {"subject", "task", "bias_type"})
        if (r.value.contains(name)) return r.text(name);
    return {};
}

inline choice_item choice_of(const json_record& r) {
    choice_item item{r.text("id"), r.text_or_empty("question"), {}, 0, group_of(r)};
    const json& choices = r.value["choices"];
    if (!choices.is_array() || choices.size() < 2) r.refuse("field \"choices\" must be a list of 2 or more texts");
    for (const json& choice : choices) {
        if (!choice.is_string()) r.refuse(sentence("field \"choices\" must hold texts, one is ", choice.type_name()));
        item.choices.push_back(choice.get<std::string>());
    }
    const auto answer = r.value.find("answer");
    if (answer == r.value.end()) r.refuse("has no field \"answer\"");
    if (!answer->is_number_integer())
        r.refuse(sentence("field \"answer\" must be the index of a choice, it is ", answer->type_name()));
    if (!answer->is_number_unsigned() || answer->get<std::size_t>() >= item.choices.size())
        r.refuse(sentence("field \"answer\" must be 0 ... ", item.choices.size() - 1, ", it is ", answer->dump()));
    item.answer = answer->get<std::size_t>();
    return item;
}

}  // namespace detail

/// Reads one set; its name is the file's without .jsonl. The first record decides: with "choices" it is multiple
/// choice.
///
/// @throw format_error: missing file, broken JSON (file, line), wrong field (file, line, record, field), no record
inline ability_set read_general_file(const std::filesystem::path& path) {
    ability_set set;
    set.name = path.stem().string();
    const std::vector<json_record> records = read_json_lines(path);
    const bool choices = records.front().value.contains("choices");
    for (const json_record& r : records) {
        if (r.value.contains("choices") != choices) r.refuse("multiple choice and generation are mixed in one file");
        if (choices) {
            set.choices.push_back(detail::choice_of(r));
        } else {
            set.records.push_back({r.text("id"), r.text("prompt"), r.text("answer"), {}});
            set.groups.push_back(detail::group_of(r));
        }
    }
    return set;
}

/// Reads every .jsonl of a folder, in natural order of the names.
///
/// @throw format_error as above; also if there is no such folder, or no .jsonl in it
inline std::vector<ability_set> read_general(const std::filesystem::path& folder) {
    std::vector<ability_set> sets;
    for (const std::string& name : detail::names_in(folder))
        if (std::filesystem::path(name).extension() == ".jsonl") sets.push_back(read_general_file(folder / name));
    if (sets.empty()) throw format_error(folder.string(), 0, "holds no .jsonl file");
    return sets;
}

}  // namespace holdfast::formats
