"""Silences and acknowledgements: into the journal like every event; asked back from the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from gateway.answers import AcknowledgedBy, AlertAnswer, AlertsAnswer
from gateway.errors import RefusedError
from gateway.silence_answers import (
    Acknowledged,
    AlertHit,
    SilenceAnswer,
    SilenceEnded,
    SilenceMade,
    SilencesAnswer,
)
from gateway.silence_body import AcknowledgeBody, SilenceBody, author_of, silencing
from storage import reading
from storage.alerts import open_alerts
from storage.database import Database
from storage.errors import DatabaseUnavailableError, JournalError
from storage.matching import labels_of, matches
from storage.records import Action, ActionEvent, Alert, AlertStatus, EventId, Matcher
from storage.silences import (
    Acknowledgement,
    Silence,
    acknowledgements,
    find_silence,
    open_alert,
    silences,
)

MAX_STANDING = 1000
"""Silences that are in force or to come: each is held against each alert."""

_MAX_LISTED = 10_000
_REMEMBERED = 1000
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

RuleLabels = Mapping[str, Mapping[str, str]]
"""The labels that rules add to their alerts, by name of the rule."""


class ActionJournal(Protocol):
    """What takes actions in."""

    def append_many(self, records: Sequence[ActionEvent]) -> list[EventId]:
        """One write for all."""


class AlertActions:
    """What a person does about alerts. Takes time: call it from a thread."""

    def __init__(
        self,
        journal: ActionJournal,
        database: Database,
        clock: Callable[[], datetime],
        *,
        rule_labels: RuleLabels,
    ) -> None:
        self._journal, self._database, self._clock = journal, database, clock
        self._rule_labels = rule_labels
        # When silences end that were made here: SQL may not know of it yet.
        self._made: OrderedDict[str, datetime] = OrderedDict()

    def alerts(
        self, *, model: str | None, status: AlertStatus | None, limit: int, cursor: str | None
    ) -> AlertsAnswer:
        """A page of alerts, with what stands about them."""
        now = self._clock()
        statuses = [] if status is None else [status.value]
        with self._database.read() as connection:
            page = reading.alerts(connection, model=model, statuses=statuses, limit=limit, cursor=cursor)
            held = [each for each in silences(connection, since=now) if each.active(now)]
            seen = acknowledgements(connection)
        return AlertsAnswer([self._answer(alert, held, seen) for alert in page.alerts], page.next)

    def silence(self, body: SilenceBody, key: str | None) -> SilenceMade:
        """Silence what the matchers hit."""
        now = self._clock()
        action = silencing(body, now, key)
        hits = self._hits(action.matchers, now)
        id_ = str(self._append(action))
        ends_at = action.ends_at or now
        self._made[id_] = ends_at
        while len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)
        return SilenceMade(id=id_, starts_at=action.starts_at or now, ends_at=ends_at, hits=hits)

    def end(self, id: str, author: str | None, key: str | None) -> SilenceEnded:
        """End a silence before its time. One that is over stays as it is."""
        now = self._clock()
        ends_at = self._made.get(id) or self._end_of(id)
        if ends_at is None:
            raise RefusedError(
                404,
                f"no silence '{id[:80]}' is known; one that another gateway took is known a moment later",
                reason="not_found",
            )
        if ends_at <= now:
            return SilenceEnded(id=id, ends_at=ends_at)
        self._append(
            ActionEvent(at=now, action=Action.UNSILENCE, author=author_of(author, key), key=key, silence=id)
        )
        if id in self._made:
            self._made[id] = now
        return SilenceEnded(id=id, ends_at=now)

    def acknowledge(self, fingerprint: str, body: AcknowledgeBody, key: str | None) -> Acknowledged:
        """Say who looks after an open alert."""
        with self._database.read() as connection:
            alert = open_alert(connection, fingerprint)
        if alert is None:
            raise RefusedError(
                404, f"no open alert has the fingerprint '{fingerprint[:80]}'", reason="not_found"
            )
        action = ActionEvent(
            at=self._clock(),
            action=Action.ACKNOWLEDGE,
            author=author_of(body.author, key),
            comment=body.comment,
            key=key,
            fingerprint=alert.fingerprint,
            starts_at=alert.starts_at,
        )
        self._append(action)
        return Acknowledged(
            fingerprint=alert.fingerprint,
            starts_at=alert.starts_at,
            author=action.author,
            comment=action.comment,
            at=action.at,
        )

    def standing(self, *, expired: bool) -> SilencesAnswer:
        """Those that are in force or to come, or all that are kept."""
        now = self._clock()
        with self._database.read() as connection:
            found = silences(connection, since=_EVER if expired else now)
        return SilencesAnswer([SilenceAnswer.of(each, now) for each in found[-_MAX_LISTED:]])

    def _answer(
        self,
        alert: Alert,
        held: Sequence[Silence],
        seen: Mapping[tuple[str, datetime], Acknowledgement],
    ) -> AlertAnswer:
        labels = self._labels(alert)
        is_open = alert.status is not AlertStatus.RESOLVED
        found = seen.get((alert.fingerprint, alert.starts_at))
        return AlertAnswer.of(
            alert,
            labels=labels,
            acknowledged=AcknowledgedBy(author=found.author, comment=found.comment, at=found.made_at)
            if found
            else None,
            silenced=[each.id for each in held if is_open and matches(each.matchers, labels)],
        )

    def _labels(self, alert: Alert) -> dict[str, str]:
        return labels_of(alert, self._rule_labels.get(alert.rule))

    def _append(self, action: ActionEvent) -> EventId:
        try:
            return self._journal.append_many([action])[0]
        except JournalError as exc:
            raise RefusedError(
                503,
                "this cannot be recorded now; send it again later",
                reason="journal_full",
                retry_after_s=1.0,
            ) from exc

    def _hits(self, matchers: Sequence[Matcher], now: datetime) -> list[AlertHit] | None:
        """The open alerts that a new silence hits. Raises `RefusedError` where there are silences enough."""
        try:
            with self._database.read() as connection:
                standing = len(silences(connection, since=now))
                alerts = open_alerts(connection)
        except DatabaseUnavailableError:
            return None
        if standing >= MAX_STANDING:
            raise RefusedError(
                409,
                f"{standing} silences are in force or to come; end some first",
                reason="too_many_silences",
            )
        labelled = [(alert, self._labels(alert)) for alert in alerts]
        return [
            AlertHit(fingerprint=alert.fingerprint, status=alert.status, summary=alert.summary, labels=labels)
            for alert, labels in labelled
            if matches(matchers, labels)
        ]

    def _end_of(self, id: str) -> datetime | None:
        with self._database.read() as connection:
            found = find_silence(connection, id)
        return None if found is None else found.ends_at
