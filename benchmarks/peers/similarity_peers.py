#!/usr/bin/env python3
"""All pairs of real tasks beside a loop over POT, in one run, on the same points, on this machine.

    sh examples/run.sh similarity --help                             # builds build/examples/bin/similarity
    python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/transport_requirements.txt
    peers/bin/python benchmarks/peers/similarity_peers.py build/examples/bin/similarity DIR

DIR holds tasks (TRACE's or SuperNI's layout). Every record is embedded (hashed n-grams of its prompt) and both sides
read the same .npy files, on one core, and take turns: CPU time, of the distances (costs and solver: ot.dist and
ot.emd2 on POT's side), and on holdfast's side of the whole process too (start, reading, writing). The median of the
rounds counts, of seconds on the clock as well. With --all-cores both sides use the machine as they come (POT's cost
matrices are made on all cores, its solver on one), and it is the clock that counts: threads that wait for work count
as CPU time. POT's exact values must lie within holdfast's bounds, or the script fails. InsCL's allocation that follows
(200 examples for each earlier task, in proportion to the distances, by largest remainders) is compared, every task in
turn being the current one.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

if "--all-cores" not in sys.argv:
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):  # before NumPy starts them
        os.environ[threads] = "1"

import numpy as np  # noqa: E402
import ot  # noqa: E402


def children():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def ours(program, folder, names, gap):
    start = children()
    files = [f"{folder}/{n}.npy" for n in names]
    weights = [f"{folder}/{n}.w.npy" for n in names]
    out = subprocess.run([program, *files, "--weights", *weights, "--relative-gap", str(gap), "--format", "json"],
                         check=True, capture_output=True, text=True).stdout
    table = json.loads(out)
    return {"whole": children() - start, "distances": table["cpu_seconds"], "clock": table["seconds"]}, table


def pot(points, weights):
    start, clock = time.process_time(), time.perf_counter()
    table = np.zeros((len(points), len(points)))
    for i in range(len(points)):
        for j in range(i):
            cost = ot.dist(points[i], points[j], metric="cosine")
            table[i, j] = table[j, i] = ot.emd2(weights[i], weights[j], cost, numItermax=100000)
    return {"distances": time.process_time() - start, "clock": time.perf_counter() - clock}, table


def allocation(table, budget=200):
    """How many examples of every other task, for each task in turn [T, T]."""
    quotas = np.zeros(table.shape, dtype=int)
    for i, w in enumerate(np.array(table)):
        share = w / w.sum() * budget * (len(w) - 1)
        quotas[i] = np.floor(share)
        left = int(round(share.sum())) - quotas[i].sum()
        for j in np.argsort(quotas[i] - share, kind="stable")[:left]:
            quotas[i, j] += 1
    return quotas


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)  # --all-cores is looked for before it is parsed
    parser.add_argument("program", help="the built similarity")
    parser.add_argument("tasks", help="folder of tasks")
    parser.add_argument("--field", default="prompt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--all-cores", action="store_true", help="both sides as they come; the clock counts")
    arguments = parser.parse_args()
    if not arguments.all_cores:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    with tempfile.TemporaryDirectory() as folder:
        made = json.loads(subprocess.run(
            [arguments.program, "--text", arguments.tasks, "--field", arguments.field, "--save", folder,
             "--relative-gap", "0.5", "--format", "json"], check=True, capture_output=True, text=True).stdout)
        names = made["names"]
        points = [np.load(f"{folder}/{n}.npy") for n in names]
        weights = [np.load(f"{folder}/{n}.w.npy") for n in names]
        times = {"POT": [], "within 1 %": [], "exact": []}
        failed, differ = False, {}
        for _ in range(arguments.rounds):
            seconds, exact = pot(points, weights)
            time.sleep(0.5)  # NumPy's threads look for work some time longer: in nobody's time
            times["POT"].append(seconds)
            for what, gap in (("within 1 %", 0.01), ("exact", 0)):
                seconds, table = ours(arguments.program, folder, names, gap)
                times[what].append(seconds)
                low, high = np.array(table["lower"]) - 1e-9, np.array(table["upper"]) + 1e-9
                failed |= bool(((exact < low) | (exact > high)).any())
                differ[what] = np.abs(allocation(np.array(table["value"])) - allocation(exact))
    median = {who: {of: statistics.median(t[of] for t in all) for of in all[0]} for who, all in times.items()}
    peer = median["POT"]
    print(f"{len(names)} tasks, {sum(made['rows'])} records, {sum(made['points'])} distinct, "
          f"{points[0].shape[1]} dimensions; POT {ot.__version__} in a loop: {peer['distances']:.2f} s of CPU, "
          f"{peer['clock']:.2f} s on the clock")
    for what in ("within 1 %", "exact"):
        mine = median[what]
        print(f"holdfast, {what}: distances {mine['distances']:.3f} s of CPU, "
              f"{peer['distances'] / mine['distances']:.1f} times as fast ({mine['clock']:.3f} s on the clock, "
              f"{peer['clock'] / mine['clock']:.1f} times); the whole program {mine['whole']:.3f} s, "
              f"{peer['distances'] / mine['whole']:.1f} times; allocations: {int((differ[what] > 0).sum())} of "
              f"{differ[what].size - len(names)} quotas differ, by {int(differ[what].max())} examples at most")
    if failed:
        sys.exit("POT's exact value lies outside holdfast's bounds")


if __name__ == "__main__":
    main()
