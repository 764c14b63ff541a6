"""Counts segments for monitors: each once, whatever crashes, and in any order to the same bits.

A cursor per monitor and partition says how far it has come. What is slow, and harmless to repeat, is done
outside the transaction; results, quarantine and the read position then commit together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitors.process.actions import ACTIONS, Actions
from monitors.process.decoding import Decoded, collector_paused, decode
from monitors.process.joiner import JOINER, Joiner
from monitors.process.observing import Counted, Observer
from monitors.process.recount import Recounter
from monitors.process.watched import Watchlist
from monitors.settings import MonitorSettings
from storage.clock import Clock
from storage.counting import Counting, CountingWrite
from storage.leases import Lease
from storage.quarantine import Quarantined
from storage.segments import Segment, SegmentLog


@dataclass(slots=True, kw_only=True)
class _Positions:
    """The cursors of a partition, kept while its lease is ours: nobody else moves them."""

    lease: Lease
    seqs: dict[str, int] = field(default_factory=dict)


class Runner:
    """Takes segments from the log for some monitors. Each call needs the lease of their partition.

    One counts what takes no time, joins labels and keeps the models' clocks. Another, without joiner and
    actions, counts what needs scores at its own pace.
    """

    def __init__(  # noqa: PLR0913  # each is one stage or one fact, given by the composition root
        self,
        *,
        log: SegmentLog,
        counting: Counting,
        watchlist: Watchlist,
        monitors: Sequence[str],
        observer: Observer,
        joiner: Joiner | None,
        actions: Actions | None,
        recounter: Recounter,
        settings: MonitorSettings,
        clock: Clock,
    ) -> None:
        self._log = log
        self._counting = counting
        self._watchlist = watchlist
        self._monitors = tuple(monitors)
        self._observer = observer
        self._joiner = joiner
        self._actions = actions
        self._recounter = recounter
        self._settings = settings
        self._clock = clock
        self._positions: dict[int, _Positions] = {}

    def take(self, partition: int, lease: Lease) -> int:
        """Count the next segments of a partition: all of each, once, or not at all. Returns their number."""
        positions = self._positions_of(partition, lease)
        try:
            self._recounter.begin(partition, lease, positions)
            taken = 0
            for seq in sorted(set(positions.values())):
                ahead = min((other for other in positions.values() if other > seq), default=None)
                segments = self._next(partition, seq, ahead)
                if not segments:
                    continue
                with collector_paused():
                    names = [name for name, position in positions.items() if position == seq]
                    self._count(decode(segments), names, lease, positions)
                    taken += len(segments)
        except BaseException:
            self._positions.pop(partition, None)  # whatever committed, the next look reads it from SQL
            raise
        return taken

    def behind(self, partition: int, lease: Lease, head: int) -> bool:
        """Whether anything is left to count up to the partition's newest segment, or a reference is new."""
        positions = self._positions_of(partition, lease)
        return min(positions.values()) < head or self._recounter.has_new(partition, lease)

    def enrol(self, partition: int, lease: Lease) -> None:
        """Give every monitor a position in a partition, so that it is seen to be behind before it begins."""
        held = self._positions.get(partition)
        if held is not None and held.lease == lease:
            return
        with self._counting.transaction(lease) as write:
            for name in self._monitors:
                write.enrol(name, partition)
        self._positions_of(partition, lease)

    def pass_over(self, partition: int, lease: Lease) -> None:
        """Move on unread, where its monitors have nothing to look for."""
        positions = self._positions_of(partition, lease)
        with self._counting.transaction(lease) as write:
            passed = {name: write.pass_over(name, partition, seq) for name, seq in positions.items()}
        positions.update(passed)

    def forget(self) -> None:
        """After a failure: read the positions anew from SQL."""
        self._positions.clear()

    def _positions_of(self, partition: int, lease: Lease) -> dict[str, int]:
        held = self._positions.get(partition)
        if held is None or held.lease != lease:
            stages = {JOINER: self._joiner, ACTIONS: self._actions}
            names = (*self._monitors, *(name for name, stage in stages.items() if stage is not None))
            seqs = {name: self._counting.cursor(name, partition).seq for name in names}
            held = self._positions[partition] = _Positions(lease=lease, seqs=seqs)
        return held.seqs

    def _next(self, partition: int, seq: int, ahead: int | None) -> list[Segment]:
        """The segments after a position: so many events at once, and not past where the others are."""
        found = self._log.after(partition, seq, self._settings.segments_at_once)
        taken: list[Segment] = []
        events = 0
        for segment in found:
            events += segment.n
            if (taken and events > self._settings.events_at_once) or (
                ahead is not None and segment.seq > ahead
            ):
                break
            taken.append(segment)
        return taken

    def _count(self, decoded: Decoded, names: Sequence[str], lease: Lease, positions: dict[str, int]) -> None:
        if JOINER in names and self._joiner is not None:
            self._joiner.take(decoded, lease)
            positions[JOINER] = decoded.seq
        monitors = [name for name in names if name not in {JOINER, ACTIONS}]
        counted = self._observed(decoded, monitors)
        with self._counting.transaction(lease) as write:
            if self._joiner is not None:
                self._note_newest(decoded, write)
            if ACTIONS in names and self._actions is not None:
                self._actions.apply(decoded, write)
            for name in monitors:
                _write(decoded, name, counted[name], write)
        positions.update(dict.fromkeys(names, decoded.seq))

    def _observed(self, decoded: Decoded, names: Sequence[str]) -> Mapping[str, list[Counted]]:
        counted: dict[str, list[Counted]] = {name: [self._unreadable(decoded, name)] for name in names}
        for key in sorted(decoded.events.keys() | decoded.changes.keys()):
            watched = self._watchlist.find(key)
            if watched is None:  # served, and gone since: its events pass, and nobody watches them
                continue
            for name, found in self._observer.observe(watched, names, decoded).items():
                counted[name].append(found)
        return counted

    def _unreadable(self, decoded: Decoded, name: str) -> Counted:
        now = self._clock()
        return Counted(
            quarantined=[
                Quarantined(
                    event=each.id,
                    monitor=name,
                    partition=decoded.partition,
                    error=each.error,
                    event_at=each.at,
                    stored_at=now,
                )
                for each in decoded.unreadable
                if each.is_event
            ]
        )

    def _note_newest(self, decoded: Decoded, write: CountingWrite) -> None:
        for (model, version), events in sorted(decoded.events.items()):
            if self._watchlist.known((model, version)) is not None:
                newest = max((event for _, event in events), key=lambda event: event.at)
                write.note_newest(model=model, version=version, newest_at=newest.at, replay=newest.replay)


def _write(decoded: Decoded, name: str, counted: Iterable[Counted], write: CountingWrite) -> None:
    set_aside = 0
    for each in counted:
        write.add_summaries(each.summaries)
        write.touch_windows(each.windows)
        write.quarantine(each.quarantined)
        set_aside += sum(decoded.has_event(item.event) for item in each.quarantined)
    counted_n = decoded.n - set_aside
    write.move_cursor(name, decoded.partition, seq=decoded.seq, counted=counted_n, quarantined=set_aside)
