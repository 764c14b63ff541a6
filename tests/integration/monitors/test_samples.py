"""Rows that are chosen to be labelled: asked for by the API, answered by labels, counted and judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.samples import next_samples
from monitors.settings import MonitorSettings, SamplingSettings
from storage import tables
from storage.leases import Lease
from storage.records import Arm, EventId, InferenceEvent, LabelChange, LabelEvent, Measurement, Record
from storage.retention import delete_old
from storage.settings import RetentionSettings
from storage.summary import Summary
from tests.helpers.station import (
    NOON,
    CrashError,
    Station,
    a_label,
    a_reference,
    a_station,
    an_event,
    traffic,
)

SETTINGS = MonitorSettings(sampling=SamplingSettings(budget_per_day=2_000), labels_waiting=1_000)
DAY = timedelta(days=1)


@pytest.fixture
def station(database_url: str) -> Iterator[Station]:
    with a_station(database_url, partitions=3, settings=SETTINGS) as made:
        made.register(reference=a_reference())
        yield made


def chosen(station: Station) -> set[tuple[str, int]]:
    """What lies in the table of samples."""
    return {(row.event, row.row) for row in station.rows(tables.sample)}


def changes(station: Station) -> list[LabelChange]:
    """All label changes in the log."""
    found: list[LabelChange] = []
    for partition in station.log.partitions:
        for segment in station.log.after(partition, 0, 1_000):
            found += [record for _, record in segment.records() if isinstance(record, LabelChange)]
    return found


def stored(station: Station, events: Sequence[InferenceEvent], size: int = 100) -> list[EventId]:
    """Put events into the log, so many in a segment."""
    return [id_ for at in range(0, len(events), size) for id_ in station.store(events[at : at + size])]


def truth(event: InferenceEvent, row: int) -> str:
    """A label that four of five predictions meet."""
    predicted = str(event.outputs["class"][row])
    return predicted if int(float(str(event.inputs["age"][row])) * 1_000) % 5 else str(1 - int(predicted))


def answers(station: Station, ids: Sequence[EventId], events: Sequence[InferenceEvent]) -> list[LabelEvent]:
    """A label for each chosen row."""
    by_id = {str(id_): event for id_, event in zip(ids, events, strict=True)}
    return [a_label(event, truth(by_id[event], row), row=row) for event, row in sorted(chosen(station))]


def measured(station: Station, slice_: str = "all") -> dict[str, Measurement]:
    """What the monitor says of the day, once it is over."""
    station.store([an_event(at=NOON + 2 * DAY)])
    station.count()
    while station.judge():
        pass
    return {
        row.metric: Measurement(
            metric=row.metric,
            value=row.value,
            n=row.n,
            interval=None if row.interval_low is None else (row.interval_low, row.interval_high),
        )
        for row in station.rows(tables.measurement)
        if (row.monitor, row.slice, row.start) == ("sampling", slice_, NOON - timedelta(hours=12))
    }


def sampled(station: Station) -> dict[tuple[str, datetime], Summary]:
    """What was counted, by slice and pane."""
    return {(pane.scope.slice, pane.start): found for pane, found in station.summaries("sampling").items()}


def test_a_row_is_chosen_once_and_its_choice_is_a_change_in_the_log(station: Station) -> None:
    stored(station, traffic(400))

    station.count()

    made = [change for change in changes(station) if change.chosen]
    assert 50 < len(made) < 400
    assert {(change.event, change.row) for change in made} == chosen(station)
    assert Counter((change.event, change.row) for change in made).most_common(1)[0][1] == 1
    assert {(row.event, row.row): row.pi for row in station.rows(tables.sample)} == {
        (change.event, change.row): change.pi for change in made
    }


def test_the_same_segments_give_the_same_choice_in_another_database(tmp_path: Path) -> None:
    found: list[dict[tuple[str, int], float]] = []
    for name, at_once in (("one", 64), ("two", 2)):
        settings = SETTINGS.model_copy(update={"segments_at_once": at_once})
        with a_station(f"sqlite:///{tmp_path}/{name}.db", settings=settings) as made:
            made.register(reference=a_reference())
            stored(made, traffic(600, span_s=5 * 3600), size=20)
            made.count()
            found.append({(row.event, row.row): row.pi for row in made.rows(tables.sample)})

    assert found[0] == found[1] != {}


def test_answers_speak_for_all_rows_and_corrections_and_late_labels_change_them(station: Station) -> None:
    events = traffic(800, seed=3)
    ids = stored(station, events)
    station.count()
    labels = answers(station, ids, events)
    station.store(labels[:-40])
    before = measured(station)

    wrong = [label for label in labels[:-40] if label.value == "1"][:20]
    station.store([a_label(each.event, "0", row=each.row, at=NOON + DAY) for each in wrong])
    station.store(labels[-40:])
    after = measured(station)

    right = {(each.event, each.row): each.value for each in labels}
    right |= {(each.event, each.row): "0" for each in wrong}
    weights = {(row.event, row.row): 1 / row.pi for row in station.rows(tables.sample) if row.at < NOON + DAY}
    predicted = {
        (str(id_), row): event.outputs["class"][row]
        for id_, event in zip(ids, events, strict=True)
        for row in range(event.rows if event.outputs else 0)
    }
    met = sum(weight for place, weight in weights.items() if right[place] == predicted[place])
    assert before["sample_answered_share"].value == pytest.approx(1 - 40 / len(labels))
    assert after["sample_answered_share"].value == 1.0
    assert after["sampled_accuracy"].value == pytest.approx(met / sum(weights.values()))
    assert after["sampled_accuracy"].n == len(labels)
    assert "sampled_auc" in measured(station, "country=DE")


def test_labels_that_nobody_asked_for_are_counted_apart(station: Station) -> None:
    events = traffic(400, seed=5)
    ids = stored(station, events)
    station.count()
    asked = chosen(station)
    unasked = [
        a_label(id_, truth(event, row), row=row)
        for id_, event in zip(ids, events, strict=True)
        for row in range(event.rows if event.outputs else 0)
        if (str(id_), row) not in asked
    ]

    station.store(unasked)
    found = measured(station)

    assert found["sampled_accuracy"].value is None
    assert found["sample_answered_share"].value == 0.0
    assert found["unasked_accuracy"].n == len(unasked)
    assert not any(row.labelled_at for row in station.rows(tables.sample))


@pytest.mark.parametrize("place", ["before", "with", "after"])
def test_a_label_counts_as_the_answer_whenever_it_comes(station: Station, place: str) -> None:
    events = traffic(300, seed=9)
    ids = [
        EventId(producer="p", segment=100, offset=id_.offset) for id_ in station.store(events, producer="q")
    ]
    labels = [
        a_label(id_, truth(event, row), row=row, at=NOON + DAY)
        for id_, event in zip(ids, events, strict=True)
        for row in range(event.rows if event.outputs else 0)
    ]
    parts: dict[str, list[list[Record]]] = {
        "before": [[*labels], [*events]],
        "with": [[*events, *labels]],
        "after": [[*events], [*labels]],
    }

    for part in parts[place]:
        station.store(part, number=100 if part[0] is events[0] else 99)
        station.count()
    station.retry_labels()
    station.count()

    rows = [row for row in station.rows(tables.sample) if row.event.startswith("p-64-")]
    assert rows
    assert all(row.labelled_at == NOON + DAY for row in rows)
    total = Summary()
    for (slice_, _), summary in sampled(station).items():
        total = total + summary if slice_ == "all" else total
    answered = sum(int(cells[:, 1:].sum()) for name, cells in total.counts.items() if "chosen" in name)
    assert answered == len(rows)
    assert total["unasked"].sum() == len(labels) - len(rows)


def test_two_workers_at_once_choose_each_row_once_and_count_each_answer(postgres_url: str) -> None:
    events = traffic(600, seed=8)
    with (
        a_station(
            postgres_url, partitions=2, settings=SETTINGS.model_copy(update={"segments_at_once": 2})
        ) as one,
        a_station(postgres_url, partitions=2, settings=SETTINGS, owner="two") as other,
    ):
        for worker in (one, other):
            worker.register(reference=a_reference())
        for at in range(0, 600, 20):
            ids = one.store(part := events[at : at + 20])
            one.store(
                [
                    a_label(id_, truth(event, row), row=row)
                    for id_, event in zip(ids, part, strict=True)
                    for row in range(event.rows if event.outputs else 0)
                ]
            )
        workers = ((one, 0, one.lease("partition-0")), (other, 1, other.lease("partition-1")))

        def work(worker: Station, partition: int, lease: Lease) -> int:
            return sum(iter(lambda: worker.stages.runner.take(partition, lease), 0))

        with ThreadPoolExecutor(2) as pool:
            while sum(pool.map(lambda each: work(*each), workers)):
                pass

        made = Counter((change.event, change.row) for change in changes(one) if change.chosen)
        total = Summary()
        for (slice_, _), summary in sampled(one).items():
            total = total + summary if slice_ == "all" else total
        cells = [cells for name, cells in total.counts.items() if "chosen" in name]
        assert set(made) == chosen(one)
        assert set(made.values()) == {1}
        assert (
            sum(int(each.sum()) for each in cells)
            == sum(int(each[:, 1:].sum()) for each in cells)
            == len(made)
        )
        assert all(row.labelled_at for row in one.rows(tables.sample))


def test_a_crash_at_any_step_of_the_choice_changes_nothing(tmp_path: Path) -> None:
    def counted(name: str, crash: tuple[str, str, int] | None) -> tuple[object, ...]:
        with a_station(f"sqlite:///{tmp_path}/{name}.db", settings=SETTINGS) as made:
            made.register(reference=a_reference())
            ids = stored(made, events := traffic(150, seed=2), size=50)
            made.store([a_label(id_, truth(event, 0)) for id_, event in zip(ids, events, strict=True)])
            made.counting.crash_at = crash
            if crash is not None:
                with pytest.raises(CrashError):
                    made.count()
                made.restart()
            made.count()
            return chosen(made), sampled(made), sorted(map(str, changes(made)))

    whole = counted("whole", None)

    for number, step in enumerate(("connection", "add_records", "move_cursor")):
        for moment in ("before", "after") if step != "connection" else ("before",):
            assert counted(f"{number}{moment}", (step, moment, 1)) == whole


def test_an_event_that_cannot_be_read_is_not_chosen_and_its_neighbours_are(station: Station) -> None:
    poison = msgspec.structs.replace(an_event(ages=[1.0, 2.0]), tags={"country": ["DE"]})
    events = [an_event(ages=[float(age)], countries=["DE"]) for age in range(60)]
    ids = station.store([*events[:30], poison, *events[30:]])

    station.count()

    assert chosen(station)
    assert {event for event, _ in chosen(station)} <= {str(id_) for id_ in ids} - {str(ids[30])}
    assert {row.event for row in station.rows(tables.quarantine)} == {str(ids[30])}


def test_what_to_label_next_is_asked_in_turn_by_arm_and_answered_samples_are_gone(station: Station) -> None:
    events = [
        *traffic(300, seed=4),
        *(msgspec.structs.replace(event, arm=Arm.CANARY) for event in traffic(30, seed=6)),
    ]
    ids = stored(station, events)
    station.count()
    by_id = dict(zip(map(str, ids), events, strict=True))

    asked = next_samples(station.database, tenant=None, model="shop", limit=10)
    first = asked.samples[0]
    station.store([a_label(first.event, "1", row=first.row)])
    station.count()
    then = next_samples(station.database, tenant=None, model=None, limit=200)

    assert Counter(each.arm for each in asked.samples) == {"stable": 5, "canary": 5}
    event = by_id[first.event]
    assert first.inputs == {name: values[first.row] for name, values in event.inputs.items()}
    assert first.outputs == {name: values[first.row] for name, values in event.outputs.items()}
    assert (first.question.type, first.question.classes) == ("class", ["0", "1"])
    assert (first.event, first.row) not in {(each.event, each.row) for each in then.samples}
    (day,) = then.progress
    assert (day.budget, day.chosen, day.answered) == (2_000, len(chosen(station)), 1)
    assert day.day == NOON - timedelta(hours=12)


@pytest.mark.parametrize("when", ["together", "after", "before the event"])
def test_an_answer_that_is_taken_back_opens_the_sample_again(station: Station, when: str) -> None:
    events = traffic(200, seed=12)
    ids = [EventId(producer="p", segment=100, offset=i.offset) for i in station.store(events, producer="q")]
    rows = [
        (id_, row)
        for id_, event in zip(ids, events, strict=True)
        for row in range(event.rows if event.outputs else 0)
    ]
    labels = [a_label(id_, "1", row=row, at=NOON + DAY) for id_, row in rows[:300]]
    back = [a_label(each.event, None, row=each.row, at=NOON + 2 * DAY) for each in labels]
    orders: dict[str, list[tuple[list[Record], int]]] = {
        "together": [([*events], 100), ([*labels, *back], 101)],
        "after": [([*events], 100), ([*labels], 101), ([*back], 102)],
        "before the event": [([*labels], 98), ([*back], 99), ([*events], 100)],
    }

    for records, number in orders[when]:
        station.store(records, number=number)
        station.count()
    station.retry_labels()
    station.count()

    found = [row for row in station.rows(tables.sample) if row.event.startswith("p-64-")]
    assert found
    assert not any(row.labelled_at for row in found)
    total = Summary()
    for (slice_, _), summary in sampled(station).items():
        total = total + summary if slice_ == "all" else total
    assert not any(int(cells[:, 1:].sum()) for name, cells in total.counts.items() if "chosen" in name)
    assert not any(int(total[name].sum()) for name in ("unasked", "delays") if name in total)


def test_nobody_is_asked_about_events_of_another_key(station: Station) -> None:
    stored(station, [an_event(key="theirs", ages=[float(age)]) for age in range(40)])
    station.count()

    asked = {
        tenant: len(next_samples(station.database, tenant=tenant, model=None, limit=200).samples)
        for tenant in ("theirs", "ours", None)
    }

    assert asked == {"theirs": len(chosen(station)), "ours": 0, None: 0}


def test_a_budget_of_nothing_chooses_nothing(database_url: str) -> None:
    settings = MonitorSettings(sampling=SamplingSettings(budget_per_day=500, models={"shop": 0}))
    with a_station(database_url, settings=settings) as station:
        station.register()
        stored(station, traffic(100))

        station.count()

        assert chosen(station) == set()
        assert station.rows(tables.sampling_plan) == []


def test_choices_and_plans_go_with_the_labels(database_url: str) -> None:
    with a_station(database_url, settings=SETTINGS) as station:
        station.register()
        stored(station, traffic(100))
        station.count()

        for days, left in ((364, True), (366, False)):
            delete_old(station.database, RetentionSettings(), NOON + timedelta(days=days))
            assert bool(chosen(station)) is bool(station.rows(tables.sampling_plan)) is left
