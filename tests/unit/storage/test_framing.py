"""Whatever happens to the bytes of a journal file, the rest of it is read and the damage is counted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import UnwritableRecordError
from storage.framing import Kind, Tally, encode, encode_tally, frame_at, scan
from storage.records import Arm, InferenceEvent, LabelChange, LabelEvent, Outcome, Record
from tests.helpers.events import START, a_label, an_event

RECORDS: list[Record] = [an_event(number) for number in range(6)]
FRAMES = [encode(record) for record in RECORDS]
WHOLE = b"".join(FRAMES)
ENDS = [sum(len(frame) for frame in FRAMES[: number + 1]) for number in range(len(FRAMES))]


def records_of(data: bytes) -> list[Record]:
    return [frame.record() for frame in scan(data).frames]


def test_every_kind_of_record_is_read_back_as_it_was() -> None:
    change = LabelChange(
        event="a-1-2",
        row=0,
        at=START,
        labelled_at=START,
        model="churn",
        version="1",
        arm=Arm.CANARY,
        inputs={"age": [None, 1, 2.5, "x", True, [0.5, 0.5]]},
        outputs={},
        tags={"country": ["DE", None]},
        before=None,
        after=True,
    )
    records: list[Record] = [*RECORDS, a_label("a-1-2"), change]

    found = scan(b"".join(encode(record) for record in records))

    assert [frame.record() for frame in found.frames] == records
    assert [frame.kind for frame in found.frames[-2:]] == [Kind.LABEL, Kind.CHANGE]
    assert (found.damage.damaged, found.damage.torn_bytes) == (0, 0)


def test_a_frame_carries_the_time_of_its_record_to_the_microsecond() -> None:
    at = datetime(2031, 7, 8, 9, 10, 11, 123457, tzinfo=UTC)
    label = LabelEvent(event="x", row=0, value=1, at=at)

    assert scan(encode(label)).frames[0].at == at


def test_a_tally_is_read_back() -> None:
    tally = Tally(answered=4, journalled=3, dropped=1, labels=2)

    frame = scan(encode_tally(tally, START)).frames[0]

    assert (frame.kind, frame.tally()) == (Kind.TALLY, tally)


@given(st.integers(min_value=0, max_value=len(WHOLE)))
def test_a_torn_tail_is_cut_and_its_bytes_are_counted(length: int) -> None:
    whole = sum(end <= length for end in ENDS)

    found = scan(WHOLE[:length])

    assert [frame.record() for frame in found.frames] == RECORDS[:whole]
    assert found.damage.torn_bytes == length - (ENDS[whole - 1] if whole else 0)
    assert found.damage.damaged == 0


@given(st.integers(min_value=0, max_value=len(WHOLE) - 1), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_costs_its_frame_and_no_other(place: int, change: int) -> None:
    hit = sum(end <= place for end in ENDS)
    damaged = bytearray(WHOLE)
    damaged[place] ^= change

    found = scan(bytes(damaged))

    assert [frame.record() for frame in found.frames] == RECORDS[:hit] + RECORDS[hit + 1 :]
    assert found.damage.damaged + (found.damage.torn_bytes > 0) == 1


@given(
    st.lists(st.integers(min_value=0, max_value=len(FRAMES) - 1), unique=True),
    st.data(),
)
def test_frames_between_damaged_ones_are_read(hit: list[int], data: st.DataObject) -> None:
    pieces = []
    for number, frame in enumerate(FRAMES):
        piece = bytearray(frame)
        if number in hit:
            piece[data.draw(st.integers(min_value=8, max_value=len(piece) - 1))] ^= 0x40  # past the length
        pieces.append(bytes(piece))

    found = scan(b"".join(pieces))

    assert [frame.record() for frame in found.frames] == [
        record for number, record in enumerate(RECORDS) if number not in hit
    ]
    runs = sum(number - 1 not in hit for number in hit)  # neighbours are one damaged place
    assert found.damage.damaged + (found.damage.torn_bytes > 0) == runs


@given(st.binary(max_size=400))
def test_any_bytes_can_be_scanned(data: bytes) -> None:
    found = scan(data)

    assert sum(len(frame.payload) for frame in found.frames) + found.damage.torn_bytes <= len(data)


def test_bytes_like_a_frame_inside_a_damaged_payload_are_not_read_as_one() -> None:
    forged = InferenceEvent(
        at=START,
        outcome=Outcome.OK,
        protocol="oip",
        total_s=0.0,
        inputs={"text": [encode(a_label("a", "0")).decode("latin-1")]},
    )
    frame = bytearray(encode(forged))
    frame[-1] ^= 1

    assert records_of(bytes(frame) + FRAMES[0]) == [RECORDS[0]]


def test_the_frame_at_a_place_is_found_and_no_other_place_gives_one() -> None:
    frame = frame_at(WHOLE, ENDS[1])

    assert frame is not None
    assert frame.record() == RECORDS[2]
    assert frame_at(WHOLE, ENDS[1] + 1) is None
    assert frame_at(WHOLE, len(WHOLE)) is None
    assert frame_at(WHOLE, -1) is None


@pytest.mark.parametrize("value", ["\ud800", 2**64, -(2**63) - 1])
def test_a_value_that_cannot_be_written_is_refused_by_name(value: str | int) -> None:
    event = InferenceEvent(at=START, outcome=Outcome.OK, protocol="oip", total_s=0.0, inputs={"a": [value]})

    with pytest.raises(UnwritableRecordError, match="InferenceEvent"):
        encode(event)
