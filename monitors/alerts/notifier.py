"""Reads what stands, asks `notify` who is told what, and puts the messages (`postbox`) into the outbox.

It runs under the lease of the judge, in whose thread it is, and all that comes of one look commits together:
messages, what people know, and what is remembered of their groups. So after any crash nothing is told twice
and nothing is left out.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from monitors.alerts.absence import absences, is_replaced, order_of
from monitors.alerts.channels import Channel
from monitors.alerts.groups import NoticeReason
from monitors.alerts.notify import notify
from monitors.alerts.policy import Policy
from monitors.alerts.postbox import Post, Postbox
from monitors.alerts.retiring import REPLACED, Retired, Unmeasured, given_up, retired
from monitors.alerts.situations import Episode, GroupState, Memory, Situation, Telling
from monitors.alerts.suppression import Member
from monitors.rulebook import NO_DATA
from storage.accounts import lags
from storage.alerts import delete_rule_states, open_alerts, save_alerts, unchanged_alerts, withdraw_alerts
from storage.clock import Clock
from storage.counting import Counting
from storage.database import Database
from storage.leases import Lease
from storage.matching import labels_of
from storage.measurements import measured_of
from storage.models import model_versions
from storage.outbox import add_messages
from storage.records import Alert, AlertStatus
from storage.telling import Kind, Standing, forget, mark_told, remember, standing
from storage.windows import model_clocks

log = logging.getLogger(__name__)

SETTLED = timedelta(seconds=60)
"""After a start or an outage, no model is missed for so long: its events may still be on their way."""
SWEPT = timedelta(hours=1)
"""How often it is looked for alerts that nothing measures any more."""


class Notifier:
    """Tells people. One at a time: each call needs the lease `judge`."""

    def __init__(  # noqa: PLR0913  # each is one stage or one fact, given by the composition root
        self,
        database: Database,
        *,
        counting: Counting,
        policy: Policy,
        channels: Sequence[Channel],
        no_data_after: timedelta | None,
        paced_by: str,  # the stage with whose read position the models' clocks move
        clock: Clock,
    ) -> None:
        self._database = database
        self._counting = counting
        self._policy = policy
        self._postbox = Postbox(database, channels, wait=policy.group_wait)
        self._no_data_after = no_data_after
        self._paced_by = paced_by
        self._clock = clock
        self._looked_at: datetime | None = None
        self._steady_since: datetime | None = None
        self._rules_known = False  # whether alerts of rules that are gone were looked for
        self._swept_at: datetime | None = None  # and those that nothing measures any more
        self.told: Counter[NoticeReason] = Counter()  # notices by reason, since this process began
        self.reasons: Mapping[str, NoticeReason] = {}  # of every group, at the last look
        self.expecting = False  # whether time alone may bring more to tell

    @property
    def unrendered(self) -> int:
        """Messages that a channel could not make."""
        return self._postbox.unrendered

    def look(self, lease: Lease) -> int:
        """Tell what is due. Returns how many notices that were."""
        now = self._clock()
        settled = self._settled(now)
        if not self._rules_known:
            self._retire(self._without_rule(now), lease, now)
            self._rules_known = True
        if settled and (self._swept_at is None or abs(now - self._swept_at) >= SWEPT) and not self._behind():
            self._retire(self._unmeasured(now), lease, now)
            self._swept_at = now
        with self._database.read() as connection:
            found = standing(connection, now)
        alerts = self._absences(found, now, settled=settled)
        groups = {name: GroupState.from_bytes(body) for name, body in found.groups.items()}
        telling = notify(self._situation(found, alerts), Memory(groups=groups), self._policy, now)
        post = self._postbox.post(telling.notices, found.recipients, now)
        self.expecting = bool(telling.memory.groups) or post.holding
        self._write(alerts, telling, post, groups, lease)
        self._note(telling)
        return len(telling.notices)

    def _settled(self, now: datetime) -> bool:
        """Whether looks have come regularly for a while."""
        if self._looked_at is None or abs(now - self._looked_at) > SETTLED:
            self._steady_since = now
        self._looked_at = now
        return self._steady_since is not None and now - self._steady_since >= SETTLED

    def _without_rule(self, now: datetime) -> Retired:
        """Once a process: settings do not change while it runs."""
        with self._database.read() as connection:
            return retired(open_alerts(connection), self._policy.rules.values(), now)

    def _unmeasured(self, now: datetime) -> Retired:
        """What is seen by the clock alone is not among them."""
        with self._database.read() as connection:
            clocks, order = model_clocks(connection), order_of(model_versions(connection))
            replaced = {
                (each.model, each.version)
                for each in clocks
                if now - each.counted_at >= REPLACED and is_replaced(each, clocks, order)
            }
            found = []
            for alert, since in unchanged_alerts(connection, since=now - REPLACED):
                if alert.rule == NO_DATA:
                    continue
                last = measured_of(connection, alert, limit=1)
                length = last[0].window.end - last[0].window.start if last else timedelta(0)
                key = (alert.scope.model, alert.scope.version)
                found.append(Unmeasured(alert=alert, since=since, window=length, replaced=key in replaced))
        return given_up(found, now)

    def _retire(self, found: Retired, lease: Lease, now: datetime) -> None:
        gone = {alert.fingerprint for alert in (*found.over, *found.withdrawn)}
        if not gone:
            return
        with self._counting.transaction(lease) as write:
            save_alerts(write.connection, found.over, stored_at=now)
            withdraw_alerts(write.connection, found.withdrawn)
            delete_rule_states(write.connection, gone)
        log.info("alerts that no window can resolve are over", extra={"alerts": len(gone)})

    def _absences(self, found: Standing, now: datetime, *, settled: bool) -> list[Alert]:
        changed = absences(
            found.clocks,
            found.versions,
            [each.alert for each in found.alerts if each.alert.status is AlertStatus.FIRING],
            rule=self._policy.rules.get(NO_DATA),
            after=self._no_data_after,
            settled=settled,
            now=now,
        )
        if all(alert.status is AlertStatus.RESOLVED for alert in changed) or not self._behind():
            return changed
        return [alert for alert in changed if alert.status is AlertStatus.RESOLVED]

    def _behind(self) -> bool:
        """Whether events wait to be counted: then nobody knows which models have traffic.

        Those that wait for their scores alone do not count: the models' clocks have passed them.
        """
        with self._database.read() as connection:
            return any(lag.events for lag in lags(connection, self._paced_by))

    def _situation(self, found: Standing, changed: Sequence[Alert]) -> Situation:
        told = {_key(each.alert): each.told for each in found.alerts}
        alerts = {_key(each.alert): each.alert for each in found.alerts}
        alerts |= {_key(alert): alert for alert in changed}
        return Situation(
            members=tuple(
                Member(alert=alert, labels=self._labels(alert), told=told.get(key))
                for key, alert in alerts.items()
            ),
            silences=tuple(found.silences),
            acknowledged=found.acknowledged,
        )

    def _labels(self, alert: Alert) -> Mapping[str, str]:
        rule = self._policy.rules.get(alert.rule)
        return labels_of(alert, rule.labels if rule else None)

    def _write(
        self,
        alerts: Sequence[Alert],
        telling: Telling,
        post: Post,
        before: Mapping[str, GroupState],
        lease: Lease,
    ) -> None:
        after = telling.memory.groups
        changed = {name: state.to_bytes() for name, state in after.items() if before.get(name) != state}
        gone = before.keys() - after.keys()
        if not (alerts or changed or gone or telling.told or post.messages or post.allowances):
            return
        now = self._clock()
        allowances = {name: each.to_bytes() for name, each in post.allowances.items()}
        with self._counting.transaction(lease) as write:
            save_alerts(write.connection, alerts, stored_at=now)
            mark_told(write.connection, telling.told)
            remember(write.connection, Kind.GROUP, changed, updated_at=now)
            forget(write.connection, Kind.GROUP, gone)
            remember(write.connection, Kind.RECIPIENT, allowances, updated_at=now)
            add_messages(write.connection, post.messages)

    def _note(self, telling: Telling) -> None:
        self.reasons = telling.reasons
        for notice in telling.notices:
            self.told[notice.reason] += 1
            about = {"reason": notice.reason.value, "id": notice.id, "alerts": len(notice.alerts)}
            log.info("notice", extra=about)


def _key(alert: Alert) -> Episode:
    return alert.fingerprint, alert.starts_at
