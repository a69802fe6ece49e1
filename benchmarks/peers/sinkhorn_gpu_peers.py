#!/usr/bin/env python3
"""Sinkhorn iterations of the GPU peers, in microseconds: KeOps's LogSumExp as GeomLoss runs it (both half steps),
FlashSinkhorn itself where it is installed, and PyTorch on a stored cost in fp32. The same shapes as
benchmarks/sinkhorn_bench.cu prints, unit vectors, epsilon 0.05 of half a squared distance, medians of CUDA events.

    python benchmarks/peers/sinkhorn_gpu_peers.py [--quick]

A peer that is not installed, and a machine without a GPU, is passed over, and said.
"""
import importlib.util
import math
import statistics
import sys

EPSILON = 0.05


def microseconds(torch, step, times=9):
    step()
    spans = []
    for _ in range(times):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        step()
        end.record()
        end.synchronize()
        spans.append(1e3 * begin.elapsed_time(end))
    return statistics.median(spans)


def stored(torch, x, y):
    cost = torch.cdist(x, y) ** 2 / 2
    f, g = x.new_zeros(len(x)), y.new_zeros(len(y))

    def step():
        f.copy_(-EPSILON * (torch.logsumexp((g[None, :] - cost) / EPSILON, 1) - math.log(len(y))))
        g.copy_(-EPSILON * (torch.logsumexp((f[:, None] - cost) / EPSILON, 0) - math.log(len(x))))
    return step, g


def keops(torch, x, y):
    from pykeops.torch import LazyTensor
    f, g = x.new_zeros(len(x)), y.new_zeros(len(y))

    def half(of, at, h):
        reach = (LazyTensor(of[:, None, :]) - LazyTensor(at[None, :, :])).square().sum(-1) / 2
        sums = ((LazyTensor(h[None, :, None]) - reach) / EPSILON).logsumexp(1)[:, 0]
        return -EPSILON * (sums - math.log(len(at)))

    def step():
        f.copy_(half(x, y, g))
        g.copy_(half(y, x, f))
    return step, g


def flash(torch, x, y):
    import flash_sinkhorn
    loss = flash_sinkhorn.SamplesLoss(loss="sinkhorn", eps=2 * EPSILON, n_iters=10, debias=False)  # its cost: |x - y|^2
    return lambda: loss(x, y), None


PEERS = [("PyTorch, cost stored in fp32", None, stored, 1), ("KeOps LogSumExp, as GeomLoss", "pykeops", keops, 1),
         ("FlashSinkhorn, a tenth of ten iterations", "flash_sinkhorn", flash, 10)]


def main():
    if importlib.util.find_spec("torch") is None:
        print("SKIPPED: no torch for this Python; the Python peers were not measured")
        return 0
    import torch
    if not torch.cuda.is_available():
        print("SKIPPED: torch finds no GPU; the Python peers were not measured")
        return 0
    n = 2000 if "--quick" in sys.argv[1:] else 10000
    print("| n = m | d | peer | one iteration, us | largest difference of g from PyTorch's |\n"
          "| --- | --- | --- | --- | --- |")
    for d in (64, 384, 1024):
        torch.manual_seed(d)
        x, y = (torch.nn.functional.normalize(torch.randn(n, d, device="cuda"), dim=1) for _ in range(2))
        expected = None
        for name, module, make, iterations in PEERS:
            if module is not None and importlib.util.find_spec(module) is None:
                print(f"| {n} | {d} | {name} | SKIPPED: {module} is not installed | |")
                continue
            try:
                step, g = make(torch, x, y)
                step()
                if expected is None:
                    expected = g.clone()
                off = f"{float((g - expected).abs().max()):.1e}" if g is not None else ""
                print(f"| {n} | {d} | {name} | {microseconds(torch, step) / iterations:.0f} | {off} |")
            except Exception as error:  # a peer that does not run here says why
                print(f"| {n} | {d} | {name} | SKIPPED: {type(error).__name__}: {str(error).splitlines()[0][:80]} | |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
