#!/usr/bin/env python3
"""One LoRA layer's training step beside its peers, on one GPU, in one run: forward, and forward with backward.

    python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/lora_requirements.txt
    peers/bin/python benchmarks/peers/lora_peers.py [--quick]          # sh benchmarks/gpu.sh calls it where torch is
    peers/bin/python benchmarks/peers/lora_peers.py --check            # without a GPU: the renderings' arithmetic only

frozen      x W' and dy W, torch.matmul: what there would be without an adapter (100 %)
peft        PEFT's layer in eager mode, adapters in bf16
peft32      the same as PEFT has it by default, adapters in fp32
compiled    torch.compile of peft
unsloth     Unsloth's sequence of operations, written here: addmm chains, u computed again in backward; no dropout
triton      a rendering of LoRAFusion's structure in Triton, ours, not theirs: the accumulator begins with u B', dx with
            ds A and its mask; dropout by a kernel that writes x~; dB and ds in one pass over dy, dB by atomics; the
            skinny x~ A' and ds' x~ by torch.matmul
holdfast    examples/torch_extension, the kernels of this library

bf16, contenders take turns within every round, inputs rotate beyond the L2 cache, CUDA events, medians. Without a GPU
it says so and exits with 77. Everything is compared with PEFT's result before it is timed.
"""
import argparse
import os
import statistics
import sys
from pathlib import Path

if "--check" in sys.argv:
    os.environ["TRITON_INTERPRET"] = "1"

import torch
import triton
import triton.language as tl


class UnslothSequence(torch.autograd.Function):
    """y = x W' + s (x A') B'; backward computes x A' and dy B again, dx in place."""

    @staticmethod
    def forward(ctx, x, weight, a, b, scale):
        ctx.save_for_backward(x, weight, a, b)
        ctx.scale = scale
        y = x @ weight.t()
        return y.addmm_(x @ a.t(), b.t(), alpha=scale)

    @staticmethod
    def backward(ctx, dy):
        x, weight, a, b = ctx.saved_tensors
        da = torch.empty_like(a).addmm_((dy @ b).t(), x, alpha=ctx.scale, beta=0)
        db = torch.empty_like(b).addmm_(dy.t(), x @ a.t(), alpha=ctx.scale, beta=0)
        dx = dy @ weight
        dx.addmm_(dy @ b, a, alpha=ctx.scale)
        return dx, None, da, db, None


