#!/usr/bin/env python3
"""Distances between tasks beside POT, in one run, on the same points, on this machine.

    sh benchmarks/run.sh transport -- --benchmark_filter=NONE        # builds build/benchmarks/bin/transport_bench
    python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/transport_requirements.txt
    peers/bin/python benchmarks/peers/transport_peers.py build/benchmarks/bin/transport_bench [--sizes 1000 2000]

Every time includes the cost matrix: holdfast's from float32 points to the certified result, POT's ot.dist on the same
float32 points and its solver, with POT's defaults (float64 for the solver, which converts). The best of the
repetitions counts on both sides. POT's exact value must lie within holdfast's bounds, or the script fails.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import ot


def best(call, repetitions):
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        value = call()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times), float(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", help="the built transport_bench")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000], help="of near and far, where the bench has them")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--sinkhorn", action="store_true", help="POT's sinkhorn and sinkhorn_log too (slow)")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        sizes = "|".join(map(str, arguments.sizes))
        ours = json.loads(subprocess.run(
            [arguments.bench, f"--benchmark_filter=transport/(certified_1%|exact)/(near|far)/({sizes})/",
             "--benchmark_format=json", f"--benchmark_repetitions={arguments.repetitions}",
             "--benchmark_min_time=0.05"],
            check=True, capture_output=True, text=True,
            env={**os.environ, "HOLDFAST_BENCH_POINTS": folder}).stdout)
        rows = {}
        for run in ours["benchmarks"]:
            if run["run_type"] != "iteration":
                continue
            _, what, kind, size, *_ = run["name"].split("/")
            key = (kind, int(size), what)
            if key not in rows or run["real_time"] < rows[key]["real_time"]:
                rows[key] = run
        print(f"{'':12}{'holdfast':>22}{'POT ' + ot.__version__:>24}")
        failed = False
        for kind, size in sorted({key[:2] for key in rows}):
            a, b = (np.fromfile(f"{folder}/{kind}-{size}-{end}.f32", dtype=np.float32).reshape(size, -1) for end in "ab")
            w = np.full(size, 1 / size)

            def cost():
                return ot.dist(a, b, metric="sqeuclidean").astype(np.float64) / 2  # cosine cost: the points have unit length

            peers = {"emd2": lambda: ot.emd2(w, w, cost(), numItermax=10**7)}
            if arguments.sinkhorn:
                peers["sinkhorn 0.01"] = lambda: ot.sinkhorn2(w, w, cost(), 0.01)
                peers["sinkhorn_log 0.01"] = lambda: ot.sinkhorn2(w, w, cost(), 0.01, method="sinkhorn_log")
            for name, call in peers.items():
                milliseconds, value = best(call, arguments.repetitions)
                for what in ("certified_1%", "exact"):
                    run = rows[(kind, size, what)]
                    print(f"{kind + ' ' + str(size):12}{what:>13}{run['real_time']:>9.1f} ms"
                          f"{name:>18}{milliseconds:>9.1f} ms{milliseconds / run['real_time']:>8.1f}x")
                    if name == "emd2" and not run["lower"] - 2e-7 <= value <= run["upper"] + 2e-7:
                        print(f"  POT's exact value {value} is outside [{run['lower']}, {run['upper']}]")
                        failed = True
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
