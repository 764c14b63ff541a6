"""Figures as a table, and the machine they come from."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch


@dataclass(slots=True)
class Table:
    """One table of a report: a title, a header, rows of text, and what to know when reading it."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    note: str = ""

    def add(self, *cells: object) -> None:
        """One more row; numbers are rounded to what they can carry."""
        self.rows.append([_text(cell) for cell in cells])

    def markdown(self) -> str:
        """The table as GitHub shows it."""
        lines = [f"### {self.title}", "", _line(self.header), _line(["---"] * len(self.header))]
        lines += [_line(row) for row in self.rows]
        return "\n".join([*lines, "", self.note, ""])


def machine() -> str:
    """One line that says where figures come from and how busy that machine was."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {device}, load before {load}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, one torch thread"
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
