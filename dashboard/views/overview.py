"""What the overview shows, read in one moment: open alerts, every model version, and where every event is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dashboard import words
from dashboard.states import State, state_of, state_of_all
from dashboard.views.care import Episode, care_of
from dashboard.views.scoring import ScoringLine, scoring_line
from storage import judged, reading
from storage.accounts import lags
from storage.alerts import open_alerts
from storage.database import Database
from storage.models import model_versions
from storage.outbox import OutboxMessage, dead_messages, late_messages
from storage.records import Alert, AlertStatus, Arm, Judgement, Scope, Window
from storage.scorer import TOXICITY
from storage.scorers import find_scorer
from storage.silences import Silence, acknowledgements, silences
from storage.windows import model_clocks

WINDOWS = 40
"""How many windows a small trend line covers."""
DEAD_SHOWN = timedelta(days=7)
"""How long a message that nobody got is shown."""
LATE_AFTER = 4
"""Tries after which a message is late: about two minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One thing that is watched of every version.

    Of `metrics` the first that was measured is shown, by its largest value over all columns. Without any, the
    number of breached measurements of the monitor is shown.
    """

    title: str
    monitor: str
    metrics: tuple[str, ...]
    written: Callable[[float | None], str]
    where_measured: bool = False  # shown only of versions of which it was measured
    alone: bool = False  # its state is that of this metric, and not of all that the monitor measured


WATCHES = (
    Watch(title="Traffic", monitor="traffic", metrics=("requests",), written=words.number, alone=True),
    Watch(title="Errors", monitor="traffic", metrics=("error_share",), written=words.share, alone=True),
    Watch(
        title="Latency, p99", monitor="traffic", metrics=("latency_p99_s",), written=words.seconds, alone=True
    ),
    Watch(title="Drift", monitor="drift", metrics=("drift",), written=words.number),
    Watch(title="Quality breaches", monitor="quality", metrics=(), written=words.number),
    Watch(title="Accuracy", monitor="accuracy", metrics=("accuracy", "mae"), written=words.number),
    Watch(
        title="Toxic texts",
        monitor="toxicity",
        metrics=("toxic_share",),
        written=words.share,
        where_measured=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One thing that is watched, window by window. None: unknown in that window."""

    watch: Watch
    points: tuple[float | None, ...]
    state: State
    breached: int  # numbers that are breached in the newest window
    behind: tuple[Judgement, ...]  # of the newest window: what the value was taken from

    @property
    def value(self) -> float | None:
        """Of the newest window."""
        return self.points[-1] if self.points else None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A model version, or one of its arms."""

    scope: Scope
    has_reference: bool
    window: Window | None  # the newest that was judged
    newest_at: datetime | None  # of its newest event
    replay: bool
    trends: tuple[Trend, ...]

    @property
    def breached(self) -> bool:
        """Whether anything of it is outside its bounds now."""
        return any(trend.state is State.BREACHED for trend in self.trends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything on the page."""

    alerts: tuple[Alert, ...]  # open ones, firing first
    care: Mapping[Episode, str]  # what people did about them
    silences: tuple[Silence, ...]  # in force and to come
    rows: tuple[VersionRow, ...]
    accounting: reading.Accounting
    scoring: ScoringLine | None  # None: there are no texts to score
    dead_messages: tuple[OutboxMessage, ...]  # made lately, and given up: nobody got them
    late_messages: tuple[OutboxMessage, ...]  # tried again and again, and still on their way

    def count(self, status: AlertStatus) -> int:
        """How many alerts stand so."""
        return sum(alert.status is status for alert in self.alerts)


