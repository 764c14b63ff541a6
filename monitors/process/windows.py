"""Judges windows: sums their panes, asks the monitors what that means, and the rules which alerts stand.

A window is due when its model's clock, the newest event, has passed its end by the lateness; or when the wall
clock has and the model has been quiet for a while. One that changes later is judged again. Judgements and
alerts commit together. Who is told of them is the notifier's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitors.alerts.rules import RuleState, decide
from monitors.process.housekeeping import judged_for_good
from monitors.process.watched import Watched, Watchlist
from monitors.rulebook import Rule
from storage.accounts import counted_up_to
from storage.alerts import rule_states, save_alerts, save_rule_states, withdraw_alerts
from storage.clock import Clock
from storage.counting import Counting
from storage.database import Database
from storage.errors import DatabaseUnavailableError, LeaseLostError
from storage.leases import Lease
from storage.measurements import add_judgements
from storage.records import Judgement
from storage.recounts import recounts
from storage.settings import RetentionSettings
from storage.summaries import sum_between
from storage.windows import ModelClock, PendingWindow, mark_judged, model_clocks, pending_windows

log = logging.getLogger(__name__)

AT_ONCE = 256
"""Windows of one model judged in one look."""

MonitorKey = tuple[str, str, str]
"""Monitor, model and version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at one model version found."""

    watched: Watched
    clock: ModelClock
    windows: list[PendingWindow] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)


class Judge:
    """Looks at every model with due windows. One at a time: each call needs the lease `judge`."""

    def __init__(  # noqa: PLR0913  # each is one stage or one fact, given by the composition root
        self,
        database: Database,
        *,
        counting: Counting,
        watchlist: Watchlist,
        rules: Sequence[Rule],
        quiet_s: float,
        retention: RetentionSettings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._counting = counting
        self._watchlist = watchlist
        self._rules = rules
        self._retention = retention
        self._quiet = timedelta(seconds=quiet_s)
        self._clock = clock

    def look(self, lease: Lease) -> int:
        """Judge what is due. Returns how many windows that were."""
        now = self._clock()
        judged = 0
        with self._database.read() as connection:
            clocks = model_clocks(connection)
            unfinished = {
                (each.monitor, each.model, each.version) for each in recounts(connection) if each.seq > 0
            }
        for clock in clocks:
            watched = self._watchlist.find((clock.model, clock.version))
            if watched is None:
                continue
            try:
                judged += self._look_at(watched, clock, unfinished, lease, now)
            except (DatabaseUnavailableError, LeaseLostError):
                raise
            except Exception:  # what is wrong with one model must not silence the others: the log tells
                log.exception("model not judged", extra={"model": clock.model, "version": clock.version})
        return judged

    def _look_at(
        self, watched: Watched, clock: ModelClock, unfinished: set[MonitorKey], lease: Lease, now: datetime
    ) -> int:
        look = self._judged(watched, clock, due_before(clock, watched.lateness, now, self._quiet), unfinished)
        if look.windows:
            self._commit(look, lease, now)
        return len(look.windows)

    def _judged(
        self, watched: Watched, clock: ModelClock, before: datetime, unfinished: set[MonitorKey]
    ) -> Look:
        look = Look(watched=watched, clock=clock)
        for pending in self._pending(watched, before, unfinished):
            look.windows.append(pending)
            age = clock.newest_at - pending.key.window.start
            length = pending.key.window.end - pending.key.window.start
            if pending.judged and judged_for_good(length, age, self._retention):
                continue  # too late: what was said of it stays
            look.judgements.extend(self._assessed(watched, pending, replay=clock.replay))
        return look

    def _pending(
        self, watched: Watched, before: datetime, unfinished: set[MonitorKey]
    ) -> list[PendingWindow]:
        """Due windows, the oldest first, without those that are unknown until a recount is through, or until
        texts of theirs were scored."""
        scored = watched.monitors.keys() & set(self._watchlist.scored)
        with self._database.read() as connection:
            return pending_windows(
                connection,
                *watched.key,
                before=before,
                limit=AT_ONCE,
                without={name for name, model, version in unfinished if (model, version) == watched.key},
                up_to=counted_up_to(connection, scored),
            )

    def _assessed(self, watched: Watched, pending: PendingWindow, *, replay: bool) -> list[Judgement]:
        key = pending.key
        monitor = watched.monitors.get(key.monitor)
        if monitor is None:  # switched off since
            return []
        hash_ = watched.reference_of(key.monitor)
        with self._database.read() as connection:
            current = sum_between(connection, key.monitor, key.scope, hash_, key.window)
        reference = watched.reference.summaries.get(key.monitor) if watched.reference else None
        try:
            measurements = list(monitor.assess(current, reference))
        except Exception:  # a plug-in may raise anything: the log says so, and the window stays unknown
            log.exception(
                "window not judged",
                extra={"monitor": key.monitor, "model": key.scope.model, "start": str(key.window.start)},
            )
            return []
        return [
            Judgement(
                monitor=key.monitor, scope=key.scope, window=key.window, measurement=each, replay=replay
            )
            for each in measurements
            if each.column is None or each.column != key.scope.sliced_by  # there it is as it was chosen
        ]

    def _commit(self, look: Look, lease: Lease, now: datetime) -> None:
        model, version = look.watched.key
        with self._counting.transaction(lease) as write:
            states = {
                fingerprint: RuleState.from_bytes(body)
                for fingerprint, body in rule_states(write.connection, model=model, version=version).items()
            }
            decision = decide(self._rules, look.judgements, states, clock=look.clock.newest_at)
            add_judgements(write.connection, look.judgements, judged_at=now)
            withdraw_alerts(write.connection, decision.withdrawn)
            save_alerts(write.connection, decision.alerts, stored_at=now)
            save_rule_states(
                write.connection,
                {fingerprint: state.to_bytes() for fingerprint, state in decision.states.items()},
                model=model,
                version=version,
                updated_at=now,
            )
            mark_judged(write.connection, look.windows)
        for news in decision.news:
            log.info(
                "alert",
                extra={"reason": news.reason.value, "fingerprint": news.alert.fingerprint, "model": model},
            )


def due_before(clock: ModelClock, lateness: timedelta, now: datetime, quiet: timedelta) -> datetime:
    """Windows that ended by then are due."""
    by_events = clock.newest_at - lateness
    return max(by_events, now - lateness) if now - clock.counted_at >= quiet else by_events
