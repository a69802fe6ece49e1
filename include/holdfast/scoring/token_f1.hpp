#pragma once
// Answers as bags of words: SQuAD's normalisation with its exact match and F1, SuperNI's exact match (the same without
// dropping articles), and TRACE's keyword F1. Builds on text.hpp and tokens.hpp. Leaves out SQuAD 2's
// no-answer threshold.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/scoring/overlap.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokens.hpp>

namespace holdfast::scoring {

namespace detail {

/// Lower case, without ASCII punctuation; where `drop_articles`, without the words a, an, the; one space between words.
inline std::string normalised_answer(std::string_view text, bool drop_articles) {
    std::string low = lower(text);
    std::erase_if(low, [](char c) { return is_ascii_punctuation(static_cast<unsigned char>(c)); });
    if (drop_articles) {
        // \b(a|an|the)\b -> " ": an article is a whole run of word characters, quotes and dashes of other scripts end
        // it.
        std::string kept;
        std::size_t done = 0;
        for_each_run(low, is_word, [&](std::size_t begin, std::size_t end) {
            const std::string_view word = std::string_view(low).substr(begin, end - begin);
            if (word != "a" && word != "an" && word != "the") return;
            kept.append(low, done, begin - done).push_back(' ');
            done = end;
        });
        low = kept.append(low, done);
    }
    std::string out;
    for (const std::string_view word : split(low)) {
        if (!out.empty()) out.push_back(' ');
        out.append(word);
    }
    return out;
}

/// Highest value of one(reference) over the references; 0 without any.
template <class One>
double best_reference(std::span<const std::string> references, One one) {
    double highest = 0;
    for (const std::string& reference : references) highest = std::max(highest, static_cast<double>(one(reference)));
    return highest;
}

}  // namespace detail

namespace squad {

/// SQuAD's normal form: lower case, no ASCII punctuation, no articles (a, an, the), single spaces.
inline std::string normalise(std::string_view text) { return detail::normalised_answer(text, true); }

/// SQuAD exact match: equal normal forms, the best reference counts. Two empty normal forms are equal: "the" matches
/// "a".
///
/// @see Rajpurkar et al. 2016 (SQuAD), arXiv:1606.05250; evaluate-v1.1.py
struct exact_match {
    static constexpr double best = 1;
    std::string_view name() const { return "squad::exact_match"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        const std::string p = normalise(prediction);
        return detail::best_reference(references, [&](const std::string& r) { return normalise(r) == p; });
    }
};
static_assert(scorer<exact_match>);

/// SQuAD token F1: words of the normal forms, each counted as often as both have it; the best reference counts. No
/// common word is 0, so f1("the", "a") = 0 although their exact match is 1.
///
/// @see Rajpurkar et al. 2016 (SQuAD), arXiv:1606.05250; evaluate-v1.1.py
struct token_f1 {
    static constexpr double best = 1;
    std::string_view name() const { return "squad::token_f1"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        std::array<double, width> numbers;
        return measure(prediction, references, {}, numbers);
    }

    /// The counts of the best reference; SQuAD itself reports the mean of the scores.
    static constexpr std::size_t width = 3;
    double measure(std::string_view prediction, std::span<const std::string> references, std::string_view,
                   std::span<double> numbers) const {
        const std::string p = normalise(prediction);
        const auto match = [&](const std::string& reference) {
            const std::string r = normalise(reference);
            interner number;
            const auto a = number(split(p)), b = number(split(r));
            std::vector<std::uint32_t> left(number.size(), 0);
            for (const std::uint32_t word : b) ++left[word];
            overlap o{0, static_cast<double>(a.size()), static_cast<double>(b.size())};
            for (const std::uint32_t word : a)
                if (left[word] > 0) --left[word], ++o.matches;
            return o;
        };
        return detail::measure_best(references, numbers, match, [](const overlap& o) { return o.f(); });
    }
    double pooled(std::span<const double> sums, std::size_t) const { return overlap{sums[0], sums[1], sums[2]}.f(); }
};
static_assert(pooled_scorer<token_f1>);

}  // namespace squad

namespace superni {

/// SuperNI's normal form: SQuAD's without dropping articles.
inline std::string normalise(std::string_view text) { return detail::normalised_answer(text, false); }

/// SuperNI exact match: equal normal forms, the best reference counts. "The cat sat." is not "a cat sat".
///
/// @see Wang et al. 2022 (Super-NaturalInstructions), arXiv:2204.07705; eval/automatic/evaluation.py
struct exact_match {
    static constexpr double best = 1;
    std::string_view name() const { return "superni::exact_match"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        const std::string p = normalise(prediction);
        return detail::best_reference(references, [&](const std::string& r) { return normalise(r) == p; });
    }
};
static_assert(scorer<exact_match>);

}  // namespace superni

namespace trace {

/// TRACE's F1 of keyword lists (Papyrus): both texts split at " , ".
///
///     hits = items of the target that the prediction has too, p = hits / |target|, r = hits / |prediction|
///
/// Repeats in the *target* are counted each, so the score can exceed 1: target "a , a", prediction "a" gives 4/3. An
/// empty text scores 0... except that splitting never gives an empty list, so "" against "" is one equal keyword, as in
/// TRACE.
///
/// @see Wang et al. 2023 (TRACE), arXiv:2310.06762; metrics.py, f1_score, and evaluations/eval_PapyrusF.py
struct keyword_f1 {
    static constexpr double best = 1;
    std::string_view name() const { return "trace::keyword_f1"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        const auto p = keywords(prediction);
        return detail::best_reference(references, [&](const std::string& reference) {
            const auto target = keywords(reference);
            interner number;
            for (const std::string_view word : p) number(word);
            const std::size_t known = number.size();
            const auto hits = static_cast<double>(
                std::count_if(target.begin(), target.end(), [&](std::string_view t) { return number(t) < known; }));
            if (hits == 0) return 0.0;
            const double precision = hits / static_cast<double>(target.size());
            const double recall = hits / static_cast<double>(p.size());
            return 2 * precision * recall / (precision + recall);
        });
    }

  private:
    static std::vector<std::string_view> keywords(std::string_view text) {
        std::vector<std::string_view> items;
        for (std::size_t begin = 0;;) {
            const std::size_t end = text.find(" , ", begin);
            items.push_back(text.substr(begin, end - begin));
            if (end == std::string_view::npos) return items;
            begin = end + 3;
        }
    }
};
static_assert(scorer<keyword_f1>);

}  // namespace trace

}  // namespace holdfast::scoring
