#pragma once
// ROUGE as Google's rouge-score computes it (rouge1, rouge2, rougeL, rougeLsum), with and without its Porter stemmer,
// and SuperNI's ROUGE-L, which is one of these. Builds on lcs.hpp, union_lcs.hpp and porter.hpp. Leaves out its
// bootstrap (metrics/)
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
#include <holdfast/scoring/overlap.hpp>
#include <holdfast/scoring/porter.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/scratch.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokens.hpp>
#include <holdfast/scoring/union_lcs.hpp>
#include <holdfast/scoring/word_numbers.hpp>

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

/// Working memory of one pair of texts.
struct pair_memory {
    scoring::detail::marked_text text[2];
    scoring::detail::word_keys keys[2];
    scoring::detail::long_words longs;
    scoring::detail::known_stems stems;
    std::string longer;
    scoring::detail::word_numbers number;
    std::vector<std::uint32_t> ids[2], met;
    std::span<const std::uint32_t> words[2];
    ngrams grams;
    std::vector<std::uint32_t> left;
    std::size_t bytes() const {
        return text[0].bytes() + text[1].bytes() + keys[0].bytes() + keys[1].bytes() + longs.bytes() + stems.bytes() +
               longer.capacity() + number.bytes() + grams.bytes() +
               4 * (ids[0].capacity() + ids[1].capacity() + met.capacity() + left.capacity());
    }
};

/// Both texts as word numbers, m.words: those of the reference from 1 on, 0 in the prediction is a word it has not.
inline void number_words(std::string_view prediction, std::string_view reference, bool stem, pair_memory& m) {
    m.text[0].mark(prediction);
    m.text[1].mark(reference);
    for (const std::size_t k : {0u, 1u}) scoring::detail::find_keys(m.text[k], m.keys[k]);
    if (m.keys[0].count_of_longs + m.keys[1].count_of_longs > 0)
        m.longs.clear(m.keys[0].count_of_longs + m.keys[1].count_of_longs);
    if (stem) {
        m.longer.clear();
        m.longer.reserve(2 * (prediction.size() + reference.size()) + 64);  // 16 bytes more for each of more than 15
    }
    for (const std::size_t k : {0u, 1u}) {
        if (stem)
            m.stems(m.text[k], m.keys[k], m.longer, m.longs);
        else
            scoring::detail::number_longs(m.text[k], m.keys[k], m.longs);
        if (m.ids[k].size() < m.keys[k].words + 16) m.ids[k].resize(m.keys[k].words + 16);
    }
    m.number.add(m.keys[1], m.ids[1].data());
    m.number.find(m.keys[0], m.ids[0].data());
    for (const std::size_t k : {0u, 1u}) m.words[k] = {m.ids[k].data(), m.keys[k].words};
}

/// Keeps of both texts the words that the other one has: the others are in no common subsequence.
inline void keep_common(pair_memory& m) {
    if (m.met.size() < m.number.size()) m.met.resize(m.number.size());
    std::fill_n(m.met.begin(), m.number.size(), 0u);
    for (const std::uint32_t id : m.words[0]) m.met[id] = 1;
    m.met[0] = 0;
    for (const std::size_t k : {0u, 1u})
        m.words[k] = {m.ids[k].data(), scoring::detail::keep_met(m.ids[k].data(), m.words[k].size(), m.met.data())};
}

}  // namespace detail

/// ROUGE-L of rouge-score: F of the longest common subsequence of the words, the text as one sequence. With several
/// references the best F counts (score_multi).
struct rouge_l {
    bool stem = false;  ///< rouge-score's use_stemmer

    static constexpr double best = 1;
    std::string_view name() const { return stem ? "google::rouge_l (stemmed)" : "google::rouge_l"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return scoring::detail::score_best(*this, prediction, references);
    }

    /// The counts behind the score of one pair.
    overlap match(std::string_view prediction, std::string_view reference) const {
        scoring::detail::scratch<detail::pair_memory> m;
        detail::number_words(prediction, reference, stem, *m);
        overlap o{0, static_cast<double>(m->words[0].size()), static_cast<double>(m->words[1].size())};
        detail::keep_common(*m);
        o.matches = static_cast<double>(lcs_length(m->words[0], m->words[1], m->number.size()));
        return o;
    }
};
static_assert(overlap_scorer<rouge_l>);

/// ROUGE-Lsum of rouge-score: lines are sentences; a line of the reference matches at the positions on any longest
/// common subsequence with a line of the prediction, each word of the prediction used once.
struct rouge_lsum {
    bool stem = false;  ///< rouge-score's use_stemmer

    static constexpr double best = 1;
    std::string_view name() const { return stem ? "google::rouge_lsum (stemmed)" : "google::rouge_lsum"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return scoring::detail::score_best(*this, prediction, references);
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
static_assert(overlap_scorer<rouge_lsum>);

/// ROUGE-N of rouge-score: F of the n-grams, each counted as often as both texts have it. With several references the
/// best F counts.
struct rouge_n {
    std::size_t n = 1;  ///< words in an n-gram, at least 1; more than the texts have scores 0
    bool stem = false;  ///< rouge-score's use_stemmer

    static constexpr double best = 1;
    std::string name() const { return "google::rouge_" + std::to_string(n) + (stem ? " (stemmed)" : ""); }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return scoring::detail::score_best(*this, prediction, references);
    }

    /// The counts behind the score of one pair.
    overlap match(std::string_view prediction, std::string_view reference) const {
        if (n == 0) return {};
        scoring::detail::scratch<detail::pair_memory> m;
        detail::number_words(prediction, reference, stem, *m);
        m->grams.clear();
        for (const auto words : m->words) m->grams.add(words);
        if (std::max(m->words[0].size(), m->words[1].size()) < n) return {};
        for (std::size_t k = 1; k < n; ++k) m->grams.lengthen();
        m->left.assign(m->grams.distinct(), 0);
        for (const std::uint32_t gram : m->grams[1]) ++m->left[gram];
        overlap o{0, static_cast<double>(m->grams[0].size()), static_cast<double>(m->grams[1].size())};
        for (const std::uint32_t gram : m->grams[0])
            if (m->left[gram] > 0) --m->left[gram], ++o.matches;
        return o;
    }
};
static_assert(overlap_scorer<rouge_n>);

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

    /// The counts behind the score of one pair.
    overlap match(std::string_view prediction, std::string_view reference) const {
        return google::rouge_l{.stem = true}.match(prediction, reference);
    }
};
static_assert(overlap_scorer<rouge_l>);

}  // namespace holdfast::scoring::superni
