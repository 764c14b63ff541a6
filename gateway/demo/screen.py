"""How far the demo is, in the terminal: a display that stays in its place, or lines where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.demo.folder import DemoFolder
from gateway.demo.mails import Line
from gateway.demo.player import Progress
from gateway.demo.ports import DemoPorts
from gateway.demo.story import SCENES, STORY_MINUTES, Scene

_NEWEST = 2


@dataclass(slots=True, kw_only=True)
class View:
    """What a person should see."""

    folder: DemoFolder
    ports: DemoPorts
    progress: Progress
    mails: Sequence[Line] = field(default_factory=tuple)


class Screen(Protocol):
    """Where it is shown."""

    def show(self, view: View) -> None:
        """How it stands now."""

    def say(self, line: str) -> None:
        """One thing that happened."""


@contextmanager
def screen_of(stream: TextIO, view: View) -> Iterator[Screen]:
    """A display in a terminal, plain lines anywhere else."""
    if not stream.isatty():
        console = Console(file=stream, soft_wrap=True, highlight=False)
        for words in _addresses(view):
            console.print(Text(f"{words[0]:<11}{words[1]}"))
        yield _Lines(console)
        return
    with Live(display(view), console=Console(file=stream), refresh_per_second=4, transient=False) as live:
        yield _Display(live)


@dataclass(frozen=True, slots=True)
class _Display:
    live: Live

    def show(self, view: View) -> None:
        self.live.update(display(view))

    def say(self, line: str) -> None:
        """The display shows it already."""


@dataclass(frozen=True, slots=True)
class _Lines:
    console: Console

    def show(self, view: View) -> None:
        """Lines say what changes; there is nothing to show between."""

    def say(self, line: str) -> None:
        self.console.print(Text(line))


def page_of(scene: Scene, ports: DemoPorts) -> str:
    """The address of the page that explains a scene."""
    of = f"?model={scene.model}" if scene.model else ""
    return f"{ports.dashboard_url}/{scene.page}{of}"


def display(view: View) -> Panel:
    """All of it, for 80 columns and 24 lines."""
    parts: list[RenderableType] = [
        _facts(_addresses(view)),
        Text(),
        _scenes(view.progress),
        Text(),
        _facts(_now(view)),
    ]
    title = "inferwatch demo: all of it is simulated"
    return Panel(Group(*parts), title=title, title_align="left", box=box.ROUNDED, padding=(0, 1))


def _addresses(view: View) -> list[tuple[str, str]]:
    return [
        ("dashboard", view.ports.dashboard_url),
        ("inbox", view.ports.inbox_url),
        ("gateway", f"{view.ports.gateway_url}/docs"),
        ("files", f"{view.folder.path} (mails, logs, settings)"),
        ("stop", "Ctrl-C ends all of it"),
    ]


def _scenes(progress: Progress) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis", style="dim")
    begun, now = progress.at is not None, SCENES.index(progress.scene)
    for place, scene in enumerate(SCENES):
        done = begun and (place < now or progress.told)
        current = begun and place == now and not progress.told
        mark, style = ("✓", "green") if done else (("▶", "bold cyan") if current else ("·", "dim"))
        table.add_row(Text(mark, style), Text(scene.title, style), Text(scene.expected))
    return table


def _now(view: View) -> list[tuple[str, str]]:
    progress = view.progress
    mails = [(f"{mail.caught_at:%H:%M:%S}", mail.subject) for mail in view.mails[:_NEWEST]]
    return [
        ("now", _words(progress)),
        ("open", page_of(progress.scene, view.ports)),
        ("sent", f"{progress.sent:,} requests, {progress.labels:,} labels, {progress.refused:,} refused"),
        ("mails", f"{len(view.mails)}" if view.mails else "none yet"),
        *mails,
    ]


def _words(progress: Progress) -> str:
    if progress.problem is not None:
        return f"nothing is sent any more: {progress.problem}"
    if progress.at is None:
        return "waiting until gateway and dashboard are ready"
    if progress.told:
        return "the story is over; a little simulated traffic goes on"
    left = STORY_MINUTES - progress.minute
    return (
        f"{progress.at:%H:%M} UTC simulated, an hour takes a minute; {left // 60}:{left % 60:02} to the end"
    )


def _facts(facts: Sequence[tuple[str, str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="bold", min_width=9)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for name, words in facts:
        table.add_row(Text(name), Text(words))
    return table
