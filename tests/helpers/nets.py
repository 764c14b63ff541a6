"""Module classes of the small models that tests and benchmarks serve. An operator's code looks like this."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    """Numbers and one-hot categories through two hidden layers."""

    def __init__(
        self, numbers: int = 30, categories: list[int] | None = None, hidden: int = 64, classes: int = 2
    ) -> None:
        super().__init__()
        self.sizes = categories or []
        self.layers = nn.Sequential(
            nn.Linear(numbers + sum(self.sizes), hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, classes),
        )

    def forward(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        encoded = [nn.functional.one_hot(categories[:, place], size) for place, size in enumerate(self.sizes)]
        logits: torch.Tensor = self.layers(torch.cat([numbers, *encoded], dim=1) if encoded else numbers)
        return logits
