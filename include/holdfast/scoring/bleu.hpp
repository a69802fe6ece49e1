#pragma once
// BLEU of a sentence as NLTK computes it without smoothing, on TRACE's words, and of a sentence or a corpus as
// sacreBLEU does. Builds on tokenisers.hpp and gram_counts.hpp. Leaves out sacreBLEU's tokenisers of single languages.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/scoring/gram_counts.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/scratch.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokenisers.hpp>
#include <holdfast/scoring/tokens.hpp>

namespace holdfast::scoring {

/// What BLEU is made of; sums over sentences give the corpus score.
struct bleu_counts {
    std::vector<double> matches;  ///< [orders] n-grams of the prediction that a reference has too, clipped
    std::vector<double> total;    ///< [orders] n-grams of the prediction
    double predicted = 0;         ///< words of the prediction
    double referenced = 0;        ///< words of the reference closest in length, the shorter of two equally close
};

namespace detail {

inline bleu_counts count_bleu(gram_memory& m, std::size_t orders) {
    bleu_counts c{std::vector<double>(orders, 0), std::vector<double>(orders, 0),
                  static_cast<double>(m.grams[0].size()), closest_length(m.grams)};
    if (m.grams.texts() > 1) count_grams(m, c.matches, c.total);
    return c;
}

}  // namespace detail

/// Counts n-grams up to `orders` words.
///
/// @param prediction  words [n]
/// @param references  words of each reference
/// @cost              O(orders · words)
inline bleu_counts count_bleu(std::span<const std::string_view> prediction,
                              std::span<const std::vector<std::string_view>> references, std::size_t orders) {
    detail::scratch<detail::gram_memory> m;
    m->begin(0);
    m->words.assign(prediction.begin(), prediction.end());
    m->add();
    for (const auto& r : references) {
        m->words.assign(r.begin(), r.end());
        m->add();
    }
    return detail::count_bleu(*m, orders);
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

/// Where words end: mteval's 13a or its international form, at white space only, or after every code point.
enum class tokens { mteval_13a, intl, none, characters };

/// What stands for an n-gram precision of zero: nothing, `floor_value` matches, `add_value` added to matches and
/// n-grams of n > 1, or 1/2, 1/4, 1/8 ... of a match.
enum class smoothing { none, floor, add_k, exponential };

/// What sacreBLEU reports of several items: the mean of their sentence_bleu, or corpus_bleu of their counts added up.
enum class over { sentences, corpus };

/// BLEU as sacreBLEU reports it, 0 ... 100. The score of an item is its sentence_bleu (effective order: orders longer
/// than the prediction are left out); `pooled` is its corpus_bleu (no effective order).
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
    over items = over::sentences;

    static constexpr double best = 100;
    /// sacrebleu::sentence_bleu or ::corpus_bleu, with what differs from the defaults in brackets.
    std::string name() const {
        constexpr std::string_view tokenisers[] = {"", "intl", "none", "char"};
        constexpr std::string_view smoothings[] = {"no smoothing", "floor", "add-k", ""};
        std::string special(tokenisers[static_cast<std::size_t>(words)]);
        const auto say = [&](std::string_view what) {
            if (!what.empty()) special.append(special.empty() ? "" : ", ").append(what);
        };
        say(smoothings[static_cast<std::size_t>(smooth)]);
        say(lowercase ? "lowercase" : "");
        const std::string base = items == over::corpus ? "sacrebleu::corpus_bleu" : "sacrebleu::sentence_bleu";
        return special.empty() ? base : base + " (" + special + ")";
    }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        std::array<double, width> numbers;
        return measure(prediction, references, {}, numbers);
    }

    /// The counts of one item.
    bleu_counts count(std::string_view prediction, std::span<const std::string> references) const {
        std::array<double, width> x{};
        measure(prediction, references, {}, x);
        return {{x.begin() + 2, x.begin() + 6}, {x.begin() + 6, x.end()}, x[0], x[1]};
    }

    /// The score of a corpus: counts added up over its items, no effective order.
    double corpus(std::span<const bleu_counts> counted) const {
        std::array<double, width> sum{};
        for (const bleu_counts& c : counted) {
            sum[0] += c.predicted, sum[1] += c.referenced;
            for (std::size_t n = 0; n < 4; ++n) sum[2 + n] += c.matches[n], sum[6 + n] += c.total[n];
        }
        return pooled(sum, counted.size());
    }

    /// Words of prediction and closest reference, matches of n = 1 ... 4, n-grams of n = 1 ... 4.
    static constexpr std::size_t width = 10;
    bool reports_pooled() const { return items == over::corpus; }
    double measure(std::string_view prediction, std::span<const std::string> references, std::string_view,
                   std::span<double> numbers) const {
        std::fill(numbers.begin(), numbers.end(), 0.0);
        if (references.empty()) return 0;
        scoring::detail::scratch<scoring::detail::gram_memory> m;
        m->begin(2 + 2 * references.size());
        add(prediction, 0, *m);
        for (std::size_t r = 0; r < references.size(); ++r) add(references[r], r + 1, *m);
        numbers[0] = static_cast<double>(m->grams[0].size());
        numbers[1] = scoring::detail::closest_length(m->grams);
        scoring::detail::count_grams(*m, numbers.subspan(2, 4), numbers.subspan(6, 4));
        return of(numbers, true);
    }
    double pooled(std::span<const double> sums, std::size_t) const { return of(sums, false); }

  private:
    void add(std::string_view text, std::size_t k, scoring::detail::gram_memory& m) const {
        if (lowercase) {
            lower(text, m.lines[2 * k]);
            text = m.lines[2 * k];
        }
        text = strip_end(text);
        if (words == tokens::mteval_13a) {
            scoring::detail::words_13a(text, m.lines[2 * k + 1], m.words);
        } else if (words == tokens::intl) {
            scoring::detail::words_intl(text, m.words);
        } else {
            scoring::detail::for_each_word(text, [&](std::size_t at, std::size_t end) {
                if (words == tokens::none) return m.words.push_back(text.substr(at, end - at));
                for (std::size_t bytes = 0; at < end; at += bytes) {
                    bytes = decode(text, at).bytes;
                    m.words.push_back(text.substr(at, bytes));
                }
            });
        }
        m.add();
    }

    double of(std::span<const double> numbers, bool effective_order) const {
        const auto matches = numbers.subspan(2, 4), total = numbers.subspan(6, 4);
        if (std::all_of(matches.begin(), matches.end(), [](double m) { return m == 0; })) return 0;
        double sum = 0, halved = 1;
        std::size_t used = 0;
        for (std::size_t n = 0; n < 4; ++n) {
            const double more = smooth == smoothing::add_k && n > 0 ? add_value : 0;
            const double hits = matches[n] + more, all = total[n] + more;
            if (all == 0) break;
            used = n + 1;
            double p = hits / all;
            if (hits == 0 && smooth == smoothing::exponential) p = 1 / ((halved *= 2) * all);
            if (hits == 0 && smooth == smoothing::floor) p = floor_value / all;
            if (p == 0) return 0;
            sum += std::log(p);
        }
        if (!effective_order && used < 4) return 0;
        const double brevity = numbers[0] < numbers[1] ? std::exp(1 - numbers[1] / numbers[0]) : 1;
        return 100 * brevity * std::exp(sum / static_cast<double>(used));
    }
};
static_assert(pooled_scorer<bleu>);

}  // namespace sacrebleu

}  // namespace holdfast::scoring
