"""What happened in the demo and when, one line each: into a file, and for terminals that show no display."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gateway.demo.mails import Line
from gateway.demo.player import Progress
from storage.clock import Clock


class Chronicle:
    """Notices what is new since it was last asked."""

    def __init__(self, file: Path, *, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._monotonic = monotonic
        self._began = monotonic()
        self._scene: str | None = None
        self._mails: set[str] | None = None  # None: those that lay there before are not known yet
        self._told = False
        self._problem: str | None = None

    def news(self, progress: Progress, mails: Sequence[Line]) -> list[str]:
        """Lines, which are in the file too."""
        lines = [self._line(words) for words in self._found(progress, mails)]
        if lines:
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
        return lines

    def _found(self, progress: Progress, mails: Sequence[Line]) -> Iterator[str]:
        if self._mails is None:
            self._mails = {mail.id for mail in mails}
            yield "waiting until gateway and dashboard are ready"
        if progress.at is not None and self._scene is None:
            yield "first simulated request answered"
        if progress.at is not None and progress.scene.title != self._scene and not progress.told:
            self._scene = progress.scene.title
            at, expected = f"{progress.at:%H:%M}", progress.scene.expected
            yield f"scene: {self._scene} (simulated time {at} UTC); expected: {expected}"
        for mail in reversed(mails):
            if mail.id not in self._mails:
                yield f"mail: {mail.subject}"
        self._mails |= {mail.id for mail in mails}
        if progress.told and not self._told:
            self._told, self._scene = True, progress.scene.title
            yield "the story is over; a little simulated traffic goes on"
        if progress.problem != self._problem:
            self._problem = progress.problem
            yield f"nothing is sent any more: {progress.problem}"

    def _line(self, words: str) -> str:
        passed = int(self._monotonic() - self._began)
        return f"{self._clock():%H:%M:%S} +{passed // 60}:{passed % 60:02} {words}"
