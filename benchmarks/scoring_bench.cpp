// How fast predictions are scored. Every line reads BM_<scorer>/<characters> and reports bytes of prediction and
// reference per second, on one thread. Peers in the same file: the textbook LCS table, for what the bit-parallel one
// saves; benchmarks/peers/scoring_peers.py runs this program and the Python packages on the same texts, in turns.
//
//     sh benchmarks/run.sh scoring
//     python3 benchmarks/peers/scoring_peers.py build/benchmarks/bin

#include <benchmark/benchmark.h>

#include <holdfast/core/parallel.hpp>
#include <holdfast/scoring/bleu.hpp>
#include <holdfast/scoring/corpus.hpp>
#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/indel_table.hpp>
#include <holdfast/scoring/rouge.hpp>
#include <holdfast/scoring/rouge_google.hpp>
#include <holdfast/scoring/sari.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace scoring = holdfast::scoring;

namespace {

/// A text of words w0 ... w999 (small numbers often) with full stops, and a copy with a fifth of its words replaced.
/// The same rule stands in benchmarks/peers/scoring_peers.py.
std::pair<std::string, std::string> texts(std::size_t characters, std::uint32_t state = 12345) {
    const auto next = [&] { return state = state * 1664525u + 1013904223u, state >> 8; };
    std::pair<std::string, std::string> out;
    while (out.first.size() < characters) {
        const std::uint32_t r = next() % 1000, s = next() % 1000, change = next() % 5;
        const std::string tail = next() % 12 == 0 ? ". " : " ";
        out.first.append("w").append(std::to_string(r * r / 1000)).append(tail);
        out.second.append("w").append(std::to_string(change == 0 ? s : r * r / 1000)).append(tail);
    }
    return out;
}

template <class Score>
void run(benchmark::State& state, Score score) {
    const auto [prediction, reference] = texts(static_cast<std::size_t>(state.range(0)));
    const std::vector<std::string> references{reference};
    const double self = score(prediction, std::vector<std::string>{prediction});
    if (!(self > 0.99)) return state.SkipWithError("a text must match itself");
    for (auto _ : state) benchmark::DoNotOptimize(score(prediction, references));
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(prediction.size() + reference.size()));
}

template <class Scorer>
void scorer(benchmark::State& state) {
    run(state, [](const std::string& p, const std::vector<std::string>& r) { return Scorer{}.score(p, r); });
}

/// A corpus of 300 different pairs, one thread.
void corpus(benchmark::State& state, const scoring::any_scorer& s) {
    std::vector<scoring::item> items;
    for (std::uint32_t i = 0; i < 300; ++i) {
        auto [prediction, reference] = texts(static_cast<std::size_t>(state.range(0)), i);
        items.push_back({std::move(prediction), {std::move(reference)}});
    }
    const unsigned before = holdfast::threads();
    holdfast::set_threads(1);
    for (auto _ : state) benchmark::DoNotOptimize(scoring::score_corpus(s, items).mean);
    holdfast::set_threads(before);
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 300);
}

/// The source is the reference: a text with something to keep, to add and to delete.
template <class Scorer>
void sari(benchmark::State& state) {
    const auto [prediction, reference] = texts(static_cast<std::size_t>(state.range(0)));
    const std::vector<std::string> references{prediction.substr(prediction.size() / 4)};
    for (auto _ : state) benchmark::DoNotOptimize(Scorer{}.score(prediction, references, reference));
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(prediction.size() + reference.size() + references[0].size()));
}

/// Fifty texts against fifty, each a rotation of the two above: what rapidfuzz calls cdist. One thread.
void indel_table(benchmark::State& state) {
    const auto [prediction, reference] = texts(static_cast<std::size_t>(state.range(0)));
    std::vector<std::string> a, b;
    for (std::size_t i = 0; i < 50; ++i) {
        a.push_back(prediction.substr(i) + prediction.substr(0, i));
        b.push_back(reference.substr(i) + reference.substr(0, i));
    }
    const unsigned before = holdfast::threads();
    holdfast::set_threads(1);
    for (auto _ : state) benchmark::DoNotOptimize(scoring::indel_table(a, b).data());
    holdfast::set_threads(before);
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 2500);
}

/// ROUGE-L of Google's kind on the full table: what the bit-parallel walk is measured against.
void rouge_l_table(benchmark::State& state) {
    run(state, [](const std::string& p, const std::vector<std::string>& r) {
        const std::string left = scoring::rouge_score_tokens(p), right = scoring::rouge_score_tokens(r[0]);
        scoring::interner number;
        const auto a = number(scoring::split(left)), b = number(scoring::split(right));
        std::vector<std::uint32_t> above(b.size() + 1, 0), row(b.size() + 1, 0);
        for (const std::uint32_t x : a) {
            for (std::size_t j = 0; j < b.size(); ++j)
                row[j + 1] = x == b[j] ? above[j] + 1 : std::max(above[j + 1], row[j]);
            above.swap(row);
        }
        const double matches = above.back();
        return scoring::overlap{matches, static_cast<double>(a.size()), static_cast<double>(b.size())}.f();
    });
}

}  // namespace

BENCHMARK(scorer<scoring::trace::rouge_l>)->Name("BM_trace_rouge_l")->Arg(300)->Arg(3000)->Arg(30000);
BENCHMARK(scorer<scoring::inscl::rouge_l>)->Name("BM_inscl_rouge_l")->Arg(300)->Arg(3000)->Arg(30000);
BENCHMARK(scorer<scoring::google::rouge_l>)->Name("BM_google_rouge_l")->Arg(300)->Arg(3000)->Arg(30000);
BENCHMARK(scorer<scoring::superni::rouge_l>)->Name("BM_superni_rouge_l")->Arg(300)->Arg(3000)->Arg(30000);
BENCHMARK_CAPTURE(corpus, BM_corpus_rouge_l, scoring::google::rouge_l{})
    ->Name("BM_corpus_rouge_l")
    ->Arg(60)
    ->Arg(300)
    ->Arg(3000);
BENCHMARK_CAPTURE(corpus, BM_corpus_superni, scoring::superni::rouge_l{})
    ->Name("BM_corpus_superni_rouge_l")
    ->Arg(60)
    ->Arg(300)
    ->Arg(3000);
BENCHMARK(rouge_l_table)->Name("BM_google_rouge_l_table")->Arg(300)->Arg(3000)->Arg(30000);
BENCHMARK(scorer<scoring::edit_similarity<scoring::difflib>>)->Name("BM_difflib")->Arg(100)->Arg(1000)->Arg(10000);
BENCHMARK(scorer<scoring::edit_similarity<scoring::indel>>)->Name("BM_indel")->Arg(60)->Arg(100)->Arg(1000)->Arg(10000);
BENCHMARK(indel_table)->Name("BM_indel_table")->Arg(60)->Arg(100)->Arg(1000)->Arg(10000)->Unit(benchmark::kMicrosecond);
BENCHMARK(scorer<scoring::sacrebleu::bleu>)->Name("BM_sacrebleu")->Arg(100)->Arg(300)->Arg(3000);
BENCHMARK(scorer<scoring::trace::bleu>)->Name("BM_trace_bleu_4")->Arg(300)->Arg(3000);
BENCHMARK(sari<scoring::hf::sari>)->Name("BM_hf_sari")->Arg(100)->Arg(300)->Arg(3000);
BENCHMARK(sari<scoring::easse::sari>)->Name("BM_easse_sari")->Arg(100)->Arg(300)->Arg(3000);
