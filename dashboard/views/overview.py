"""What the overview shows, read in one moment: open alerts, every model version, and where every event is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard import words
from dashboard.states import State, state_of_all
from dashboard.views.care import Episode, care_of
from dashboard.views.scoring import ScoringLine, scoring_line
from storage import judged, reading
from storage.accounts import lags
from storage.alerts import open_alerts
from storage.database import Database
from storage.judged import Asked, Figures, Snapshot
from storage.models import ModelVersion, model_versions
from storage.outbox import OutboxMessage, dead_messages, late_messages
from storage.records import Alert, AlertStatus, Arm, Bounds, Judgement, Scope, Window
from storage.scorer import TOXICITY
from storage.scorers import find_scorer
from storage.silences import Silence, acknowledgements, silences
from storage.windows import ModelClock, model_clocks

SAMPLING, _IN_EVERY_DAY = "sampling", "sample_answered_share"
"""Who judges samples, and what it measures of every day."""
WINDOWS = 24
"""How many windows a small trend line covers."""
DEAD_SHOWN = timedelta(days=7)
"""How long a message that nobody got is shown."""
LATE_AFTER = 4
"""Tries after which a message is late: about two minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One thing that is watched of every version.

    Of the metrics, each with its monitor, the first that is known is shown, by its largest value over all
    columns; without a name, all metrics of the monitor together.
    """

    title: str
    metrics: tuple[tuple[str, str], ...]
    written: Callable[[float | None], str]
    shows: Callable[[Figures], float | None] = lambda each: each.largest
    where_measured: bool = False  # shown only of versions of which it was measured
    alone: bool = False  # its state is that of the metric, and not of all that the monitors measured

    @property
    def monitors(self) -> frozenset[str]:
        """Who measures it."""
        return frozenset(monitor for monitor, _ in self.metrics)


def _breached(each: Figures) -> float | None:
    """How many numbers are breached; None where none of those with bounds is known."""
    return float(each.breached) if each.known else None


def _count(value: float | None) -> str:
    return "all" if value == 0 else words.brief(value)


WATCHES = (
    Watch(title="Traffic", metrics=(("traffic", "requests"),), written=words.brief, alone=True),
    Watch(title="Errors", metrics=(("traffic", "error_share"),), written=words.share, alone=True),
    Watch(title="Latency p99", metrics=(("traffic", "latency_p99_s"),), written=words.seconds, alone=True),
    Watch(title="Drift", metrics=(("drift", "drift"),), written=words.brief),
    Watch(title="Quality", metrics=(("quality", ""),), written=_count, shows=_breached),
    Watch(title="Toxicity", metrics=(("toxicity", "toxic_share"),), written=words.share, where_measured=True),
    Watch(
        title="Bias",
        metrics=(("bias", ""),),
        written=words.brief,
        shows=lambda each: each.largest_bounded,
        where_measured=True,
    ),
    Watch(
        title="Accuracy",
        metrics=(
            ("accuracy", "accuracy"),
            (SAMPLING, "sampled_accuracy"),
            ("accuracy", "mae"),
            (SAMPLING, "sampled_mae"),
        ),
        written=words.brief,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One thing that is watched, window by window. None: unknown in that window."""

    watch: Watch
    points: tuple[float | None, ...]
    state: State
    breached: int  # numbers that are breached in the newest window
    monitor: str | None = None  # who measured what is shown; None: nobody
    behind: tuple[Judgement, ...] = ()  # of the newest window: what the value was taken from

    @property
    def value(self) -> float | None:
        """Of the newest window."""
        return self.points[-1] if self.points else None

    @property
    def words(self) -> str:
        """Its value and state. A number that nobody gave bounds stands alone."""
        if self.state is State.UNKNOWN:
            return words.UNKNOWN
        written = self.watch.written(self.value)
        return written if self.state is State.UNBOUNDED else f"{written} {self.state}"


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


Lines = dict[tuple[str, str], dict[Window, Figures]]
"""By monitor and metric, window by window."""


def overview(database: Database, now: datetime) -> Overview:
    """Read it."""
    with database.read() as connection:
        clocks = {(clock.model, clock.version): clock for clock in model_clocks(connection)}
        rows = [
            _row(connection, version, scope, clocks.get((version.model, version.version)), now)
            for version in model_versions(connection)
            for scope in judged.arms(connection, version.model, version.version)
            or [Scope(model=version.model, version=version.version, arm=Arm.STABLE)]
        ]
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


def _row(
    snapshot: Snapshot, version: ModelVersion, scope: Scope, clock: ModelClock | None, now: datetime
) -> VersionRow:
    span = judged.newest_span(snapshot, scope, WINDOWS)
    figures = judged.figures_between(snapshot, scope, span, _OF_WINDOWS) if span else []
    window = max((each.window for each in figures), default=None)
    newest = judged.judgements_between(snapshot, scope, window, _NEWEST) if window else []
    sampled = _sampled(snapshot, scope)
    last = max((each.window for each in sampled), default=None)
    figures += [_alone(each) for each in sampled]
    newest += [each for each in sampled if each.window == last]
    return VersionRow(
        scope=scope,
        has_reference=version.reference is not None,
        window=window,
        newest_at=clock.newest_at if clock else None,
        replay=clock.replay if clock else False,
        trends=trends(figures, newest, now),
    )


