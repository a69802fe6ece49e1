#pragma once
// JSON for the readers of this folder: the one header of formats/ that includes nlohmann-json. Turns its parse errors
// into format_error with file and line, and asks for fields by name and type. Builds on records.hpp. Leaves out
// writing.

#if !__has_include(<nlohmann/json.hpp>)
#error "formats/json.hpp needs nlohmann-json 3.10: install nlohmann-json3-dev and link holdfast::json"
#endif

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/formats/records.hpp>

namespace holdfast::formats {

using json = nlohmann::json;

/// Parses JSON text.
///
/// @param text        UTF-8
/// @param file        what an error calls the source
/// @param first_line  line of the file that the text begins on, from 1
/// @throw             format_error with file, line and what was expected
inline json parse_json(std::string_view text, const std::string& file, std::size_t first_line = 1) {
    try {
        return json::parse(text.begin(), text.end());
    } catch (const json::parse_error& e) {
        // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ...": the part that
        // helps.
        std::string what = e.what();
        if (const std::size_t at = what.find("syntax error"); at != std::string::npos) what.erase(0, at);
        const std::size_t line = first_line - 1 + detail::line_of(text, e.byte > 0 ? e.byte - 1 : 0);
        throw format_error(file, line, "broken JSON: " + what);
    } catch (const json::out_of_range&) {
        // A number too large for a double; nlohmann does not say where.
        const bool one_line = text.find('\n') == std::string_view::npos;
        throw format_error(file, one_line ? first_line : 0, "broken JSON: a number is too large for a double");
    }
}

/// Reads a JSON file.
inline json read_json(const std::filesystem::path& path) { return parse_json(detail::read_text(path), path.string()); }

/// One object out of a file, with the words to find it again.
struct json_record {
    json value;
    std::string file;
    std::size_t line = 0;    ///< of JSON Lines, from 1; 0 in an array
    std::size_t number = 0;  ///< of the record, from 1

    /// Refuses the record with file, line, number and the rule.
    [[noreturn]] void refuse(std::string_view rule) const {
        throw format_error(file, line, sentence("record ", number, ": ", rule));
    }

    /// A field that must be there and be text.
    [[nodiscard]] std::string text(const char* name) const {
        const auto it = value.find(name);
        if (it == value.end()) refuse(sentence("has no field \"", name, "\""));
        if (!it->is_string()) refuse(sentence("field \"", name, "\" must be text, it is ", it->type_name()));
        return it->get<std::string>();
    }

    /// A field that may be missing; text where it is there.
    [[nodiscard]] std::string text_or_empty(const char* name) const {
        return value.contains(name) ? text(name) : std::string{};
    }
};

/// The objects of a JSON array.
///
/// @throw format_error if the file is missing, broken, no array of objects, or empty
inline std::vector<json_record> read_json_array(const std::filesystem::path& path) {
    json all = read_json(path);
    if (!all.is_array())
        throw format_error(path.string(), 0, sentence("must hold a list of records, it holds ", all.type_name()));
    if (all.empty()) throw format_error(path.string(), 0, "holds no record");
    std::vector<json_record> records;
    for (json& value : all) {
        records.push_back({std::move(value), path.string(), 0, records.size() + 1});
        const json_record& r = records.back();
        if (!r.value.is_object()) r.refuse(sentence("must be an object, it is ", r.value.type_name()));
    }
    return records;
}

/// The objects of a JSON Lines file, one a line; blank lines are passed over.
///
/// @throw format_error if the file is missing, a line is broken or no object, or there is none
inline std::vector<json_record> read_json_lines(const std::filesystem::path& path) {
    const std::string text = detail::read_text(path);
    std::vector<json_record> records;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string_view line = std::string_view(text).substr(begin, end - begin);
        begin = end + 1;
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        records.push_back({parse_json(line, path.string(), number), path.string(), number, records.size() + 1});
        const json_record& r = records.back();
        if (!r.value.is_object()) r.refuse(sentence("must be an object, it is ", r.value.type_name()));
    }
    if (records.empty()) throw format_error(path.string(), 0, "holds no record");
    return records;
}

namespace detail {

/// The list of names under `key` in a file, or none where there is no file.
inline std::vector<std::string> listed_order(const std::filesystem::path& path, const char* key) {
    if (!std::filesystem::exists(path)) return {};
    const json list = read_json(path);
    const auto order = list.is_object() ? list.find(key) : list.end();
    if (!list.is_object() || order == list.end() || !order->is_array())
        throw format_error(path.string(), 0, sentence("must be an object with a list \"", key, "\""));
    std::vector<std::string> names;
    for (const json& name : *order) {
        if (!name.is_string())
            throw format_error(path.string(), 0, sentence("\"", key, "\" must list names, one is ", name.type_name()));
        names.push_back(name.get<std::string>());
    }
    return names;
}

}  // namespace detail

}  // namespace holdfast::formats
