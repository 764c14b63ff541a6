"""Joins labels with their predictions: a stage of its own in front of the monitors that use labels.

It reads `LabelEvent`s, finds the event by its place or by the app's own id, settles which label wins, and
writes the difference (`LabelChange`: before, after) back into the log, in the same transaction. A label that
came before its event waits, within a bound. So the order of events and labels, late, twice or in conflict,
makes no difference to the counts.

As every event passes here once, in order, this is also where rows are chosen to be labelled: a choice is a
change too, and the label changes of a chosen row carry its probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from inference.manifest import Task
from monitors.labels import label_of
from monitors.process.choosing import Chooser, Lot
from monitors.process.decoding import Decoded
from monitors.process.predictions import Predictions
from monitors.process.watched import Watchlist
from storage.clock import Clock
from storage.counting import Counting, CountingWrite
from storage.dialects import lock_for_labels
from storage.labels import (
    WaitingLabel,
    add_waiting,
    find_app_ids,
    labels_of,
    refuse_labels,
    remember_app_ids,
    remove_waiting,
    store_labels,
    waiting_count,
    waiting_for,
    waiting_since,
)
from storage.leases import Lease
from storage.records import EventId, InferenceEvent, InvalidEventIdError, LabelChange, Outcome
from storage.samples import mark_labelled, probabilities
from storage.settling import Label, LabelValue, Settled, settle

JOINER = "joiner"
"""Its name among the read positions."""

AT_ONCE = 2_000
"""Label changes in one derived segment, and waiting labels tried again in one look."""


class Refusal(StrEnum):
    """Why a label was given up. Each is counted by this name."""

    NOT_THEIRS = "event_of_another_key"
    NO_PREDICTION = "event_without_prediction"
    NO_SUCH_ROW = "no_such_row"
    NOT_ALLOWED = "value_not_allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joined:
    """A label and the event that it speaks of."""

    label: Label
    event: InferenceEvent


class Joiner:
    """Turns labels into label changes."""

    def __init__(  # noqa: PLR0913  # each is one stage or one fact, given by the composition root
        self,
        *,
        counting: Counting,
        predictions: Predictions,
        watchlist: Watchlist,
        chooser: Chooser,
        most_waiting: int,
        clock: Clock,
    ) -> None:
        self._counting = counting
        self._predictions = predictions
        self._watchlist = watchlist
        self._chooser = chooser
        self._most_waiting = most_waiting
        self._clock = clock
        self._tried: EventId | None = None  # how far `retry` has come among the waiting labels

    def take(self, decoded: Decoded, lease: Lease) -> None:
        """Choose what to label in some segments, and join the labels in them, or that waited for them."""
        for key in decoded.events:
            self._watchlist.find(key)  # a model that is new is registered before the transaction begins
        lots = self._chooser.candidates(decoded)
        with self._counting.transaction(lease) as write:
            own_ids = [(event.key, event.app_id, id_) for id_, event in decoded.all_events() if event.app_id]
            remember_app_ids(write.connection, own_ids, stored_at=self._clock())
            came = [
                WaitingLabel(
                    place=place,
                    tenant=label.key,
                    event=label.event,
                    row=label.row,
                    value=label.value,
                    labelled_at=label.at,
                    everyone=label.everyone,
                )
                for place, label in decoded.labels
            ]
            waiting = waiting_count(write.connection)
            if came or waiting or lots:
                lock_for_labels(write.connection)
            changes = self._chosen(lots, write)
            if came or waiting:
                waited = self._waited_for(decoded, waiting, write)
                changes += self._join([*waited, *came], {each.place for each in waited}, decoded, write)
            _add_changes(changes, decoded.partition, write)
            write.move_cursor(JOINER, decoded.partition, seq=decoded.seq, counted=decoded.n, quarantined=0)

    def retry(self, partition: int, lease: Lease) -> int:
        """Try some waiting labels again: their event may have been stored after they were looked at.

        Returns how many were tried; 0 after the last page, so that the next call begins anew.
        """
        with self._counting.transaction(lease) as write:
            lock_for_labels(write.connection)
            waiting = waiting_since(write.connection, after=self._tried, limit=AT_ONCE)
            nothing = Decoded(partition=partition, seq=0, segments=0, n=0)
            changes = self._join(waiting, {each.place for each in waiting}, nothing, write)
            _add_changes(changes, partition, write)
        self._tried = waiting[-1].place if waiting else None
        return len(waiting)

    def _chosen(self, lots: Sequence[Lot], write: CountingWrite) -> list[LabelChange]:
        """Choose among rows that were not seen before. A label that was quicker is in the change already."""
        choices = self._chooser.choose(lots, write)
        held = labels_of(write.connection, {each.sample.event for each in choices})
        changes: list[LabelChange] = []
        for each in choices:
            label = held.get((each.sample.event, each.sample.row))
            value = None if label is None else label.value
            labelled_at = each.sample.at if label is None else label.labelled_at
            place = each.sample.event, each.sample.row, labelled_at
            change = _change(each.event, place, before=value, after=value, pi=each.sample.pi)
            changes.append(msgspec.structs.replace(change, chosen=True))
            if value is not None:
                mark_labelled(write.connection, [place])
        return changes

    def _waited_for(self, decoded: Decoded, waiting: int, write: CountingWrite) -> list[WaitingLabel]:
        """Labels that wait for events of these segments. Asks for all, or by events, as is less work."""
        ids = {str(id_) for id_, _ in decoded.all_events()}
        ids |= {event.app_id for _, event in decoded.all_events() if event.app_id}
        if not waiting or not ids:
            return []
        if waiting > AT_ONCE:
            return waiting_for(write.connection, ids)
        everything = waiting_since(write.connection, after=None, limit=AT_ONCE)
        return [label for label in everything if label.event in ids or label.event.startswith("sha256:")]

    def _join(
        self, labels: Sequence[WaitingLabel], waited: set[EventId], decoded: Decoded, write: CountingWrite
    ) -> list[LabelChange]:
        """Settle these labels, in the order of their places. Those in `waited` lie in SQL already."""
        if not labels:
            return []
        now = self._clock()
        places = self._places(labels, write)
        wanted = set(places.values())
        events = self._predictions.find(write, wanted, dict(decoded.all_events()))
        done: set[EventId] = set()
        joined: list[_Joined] = []
        waiting: list[WaitingLabel] = []
        for label in sorted(labels, key=lambda each: each.place):
            id_ = places.get(label.place)
            event = events.get(id_) if id_ is not None else None
            if id_ is None or event is None:
                if label.place not in waited:
                    waiting.append(label)
                continue
            done.add(label.place)
            outcome = self._checked(label, id_, event)
            if isinstance(outcome, Refusal):
                refuse_labels(write.connection, outcome, 1)
                continue
            joined.append(_Joined(label=outcome, event=event))
        add_waiting(write.connection, waiting, stored_at=now, most=self._most_waiting)
        remove_waiting(write.connection, done & waited)
        return self._settle(joined, write)

    def _places(self, labels: Sequence[WaitingLabel], write: CountingWrite) -> dict[EventId, EventId]:
        """The event that each label means, by the label's place: the app's own ids first, then ours."""
        own = find_app_ids(write.connection, {(label.tenant, label.event) for label in labels})
        places: dict[EventId, EventId] = {}
        for label in labels:
            found = own.get((label.tenant, label.event))
            if found is None:
                try:
                    found = EventId.parse(label.event)
                except InvalidEventIdError:
                    continue
            places[label.place] = found
        return places

    def _checked(self, label: WaitingLabel, id_: EventId, event: InferenceEvent) -> Label | Refusal:
        watched = self._watchlist.known((event.model or "", event.version or ""))
        # an app's own id leads to events of its key alone, so another key's was named by its event id
        if event.key != label.tenant and not label.everyone:
            return Refusal.NOT_THEIRS
        if watched is None or event.outcome is not Outcome.OK:
            return Refusal.NO_PREDICTION
        if not 0 <= label.row < event.rows:
            return Refusal.NO_SUCH_ROW
        value: LabelValue | None = label.value
        if watched.manifest.task is Task.REGRESSION or watched.manifest.outputs.classes:
            value = label_of(label.value, watched.manifest)
        if value is None and label.value is not None:
            return Refusal.NOT_ALLOWED
        return Label(event=id_, row=label.row, said=value, labelled_at=label.labelled_at, place=label.place)

    def _settle(self, joined: Sequence[_Joined], write: CountingWrite) -> list[LabelChange]:
        events = {each.label.event for each in joined}
        held = labels_of(write.connection, events)
        chosen = probabilities(write.connection, events)
        winners: dict[tuple[EventId, int], Label] = {}
        changes: list[LabelChange] = []
        for each in joined:
            key = each.label.event, each.label.row
            settled = settle(held.get(key), each.label)
            if settled.winner != held.get(key):
                held[key] = winners[key] = settled.winner
            if settled.changed:
                changes.append(_settled_change(each.event, key, settled, chosen.get(key)))
        store_labels(write.connection, winners.values(), stored_at=self._clock())
        answered = [
            (*key, None if label.value is None else label.labelled_at)
            for key, label in winners.items()
            if key in chosen
        ]
        mark_labelled(write.connection, answered)
        return changes


def _settled_change(
    event: InferenceEvent, key: tuple[EventId, int], settled: Settled, pi: float | None
) -> LabelChange:
    place = *key, settled.labelled_at
    change = _change(event, place, before=settled.before, after=settled.after, pi=pi)
    return msgspec.structs.replace(change, conflict=settled.conflict, conflict_over=settled.conflict_over)


def _change(
    event: InferenceEvent,
    place: tuple[EventId, int, datetime],
    *,
    before: LabelValue | None,
    after: LabelValue | None,
    pi: float | None,
) -> LabelChange:
    """What is believed of a row from now on. Its place: the event, the row, and when it was labelled."""
    id_, row, labelled_at = place
    return LabelChange(
        event=str(id_),
        row=row,
        at=event.at,
        labelled_at=labelled_at,
        model=event.model or "",
        version=event.version or "",
        arm=event.arm,
        inputs={name: [values[row]] for name, values in event.inputs.items() if row < len(values)},
        outputs={name: [values[row]] for name, values in event.outputs.items() if row < len(values)},
        tags={name: [values[row]] for name, values in event.tags.items() if row < len(values)},
        before=before,
        after=after,
        pi=pi,
    )


def _add_changes(changes: Sequence[LabelChange], partition: int, write: CountingWrite) -> None:
    for start in range(0, len(changes), AT_ONCE):
        write.add_records(f"joined{partition}", changes[start : start + AT_ONCE])
