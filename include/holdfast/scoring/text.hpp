#pragma once
// Text as Python's str sees it, on UTF-8: code points, white space, lower case, splitting, and the tokenisers that the
// published scorers are defined on. Builds on unicode.hpp (tables). Leaves out normal forms (NFC ...): Python's scorers
// do not apply them either. A byte that is not UTF-8 counts as one code point of its own (0xDC00 + byte, Python's
// "surrogateescape"), is never white space, has no case, and comes back as the same byte.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/scoring/unicode.hpp>

namespace holdfast::scoring {

/// One code point and how many bytes it takes in the text.
struct code_point {
    char32_t value;
    std::size_t bytes;
};

/// The code point that begins at byte `at`; a byte that begins none stands for itself (0xDC00 + byte).
inline code_point decode(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[at + k]); };
    const auto follows = [&](std::size_t k) { return at + k < text.size() && (byte(k) & 0xC0u) == 0x80u; };
    const char32_t b = byte(0);
    if (b < 0x80) return {b, 1};
    if (b >= 0xC2 && b <= 0xDF && follows(1)) return {((b & 0x1Fu) << 6) | (byte(1) & 0x3Fu), 2};
    if ((b & 0xF0u) == 0xE0 && follows(1) && follows(2)) {
        const char32_t c = ((b & 0x0Fu) << 12) | ((byte(1) & 0x3Fu) << 6) | (byte(2) & 0x3Fu);
        if (c >= 0x800 && (c < 0xD800 || c > 0xDFFF)) return {c, 3};
    } else if (b >= 0xF0 && b <= 0xF4 && follows(1) && follows(2) && follows(3)) {
        const char32_t c =
            ((b & 0x07u) << 18) | ((byte(1) & 0x3Fu) << 12) | ((byte(2) & 0x3Fu) << 6) | (byte(3) & 0x3Fu);
        if (c >= 0x10000 && c <= 0x10FFFF) return {c, 4};
    }
    return {0xDC00 + b, 1};
}

/// Appends a code point as UTF-8; 0xDC80 ... 0xDCFF become the single byte they stand for.
inline void append(std::string& text, char32_t c) {
    const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
    if (c < 0x80)
        put(c);
    else if (c < 0x800)
        put(0xC0 | (c >> 6)), put(0x80 | (c & 0x3F));
    else if (c >= 0xDC80 && c <= 0xDCFF)
        put(c - 0xDC00);
    else if (c < 0x10000)
        put(0xE0 | (c >> 12)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
    else
        put(0xF0 | (c >> 18)), put(0x80 | ((c >> 12) & 0x3F)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
}

/// All code points of a text [n]. `append` turns each back.
inline std::u32string code_points(std::string_view text) {
    std::u32string points;
    points.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const code_point c = decode(text, at);
        points.push_back(c.value);
        at += c.bytes;
    }
    return points;
}

/// White space as str.isspace, str.split and \s of re have it: 29 code points, among them U+00A0, U+0085 and U+3000.
inline bool is_space(char32_t c) {
    if (c < 0x80) return c == 0x20 || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

namespace detail {

template <class Runs>
const typename Runs::value_type* run_of(const Runs& runs, char32_t c) {
    const auto it =
        std::upper_bound(runs.begin(), runs.end(), c, [](char32_t v, const auto& r) { return v < r.first; });
    if (it == runs.begin()) return nullptr;
    const auto& r = *(it - 1);
    return c <= r.last ? &r : nullptr;
}

/// Does the sigma at `at` end a word: a letter before it and none after it, marks looked through (Python's
/// Final_Sigma).
inline bool sigma_is_final(std::u32string_view points, std::size_t at) {
    std::size_t before = at;
    while (before > 0 && run_of(case_ignorable_runs, points[before - 1])) --before;
    if (before == 0 || !run_of(cased_runs, points[before - 1])) return false;
    std::size_t after = at + 1;
    while (after < points.size() && run_of(case_ignorable_runs, points[after])) ++after;
    return after == points.size() || !run_of(cased_runs, points[after]);
}

}  // namespace detail

/// A word character as \w of Python's re: letters, digits and the underscore of every script.
inline bool is_word(char32_t c) {
    if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return detail::run_of(detail::word_runs, c) != nullptr;
}

/// The 32 signs of Python's string.punctuation: ASCII only.
constexpr bool is_ascii_punctuation(char32_t c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// Lower case as str.lower: all scripts with a case, U+0130 as two code points, the Greek final sigma.
///
/// @return  UTF-8; bytes that are not UTF-8 stay as they are
/// @cost    O(bytes)
inline std::string lower(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    const auto ascii = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
        for (const char c : text) out.push_back(ascii(c));
        return out;
    }
    const std::u32string points = code_points(text);
    for (std::size_t i = 0; i < points.size(); ++i) {
        const char32_t c = points[i];
        if (c < 0x80) {
            out.push_back(ascii(static_cast<char>(c)));
        } else if (c == 0x130) {
            append(out, U'i');
            append(out, 0x307);
        } else if (c == 0x3A3) {
            append(out, detail::sigma_is_final(points, i) ? 0x3C2 : 0x3C3);
        } else {
            const auto* run = detail::run_of(detail::lower_runs, c);
            const bool mapped = run && (c - run->first) % static_cast<std::uint32_t>(run->step) == 0;
            append(out, mapped ? static_cast<char32_t>(static_cast<std::int32_t>(c) + run->delta) : c);
        }
    }
    return out;
}

namespace detail {

/// Calls word(begin, end) for every maximal run of bytes whose code points satisfy `keep`.
template <class Keep, class Word>
void for_each_run(std::string_view text, Keep keep, Word word) {
    std::size_t begin = 0, at = 0;
    bool inside = false;
    while (at < text.size()) {
        const code_point c = decode(text, at);
        if (keep(c.value) != inside) {
            if (inside) word(begin, at);
            begin = at;
            inside = !inside;
        }
        at += c.bytes;
    }
    if (inside) word(begin, at);
}

}  // namespace detail

/// Words between white space, as str.split().
///
/// @return  views into `text` [n]; none of them empty
/// @cost    O(bytes)
inline std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    detail::for_each_run(
        text, [](char32_t c) { return !is_space(c); },
        [&](std::size_t begin, std::size_t end) { words.push_back(text.substr(begin, end - begin)); });
    return words;
}

/// Pieces between separators, as str.split(sep): an empty text gives one empty piece, two separators in a row an empty
/// one between them.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> pieces;
    for (std::size_t begin = 0;;) {
        const std::size_t end = text.find(separator, begin);
        pieces.push_back(text.substr(begin, end - begin));
        if (end == std::string_view::npos) return pieces;
        begin = end + 1;
    }
}

