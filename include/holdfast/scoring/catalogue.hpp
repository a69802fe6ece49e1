#pragma once
// Every scorer by name, with its definition and origin in a line each. Builds on the scorers of this folder; corpus.hpp
// comes with it. Leaves out multiple choice by likelihood, which scores no text (multiple_choice.hpp).

#include <string>
#include <string_view>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/scoring/bleu.hpp>
#include <holdfast/scoring/corpus.hpp>
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
        {codexglue::edit_sim<difflib>{}, "fuzz.ratio (difflib) of stripped code, literals restored, per cent",
         "CodeXGLUE, code completion"},
        {codexglue::edit_sim<indel>{}, "fuzz.ratio (indel) of stripped code, literals restored, per cent",
         "CodeXGLUE, code completion"},
        {codexglue::exact_match{}, "equal words of code, literals restored", "CodeXGLUE, code completion"},
        {sacrebleu::bleu{}, "mean sentence BLEU, per cent: 13a words, exponential smoothing, effective order",
         "sacreBLEU 2.6"},
        {sacrebleu::bleu{.words = sacrebleu::tokens::intl},
         "mean sentence BLEU, per cent: words of the international tokeniser", "sacreBLEU 2.6, tok:intl"},
        {sacrebleu::bleu{.words = sacrebleu::tokens::characters}, "mean sentence BLEU, per cent: characters",
         "sacreBLEU 2.6, tok:char"},
        {sacrebleu::bleu{.items = sacrebleu::over::corpus},
         "corpus BLEU, per cent: 13a words, counts added up over the items", "sacreBLEU 2.6"},
        {sacrebleu::bleu{.words = sacrebleu::tokens::intl, .items = sacrebleu::over::corpus},
         "corpus BLEU, per cent: words of the international tokeniser", "sacreBLEU 2.6, tok:intl"},
        {sacrebleu::bleu{.words = sacrebleu::tokens::characters, .items = sacrebleu::over::corpus},
         "corpus BLEU, per cent: characters", "sacreBLEU 2.6, tok:char"},
        {sacrebleu::bleu{.words = sacrebleu::tokens::none, .items = sacrebleu::over::corpus},
         "corpus BLEU, per cent: words between white space", "sacreBLEU 2.6, tok:none"},
        {hf::sari{}, "mean SARI, per cent: 13a words, 0/0 = 1; needs the source", "Hugging Face evaluate"},
        {easse::sari{}, "corpus SARI, per cent: 13a words, 0/0 = 0, F1 of deletions; needs the source",
         "EASSE, corpus_sari"},
        {easse::sari{.f1_of_deletion = false},
         "corpus SARI with the precision of deletions, as Xu et al.; needs the source",
         "EASSE, use_f1_for_deletion=False"},
        {easse::sari{.paper_version = true}, "corpus SARI with p and r averaged over n before F1; needs the source",
         "EASSE, use_paper_version=True"},
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

}  // namespace holdfast::scoring
