#!/usr/bin/env python3
"""The delta of a serving batch by vLLM's structure in Triton: ours, not theirs; what lora_serving_bench.cu is read beside.

    peers/bin/python benchmarks/peers/lora_serving_peers.py            # sh benchmarks/gpu.sh calls it where triton is
    peers/bin/python benchmarks/peers/lora_serving_peers.py --check    # without a GPU: its arithmetic against fp64

Rows are sorted by adapter (once per batch, not timed); a memset zeroes u in fp32; a shrink split along K adds to it with
atomics; an expand adds u B' to y. Tiles are vLLM's defaults for fewer than 128 rows: shrink 32 x 16 x 256 with 64 parts
of K, expand 64 x 128 x 32, 4 warps, 2 stages. Twenty layers in one CUDA graph, bf16, K = N = 4096, medians.
"""
import os
import statistics
import sys

if "--check" in sys.argv:
    os.environ["TRITON_INTERPRET"] = "1"

import torch
import triton
import triton.language as tl


@triton.jit
def _shrink(x, a, u, sorted_rows, begins, k, r, SPLIT: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """u[row, r] += x A_a' over this part of K; one program per part, rows of one adapter, ranks, adapter."""
    part = tl.program_id(0) % SPLIT
    tile = tl.program_id(0) // SPLIT
    tiles_n = tl.cdiv(r, BN)
    adapter = tl.program_id(1)
    begin, end = tl.load(begins + adapter), tl.load(begins + adapter + 1)
    at = begin + tile // tiles_n * BM + tl.arange(0, BM)
    if begin + tile // tiles_n * BM < end:
        rows = tl.load(sorted_rows + at, mask=at < end, other=0)
        ranks = tile % tiles_n * BN + tl.arange(0, BN)
        sums = tl.zeros((BM, BN), dtype=tl.float32)
        for start in range(part * BK, k, SPLIT * BK):
            depth = start + tl.arange(0, BK)
            left = tl.load(x + rows[:, None] * k + depth[None, :], mask=(at[:, None] < end) & (depth[None, :] < k), other=0.0)
            right = tl.load(
                a + (adapter * r + ranks[None, :]) * k + depth[:, None], mask=(ranks[None, :] < r) & (depth[:, None] < k), other=0.0
            )
            sums += tl.dot(left, right)
        if part * BK < k:
            tl.atomic_add(u + rows[:, None] * r + ranks[None, :], sums, mask=(at[:, None] < end) & (ranks[None, :] < r))


@triton.jit
def _expand(u, b, y, sorted_rows, begins, n, r, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """y[row, n] += u B_a': one program per rows of one adapter and columns, adapter."""
    tiles_n = tl.cdiv(n, BN)
    tile = tl.program_id(0)
    adapter = tl.program_id(1)
    begin, end = tl.load(begins + adapter), tl.load(begins + adapter + 1)
    at = begin + tile // tiles_n * BM + tl.arange(0, BM)
    if begin + tile // tiles_n * BM < end:
        rows = tl.load(sorted_rows + at, mask=at < end, other=0)
        cols = tile % tiles_n * BN + tl.arange(0, BN)
        sums = tl.zeros((BM, BN), dtype=tl.float32)
        for start in range(0, r, BK):
            ranks = start + tl.arange(0, BK)
            left = tl.load(u + rows[:, None] * r + ranks[None, :], mask=(at[:, None] < end) & (ranks[None, :] < r), other=0.0)
            right = tl.load(
                b + (adapter * n + cols[None, :]) * r + ranks[:, None], mask=(cols[None, :] < n) & (ranks[:, None] < r), other=0.0
            )
            sums += tl.dot(left.to(right.dtype), right)
        inside = (at[:, None] < end) & (cols[None, :] < n)
        old = tl.load(y + rows[:, None] * n + cols[None, :], mask=inside, other=0.0)
        tl.store(y + rows[:, None] * n + cols[None, :], (old + sums).to(y.dtype.element_ty), mask=inside)


def delta(x, a, b, y, u, rows, begins):
    """y += x A_a' B_a' for every row; a [adapters, r, k], b [adapters, n, r]."""
    (m, k), (adapters, r, _), n = x.shape, a.shape, b.shape[1]
    u.zero_()
    split, options = (64, {"num_warps": 4, "num_stages": 2}) if x.is_cuda else (4, {})
    _shrink[(split * triton.cdiv(m, 32) * triton.cdiv(r, 16), adapters)](
        x, a, u, rows, begins, k, r, SPLIT=split, BM=32, BN=16, BK=256 if x.is_cuda else 32, **options
    )
    _expand[(triton.cdiv(m, 64) * triton.cdiv(n, 128), adapters)](
        u, b, y, rows, begins, n, r, BM=64, BN=128, BK=32 if r > 16 else 16, **options
    )


def sort_rows(of_row, adapters):
    """Rows sorted by adapter, and where each adapter's begin."""
    rows = torch.argsort(of_row, stable=True).to(torch.int32)
    counts = torch.bincount(of_row, minlength=adapters)
    begins = torch.zeros(adapters + 1, dtype=torch.int32, device=of_row.device)
    begins[1:] = torch.cumsum(counts, 0)
    return rows, begins


def check():
    torch.manual_seed(0)
    worst = 0.0
    for m, k, n, r, adapters in ((37, 300, 140, 16, 3), (5, 64, 33, 24, 4), (1, 40, 20, 8, 1)):
        x, y = torch.randn(m, k), torch.randn(m, n)
        a, b = torch.randn(adapters, r, k), torch.randn(adapters, n, r)
        of_row = torch.randint(0, adapters, (m,))
        found = y.clone()
        delta(x, a, b, found, torch.empty(m, r), *sort_rows(of_row, adapters))
        expected = y.double() + torch.stack(
            [b[i].double() @ (a[i].double() @ row.double()) for row, i in zip(x, of_row.tolist())]
        )
        error = float((found.double() - expected).norm() / expected.norm())
        worst = max(worst, error)
        if not error < 1e-5:
            sys.exit(f"m {m} k {k} n {n} r {r}: relative error {error:.2e}")
    print(f"the rendering agrees with fp64: {worst:.1e} at most")


def measure(m, adapters, r, rounds, layers=20, k=4096, n=4096):
    def random(*shape):
        return torch.empty(*shape, device="cuda", dtype=torch.bfloat16).uniform_(-1, 1)

    a, b, x, y = random(layers, adapters, r, k), random(layers, adapters, n, r), random(m, k), random(m, n)
    u = torch.empty(m, r, device="cuda")
    rows, begins = sort_rows((torch.arange(m, device="cuda") * 5) % adapters, adapters)
    delta(x, a[0], b[0], y, u, rows, begins)  # compiled before it is captured
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for layer in range(layers):
            delta(x, a[layer], b[layer], y, u, rows, begins)
    times = []
    for _ in range(rounds):
        y.uniform_(-1, 1)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(10):
            graph.replay()
        end.record()
        end.synchronize()
        times.append(1000 * begin.elapsed_time(end) / (10 * layers))
    print(f"| {m} | {adapters} | {r} | {statistics.median(times):.2f} |", flush=True)


def main():
    if "--check" in sys.argv:
        return check()
    if not torch.cuda.is_available():
        print("SKIPPED: no CUDA device here, nothing was measured")
        sys.exit(77)
    print("vLLM's structure in Triton (our rendering), microseconds per layer in a graph of 20:\n")
    print("| M | adapters | rank | delta |\n| --- | --- | --- | --- |")
    for m in (1, 8, 16, 64):
        measure(m, 8, 16, 5 if "--quick" in sys.argv else 21)
    return None


if __name__ == "__main__":
    main()
