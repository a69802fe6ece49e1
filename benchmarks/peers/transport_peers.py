#!/usr/bin/env python3
"""Distances between tasks beside POT, GeomLoss and OTT-JAX, in one run, on the same points, on this machine.

    sh benchmarks/run.sh transport -- --benchmark_filter=NONE        # builds build/benchmarks/bin/transport_bench
    python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/transport_requirements.txt
    peers/bin/python benchmarks/peers/transport_peers.py build/benchmarks/bin/transport_bench [--sizes 1000 4000 8000]
        [--sinkhorn]

Every time includes the cost matrix: holdfast's from float32 points to the result; POT's ot.dist on the same float32
points and its solver, with POT's defaults (float64 for the solver, which converts); GeomLoss's SamplesLoss and
OTT-JAX's PointCloud from the points, in float32, compiled and run once before they are timed. Entropic peers run at
epsilon 0.01 of the cosine cost, converge as their own defaults say (GeomLoss: scaling 0.9) and prove nothing; holdfast
proves 1 %. Repetitions of both sides take turns, so that a busy machine is busy for both; times are medians of CPU time
over all threads (peers have one thread, so that none is counted for waiting), memory the peak of a process that does
nothing else (the clouds included, on both sides). What takes a peer more than five seconds is run once. POT's exact value must lie within holdfast's bounds, or the script
fails. A peer that is not installed is passed over.
"""
import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


class without_array_libraries:
    """POT loads every array library that it finds, which is not what its memory is about: it finds none."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "jax"):
            raise ModuleNotFoundError(name)


def pot(solver):
    import numpy as np
    sys.meta_path.insert(0, without_array_libraries())
    import ot

    def solve(a, b, w):
        cost = ot.dist(a, b, metric="sqeuclidean").astype(np.float64) / 2  # cosine: the points have unit length
        return float(solver(ot, w, cost))
    return solve


def geomloss():
    import torch
    from geomloss import SamplesLoss
    torch.set_num_threads(1)
    loss = SamplesLoss("sinkhorn", p=2, blur=0.1, scaling=0.9, debias=False, backend="tensorized")  # |x - y|^2 / 2
    return lambda a, b, w: float(loss(torch.from_numpy(a), torch.from_numpy(b)))


def ott():
    import jax
    from ott.geometry import pointcloud
    from ott.solvers import linear

    @jax.jit
    def run(a, b):
        return linear.solve(pointcloud.PointCloud(a, b, epsilon=0.02)).reg_ot_cost / 2  # its cost is |x - y|^2
    return lambda a, b, w: float(run(a, b))


SOLVERS = {
    "POT emd2": ("ot", lambda: pot(lambda ot, w, c: ot.emd2(w, w, c, numItermax=10**7))),
    "POT sinkhorn": ("ot", lambda: pot(lambda ot, w, c: ot.sinkhorn2(w, w, c, 0.01))),
    "POT sinkhorn_log": ("ot", lambda: pot(lambda ot, w, c: ot.sinkhorn2(w, w, c, 0.01, method="sinkhorn_log"))),
    "GeomLoss": ("geomloss", geomloss),
    "OTT-JAX": ("ott", ott),
}


def solve(folder, kind, size, solver):
    """The peer's value and the CPU milliseconds it took."""
    import numpy as np
    a, b = (np.fromfile(f"{folder}/{kind}-{size}{end}.f32", dtype=np.float32).reshape(size, -1) for end in ("-a", "-b"))
    w = np.full(size, 1 / size)
    of = SOLVERS[solver][1]()
    if not solver.startswith("POT"):
        of(a, b, w)
    start = time.process_time()
    value = of(a, b, w)
    return 1e3 * (time.process_time() - start), value


def run(command, environment):
    """What the command printed, and the peak of its memory in MB."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    text = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)} failed: {child.stderr.read()}")
    return text, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", help="the built transport_bench")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000], help="of near and far, where the bench has them")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--sinkhorn", action="store_true", help="entropic peers too (slow)")
    parser.add_argument("--peer", nargs=4, metavar=("FOLDER", "KIND", "SIZE", "SOLVER"), help="(for the script itself)")
    arguments = parser.parse_args()
    if arguments.peer:
        folder, kind, size, solver = arguments.peer
        print(json.dumps(solve(folder, kind, int(size), solver)))
        return 0

    failed = False
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HOLDFAST_BENCH_POINTS": folder, "OMP_NUM_THREADS": "1",
                       "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
                       "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_PLATFORMS": "cpu"}
        cases = [(kind, size, solver, what)
                 for size in arguments.sizes for kind in ("near", "far")
                 for solver, (module, _) in SOLVERS.items() for what in ("certified_1%", "exact")
                 if importlib.util.find_spec(module) is not None
                 and (solver == "POT emd2" or (arguments.sinkhorn and what != "exact"))
                 and (what == "exact" or size < 8000)]
        cases.append(("near", 1000, "POT emd2", "templated"))
        print(f"{'':14}{'':>14}{'holdfast':>12}{'MB':>7}{'peer':>33}{'MB':>7}{'ratio':>9}{'memory':>9}")
        for kind, size, solver, what in cases:
            name = f"transport/{what}/{kind}/{size}/" if what != "templated" else "transport/templated/1000_of_20"
            points = kind if what != "templated" else "near"
            ours, theirs = [], []
            for _ in range(arguments.repetitions):
                text, megabytes = run([arguments.bench, f"--benchmark_filter={name}", "--benchmark_format=json",
                                       "--benchmark_min_time=0.05"], environment)
                found = json.loads(text)["benchmarks"][0]
                ours.append(found["cpu_time"])
                if what == "templated":  # under the names that the peer reads
                    for end in "ab":
                        os.replace(f"{folder}/near-1000-templated-{end}.f32", f"{folder}/near-1000-{end}.f32")
                text, peer_megabytes = run(
                    [sys.executable, __file__, arguments.bench, "--peer", folder, points, str(size), solver], environment)
                milliseconds, value = json.loads(text)
                theirs.append(milliseconds)
                if milliseconds > 5000:
                    break
            our, their = statistics.median(ours), statistics.median(theirs)
            print(f"{kind + ' ' + str(size):14}{what:>14}{our:>9.1f} ms{megabytes:>7.0f}{solver:>21}{their:>9.1f} ms"
                  f"{peer_megabytes:>7.0f}{their / our:>8.1f}x{peer_megabytes / megabytes:>8.1f}x", flush=True)
            if solver == "POT emd2" and "lower" in found and not found["lower"] - 2e-7 <= value <= found["upper"] + 2e-7:
                print(f"  POT's exact value {value} is outside [{found['lower']}, {found['upper']}]")
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
