"""COMPAS as a model that its operator would hand over: a high score is 5 or more, and race is never seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor, nn

LABEL = "two_year_recid"
PUBLISHED = ("African-American", "Caucasian")
"""The two groups that ProPublica compared."""
_STARTS_AT = datetime(2014, 1, 1, tzinfo=UTC)


class HighScore(nn.Module):
    """Whether a decile score is high: above an edge, with odds that grow with the distance from it."""

    def __init__(self) -> None:
        super().__init__()
        self.edge = nn.Linear(1, 2)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Logits, float[B, 2], of decile scores float[B, 1]."""
        logits: Tensor = self.edge(numbers)
        return logits


def compas_rows(file: Path) -> pd.DataFrame:
    """All 7,214 rows, one every ten seconds of one day: a window holds them all."""
    rows = pd.read_csv(file)
    return rows.assign(at=[_STARTS_AT + timedelta(seconds=10 * place) for place in range(len(rows))])


def make_compas(folder: Path, name: str) -> Path:
    """Write the model's folder: nothing is fitted, the edge is 4.5."""
    net = HighScore()
    with torch.no_grad():
        net.edge.weight.copy_(torch.tensor([[0.0], [1.0]]))
        net.edge.bias.copy_(torch.tensor([0.0, -4.5]))
    folder.mkdir(parents=True, exist_ok=True)
    save_file(net.state_dict(), folder / "model.safetensors")
    spec = {
        "name": name,
        "version": "1",
        "task": "classification",
        "backend": "torch",
        "torch": {"module": "tests.helpers.compas:HighScore"},
        "inputs": [{"name": "decile_score", "type": "number"}],
        "outputs": {"classes": ["0", "1"], "positive": "1"},
        "label": LABEL,
        "protected": ["race", "sex", ["race", "sex"]],
        "window": {"pane": "1h", "length": "1d"},
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    return folder
