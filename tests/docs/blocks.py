"""The blocks of code on a page of the documentation, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^[ ]*<!--\s*(?P<remark>.*?)\s*-->\n)?"
    r"^(?P<indent>[ ]*)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    flags=re.DOTALL | re.MULTILINE,
)
_NAMED = re.compile(r"# (\S+\.(?:py|yaml))\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of code. `file`: what it is to be saved as, by its first line or the remark before it."""

    page: str
    line: int
    language: str
    text: str
    file: str | None
    not_run: str | None  # why not

    @property
    def commands(self) -> list[str]:
        """The commands of a console, each whole."""
        whole = self.text.replace("\\\n", "")
        return [line.removeprefix("$ ") for line in whole.splitlines() if line.startswith("$ ")]


def blocks_of(page: Path) -> Iterator[Block]:
    """Every fenced block of a page."""
    written = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(written):
        indent, remark = found["indent"], found["remark"] or ""
        text = "".join(line.removeprefix(indent) for line in found["text"].splitlines(keepends=True))
        named = _NAMED.match(text)
        yield Block(
            page=page.name,
            line=written.count("\n", 0, found.start("language")) + 1,
            language=found["language"],
            text=text,
            file=remark.removeprefix("file: ")
            if remark.startswith("file: ")
            else named[1]
            if named
            else None,
            not_run=remark.removeprefix("not run: ") if remark.startswith("not run: ") else None,
        )
