#pragma once
// How alike two strings are, character by character: difflib's ratio (Ratcliff and Obershelp, with CPython's autojunk)
// and the indel ratio (longest common subsequence), plain and as fuzz.ratio rounds them, and TRACE's score for Py150.
// Builds on lcs.hpp and text.hpp. Leaves out Levenshtein distance and partial ratios.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <holdfast/scoring/lcs.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/text.hpp>

namespace holdfast::scoring {

namespace detail {

/// Two texts as code points numbered 0, 1, 2 ... together.
struct symbol_pair {
    std::vector<std::uint32_t> a, b;
    std::size_t alphabet = 128;

    symbol_pair(std::string_view left, std::string_view right) {
        const auto ascii = [](std::string_view t) {
            return std::all_of(t.begin(), t.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
        };
        if (ascii(left) && ascii(right)) {
            a.assign(left.begin(), left.end());
            b.assign(right.begin(), right.end());
            return;
        }
        std::unordered_map<char32_t, std::uint32_t> beyond;
        const auto number = [&](std::string_view text, std::vector<std::uint32_t>& out) {
            out.reserve(text.size());
            for (std::size_t at = 0; at < text.size();) {
                const code_point c = decode(text, at);
                at += c.bytes;
                if (c.value < 0x80)
                    out.push_back(c.value);
                else
                    out.push_back(
                        beyond.try_emplace(c.value, static_cast<std::uint32_t>(128 + beyond.size())).first->second);
            }
        };
        number(left, a);
        number(right, b);
        alphabet += beyond.size();
    }
};

/// CPython's difflib.SequenceMatcher without a junk function: the matching blocks of a and b.
class sequence_matcher {
  public:
    sequence_matcher(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b, std::size_t alphabet,
                     bool autojunk)
        : a_(a), b_(b), start_(alphabet + 1, 0), position_(b.size()), run_(b.size() + 1) {
        for (const std::uint32_t c : b) ++start_[c + 1];
        const std::size_t popular = b.size() / 100 + 1;
        const bool drop = autojunk && b.size() >= 200;
        std::vector<char> junk(alphabet, 0);
        for (std::size_t c = 0; c < alphabet; ++c) {
            junk[c] = drop && start_[c + 1] > popular;
            start_[c + 1] = start_[c] + (junk[c] ? 0 : start_[c + 1]);
        }
        std::vector<std::size_t> at(start_.begin(), start_.end() - 1);
        for (std::size_t j = 0; j < b.size(); ++j)
            if (!junk[b[j]]) position_[at[b[j]]++] = static_cast<std::uint32_t>(j);
    }

    /// Sum of the sizes of all matching blocks.
    std::size_t matches() {
        struct range {
            std::size_t a_begin, a_end, b_begin, b_end;
        };
        std::vector<range> open{{0, a_.size(), 0, b_.size()}};
        std::size_t total = 0;
        while (!open.empty()) {
            const range r = open.back();
            open.pop_back();
            const block m = longest(r.a_begin, r.a_end, r.b_begin, r.b_end);
            if (m.size == 0) continue;
            total += m.size;
            if (r.a_begin < m.a && r.b_begin < m.b) open.push_back({r.a_begin, m.a, r.b_begin, m.b});
            if (m.a + m.size < r.a_end && m.b + m.size < r.b_end)
                open.push_back({m.a + m.size, r.a_end, m.b + m.size, r.b_end});
        }
        return total;
    }

  private:
    struct block {
        std::size_t a, b, size;
    };
    struct run {
        std::uint32_t row = 0, length = 0;
    };

    /// The longest block in a[a_begin, a_end) x b[b_begin, b_end); of equal ones the first in a, then the first in b.
    block longest(std::size_t a_begin, std::size_t a_end, std::size_t b_begin, std::size_t b_end) {
        block best{a_begin, b_begin, 0};
        // run_[j + 1]: length of the run that ends at (row, j). A row number that never recurs spares clearing it.
        if (row_ > std::numeric_limits<std::uint32_t>::max() - 4 - a_.size()) {
            std::fill(run_.begin(), run_.end(), run{});
            row_ = 0;
        }
        row_ += 2;
        std::size_t found_in = a_end;
        for (std::size_t i = a_begin; i < a_end; ++i, ++row_) {
            const auto* first = position_.data() + start_[a_[i]];
            const auto* last = position_.data() + start_[a_[i] + 1];
            if (b_begin > 0) first = std::lower_bound(first, last, b_begin);
            if (b_end < b_.size()) last = std::lower_bound(first, last, b_end);
            while (last != first) {  // from the right, so that run_[j] is still the row above
                const std::size_t j = *--last;
                const run above = run_[j];
                const std::uint32_t k = above.row == row_ - 1 ? above.length + 1 : 1;
                run_[j + 1] = {static_cast<std::uint32_t>(row_), k};
                if (k > best.size || (k == best.size && found_in == i)) {
                    best = {i + 1 - k, j + 1 - k, k};
                    found_in = i;
                }
            }
        }
        // Characters that autojunk left out may still lengthen a block, also the empty one at the start of both ranges.
        while (best.a > a_begin && best.b > b_begin && a_[best.a - 1] == b_[best.b - 1])
            --best.a, --best.b, ++best.size;
        while (best.a + best.size < a_end && best.b + best.size < b_end &&
               a_[best.a + best.size] == b_[best.b + best.size])
            ++best.size;
        return best;
    }

    std::span<const std::uint32_t> a_, b_;
    std::vector<std::size_t> start_;
    std::vector<std::uint32_t> position_;
    std::vector<run> run_;
    std::size_t row_ = 0;
};

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
