"""Our statistics beside SciPy and statsmodels on random samples, ties and zeros among them: every number equal to 1e-9, or
the case is printed and the script ends with 1. Bootstrap intervals are random on both sides: their bounds differ by less
than a twentieth of the interval's width at 20,000 resamples.

    pip install scipy==1.17.1 statsmodels==0.15.0 numpy==2.4.6
    python3 tests/reference/statistics_parity.py [CASES, default 10000 [NAME,...]]

Builds statistics_driver.cpp beside it with $CXX (default c++); needs Boost's headers.

Where a peer differs by definition: the Jeffreys interval reaches 0 where nothing succeeded and 1 where all did (Brown, Cai &
DasGupta 2001, section 4.1.2); statsmodels 0.15.0 leaves that out, so that bound is ours. Not drawn: sign flips of differences
whose sum is 0 but for rounding, where p is 1 (SciPy 1.17.1 compares with a tolerance relative to that sum and says .97); Friedman's and the rank correlations are NaN in SciPy where all
scores of one side are equal (we say 0 or 1 there); SciPy's exact permutation is asked of 9 pairs at most, 2,000 cases of 10,000.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent


def differences(rng, longest=40):
    while True:
        d = rng.normal(rng.choice((0, 0.3, 1)), 1, rng.integers(3, longest + 1))
        d = np.round(d, 1) if rng.random() < 0.5 else d
        if np.any(d) and len(set(d)) > 1:
            return d


def two_sides(rng):
    while True:
        n = rng.integers(3, 40)
        a, b = rng.normal(size=n), rng.normal(size=n)
        b += rng.choice((-1, 0, 1)) * a
        if rng.random() < 0.5:
            a, b = np.round(a, 1), np.round(b)
        if len(set(a)) > 1 and len(set(b)) > 1:
            return np.concatenate((a, b))


def halves(x):
    return x[:len(x) // 2], x[len(x) // 2:]


def table(rng):
    while True:
        rows, methods = rng.integers(3, 20), rng.integers(3, 8)
        x = np.round(rng.normal(size=(rows, methods)), rng.integers(1, 4))
        if any(len(set(row)) > 1 for row in x):
            return np.concatenate(([methods], x.ravel()))


def friedman(x):
    f = stats.friedmanchisquare(*x[1:].reshape(-1, int(x[0])).T)
    return f.statistic, f.pvalue


def p_values(rng):
    return np.round(rng.random(rng.integers(1, 30)) ** 3, rng.integers(2, 17))


def share(rng):
    n = rng.integers(1, 3000)
    return np.array([rng.choice((0, n, rng.integers(0, n + 1))), n])


def jeffreys(x):
    low, high = proportion_confint(int(x[0]), int(x[1]), .1, "jeffreys")
    return 0.0 if x[0] == 0 else low, 1.0 if x[0] == x[1] else high


def t_test(x):
    t = stats.ttest_1samp(x, 0)
    return t.statistic, t.pvalue


def t_interval(x):
    i = stats.ttest_1samp(x, 0).confidence_interval(.9)
    return i.low, i.high


def wilcoxon(rule):
    def ask(x):
        w = stats.wilcoxon(x, zero_method=rule, method=stats.PermutationMethod(n_resamples=10**6))
        return w.statistic, w.pvalue
    return ask


def bootstrap(rule):
    def ask(x):
        i = stats.bootstrap((x,), np.mean, method=rule, confidence_level=.95, n_resamples=20_000, rng=1).confidence_interval
        return i.low, i.high
    return ask


def few(rng):
    return differences(rng, 9)


def few_that_differ(rng):
    while True:
        d = few(rng)
        if abs(d.sum()) > 1e-9:
            return d


CHECKS = {  # name: sample, peer, share of the cases
    "t_test": (differences, t_test, 1),
    "t_interval": (differences, t_interval, 1),
    "sign_flip": (few_that_differ, lambda x: [stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=10**6,
                                                         vectorized=True).pvalue], .2),
    "wilcoxon_wilcox": (few, wilcoxon("wilcox"), .2),
    "wilcoxon_pratt": (few, wilcoxon("pratt"), .2),
    "wilcoxon_zsplit": (few, wilcoxon("zsplit"), .2),
    "kendall": (two_sides, lambda x: [stats.kendalltau(*halves(x)).statistic], 1),
    "spearman": (two_sides, lambda x: [stats.spearmanr(*halves(x)).statistic], 1),
    "friedman": (table, friedman, 1),
    "holm": (p_values, lambda p: multipletests(p, method="holm")[1], 1),
    "fdr_bh": (p_values, lambda p: multipletests(p, method="fdr_bh")[1], 1),
    "fdr_by": (p_values, lambda p: multipletests(p, method="fdr_by")[1], 1),
    "wilson": (share, lambda x: proportion_confint(int(x[0]), int(x[1]), .1, "wilson"), 1),
    "beta": (share, lambda x: proportion_confint(int(x[0]), int(x[1]), .1, "beta"), 1),
    "jeffreys": (share, jeffreys, 1),
    "mcnemar": (lambda rng: rng.integers(0, rng.choice((5, 50, 500)), 2), lambda x: [
        mcnemar([[1, int(x[0])], [int(x[1]), 1]], exact=True).pvalue if x.sum() else 1.0], 1),
    "percentile": (differences, bootstrap("percentile"), .01),
    "basic": (differences, bootstrap("basic"), .01),
    "BCa": (differences, bootstrap("BCa"), .01),
}


def main():
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    names = sys.argv[2].split(",") if len(sys.argv) > 2 else list(CHECKS)
    print(f"SciPy {scipy.__version__}, statsmodels {statsmodels.__version__}")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        driver = f"{folder}/driver"
        subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-O2", f"-I{HERE.parent.parent / 'include'}",
                        str(HERE / "statistics_driver.cpp"), "-o", driver, "-lpthread"], check=True)
        for name in names:
            sample, peer, part = CHECKS[name]
            rng = np.random.default_rng(7)
            samples = [sample(rng) for _ in range(max(1, int(cases * part)))]
            asked = "".join(f"{name} {' '.join(repr(float(v)) for v in x)}\n" for x in samples)
            answers = subprocess.run([driver], input=asked, capture_output=True, text=True, check=True).stdout.splitlines()
            largest, bad = 0.0, 0
            for x, answer in zip(samples, answers, strict=True):
                have, want = np.array([float(v) for v in answer.split()]), np.asarray(peer(x), dtype=float)
                off = np.abs(have - want)
                if name in ("percentile", "basic", "BCa"):
                    off = off / (want[1] - want[0])
                largest = max(largest, float(off.max()))
                limit = .05 if name in ("percentile", "basic", "BCa") else 1e-9 * np.maximum(1, np.abs(want))
                if not np.all(off <= limit):
                    bad += 1
                    if bad <= 3:
                        print(f"    {have}, peer {want}: {x.tolist()}")
            unit = " of the width" if name in ("percentile", "basic", "BCa") else ""
            print(f"  {name:16} {len(samples) - bad:6} of {len(samples)} equal, largest difference {largest:.1e}{unit}", flush=True)
            wrong += bad
    print("all equal" if wrong == 0 else f"{wrong} differ")
    sys.exit(wrong > 0)


main()
