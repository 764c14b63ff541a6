"""What the terminal shows of the demo."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from gateway.demo.folder import DemoFolder
from gateway.demo.mails import Line
from gateway.demo.player import Progress
from gateway.demo.ports import DemoPorts
from gateway.demo.screen import View, display, page_of, screen_of
from gateway.demo.story import SCENES

AT = datetime(2026, 1, 1, 5, 40, tzinfo=UTC)
HOSTILE = "[bold]not markup[/bold] " + "x" * 200


def a_view(*, minute: int = 62, mails: int = 5, subject: str = "[FIRING:1] demo-loans 1: drift") -> View:
    progress = Progress()
    progress.at, progress.minute = AT, minute
    lines = [Line(id=str(n), subject=subject, sender="simulated", caught_at=AT) for n in range(mails)]
    folder = DemoFolder(path=Path("/somewhere/to/work/.inferwatch/demo"))
    return View(folder=folder, ports=DemoPorts(), progress=progress, mails=lines)


def shown(view: View, *, width: int = 80) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(display(view))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("minute", [0, 62, 100, 150, 200, 300])
def test_the_display_fits_an_old_terminal_in_every_scene(minute: int) -> None:
    lines = shown(a_view(minute=minute, subject=HOSTILE))

    assert len(lines) <= 24
    assert all(len(line) <= 80 for line in lines)


def test_the_display_says_what_is_played_and_where_to_look() -> None:
    text = "\n".join(shown(a_view()))

    assert "simulated" in text
    assert "▶  Two columns drift" in text
    assert "✓  All is well" in text
    assert "http://127.0.0.1:8501/drift?model=demo-loans" in text
    assert "http://127.0.0.1:8025" in text
    assert "Ctrl-C" in text


def test_the_subject_of_a_mail_is_text_and_no_markup() -> None:
    assert "[bold]not markup[/bold]" in "\n".join(shown(a_view(subject=HOSTILE), width=120))


def test_why_nothing_is_sent_any_more_is_said() -> None:
    view = a_view()
    view.progress.problem = "the gateway refuses with 503"

    assert "nothing is sent any more: the gateway refuses with 503" in "\n".join(shown(view))


def test_without_a_terminal_it_says_lines_and_draws_nothing() -> None:
    stream = io.StringIO()

    with screen_of(stream, a_view()) as screen:
        screen.show(a_view())
        screen.say("05:40:00 +1:02 mail: [bold]x[/bold]")

    lines = stream.getvalue().splitlines()
    assert lines[0] == "dashboard  http://127.0.0.1:8501"
    assert lines[-1] == "05:40:00 +1:02 mail: [bold]x[/bold]"
    assert "\x1b" not in stream.getvalue()


def test_every_scene_has_a_page() -> None:
    pages = [page_of(scene, DemoPorts()) for scene in SCENES]

    assert pages[0] == "http://127.0.0.1:8501/"
    assert pages[2] == "http://127.0.0.1:8501/toxicity?model=demo-messages"
