#pragma once
// BLEU of a sentence as NLTK computes it without smoothing, on TRACE's words, and of a sentence or a corpus as
// sacreBLEU does. Builds on text.hpp and tokens.hpp. Leaves out sacreBLEU's intl and language-specific tokenisers.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokens.hpp>

namespace holdfast::scoring {

/// What BLEU is made of; sums over sentences would give the corpus score.
struct bleu_counts {
    std::vector<double> matches;  ///< [orders] n-grams of the prediction that a reference has too, clipped
    std::vector<double> total;    ///< [orders] n-grams of the prediction
    double predicted = 0;         ///< words of the prediction
    double referenced = 0;        ///< words of the reference closest in length, the shorter of two equally close
};

/// Counts n-grams up to `orders` words.
///
/// @param prediction  words [n]
/// @param references  words of each reference
/// @cost              O(orders · words)
inline bleu_counts count_bleu(std::span<const std::string_view> prediction,
                              std::span<const std::vector<std::string_view>> references, std::size_t orders) {
    interner number;
    std::vector<std::vector<std::uint32_t>> words{number(prediction)};
    bleu_counts c{std::vector<double>(orders, 0), std::vector<double>(orders, 0),
                  static_cast<double>(prediction.size()), 0};
    double gap = std::numeric_limits<double>::infinity();
    for (const auto& r : references) {
        words.push_back(number(r));
        const auto length = static_cast<double>(r.size());
        const double d = std::abs(length - c.predicted);
        if (d < gap || (d == gap && length < c.referenced)) gap = d, c.referenced = length;
    }
    ngrams grams(std::move(words));
    for (std::size_t n = 1; n <= orders; ++n) {
        std::vector<std::size_t> most(grams.distinct(), 0), times(grams.distinct(), 0);
        for (std::size_t r = 1; r <= references.size(); ++r) {
            for (const std::uint32_t gram : grams[r]) most[gram] = std::max(most[gram], ++times[gram]);
            for (const std::uint32_t gram : grams[r]) times[gram] = 0;
        }
        for (const std::uint32_t gram : grams[0])
            if (times[gram]++ < most[gram]) ++c.matches[n - 1];
        c.total[n - 1] = static_cast<double>(grams[0].size());
        if (n < orders) grams.lengthen();
    }
    return c;
}

namespace nltk {

/// NLTK's sentence_bleu with uniform weights and no smoothing.
///
///     BLEU = BP · exp( 1/N Σ_n log p_n ),  BP = 1 if longer than the reference, else exp(1 - |ref| / |pred|)
///
/// No common word at all is 0; a p_n of zero at n > 1 is taken as the smallest normal double, so that a short sentence
/// scores 1e-78 or 1e-231 and not 0.
///
/// @see Papineni et al. 2002; nltk/translate/bleu_score.py
inline double sentence_bleu(const bleu_counts& c) {
    if (c.matches.empty() || c.matches[0] == 0) return 0;
    double sum = 0;
    for (std::size_t n = 0; n < c.matches.size(); ++n) {
        const double p = c.matches[n] > 0 ? c.matches[n] / c.total[n] : std::numeric_limits<double>::min();
        sum += std::log(p) / static_cast<double>(c.matches.size());
    }
    const double brevity = c.predicted > c.referenced ? 1 : std::exp(1 - c.referenced / c.predicted);
    return brevity * std::exp(sum);
}

}  // namespace nltk

namespace trace {

/// BLEU as TRACE reports it beside ROUGE-L: NLTK's sentence BLEU without smoothing on words between white space and
/// full stops, the mean over items. An empty prediction or target is 0.
///
/// @see Wang et al. 2023 (TRACE), arXiv:2310.06762; metrics.py, bleu_score
struct bleu {
    std::size_t orders = 4;  ///< longest n-gram: TRACE prints 1 and 4

    static constexpr double best = 1;
    std::string_view name() const {
        constexpr std::string_view names[] = {"trace::bleu_1", "trace::bleu_2", "trace::bleu_3", "trace::bleu_4"};
        return orders >= 1 && orders <= 4 ? names[orders - 1] : "trace::bleu_n";
    }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        std::vector<std::vector<std::string_view>> refs;
        for (const std::string& r : references)
            if (!r.empty()) refs.push_back(split_space_or_stop(r));
        if (prediction.empty() || refs.empty()) return 0;
        return nltk::sentence_bleu(count_bleu(split_space_or_stop(prediction), refs, orders));
    }
};
static_assert(scorer<bleu>);

}  // namespace trace

