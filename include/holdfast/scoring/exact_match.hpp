#pragma once
// Right or wrong: the exact matches, from the strictest to the most forgiving, each under a name of its own (the same
// predictions give different accuracies under each). Builds on scorer.hpp and text.hpp. SQuAD's and SuperNI's exact
// match normalise first and are in token_f1.hpp.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/text.hpp>

namespace holdfast::scoring {

/// TRACE's accuracy: 1 where the prediction equals a reference byte for byte, else 0. No stripping, no case folding: "
/// B" is not "B", "4.0" not "4", and an empty prediction is wrong even against an empty reference.
///
/// @see Wang et al. 2023 (TRACE), arXiv:2310.06762; metrics.py, caculate_accuracy
struct exact_match {
    static constexpr double best = 1;
    std::string_view name() const { return "exact_match"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return detail::equals_any(prediction, references);
    }
};
static_assert(scorer<exact_match>);

/// Exact match after white space at both ends is taken off prediction and reference (as str.strip). An empty prediction
/// is wrong, as above.
struct stripped_match {
    static constexpr double best = 1;
    std::string_view name() const { return "stripped_match"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        const std::string_view p = strip(prediction);
        const auto equal = [&](const std::string& r) { return strip(r) == p; };
        return !p.empty() && std::any_of(references.begin(), references.end(), equal) ? 1.0 : 0.0;
    }
};
static_assert(scorer<stripped_match>);

/// TRACE's ScienceQA accuracy: the first code point of the prediction against that of the reference, nothing stripped
/// (" B" is wrong). An empty prediction is wrong; the original stops with an IndexError there.
///
/// @see Wang et al. 2023 (TRACE), arXiv:2310.06762; evaluations/eval_ScienceQA.py
struct first_letter {
    static constexpr double best = 1;
    std::string_view name() const { return "first_letter"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        const std::string_view p = first_code_point(prediction);
        const auto equal = [&](const std::string& r) { return first_code_point(r) == p; };
        return !p.empty() && std::any_of(references.begin(), references.end(), equal) ? 1.0 : 0.0;
    }
};
static_assert(scorer<first_letter>);

/// Right where a reference begins the prediction (both stripped): the patch of TRACE that some forks carry, so that
/// "B. because" counts for "B". Not comparable with `exact_match`.
struct prefix_match {
    static constexpr double best = 1;
    std::string_view name() const { return "prefix_match"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        const std::string_view p = strip(prediction);
        const auto begins = [&](const std::string& r) { return !strip(r).empty() && p.starts_with(strip(r)); };
        return std::any_of(references.begin(), references.end(), begins) ? 1.0 : 0.0;
    }
};
static_assert(scorer<prefix_match>);

/// Where the last decimal number of a text begins and ends, or nothing. "the total is -1,250.50 units" -> -1,250.50.
inline std::optional<std::string_view> last_number(std::string_view text) {
    const auto digit = [&](std::size_t k) { return k < text.size() && detail::is_digit(text[k]); };
    std::optional<std::string_view> found;
    for (std::size_t at = 0; at < text.size();) {
        if (!digit(at) && !(text[at] == '.' && digit(at + 1))) {
            ++at;
            continue;
        }
        std::size_t begin = at;
        // A sign belongs to the number unless it stands between two operands ("3-2").
        if (at > 0 && (text[at - 1] == '-' || text[at - 1] == '+') && (at == 1 || !detail::is_digit(text[at - 2])))
            --begin;
        const auto group = [&](std::size_t k) {
            return k < text.size() && text[k] == ',' && digit(k + 1) && digit(k + 2) && digit(k + 3) && !digit(k + 4);
        };
        while (digit(at) || group(at)) ++at;
        if (at < text.size() && text[at] == '.' && digit(at + 1))
            for (++at; digit(at);) ++at;
        found = text.substr(begin, at - begin);
    }
    return found;
}

/// The value of a decimal number without exponent, with commas between thousands; computed digit by digit, so that it
/// depends on no locale.
inline double number_value(std::string_view number) {
    double value = 0, place = 1;
    bool fraction = false;
    for (const char c : number) {
        if (c == '.') fraction = true;
        if (!detail::is_digit(c)) continue;
        value = value * 10 + (c - '0');
        if (fraction) place *= 10;
    }
    value /= place;
    return !number.empty() && number.front() == '-' ? -value : value;
}

/// An extra that no benchmark of TRACE's uses: the last number in the prediction equals the last number in a reference,
/// within `relative`. "The answer is 4.0." is right for "4"; "1,250" for "1250". A reference without a number is
/// compared as `stripped_match` does.
struct numeric_match {
    double relative = 1e-9;  ///< allowed difference, relative to the larger of 1 and |reference|

    static constexpr double best = 1;
    std::string_view name() const { return "numeric_match"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        const auto p = last_number(prediction);
        const auto right = [&](const std::string& reference) {
            const auto r = last_number(reference);
            if (!r) return stripped_match{}.score(prediction, {&reference, 1}) > 0;
            if (!p) return false;
            const double want = number_value(*r), have = number_value(*p);
            // Equal first: numbers too long for a double are infinite on both sides.
            return want == have || std::abs(want - have) <= relative * std::max(1.0, std::abs(want));
        };
        return std::any_of(references.begin(), references.end(), right) ? 1.0 : 0.0;
    }
};
static_assert(scorer<numeric_match>);

}  // namespace holdfast::scoring
