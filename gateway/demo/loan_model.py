"""A small network that decides on simulated car loans, trained on the spot as an operator's own would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor, nn

from gateway.demo.loans import CATEGORIES, GROUP, LABEL, MODEL, NUMBERS
from gateway.demo.rows import Rows

_SEED = 20261
_EPOCHS = 80


class LoanNet(nn.Module):
    """Numbers and embedded categories through two hidden layers."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(len(known), 4) for known in CATEGORIES.values())
        self.layers = nn.Sequential(
            nn.Linear(len(NUMBERS) + 4 * len(CATEGORIES), hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2),
        )

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Logits of "0" (not repaid) and "1"."""
        embedded = [embedding(categories[:, place]) for place, embedding in enumerate(self.embeddings)]
        logits: Tensor = self.layers(torch.cat([numbers, *embedded], dim=1))
        return logits


def make_loan_model(folder: Path, rows: Rows) -> None:
    """Train on the rows, and write `model.yaml` and the weights. Takes a second."""
    torch.manual_seed(_SEED)
    numbers = torch.tensor(
        np.stack(
            [(np.array(rows.inputs[name]) - mean) / std for name, (mean, std) in NUMBERS.items()], axis=1
        ),
        dtype=torch.float32,
    )
    codes = [[known.index(str(value)) for value in rows.inputs[name]] for name, known in CATEGORIES.items()]
    categories = torch.tensor(codes).T
    truth = torch.tensor([int(label) for label in rows.labels])
    net = LoanNet()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(_EPOCHS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(numbers, categories), truth).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(net.state_dict(), folder / "model.safetensors")
    (folder / "model.yaml").write_text(yaml.safe_dump(_spec(), sort_keys=False), encoding="utf-8")


def _spec() -> dict[str, object]:
    numbers = [
        {"name": name, "type": "number", "mean": mean, "std": std} for name, (mean, std) in NUMBERS.items()
    ]
    categories = [
        {"name": name, "type": "category", "categories": list(known)} for name, known in CATEGORIES.items()
    ]
    return {
        "name": MODEL,
        "version": "1",
        "description": "SIMULATED: made by `inferwatch demo`, decides on car loans that nobody asked for",
        "task": "classification",
        "backend": "torch",
        "torch": {"module": "gateway.demo.loan_model:LoanNet", "weights": "model.safetensors"},
        "inputs": [*numbers, *categories],
        "outputs": {"classes": ["0", "1"], "positive": "1", "threshold": 0.5},
        "label": LABEL,
        "slices": ["region"],
        "protected": [GROUP],
        "window": {"pane": "1m", "length": "10m"},
    }
