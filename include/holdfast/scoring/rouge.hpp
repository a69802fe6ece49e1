#pragma once
// ROUGE-L, as two implementations compute it; they differ on the same two sentences, so each has its own namespace:
// trace (pltrdy rouge 1.0.1: sets of words) and inscl (li-plus rouge-metric: counted words, averaged references).
// Google's rouge-score is in rouge_google.hpp. Builds on union_lcs.hpp, text.hpp and tokens.hpp. Leaves out ROUGE-W/S.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/scoring/lcs.hpp>
#include <holdfast/scoring/overlap.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokens.hpp>
#include <holdfast/scoring/union_lcs.hpp>

namespace holdfast::scoring {

namespace trace {

/// ROUGE-L as TRACE reports it: F of pltrdy `rouge` 1.0.1 with its defaults, called with prediction and target in the
/// order of TRACE's metrics.py.
///
///     p = |U| / |words(prediction)|,  r = |U| / |words(target)|,  F = 2 p r / (p + r + 1e-8)
///
/// Sentences end at every "." (also within 3.14); U is the set of words in any longest common subsequence of a sentence
/// here and a sentence there. All three are *sets*: repeated words count once, "the the the the" against "the" is 1.
/// Upper and lower case differ, punctuation belongs to words. A perfect prediction scores 1 - 5e-9. An empty text
/// scores 0 as in TRACE; "." and "..", where the original raises ValueError, score 0 too. With several references
/// (TRACE has one) the best counts.
///
/// @see Lin 2004 (ROUGE); Wang et al. 2023 (TRACE), arXiv:2310.06762; pltrdy/rouge, rouge_score.py
struct rouge_l {
    /// pltrdy's `exclusive`: false counts every word, with the words of all pairs of sentences added up.
    bool exclusive = true;

    static constexpr double best = 1;
    std::string_view name() const { return exclusive ? "trace::rouge_l" : "trace::rouge_l (exclusive=False)"; }

    /// TRACE reports the mean of the scores, not F of the counts added up.
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return detail::score_best(*this, prediction, references);
    }

    /// The counts behind the score of one pair.
    overlap match(std::string_view prediction, std::string_view reference) const {
        interner number;
        const detail::summary rows = sentences(prediction, number), columns = sentences(reference, number);
        if (rows.order.empty() || columns.order.empty()) return {};
        return exclusive ? sets(rows, columns, number.size()) : lists(rows, columns, number.size());
    }

    /// The F of pltrdy rouge, with its 1e-8.
    static double f(const overlap& o) {
        const double p = o.precision(), r = o.recall();
        return 2 * ((p * r) / (p + r + 1e-8));
    }

  private:
    static detail::summary sentences(std::string_view text, interner& number) {
        detail::summary s;
        for (const std::string_view piece : split(text, '.')) {
            if (piece.empty()) continue;
            detail::sentence_ids ids = number(split(piece));
            if (ids.empty()) ids.push_back(number(""));  // Python: "".split(" ") is one empty word
            s.add(std::move(ids));
        }
        return s;
    }

    static overlap sets(const detail::summary& rows, const detail::summary& columns, std::size_t alphabet) {
        const auto where = detail::sentences_of_words(columns, alphabet);
        std::vector<char> in_union(alphabet, 0);
        std::vector<std::size_t> done(columns.distinct.size(), rows.distinct.size());
        std::size_t found = 0;
        detail::compact_pairs pairs(alphabet);
        for (std::size_t i = 0; i < rows.distinct.size(); ++i) {
            const detail::sentence_ids& row = rows.distinct[i];
            // A pair of sentences can only add words that both hold: pairs whose common words are all in already are
            // left out.
            for (const std::uint32_t word : row) {
                for (const std::uint32_t j : where[word]) {
                    if (in_union[word]) break;
                    if (std::exchange(done[j], i) == i) continue;
                    pairs(row, columns.distinct[j], [&](auto a, auto b, std::size_t symbols) {
                        lcs_walk(a, b, symbols, [&](std::size_t r, std::size_t) {
                            if (!std::exchange(in_union[row[r]], 1)) ++found;
                        });
                    });
                }
            }
        }
        return {static_cast<double>(found), static_cast<double>(detail::distinct_words(rows, alphabet)),
                static_cast<double>(detail::distinct_words(columns, alphabet))};
    }