def overview(database: Database, now: datetime) -> Overview:
    """Read it."""
    with database.read() as connection:
        clocks = {(clock.model, clock.version): clock for clock in model_clocks(connection)}
        rows = []
        for version in model_versions(connection):
            named = Scope(model=version.model, version=version.version, arm=Arm.STABLE)
            clock = clocks.get((version.model, version.version))
            for scope in judged.arms(connection, version.model, version.version) or [named]:
                span = judged.newest_span(connection, scope, WINDOWS)
                judgements = judged.judgements_between(connection, scope, span, _ASKED) if span else []
                rows.append(
                    VersionRow(
                        scope=scope,
                        has_reference=version.reference is not None,
                        window=max((each.window for each in judgements), default=None),
                        newest_at=clock.newest_at if clock else None,
                        replay=clock.replay if clock else False,
                        trends=trends(judgements, now),
                    )
                )
        standing = silences(connection, since=now)
        alerts = sorted(open_alerts(connection), key=lambda alert: alert.status is not AlertStatus.FIRING)
        return Overview(
            alerts=tuple(alerts),
            care=care_of(alerts, standing, acknowledgements(connection), now),
            silences=tuple(standing),
            rows=tuple(sorted(rows, key=_place)),
            accounting=reading.accounting(connection),
            scoring=scoring_line(find_scorer(connection), lags(connection, monitor=TOXICITY), now),
            dead_messages=tuple(dead_messages(connection, since=now - DEAD_SHOWN)),
            late_messages=tuple(late_messages(connection, tries=LATE_AFTER)),
        )


def trends(judgements: Sequence[Judgement], now: datetime) -> tuple[Trend, ...]:
    """What is watched of one version, from everything that was judged of its newest windows."""
    by_window: dict[Window, list[Judgement]] = {}
    for each in judgements:
        by_window.setdefault(each.window, []).append(each)
    ordered = [by_window[window] for window in sorted(by_window)]
    monitors = {each.monitor for each in judgements}
    shown = [watch for watch in WATCHES if not watch.where_measured or watch.monitor in monitors]
    found = tuple(_trend(watch, ordered) for watch in shown)
    if ordered and _is_over(ordered[-1], now):
        return tuple(replace(trend, state=State.UNKNOWN) for trend in found)
    return found


def _trend(watch: Watch, windows: Sequence[Sequence[Judgement]]) -> Trend:
    ours = [[each for each in window if each.monitor == watch.monitor] for window in windows]
    measured = {each.measurement.metric for window in ours for each in window}
    metric = next((name for name in watch.metrics if name in measured), None)
    if watch.metrics:
        shown = [[each for each in window if each.measurement.metric == metric] for window in ours]
        points = [_largest(window) for window in shown]
    else:
        shown = ours
        points = [_breached_count(window) for window in shown]
    newest = shown[-1] if windows else []
    decisive = newest if watch.alone or not windows else ours[-1]
    breached = sum(each.measurement.breached for each in decisive)
    known = state_of_all(each.measurement for each in newest)
    return Trend(
        watch=watch,
        points=tuple(points),
        state=State.BREACHED if breached else known,
        breached=breached,
        behind=tuple(_behind(newest, points[-1] if points else None) if watch.metrics else []),
    )


def _behind(newest: Sequence[Judgement], value: float | None) -> Sequence[Judgement]:
    return [each for each in newest if value is not None and each.measurement.value == value][:1]


def _largest(judgements: Sequence[Judgement]) -> float | None:
    known = [each.measurement.value for each in judgements if each.measurement.value is not None]
    return max(known, default=None)


def _breached_count(judgements: Sequence[Judgement]) -> float | None:
    """How many numbers with bounds are breached; None where none of them is known."""
    states = [state_of(each.measurement) for each in judgements]
    known = [state for state in states if state in {State.OK, State.BREACHED}]
    return float(known.count(State.BREACHED)) if known else None


def _is_over(newest: Sequence[Judgement], now: datetime) -> bool:
    """Live traffic whose last window is long over says nothing of today. A replay is of the past anyway."""
    if any(each.replay for each in newest):
        return False
    window = newest[0].window
    return now - window.end > 2 * (window.end - window.start) + timedelta(minutes=5)


def _place(row: VersionRow) -> tuple[bool, bool, Scope]:
    """What is breached comes first, what was never judged last."""
    return not row.breached, row.window is None, row.scope


_ASKED = judged.Asked(monitors=tuple(dict.fromkeys(watch.monitor for watch in WATCHES)))
