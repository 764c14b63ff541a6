"""The SEA stream with its abrupt changes of concept, and a model that learnt the first concept.

The module finds the edge `X1 + X2 > theta` by itself: a step between two levels of probability, since a
share of the labels is wrong on purpose.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

NUMBERS = ("X1", "X2", "X3")
LABEL = "class_"
CONCEPT = 10_000  # rows until the concept changes
TRAINED = 5_000  # rows that the model learnt from
WINDOW = 5_000  # rows judged as one
LENGTH = timedelta(hours=50)
STARTS_AT = datetime.fromtimestamp(8_000 * LENGTH.total_seconds(), UTC)  # on the grid of windows


class StepNet(nn.Module):
    """A soft step across one hyperplane."""

    def __init__(self) -> None:
        super().__init__()
        self.edge = nn.Linear(len(NUMBERS), 1)
        self.levels = nn.Linear(1, 2)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Logits, float[B, 2], of scaled numbers float[B, 3]."""
        out: Tensor = self.levels(torch.sigmoid(8 * self.edge(numbers)))
        return out


def sea_rows(file: Path) -> pd.DataFrame:
    """All 40,000 rows, one every 36 seconds: 5,000 to a window."""
    rows = pd.read_csv(file).rename(columns={"class": LABEL}).astype({LABEL: "int64"})
    step = LENGTH / WINDOW
    return rows.assign(at=[STARTS_AT + n * step for n in range(len(rows))])


def make_sea(rows: pd.DataFrame, folder: Path) -> Path:
    """Fit the step on the first rows and write the model's folder. The seed is fixed."""
    learnt = rows[:TRAINED]
    numbers = learnt[list(NUMBERS)]
    mean, std = numbers.mean(), numbers.std(ddof=0)
    scaled = torch.tensor(((numbers - mean) / std).to_numpy(), dtype=torch.float32)
    truth = torch.tensor(learnt[LABEL].to_numpy(), dtype=torch.int64)

    torch.manual_seed(0)
    net = StepNet()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.03)
    for step in range(600):
        batch = torch.randint(TRAINED, (1024,), generator=torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(scaled[batch], scaled), truth[batch]).backward()  # type: ignore[no-untyped-call]  # torch's
        optimiser.step()

    folder.mkdir(parents=True, exist_ok=True)
    save_file(net.state_dict(), folder / "model.safetensors")
    (folder / "model.yaml").write_text(yaml.safe_dump(_model_yaml(mean, std), sort_keys=False))
    return folder


def classes_of(rows: pd.DataFrame, folder: Path) -> pd.Series[int]:
    """The class of each row by plain torch, without inferwatch."""
    spec = yaml.safe_load((folder / "model.yaml").read_text())
    scaled = [(rows[each["name"]] - each["mean"]) / each["std"] for each in spec["inputs"]]
    net = StepNet()
    net.load_state_dict(load_file(folder / "model.safetensors"))
    numbers = torch.tensor(pd.concat(scaled, axis=1).to_numpy(), dtype=torch.float32)
    with torch.inference_mode():
        score = torch.softmax(net(numbers, numbers), dim=1)[:, 1]
    return pd.Series((score >= 0.5).int().numpy(), index=rows.index)


def _model_yaml(mean: pd.Series[float], std: pd.Series[float]) -> dict[str, object]:
    return {
        "name": "sea",
        "version": "1",
        "task": "classification",
        "backend": "torch",
        "torch": {"module": "tests.helpers.sea:StepNet", "weights": "model.safetensors"},
        "inputs": [
            {"name": name, "type": "number", "mean": float(mean[name]), "std": float(std[name])}
            for name in NUMBERS
        ],
        "outputs": {"classes": ["0", "1"], "positive": "1", "threshold": 0.5},
        "label": LABEL,
        "window": {"pane": "1h", "length": "50h"},
    }
