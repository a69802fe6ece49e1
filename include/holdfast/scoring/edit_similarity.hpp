#pragma once
// How alike two strings are, character by character: difflib's ratio (Ratcliff and Obershelp, with CPython's autojunk)
// and the indel ratio (longest common subsequence), plain and as fuzz.ratio rounds them, and TRACE's score for Py150.
// Builds on lcs.hpp, sequence_matcher.hpp and text.hpp. All pairs of many texts are in indel_table.hpp. Leaves out
// Levenshtein distance and partial ratios.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/scoring/lcs.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/sequence_matcher.hpp>
#include <holdfast/scoring/text.hpp>

namespace holdfast::scoring {

namespace detail {

/// Round to the nearest integer, halves to the even one, as Python's round.
inline double round_half_even(double x) {
    const double low = std::floor(x), rest = x - low;
    if (rest != 0.5) return rest < 0.5 ? low : low + 1;
    return std::fmod(low, 2) == 0 ? low : low + 1;
}

}  // namespace detail

/// CPython's difflib.SequenceMatcher(None, a, b).ratio(), on code points.
///
///     ratio = 2 M / (|a| + |b|),  M = length of the longest matching block, plus those left and right of it, and so on
///
/// Not symmetric ("tide", "diet" is 0.25, the other way round 0.5). From 200 characters in b on, characters that make
/// up more than 1 % of b start no block (autojunk): two texts that differ in one character per line can come out as
/// 0.03. Two empty texts have ratio 1.
///
/// @cost O(|a| |b|) at worst per block; in text nearer to |a| · (occurrences of a character)
/// @see  Ratcliff and Metzener 1988; CPython, Lib/difflib.py
struct difflib {
    bool autojunk = true;

    static constexpr std::string_view name = "difflib";
    double ratio(std::string_view a, std::string_view b) const {
        const detail::symbol_pair s(a, b);
        if (s.a.empty() && s.b.empty()) return 1;
        const std::size_t m = detail::sequence_matcher(s.a, s.b, s.alphabet, autojunk).matches();
        return 2.0 * static_cast<double>(m) / static_cast<double>(s.a.size() + s.b.size());
    }
};

/// The indel ratio of python-Levenshtein and rapidfuzz: 2 LCS(a, b) / (|a| + |b|), on code points. Symmetric. Two empty
/// texts have ratio 1.
///
/// @cost O(|a| ⌈|b| / 64⌉)
struct indel {
    static constexpr std::string_view name = "indel";
    double ratio(std::string_view a, std::string_view b) const {
        const detail::symbol_pair s(a, b);
        if (s.a.empty() && s.b.empty()) return 1;
        return 2.0 * static_cast<double>(lcs_length(s.a, s.b, s.alphabet)) /
               static_cast<double>(s.a.size() + s.b.size());
    }
};

/// The plain ratio, 0 ... 1, of prediction (a) and reference (b); the best reference counts.
template <class Similarity = difflib>
struct edit_similarity {
    Similarity similarity = {};

    static constexpr double best = 1;
    std::string name() const { return "edit_similarity<" + std::string(Similarity::name) + ">"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        double highest = 0;
        for (const std::string& r : references) highest = std::max(highest, similarity.ratio(prediction, r));
        return highest;
    }
};
static_assert(scorer<edit_similarity<difflib>> && scorer<edit_similarity<indel>>);

/// fuzz.ratio of fuzzywuzzy: 100 · ratio rounded to an integer, halves to even (62.5 is 62); equal texts 100, one empty
/// 0. Per cent. fuzzywuzzy takes difflib, or indel where python-Levenshtein is installed: the same pair of texts gives
/// 3 or 96, so the similarity is part of the name.
template <class Similarity = difflib>
struct fuzz_ratio {
    Similarity similarity = {};

