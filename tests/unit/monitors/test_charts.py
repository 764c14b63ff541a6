"""The picture in a mail: small, the same twice, and absent where there is nothing to draw."""

from __future__ import annotations

import io
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from monitors.alerts.charts import HEIGHT, WIDTH, chart, described
from monitors.alerts.groups import History, Point
from storage.records import Bounds
from tests.helpers.alerts import AT

BLUE, RED, GREEN = (21, 101, 192), (198, 40, 40), (46, 125, 50)  # the line, the onset, the bounds


def a_history(*values: float | None, bounds: Bounds = Bounds(upper=0.5)) -> History:  # noqa: B008  # frozen
    points = [Point(at=AT + n * timedelta(hours=1), value=value) for n, value in enumerate(values)]
    return History(fingerprint="f", points=tuple(points), bounds=bounds)


def colours(png: bytes) -> set[tuple[int, int, int]]:
    """The colours in a picture, to within what its palette rounds."""
    seen = Image.open(io.BytesIO(png)).convert("RGB").getcolors(1 << 24) or []
    return {
        wanted
        for wanted in (BLUE, RED, GREEN)
        for _, colour in seen
        if isinstance(colour, tuple) and all(abs(a - b) <= 24 for a, b in zip(colour, wanted, strict=True))
    }


def test_a_chart_is_a_small_picture_and_twice_as_sharp_as_it_is_shown() -> None:
    png = chart(a_history(0.1, 0.2, 0.9), AT + timedelta(hours=2))

    assert png is not None
    assert len(png) < 100 * 1024
    assert Image.open(io.BytesIO(png)).size == (2 * WIDTH, 2 * HEIGHT)


def test_the_same_history_is_the_same_picture_to_the_last_byte() -> None:
    history = a_history(*(n / 100 for n in range(200)))
    first = chart(history, AT)

    chart.cache_clear()

    assert chart(history, AT) == first


def test_the_line_the_bounds_and_the_onset_are_drawn() -> None:
    inside, outside = AT + timedelta(hours=1), AT + timedelta(days=9)

    assert colours(chart(a_history(0.1, 0.2, 0.9), inside) or b"") == {BLUE, GREEN, RED}
    assert colours(chart(a_history(0.1, 0.2, 0.9), outside) or b"") == {BLUE, GREEN}
    assert colours(chart(a_history(0.1, 0.2, bounds=Bounds()), outside) or b"") == {BLUE}


def test_where_nothing_is_known_nothing_is_drawn() -> None:
    assert chart(a_history(None, None), AT) is None
    assert chart(a_history(0.3), AT) is None
    assert chart(a_history(float("nan"), float("inf")), AT) is None
    assert described(a_history(None)) == "nothing is known"


def test_a_chart_is_described_for_those_who_do_not_see_it() -> None:
    assert described(a_history(0.25, None, 0.75, 0.5)) == (
        "3 windows from 2026-03-02 12:00 to 2026-03-02 15:00 UTC: between 0.25 and 0.75, last 0.5; "
        "healthy up to 0.5"
    )


@given(
    values=st.lists(st.floats() | st.none(), min_size=2, max_size=8),
    lower=st.none() | st.floats(),
    upper=st.none() | st.floats(),
)
@settings(max_examples=12, deadline=None)
def test_no_number_breaks_a_chart(
    values: list[float | None], lower: float | None, upper: float | None
) -> None:
    history = a_history(*values, bounds=Bounds(lower=lower, upper=upper))

    png = chart(history, AT)

    assert png is None or len(png) < 100 * 1024
    assert described(history)
