#pragma once
// ROUGE as Google's rouge-score computes it (rouge1, rouge2, rougeL, rougeLsum), with and without its Porter stemmer,
// and SuperNI's ROUGE-L, which is one of these. Builds on rouge.hpp and porter.hpp. Leaves out its bootstrap
// (metrics/).
/// @see Lin 2004 (ROUGE); google-research/rouge, rouge_scorer.py and tokenize.py

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/scoring/lcs.hpp>
#include <holdfast/scoring/porter.hpp>
#include <holdfast/scoring/rouge.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokens.hpp>

namespace holdfast::scoring::google {

/// The words of rouge-score, one space between two: [a-z0-9] runs of the lower-cased text; with `stem`, words of more
/// than three letters by their NLTK Porter stem.
inline std::string words(std::string_view text, bool stem) {
    std::string plain = rouge_score_tokens(text);
    if (!stem) return plain;
    std::string out;
    for (const std::string_view word : split(plain)) {
        if (!out.empty()) out.push_back(' ');
        out += word.size() > 3 ? porter_stem(word) : std::string(word);
    }
    return out;
}

namespace detail {

template <class Scorer>
double best_f(const Scorer& s, std::string_view prediction, std::span<const std::string> references) {
    double highest = 0;
    for (const std::string& reference : references) highest = std::max(highest, s.match(prediction, reference).f());
    return highest;
}

}  // namespace detail

/// ROUGE-L of rouge-score: F of the longest common subsequence of the words, the text as one sequence. With several
/// references the best F counts (score_multi).
struct rouge_l {
    bool stem = false;  ///< rouge-score's use_stemmer

    static constexpr double best = 1;
    std::string_view name() const { return stem ? "google::rouge_l (stemmed)" : "google::rouge_l"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return detail::best_f(*this, prediction, references);
    }

    /// The counts behind the score of one pair.
    overlap match(std::string_view prediction, std::string_view reference) const {
        const std::string p = words(prediction, stem), r = words(reference, stem);
        interner number;
        const auto a = number(split(p)), b = number(split(r));
        return {static_cast<double>(lcs_length(a, b, number.size())), static_cast<double>(a.size()),
                static_cast<double>(b.size())};
    }
};
static_assert(scorer<rouge_l>);

/// ROUGE-Lsum of rouge-score: lines are sentences; a line of the reference matches at the positions on any longest
/// common subsequence with a line of the prediction, each word of the prediction used once.
struct rouge_lsum {
    bool stem = false;  ///< rouge-score's use_stemmer

    static constexpr double best = 1;
    std::string_view name() const { return stem ? "google::rouge_lsum (stemmed)" : "google::rouge_lsum"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return detail::best_f(*this, prediction, references);
    }

    /// The counts behind the score of one pair.
    overlap match(std::string_view prediction, std::string_view reference) const {
        interner number;
        std::vector<std::string> texts;  // the numbers point into them
        const auto lines = [&](std::string_view text) {
            for (const std::string_view line : split(text, '\n')) texts.push_back(words(line, stem));
            return texts.size();
        };
        const std::size_t mine = lines(prediction);
        lines(reference);
        scoring::detail::summary rows, columns;
        for (std::size_t k = 0; k < texts.size(); ++k)
            if (auto ids = number(split(texts[k])); !ids.empty()) (k < mine ? rows : columns).add(std::move(ids));
        return scoring::detail::union_matches(rows, columns, number.size());
    }
};
static_assert(scorer<rouge_lsum>);

/// ROUGE-N of rouge-score: F of the n-grams, each counted as often as both texts have it. With several references the
/// best F counts.
struct rouge_n {
    std::size_t n = 1;  ///< words in an n-gram, at least 1; more than the texts have scores 0
    bool stem = false;  ///< rouge-score's use_stemmer

    static constexpr double best = 1;
    std::string name() const { return "google::rouge_" + std::to_string(n) + (stem ? " (stemmed)" : ""); }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return detail::best_f(*this, prediction, references);
    }

    /// The counts behind the score of one pair.
    overlap match(std::string_view prediction, std::string_view reference) const {
        if (n == 0) return {};
        const std::string p = words(prediction, stem), r = words(reference, stem);
        interner number;
        std::vector<std::vector<std::uint32_t>> both{number(split(p)), number(split(r))};
        if (std::max(both[0].size(), both[1].size()) < n) return {};
        ngrams grams(std::move(both));
        for (std::size_t k = 1; k < n; ++k) grams.lengthen();
        std::vector<std::size_t> left(grams.distinct(), 0);
        for (const std::uint32_t gram : grams[1]) ++left[gram];
        overlap o{0, static_cast<double>(grams[0].size()), static_cast<double>(grams[1].size())};
        for (const std::uint32_t gram : grams[0])
            if (left[gram] > 0) --left[gram], ++o.matches;
        return o;
    }
};
static_assert(scorer<rouge_n>);

}  // namespace holdfast::scoring::google

namespace holdfast::scoring::superni {

/// ROUGE-L as Super-NaturalInstructions reports it (times 100 there): rouge-score with its stemmer, the best reference.
///
/// @see Wang et al. 2022 (Super-NaturalInstructions), arXiv:2204.07705; eval/automatic/evaluation.py
struct rouge_l {
    static constexpr double best = 1;
    std::string_view name() const { return "superni::rouge_l"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return google::rouge_l{.stem = true}.score(prediction, references);
    }
};
static_assert(scorer<rouge_l>);

}  // namespace holdfast::scoring::superni
