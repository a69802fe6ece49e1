"""Records an adapter as PEFT saves it, and what the adapted modules answer: tests/reference/peft/.

    python tests/reference/peft_adapter.py            writes the recording (made with torch 2.15.0, peft 0.21.2)
    python tests/reference/peft_adapter.py FOLDER     loads FOLDER, written by formats::write_peft from the recording, into
                                                      PEFT and compares its answers with the recording
"""

import json
import pathlib
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model

here = pathlib.Path(__file__).parent / "peft"


class block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj = torch.nn.Linear(6, 4, bias=False)
        self.v_proj = torch.nn.Linear(6, 3, bias=False)

    def forward(self, x):
        return torch.cat([self.q_proj(x), self.v_proj(x)], -1)


class base(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([block(), block()])

    def forward(self, x):
        return torch.cat([layer(x) for layer in self.layers], -1)


def zero_base():
    model = base()
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()  # what is left is the adapter alone
    return model


if len(sys.argv) > 1:
    model = PeftModel.from_pretrained(zero_base(), sys.argv[1]).eval()
    recorded = json.loads((here / "answers.json").read_text())
    with torch.no_grad():
        y = torch.tensor(recorded["y"])
        difference = ((model(torch.tensor(recorded["x"])) - y).abs().max() / y.abs().max()).item()
    print(f"largest difference from the recording, relative to the largest answer: {difference:.3g}")
    sys.exit(difference > 1e-6)

torch.manual_seed(7)
config = LoraConfig(
    r=2, lora_alpha=5, lora_dropout=0.1, use_rslora=True, target_modules=["q_proj", "v_proj"],
    rank_pattern={"layers.1.v_proj": 3}, alpha_pattern={"layers.1.v_proj": 12},
)
model = get_peft_model(zero_base(), config).eval()
with torch.no_grad():
    for name, p in model.named_parameters():
        if "lora_" in name:
            p.copy_(torch.randn_like(p))
x = torch.randn(2, 6)
model.save_pretrained(here, safe_serialization=True)
(here / "README.md").unlink(missing_ok=True)
with torch.no_grad():
    (here / "answers.json").write_text(json.dumps({"x": x.tolist(), "y": model(x).tolist()}) + "\n")
