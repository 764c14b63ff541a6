"""What every monitor promises. One is in here by being in the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import add

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitors import build, kinds
from monitors.base import ModelContext, Monitor
from monitors.frames import frames_of, frames_of_changes
from monitors.reference import reference_of
from monitors.rulebook import METRICS
from storage.records import Bounds, LabelChange, Measurement
from storage.summary import Summary
from tests.helpers.monitoring import (
    MODELS,
    PANE,
    SCORER,
    Numbered,
    tame_frame,
    wild_changes,
    wild_events,
    wild_scores,
    with_every_group,
)

BARE = {name: ModelContext(manifest=manifest, scorer=SCORER) for name, manifest in MODELS.items()}
COMPARED = {
    f"{name} with a reference": ModelContext(
        manifest=manifest,
        reference=reference_of(tame_frame(manifest), manifest, "tests", kinds(), SCORER),
        scorer=SCORER,
    )
    for name, manifest in MODELS.items()
}
CASES = {
    f"{kind}, {name}": (build(kind, {}, context), context)
    for kind, type_ in kinds().items()
    for name, context in (BARE | COMPARED).items()
    if type_.applies(context)
}
LABELLED = {name: case for name, case in CASES.items() if case[0].uses_labels}

every_monitor = pytest.mark.parametrize(("monitor", "context"), CASES.values(), ids=CASES.keys())
every_monitor_of_labels = pytest.mark.parametrize(
    ("monitor", "context"), LABELLED.values(), ids=LABELLED.keys()
)
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def seen(monitor: Monitor, context: ModelContext, events: Sequence[Numbered]) -> Summary:
    frames = frames_of(events, context.manifest, PANE, wild_scores)
    return reduce(
        add, (monitor.observe(with_every_group(frame, context.manifest)) for frame in frames), Summary()
    )


def learnt(monitor: Monitor, context: ModelContext, changes: Sequence[LabelChange]) -> Summary:
    frames = [
        (with_every_group(one.after, context.manifest), with_every_group(one.before, context.manifest))
        for one in frames_of_changes(changes, context.manifest, PANE)
    ]
    return reduce(
        add, (monitor.observe(after) - monitor.observe(before) for after, before in frames), Summary()
    )


def said(monitor: Monitor, context: ModelContext, kind: str, summary: Summary) -> list[Measurement]:
    reference = context.reference.summaries.get(kind) if context.reference else None
    return list(monitor.assess(summary, reference))


@every_monitor
@given(data=st.data())
@quick
def test_what_is_seen_apart_adds_up_to_what_is_seen_together(
    monitor: Monitor, context: ModelContext, data: st.DataObject
) -> None:
    events = data.draw(wild_events(context))
    cut = data.draw(st.integers(0, len(events)))

    apart = seen(monitor, context, events[:cut]) + seen(monitor, context, events[cut:])

    assert apart == seen(monitor, context, events)


@every_monitor
@given(data=st.data())
@quick
def test_addition_commutes_and_associates(
    monitor: Monitor, context: ModelContext, data: st.DataObject
) -> None:
    a, b, c = (seen(monitor, context, data.draw(wild_events(context))) for _ in range(3))

    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Summary() == a == Summary() + a
    assert not (a + b) - b - a


@every_monitor
@given(data=st.data())
@quick
def test_the_order_of_events_does_not_matter(
    monitor: Monitor, context: ModelContext, data: st.DataObject
) -> None:
    events = data.draw(wild_events(context))
    shuffled = data.draw(st.permutations(events))

    assert seen(monitor, context, shuffled) == seen(monitor, context, events)


@every_monitor
@given(data=st.data())
@quick
def test_seeing_twice_gives_the_same_and_so_do_its_bytes(
    monitor: Monitor, context: ModelContext, data: st.DataObject
) -> None:
    events = data.draw(wild_events(context))

    first, second = seen(monitor, context, events), seen(monitor, context, events)

    assert first.to_bytes() == second.to_bytes()
    assert Summary.from_bytes(first.to_bytes()) == first
    assert Summary.from_bytes(first.to_bytes()).reference == first.reference


@every_monitor
@given(data=st.data())
@quick
def test_whatever_goes_in_no_nan_comes_out(
    monitor: Monitor, context: ModelContext, data: st.DataObject, request: pytest.FixtureRequest
) -> None:
    few = seen(monitor, context, data.draw(wild_events(context)))
    if monitor.uses_labels:
        few += learnt(monitor, context, data.draw(wild_changes(context)))
    many = few
    for _ in range(7):  # so that there are enough rows for something to be said
        many = many + many
    kind = request.node.callspec.id.split(",")[0]

    for measurement in said(monitor, context, kind, few) + said(monitor, context, kind, many):
        numbers = [measurement.value, measurement.bounds.lower, measurement.bounds.upper]
        numbers += measurement.interval or ()
        assert all(type(number) is float for number in numbers if number is not None), measurement
        assert all(math.isfinite(number) for number in numbers if number is not None), measurement
        if measurement.interval is not None and measurement.value is not None:
            low, high = measurement.interval
            assert low - 1e-12 <= measurement.value <= high + 1e-12, measurement


@every_monitor
def test_nothing_seen_is_nothing_counted_and_nothing_breached(
    monitor: Monitor, context: ModelContext, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.id.split(",")[0]
    empty = seen(monitor, context, [])
    no_rows = tame_frame(context.manifest).where(
        tame_frame(context.manifest).numbers("age").missing  # none is
    )

    assert not empty
    assert not monitor.observe(no_rows)
    assert not any(measurement.breached for measurement in said(monitor, context, kind, empty))


@every_monitor
def test_the_reference_beside_itself_is_healthy(
    monitor: Monitor, context: ModelContext, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.id.split(",")[0]
    itself = monitor.observe(tame_frame(context.manifest))

    breached = [measurement for measurement in said(monitor, context, kind, itself) if measurement.breached]

    assert not breached


@every_monitor
def test_a_rule_may_name_whatever_is_judged(
    monitor: Monitor, context: ModelContext, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.id.split(",")[0]
    itself = monitor.observe(tame_frame(context.manifest))

    judged = {each.metric for each in said(monitor, context, kind, itself) if each.bounds != Bounds()}

    assert judged <= set(METRICS.get(kind, judged))


@every_monitor_of_labels
@given(data=st.data())
@quick
def test_labels_may_come_in_any_order(monitor: Monitor, context: ModelContext, data: st.DataObject) -> None:
    changes = data.draw(wild_changes(context))
    cut = data.draw(st.integers(0, len(changes)))
    shuffled = data.draw(st.permutations(changes))

    together = learnt(monitor, context, changes)

    assert learnt(monitor, context, changes[:cut]) + learnt(monitor, context, changes[cut:]) == together
    assert learnt(monitor, context, shuffled) == together


def test_no_monitor_shares_its_settings_with_its_model() -> None:
    for kind in kinds():
        with pytest.raises(Exception, match="no setting 'model'"):
            build(kind, {"model": 1}, BARE["two classes"])
