"""The operators of holdfast_torch.py against PEFT's LoRA layer, and against plain torch with the same dropout mask:
outputs and every gradient; the registration itself by torch.library.opcheck. On the CPU in fp32, and on a GPU, where
there is one, in fp32, fp16 and bf16 too. Prints SKIPPED and exits with 77 where torch or peft is missing.

The CPU's part has been run (torch 2.15, peft 0.21). The GPU's has been compiled for sm_80 and sm_90a, and not yet run.
"""
import sys

try:
    import peft
    import torch
except ImportError as missing:
    print(f"SKIPPED: no {missing.name} here")
    sys.exit(77)

import holdfast_torch

failures = 0


def near(what, value, expected, bound):
    global failures
    value, expected = value.double(), expected.double()
    error = (value - expected).norm() / expected.norm().clamp_min(1e-30)
    if not error <= bound:
        failures += 1
        print(f"FAILED: {what}: relative error {error:.2e}, allowed {bound:.0e}")


def against_peft(device, dtype, bound, rank, bias, shape):
    torch.manual_seed(1)
    base = torch.nn.Sequential(torch.nn.Linear(72, 56, bias=bias), torch.nn.Tanh(), torch.nn.Linear(56, 40, bias=bias))
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["0", "2"], lora_dropout=0.0)
    model = peft.get_peft_model(base.to(device, dtype), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    x = torch.randn(*shape, 72, device=device, dtype=dtype, requires_grad=True)

    def outcome():
        model.zero_grad()
        x.grad = None
        y = model(x)
        (y.float() * torch.linspace(-1, 1, y.numel(), device=device).reshape(y.shape)).sum().backward()
        return {"y": y.detach(), "dx": x.grad} | {
            n: p.grad for n, p in model.named_parameters() if p.requires_grad
        }

    expected = {name: t.clone() for name, t in outcome().items()}
    if holdfast_torch.accelerate(model) != 2:
        raise RuntimeError("accelerate found other layers than the two that have adapters")
    calls = 0
    ours = holdfast_torch.lora_linear

    def counted(*arguments):
        nonlocal calls
        calls += 1
        return ours(*arguments)

    holdfast_torch.lora_linear = counted
    found = outcome()
    holdfast_torch.lora_linear = ours
    if calls != 2:
        raise RuntimeError(f"{calls} of two layers went through holdfast's kernels")
    for name, value in found.items():
        near(f"{device} {dtype} rank {rank} x {shape}: {name}", value, expected[name], bound)


def against_torch(device, dtype, bound, p):
    torch.manual_seed(2)
    m, k, n, r = 45, 100, 64, 6
    x, a, b = (torch.randn(s, device=device, dtype=dtype, requires_grad=True) for s in ((m, k), (r, k), (n, r)))
    weight, bias, dy = (torch.randn(s, device=device, dtype=dtype) for s in ((n, k), (n,), (m, n)))
    seed = torch.tensor(1234567890123)
    y, _, mask = torch.ops.holdfast.lora_linear(x, weight, bias, a, b, 0.5, p, seed)
    y.backward(dy)
    found = {"y": y.detach(), "dx": x.grad, "da": a.grad, "db": b.grad}
    keep = torch.ones(m, k, dtype=torch.float64)
    if p > 0:
        words = mask.cpu().to(torch.int64)
        bits = (words[:, :, None] >> torch.arange(32)) & 1
        threshold = min(65535, int(p * 65536 + 0.5))
        keep = bits.reshape(m, -1)[:, :k].double() * (65536 / (65536 - threshold))
        near("share of elements kept", (keep > 0).double().mean(), torch.tensor(1 - p), 0.1)
    wide = [t.detach().cpu().double().requires_grad_() for t in (x, a, b)]
    out = wide[0] @ weight.cpu().double().T + bias.cpu().double()
    out = out + 0.5 * (wide[0] * keep) @ wide[1].T @ wide[2].T
    out.backward(dy.cpu().double())
    expected = {"y": out.detach()} | {name: t.grad for name, t in zip(("dx", "da", "db"), wide)}
    for name, value in found.items():
        near(f"{device} {dtype} dropout {p}: {name}", value.cpu(), expected[name], bound)
    if dtype == torch.float32:
        inputs = (x.detach().requires_grad_(), weight, bias, a.detach().requires_grad_(), b.detach(), 0.5, p, seed)
        torch.library.opcheck(torch.ops.holdfast.lora_linear.default, inputs)


def refusals(device):
    global failures
    x, weight = torch.zeros(2, 8, device=device), torch.zeros(4, 8, device=device)
    a, b = torch.zeros(2, 7, device=device), torch.zeros(4, 2, device=device)
    try:
        holdfast_torch.lora_linear(x, weight, None, a, b, 1.0)
    except (RuntimeError, ValueError) as error:
        if "must be" in str(error) or "do not fit" in str(error):
            return
    failures += 1
    print(f"FAILED: {device}: a matrix of another width was not refused in a sentence")


runs = [("cpu", torch.float32, 1e-5)]
if torch.cuda.is_available():
    runs += [("cuda", torch.float32, 1e-5), ("cuda", torch.float16, 2e-3), ("cuda", torch.bfloat16, 1.2e-2)]
for device, dtype, bound in runs:
    against_peft(device, dtype, bound, 8, False, (33,))
    against_peft(device, dtype, bound, 5, True, (2, 3, 7))
    for p in (0.0, 0.3):
        against_torch(device, dtype, bound, p)
    refusals(device)
print(f"compared on {', '.join(sorted({d for d, _, _ in runs}))}: {failures} failures")
sys.exit(failures != 0)