namespace sacrebleu {

/// Where words end: mteval's 13a, at white space only, or after every code point.
enum class tokens { mteval_13a, none, characters };

/// What stands for an n-gram precision of zero: nothing, `value` matches, `value` added to matches and n-grams of n >
/// 1, or 1/2, 1/4, 1/8 ... of a match.
enum class smoothing { none, floor, add_k, exponential };

/// BLEU as sacreBLEU reports it, 0 ... 100: `score` is its sentence_bleu (effective order: orders longer than the
/// prediction are left out), `corpus` its corpus_bleu.
///
///     BLEU = 100 · BP · exp( 1/N Σ_n log p_n ),  BP = exp(1 - |ref| / |pred|) where the prediction is shorter
///
/// The defaults are sacreBLEU's: nrefs:k|case:mixed|eff:yes|tok:13a|smooth:exp. Without any match the score is 0.
///
/// @see Post 2018, A Call for Clarity in Reporting BLEU Scores, arXiv:1804.08771; sacrebleu 2.6, metrics/bleu.py
struct bleu {
    tokens words = tokens::mteval_13a;
    smoothing smooth = smoothing::exponential;
    double floor_value = 0.1;  ///< matches that stand for none, with smoothing::floor
    double add_value = 1;      ///< added to matches and totals, with smoothing::add_k
    bool lowercase = false;

    static constexpr double best = 100;
    std::string_view name() const { return "sacrebleu::sentence_bleu"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return references.empty() ? 0 : of(count(prediction, references), true);
    }

    /// The counts of one item.
    bleu_counts count(std::string_view prediction, std::span<const std::string> references) const {
        const std::string mine = prepare(prediction);
        std::vector<std::string> theirs;
        for (const std::string& r : references) theirs.push_back(prepare(r));
        std::vector<std::vector<std::string_view>> split_references;
        for (const std::string& r : theirs) split_references.push_back(split(r));
        return count_bleu(split(mine), split_references, 4);
    }

    /// The score of a corpus: counts added up over its items, no effective order.
    double corpus(std::span<const bleu_counts> items) const {
        bleu_counts sum{std::vector<double>(4, 0), std::vector<double>(4, 0), 0, 0};
        for (const bleu_counts& c : items) {
            for (std::size_t n = 0; n < 4; ++n) sum.matches[n] += c.matches[n], sum.total[n] += c.total[n];
            sum.predicted += c.predicted, sum.referenced += c.referenced;
        }
        return of(sum, false);
    }

  private:
    std::string prepare(std::string_view text) const {
        while (!text.empty() && strip(text.substr(text.size() - 1)).empty()) text.remove_suffix(1);
        std::string line = lowercase ? lower(text) : std::string(text);
        if (words == tokens::mteval_13a) return tokens_13a(line);
        if (words == tokens::none) return line;
        std::string apart;
        for (std::size_t at = 0; at < line.size();) {
            const std::size_t bytes = decode(line, at).bytes;
            apart.append(line, at, bytes).push_back(' ');
            at += bytes;
        }
        return apart;
    }

    double of(bleu_counts c, bool effective_order) const {
        if (std::all_of(c.matches.begin(), c.matches.end(), [](double m) { return m == 0; })) return 0;
        double sum = 0, halved = 1;
        std::size_t orders = c.matches.size(), used = 0;
        for (std::size_t n = 0; n < orders; ++n) {
            if (smooth == smoothing::add_k && n > 0) c.matches[n] += add_value, c.total[n] += add_value;
            if (c.total[n] == 0) break;
            used = n + 1;
            double p = c.matches[n] / c.total[n];
            if (c.matches[n] == 0 && smooth == smoothing::exponential) p = 1 / ((halved *= 2) * c.total[n]);
            if (c.matches[n] == 0 && smooth == smoothing::floor) p = floor_value / c.total[n];
            if (p == 0) return 0;
            sum += std::log(p);
        }
        if (!effective_order && used < orders) return 0;
        const double brevity = c.predicted < c.referenced ? std::exp(1 - c.referenced / c.predicted) : 1;
        return 100 * brevity * std::exp(sum / static_cast<double>(used));
    }
};
static_assert(scorer<bleu>);

}  // namespace sacrebleu

}  // namespace holdfast::scoring
