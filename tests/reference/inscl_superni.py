"""InsCL on the sixteen groups of data/superni, from the paper's formulas and the released code's arithmetic alone.

    python3 -m venv venv && venv/bin/pip install POT==0.9.7.post1 numpy==2.4.6
    venv/bin/python tests/reference/inscl_superni.py SHARED/data/superni > tests/reference/inscl_superni.json

Distances: POT's exact ot.emd2 on 1 - cosine between counts of byte pairs, which tests/replay/inscl_test.cpp makes too.
Tags: the words of seven letters or more, cut to four and ended with q, so that no lemma is left to take off.
"""
import collections
import json
import math
import re
import sys

import numpy as np
import ot

folder = sys.argv[1]
order = json.load(open(f"{folder}/categories.json"))["order"]


def embedding(text):
    row = np.zeros(64)
    raw = text.encode()
    for a, b in zip(raw, raw[1:]):
        row[(31 * a + b) % 64] += 1
    return row / np.linalg.norm(row)


def tags(text):
    return [w[:4].lower() + "q" for w in re.findall(r"[A-Za-z]{7,}", text)][:6]


tasks = []
for name in order:
    instructions = [json.loads(line)["instruction"] for line in open(f"{folder}/{name}/train.jsonl")]
    distinct = list(dict.fromkeys(instructions))
    count = collections.Counter(instructions)
    tasks.append({"n": [count[i] for i in distinct], "x": np.array([embedding(i) for i in distinct]),
                  "tags": [tags(i) for i in distinct]})


def distance(a, b):
    weights = [np.array(t["n"]) / sum(t["n"]) for t in (a, b)]
    return ot.emd2(weights[0], weights[1], 1 - a["x"] @ b["x"].T, numItermax=1000000)


def fill(weights, budget, capacity):
    """Shares in proportion to the weights, none above its capacity."""
    full = [False] * len(weights)
    while True:
        rest = budget - sum(c for c, f in zip(capacity, full) if f)
        total = sum(w for w, f in zip(weights, full) if not f)
        share = [c if f else (rest * w / total if total > 0 else 0) for w, c, f in zip(weights, capacity, full)]
        over = [i for i, (s, c, f) in enumerate(zip(share, capacity, full)) if not f and s > c]
        if not over:
            return share
        for i in over:
            full[i] = True


def hamilton(weights, budget, capacity):
    share = fill(weights, min(budget, sum(c for w, c in zip(weights, capacity) if w > 0)), capacity)
    seats = [math.floor(s + 1e-9) for s in share]
    placed = min(budget, round(sum(share)))
    by_rest = sorted(range(len(share)), key=lambda i: (seats[i] - share[i], i))
    for i in by_rest:
        if sum(seats) < placed and seats[i] < capacity[i]:
            seats[i] += 1
    return seats


def information(pool, of, once):
    """[k] sum over tags of ln(N / f)."""
    seen = collections.Counter()
    for task in pool:
        for t in task["tags"]:
            seen.update(set(t) if once else t)
    n = sum(len(task["tags"]) for task in pool)
    return [sum(math.log(n / seen[t]) for t in (set(ts) if once else ts)) for ts in of["tags"]]


stages = []
for stage in range(1, len(tasks)):
    past, now = tasks[:stage], tasks[stage]
    w = [distance(t, now) for t in past]
    budget = 200 * stage
    sizes = [sum(t["n"]) for t in past]
    published = hamilton(w, budget, sizes)
    inside = [hamilton(information(past, t, True), q, t["n"]) for t, q in zip(past, published)]
    # sample by the released code: round down, one more to the largest, by value (list.index: the first on a tie)
    released = [int(x / sum(w) * budget) for x in w]
    for x in sorted(w, reverse=True)[: budget - sum(released)]:
        released[w.index(x)] += 1
    released = [min(q, n) for q, n in zip(released, sizes)]
    base = []
    for t, q in zip(past, released):
        s = information(past + [now], t, False)
        total = sum(sorted(s, reverse=True))
        base.append([min(max(1, int(x / total * q)), n) for x, n in zip(s, t["n"])])
    stages.append({"distance": w, "published": published, "inside": inside, "released": released, "base": base})
print("[" + ",\n".join(json.dumps(s, separators=(",", ":")) for s in stages) + "]")