/// Without white space at both ends, as str.strip().
inline std::string_view strip(std::string_view text) {
    std::size_t first = text.size(), last = text.size();
    detail::for_each_run(
        text, [](char32_t c) { return !is_space(c); },
        [&](std::size_t begin, std::size_t end) { first = std::min(first, begin), last = end; });
    return text.substr(first, last - first);
}

/// The first code point of a text (empty text: empty), as text[:1].
inline std::string_view first_code_point(std::string_view text) {
    return text.empty() ? text : text.substr(0, decode(text, 0).bytes);
}

/// `text` with every `from` made `to`, from left to right, as str.replace.
inline std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
    std::string out;
    std::size_t begin = 0;
    for (std::size_t at; !from.empty() && (at = text.find(from, begin)) != std::string_view::npos;) {
        out.append(text.substr(begin, at - begin)).append(to);
        begin = at + from.size();
    }
    return out.append(text.substr(begin));
}

/// Words between white space and full stops: what TRACE's BLEU is counted on.
inline std::vector<std::string_view> split_space_or_stop(std::string_view text) {
    std::vector<std::string_view> words;
    detail::for_each_run(
        text, [](char32_t c) { return c != U'.' && !is_space(c); },
        [&](std::size_t begin, std::size_t end) { words.push_back(text.substr(begin, end - begin)); });
    return words;
}

/// The default tokeniser of Google's rouge-score, without its stemmer: lower case, and every run of anything but
/// [a-z0-9] is a gap. Text in other scripts vanishes, "naïve café" becomes na, ve, caf.
///
/// @return  the tokens with one space between two of them
inline std::string rouge_score_tokens(std::string_view text) {
    const std::string low = lower(text);
    std::string out;
    bool gap = false;
    for (const char c : low) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            if (gap && !out.empty()) out.push_back(' ');
            out.push_back(c);
            gap = false;
        } else {
            gap = true;
        }
    }
    return out;
}

namespace detail {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace detail

/// mteval-13a, the tokeniser of sacreBLEU and of Hugging Face's SARI: entities undone, ASCII signs set apart, full stop
/// and comma set apart unless between digits, a dash set apart after a digit.
///
/// @return  the tokens with one space between two of them
/// @see     Post 2018, A Call for Clarity in Reporting BLEU Scores, arXiv:1804.08771
inline std::string tokens_13a(std::string_view text) {
    std::string line = replace_all(text, "<skipped>", "");
    line = replace_all(line, "-\n", "");
    std::replace(line.begin(), line.end(), '\n', ' ');
    if (line.find('&') != std::string::npos) {
        line = replace_all(line, "&quot;", "\"");
        line = replace_all(line, "&amp;", "&");
        line = replace_all(line, "&lt;", "<");
        line = replace_all(line, "&gt;", ">");
    }
    line = " " + line + " ";
    std::string next;
    // Each pass is one substitution of the original, left to right, never over what it has already taken. Bytes are
    // enough: what the patterns name is ASCII, and a byte of a longer code point is as little a digit as the whole.
    for (const char c : line) {
        const bool apart =
            is_ascii_punctuation(static_cast<unsigned char>(c)) && c != '\'' && c != ',' && c != '-' && c != '.';
        if (apart)
            next.append({' ', c, ' '});
        else
            next.push_back(c);
    }
    const auto pairs = [&](auto matches, auto write) {
        line.swap(next);
        next.clear();
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (i + 1 < line.size() && matches(line[i], line[i + 1]))
                write(line[i], line[i + 1]), ++i;
            else
                next.push_back(line[i]);
        }
    };
    const auto stop = [](char c) { return c == '.' || c == ','; };
    pairs([&](char a, char b) { return !detail::is_digit(a) && stop(b); },
          [&](char a, char b) {
              next.append({a, ' ', b, ' '});
          });
    pairs([&](char a, char b) { return stop(a) && !detail::is_digit(b); },
          [&](char a, char b) {
              next.append({' ', a, ' ', b});
          });
    pairs([&](char a, char b) { return detail::is_digit(a) && b == '-'; },
          [&](char a, char b) {
              next.append({a, ' ', b, ' '});
          });
    std::string out;
    for (const std::string_view word : split(next)) {
        if (!out.empty()) out.push_back(' ');
        out.append(word);
    }
    return out;
}

}  // namespace holdfast::scoring