    static overlap lists(const detail::summary& rows, const detail::summary& columns, std::size_t alphabet) {
        std::vector<double> row_times(rows.distinct.size(), 0), column_times(columns.distinct.size(), 0);
        for (const std::size_t k : rows.order) ++row_times[k];
        for (const std::size_t k : columns.order) ++column_times[k];
        const auto where = detail::sentences_of_words(columns, alphabet);
        std::vector<std::size_t> done(columns.distinct.size(), rows.distinct.size());
        overlap o{0, static_cast<double>(rows.words), static_cast<double>(columns.words)};
        detail::compact_pairs pairs(alphabet);
        for (std::size_t i = 0; i < rows.distinct.size(); ++i)
            for (const std::uint32_t word : rows.distinct[i])
                for (const std::uint32_t j : where[word])
                    if (std::exchange(done[j], i) != i)
                        pairs(rows.distinct[i], columns.distinct[j], [&](auto a, auto b, std::size_t symbols) {
                            o.matches +=
                                row_times[i] * column_times[j] * static_cast<double>(lcs_length(a, b, symbols));
                        });
        return o;
    }
};
static_assert(overlap_scorer<rouge_l>);

}  // namespace trace

namespace inscl {

/// ROUGE-L as InsCL reports it: li-plus `rouge-metric` (PyRouge) with its defaults.
///
///     p = Σ matches / Σ words(prediction),  r = Σ matches / Σ words(reference),  F = 2 p r / (p + r)
///
/// Sentences are lines, words stand between white space, case and punctuation count. Matches of a reference sentence:
/// the words at its positions in any longest common subsequence with a line of the prediction, each word of the
/// prediction used once. Several references are *averaged*: their counts are added up before p and r.
/// Over a corpus InsCL averages p and r first and takes F of the means: `corpus`, not the mean of `score`.
///
/// @see Lin 2004 (ROUGE); Wang et al. 2024 (InsCL), arXiv:2403.11435; li-plus/rouge-metric, py_rouge.py
struct rouge_l {
    static constexpr double best = 1;
    std::string_view name() const { return "inscl::rouge_l"; }

    double score(std::string_view prediction, std::span<const std::string> references) const {
        return match(prediction, references).f();
    }

    /// The counts behind the score, added up over the references.
    overlap match(std::string_view prediction, std::span<const std::string> references) const {
        overlap total;
        for (const std::string& reference : references) total += match_one(prediction, reference);
        return total;
    }

    /// Precision and recall of an item; InsCL's number for a corpus is F of their means.
    static constexpr std::size_t width = 2;
    bool reports_pooled() const { return true; }
    double measure(std::string_view prediction, std::span<const std::string> references, std::string_view,
                   std::span<double> numbers) const {
        const overlap o = match(prediction, references);
        numbers[0] = o.precision(), numbers[1] = o.recall();
        return o.f();
    }
    double pooled(std::span<const double> sums, std::size_t items) const {
        const double n = items == 0 ? 1 : static_cast<double>(items);
        return overlap::harmonic(sums[0] / n, sums[1] / n);
    }

    /// The same from counts: F of the mean precision and the mean recall over the items [n].
    static double corpus(std::span<const overlap> items) {
        double p = 0, r = 0;
        for (const overlap& item : items) p += item.precision(), r += item.recall();
        const double n = items.empty() ? 1 : static_cast<double>(items.size());
        return overlap::harmonic(p / n, r / n);
    }

  private:
    static detail::summary lines(std::string_view text, interner& number) {
        detail::summary s;
        for (const std::string_view line : split(text, '\n'))
            if (detail::sentence_ids ids = number(split(line)); !ids.empty()) s.add(std::move(ids));
        return s;
    }

    static overlap match_one(std::string_view prediction, std::string_view reference) {
        interner number;
        const detail::summary rows = lines(prediction, number), columns = lines(reference, number);
        return detail::union_matches(rows, columns, number.size());
    }
};
static_assert(pooled_scorer<rouge_l>);

}  // namespace inscl

}  // namespace holdfast::scoring
