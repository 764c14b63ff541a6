"""Links of README and docs lead somewhere, and the files that they name are there."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.blocks import blocks_of
from tests.docs.workshop import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("inference/bundled/**/*.md")])
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)
_FILE = re.compile(r"`((?:gateway|inference|monitors|storage|dashboard|tests|docs)/[\w/.-]*)`")
_MACHINE = re.compile(r"(?<![\w:/.])/(?:home|root|tmp|work|Users|mnt)/")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    written = page.read_text(encoding="utf-8")
    for block in blocks_of(page):
        written = written.replace(block.text, "")
    return written


def anchors(page: Path) -> set[str]:
    """The names of its headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose(page))
    }


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether its file and heading are there. Of an address elsewhere only the form is looked at."""
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme in {"https", "http"} and bool(parts.netloc)
    target = (page.parent / parts.path).resolve() if parts.path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not parts.fragment or parts.fragment in anchors(target)


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [link for link in _LINK.findall(prose(page)) if not leads_somewhere(page, link)] == []


@every_page
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    assert [name for name in _FILE.findall(prose(page)) if not (ROOT / name).exists()] == []


@every_page
def test_no_page_names_a_place_on_somebodys_machine(page: Path) -> None:
    assert _MACHINE.findall(page.read_text(encoding="utf-8")) == []


def test_every_page_of_the_docs_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        links = [urlsplit(link) for link in _LINK.findall(prose(page))]
        inside = [(page.parent / each.path).resolve() for each in links if each.path and not each.scheme]
        waiting += [each for each in inside if each.suffix == ".md" and each not in reached]

    assert {page for page in ROOT.glob("docs/**/*.md") if page.name != "README.md"} <= reached
