"""Every monitor with its settings and metrics, every rule, channel and backend, from their tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from typing import Any

from inference.backend import BACKENDS
from monitors import MONITORS, kinds
from monitors.alerts import CHANNELS
from monitors.rulebook import DEFAULT_RULES
from monitors.settings import AlertSettings
from tests.docs import words
from tests.docs.tables import code, table

_HEAD = """\
# Monitors, rules, channels and backends

What comes with inferwatch. Each is a class and a line in a table, and one of your own is made in the same
way: see [Write a monitor](../write-a-monitor.md), [a channel](../write-a-channel.md) or
[a backend](../write-a-backend.md).
"""


def plugins_page() -> str:
    """The page."""
    parts = [
        _HEAD,
        "\n## Monitors\n\nTheir settings stand in `monitor.monitors`, by the name of the monitor.\n",
    ]
    parts += [f"\n### {name}\n\n{_said(kinds()[name])}\n\n{_monitor(name)}" for name in MONITORS]
    parts += ["\n## Rules\n\n", table(("rule", "of", "severity", "windows", "what it says"), _rules())]
    parts += ["\n## Channels\n\n", table(("channel", "what it does"), _channels())]
    parts += ["\n## Backends\n\n", table(("backend", "what it does"), _backends())]
    return "".join(parts)


def _monitor(name: str) -> str:
    options = [
        (code(each.name), code(_written(each.default)), words.SETTINGS[name][each.name])
        for each in fields(kinds()[name])  # type: ignore[arg-type]
        if each.name != "model"
    ]
    metrics = [(code(metric), said) for metric, said in words.METRICS[name].items()]
    numbers = table(("metric", "what it is"), metrics)
    return f"{numbers}\n{table(('setting', 'default', 'what it does'), options)}"


def _rules() -> Iterator[tuple[str, ...]]:
    for rule in DEFAULT_RULES:
        of = rule.monitor if rule.metric is None else f"{rule.monitor}, {rule.metric}"
        yield code(rule.name), of, rule.severity.value, f"{rule.breached} of {rule.of}", rule.text


def _channels() -> Iterator[tuple[str, str]]:
    for name in CHANNELS:
        yield code(name), AlertSettings.model_fields[name].description or ""


def _backends() -> Iterator[tuple[str, str]]:
    for name in BACKENDS:
        yield code(name), words.BACKENDS[name]


def _said(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())


def _written(value: Any) -> str:
    match value:
        case None | ():
            return ""
        case tuple():
            return ", ".join(_written(each) for each in value)
        case Enum():
            return str(value.value)
        case _:
            return str(value)
