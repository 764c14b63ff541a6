"""The alert rules in force: those that come with inferwatch, and what the operator changes of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from monitors import MONITORS
from storage.records import Alert, Arm, Judgement, Scope, Severity

NO_DATA = "no_data"
DATABASE = "database"
NO_EVENTS = "no_events"
"""The metric of the rule `no_data`: it is not measured over windows, but seen by the wall clock."""

_CRITERIA = ("demographic_parity", "equal_opportunity", "equalized_odds", "predictive_parity", "accuracy")

METRICS: Mapping[str, tuple[str, ...]] = {
    "traffic": ("error_share", "rejected_share", "latency_p99_s", NO_EVENTS),
    "drift": ("drift",),
    "quality": (
        "missing_share", "wrong_type_share", "not_finite_share", "out_of_range_share", "unseen_share",
        "empty_share",
    ),
    "accuracy": (
        "accuracy", "precision", "recall", "f1", "roc_auc", "brier", "mae", "rmse", "label_conflict_share",
    ),
    "sampling": ("sampled_accuracy", "sampled_mae"),
    "toxicity": ("toxic_share", "severe_share", "mean_score", "scored_share", "truncated_share"),
    "bias": (
        *(f"{criterion}_{gap}" for criterion in _CRITERIA for gap in ("difference", "ratio")),
        "disparate_impact",
    ),
    DATABASE: ("away",),
}  # fmt: skip
"""What is judged, so that a rule may name it; other numbers are shown, and have no bounds. A monitor that is
missing here may judge anything.

Names, so that settings are read without statistics; the contract tests hold them to what the monitors say.
"""


class RuleError(ValueError):
    """A rule cannot be as it is written: mend it, as the message says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Breached measurements of a monitor, in `breached` of the last `of` known windows, make an alert."""

    name: str
    monitor: str
    metric: str | None = None  # None: every metric that has bounds
    column: str | None = None  # None: whatever it is, and so on
    slice: str | None = None
    arm: Arm | None = None
    breached: int = 1
    of: int = 1
    wait: timedelta = timedelta(0)  # Prometheus' `for`: it is pending for so long before it fires
    keep_firing_for: timedelta = timedelta(0)  # and fires for so long after the last breach
    severity: Severity = Severity.WARNING
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    text: str = ""  # what a person should know or do
    runbook: str | None = None  # a URL

    def covers(self, judgement: Judgement) -> bool:
        """Whether it looks at this measurement."""
        measured = judgement.measurement
        return self._names(judgement.monitor, measured.metric, measured.column, judgement.scope)

    def made(self, alert: Alert) -> bool:
        """Whether an alert may be its own: of its name, and of what it looks at."""
        return self.name == alert.rule and self._names(alert.monitor, alert.metric, alert.column, alert.scope)

    def _names(self, monitor: str, metric: str, column: str | None, scope: Scope) -> bool:
        return (
            self.monitor == monitor
            and self.metric in {None, metric}
            and self.column in {None, column}
            and self.slice in {None, scope.slice}
            and self.arm in {None, scope.arm}
        )


# Of what labels tell, one breached window is enough, and it takes two healthy ones to be over: the newest
# window has few of its labels yet, and few labels show nothing.
DEFAULT_RULES = (
    Rule(
        name="drift", monitor="drift", breached=2, of=3,
        text="Inputs or answers are no longer distributed as in the reference. Look at when it began and at "
        "what else changed then; if the change is meant, set a new reference.",
    ),
    Rule(
        name="quality", monitor="quality",
        text="Values are missing, of the wrong type, or outside of what the reference holds. Look at the app "
        "that sends them.",
    ),
    Rule(
        name="accuracy", monitor="accuracy", of=2, severity=Severity.CRITICAL,
        text="Answers are wrong more often than in the reference, by labels that came with time.",
    ),
    Rule(
        name="sampling", monitor="sampling", of=2, severity=Severity.CRITICAL,
        text="Answers are wrong more often than in the reference, by labels that were asked for.",
    ),
    Rule(
        name="toxicity", monitor="toxicity",
        text="More texts are toxic than is healthy. `GET /api/examples` lists where the worst of them are.",
    ),
    Rule(
        name="bias", monitor="bias", of=2,
        text="The model treats groups differently by more than is healthy. Look at the groups and at their "
        "numbers before you act.",
    ),
    Rule(
        name="errors", monitor="traffic", severity=Severity.CRITICAL,
        text="Requests fail or take too long. Look at the log of the gateway.",
    ),
    Rule(
        name=NO_DATA, monitor="traffic", metric=NO_EVENTS,
        text="The model had traffic and has none now. Look whether the app still runs and reaches the "
        "gateway.",
    ),
    Rule(
        name=DATABASE, monitor=DATABASE, severity=Severity.CRITICAL,
        text="Requests are answered and recorded in the journal; nothing is counted or judged until the "
        "database is back.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What the operator says of one rule: the fields that are given, by name."""

    name: str
    off: bool = False
    fields: Mapping[str, Any]


def rules_of(changes: Iterable[RuleChange]) -> tuple[Rule, ...]:
    """The defaults as the operator changes them, then the operator's own. Raises `RuleError`."""
    rules = {rule.name: rule for rule in DEFAULT_RULES}
    seen: set[str] = set()
    for change in changes:
        if change.name in seen:
            raise RuleError(f"rule '{change.name}' is there twice; keep one")
        seen.add(change.name)
        rule = changed(change)
        if change.off:
            rules.pop(change.name, None)
        elif rule is not None:
            rules[change.name] = rule
    return tuple(rules.values())


def changed(change: RuleChange) -> Rule | None:
    """The rule that an entry makes, of a default or anew; None where it is only switched off."""
    default = next((rule for rule in DEFAULT_RULES if rule.name == change.name), None)
    if default is None and "monitor" not in change.fields:
        if change.off:
            known = [rule.name for rule in DEFAULT_RULES]
            raise RuleError(f"there is no rule '{change.name}' to switch off; {advice(change.name, known)}")
        names = [rule.name for rule in DEFAULT_RULES]
        near = difflib.get_close_matches(change.name, names, n=1)
        raise RuleError(
            f"rule '{change.name}' names no monitor; give it one"
            + (f", or did you mean the rule '{near[0]}'?" if near else "")
        )
    rule = Rule(name=change.name, **change.fields) if default is None else replace(default, **change.fields)
    _check(rule)
    return rule


def check_monitor(name: str) -> None:
    """Raises `RuleError` where no such monitor exists."""
    known = [*MONITORS, DATABASE]
    if name not in known:
        raise RuleError(f"there is no monitor '{name}'; {advice(name, known)}")


def advice(name: str, known: Iterable[str]) -> str:
    """What a person may have meant."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(names)}"


def _check(rule: Rule) -> None:
    known = METRICS.get(rule.monitor)
    if rule.metric is not None and known is not None and rule.metric not in known:
        raise RuleError(
            f"monitor '{rule.monitor}' judges no metric '{rule.metric}'; {advice(rule.metric, known)}"
        )
    if rule.breached > rule.of:
        raise RuleError(
            f"{rule.breached} breached of {rule.of} windows can never be; raise `of` to {rule.breached}"
        )
