#!/usr/bin/env python3
"""Replay draws beside numpy, cpprb, torchrl and Avalanche's herding loop, in one run, on one thread of this machine.

    sh benchmarks/run.sh replay -- --benchmark_filter=NONE        # builds build/benchmarks/bin/replay_bench
    python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/replay_requirements.txt
    peers/bin/python benchmarks/peers/replay_peers.py build/benchmarks/bin/replay_bench

Nanoseconds of CPU time per item or draw, the median of rounds in which holdfast and its peers take turns. Peers that
are not installed are left out. Sizes are the issue's: 1e6 items, 1e5 draws, 1e4 of 1e6 without replacement, herding of
1,000 from 100,000 x 384 (of the peer's loop the first steps, which cost the same as the others, are timed).
"""
import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("RL_LOGGING_LEVEL", "ERROR")
import numpy as np  # noqa: E402

items, draws, few = 1_000_000, 100_000, 10_000
rng = np.random.default_rng(1)
weights = rng.exponential(size=items)
share = weights / weights.sum()


def module(name):
    try:
        return importlib.import_module(name)
    except ImportError as reason:
        print(f"SKIPPED: {name} ({reason})", file=sys.stderr)
        return None


def spent(call, each):
    begin = time.process_time()
    call()
    return 1e9 * (time.process_time() - begin) / each


def holdfast(bench, name):
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run([bench, f"--benchmark_filter=^{name}$", f"--benchmark_out={out.name}",
                        "--benchmark_out_format=json", "--benchmark_min_time=0.2"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        [run] = json.load(open(out.name))["benchmarks"]
    return 1e9 * run["per_item"]


def peers():
    """(holdfast's benchmark, peer, what gives its nanoseconds)"""
    yield "gumbel_top_k/holdfast/1000000", "numpy choice(replace=False, p)", lambda: spent(
        lambda: rng.choice(items, few, replace=False, p=share), items)
    yield "uniform_k/holdfast/1000000", "numpy choice(replace=False)", lambda: spent(
        lambda: rng.choice(items, few, replace=False), items)
    yield "alias/holdfast/1000000", "numpy choice(p), its table included", lambda: spent(
        lambda: rng.choice(items, draws, p=share), draws)
    yield "alias/holdfast/1000000", "std::discrete_distribution", "alias/std_discrete_distribution/1000000"
    yield "priority_draw/holdfast/1000000", "binary tree of doubles, C++", "priority_draw/binary_tree/1000000"
    if cpprb := module("cpprb"):
        buffer = cpprb.PrioritizedReplayBuffer(items, {"x": {}})
        buffer.add(x=np.zeros(items, np.float32), priorities=weights)
        yield "priority_draw/holdfast/1000000", "cpprb sample()", lambda: spent(lambda: buffer.sample(draws), draws)
    torch = module("torch")
    if torch:
        torch.set_num_threads(1)
    if torch and module("torchrl"):
        from torchrl._torchrl import SumSegmentTreeFp64
        from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
        from torchrl.data.replay_buffers import PrioritizedSampler
        from tensordict import TensorDict

        tree = SumSegmentTreeFp64(items)
        tree[np.arange(items)] = weights
        total = weights.sum()
        yield "priority_draw/holdfast/1000000", "torchrl SumSegmentTreeFp64 alone", lambda: spent(
            lambda: tree.scan_lower_bound(rng.uniform(0, total, draws)), draws)
        whole = TensorDictReplayBuffer(storage=LazyTensorStorage(items), batch_size=draws,
                                       sampler=PrioritizedSampler(items, alpha=1.0, beta=1.0))
        whole.extend(TensorDict({"x": torch.zeros(items)}, [items]))
        whole.update_priority(torch.arange(items), torch.from_numpy(weights).float())
        yield "priority_draw/holdfast/1000000", "torchrl sample()", lambda: spent(whole.sample, draws)
    if torch:
        points = torch.rand(100_000, 384) - 0.5

        def herding(steps=3):  # make_sorted_indices_from_features of Avalanche's HerdingSelectionStrategy
            center, current, chosen = points.mean(dim=0), torch.zeros(384), []
            for i in range(steps):
                candidates = current * i / (i + 1) + points / (i + 1)
                distances = pow(candidates - center, 2).sum(dim=1)
                distances[chosen] = np.inf
                chosen.append(distances.argmin().tolist())
                current = candidates[chosen[-1]]

        yield "herding/holdfast/100000/1000/iterations:1", "Avalanche's loop", lambda: spent(herding, 3 * 100_000)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", help="the built replay_bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="benchmarks whose names begin so")
    arguments = parser.parse_args()
    rows = [row for row in peers() if row[0].startswith(arguments.only)]
    times = {}
    for _ in range(arguments.rounds):
        for name in dict.fromkeys(row[0] for row in rows):
            times.setdefault(name, []).append(holdfast(arguments.bench, name))
        for _, peer, measure in rows:
            ns = holdfast(arguments.bench, measure) if isinstance(measure, str) else measure()
            times.setdefault(peer, []).append(ns)
    print(f"{'holdfast':44} {'ns':>9}  {'peer':38} {'ns':>10} {'ratio':>8}")
    for name, peer, _ in rows:
        ours, theirs = (statistics.median(times[key]) for key in (name, peer))
        print(f"{name:44} {ours:9.2f}  {peer:38} {theirs:10.2f} {theirs / ours:7.1f}x")


if __name__ == "__main__":
    main()
