#pragma once
// Every scorer by name, with its definition and origin in a line each, and the scoring of a whole corpus on all cores.
// Builds on all other headers of this folder and on core/parallel.hpp. Leaves out what the scores mean (metrics/).

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/scoring/bleu.hpp>
#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/exact_match.hpp>
#include <holdfast/scoring/rouge.hpp>
#include <holdfast/scoring/rouge_google.hpp>
#include <holdfast/scoring/sari.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/token_f1.hpp>

namespace holdfast::scoring {

/// A scorer with what a reader of its name wants to know.
struct catalogued {
    any_scorer scorer;
    std::string_view definition;
    std::string_view origin;
};

/// Every scorer of the library under its own name (`scorer.name()`), in the order of the headers.
inline const std::vector<catalogued>& catalogue() {
    static const std::vector<catalogued> all{
        {exact_match{}, "equal byte for byte; empty is wrong", "TRACE, metrics.py caculate_accuracy"},
        {stripped_match{}, "equal without white space at both ends", "holdfast"},
        {first_letter{}, "equal first code point", "TRACE, eval_ScienceQA.py"},
        {prefix_match{}, "the reference begins the prediction", "forks of TRACE"},
        {numeric_match{}, "equal last number", "holdfast"},
        {squad::exact_match{}, "equal without case, punctuation and articles", "SQuAD, evaluate-v1.1.py"},
        {squad::token_f1{}, "F1 of words without case, punctuation and articles", "SQuAD, evaluate-v1.1.py"},
        {superni::exact_match{}, "equal without case and punctuation", "SuperNI, evaluation.py"},
        {superni::rouge_l{}, "ROUGE-L of stemmed [a-z0-9] words, best reference", "SuperNI, evaluation.py"},
        {trace::rouge_l{}, "union-LCS over sentences on sets of words", "TRACE, pltrdy rouge 1.0.1"},
        {trace::bleu{1}, "sentence BLEU-1, no smoothing", "TRACE, NLTK"},
        {trace::bleu{4}, "sentence BLEU-4, no smoothing", "TRACE, NLTK"},
        {trace::py150{}, "fuzz.ratio (difflib) after literals become code, per cent", "TRACE, eval_Py150.py"},
        {trace::basic_py150<indel>{}, "fuzz.ratio (indel) after literals become code, per cent",
         "TRACE where python-Levenshtein is installed"},
        {trace::keyword_f1{}, "F1 of keywords between \" , \"; can exceed 1", "TRACE, eval_PapyrusF.py"},
        {inscl::rouge_l{}, "union-LCS over lines on counted words, references averaged", "InsCL, rouge-metric"},
        {google::rouge_n{1}, "F of common [a-z0-9] words", "rouge-score"},
        {google::rouge_n{2}, "F of common pairs of [a-z0-9] words", "rouge-score"},
        {google::rouge_l{}, "F of the LCS of [a-z0-9] words", "rouge-score"},
        {google::rouge_lsum{}, "union-LCS over lines of [a-z0-9] words", "rouge-score"},
        {google::rouge_n{1, true}, "F of common word stems", "rouge-score, use_stemmer"},
        {google::rouge_n{2, true}, "F of common pairs of word stems", "rouge-score, use_stemmer"},
        {google::rouge_l{true}, "F of the LCS of word stems", "rouge-score, use_stemmer"},
        {google::rouge_lsum{true}, "union-LCS over lines of word stems", "rouge-score, use_stemmer"},
        {edit_similarity<difflib>{}, "Ratcliff-Obershelp ratio of characters, with autojunk", "CPython difflib"},
        {edit_similarity<indel>{}, "2 LCS / (n + m) of characters", "rapidfuzz, python-Levenshtein"},
        {fuzz_ratio<difflib>{}, "100 difflib ratio, rounded half to even", "fuzzywuzzy"},
        {fuzz_ratio<indel>{}, "100 indel ratio, rounded half to even", "fuzzywuzzy with python-Levenshtein"},
        {codexglue::edit_sim<difflib>{}, "fuzz.ratio of stripped code, literals restored, per cent",
         "CodeXGLUE, code completion"},
        {codexglue::exact_match{}, "equal words of code, literals restored", "CodeXGLUE, code completion"},
        {sacrebleu::bleu{}, "sentence BLEU per cent, 13a, exponential smoothing, effective order", "sacreBLEU 2.6"},
        {hf::sari{}, "SARI per cent on 13a words, 0/0 = 1; needs the source", "Hugging Face evaluate"},
    };
    return all;
}

/// The scorer of that name.
///
/// @throw invalid_argument if there is none; the sentence lists all names
inline any_scorer named(std::string_view name) {
    std::string names;
    for (const catalogued& entry : catalogue()) {
        if (entry.scorer.name() == name) return entry.scorer;
        names.append(names.empty() ? "" : ", ").append(entry.scorer.name());
    }
    refuse("scoring::named: there is no scorer \"", name, "\"; there are ", names);
}

/// A prediction to be scored.
struct item {
    std::string prediction;
    std::vector<std::string> references;
    std::string source = {};  ///< the text that the model was given; only some scorers look at it
};

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
