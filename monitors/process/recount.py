"""Counts stored events anew when a reference comes into force: its bins are others than those before.

New events are counted against it from the first segment after; what was stored before is counted backwards,
the newest segments first, by the same code that counts new ones. Until then the judge leaves windows unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitors.process.decoding import Decoded, ModelKey, collector_paused, decode
from monitors.process.observing import Observer
from monitors.process.watched import Watchlist
from monitors.settings import MonitorSettings
from storage.counting import Counting
from storage.database import Database
from storage.leases import Lease
from storage.recounts import Recount, begin_recounts, recounts, save_recounts
from storage.segments import SegmentLog


class Recounter:
    """Notes where a reference came into force, and counts what lies before."""

    def __init__(  # noqa: PLR0913  # each is one stage or one fact, given by the composition root
        self,
        database: Database,
        *,
        log: SegmentLog,
        counting: Counting,
        watchlist: Watchlist,
        monitors: Sequence[str],
        observer: Observer,
        settings: MonitorSettings,
    ) -> None:
        self._database = database
        self._log = log
        self._counting = counting
        self._watchlist = watchlist
        self._monitors = frozenset(monitors)
        self._observer = observer
        self._settings = settings
        self._known: dict[int, tuple[Lease, dict[tuple[str, str, str], Recount]]] = {}

    def begin(self, partition: int, lease: Lease, positions: Mapping[str, int]) -> None:
        """Put new references into force, before anything is counted against them in this partition."""
        new = [
            Recount(
                monitor=name,
                model=model,
                version=version,
                partition=partition,
                reference=reference,
                seq=positions[name],
            )
            for (name, model, version), reference in self._new(partition, lease).items()
        ]
        if not new:
            return
        with self._counting.transaction(lease) as write:
            begin_recounts(write.connection, new)
        known = self._recounts_of(partition, lease)
        known.update({(each.monitor, each.model, each.version): each for each in new})

    def has_new(self, partition: int, lease: Lease) -> bool:
        """Whether a reference came into force that is not noted in this partition."""
        return bool(self._new(partition, lease))

    def forget(self) -> None:
        """After a failure: read everything anew from SQL."""
        self._known.clear()

    def take(self, partition: int, lease: Lease) -> int:
        """Count a run of stored segments of a partition anew. Returns how many there were."""
        known = self._recounts_of(partition, lease)
        in_force = self._in_force()
        open_ = [each for key, each in known.items() if each.seq > 0 and in_force.get(key) == each.reference]
        if not open_:
            return 0
        furthest = max(each.seq for each in open_)
        now = [each for each in open_ if each.seq == furthest]
        floor = max(
            [
                furthest - self._settings.segments_at_once,
                0,
                *(each.seq for each in open_ if each.seq < furthest),
            ]
        )
        segments = [
            each for each in self._log.after(partition, floor, furthest - floor) if each.seq <= furthest
        ]
        if not segments and not self._older(partition, furthest):
            floor = 0  # retention was quicker: there is nothing left to count
        try:
            with collector_paused():
                self._count(decode(segments) if segments else None, now, floor, lease)
        except BaseException:
            self._known.pop(partition, None)  # whatever committed, the next look reads it from SQL
            raise
        known.update({(each.monitor, each.model, each.version): replace(each, seq=floor) for each in now})
        return len(segments)

    def _older(self, partition: int, seq: int) -> bool:
        return any(each.seq <= seq for each in self._log.after(partition, 0, 1))

    def _count(self, decoded: Decoded | None, items: list[Recount], floor: int, lease: Lease) -> None:
        names: dict[ModelKey, list[str]] = {}
        for each in items:
            names.setdefault((each.model, each.version), []).append(each.monitor)
        found = [
            counted
            for key, monitors in names.items()
            if decoded is not None and (watched := self._watchlist.find(key)) is not None
            for counted in self._observer.observe(watched, monitors, decoded).values()
        ]
        with self._counting.transaction(lease) as write:
            for counted in found:
                write.add_summaries(counted.summaries)
                write.touch_windows(counted.windows)
                write.quarantine(counted.quarantined)
            save_recounts(write.connection, [replace(each, seq=floor) for each in items])

    def _new(self, partition: int, lease: Lease) -> dict[tuple[str, str, str], str]:
        known = self._recounts_of(partition, lease)
        return {
            key: reference
            for key, reference in self._in_force().items()
            if (held := known.get(key)) is None or held.reference != reference
        }

    def _in_force(self) -> dict[tuple[str, str, str], str]:
        """The references of its monitors that count against one, by monitor and model version."""
        return {
            (name, *watched.key): reference
            for watched in self._watchlist.all()
            for name in self._monitors & watched.monitors.keys()
            if (reference := watched.reference_of(name)) is not None
        }

    def _recounts_of(self, partition: int, lease: Lease) -> dict[tuple[str, str, str], Recount]:
        held = self._known.get(partition)
        if held is None or held[0] != lease:
            with self._database.read() as connection:
                found = recounts(connection, partition=partition)
            held = lease, {(each.monitor, each.model, each.version): each for each in found}
            self._known[partition] = held
        return held[1]
