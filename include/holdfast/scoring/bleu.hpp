#pragma once
// BLEU of one sentence as NLTK computes it without smoothing, on TRACE's words. Builds on text.hpp and lcs.hpp (word
// numbers). Leaves out corpus BLEU and smoothing.

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

}  // namespace holdfast::scoring
