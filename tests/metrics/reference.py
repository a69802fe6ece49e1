"""Prints the numbers of reference_test.cpp. Recorded with SciPy 1.17.1 and NumPy 2.4.6 on 2026-11-21:
python3 tests/metrics/reference.py"""
import numpy as np
from scipy import stats

D = [0.3, -0.1, 0.2, 0.2, 0.0, 0.5, -0.2, 0.1, 0.4, 0.0, 0.3, 0.6]
X = [1, 2, 2, 3, 5, 5, 5, 8]
Y = [2, 1, 3, 3, 4, 7, 6, 6]
SCORES = [[.7, .7, .6, .8], [.5, .6, .6, .7], [.9, .8, .8, .8], [.4, .4, .4, .4], [.3, .5, .2, .6]]
SKEWED = [.1, .2, .2, .3, .4, .4, .5, .9, 1.4, 3.0]
P = [.001, .008, .039, .041, .042, .06, .074, .205, .212, .216]


def main():
    d = np.array(D)
    for rule in ("wilcox", "pratt", "zsplit"):
        r = stats.wilcoxon(d, zero_method=rule, method=stats.PermutationMethod(n_resamples=10**6))
        print("wilcoxon", rule, repr(float(r.statistic)), repr(float(r.pvalue)))
    many = np.array([((i * 37) % 71 - 27) / 100 for i in range(70)])
    r = stats.wilcoxon(many, method="asymptotic", correction=False)
    print("wilcoxon, 70 pairs, normal", repr(float(r.statistic)), repr(float(r.pvalue)))
    r = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=10**6)
    print("sign flip", repr(float(r.pvalue)))
    print("kendall", repr(float(stats.kendalltau(X, Y).statistic)))
    print("spearman", repr(float(stats.spearmanr(X, Y).statistic)))
    f = stats.friedmanchisquare(*np.array(SCORES).T)
    print("friedman", repr(float(f.statistic)), repr(float(f.pvalue)))
    for k in (2, 5, 20):
        print("studentised range", k, repr(float(stats.studentized_range.ppf(.99, k, np.inf))))
    for k, n in ((0, 10), (3, 81), (40, 41), (1000, 2000)):
        b = stats.binomtest(k, n)
        w, c = b.proportion_ci(.9, "wilson"), b.proportion_ci(.9, "exact")
        print("share", k, n, *(repr(float(x)) for x in (w.low, w.high, c.low, c.high)))
    for rule in ("percentile", "basic", "BCa"):
        b = stats.bootstrap((np.array(SKEWED),), np.mean, method=rule, n_resamples=400_000, rng=1)
        print("bootstrap", rule, *(repr(float(x)) for x in b.confidence_interval))
    for rule in ("bh", "by"):
        print(rule, *(repr(float(x)) for x in stats.false_discovery_control(P, method=rule)))
    t = stats.ttest_1samp(d, 0)
    i = t.confidence_interval(.9)
    print("t", repr(float(t.statistic)), repr(float(t.pvalue)), repr(float(i.low)), repr(float(i.high)))


main()
