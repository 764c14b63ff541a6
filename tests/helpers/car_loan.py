"""Trains the car-loan model that the end-to-end tests serve: `python -m tests.helpers.car_loan
REFERENCE.parquet FOLDER`.

A small network over four numbers and three categories, fitted on the reference part of the car-loan data. It
is written to FOLDER as an operator would write it: `model.yaml` and `model.safetensors`; the class is found
by its name.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

NUMBERS = ("car_value", "debt_to_income_ratio", "loan_length", "driver_tenure")
CATEGORIES = {
    "salary_range": ["0 - 20K €", "20K - 40K €", "40K - 60K €", "60K+ €"],
    "size_of_downpayment": ["0%", "10%", "20%", "30%", "40%"],
}
BOOLEAN = "repaid_loan_on_prev_car"
LABEL = "repaid"
DRIFTING = ("car_value", "loan_length", "salary_range", BOOLEAN)
STEADY = ("debt_to_income_ratio", "driver_tenure", "size_of_downpayment")


class CarLoanNet(nn.Module):
    """Two hidden layers over scaled numbers and one-hot categories."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.sizes = (*(len(values) for values in CATEGORIES.values()), 2)
        width = len(NUMBERS) + sum(self.sizes)
        self.layers = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2)
        )

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Logits, float[B, 2], of scaled numbers float[B, 4] and category codes int[B, 3]."""
        one_hot = [nn.functional.one_hot(categories[:, i], size) for i, size in enumerate(self.sizes)]
        out: Tensor = self.layers(torch.cat([numbers, *(codes.float() for codes in one_hot)], dim=1))
        return out


def make_car_loan(reference: pd.DataFrame, folder: Path) -> Path:
    """Fit the network on the reference rows and write the model's folder.

    Takes some seconds; the seed is fixed.
    """
    numbers = reference[list(NUMBERS)]
    scaled = torch.tensor(((numbers - numbers.mean()) / numbers.std(ddof=0)).to_numpy(), dtype=torch.float32)
    categories = _codes(reference)
    truth = torch.tensor(reference[LABEL].to_numpy(), dtype=torch.int64)

    torch.manual_seed(7)
    net = CarLoanNet(hidden=32)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(600):
        rows = torch.randint(len(truth), (1024,), generator=torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(scaled[rows], categories[rows]), truth[rows]).backward()  # type: ignore[no-untyped-call]  # torch's
        optimiser.step()

    folder.mkdir(parents=True, exist_ok=True)
    save_file(net.state_dict(), folder / "model.safetensors")
    (folder / "model.yaml").write_text(
        yaml.safe_dump(_model_yaml(numbers), allow_unicode=True, sort_keys=False)
    )
    return folder


def score_rows(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The rows with the `class` and `score` that the network gives, by plain torch and without inferwatch."""
    spec = yaml.safe_load((folder / "model.yaml").read_text())
    scale = {
        column["name"]: (column["mean"], column["std"])
        for column in spec["inputs"]
        if column["type"] == "number"
    }
    numbers = [(rows[name] - mean) / std for name, (mean, std) in scale.items()]
    net = CarLoanNet(**spec["torch"]["args"])
    net.load_state_dict(load_file(folder / "model.safetensors"))
    with torch.inference_mode():
        logits = net(torch.tensor(pd.concat(numbers, axis=1).to_numpy(), dtype=torch.float32), _codes(rows))
    score = torch.softmax(logits, dim=1)[:, 1].numpy()
    return rows.assign(score=score, **{"class": (score >= 0.5).astype(int)})


def _codes(rows: pd.DataFrame) -> Tensor:
    codes = [pd.Categorical(rows[name], categories=known).codes for name, known in CATEGORIES.items()]
    columns = [*codes, rows[BOOLEAN].to_numpy()]
    return torch.stack([torch.tensor(column.astype("int64")) for column in columns], dim=1)


def _model_yaml(numbers: pd.DataFrame) -> dict[str, object]:
    inputs: list[dict[str, object]] = [
        {
            "name": name,
            "type": "number",
            "mean": float(numbers[name].mean()),
            "std": float(numbers[name].std(ddof=0)),
        }
        for name in NUMBERS
    ]
    inputs += [{"name": name, "type": "category", "categories": known} for name, known in CATEGORIES.items()]
    inputs.append({"name": BOOLEAN, "type": "boolean"})
    return {
        "name": "car-loan",
        "version": "1",
        "task": "classification",
        "backend": "torch",
        "torch": {
            "module": "tests.helpers.car_loan:CarLoanNet",
            "args": {"hidden": 32},
            "weights": "model.safetensors",
        },
        "inputs": inputs,
        "outputs": {"classes": ["0", "1"], "positive": "1", "threshold": 0.5},
        "label": LABEL,
        "window": {"pane": "1d", "length": "30d"},
    }


if __name__ == "__main__":
    make_car_loan(pd.read_parquet(sys.argv[1]), Path(sys.argv[2]))
