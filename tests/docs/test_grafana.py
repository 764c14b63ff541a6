"""The Grafana dashboard and the Prometheus rules ask for metrics that there are, by labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import promql_parser
import pytest
import yaml
from prometheus_client.core import HistogramMetricFamily, Metric

from tests.docs.grafana import dashboard
from tests.docs.metrics_page import gateway_families, labels_of, monitor_families
from tests.docs.pages import GRAFANA, GRAFANA_RULES

_SELECTOR = re.compile(r"(inferwatch_\w+)(?:\{([^}]*)\})?")
_GROUPING = re.compile(r"\bby \(([^)]*)\)")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!=|!~|=)")
_SCRAPED = frozenset({"job", "instance", "le"})
"""Labels that Prometheus adds, and that of a histogram's buckets."""


def names_of(family: Metric) -> set[str]:
    """What a family is called in a question."""
    if isinstance(family, HistogramMetricFamily):
        return {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
    return {f"{family.name}_total" if family.type == "counter" else family.name}


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """The labels of every metric."""
    families = [*gateway_families(), *monitor_families()]
    return {name: set(labels_of(each)) for each in families for name in names_of(each)}


def asked() -> Iterator[str]:
    """Every question of both files."""
    for panel in json.loads(GRAFANA.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    for group in yaml.safe_load(GRAFANA_RULES.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


QUESTIONS = list(asked())


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_names_metrics_and_labels_that_there_are(
    question: str, known: dict[str, set[str]]
) -> None:
    selectors = _SELECTOR.findall(question)
    labels: set[str] = set()
    for name, conditions in selectors:
        assert name in known
        assert set(_LABEL.findall(conditions)) <= known[name] | _SCRAPED
        labels |= known[name]
    for group in _GROUPING.findall(question):
        assert {each.strip() for each in group.split(",")} <= labels | _SCRAPED
    assert selectors or question.startswith("up{")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_one_that_prometheus_reads(question: str) -> None:
    promql_parser.parse(question.replace("$__rate_interval", "5m"))  # which Grafana fills in


def test_the_dashboard_is_as_its_panels_say() -> None:
    assert GRAFANA.read_text() == dashboard(), "write it anew: python -m tests.docs"


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(dashboard())["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_every_rule_says_what_to_do() -> None:
    for group in yaml.safe_load(GRAFANA_RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
            assert rule["labels"]["severity"] in {"warning", "critical"}
            assert set(rule["annotations"]) == {"summary", "description"}
