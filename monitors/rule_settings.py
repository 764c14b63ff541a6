"""The settings of alerting: rules, and who is told when. Checked as they are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from inference.manifest import NAME, parse_duration
from monitors.rulebook import Rule, RuleChange, RuleError, advice, changed, check_monitor, rules_of
from storage.matching import LABELS, InvalidMatcherError, check_matchers, read_matcher
from storage.records import Arm, Matcher, Severity

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


def _duration(value: Any) -> Any:
    """`5m` as a person writes it; 0 is no time at all."""
    if value in ("0", "0s", 0):
        return timedelta(0)
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int | float):
        raise ValueError("a duration has a unit: write 30s, 5m, 1h or 1d")
    return value


def duration_text(span: timedelta) -> str:
    """A duration as one would write it in the settings: `1h 30m`."""
    left = int(span.total_seconds())
    parts = []
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


Span = Annotated[timedelta, BeforeValidator(_duration)]
"""A duration in the settings."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleSettings(_Section):
    """A rule: with the name of one that comes with inferwatch it changes that one, else it adds one."""

    name: str = Field(pattern=NAME, description="`inferwatch rules list` shows those that there are")
    off: bool = Field(default=False, description="true: this rule is not to be")
    monitor: str | None = Field(default=None, description="whose measurements it looks at")
    metric: str | None = Field(default=None, description="all that have bounds, if not given")
    column: str | None = Field(default=None, description="all, if not given")
    slice: str | None = Field(default=None, description="all, if not given; such as country=DE")
    arm: Arm | None = Field(default=None, description="stable, canary or shadow; all, if not given")
    breached: int | None = Field(default=None, ge=1, le=100, description="so many breached windows fire it,")
    of: int | None = Field(default=None, ge=1, le=100, description="among so many that were judged last")
    wait: Span | None = Field(
        default=None, alias="for", description="it stays pending for so long before it fires"
    )
    keep_firing_for: Span | None = Field(
        default=None, description="it goes on for so long after the last breach"
    )
    severity: Severity | None = Field(default=None, description="warning or critical")
    labels: dict[Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")], str] | None = Field(
        default=None, description="added to its alerts, for channels and silences"
    )
    text: str | None = Field(default=None, max_length=2000, description="what a person should know or do")
    runbook: str | None = Field(
        default=None, pattern=r"^https?://[^\s\"'<>]+$", description="a page that says what to do"
    )

    @field_validator("monitor")
    @classmethod
    def _monitor_exists(cls, name: str | None) -> str | None:
        if name is not None:
            check_monitor(name)
        return name

    @model_validator(mode="after")
    def _makes_a_rule(self) -> RuleSettings:
        changed(self.change)
        return self

    @property
    def change(self) -> RuleChange:
        """What is given, and nothing else."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"name", "off"}}
        fields = {name: value for name, value in given.items() if value is not None}
        return RuleChange(name=self.name, off=self.off, fields=fields)


class InhibitionSettings(_Section):
    """An alert that explains others: while `source` fires, nobody hears of `target`."""

    source: tuple[str, ...] = Field(min_length=1, description='matchers, such as rule="no_data"')
    target: tuple[str, ...] = Field(min_length=1, description="matchers of what is not told")
    equal: tuple[str, ...] = Field(default=(), description="labels that both must share")

    @field_validator("source", "target")
    @classmethod
    def _readable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        matchers_of(texts)
        return texts


class Weekday(StrEnum):
    """A day, in the order of `datetime.weekday`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class MuteSettings(_Section):
    """A time of the week (UTC) at which nobody is told of anything, or of what `match` says."""

    name: str = Field(max_length=100, description="what people call it")
    days: tuple[Weekday, ...] = Field(default=(), description="every day if not given")
    start: str = Field(default="00:00", alias="from", description="UTC")
    end: str = Field(default="24:00", alias="to", description="UTC; before `from`: on the next day")
    match: tuple[str, ...] = Field(default=(), description="matchers; all alerts if not given")

    @field_validator("start", "end", mode="before")
    @classmethod
    def _time_of_day(cls, text: Any) -> str:
        if isinstance(text, int) and 0 <= text <= 24 * 60:  # without quotes YAML reads 22:00 as 22 x 60
            text = f"{text // 60:02}:{text % 60:02}"
        if not isinstance(text, str) or not _CLOCK.fullmatch(text):
            raise ValueError(f'"{text}" is no time of day; write it in quotes, such as "22:00"')
        return text

    @field_validator("match")
    @classmethod
    def _readable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        matchers_of(texts)
        return texts


def matchers_of(texts: Iterable[str]) -> tuple[Matcher, ...]:
    """Matchers as Alertmanager writes them: `model="churn"`, `column=~"age|plan"`. Raises `ValueError`."""
    made = tuple(_matcher(text) for text in texts)
    try:
        check_matchers(made)
    except InvalidMatcherError as exc:
        raise ValueError(f"not a regular expression: {exc}") from exc
    return made


def _matcher(text: str) -> Matcher:
    try:
        return read_matcher(text)
    except InvalidMatcherError as exc:
        raise ValueError(f"'{text}' is no matcher: {exc}") from exc


def check_labels(
    rules: Iterable[Rule],
    *,
    group_by: Iterable[str],
    inhibitions: Iterable[InhibitionSettings],
    mutes: Iterable[MuteSettings],
) -> None:
    """Raises `RuleError` for a label that no alert has: it would match all or none."""
    known = [*LABELS, *(label for rule in rules for label in rule.labels)]
    used = list(group_by)
    for each in inhibitions:
        used += [*each.equal, *(one.label for one in matchers_of((*each.source, *each.target)))]
    used += [one.label for each in mutes for one in matchers_of(each.match)]
    for label in used:
        if label not in known:
            raise RuleError(f"no alert has the label '{label}'; {advice(label, known)}")


def effective_rules(rules: Sequence[RuleSettings]) -> tuple[Rule, ...]:
    """The rules in force. Raises `RuleError` where two entries have one name."""
    return rules_of(rule.change for rule in rules)


DEFAULT_INHIBITIONS = (
    InhibitionSettings(
        source=("rule=no_data",), target=("rule!=no_data", "monitor!=traffic"), equal=("model", "version")
    ),
    InhibitionSettings(source=("rule=database",), target=("rule!=database", "monitor!=traffic")),
    InhibitionSettings(
        source=("severity=critical",),
        target=("severity=warning",),
        equal=("model", "version", "arm", "slice", "metric", "column"),
    ),
)
"""Without traffic or a database nothing can be known of a model; a critical alert makes its warning idle."""