    static constexpr double best = 100;
    std::string name() const { return "fuzz_ratio<" + std::string(Similarity::name) + ">"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        double highest = 0;
        for (const std::string& r : references)
            highest = std::max(highest,
                               prediction == r ? 100 : detail::round_half_even(100 * similarity.ratio(prediction, r)));
        return highest;
    }
};
static_assert(scorer<fuzz_ratio<difflib>> && scorer<fuzz_ratio<indel>>);

namespace codexglue {

/// CodeXGLUE's literals back to code, before Py150 is scored: <NUM_LIT> is 0, <STR_LIT> and <CHAR_LIT> are nothing, and
/// <STR_LIT:x>, <NUM_LIT:x>, <CHAR_LIT:x> are x. Replaced one after the other through the whole text, as the original
/// does.
///
/// @see Lu et al. 2021 (CodeXGLUE), arXiv:2102.04664; Code-Code/CodeCompletion-line/evaluator
inline std::string literals_to_code(std::string_view text) {
    std::string code = replace_all(text, "<NUM_LIT>", "0");
    code = replace_all(code, "<STR_LIT>", "");
    code = replace_all(code, "<CHAR_LIT>", "");
    struct literal {
        std::size_t begin, end, value;  // the value ends before the ">"
    };
    std::vector<literal> found;
    for (std::size_t at = 0; (at = code.find('<', at)) != std::string::npos;) {
        const std::string_view rest = std::string_view(code).substr(at);
        std::size_t head = 0;
        for (const std::string_view h : {"<STR_LIT:", "<NUM_LIT:", "<CHAR_LIT:"})
            if (rest.starts_with(h)) head = h.size();
        const std::size_t close = head ? code.find('>', at + head) : std::string::npos;
        if (head && close == std::string::npos) break;  // no ">" further on: no literal either
        if (head) found.push_back({at, close + 1, at + head});
        at = head ? close + 1 : at + 1;
    }
    // Where every "<" opens a literal no replacement can make a new one, and one pass does what the original's many do.
    if (found.size() == static_cast<std::size_t>(std::count(code.begin(), code.end(), '<'))) {
        std::string out;
        std::size_t done = 0;
        for (const literal& l : found) {
            out.append(code, done, l.begin - done).append(code, l.value, l.end - 1 - l.value);
            done = l.end;
        }
        return out.append(code, done);
    }
    std::vector<std::pair<std::string, std::string>> replacements;
    for (const literal& l : found)
        replacements.emplace_back(code.substr(l.begin, l.end - l.begin), code.substr(l.value, l.end - 1 - l.value));
    for (const auto& [from, to] : replacements) code = replace_all(code, from, to);
    return code;
}

/// CodeXGLUE's edit similarity for code completion: literals to code after white space is stripped, then fuzz.ratio;
/// per cent. TRACE's trace::py150 does not strip.
template <class Similarity = difflib>
struct edit_sim {
    Similarity similarity = {};

    static constexpr double best = 100;
    std::string name() const { return "codexglue::edit_sim<" + std::string(Similarity::name) + ">"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        std::vector<std::string> targets;
        for (const std::string& r : references) targets.push_back(literals_to_code(strip(r)));
        return fuzz_ratio<Similarity>{similarity}.score(literals_to_code(strip(prediction)), targets);
    }
};
static_assert(scorer<edit_sim<difflib>> && scorer<edit_sim<indel>>);

/// CodeXGLUE's exact match for code completion: literals to code, then equal words between white space.
struct exact_match {
    static constexpr double best = 1;
    std::string_view name() const { return "codexglue::exact_match"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        const std::string p = literals_to_code(strip(prediction));
        const auto equal = [&](const std::string& reference) {
            const std::string r = literals_to_code(strip(reference));
            return split(r) == split(p);
        };
        return std::any_of(references.begin(), references.end(), equal) ? 1.0 : 0.0;
    }
};
static_assert(scorer<exact_match>);

}  // namespace codexglue

namespace trace {

/// TRACE's score for Py150: literals to code, then fuzz.ratio of prediction and target; per cent. An empty text scores
/// 0, also against an empty one. TRACE's requirements install fuzzywuzzy alone, so its backend is difflib.
///
/// @see Wang et al. 2023 (TRACE), arXiv:2310.06762; evaluations/eval_Py150.py
template <class Similarity = difflib>
struct basic_py150 {
    Similarity similarity = {};

    static constexpr double best = 100;
    std::string name() const {
        const std::string backend(Similarity::name);
        return backend == "difflib" ? "trace::py150" : "trace::py150 (" + backend + ")";
    }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        const std::string p = codexglue::literals_to_code(prediction);
        double highest = 0;
        for (const std::string& reference : references) {
            const std::string r = codexglue::literals_to_code(reference);
            if (p.empty() || r.empty()) continue;
            highest = std::max(highest, fuzz_ratio<Similarity>{similarity}.score(p, {&r, 1}));
        }
        return highest;
    }
};
using py150 = basic_py150<difflib>;
static_assert(scorer<py150> && scorer<basic_py150<indel>>);

}  // namespace trace

}  // namespace holdfast::scoring
