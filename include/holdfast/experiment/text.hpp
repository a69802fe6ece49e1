#pragma once
// Numbers and names as text: the same on every machine and in every locale, escaped where they enter HTML or CSV, and
// lined up in columns for a terminal. Builds on the standard library alone; knows nothing of experiments.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::experiment::detail {

/// A number with so many decimals; "-" where there is none.
inline std::string fixed(double x, int decimals, std::string_view absent = "-") {
    if (std::isnan(x)) return std::string(absent);
    if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
    std::array<char, 400> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), x, std::chars_format::fixed, decimals);
    std::string text(digits.data(), end.ptr);
    if (text[0] == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);  // no "-0.00"
    return text;
}

/// The shortest text that reads back as the same number; empty where there is none.
inline std::string shortest(double x) {
    if (std::isnan(x)) return {};
    std::array<char, 64> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), x);
    return {digits.data(), end.ptr};
}

/// Decimals that suit a score: four where a perfect one is 1, two where it is 100.
inline int decimals_of(double scale) { return scale >= 100 ? 2 : 4; }

/// "41 s", "3 min 20 s", "2 h 5 min".
inline std::string duration(double seconds) {
    if (std::isnan(seconds)) return "-";
    if (seconds < 9.95) return fixed(seconds, 1) + " s";
    const auto s = static_cast<long long>(std::llround(seconds));
    if (s < 60) return std::to_string(s) + " s";
    if (s < 3600) return std::to_string(s / 60) + " min " + std::to_string(s % 60) + " s";
    return std::to_string(s / 3600) + " h " + std::to_string(s / 60 % 60) + " min";
}

/// Text for HTML, in elements and in quoted attributes. Bytes that XML forbids become a replacement sign.
inline std::string escape(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&':
                safe += "&amp;";
                break;
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '"':
                safe += "&quot;";
                break;
            case '\'':
                safe += "&#39;";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
                    safe += "\xEF\xBF\xBD";
                else
                    safe += c;
        }
    }
    return safe;
}

/// A field of a CSV file (RFC 4180): quoted where it must be.
inline std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

/// Columns that a terminal shows a text in: its code points, which is right for all but wide and combining signs.
inline std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// Rows in columns two spaces apart; the first column to the left, the others to the right. The first row is a header.
inline std::string aligned(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()), 0);
        for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width(row[c]));
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c) {
            const std::string gap(widths[c] - width(row[c]), ' ');
            if (c > 0) line += "  ";
            line += c == 0 ? row[c] + gap : gap + row[c];
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

}  // namespace holdfast::experiment::detail