def _sampled(snapshot: Snapshot, scope: Scope) -> list[Judgement]:
    """What samples tell of the newest days: estimates, each one number without a column."""
    days = judged.windows(snapshot, scope, SAMPLING, _IN_EVERY_DAY)[-WINDOWS:]
    if not days:
        return []
    span = Window(start=days[0].start, end=days[-1].end)
    asked = [Asked(monitors=(SAMPLING,), metric=metric, column="") for metric in sorted(_asked()[SAMPLING])]
    return [each for one in asked for each in judged.judgements_between(snapshot, scope, span, one)]


def _alone(judgement: Judgement) -> Figures:
    """The figures of a metric that has no columns."""
    measured = judgement.measurement
    known = measured.value is not None and measured.bounds != Bounds()
    return Figures(
        monitor=judgement.monitor,
        metric=measured.metric,
        window=judgement.window,
        largest=measured.value,
        largest_bounded=None if measured.bounds.upper is None else measured.value,
        known=int(known),
        breached=int(measured.breached),
    )


def trends(figures: Sequence[Figures], newest: Sequence[Judgement], now: datetime) -> tuple[Trend, ...]:
    """What is watched of one version: the figures of its newest windows, and all that the last ones say."""
    lines: Lines = {}
    for each in figures:
        lines.setdefault((each.monitor, each.metric), {})[each.window] = each
    measured = {monitor for monitor, _ in lines}
    shown = [watch for watch in WATCHES if not watch.where_measured or watch.monitors & measured]
    return tuple(_trend(watch, lines, newest, now) for watch in shown)


def _trend(watch: Watch, lines: Lines, newest: Sequence[Judgement], now: datetime) -> Trend:
    monitor, metric = _shown(watch, lines)
    line = lines.get((monitor, metric), {})
    windows = _windows(monitor, lines)
    points = tuple(watch.shows(line[window]) if window in line else None for window in windows)
    shown = [each for each in newest if each.monitor == monitor and metric in {"", each.measurement.metric}]
    monitors = watch.monitors
    decisive = shown if watch.alone else [each for each in newest if each.monitor in monitors]
    breached = sum(each.measurement.breached for each in decisive if not _is_over(each, now))
    known = state_of_all(each.measurement for each in shown if not _is_over(each, now))
    return Trend(
        watch=watch,
        points=points,
        state=State.BREACHED if breached else known,
        breached=breached,
        monitor=monitor if line else None,
        behind=tuple(_behind(watch, shown, points[-1] if points else None)),
    )


def _windows(monitor: str, lines: Lines) -> list[Window]:
    """Those that it judges, oldest first: samples are judged by days, all else by the model's own windows."""
    found = {
        window
        for (name, _), line in lines.items()
        if (name == SAMPLING) == (monitor == SAMPLING)
        for window in line
    }
    return sorted(found)


def _shown(watch: Watch, lines: Lines) -> tuple[str, str]:
    """Of several metrics the first that is known in some window, else the first that was measured."""
    measured = [key for key in watch.metrics if key in lines]
    known = [key for key in measured if any(watch.shows(each) is not None for each in lines[key].values())]
    return next(iter([*known, *measured, *watch.metrics]))


def _behind(watch: Watch, shown: Sequence[Judgement], value: float | None) -> Sequence[Judgement]:
    if watch.shows is _breached:
        return [each for each in shown if each.measurement.breached]
    return [each for each in shown if value is not None and each.measurement.value == value][:1]


def _is_over(newest: Judgement, now: datetime) -> bool:
    """Live traffic whose last window is long over says nothing of today. A replay is of the past anyway."""
    window = newest.window
    return not newest.replay and now - window.end > 2 * (window.end - window.start) + timedelta(minutes=5)


def _place(row: VersionRow) -> tuple[int, bool, int, Scope]:
    """Where most is breached comes first, what was never judged last."""
    states = [trend.state for trend in row.trends]
    return -states.count(State.BREACHED), row.window is None, -states.count(State.UNKNOWN), row.scope


def _asked() -> dict[str, frozenset[str]]:
    """The metrics that are shown, by who measures them."""
    pairs = [pair for watch in WATCHES for pair in watch.metrics]
    return {name: frozenset(metric for of, metric in pairs if of == name and metric) for name, _ in pairs}


_OF_WINDOWS = {name: metrics for name, metrics in _asked().items() if name != SAMPLING}
_NEWEST = Asked(monitors=tuple(_OF_WINDOWS))
