"""The picture in a mail: what an alert measured, window by window, its bounds, and where it began.

Drawn with Pillow, which the dashboard brings along anyway. Only numbers and times are written into it: names
from outside stand beside it, as text. The same history gives the same bytes, and recipients share them.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from monitors.alerts.groups import History, Point
from monitors.alerts.words import number
from storage.records import Bounds

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

WIDTH, HEIGHT = 536, 220
"""In the pixels of a mail. The picture has twice as many each way, for screens that show them."""
_SHARPNESS, _SMOOTHING = 2, 2
_SCALE = _SHARPNESS * _SMOOTHING  # drawn larger, then reduced: that makes its lines smooth
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 26, 32
_COLOURS = 64
_PAPER, _INK, _GRID = (255, 255, 255), (84, 84, 84), (232, 232, 232)
_LINE, _BAND, _BOUND, _ONSET = (21, 101, 192), (205, 224, 245), (46, 125, 50), (198, 40, 40)
_STEPS = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 20_160, 43_200, 129_600)
)


@functools.lru_cache(maxsize=64)
def chart(history: History, onset: datetime) -> bytes | None:
    """A PNG, well below 100 KiB. None where too little is known to draw a line."""
    frame = _frame_of(history)
    if frame is None:
        return None
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415  # 30 ms and 10 MiB that only a mail with a chart needs

    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _PAPER)
    _Sheet(ImageDraw.Draw(image), ImageFont.load_default(13 * _SCALE), frame).draw(history, onset)
    small = image.resize((WIDTH * _SHARPNESS, HEIGHT * _SHARPNESS), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    small.quantize(_COLOURS, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


def described(history: History) -> str:
    """The same for those who do not see it."""
    known = [point for point in history.points if _finite(point.value)]
    if not known:
        return "nothing is known"
    first, last = known[0], known[-1]
    values = [point.value for point in known if point.value is not None]
    bounds = history.bounds
    ends = [("from", bounds.lower), ("up to", bounds.upper)]
    healthy = " ".join(f"{word} {number(end)}" for word, end in ends if end is not None)
    return (
        f"{len(known)} windows from {first.at:%Y-%m-%d %H:%M} to {last.at:%Y-%m-%d %H:%M} UTC: "
        f"between {number(min(values))} and {number(max(values))}, last {number(values[-1])}"
        + (f"; healthy {healthy}" if healthy else "")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What the axes show."""

    start: datetime
    end: datetime
    low: float
    high: float

    def x(self, at: datetime) -> float:
        share = (at - self.start) / (self.end - self.start)
        return (_LEFT + min(max(share, 0.0), 1.0) * (WIDTH - _LEFT - _RIGHT)) * _SCALE

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return (HEIGHT - _BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - _TOP - _BOTTOM)) * _SCALE

    def times(self) -> list[datetime]:
        """Round times, at most six."""
        span = self.end - self.start
        step = next(
            (step for step in _STEPS if span / step <= 6), _STEPS[-1] * math.ceil(span / _STEPS[-1] / 6)
        )
        midnight = datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC)
        first = midnight + step * math.ceil((self.start - midnight) / step)
        return [at for n in range(7) if (at := first + n * step) <= self.end]

    def values(self) -> list[float]:
        """Round values, about four."""
        rough = (self.high - self.low) / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
        first = math.ceil(self.low / step)
        return [n * step for n in range(first, first + 6) if n * step <= self.high]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Draws, in the order in which things cover each other."""

    pen: ImageDraw
    font: FreeTypeFont | ImageFont
    frame: _Frame

    def draw(self, history: History, onset: datetime) -> None:
        self._axes()
        for run in _runs(history.points, lambda point: _finite(point.low) and _finite(point.high)):
            self._band(run)
        self._onset(onset)
        for run in _runs(history.points, lambda point: _finite(point.value)):
            self._line(run)
        self._bounds(history.bounds)

    def _axes(self) -> None:
        left, right = _LEFT * _SCALE, (WIDTH - _RIGHT) * _SCALE
        for value in self.frame.values():
            y = self.frame.y(value)
            self.pen.line([(left, y), (right, y)], fill=_GRID, width=_SCALE)
            self._write(left - 8 * _SCALE, y, number(value) if value else "0", "rm")
        times = self.frame.times()
        for at in times:
            x = self.frame.x(at)
            self.pen.line(
                [(x, (HEIGHT - _BOTTOM) * _SCALE), (x, (HEIGHT - _BOTTOM + 4) * _SCALE)],
                fill=_INK,
                width=_SCALE,
            )
            self._write(min(x, right - 12 * _SCALE), (HEIGHT - _BOTTOM + 8) * _SCALE, _named(at, times), "mt")

    def _band(self, run: Sequence[Point]) -> None:
        """Where the value may lie. A single window is as wide as its dot."""
        edges = [(self.frame.x(point.at), self.frame.y(point.high or 0.0)) for point in run]
        edges += [(self.frame.x(point.at), self.frame.y(point.low or 0.0)) for point in reversed(run)]
        if len(run) > 1:
            self.pen.polygon(edges, fill=_BAND)
            return
        (x, top), (_, bottom) = edges
        self.pen.rectangle([x - 2 * _SCALE, top, x + 2 * _SCALE, bottom], fill=_BAND)

    def _bounds(self, bounds: Bounds) -> None:
        left, right = _LEFT * _SCALE, (WIDTH - _RIGHT) * _SCALE
        for value, words, anchor in (
            (bounds.upper, "healthy up to", "lb"),
            (bounds.lower, "healthy from", "lt"),
        ):
            if not _finite(value) or value is None:
                continue
            y = self.frame.y(value)
            for x in range(left, right, 10 * _SCALE):
                self.pen.line([(x, y), (min(x + 6 * _SCALE, right), y)], fill=_BOUND, width=int(1.5 * _SCALE))
            gap = -3 * _SCALE if anchor == "lb" else 3 * _SCALE
            self._write(left + 6 * _SCALE, y + gap, f"{words} {number(value)}", anchor, _BOUND)

    def _onset(self, onset: datetime) -> None:
        if not self.frame.start <= onset <= self.frame.end:
            return
        x = self.frame.x(onset)
        self.pen.line(
            [(x, _TOP * _SCALE), (x, (HEIGHT - _BOTTOM) * _SCALE)], fill=_ONSET, width=int(1.5 * _SCALE)
        )
        middle = (_LEFT + WIDTH - _RIGHT) / 2 * _SCALE
        self._write(
            x, 4 * _SCALE, f"alert since {onset:%Y-%m-%d %H:%M}", "lt" if x < middle else "rt", _ONSET
        )

    def _line(self, run: Sequence[Point]) -> None:
        places = [(self.frame.x(point.at), self.frame.y(point.value or 0.0)) for point in run]
        if len(places) > 1:
            self.pen.line(places, fill=_LINE, width=2 * _SCALE, joint="curve")
        radius = (3 if len(places) <= 60 else 1) * _SCALE
        for x, y in places:
            self.pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=_LINE)

    def _write(self, x: float, y: float, text: str, anchor: str, colour: tuple[int, int, int] = _INK) -> None:
        self.pen.text(
            (x, y),
            text,
            font=self.font,
            fill=colour,
            anchor=anchor,
            stroke_width=2 * _SCALE,
            stroke_fill=_PAPER,
        )


def _frame_of(history: History) -> _Frame | None:
    times = [point.at for point in history.points]
    numbers = [point.value for point in history.points if _finite(point.value)]
    if not numbers or len(times) < 2 or max(times) <= min(times):
        return None
    sides = [side for point in history.points for side in (point.low, point.high)]
    ends = (history.bounds.lower, history.bounds.upper)
    shown = [each for each in (*numbers, *sides, *ends) if each is not None and _finite(each)]
    low, high = min(shown), max(shown)
    room = (high - low or abs(high) or 1.0) * 0.08
    floor = 0.0 if low >= 0 and low - room < 0 else low - room
    return _Frame(start=min(times), end=max(times), low=floor, high=high + room)


def _runs(points: Sequence[Point], known: Callable[[Point], bool]) -> Iterator[list[Point]]:
    """Unbroken stretches: what is unknown leaves a gap."""
    run: list[Point] = []
    for point in points:
        if known(point):
            run.append(point)
            continue
        if run:
            yield run
        run = []
    if run:
        yield run


def _finite(value: float | None) -> bool:
    """Whether it is a number that a picture can show."""
    return value is not None and math.isfinite(value) and abs(value) < 1e100


def _named(at: datetime, times: Sequence[datetime]) -> str:
    """The hour within a day, else the day."""
    within_days = len(times) > 1 and times[1] - times[0] < timedelta(days=1)
    return f"{at:%H:%M}" if within_days and (at.hour or at.minute) else f"{at:%d %b}"
