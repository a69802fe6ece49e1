#pragma once
// SARI, the score of text simplification: what was kept, added and deleted against the source. As Hugging Face's
// evaluate (and TRACE's 20Minuten) computes it, and as EASSE does. Builds on tokenisers.hpp and gram_counts.hpp.
// Leaves out EASSE's Moses and Penn tokenisers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <holdfast/core/error.hpp>
#include <holdfast/scoring/gram_counts.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/scratch.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokenisers.hpp>

namespace holdfast::scoring {

namespace detail {

/// How often an n-gram stands in the source, in the prediction, and in all references together.
struct sari_times {
    double source, prediction, reference;
};

/// Calls order(n, next) for n = 0 ... 3 (unigrams first); next(visit) calls visit(sari_times) for every different
/// n-gram of the texts, lower-cased and cut by 13a.
/// @param empty_word  a text without words is one empty word
template <class Order>
void sari_orders(std::string_view prediction, std::span<const std::string> references, std::string_view source,
                 bool empty_word, Order order) {
    scratch<gram_memory> m;
    m->begin(2 * (references.size() + 2));
    std::size_t k = 0;
    const auto add = [&](std::string_view text) {
        lower(text, m->lines[k]);
        words_13a(m->lines[k], m->lines[k + 1], m->words);
        if (empty_word && m->words.empty()) m->words.emplace_back();
        m->add();
        k += 2;
    };
    add(source);
    add(prediction);
    for (const std::string& r : references) add(r);
    for (std::size_t n = 0; n < 4; ++n) {
        if (n > 0) m->grams.lengthen();
        const std::size_t distinct = m->grams.distinct();
        m->most.assign(3 * distinct, 0);
        for (std::size_t t = 0; t < m->grams.texts(); ++t)
            for (const std::uint32_t gram : m->grams[t]) ++m->most[3 * gram + std::min<std::size_t>(t, 2)];
        order(n, [&](auto visit) {
            for (std::size_t g = 0; g < distinct; ++g) {
                const std::uint32_t* times = m->most.data() + 3 * g;
                visit(sari_times{static_cast<double>(times[0]), static_cast<double>(times[1]),
                                 static_cast<double>(times[2])});
            }
        });
    }
}

inline double f1(double precision, double recall) {
    return precision > 0 || recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

}  // namespace detail

namespace hf {

/// SARI as Hugging Face's `evaluate` (and `datasets`) has it, 0 ... 100; TRACE uses it with the whole prompt as source.
///
///     SARI = 100 · mean over keep, delete, add of the mean over n = 1 ... 4:  F1 keep, precision delete, F1 add
///
/// Texts are lower-cased and split by mteval-13a; 0/0 is 1 here (EASSE: 0), so a text copied where nothing was to be
/// done scores 100. Several references are pooled: source and prediction count once per reference. The source is part
/// of the score, so `score` without one refuses.
///
/// @see Xu et al. 2016, Optimizing Statistical Machine Translation for Text Simplification, TACL 4;
///      huggingface/evaluate, metrics/sari/sari.py
struct sari {
    static constexpr double best = 100;
    std::string_view name() const { return "hf::sari"; }

    /// @throw invalid_argument always: SARI compares with the source
    double score(std::string_view, std::span<const std::string>) const {
        refuse("scoring::hf::sari: needs the source text, use score(prediction, references, source)");
    }

