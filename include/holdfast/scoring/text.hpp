#pragma once
// Text as Python's str sees it, on UTF-8: code points, white space, lower case, splitting, stripping, replacing. Builds
// on unicode.hpp (tables); the tokenisers of the published scorers are in tokenisers.hpp. Leaves out normal forms (NFC
// ...): Python's scorers do not apply them either. A byte that is not UTF-8 counts as one code point of its own (0xDC00
// + byte, Python's "surrogateescape"), is never white space, has no case, and comes back as the same byte.

#include <algorithm>
#include <array>
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

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The code point that ends before byte `at`, at > 0; the byte itself where none does.
inline code_point decode_before(std::string_view text, std::size_t at) {
    for (std::size_t bytes = 2; bytes <= 4 && bytes <= at; ++bytes)
        if (const code_point c = decode(text, at - bytes); c.bytes == bytes) return c;
    return decode(text.substr(0, at), at - 1);
}

/// Does the sigma at byte `at` end a word: a letter before it and none after it, marks looked through (Python's
/// Final_Sigma).
inline bool sigma_is_final(std::string_view text, std::size_t at) {
    char32_t before = 0, after = 0;  // the first that is no mark; 0 is neither a mark nor a letter
    for (std::size_t i = at; i > 0;) {
        const code_point c = decode_before(text, i);
        i -= c.bytes;
        if (before = c.value; !run_of(case_ignorable_runs, before)) break;
        before = 0;
    }
    if (!run_of(cased_runs, before)) return false;
    for (std::size_t i = at + 2; i < text.size();) {
        const code_point c = decode(text, i);
        i += c.bytes;
        if (after = c.value; !run_of(case_ignorable_runs, after)) break;
        after = 0;
    }
    return !run_of(cased_runs, after);
}

/// Lower case of one code point beyond ASCII; U+0130 and U+03A3 are the text's to decide.
inline char32_t lower_of(char32_t c) {
    if (c < 0xC0 || (c >= 0x2E80 && c < 0xA640) || (c >= 0xAC00 && c < 0xFF00)) return c;  // no case there
    const auto* run = run_of(lower_runs, c);
    const bool mapped = run && (c - run->first) % static_cast<std::uint32_t>(run->step) == 0;
    return mapped ? static_cast<char32_t>(static_cast<std::int32_t>(c) + run->delta) : c;
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
/// @param out  replaced by UTF-8; bytes that are not UTF-8 stay as they are; must not hold `text`
/// @cost       O(bytes)
inline void lower(std::string_view text, std::string& out) {
    out.resize(text.size());
    unsigned char any = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        any = static_cast<unsigned char>(any | c);
        out[i] = static_cast<char>(c + (static_cast<unsigned char>(c - 'A') < 26 ? 32 : 0));
    }
    if (any < 0x80) return;
    out.clear();
    for (std::size_t at = 0; at < text.size();) {
        const code_point c = decode(text, at);
        if (c.value < 0x80) {
            const bool upper = c.value >= 'A' && c.value <= 'Z';
            out.push_back(static_cast<char>(text[at] + (upper ? 32 : 0)));
        } else if (c.value == 0x130) {
            out.append("i\xcc\x87");
        } else if (c.value == 0x3A3) {
            append(out, detail::sigma_is_final(text, at) ? 0x3C2 : 0x3C3);
        } else if (const char32_t low = detail::lower_of(c.value); low != c.value) {
            append(out, low);
        } else {
            out.append(text, at, c.bytes);
        }
        at += c.bytes;
    }
}

/// The same as a new text.
inline std::string lower(std::string_view text) {
    std::string out;
    lower(text, out);
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

/// What a byte says of white space: 0 no, 1 yes, 2 it begins a code point that may be.
inline constexpr auto space_bytes = [] {
    std::array<unsigned char, 256> kind{};
    for (const unsigned c : {0x20u, 0x09u, 0x0Au, 0x0Bu, 0x0Cu, 0x0Du, 0x1Cu, 0x1Du, 0x1Eu, 0x1Fu}) kind[c] = 1;
    for (const unsigned c : {0xC2u, 0xE1u, 0xE2u, 0xE3u}) kind[c] = 2;
    return kind;
}();

/// Bytes of the white space that begins at byte `at`; 0 where none does.
inline std::size_t space_at(std::string_view text, std::size_t at) {
    const unsigned char kind = space_bytes[static_cast<unsigned char>(text[at])];
    if (kind < 2) return kind;
    const code_point c = decode(text, at);
    return is_space(c.value) ? c.bytes : 0;
}

/// Calls word(begin, end) for the bytes of every word between white space.
template <class Word>
void for_each_word(std::string_view text, Word word) {
    for (std::size_t at = 0; at < text.size();) {
        if (const std::size_t space = space_at(text, at)) {
            at += space;
            continue;
        }
        const std::size_t begin = at;
        while (at < text.size() && space_at(text, at) == 0) ++at;
        word(begin, at);
    }
}

}  // namespace detail

/// Words between white space, as str.split().
///
/// @return  views into `text` [n]; none of them empty
/// @cost    O(bytes)
inline std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    detail::for_each_word(
        text, [&](std::size_t begin, std::size_t end) { words.push_back(text.substr(begin, end - begin)); });
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

/// Without white space at the end, as str.rstrip().
inline std::string_view strip_end(std::string_view text) {
    while (!text.empty()) {
        const code_point c = detail::decode_before(text, text.size());
        if (!is_space(c.value)) break;
        text.remove_suffix(c.bytes);
    }
    return text;
}

/// Without white space at both ends, as str.strip().
inline std::string_view strip(std::string_view text) {
    while (!text.empty()) {
        const std::size_t space = detail::space_at(text, 0);
        if (space == 0) break;
        text.remove_prefix(space);
    }
    return strip_end(text);
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

}  // namespace holdfast::scoring
