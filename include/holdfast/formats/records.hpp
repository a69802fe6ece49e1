#pragma once
// What the readers return, plain structs that belong to no module, and what they share: reading a file as UTF-8,
// writing one, and the natural order of names. Builds on core (errors, matrix) and the standard library; knows no file
// format.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>

namespace holdfast::formats {

/// One example of a task.
struct record {
    std::string id;      ///< of the file, else task/split/number from 1
    std::string prompt;  ///< everything the model is given
    std::string answer;  ///< what it should say
    std::string
        instruction;  ///< the part of the prompt that is the same for examples of a kind; empty where none is known

    bool operator==(const record&) const = default;
};

/// One task with its splits; a split that has no file is empty.
struct task {
    std::string name;
    std::vector<record> train, eval, test;
    std::string metric;  ///< as the folder's own list names it; empty where it does not
};

/// One multiple-choice item.
struct choice_item {
    std::string id;
    std::string question;              ///< empty for pairs of sentences (CrowS-Pairs)
    std::vector<std::string> choices;  ///< [k], k >= 2
    std::size_t answer = 0;            ///< index of the right choice, from 0
    std::string group;                 ///< subject, task or kind of bias; empty where the file names none

    bool operator==(const choice_item&) const = default;
};

/// One evaluation set: multiple choice or generation, never both.
struct ability_set {
    std::string name;
    std::vector<choice_item> choices;
    std::vector<record> records;
    std::vector<std::string> groups;  ///< [records] of a generation set: its task or subject, empty where there is none
};

/// Scores after each stage, as they stand in a file.
struct score_table {
    std::vector<std::string> tasks;   ///< [T]
    std::vector<std::string> stages;  ///< [S] what each row calls itself
    std::vector<double> base;         ///< [T] before training, or empty; NaN = not evaluated
    matrix<double> scores;            ///< [S, T], NaN = not evaluated
    std::vector<double> scale;  ///< [T] the best score that can be reached (1, or 100 where a metric is in per cent)
    std::vector<std::string> metric;  ///< [T] or empty: which number was taken
};

/// Numbers in names compare as numbers: "task2" stands before "task10". Otherwise byte by byte; "task02" after "task2".
inline bool natural_less(std::string_view a, std::string_view b) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto number = [&](std::string_view text, std::size_t at) {
        std::size_t end = at;
        while (end < text.size() && digit(text[end])) ++end;
        return text.substr(at, end - at);
    };
    const auto significant = [](std::string_view n) { return n.substr(std::min(n.find_first_not_of('0'), n.size())); };
    std::size_t i = 0, j = 0;
    while (i < a.size() && j < b.size()) {
        if (digit(a[i]) && digit(b[j])) {
            const std::string_view m = number(a, i), n = number(b, j), x = significant(m), y = significant(n);
            if (x.size() != y.size()) return x.size() < y.size();
            if (x != y) return x < y;
            i += m.size(), j += n.size();
        } else {
            if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
            ++i, ++j;
        }
    }
    if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
    return a < b;
}

/// Byte offset of the first byte that is not UTF-8, or npos.
inline std::size_t first_invalid_utf8(std::string_view text) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    for (std::size_t at = 0; at < text.size();) {
        const unsigned b = byte(at);
        std::size_t length = b < 0x80                 ? 1
                             : b >= 0xC2 && b <= 0xDF ? 2
                             : (b & 0xF0u) == 0xE0    ? 3
                             : b >= 0xF0 && b <= 0xF4 ? 4
                                                      : 0;
        if (length == 0 || at + length > text.size()) return at;
        for (std::size_t k = 1; k < length; ++k)
            if ((byte(at + k) & 0xC0u) != 0x80u) return at;
        if (length > 2) {  // overlong forms, surrogates, beyond U+10FFFF
            const unsigned second = byte(at + 1);
            if ((b == 0xE0 && second < 0xA0) || (b == 0xED && second > 0x9F) || (b == 0xF0 && second < 0x90) ||
                (b == 0xF4 && second > 0x8F))
                return at;
        }
        at += length;
    }
    return std::string_view::npos;
}

namespace detail {

/// Line of a byte, from 1.
inline std::size_t line_of(std::string_view text, std::size_t byte) {
    const std::string_view before = text.substr(0, std::min(byte, text.size()));
    return 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
}

/// A whole file, bytes as they are.
inline std::string read_bytes(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) throw format_error(path.string(), 0, "there is no such file");
    if (std::filesystem::is_directory(path, ignored)) throw format_error(path.string(), 0, "is a folder, not a file");
    std::ifstream file(path, std::ios::binary);
    std::string text;
    if (const auto size = std::filesystem::file_size(path, ignored); !ignored) text.reserve(size);
    std::vector<char> block(std::size_t{1} << 16U);
    do {
        file.read(block.data(), static_cast<std::streamsize>(block.size()));
        text.append(block.data(), static_cast<std::size_t>(file.gcount()));
    } while (file);
    if (!file.eof()) throw format_error(path.string(), 0, "cannot be read");
    return text;
}

/// A whole file of UTF-8; a byte order mark is left out.
inline std::string read_text(const std::filesystem::path& path) {
    std::string text = read_bytes(path);
    if (const std::size_t at = first_invalid_utf8(text); at != std::string_view::npos)
        throw format_error(path.string(), line_of(text, at), sentence("not UTF-8 at byte offset ", at));
    if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
    return text;
}

/// Writes a whole file, over what was there.
inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) throw format_error(path.string(), 0, "cannot be written");
}

inline void require_folder(const std::filesystem::path& folder) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored)) throw format_error(folder.string(), 0, "there is no such folder");
    if (!std::filesystem::is_directory(folder, ignored))
        throw format_error(folder.string(), 0, "is a file, not a folder");
}

/// Names in a folder, in natural order.
inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
    require_folder(folder);
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end(), natural_less);
    return names;
}

/// The names of the tasks of a folder: `wanted`, else `listed`, else every subfolder with `marker` in it.
inline std::vector<std::string> task_names(const std::filesystem::path& folder, std::span<const std::string> wanted,
                                           std::span<const std::string> listed, const char* marker) {
    std::vector<std::string> names(wanted.begin(), wanted.end());
    if (names.empty()) names.assign(listed.begin(), listed.end());
    if (names.empty())
        for (const std::string& name : names_in(folder))
            if (std::filesystem::exists(folder / name / marker)) names.push_back(name);
    if (names.empty())
        throw format_error(folder.string(), 0, sentence("holds no task: a task is a folder with a file ", marker));
    for (const std::string& name : names)
        if (!std::filesystem::is_directory(folder / name))
            throw format_error(folder.string(), 0, sentence("there is no task \"", name, "\" here"));
    return names;
}

}  // namespace detail

}  // namespace holdfast::formats
