#pragma once
// Porter's stemmer in the flavour of NLTK (mode NLTK_EXTENSIONS), which Google's rouge-score uses: dying -> die, skies
// -> sky, enjoy -> enjoy. Works on ASCII words in lower case. Builds on the standard library only. Leaves out the other
// two flavours (Martin Porter's and the original), whose stems differ.
/// @see Porter 1980, An algorithm for suffix stripping, Program 14; nltk/stem/porter.py

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::scoring {

namespace detail::porter {

inline bool is_consonant(std::string_view word, std::size_t i) {
    // y is a consonant at the start and after a vowel: count back the run of y to something that decides.
    bool turned = false;
    for (; word[i] == 'y' && i > 0; --i) turned = !turned;
    const bool vowel = word[i] == 'a' || word[i] == 'e' || word[i] == 'i' || word[i] == 'o' || word[i] == 'u';
    return vowel == turned;
}

/// How often a vowel is followed by a consonant.
inline std::size_t measure(std::string_view stem) {
    std::size_t m = 0;
    bool after_vowel = false;
    for (std::size_t i = 0; i < stem.size(); ++i) {
        const bool consonant = stem[i] == 'y' ? (i == 0 || after_vowel) : is_consonant(stem, i);
        if (consonant && after_vowel) ++m;
        after_vowel = !consonant;
    }
    return m;
}

inline bool has_vowel(std::string_view stem) {
    for (std::size_t i = 0; i < stem.size(); ++i)
        if (!is_consonant(stem, i)) return true;
    return false;
}

inline bool ends_double_consonant(std::string_view word) {
    const std::size_t n = word.size();
    return n >= 2 && word[n - 1] == word[n - 2] && is_consonant(word, n - 1);
}

/// Consonant, vowel, consonant other than w, x, y; or vowel, consonant alone.
inline bool ends_cvc(std::string_view word) {
    const std::size_t n = word.size();
    if (n == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
    return n >= 3 && is_consonant(word, n - 3) && !is_consonant(word, n - 2) && is_consonant(word, n - 1) &&
           word[n - 1] != 'w' && word[n - 1] != 'x' && word[n - 1] != 'y';
}

struct rule {
    std::string_view suffix, replacement;
};

inline void replace_end(std::string& word, std::size_t suffix, std::string_view replacement) {
    word.resize(word.size() - suffix);
    word.append(replacement);
}

/// The first rule whose suffix fits decides: the suffix is replaced if the stem's measure is above `above`, else
/// nothing is.
inline void apply(std::string& word, std::span<const rule> rules, std::size_t above) {
    for (const rule& r : rules) {
        if (!word.ends_with(r.suffix)) continue;
        if (measure(std::string_view(word).substr(0, word.size() - r.suffix.size())) > above)
            replace_end(word, r.suffix.size(), r.replacement);
        return;
    }
}

inline void plurals(std::string& word) {
    if (word.ends_with("ies"))
        replace_end(word, 3, word.size() == 4 ? "ie" : "i");
    else if (word.ends_with("sses"))
        replace_end(word, 2, "");
    else if (word.ends_with("s") && !word.ends_with("ss"))
        word.pop_back();
}

inline void past_and_progressive(std::string& word) {
    if (word.ends_with("ied")) return replace_end(word, 3, word.size() == 4 ? "ie" : "i");
    if (word.ends_with("eed")) {
        if (measure(std::string_view(word).substr(0, word.size() - 3)) > 0) word.pop_back();
        return;
    }
    const std::size_t suffix = word.ends_with("ed") ? 2 : word.ends_with("ing") ? 3 : 0;
    if (suffix == 0 || !has_vowel(std::string_view(word).substr(0, word.size() - suffix))) return;
    word.resize(word.size() - suffix);
    const bool wants_e = word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz");
    if (!wants_e && ends_double_consonant(word)) {
        if (word.back() != 'l' && word.back() != 's' && word.back() != 'z') word.pop_back();
    } else if (wants_e || (measure(word) == 1 && ends_cvc(word))) {
        word.push_back('e');
    }
}

inline void long_suffixes(std::string& word) {
    // "alli" first, and the result once more: "fundamentally" goes on from "fundamental".
    while (word.ends_with("alli") && measure(std::string_view(word).substr(0, word.size() - 4)) > 0)
        replace_end(word, 4, "al");
    static constexpr std::array<rule, 21> rules{{
        {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
        {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
        {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
        {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
        {"fulli", "ful"},
    }};
    for (const rule& r : rules)
        if (word.ends_with(r.suffix)) return apply(word, rules, 0);
    // NLTK measures the stem together with its l.
    if (word.ends_with("logi") && measure(std::string_view(word).substr(0, word.size() - 3)) > 0) word.pop_back();
}

inline void short_suffixes(std::string& word) {
    static constexpr std::array<rule, 7> rules{
        {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""}}};
    apply(word, rules, 0);
}

inline void endings(std::string& word) {
    static constexpr std::array<rule, 11> first{{{"al", ""},
                                                 {"ance", ""},
                                                 {"ence", ""},
                                                 {"er", ""},
                                                 {"ic", ""},
                                                 {"able", ""},
                                                 {"ible", ""},
                                                 {"ant", ""},
                                                 {"ement", ""},
                                                 {"ment", ""},
                                                 {"ent", ""}}};
    static constexpr std::array<rule, 7> second{
        {{"ou", ""}, {"ism", ""}, {"ate", ""}, {"iti", ""}, {"ous", ""}, {"ive", ""}, {"ize", ""}}};
    for (const rule& r : first)
        if (word.ends_with(r.suffix)) return apply(word, first, 1);
    if (word.ends_with("ion")) {
        const std::string_view stem = std::string_view(word).substr(0, word.size() - 3);
        if (measure(stem) > 1 && (stem.back() == 's' || stem.back() == 't')) word.resize(stem.size());
        return;
    }
    apply(word, second, 1);
}

inline void last_letters(std::string& word) {
    if (word.ends_with("e")) {
        const std::string_view stem = std::string_view(word).substr(0, word.size() - 1);
        const std::size_t m = measure(stem);
        if (m > 1 || (m == 1 && !ends_cvc(stem))) word.pop_back();
    }
    if (word.ends_with("ll") && measure(std::string_view(word).substr(0, word.size() - 1)) > 1) word.pop_back();
}

}  // namespace detail::porter

/// The stem of a word, as nltk.stem.PorterStemmer().stem.
///
/// @param word  ASCII letters and digits in lower case; other signs count as consonants
/// @return      the stem; words of one or two letters as they are
inline std::string porter_stem(std::string_view word) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 16> irregular{{{"sky", "sky"},
                                                                                              {"skies", "sky"},
                                                                                              {"dying", "die"},
                                                                                              {"lying", "lie"},
                                                                                              {"tying", "tie"},
                                                                                              {"news", "news"},
                                                                                              {"innings", "inning"},
                                                                                              {"inning", "inning"},
                                                                                              {"outings", "outing"},
                                                                                              {"outing", "outing"},
                                                                                              {"cannings", "canning"},
                                                                                              {"canning", "canning"},
                                                                                              {"howe", "howe"},
                                                                                              {"proceed", "proceed"},
                                                                                              {"exceed", "exceed"},
                                                                                              {"succeed", "succeed"}}};
    for (const auto& [form, stem] : irregular)
        if (form == word) return std::string(stem);
    std::string stem(word);
    if (stem.size() <= 2) return stem;
    namespace porter = detail::porter;
    porter::plurals(stem);
    porter::past_and_progressive(stem);
    if (stem.size() > 2 && stem.back() == 'y' && porter::is_consonant(stem, stem.size() - 2)) stem.back() = 'i';
    porter::long_suffixes(stem);
    porter::short_suffixes(stem);
    porter::endings(stem);
    porter::last_letters(stem);
    return stem;
}

}  // namespace holdfast::scoring
