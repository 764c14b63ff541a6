"""A small model like those that decide on car loans, and rows for it, made from a fixed seed.

Nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor, nn

NUMBERS = {"car_value": (30_000.0, 9_000.0), "salary": (42_000.0, 15_000.0), "loan_months": (30.0, 12.0)}
CATEGORIES = {"region": ("north", "south", "east", "west"), "down_payment": ("none", "10 %", "20 %", "half")}
LABEL = "repaid"
_SEED = 20261
_EPOCHS = 60


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


def make_rows(rows: int, *, seed: int, drift: float = 0.0) -> pd.DataFrame:
    """Requests with the truth. `drift` from 0 to 1 makes cars dearer and moves them south, as time may."""
    rng = np.random.default_rng(seed)
    value = rng.normal(*NUMBERS["car_value"], rows) * (1 + 0.4 * drift)
    salary = rng.normal(*NUMBERS["salary"], rows).clip(8_000)
    months = rng.integers(6, 61, rows).astype(float)
    shares = np.array([0.3, 0.3, 0.2, 0.2]) * (1 - drift) + np.array([0.1, 0.7, 0.1, 0.1]) * drift
    region = rng.choice(CATEGORIES["region"], rows, p=shares)
    payment = rng.choice(CATEGORIES["down_payment"], rows, p=[0.2, 0.35, 0.3, 0.15])
    paid = np.array([CATEGORIES["down_payment"].index(name) for name in payment])
    burden = value / salary / (months / 30.0) - 0.35 * paid + 0.2 * (region == "south")
    repaid = (burden + rng.logistic(0, 0.35, rows) < 0.75).astype(int)
    return pd.DataFrame(
        {
            "car_value": value.clip(2_000).round(0),
            "salary": salary.round(0),
            "loan_months": months,
            "region": region,
            "down_payment": payment,
            LABEL: repaid,
        }
    )


def make_model(folder: Path, rows: pd.DataFrame) -> None:
    """Train on the rows, and write `model.yaml` and the weights as an operator would. Takes seconds."""
    torch.manual_seed(_SEED)
    numbers = torch.tensor(
        np.stack([(rows[name].to_numpy() - mean) / std for name, (mean, std) in NUMBERS.items()], axis=1),
        dtype=torch.float32,
    )
    codes = [[known.index(value) for value in rows[name]] for name, known in CATEGORIES.items()]
    categories = torch.tensor(codes).T
    truth = torch.tensor(rows[LABEL].to_numpy())
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
        "name": "car-loan",
        "version": "1",
        "task": "classification",
        "backend": "torch",
        "torch": {"module": "gateway.demo_model:LoanNet", "weights": "model.safetensors"},
        "inputs": [*numbers, *categories],
        "outputs": {"classes": ["0", "1"], "positive": "1", "threshold": 0.5},
        "label": LABEL,
        "slices": ["region"],
        "window": {"pane": "1m", "length": "10m"},
    }
