#pragma once
// The tokenisers that the published scorers are defined on: mteval's 13a and intl (sacreBLEU, SARI) and TRACE's words
// between white space and full stops; rouge-score's [a-z0-9] words come with them (rouge_words.hpp). Builds on text.hpp
// and unicode_classes.hpp. Tokens are views: none of these tokenisers changes a word, they only say where one ends.
// Leaves out tokenisers of single languages (zh, ja-mecab ...) and subwords.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/scoring/rouge_words.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/unicode_classes.hpp>

namespace holdfast::scoring {

namespace detail {

/// The words with one space between two of them.
inline std::string joined(const std::vector<std::string_view>& words) {
    std::string out;
    for (const std::string_view word : words) {
        if (!out.empty()) out.push_back(' ');
        out.append(word);
    }
    return out;
}

}  // namespace detail

/// Words between white space and full stops: what TRACE's BLEU is counted on.
inline std::vector<std::string_view> split_space_or_stop(std::string_view text) {
    std::vector<std::string_view> words;
    detail::for_each_word(text, [&](std::size_t begin, std::size_t end) {
        for (std::size_t at = begin; at < end;) {
            const std::size_t stop = std::min(text.find('.', at), end);
            if (stop > at) words.push_back(text.substr(at, stop - at));
            at = stop + 1;
        }
    });
    return words;
}

// -- mteval

namespace detail {

/// What a byte is to 13a: part of a word, white space, perhaps white space, a sign that always stands alone, or one of
/// the three whose neighbours decide.
enum class byte_13a : unsigned char { word, space, maybe_space, sign, stop_or_dash };

inline constexpr auto bytes_13a = [] {
    std::array<byte_13a, 256> kind{};
    for (std::size_t c = 0; c < 256; ++c) {
        const bool stop = c == '.' || c == ',' || c == '-';
        if (space_bytes[c] != 0) kind[c] = space_bytes[c] == 1 ? byte_13a::space : byte_13a::maybe_space;
        if (is_ascii_punctuation(static_cast<char32_t>(c)) && c != '\'')
            kind[c] = stop ? byte_13a::stop_or_dash : byte_13a::sign;
    }
    return kind;
}();

/// Cuts a run without white space and signs at its stops, commas and dashes, as the last three substitutions of the
/// original do one after the other, each from left to right and never over what it has already taken:
/// ([^0-9])([.,]) -> "\1 \2 ",  ([.,])([^0-9]) -> " \1 \2",  ([0-9])(-) -> "\1 \2 ".
template <class Token>
void cut_13a(std::string_view run, Token token) {
    std::size_t begin = 0;
    const auto cut = [&](std::size_t at) {
        if (at > begin) token(run.substr(begin, at - begin));
        begin = std::max(begin, at);
    };
    bool taken = false;  // by the first substitution, so that the next stop has no free neighbour on its left
    for (std::size_t i = 0; i < run.size(); ++i) {
        const char c = run[i];
        const bool after_digit = i > 0 && is_digit(run[i - 1]),
                   before_digit = i + 1 < run.size() && is_digit(run[i + 1]);
        if (c == '.' || c == ',') {
            const bool first = !after_digit && !taken;
            if (first || !before_digit) cut(i), cut(i + 1);
            taken = first;
            continue;
        }
        if (c == '-' && after_digit) cut(i), cut(i + 1);
        taken = false;
    }
    cut(run.size());
}

/// The text that 13a cuts: line ends undone, entities as the signs they stand for. `text` itself where that is all.
/// @param line  replaced where the text changes
inline std::string_view line_13a(std::string_view text, std::string& line) {
    if (text.find('\n') == std::string_view::npos && text.find('&') == std::string_view::npos &&
        text.find("<skipped>") == std::string_view::npos)
        return text;
    line = replace_all(text, "<skipped>", "");
    line = replace_all(line, "-\n", "");
    std::replace(line.begin(), line.end(), '\n', ' ');
    if (line.find('&') == std::string::npos) return line;
    line = replace_all(line, "&quot;", "\"");
    line = replace_all(line, "&amp;", "&");
    line = replace_all(line, "&lt;", "<");
    line = replace_all(line, "&gt;", ">");
    return line;
}

/// Appends the tokens of 13a. They point into `text` or into `line`, which must outlive them.
inline void words_13a(std::string_view text, std::string& line, std::vector<std::string_view>& words) {
    const std::string_view from = line_13a(text, line);
    const auto token = [&](std::string_view word) { words.push_back(word); };
    for (std::size_t at = 0; at < from.size();) {
        const std::size_t begin = at;
        bool whole = true;
        std::size_t space = 0;
        for (; at < from.size(); ++at) {
            const byte_13a kind = bytes_13a[static_cast<unsigned char>(from[at])];
            if (kind == byte_13a::word) continue;
            if (kind == byte_13a::stop_or_dash) {
                whole = false;
                continue;
            }
            if (kind == byte_13a::sign) break;
            if (space = space_at(from, at); space != 0) break;
        }
        if (at > begin) {
            const std::string_view run = from.substr(begin, at - begin);
            if (whole)
                token(run);
            else
                cut_13a(run, token);
        }
        if (at == from.size()) break;
        if (space == 0) token(from.substr(at, 1));
        at += std::max<std::size_t>(space, 1);
    }
}

}  // namespace detail

/// mteval-13a, the tokeniser of sacreBLEU and of both SARIs: entities undone, ASCII signs set apart, full stop and
/// comma set apart unless between digits, a dash set apart after a digit.
///
/// @return  the tokens with one space between two of them
/// @see     Post 2018, A Call for Clarity in Reporting BLEU Scores, arXiv:1804.08771
inline std::string tokens_13a(std::string_view text) {
    std::string line;
    std::vector<std::string_view> words;
    detail::words_13a(text, line, words);
    return detail::joined(words);
}

namespace detail {

/// What a code point is to intl.
struct class_of {
    bool number, punctuation, symbol;
    explicit class_of(char32_t c)
        : number(c < 0x80 ? c >= '0' && c <= '9' : run_of(number_runs, c) != nullptr),
          punctuation(c < 0x80 ? is_ascii_punctuation(c) && !ascii_symbol(c) : run_of(punctuation_runs, c) != nullptr),
          symbol(c < 0x80 ? ascii_symbol(c) : run_of(symbol_runs, c) != nullptr) {}

