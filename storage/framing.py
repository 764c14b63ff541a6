"""How a record lies in a journal file: a header with length and CRC, then msgpack. Reads on past damage.

    length u32 │ crc32 u32 │ kind u8 │ at i64, µs UTC │ payload, `length` bytes of msgpack

The CRC covers kind, time and payload. A frame that a crash cut short at the end of a file is a torn tail:
it is cut. A frame with a wrong CRC is skipped and reading goes on at the next good one. Both are counted.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import msgspec

from storage.clock import from_microseconds, to_microseconds
from storage.errors import UnwritableRecordError
from storage.records import ActionEvent, InferenceEvent, LabelChange, LabelEvent, Record

MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
"""A longer length in a header can only be damage."""


class Kind(IntEnum):
    """What a frame holds. 4 and 5 are kept for the opening and the closing of a stream."""

    EVENT = 1
    LABEL = 2
    CHANGE = 3
    TALLY = 6
    ACTION = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many of each a producer has seen since its folder was made. Every segment file begins with one."""

    answered: int = 0  # requests that got an answer
    journalled: int = 0  # inference events that were written
    dropped: int = 0  # inference events that were not, by policy
    labels: int = 0  # labels that were written

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            answered=self.answered + other.answered,
            journalled=self.journalled + other.journalled,
            dropped=self.dropped + other.dropped,
            labels=self.labels + other.labels,
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """One good frame, not decoded yet."""

    offset: int  # of its header in the file: with producer and number, the event's id
    kind: Kind
    at_us: int
    payload: memoryview

    @property
    def at(self) -> datetime:
        return from_microseconds(self.at_us)

    def record(self) -> Record:
        """The record inside. Raises `msgspec.DecodeError` when its payload is of another release's shape."""
        return _RECORDS[self.kind].decode(self.payload)

    def event(self) -> InferenceEvent | None:
        """The event inside. None: it is another kind, or its bytes make no sense to this release."""
        if self.kind is not Kind.EVENT:
            return None
        try:
            record = self.record()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return record if isinstance(record, InferenceEvent) else None

    def tally(self) -> Tally:
        """The tally inside a frame of that kind."""
        return _TALLY.decode(self.payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What could not be read."""

    damaged: int = 0  # places where frames were skipped
    torn_bytes: int = 0  # length of a tail that a crash cut short


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The good frames of a file in their order, and what was not good."""

    frames: list[Frame]
    damage: Damage


def encode(record: Record) -> bytes:
    """A record as a frame. Raises `UnwritableRecordError`."""
    return _frame(_KINDS[type(record)], to_microseconds(record.at), record)


def encode_tally(tally: Tally, at: datetime) -> bytes:
    """A tally as a frame."""
    return _frame(Kind.TALLY, to_microseconds(at), tally)


def scan(data: bytes) -> Scan:
    """Read all good frames of a file."""
    view = memoryview(data)
    frames: list[Frame] = []
    offset = damaged = 0
    while offset < len(data):
        frame = _frame_at(view, offset)
        if frame is None:
            following = _next_good(view, offset)
            if following is None:
                break
            damaged += 1
            offset = following
            continue
        frames.append(frame)
        offset += _HEADER.size + len(frame.payload)
    torn_bytes = len(data) - offset
    if torn_bytes and _is_whole(view, offset):
        return Scan(frames=frames, damage=Damage(damaged=damaged + 1))
    return Scan(frames=frames, damage=Damage(damaged=damaged, torn_bytes=torn_bytes))


def frame_at(data: bytes, offset: int) -> Frame | None:
    """The frame at one place; None where no good frame begins."""
    return _frame_at(memoryview(data), offset) if 0 <= offset < len(data) else None


_HEADER = struct.Struct("<IIBq")
_CHECKED = struct.Struct("<Bq")  # the part of the header that the CRC covers
_SUMS = struct.Struct("<II")
_KINDS: dict[type, Kind] = {
    InferenceEvent: Kind.EVENT,
    LabelEvent: Kind.LABEL,
    LabelChange: Kind.CHANGE,
    ActionEvent: Kind.ACTION,
}
_ENCODER = msgspec.msgpack.Encoder()
_RECORDS: dict[Kind, msgspec.msgpack.Decoder[Record]] = {
    Kind.EVENT: msgspec.msgpack.Decoder(InferenceEvent),
    Kind.LABEL: msgspec.msgpack.Decoder(LabelEvent),
    Kind.CHANGE: msgspec.msgpack.Decoder(LabelChange),
    Kind.ACTION: msgspec.msgpack.Decoder(ActionEvent),
}
_TALLY = msgspec.msgpack.Decoder(Tally)
_BY_NUMBER = {int(kind): kind for kind in Kind}


def _frame(kind: Kind, at_us: int, content: Record | Tally) -> bytes:
    try:
        payload = _ENCODER.encode(content)
    except (UnicodeEncodeError, OverflowError) as exc:
        raise UnwritableRecordError(
            f"a value of this {type(content).__name__} cannot be written: {exc.args[-1]}"
        ) from exc
    checked = _CHECKED.pack(kind, at_us) + payload
    return _SUMS.pack(len(payload), zlib.crc32(checked)) + checked


def _frame_at(view: memoryview, offset: int) -> Frame | None:
    start = offset + _HEADER.size
    if start > len(view):
        return None
    length, crc, number, at_us = _HEADER.unpack_from(view, offset)
    kind = _BY_NUMBER.get(number)
    if kind is None or length > MAX_PAYLOAD_BYTES or start + length > len(view):
        return None
    if zlib.crc32(view[offset + _SUMS.size : start + length]) != crc:
        return None
    return Frame(offset, kind, at_us, view[start : start + length])


def _next_good(view: memoryview, damaged: int) -> int | None:
    """Where the next good frame begins. The damaged length is tried first: a payload can look like frames."""
    if damaged + _HEADER.size <= len(view):
        following = damaged + _HEADER.size + _HEADER.unpack_from(view, damaged)[0]
        if following < len(view) and _frame_at(view, following) is not None:
            return int(following)
    for offset in range(damaged + 1, len(view) - _HEADER.size + 1):
        if _frame_at(view, offset) is not None:
            return offset
    return None


def _is_whole(view: memoryview, offset: int) -> bool:
    """Whether what lies here has the length that its header says: then it was damaged, and not torn."""
    if offset + _HEADER.size > len(view):
        return False
    return bool(offset + _HEADER.size + _HEADER.unpack_from(view, offset)[0] == len(view))