    double score(std::string_view prediction, std::span<const std::string> references, std::string_view source) const {
        if (references.empty()) return 0;
        const auto r = static_cast<double>(references.size());
        double sum = 0;
        // Python: "".split(" ") is one empty word
        scoring::detail::sari_orders(prediction, references, source, true, [&](std::size_t, auto all) {
            double kept = 0, kept_share = 0, kept_good = 0, keepable = 0;  // keep
            double removed = 0, removed_share = 0;                         // delete
            double added = 0, added_good = 0, addable = 0;                 // add
            all([&](const scoring::detail::sari_times& c) {
                const double in_source = c.source * r, in_prediction = c.prediction * r;
                if (const double both = std::min(in_source, in_prediction); both > 0) {
                    const double good = std::min(both, c.reference);
                    ++kept, kept_share += good / both, kept_good += good;
                }
                keepable += std::min(in_source, c.reference);
                if (const double gone = in_source - in_prediction; gone > 0)
                    ++removed, removed_share += std::max(0.0, gone - c.reference) / gone;
                if (c.source > 0) return;
                added += c.prediction > 0;
                addable += c.reference > 0;
                added_good += c.prediction > 0 && c.reference > 0;
            });
            const auto ratio = [](double part, double whole) { return whole > 0 ? part / whole : 1; };
            sum += scoring::detail::f1(ratio(kept_share, kept), ratio(kept_good, keepable)) +
                   ratio(removed_share, removed) +
                   scoring::detail::f1(ratio(added_good, added), ratio(added_good, addable));
        });
        return 100 * sum / 12;
    }
};
static_assert(scorer<sari>);

}  // namespace hf

namespace easse {

/// SARI as EASSE's corpus_sari has it, 0 ... 100: counts are added up over the corpus first, so a corpus is `pooled`
/// and the score of an item is that of a corpus of one.
///
///     SARI = 100 · mean over add, keep, delete of the mean over n = 1 ... 4 of  F1 = 2 p r / (p + r),
///     p = correct / of the prediction,  r = correct / of the references,  0/0 = 0
///
/// Lower case and 13a, as EASSE's defaults. Added n-grams count once each, kept and deleted ones as often as they
/// occur; several references are pooled as in hf::sari. `score` without a source refuses.
///
/// @see Alva-Manchego et al. 2019, EASSE, arXiv:1908.04567; feralvam/easse, easse/sari.py
struct sari {
    /// EASSE's use_f1_for_deletion: false takes p of what is deleted, as Xu et al. do.
    bool f1_of_deletion = true;
    /// EASSE's use_paper_version: p and r are averaged over n before F1.
    bool paper_version = false;

    static constexpr double best = 100;
    std::string_view name() const {
        constexpr std::string_view names[] = {"easse::sari", "easse::sari (precision of deletion)",
                                              "easse::sari (paper version)",
                                              "easse::sari (paper version, precision of deletion)"};
        return names[(paper_version ? 2u : 0u) + (f1_of_deletion ? 0u : 1u)];
    }

    /// @throw invalid_argument always: SARI compares with the source
    double score(std::string_view, std::span<const std::string>) const {
        refuse("scoring::easse::sari: needs the source text, use score(prediction, references, source)");
    }
    double score(std::string_view prediction, std::span<const std::string> references, std::string_view source) const {
        std::array<double, width> numbers;
        return measure(prediction, references, source, numbers);
    }

    /// For n = 1 ... 4 and add, keep, delete: correct, of the prediction, of the references.
    static constexpr std::size_t width = 36;
    bool reports_pooled() const { return true; }
    double measure(std::string_view prediction, std::span<const std::string> references, std::string_view source,
                   std::span<double> numbers) const {
        std::fill(numbers.begin(), numbers.end(), 0.0);
        if (references.empty()) return 0;
        const auto r = static_cast<double>(references.size());
        scoring::detail::sari_orders(prediction, references, source, false, [&](std::size_t n, auto all) {
            const auto x = numbers.subspan(9 * n, 9);
            all([&](const scoring::detail::sari_times& c) {
                const double in_source = c.source * r, in_prediction = c.prediction * r;
                if (c.source == 0) {
                    x[0] += c.prediction > 0 && c.reference > 0;
                    x[1] += c.prediction > 0;
                    x[2] += c.reference > 0;
                    return;
                }
                const auto both = [&](std::size_t at, double mine, double theirs) {
                    x[at] += std::min(mine, theirs), x[at + 1] += mine, x[at + 2] += theirs;
                };
                both(3, std::min(in_source, in_prediction), std::min(in_source, c.reference));
                both(6, std::max(0.0, in_source - in_prediction), std::max(0.0, in_source - c.reference));
            });
        });
        return pooled(numbers, 1);
    }
    double pooled(std::span<const double> sums, std::size_t) const {
        const auto ratio = [](double part, double whole) { return whole > 0 ? part / whole : 0; };
        double total = 0;
        for (std::size_t what = 0; what < 3; ++what) {  // add, keep, delete
            const bool f = what < 2 || f1_of_deletion;
            double precision = 0, recall = 0, score = 0;  // sums over n
            for (std::size_t n = 0; n < 4; ++n) {
                const double* x = sums.data() + 9 * n + 3 * what;
                const double p = ratio(x[0], x[1]), q = ratio(x[0], x[2]);
                precision += p, recall += q, score += f ? scoring::detail::f1(p, q) : p;
            }
            if (paper_version) score = f ? 4 * scoring::detail::f1(precision / 4, recall / 4) : precision;
            total += score / 4;
        }
        return 100 * total / 3;
    }
};
static_assert(pooled_scorer<sari>);

}  // namespace easse

}  // namespace holdfast::scoring
