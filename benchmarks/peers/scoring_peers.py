"""The Python packages on the texts of scoring_bench.cpp: microseconds per pair and megabytes per second of CPU time, one thread.

    pip install rouge==1.0.1 rouge-metric==1.0.1 rouge-score==0.1.2 nltk==3.10.4 rapidfuzz==3.14.6
    python3 benchmarks/peers/scoring_peers.py
"""
import difflib
import importlib
import sys
import time
import warnings


def texts(characters):
    state = 12345

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


def report(name, score, sizes):
    for characters in sizes:
        left, right = texts(characters)
        score(left, right)
        runs, spent = 0, 0.0
        while spent < 0.5 and runs < 20000:
            begin = time.process_time()
            score(left, right)
            spent += time.process_time() - begin
            runs += 1
        each = spent / runs
        print(f"{name}/{characters:<8} {each * 1e6:14.2f} us {(len(left) + len(right)) / each / 1e6:10.4f} MB/s", flush=True)


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"SKIPPED: {name} is not installed")
        return None


sys.setrecursionlimit(100000)
warnings.filterwarnings("ignore")
if rouge := package("rouge"):
    scorer = rouge.Rouge(metrics=["rouge-l"])
    report("pltrdy_rouge_l", lambda p, r: scorer.get_scores(r, p, avg=True), (300, 3000))
if rouge_metric := package("rouge_metric"):
    counted = rouge_metric.PyRouge(rouge_n=[], rouge_l=True)
    report("rouge_metric_rouge_l", lambda p, r: counted.evaluate([p], [[r]]), (300, 3000))
if rouge_score := package("rouge_score.rouge_scorer"):
    google = rouge_score.RougeScorer(["rougeL"])
    report("rouge_score_rouge_l", lambda p, r: google.score(r, p), (300, 3000))
report("cpython_difflib", lambda p, r: difflib.SequenceMatcher(None, p, r).ratio(), (100, 1000, 10000))
if distance := package("rapidfuzz.distance"):
    report("rapidfuzz_indel", distance.Indel.normalized_similarity, (60, 100, 1000, 10000))
if bleu := package("nltk.translate.bleu_score"):
    words = lambda text: [w for w in text.replace(".", " ").split() if w]
    report("nltk_bleu_4", lambda p, r: bleu.sentence_bleu([words(r)], words(p)), (300, 3000))
