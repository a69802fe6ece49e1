"""Our scorers and bootstrap beside the Python packages: the same texts, one thread, CPU time, in turns, medians of the rounds.

    pip install rouge==1.0.1 rouge-metric==1.0.1 rouge-score==0.1.2 rapidrouge==0.2.0 rouge-rust==0.1.12 rouge-score-rs==0.2.1 \\
        nltk==3.10.4 sacrebleu==2.6.0 rapidfuzz==3.14.6 scipy==1.17.1 numpy==2.4.6
    sh benchmarks/run.sh scoring metrics
    python3 benchmarks/peers/scoring_peers.py build/benchmarks/bin [--rounds 5] [--only WORD,...] [--sari FOLDER]

The first argument is the folder of scoring_bench and metrics_bench. --sari: the sources of the two SARIs, as for
tests/reference/scorer_parity.py. What a package keeps of earlier texts (sacreBLEU's tokenisers) is forgotten before each call.
rouge-rust and rouge-score-rs are Rust, rapidfuzz is C++; the others are Python.
"""
import argparse
import difflib
import importlib
import json
import pathlib
import statistics
import subprocess
import sys
import time
import types
import warnings

warnings.filterwarnings("ignore")
sys.setrecursionlimit(100000)


def texts(characters, state=12345):  # the rule of scoring_bench.cpp

    def step():
        nonlocal state
        state = (state * 1664525 + 1013904223) % 2**32
        return state >> 8

    left, right = "", ""
    while len(left) < characters:
        r, s, change = step() % 1000, step() % 1000, step() % 5
        tail = ". " if step() % 12 == 0 else " "
        left += f"w{r * r // 1000}{tail}"
        right += f"w{s if change == 0 else r * r // 1000}{tail}"
    return left, right


def seconds(call, least):
    runs, spent = 0, 0.0
    while spent < least:
        begin = time.process_time()
        call()
        spent += time.process_time() - begin
        runs += 1
    return spent / runs


def ours(folder, benchmark):
    program = "metrics_bench" if benchmark.startswith("BM_paired") else "scoring_bench"
    run = subprocess.run([str(pathlib.Path(folder, program)), f"--benchmark_filter=^{benchmark}$", "--benchmark_format=json",
                          "--benchmark_min_time=0.2"], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)["benchmarks"][0]
    return found["cpu_time"] * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3}[found["time_unit"]]


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"SKIPPED: {name} is not installed")
        return None


def rouge_cases():
    sizes = (300, 3000)
    for module, label in (("rouge_score.rouge_scorer", "rouge-score 0.1.2"), ("rapidrouge.rouge_scorer", "rapidrouge 0.2.0"),
                          ("rouge_score_rs.rouge_scorer", "rouge-score-rs 0.2.1 (Rust), score")):
        for stem, ours in ((False, "google::rouge_l"), (True, "superni::rouge_l")):
            if found := package(module):
                scorer = found.RougeScorer(["rougeL"], use_stemmer=stem)
                name = ours.replace("::", "_")
                for n in sizes if "0.1.2" in label else (*sizes, 30000):
                    yield f"{ours}, {n}", f"BM_{name}/{n}", label, lambda p, r, s=scorer: s.score(r, p), n, 1
                if hasattr(scorer, "score_batch"):
                    for n in (*sizes, 30000):
                        yield (f"{ours}, {n}", f"BM_{name}/{n}", "rouge-score-rs 0.2.1 (Rust), batch of 50",
                               lambda p, r, s=scorer: s.score_batch([r] * 50, [p] * 50), n, 50)
                for n in (60, *sizes) if label != "rouge-score 0.1.2" else (60, 300):
                    def corpus(*_, n=n, s=scorer):  # 300 different pairs
                        pairs = [texts(n, i) for i in range(300)]
                        left, right = [p for p, _ in pairs], [r for _, r in pairs]
                        if hasattr(s, "score_batch"):
                            return lambda: s.score_batch(right, left)
                        return lambda: [s.score(r, p) for p, r in pairs]
                    corpus_name = "BM_corpus_superni_rouge_l" if stem else "BM_corpus_rouge_l"
                    yield f"{ours}, 300 pairs of {n}", f"{corpus_name}/{n}", label.replace(", score", ", batch"), corpus, n, 0
    if found := package("fast_rouge"):
        for n in (*sizes, 30000):
            yield (f"google::rouge_l, {n}", f"BM_google_rouge_l/{n}", "rouge-rust 0.1.12 (Rust), rouge1, 2 and L",
                   lambda p, r, f=found: f.score(r, p), n, 1)
    if found := package("rouge"):
        sets = found.Rouge(metrics=["rouge-l"])
        for n in sizes:
            yield f"trace::rouge_l, {n}", f"BM_trace_rouge_l/{n}", "rouge 1.0.1", lambda p, r: sets.get_scores(r, p, avg=True), n, 1
    if found := package("rouge_metric"):
        counted = found.PyRouge(rouge_n=[], rouge_l=True)
        for n in sizes:
            yield f"inscl::rouge_l, {n}", f"BM_inscl_rouge_l/{n}", "rouge-metric 1.0.1", lambda p, r: counted.evaluate([p], [[r]]), n, 1


