#pragma once
// SARI, the score of text simplification: what was kept, added and deleted against the source. As Hugging Face's
// evaluate (and TRACE's 20Minuten) computes it. Builds on text.hpp and tokens.hpp. Leaves out EASSE's
// corpus variants.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokens.hpp>

namespace holdfast::scoring::hf {

/// SARI as Hugging Face's `evaluate` (and `datasets`) has it, 0 ... 100; TRACE uses it with the whole prompt as source.
///
///     SARI = 100 · mean over keep, delete, add of the mean over n = 1 ... 4:  F1 keep, precision delete, F1 add
///
/// Texts are lower-cased and split by mteval-13a; 0/0 is 1 here (EASSE: 0), so a text copied where nothing was to be
/// done scores 100. Several references are pooled: source and prediction count once per reference. The source is part
/// of the score, so `score` without one refuses.
///
/// @see Xu et al. 2016, Optimizing Statistical Machine Translation for Text Simplification, TACL 4;
/// huggingface/evaluate,
///      metrics/sari/sari.py
struct sari {
    static constexpr double best = 100;
    std::string_view name() const { return "hf::sari"; }

    /// @throw invalid_argument always: SARI compares with the source
    double score(std::string_view, std::span<const std::string>) const {
        refuse("scoring::hf::sari: needs the source text, use score(prediction, references, source)");
    }

    double score(std::string_view prediction, std::span<const std::string> references, std::string_view source) const {
        if (references.empty()) return 0;
        std::vector<std::string> texts{tokens_13a(lower(source)), tokens_13a(lower(prediction))};
        for (const std::string& r : references) texts.push_back(tokens_13a(lower(r)));
        interner number;
        std::vector<std::vector<std::uint32_t>> words;
        for (const std::string& t : texts) {
            words.push_back(number(split(t)));
            if (words.back().empty()) words.back().push_back(number(""));  // Python: "".split(" ") is one empty word
        }
        ngrams grams(std::move(words));
        double sum = 0;
        for (std::size_t n = 1; n <= 4; ++n) {
            if (n > 1) grams.lengthen();
            const parts p = score_order(grams, references.size());
            sum += p.keep + p.remove + p.add;
        }
        return 100 * sum / 12;
    }

  private:
    struct parts {
        double keep, remove, add;
    };
    struct times {
        double source = 0, prediction = 0, reference = 0;
    };

    static parts score_order(const ngrams& grams, std::size_t reference_count) {
        std::vector<times> counts(grams.distinct());
        for (const std::uint32_t gram : grams[0]) ++counts[gram].source;
        for (const std::uint32_t gram : grams[1]) ++counts[gram].prediction;
        for (std::size_t r = 0; r < reference_count; ++r)
            for (const std::uint32_t gram : grams[2 + r]) ++counts[gram].reference;
        const auto references = static_cast<double>(reference_count);

        double kept = 0, kept_share = 0, kept_good = 0, keepable = 0;  // keep
        double removed = 0, removed_share = 0;                         // delete
        double added = 0, added_good = 0, addable = 0;                 // add
        for (const times& c : counts) {
            const double source = c.source * references, prediction = c.prediction * references;
            if (const double both = std::min(source, prediction); both > 0) {
                ++kept;
                kept_share += std::min(both, c.reference) / both;
                kept_good += std::min(both, c.reference);
            }
            keepable += std::min(source, c.reference);
            if (const double gone = source - prediction; gone > 0) {
                ++removed;
                removed_share += std::max(0.0, gone - c.reference) / gone;
            }
            if (c.source == 0 && c.prediction > 0) ++added;
            if (c.source == 0 && c.reference > 0) ++addable;
            if (c.source == 0 && c.prediction > 0 && c.reference > 0) ++added_good;
        }
        const auto ratio = [](double part, double whole) { return whole > 0 ? part / whole : 1; };
        const auto f1 = [](double p, double r) { return p > 0 || r > 0 ? 2 * p * r / (p + r) : 0; };
        return {f1(ratio(kept_share, kept), ratio(kept_good, keepable)), ratio(removed_share, removed),
                f1(ratio(added_good, added), ratio(added_good, addable))};
    }
};
static_assert(scorer<sari>);

}  // namespace holdfast::scoring::hf
