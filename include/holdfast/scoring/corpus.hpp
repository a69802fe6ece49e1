#pragma once
// A whole corpus scored in one pass on all cores: the score of every item, the numbers behind it, their mean and the
// score of the corpus as a whole. Builds on scorer.hpp and core/parallel.hpp. Leaves out intervals
// (metrics/bootstrap.hpp takes the numbers as they are).

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/scoring/scorer.hpp>

namespace holdfast::scoring {

/// A prediction to be scored.
struct item {
    std::string prediction;
    std::vector<std::string> references;
    std::string source = {};  ///< the text that the model was given; only some scorers look at it
};

/// What one pass over a corpus gives.
struct corpus_scores {
    std::vector<double> scores;  ///< of the items [n]
    matrix<double> numbers;      ///< what adds up over the items [n, scorer.width()]
    double mean = 0;             ///< of the scores (macro average): every item counts the same
    double pooled = 0;           ///< of the summed numbers (micro average); the mean where the scorer has none
};

/// Scores every item once. The same bits for any number of threads: sums are taken in the order of the items.
///
/// @throw invalid_argument if there is no item
/// @cost  the scores of all items, on all cores
inline corpus_scores score_corpus(const any_scorer& s, std::span<const item> items) {
    require(!items.empty(), "scoring::score_corpus: needs at least 1 item, there are 0");
    corpus_scores c{std::vector<double>(items.size()), matrix<double>(items.size(), s.width())};
    parallel_for(
        items.size(),
        [&](std::size_t i) {
            c.scores[i] = s.measure(items[i].prediction, items[i].references, items[i].source, c.numbers.row(i));
        },
        16);
    std::vector<double> sums(s.width(), 0);
    for (std::size_t i = 0; i < items.size(); ++i) {
        c.mean += c.scores[i];
        for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += c.numbers(i, k);
    }
    c.mean /= static_cast<double>(items.size());
    c.pooled = s.pools() ? s.pooled(sums, items.size()) : c.mean;
    return c;
}

/// The score of every item, on all cores; the same for any number of them.
///
/// @return  scores in the order of the items [n]
inline std::vector<double> score_all(const any_scorer& s, std::span<const item> items) {
    std::vector<double> scores(items.size());
    parallel_for(
        items.size(),
        [&](std::size_t i) { scores[i] = s.score(items[i].prediction, items[i].references, items[i].source); }, 16);
    return scores;
}

/// Mean of the scores of all items, every item counted (TRACE divides by the full list too), added up in order.
///
/// @throw invalid_argument if there is no item
inline double mean_score(const any_scorer& s, std::span<const item> items) {
    require(!items.empty(), "scoring::mean_score: needs at least 1 item, there are 0");
    double sum = 0;
    for (const double score : score_all(s, items)) sum += score;
    return sum / static_cast<double>(items.size());
}

}  // namespace holdfast::scoring