def edit_cases():
    for n in (100, 1000, 10000):
        yield (f"difflib ratio, {n}", f"BM_difflib/{n}", f"difflib of CPython {sys.version.split()[0]}",
               lambda p, r: difflib.SequenceMatcher(None, p, r).ratio(), n, 1)
    if (process := package("rapidfuzz.process")) and (distance := package("rapidfuzz.distance")):
        similarity = distance.Indel.normalized_similarity
        for n in (60, 100, 1000, 10000):
            yield f"indel ratio, {n}", f"BM_indel/{n}", "rapidfuzz 3.14.6 (C++), Indel", similarity, n, 1
        for n in (60, 100, 1000, 10000):
            def table(p, r):
                a, b = ([t[i:] + t[:i] for i in range(50)] for t in (p, r))
                return lambda: process.cdist(a, b, scorer=similarity, workers=1)
            yield f"indel table 50 x 50, {n}", f"BM_indel_table/{n}", "rapidfuzz 3.14.6 (C++), cdist, 1 worker", table, n, 0


def bleu_cases():
    if found := package("sacrebleu.metrics"):
        bleu = found.BLEU(effective_order=True)
        tokenizers = importlib.import_module("sacrebleu.tokenizers.tokenizer_13a"), importlib.import_module("sacrebleu.tokenizers.tokenizer_re")

        def fresh(p, r):
            tokenizers[0].Tokenizer13a.__call__.cache_clear()
            tokenizers[1].TokenizerRegexp.__call__.cache_clear()
            return bleu.sentence_score(p, [r])

        for n in (100, 300, 3000):
            yield f"sacrebleu::sentence_bleu, {n}", f"BM_sacrebleu/{n}", "sacrebleu 2.6.0", fresh, n, 1
    if found := package("nltk.translate.bleu_score"):
        def nltk_bleu(p, r):
            p, r = ([w for w in t.replace(".", " ").split() if w] for t in (p, r))
            return found.sentence_bleu([r], p)

        for n in (300, 3000):
            yield f"trace::bleu_4, {n}", f"BM_trace_bleu_4/{n}", "nltk 3.10.4", nltk_bleu, n, 1


def sari_cases(folder):
    for name in ("datasets", "sacremoses", "evaluate"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["evaluate"].Metric = object
    sys.modules["evaluate"].utils = types.SimpleNamespace(
        file_utils=types.SimpleNamespace(add_start_docstrings=lambda *_: lambda c: c))
    space = {}
    exec(compile(pathlib.Path(folder, "metrics/sari/sari.py").read_text(encoding="utf-8"), "sari.py", "exec"), space)
    sys.path.insert(0, folder)
    easse = importlib.import_module("easse.sari")
    normal = space["normalize"]
    for n in (100, 300, 3000):
        yield (f"hf::sari, {n}", f"BM_hf_sari/{n}", "evaluate, metrics/sari",
               lambda p, r: space["SARIsent"](normal(r), normal(p), [normal(p[len(p) // 4:])]), n, 1)
        yield (f"easse::sari, {n}", f"BM_easse_sari/{n}", "EASSE",
               lambda p, r: easse.corpus_sari([r], [p], [[p[len(p) // 4:]]]), n, 1)


def bootstrap_cases():
    stats, numpy = package("scipy.stats"), package("numpy")
    if not stats or not numpy:
        return
    rng = numpy.random.default_rng(4)
    a, b = rng.random(10_000), rng.random(10_000)
    for method in ("percentile", "BCa"):
        def resample(*_, m=method):  # batches of 100 are SciPy's fastest here: one of all 10,000 is 800 MB
            return lambda: stats.bootstrap((a, b), lambda x, y, axis: numpy.mean(x - y, axis=axis), paired=True, vectorized=True,
                                           n_resamples=10_000, batch=100, method=m, rng=1)
        yield (f"paired bootstrap, {method}, 10,000 x 10,000", f"BM_paired_bootstrap/{method.lower()}",
               f"scipy 1.17.1, bootstrap, {method}", resample, 100, 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--sari")
    a = parser.parse_args()
    cases = [*rouge_cases(), *edit_cases(), *bleu_cases(), *(sari_cases(a.sari) if a.sari else []), *bootstrap_cases()]
    if not a.sari:
        print("SKIPPED: SARI, no --sari folder")
    print(f"{'score, characters':44}{'holdfast':>12}{'peer':>14}{'ratio':>10}  peer")
    for label, benchmark, peer, call, n, times in cases:
        if a.only and not any(word in label for word in a.only.split(",")):
            continue
        left, right = texts(n)
        run = call(left, right) if times == 0 else lambda c=call: c(left, right)
        if times != 0:
            run()  # once before it counts
        mine, theirs = [], []
        for _ in range(a.rounds):
            mine.append(ours(a.folder, benchmark))
            theirs.append(seconds(run, 0.2) / max(times, 1))
        ratio = statistics.median(t / m for m, t in zip(mine, theirs))
        print(f"{label:44}{statistics.median(mine) * 1e6:10.2f}us{statistics.median(theirs) * 1e6:12.2f}us{ratio:10.1f}  {peer}", flush=True)


main()
