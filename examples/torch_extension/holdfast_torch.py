"""holdfast's LoRA kernels in PyTorch, with autograd: one import, then

    y = holdfast_torch.lora_linear(x, weight, bias, a, b, scale, dropout=0.05)    # x [.., k], a [r, k], b [n, r]
    holdfast_torch.accelerate(peft_model)                                         # every plain LoRA layer of PEFT's

The import compiles the operators with torch.utils.cpp_extension (a minute, once; needs a C++20 compiler, Eigen 3.4 for
the CPU's side, and nvcc 12.4 or later for the GPU's). x, weight and y are bf16, fp16 or fp32 on a GPU of compute
capability 8.0 or later, fp32 on the CPU; a and b may be fp32 beside a bf16 weight, as PEFT keeps them. Kept for
backward: x, u = x a' [m, r] and one bit per element of x where there is dropout. The weight gets no gradient: it is
frozen. With CUDA graphs the dropout seed is that of the capture.

    python check.py        compares with PEFT's own layer; see there for what has been run where

HOLDFAST_TORCH_CUDA=1 compiles the GPU's side without a GPU at hand (with TORCH_CUDA_ARCH_LIST), =0 leaves it out.
HOLDFAST_EIGEN names the folder of Eigen's headers (default /usr/include/eigen3).
"""
import os
import types
from pathlib import Path

import torch
from torch.utils import cpp_extension

_here = Path(__file__).resolve().parent
_with_cuda = os.environ.get("HOLDFAST_TORCH_CUDA", "1" if torch.cuda.is_available() else "0") == "1"
cpp_extension.load(
    name="holdfast_torch_operators" + ("_cuda" if _with_cuda else ""),
    sources=[str(_here / "schema.cpp")] + ([str(_here / "cuda.cu")] if _with_cuda else []),
    extra_include_paths=[str(_here.parent.parent / "include"), os.environ.get("HOLDFAST_EIGEN", "/usr/include/eigen3")],
    extra_cflags=["-std=c++20", "-O2"],
    extra_cuda_cflags=["-std=c++20", "-O3"],
    with_cuda=_with_cuda,
    is_python_module=False,
)


@torch.library.register_fake("holdfast::lora_linear")
def _(x, weight, bias, a, b, scale, dropout, seed):
    rows, words = x.shape[0], (x.shape[1] + 31) // 32
    return (
        x.new_empty(rows, weight.shape[0]),
        x.new_empty(rows, (a.shape[0] + 7) // 8 * 8),
        x.new_empty(rows if dropout > 0 else 0, words, dtype=torch.int32),
    )


@torch.library.register_fake("holdfast::lora_linear_backward")
def _(dy, x, weight, a, b, u, mask, scale, dropout, wanted):
    shapes = (x.shape, a.shape, b.shape)
    types_ = (x.dtype, torch.float32, torch.float32)
    return tuple(x.new_empty(s if w else (0,), dtype=t) for s, t, w in zip(shapes, types_, wanted))


def _keep(ctx, inputs, output):
    x, weight, bias, a, b, scale, dropout, _seed = inputs
    _, u, mask = output
    ctx.save_for_backward(x, weight, a, b, u, mask)
    ctx.scale, ctx.dropout, ctx.has_bias = scale, dropout, bias is not None
    ctx.set_materialize_grads(False)


def _backward(ctx, dy, _du, _dmask):
    x, weight, a, b, u, mask = ctx.saved_tensors
    if dy is None:
        return (None,) * 8
    wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[3], ctx.needs_input_grad[4]]
    dx = da = db = None
    if any(wanted):
        dx, da, db = torch.ops.holdfast.lora_linear_backward(
            dy, x, weight, a, b, u, mask, ctx.scale, ctx.dropout, wanted
        )
    bias = dy.sum(0) if ctx.has_bias and ctx.needs_input_grad[2] else None
    return (
        dx if wanted[0] else None,
        None,  # the weight is frozen
        bias,
        da.to(a.dtype) if wanted[1] else None,
        db.to(b.dtype) if wanted[2] else None,
        None,
        None,
        None,
    )


torch.library.register_autograd("holdfast::lora_linear", _backward, setup_context=_keep)


def lora_linear(x, weight, bias, a, b, scale, dropout=0.0):
    """x weight' (+ bias) + scale drop(x) a' b', for x [.., k]; the dropout seed comes from PyTorch's generator."""
    if weight.requires_grad:
        raise ValueError("holdfast_torch.lora_linear: the weight gets no gradient: set weight.requires_grad = False")
    seed = torch.randint(2**63 - 1, (), dtype=torch.int64) if dropout > 0 else torch.zeros((), dtype=torch.int64)
    y, _, _ = torch.ops.holdfast.lora_linear(
        x.reshape(-1, x.shape[-1]), weight, bias, a, b, float(scale), float(dropout), seed
    )
    return y.reshape(*x.shape[:-1], weight.shape[0])


def _peft_forward(self, x, *args, **kwargs):
    names = list(self.active_adapters)
    plain = (
        not self.disable_adapters
        and not self.merged
        and len(names) == 1
        and names[0] in self.lora_A
        and names[0] not in self.lora_variant
        and self.lora_A[names[0]].bias is None
        and self.lora_B[names[0]].bias is None
        and not args
        and not kwargs
        and x.dtype == self.base_layer.weight.dtype
        and not self.base_layer.weight.requires_grad
        and (x.is_cuda or x.dtype == torch.float32)
        and not torch.is_autocast_enabled(x.device.type)
    )
    if not plain:
        return self._forward_of_peft(x, *args, **kwargs)
    drop = self.lora_dropout[names[0]]
    p = drop.p if self.training and isinstance(drop, torch.nn.Dropout) else 0.0
    return lora_linear(
        x,
        self.base_layer.weight,
        self.base_layer.bias,
        self.lora_A[names[0]].weight,
        self.lora_B[names[0]].weight,
        self.scaling[names[0]],
        p,
    )


def accelerate(model):
    """Gives every plain LoRA layer of a PEFT model our forward; what it does not cover stays PEFT's. Returns how many."""
    from peft.tuners.lora import Linear

    count = 0
    for module in model.modules():
        if isinstance(module, Linear) and type(module.base_layer) is torch.nn.Linear:
            if not hasattr(module, "_forward_of_peft"):
                module._forward_of_peft = module.forward
                module.forward = types.MethodType(_peft_forward, module)
            count += 1
    return count