@triton.jit
def _drop(x, out, keep, count, p, seed, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    kept = tl.rand(seed, at) >= p
    value = tl.load(x + at, mask=inside, other=0.0)
    tl.store(out + at, tl.where(kept, value / (1 - p), 0.0).to(value.dtype), mask=inside)
    tl.store(keep + at, kept.to(tl.int8), mask=inside)


@triton.jit
def _low_rank_first(
    x, w, u, b, keep, out, m, n, k, w_n, w_k, b_n, b_r, factor,
    R: tl.constexpr, MASKED: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """out [m, n] = mask . (u b') factor + x w': w[n, k] and b[n, r] by their strides, u and x row-major."""
    tiles_m, tiles_n = tl.cdiv(m, BM), tl.cdiv(n, BN)
    within = tl.program_id(0) % (GROUP * tiles_n)
    first = tl.program_id(0) // (GROUP * tiles_n) * GROUP
    height = min(tiles_m - first, GROUP)
    rows = (first + within % height) * BM + tl.arange(0, BM)
    cols = within // height * BN + tl.arange(0, BN)
    ranks, depth = tl.arange(0, R), tl.arange(0, BK)
    low = tl.load(u + rows[:, None] * R + ranks[None, :], mask=rows[:, None] < m, other=0.0)
    high = tl.load(b + cols[None, :] * b_n + ranks[:, None] * b_r, mask=cols[None, :] < n, other=0.0)
    acc = tl.dot(low, high)
    inside = (rows[:, None] < m) & (cols[None, :] < n)
    if MASKED:
        kept = tl.load(keep + rows[:, None] * n + cols[None, :], mask=inside, other=0)
        acc = tl.where(kept != 0, acc * factor, 0.0)
    for start in range(0, k, BK):
        ks = start + depth
        left = tl.load(x + rows[:, None] * k + ks[None, :], mask=(rows[:, None] < m) & (ks[None, :] < k), other=0.0)
        right = tl.load(
            w + cols[None, :] * w_n + ks[:, None] * w_k, mask=(cols[None, :] < n) & (ks[:, None] < k), other=0.0
        )
        acc = tl.dot(left, right, acc)
    tl.store(out + rows[:, None] * n + cols[None, :], acc.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _ds_and_db(dy, u, b, ds, db, m, n, scale, R: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """One read of dy: ds += scale dy b and db += dy' u, both by atomics into zeroed fp32."""
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.program_id(1) * BN + tl.arange(0, BN)
    ranks = tl.arange(0, R)
    tile = tl.load(dy + rows[:, None] * n + cols[None, :], mask=(rows[:, None] < m) & (cols[None, :] < n), other=0.0)
    right = tl.load(b + cols[:, None] * R + ranks[None, :], mask=cols[:, None] < n, other=0.0)
    left = tl.load(u + rows[:, None] * R + ranks[None, :], mask=rows[:, None] < m, other=0.0)
    tl.atomic_add(ds + rows[:, None] * R + ranks[None, :], tl.dot(tile, right) * scale, mask=rows[:, None] < m)
    tl.atomic_add(db + cols[:, None] * R + ranks[None, :], tl.dot(tl.trans(tile), left), mask=cols[:, None] < n)


def _wide(x, w, w_strides, n, u, b, b_strides, keep, factor):
    m, k = x.shape
    out = torch.empty(m, n, dtype=x.dtype, device=x.device)
    bm, bn, bk = (128, 256, 64) if x.is_cuda else (32, 32, 32)
    options = {"num_warps": 8, "num_stages": 3} if x.is_cuda else {}
    _low_rank_first[(triton.cdiv(m, bm) * triton.cdiv(n, bn),)](
        x, w, u, b, keep if keep is not None else x, out, m, n, k, *w_strides, *b_strides, factor,
        R=u.shape[1], MASKED=keep is not None, BM=bm, BN=bn, BK=bk, GROUP=8, **options,
    )  # fmt: skip
    return out


class TritonStructure(torch.autograd.Function):
    """LoRAFusion's cut of the graph at u and ds; r a power of two, 16 at least."""

    @staticmethod
    def forward(ctx, x, weight, a, b, scale, p, seed):
        dropped, keep = x, None
        if p > 0:
            dropped, keep = torch.empty_like(x), torch.empty(x.shape, dtype=torch.int8, device=x.device)
            _drop[(triton.cdiv(x.numel(), 1024),)](x, dropped, keep, x.numel(), p, seed, BLOCK=1024)
        u = (dropped @ a.t()).mul_(scale)
        ctx.save_for_backward(dropped, weight, a, b, u, *([keep] if p > 0 else []))
        ctx.scale, ctx.p = scale, p
        return _wide(x, weight, weight.stride(), weight.shape[0], u, b, b.stride(), None, 1.0)

    @staticmethod
    def backward(ctx, dy):
        dropped, weight, a, b, u, *keep = ctx.saved_tensors
        m, n = dy.shape
        ds = torch.zeros(m, a.shape[0], dtype=torch.float32, device=dy.device)
        db = torch.zeros(b.shape, dtype=torch.float32, device=dy.device)
        bm = 64 if dy.is_cuda else 32
        _ds_and_db[(triton.cdiv(m, bm), triton.cdiv(n, bm))](
            dy, u, b, ds, db, m, n, ctx.scale, R=a.shape[0], BM=bm, BN=bm
        )
        ds = ds.to(dy.dtype)
        da = ds.t() @ dropped
        dx = _wide(dy, weight, weight.stride()[::-1], weight.shape[1], ds, a, a.stride()[::-1],
                   keep[0] if keep else None, 1 / (1 - ctx.p))  # fmt: skip
        return dx, None, da, db.to(b.dtype), None, None, None


def check():
    """The two renderings against fp64 autograd, on the CPU, Triton interpreted."""
    torch.manual_seed(0)
    m, k, n, r, scale = 45, 70, 50, 16, 0.5
    shapes = ((m, k), (r, k), (n, r), (n, k), (m, n))
    x, a, b, weight, dy = (torch.randn(s) for s in shapes)
    worst = 0.0
    for name in ("unsloth", "triton", "triton with dropout"):
        p = 0.3 if "dropout" in name else 0.0
        leaves = [t.clone().requires_grad_() for t in (x, a, b)]
        if name == "unsloth":
            y = UnslothSequence.apply(leaves[0], weight, leaves[1], leaves[2], scale)
        else:
            y = TritonStructure.apply(leaves[0], weight, leaves[1], leaves[2], scale, p, 7)
        keep = torch.ones(m, k, dtype=torch.float64)
        if p > 0:
            keep = y.grad_fn.saved_tensors[5].double() / (1 - p)
            if not 0.6 < (keep > 0).double().mean() < 0.8:
                sys.exit("the share of elements kept is not 0.7")
        y.backward(dy)
        wide = [t.double().requires_grad_() for t in (x, a, b)]
        out = wide[0] @ weight.double().t() + scale * (wide[0] * keep) @ wide[1].t() @ wide[2].t()
        out.backward(dy.double())
        for found, expected in zip([y] + [t.grad for t in leaves], [out] + [t.grad for t in wide]):
            error = float((found.detach().double() - expected.detach()).norm() / expected.detach().norm())
            worst = max(worst, error)
            if not error < 1e-5:
                sys.exit(f"{name}: relative error {error:.2e}")
    print(f"the renderings agree with fp64 autograd: {worst:.1e} at most")


def peft_layer(k, n, r, p, weight, a, b, adapters):
    import peft

    base = torch.nn.Sequential(torch.nn.Linear(k, n, bias=False, device="cuda", dtype=torch.bfloat16))
    config = peft.LoraConfig(r=r, lora_alpha=2 * r, lora_dropout=p, target_modules=["0"])
    model = peft.get_peft_model(base, config, autocast_adapter_dtype=adapters == torch.float32)
    layer = model.base_model.model[0]
    layer.base_layer.weight.data.copy_(weight)
    layer.lora_A["default"].weight.data.copy_(a)
    layer.lora_B["default"].weight.data.copy_(b)
    return layer.train()


def contenders(k, n, r, p, weight, a, b, holdfast):
    """name -> (f(x) -> y, its trainable tensors)."""
    scale = 2.0
    found = {"frozen": (lambda x: x @ weight.t(), [])}
    layer, layer32 = (peft_layer(k, n, r, p, weight, a, b, t) for t in (torch.bfloat16, torch.float32))
    compiled = torch.compile(layer)
    for name, call, of in (("peft", layer, layer), ("peft32", layer32, layer32), ("compiled", compiled, layer)):
        found[name] = (call, [t for t in of.parameters() if t.requires_grad])
    pair = [t.clone().requires_grad_() for t in (a, b)]
    if p == 0:
        found["unsloth"] = (lambda x: UnslothSequence.apply(x, weight, *pair, scale), pair)
    if r >= 16 and r & (r - 1) == 0:
        found["triton"] = (lambda x: TritonStructure.apply(x, weight, *pair, scale, p, 7), pair)
    if holdfast is not None:
        found["holdfast"] = (lambda x: holdfast.lora_linear(x, weight, None, *pair, scale, p), pair)
    return found


def microseconds(call, count):
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for i in range(count):
        call(i)
    end.record()
    end.synchronize()
    return 1000 * begin.elapsed_time(end) / count


def measure(m, k, n, r, p, rounds, holdfast):
    sets = max(1, min(6, int(200e6 / (2 * (2 * m * k + 3 * m * n))) + 1))
    xs = [torch.empty(m, k, device="cuda", dtype=torch.bfloat16).uniform_(-1, 1).requires_grad_() for _ in range(sets)]
    dys = [torch.empty(m, n, device="cuda", dtype=torch.bfloat16).uniform_(-1, 1) for _ in range(sets)]
    weight, a, b = (
        torch.empty(s, device="cuda", dtype=torch.bfloat16).uniform_(-1, 1) for s in ((n, k), (r, k), (n, r))
    )
    all_of_them = contenders(k, n, r, p, weight, a, b, holdfast)

    def forward(call, _):
        return lambda i: call(xs[i % sets])

    def step(call, trained):
        return lambda i: torch.autograd.grad(call(xs[i % sets]), [xs[i % sets], *trained], dys[i % sets])

    if p == 0:
        expected = all_of_them["peft"][0](xs[0])
        for name, (call, _) in all_of_them.items():
            difference = float((call(xs[0]) - expected).double().norm() / expected.double().norm())
            if name != "frozen" and not difference < 1.2e-2:
                sys.exit(f"WRONG: {name} differs from PEFT by {difference:.2e} at m {m} k {k} n {n} r {r}")
    for kind, make in (("forward", forward), ("forward + backward", step)):
        calls = {name: make(*pair) for name, pair in all_of_them.items()}
        counts = {}
        for name, call in calls.items():
            microseconds(call, 3)
            counts[name] = max(3, min(100, int(2000 / microseconds(call, 3))))
        times = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                times[name].append(microseconds(call, counts[name]))
        middle = {name: statistics.median(t) for name, t in times.items()}
        cells = [f"{middle[c]:.1f} ({100 * middle[c] / middle['frozen']:.0f} %)" if c in middle else "-" for c in COLUMNS]
        print(f"| {kind} | {m} | {k} | {n} | {r} | {p} | " + " | ".join(cells) + " |", flush=True)


COLUMNS = ("frozen", "peft", "peft32", "compiled", "unsloth", "triton", "holdfast")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two shapes, three rounds")
    parser.add_argument("--check", action="store_true", help="only the renderings' arithmetic, on the CPU")
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    if not torch.cuda.is_available():
        print("SKIPPED: no CUDA device here, nothing was measured")
        sys.exit(77)
    holdfast = None
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "examples" / "torch_extension"))
    try:
        import holdfast_torch as holdfast
    except Exception as error:  # noqa: BLE001: without it the peers are still worth timing
        print(f"SKIPPED: the column holdfast, its extension did not build: {error}", file=sys.stderr)
    print("Microseconds, median of interleaved rounds, bf16; in brackets: of the frozen product's time.\n")
    print("| what | M | K | N | r | p | " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * (6 + len(COLUMNS)))
    for k, n in ((4096, 4096),) if arguments.quick else ((4096, 4096), (4096, 11008), (11008, 4096)):
        for m in (2048,) if arguments.quick else (2048, 8192):
            for r, p in ((16, 0.0), (16, 0.05)) if arguments.quick else ((16, 0.0), (16, 0.05), (64, 0.0)):
                measure(m, k, n, r, p, 3 if arguments.quick else 7, holdfast)
                torch.compiler.reset()
    return None


if __name__ == "__main__":
    main()
