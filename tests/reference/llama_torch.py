"""Records what tests/trainer/reference_test.cpp compares the trainer with: a tiny LLaMA in plain PyTorch, in float64.

    python3 llama_torch.py > llama_torch.txt

Made with Python 3.11.7, torch 2.15.0 (on the CPU). Weights come from a formula (below), so that the recording holds results
only. The architecture is that of Hugging Face's LlamaForCausalLM, written out: RMSNorm, rotary embeddings in the
rotate-half form, grouped-query attention, SwiGLU; packed sequences run one by one, the loss is the mean over targets.
"""

import platform

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
V, D, L, H, KV, HID = 23, 16, 2, 4, 2, 20
HEAD, BASE, EPS = D // H, 10000.0, 1e-5
RANK, ALPHA = 3, 6.0

SHAPES = [("embed", V, D)]
for layer in range(L):
    SHAPES += [
        (f"{layer}.norm1", 1, D), (f"{layer}.q", H * HEAD, D), (f"{layer}.k", KV * HEAD, D), (f"{layer}.v", KV * HEAD, D),
        (f"{layer}.o", D, H * HEAD), (f"{layer}.norm2", 1, D), (f"{layer}.gate", HID, D), (f"{layer}.up", HID, D),
        (f"{layer}.down", D, HID),
    ]
SHAPES += [("norm", 1, D)]

SEQUENCES = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 22], [0, 7]]
TARGETS = [[-1, 4, 1, 5, 9], [2], [-1, -1, 3, 5, 8, 22, -1], [7, 0]]


def start():
    """w_i = 0.3 sin(1.7 i + 0.5); gains 1 + a third of it."""
    weights, i = {}, 0
    for name, rows, cols in SHAPES:
        value = 0.3 * torch.sin(1.7 * torch.arange(i, i + rows * cols, dtype=torch.float64) + 0.5).reshape(rows, cols)
        weights[name] = (1 + value / 3 if "norm" in name else value).clone().requires_grad_()
        i += rows * cols
    return weights


def rms(x, gain):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * gain


def rotate(x):  # [heads, t, HEAD]
    t = x.shape[1]
    angle = torch.arange(t)[:, None] * BASE ** (-torch.arange(0, HEAD, 2) / HEAD)[None, :]
    cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
    low, high = x[..., : HEAD // 2], x[..., HEAD // 2:]
    return x * cos + torch.cat([-high, low], -1) * sin


def forward(w, tokens, lora=None):
    def linear(x, name):
        y = x @ w[name].T
        if lora:
            y = y + (ALPHA / RANK) * (x @ lora[name + ".a"].T) @ lora[name + ".b"].T
        return y

    t = len(tokens)
    x = w["embed"][torch.tensor(tokens)]
    for layer in range(L):
        h = rms(x, w[f"{layer}.norm1"])
        q = rotate(linear(h, f"{layer}.q").view(t, H, HEAD).transpose(0, 1))
        k = rotate(linear(h, f"{layer}.k").view(t, KV, HEAD).transpose(0, 1)).repeat_interleave(H // KV, 0)
        v = linear(h, f"{layer}.v").view(t, KV, HEAD).transpose(0, 1).repeat_interleave(H // KV, 0)
        scores = q @ k.transpose(1, 2) / HEAD**0.5
        scores = scores.masked_fill(torch.triu(torch.ones(t, t, dtype=torch.bool), 1), float("-inf"))
        x = x + linear((scores.softmax(-1) @ v).transpose(0, 1).reshape(t, H * HEAD), f"{layer}.o")
        h = rms(x, w[f"{layer}.norm2"])
        x = x + linear(F.silu(linear(h, f"{layer}.gate")) * linear(h, f"{layer}.up"), f"{layer}.down")
    return rms(x, w["norm"])


def everything(w, lora=None):
    hidden = torch.cat([forward(w, s, lora) for s in SEQUENCES])
    logits = hidden @ w["embed"].T
    targets = torch.tensor([t for s in TARGETS for t in s])
    return hidden, logits, F.cross_entropy(logits, targets, ignore_index=-1)


def record(name, values):
    values = values.detach().reshape(-1).tolist()
    print(name, len(values))
    print("\n".join("%.13g" % v for v in values))


def flat(w, of=lambda p: p):
    return torch.cat([of(w[name]).reshape(-1) for name, _, _ in SHAPES])


print(f"# llama_torch.py, torch {torch.__version__}, python {platform.python_version()}, float64")
w = start()
hidden, logits, loss = everything(w)
loss.backward()
record("logits", logits)
record("loss", loss)
record("pooled", torch.stack([h.mean(0) for h in hidden.split([len(s) for s in SEQUENCES])]))
record("gradient", flat(w, lambda p: p.grad))

# five steps of AdamW: clipped to norm 0.5, two steps of warm-up to 0.02, decay 0.1 on matrices
w = start()
groups = [{"params": [w[n] for n, r, _ in SHAPES if r > 1], "weight_decay": 0.1},
          {"params": [w[n] for n, r, _ in SHAPES if r == 1], "weight_decay": 0.0}]
optimiser = torch.optim.AdamW(groups, lr=0.02, betas=(0.9, 0.95), eps=1e-8)
losses, norms = [], []
for step in range(5):
    for group in optimiser.param_groups:
        group["lr"] = 0.02 * min(1.0, (step + 1) / 2)
    optimiser.zero_grad()
    loss = everything(w)[2]
    loss.backward()
    losses.append(loss.item())
    norms.append(torch.nn.utils.clip_grad_norm_(list(w.values()), 0.5).item())
    optimiser.step()
record("adamw losses", torch.tensor(losses))
record("adamw norms", torch.tensor(norms))
record("adamw weights, every 7th", flat(w)[::7])

# LoRA on all seven projections, A and B from the formula
w = start()
names = ["q", "k", "v", "o", "gate", "up", "down"]
shape = {name: (r, c) for name, r, c in SHAPES}
lora, i = {}, 0
for layer in range(L):
    for n in names:
        out, inn = shape[f"{layer}.{n}"]
        for part, rows, cols in [(".a", RANK, inn), (".b", out, RANK)]:
            value = 0.2 * torch.sin(2.3 * torch.arange(i, i + rows * cols, dtype=torch.float64) + 0.1)
            lora[f"{layer}.{n}{part}"] = value.reshape(rows, cols).clone().requires_grad_()
            i += rows * cols
loss = everything(w, lora)[2]
loss.backward()
record("lora loss", loss)
record("lora gradient", torch.cat([p.grad.reshape(-1) for p in lora.values()]))
