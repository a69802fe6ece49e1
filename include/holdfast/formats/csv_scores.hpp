#pragma once
// A table of scores as CSV (RFC 4180): a header "stage" and one name per task, then one row per stage; an empty field
// is not evaluated, a first row called "base" is the model before training. Builds on records.hpp; needs no library.
// Leaves out other separators.

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/formats/records.hpp>

namespace holdfast::formats {

namespace detail {

struct csv_row {
    std::size_t line;  // where it begins, from 1
    std::vector<std::string> fields;
};

/// Rows of fields; quotes may hold commas, doubled quotes and line ends. Blank lines are passed over.
inline std::vector<csv_row> csv_rows(std::string_view text, const std::string& file) {
    std::vector<csv_row> rows;
    std::size_t at = 0, line = 1;
    const auto end_of_field = [&](std::size_t k) {
        return k == text.size() || text[k] == ',' || text[k] == '\n' || text[k] == '\r';
    };
    while (at < text.size()) {
        csv_row row{line, {}};
        for (bool more = true; more;) {
            std::string field;
            if (at < text.size() && text[at] == '"') {
                const std::size_t opened = line;
                for (++at;; ++at) {
                    if (at == text.size()) throw format_error(file, opened, "a quoted field is never closed");
                    if (text[at] == '\n') ++line;
                    if (text[at] == '"' && (++at == text.size() || text[at] != '"')) break;
                    field.push_back(text[at]);
                }
                if (!end_of_field(at)) throw format_error(file, line, "text follows a closing quote");
            } else {
                for (; !end_of_field(at); ++at) {
                    if (text[at] == '"')
                        throw format_error(file, line, "a quote stands inside a field that does not begin with one");
                    field.push_back(text[at]);
                }
            }
            row.fields.push_back(std::move(field));
            more = at < text.size() && text[at] == ',';
            if (more) ++at;
        }
        if (at < text.size() && text[at] == '\r') ++at;
        if (at < text.size() && text[at] == '\n') ++at;
        ++line;
        if (row.fields.size() > 1 || !row.fields[0].empty()) rows.push_back(std::move(row));
    }
    return rows;
}

inline std::string_view trimmed(std::string_view field) {
    const auto first = field.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view{}
                                           : field.substr(first, field.find_last_not_of(" \t") + 1 - first);
}

}  // namespace detail

/// Reads a table of scores from CSV text. Every score is a finite number with a point; blanks around it do no harm.
///
/// @param text  UTF-8
/// @param file  what an error calls the source
/// @return      scale 1 for every task: CSV does not say; set it where scores are per cent
/// @throw       format_error with file and line: no header, first column not "stage", a task without a name or with one
/// twice,
///              a row with too few or too many fields, a field that is no number, "base" not first, no row at all
inline score_table parse_csv_scores(std::string_view text, const std::string& file) {
    const auto rows = detail::csv_rows(text, file);
    if (rows.empty()) throw format_error(file, 0, "is empty: the first line must be stage,TASK,TASK ...");
    const detail::csv_row& head = rows.front();
    if (detail::trimmed(head.fields[0]) != "stage")
        throw format_error(file, head.line,
                           "the first column must be called stage, it is called \"" + head.fields[0] + "\"");
    score_table table;
    for (std::size_t k = 1; k < head.fields.size(); ++k) {
        std::string name(detail::trimmed(head.fields[k]));
        if (name.empty()) throw format_error(file, head.line, sentence("column ", k + 1, " has no task name"));
        for (const std::string& other : table.tasks)
            if (other == name) throw format_error(file, head.line, "task \"" + name + "\" stands twice");
        table.tasks.push_back(std::move(name));
    }
    if (table.tasks.empty()) throw format_error(file, head.line, "names no task after stage");

    std::vector<double> scores;
    for (std::size_t r = 1; r < rows.size(); ++r) {
        const detail::csv_row& row = rows[r];
        if (row.fields.size() != head.fields.size())
            throw format_error(file, row.line,
                               sentence("has ", row.fields.size(), " fields, the header has ", head.fields.size()));
        std::vector<double> values;
        for (std::size_t k = 1; k < row.fields.size(); ++k) {
            const std::string_view field = detail::trimmed(row.fields[k]);
            double value = std::numeric_limits<double>::quiet_NaN();
            if (!field.empty()) {
                const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
                if (error != std::errc{} || end != field.data() + field.size() || !std::isfinite(value))
                    throw format_error(file, row.line,
                                       "task \"" + table.tasks[k - 1] + "\": \"" + std::string(field) +
                                           "\" is not a finite number (leave the field empty if it was not evaluated)");
            }
            values.push_back(value);
        }
        std::string stage(detail::trimmed(row.fields[0]));
        if (stage == "base") {
            if (r != 1) throw format_error(file, row.line, "the row base must be the first one");
            table.base = std::move(values);
            continue;
        }
        table.stages.push_back(std::move(stage));
        scores.insert(scores.end(), values.begin(), values.end());
    }
    if (rows.size() == 1) throw format_error(file, head.line, "holds no row after the header");
    table.scores = matrix<double>(table.stages.size(), table.tasks.size(), std::move(scores));
    table.scale.assign(table.tasks.size(), 1);
    return table;
}

/// Reads a table of scores from a CSV file.
///
/// @throw format_error as parse_csv_scores; also a missing file, no UTF-8 (file, byte)
inline score_table read_csv_scores(const std::filesystem::path& path) {
    return parse_csv_scores(detail::read_text(path), path.string());
}

/// The table as CSV, as parse_csv_scores reads it back: shortest digits that give the same double.
inline std::string to_csv(const score_table& table) {
    const auto quoted = [](const std::string& field) {
        if (field.find_first_of(",\"\r\n") == std::string::npos && detail::trimmed(field) == field) return field;
        std::string out = "\"";
        for (const char c : field) out.append(c == '"' ? 2 : 1, c);
        return out + "\"";
    };
    std::string out = "stage";
    for (const std::string& task : table.tasks) out += "," + quoted(task);
    out += "\n";
    const auto row = [&](const std::string& name, auto value) {
        out += quoted(name);
        for (std::size_t j = 0; j < table.tasks.size(); ++j) {
            out += ",";
            if (std::isnan(value(j))) continue;
            char digits[32];
            out.append(digits, std::to_chars(digits, digits + sizeof digits, value(j)).ptr);
        }
        out += "\n";
    };
    if (!table.base.empty()) row("base", [&](std::size_t j) { return table.base[j]; });
    for (std::size_t i = 0; i < table.stages.size(); ++i)
        row(table.stages[i], [&](std::size_t j) { return table.scores(i, j); });
    return out;
}

}  // namespace holdfast::formats
