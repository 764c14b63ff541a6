# ruff: noqa: E501  a question to Prometheus is one line
"""The Grafana dashboard over both `/metrics`, from one line for each of its panels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_PICKED = 'model=~"$model", version=~"$version"'
_WIDTH, _HEIGHT = 8, 7


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: its title, what is asked (by the words of the legend), the unit, and what it tells."""

    title: str
    asked: Mapping[str, str]
    unit: str
    about: str = ""


ROWS: Mapping[str, Sequence[Panel]] = {
    "Requests": (
        Panel(
            "Requests a second",
            {
                "{{model}} {{version}} {{outcome}}": f"sum by (model, version, outcome) (rate(inferwatch_requests_total{{{_PICKED}}}[$__rate_interval]))"
            },
            "reqps",
        ),
        Panel(
            "Share of errors",
            {
                "{{model}} {{version}}": f'sum by (model, version) (rate(inferwatch_requests_total{{{_PICKED}, outcome="error"}}[$__rate_interval])) / sum by (model, version) (rate(inferwatch_requests_total{{{_PICKED}}}[$__rate_interval]))'
            },
            "percentunit",
        ),
        Panel(
            "Latency",
            {
                f"p{p} {{{{model}}}} {{{{version}}}}": f'histogram_quantile({p / 100}, sum by (model, version, le) (rate(inferwatch_request_duration_seconds_bucket{{{_PICKED}, outcome="ok"}}[$__rate_interval])))'
                for p in (50, 99)
            },
            "s",
            "From the first byte of a request to just before its answer.",
        ),
        Panel(
            "Queue and compute, p99",
            {
                f"{part} {{{{model}}}} {{{{version}}}}": f"histogram_quantile(0.99, sum by (model, version, le) (rate(inferwatch_request_{part}_seconds_bucket{{{_PICKED}}}[$__rate_interval])))"
                for part in ("queue", "compute")
            },
            "s",
            "Waiting for a batch, and the run of the batch.",
        ),
        Panel(
            "Rows a batch",
            {
                "{{model}} {{version}}": f"rate(inferwatch_batched_rows_total{{{_PICKED}}}[$__rate_interval]) / rate(inferwatch_batches_total{{{_PICKED}}}[$__rate_interval])"
            },
            "short",
        ),
        Panel(
            "Device busy",
            {
                "{{model}} {{version}}": f"rate(inferwatch_device_busy_seconds_total{{{_PICKED}}}[$__rate_interval])"
            },
            "percentunit",
        ),
        Panel(
            "Refused, too late, taken back",
            {
                f"{what} {{{{model}}}} {{{{version}}}}": f"rate(inferwatch_engine_{what}_total{{{_PICKED}}}[$__rate_interval])"
                for what in ("refused", "expired", "cancelled")
            },
            "reqps",
        ),
        Panel("Rows that wait", {"{{model}} {{version}}": f"inferwatch_queue_depth{{{_PICKED}}}"}, "short"),
        Panel(
            "Memory on the device",
            {"{{model}} {{version}}": f"inferwatch_model_memory_bytes{{{_PICKED}}}"},
            "bytes",
        ),
    ),
    "What was measured": (
        Panel(
            "Drift",
            {
                "{{model}} {{version}} {{arm}}": f'inferwatch_measurement{{monitor="drift", name="drift", {_PICKED}}}'
            },
            "none",
            "Of the column that moved furthest, in the newest window.",
        ),
        Panel(
            "Accuracy",
            {
                "{{name}} {{model}} {{version}}": f'inferwatch_measurement{{name=~"accuracy|sampled_accuracy", monitor=~"accuracy|sampling", {_PICKED}}}'
            },
            "percentunit",
        ),
        Panel(
            "Toxic texts",
            {
                "{{model}} {{version}}": f'inferwatch_measurement{{monitor="toxicity", name="toxic_share", {_PICKED}}}'
            },
            "percentunit",
            "Of the class and column with the largest share.",
        ),
        Panel(
            "Gaps between groups",
            {
                "{{name}} {{model}} {{version}}": f'inferwatch_measurement{{monitor="bias", name=~".*_difference", {_PICKED}}}'
            },
            "none",
        ),
        Panel(
            "Breached, by monitor",
            {
                "{{monitor}} {{model}} {{version}}": f"sum by (monitor, model, version) (inferwatch_measurements_breached{{{_PICKED}}})"
            },
            "short",
        ),
        Panel("Open alerts", {"{{rule}} {{state}}": "sum by (rule, state) (inferwatch_alerts)"}, "short"),
    ),
    "The road": (
        Panel(
            "Journal",
            {
                "held {{instance}}": "inferwatch_journal_bytes",
                "budget {{instance}}": "inferwatch_journal_budget_bytes",
            },
            "bytes",
            "What waits for the database, and how much may.",
        ),
        Panel(
            "Lag of the monitors", {"{{monitor}}": "max by (monitor) (inferwatch_monitor_lag_seconds)"}, "s"
        ),
        Panel(
            "Every event",
            {
                "appended": "sum(inferwatch_events_appended_total)",
                "counted": "max(inferwatch_events_counted_total)",
                "quarantined": "max(inferwatch_quarantined_total)",
                "dropped": "sum(inferwatch_events_dropped_total)",
                "waiting": "max(inferwatch_events_waiting)",
            },
            "short",
            "appended = counted + quarantined + waiting, once all have arrived.",
        ),
        Panel(
            "Messages",
            {"{{result}}": "sum by (result) (increase(inferwatch_notifications_total[1h]))"},
            "short",
        ),
        Panel(
            "Texts scored a second",
            {"scored": "sum(rate(inferwatch_texts_scored_total[$__rate_interval]))"},
            "short",
        ),
        Panel(
            "Threads that failed",
            {"{{loop}}": "sum by (loop) (increase(inferwatch_loop_failures_total[1h]))"},
            "short",
        ),
    ),
}


def dashboard() -> str:
    """The file that Grafana imports."""
    panels: list[dict[str, object]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "gridPos": _place(0, top, 24, 1)}
        )
        top += 1
        for place, panel in enumerate(row):
            across, down = place % 3, place // 3
            where = _place(across * _WIDTH, top + down * _HEIGHT, _WIDTH, _HEIGHT)
            panels.append(_panel(panel, len(panels) + 1, where))
        top += -(-len(row) // 3) * _HEIGHT
    document = {
        "uid": "inferwatch",
        "title": "inferwatch",
        "tags": ["inference", "monitoring"],
        "timezone": "utc",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), _variable("model"), _variable("version")]},
        "panels": panels,
    }
    return json.dumps(document, indent=2) + "\n"


def _panel(panel: Panel, number: int, where: Mapping[str, int]) -> dict[str, object]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": _DATASOURCE,
        "gridPos": where,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
            }
            for place, (legend, expression) in enumerate(panel.asked.items())
        ],
    }


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def _datasource() -> dict[str, object]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _variable(name: str) -> dict[str, object]:
    narrowed = "" if name == "model" else '{model=~"$model"}'
    return {
        "name": name, "label": name, "type": "query", "datasource": _DATASOURCE, "refresh": 2, "sort": 1,
        "query": f"label_values(inferwatch_requests_total{narrowed}, {name})",
        "includeAll": True, "multi": True, "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip
