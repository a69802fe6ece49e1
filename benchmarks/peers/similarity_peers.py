#!/usr/bin/env python3
"""All pairs of real tasks beside a loop over POT, in one run, on the same points, on this machine.

    sh examples/run.sh similarity --help                             # builds build/examples/bin/similarity
    python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/transport_requirements.txt
    peers/bin/python benchmarks/peers/similarity_peers.py build/examples/bin/similarity DIR

DIR holds tasks (TRACE's or SuperNI's layout). Every record is embedded (hashed n-grams of its prompt) and both sides
read the same .npy files, on one core, and take turns; CPU time of the whole process on holdfast's side (start, reading,
costs, solving), of costs (ot.dist) and solver (ot.emd2) alone on POT's. The median of the rounds counts. POT's exact
values must lie within holdfast's bounds, or the script fails.
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

import numpy as np
import ot


def children():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def ours(program, folder, names, gap):
    start = children()
    files = [f"{folder}/{n}.npy" for n in names]
    weights = [f"{folder}/{n}.w.npy" for n in names]
    out = subprocess.run([program, *files, "--weights", *weights, "--relative-gap", str(gap), "--format", "json"],
                         check=True, capture_output=True, text=True).stdout
    return children() - start, json.loads(out)


def pot(points, weights):
    start = time.process_time()
    table = np.zeros((len(points), len(points)))
    for i in range(len(points)):
        for j in range(i):
            cost = ot.dist(points[i], points[j], metric="cosine")
            table[i, j] = table[j, i] = ot.emd2(weights[i], weights[j], cost, numItermax=100000)
    return time.process_time() - start, table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the built similarity")
    parser.add_argument("tasks", help="folder of tasks")
    parser.add_argument("--field", default="prompt")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    with tempfile.TemporaryDirectory() as folder:
        made = json.loads(subprocess.run(
            [arguments.program, "--text", arguments.tasks, "--field", arguments.field, "--save", folder,
             "--relative-gap", "0.5", "--format", "json"], check=True, capture_output=True, text=True).stdout)
        names = made["names"]
        points = [np.load(f"{folder}/{n}.npy") for n in names]
        weights = [np.load(f"{folder}/{n}.w.npy") for n in names]
        times = {"POT": [], "within 1 %": [], "exact": []}
        failed = False
        for _ in range(arguments.rounds):
            seconds, exact = pot(points, weights)
            times["POT"].append(seconds)
            for what, gap in (("within 1 %", 0.01), ("exact", 0)):
                seconds, table = ours(arguments.program, folder, names, gap)
                times[what].append(seconds)
                low, high = np.array(table["lower"]) - 1e-9, np.array(table["upper"]) + 1e-9
                failed |= bool(((exact < low) | (exact > high)).any())
    peer = statistics.median(times["POT"])
    print(f"{len(names)} tasks, {sum(made['rows'])} records, {sum(made['points'])} distinct, "
          f"{points[0].shape[1]} dimensions; POT {ot.__version__} in a loop: {peer:.2f} s")
    for what in ("within 1 %", "exact"):
        mine = statistics.median(times[what])
        print(f"holdfast, {what}: {mine:.3f} s, {peer / mine:.1f} times as fast")
    if failed:
        sys.exit("POT's exact value lies outside holdfast's bounds")


if __name__ == "__main__":
    main()