  private:
    static bool ascii_symbol(char32_t c) {
        return c == '$' || c == '+' || (c >= '<' && c <= '>') || c == '^' || c == '`' || c == '|' || c == '~';
    }
};

/// Appends the tokens of intl, as three substitutions one after the other:
/// (\P{N})(\p{P}) -> "\1 \2 ",  (\p{P})(\P{N}) -> " \1 \2",  (\p{S}) -> " \1 ".
inline void words_intl(std::string_view text, std::vector<std::string_view>& words) {
    const auto piece = [&](std::size_t begin, std::size_t end) {
        for_each_word(text.substr(begin, end - begin), [&](std::size_t first, std::size_t last) {
            words.push_back(text.substr(begin + first, last - first));
        });
    };
    std::size_t begin = 0;
    bool free_before = false;  // a code point stands before, no number, not yet taken by the first substitution
    for (std::size_t at = 0; at < text.size();) {
        const code_point c = decode(text, at);
        const class_of is(c.value);
        const std::size_t next = at + c.bytes;
        bool alone = is.symbol, first = false;
        if (is.punctuation) {
            first = free_before;
            alone = first || (next < text.size() && !class_of(decode(text, next).value).number);
        }
        if (alone) {
            piece(begin, at);
            piece(at, next);
            begin = next;
        }
        free_before = !is.number && !first;
        at = next;
    }
    piece(begin, text.size());
}

}  // namespace detail

/// mteval-14's international tokeniser (sacreBLEU's intl): punctuation of every script set apart unless a number stands
/// on that side, symbols set apart. Entities stay. A stop after a number at the end of the text stays with it.
///
/// @return  the tokens with one space between two of them
/// @see     sacrebleu 2.6, tokenizers/tokenizer_intl.py
inline std::string tokens_intl(std::string_view text) {
    std::vector<std::string_view> words;
    detail::words_intl(text, words);
    return detail::joined(words);
}

}  // namespace holdfast::scoring
