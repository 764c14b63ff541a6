"""An Evidently report of any window of stored traffic against the reference: for people who look deeper.

It reads the database and writes nothing, so `inferwatch report` and the monitor process make the same one.
What decides whether anything is wrong are the monitors; a report is for finding out why.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from inference.manifest import Manifest
from monitors.errors import ReportError
from monitors.reporting.document import About, document
from monitors.reporting.rows import MOST_VALUES, Rows, from_bytes
from monitors.reporting.traffic import Progress, Traffic, traffic_of
from storage.database import Database
from storage.models import find_reference_rows, model_versions
from storage.records import ALL, ReportKind, ReportWish
from storage.reports import MadeReport

if TYPE_CHECKING:
    from monitors.reporting.evidently import Comparison

TITLES = {
    ReportKind.DATA_DRIFT: "Data drift",
    ReportKind.DATA_SUMMARY: "Data summary",
    ReportKind.CLASSIFICATION: "Classification",
    ReportKind.REGRESSION: "Regression",
}
_LABELLED = (ReportKind.CLASSIFICATION, ReportKind.REGRESSION)
_READ, _COMPARED = 0.6, 0.95  # how far it is when rows were read, and when Evidently is through


def make_report(database: Database, wish: ReportWish, *, progress: Progress) -> MadeReport:
    """Make one. Raises `ReportError`, in words for whoever asked for it."""
    manifest, reference = _reference(database, wish)
    labelled = wish.kind in _LABELLED
    if labelled:
        reference = reference.take(reference.with_label)
        if not reference.n:
            raise ReportError(
                "the reference has no labels to compare with: give its file the column of labels that "
                f"model.yaml names, then `inferwatch reference set {wish.model} --from FILE`"
            )
    traffic = traffic_of(
        database, wish, manifest, labelled=labelled, progress=lambda share: progress(_READ * share)
    )
    if not traffic.rows.n:
        raise ReportError(_nothing(labelled=labelled))
    progress(_READ)
    html, compared = _drawn(wish, manifest, traffic, reference)
    progress(_COMPARED)
    words = _words(traffic, reference, compared, labelled=labelled)
    about = About(
        title=f"{TITLES[wish.kind]}: {wish.model} {wish.version}",
        lines=(
            _whose(wish),
            words,
            f"Made by Evidently {version('evidently')} from rows that inferwatch kept.",
        ),
    )
    return MadeReport(
        html=document(html, about), words=words, reference_rows=reference.n, current_rows=traffic.rows.n
    )


def _reference(database: Database, wish: ReportWish) -> tuple[Manifest, Rows]:
    with database.read() as connection:
        held = [
            each
            for each in model_versions(connection)
            if (each.model, each.version) == (wish.model, wish.version)
        ]
        if not held:
            raise ReportError(f"no version {wish.version} of {wish.model} is known")
        body = None if held[0].reference is None else find_reference_rows(connection, held[0].reference)
    if held[0].reference is None:
        raise ReportError(
            "this version has no reference to compare with; "
            f"give it one: `inferwatch reference set {wish.model} --from FILE`"
        )
    if body is None:
        raise ReportError(
            "the reference was set before rows of it were kept; "
            f"set it again: `inferwatch reference set {wish.model} --from FILE`"
        )
    return Manifest.model_validate_json(held[0].manifest), from_bytes(body)[0]


def _drawn(wish: ReportWish, manifest: Manifest, traffic: Traffic, reference: Rows) -> tuple[str, Comparison]:
    from monitors.reporting.evidently import compare  # noqa: PLC0415  pandas, which the gateway does not need

    try:
        compared = compare(wish.kind, traffic.rows, reference, manifest)
        return compared.snapshot.get_html_str(as_iframe=False), compared
    except ReportError:
        raise
    except MemoryError:
        raise  # what made it has bounds, and words for that
    except Exception as exc:  # it may raise anything: whoever asked learns of it
        raise ReportError(f"Evidently could not make it: {type(exc).__name__}: {str(exc)[:300]}") from exc


def _nothing(*, labelled: bool) -> str:
    if labelled:
        return (
            "no answered row of this window has a label: send some, on the page Label or to /api/labels, "
            "or pick another window"
        )
    return (
        "no answered row of this window is stored: pick another window or slice; how long rows are kept "
        "stands under `retention.segments_days`"
    )


def _words(traffic: Traffic, reference: Rows, compared: Comparison, *, labelled: bool) -> str:
    rows = "labelled rows" if labelled else "answered rows"
    some = "all" if traffic.rows.n == traffic.seen else f"a sample of {traffic.rows.n:,} out of"
    said = [
        f"It compares {some} {traffic.seen:,} {rows} of the window with {reference.n:,} of the reference."
    ]
    if compared.left_out:
        said.append(f"Left out, as one side has no values: {', '.join(compared.left_out)[:500]}.")
    if compared.folded:
        names = ", ".join(compared.folded)[:500]
        said.append(f"All but the {MOST_VALUES} most frequent values are one: {names}.")
    if traffic.unreadable:
        said.append(f"{traffic.unreadable:,} events could not be read.")
    return " ".join(said)


def _whose(wish: ReportWish) -> str:
    part = "all rows" if wish.slice == ALL else f"rows where {wish.slice}, against the whole reference"
    return f"{part}, arm {wish.arm.value}, {wish.start:%Y-%m-%d %H:%M:%S} to {wish.end:%Y-%m-%d %H:%M:%S} UTC"
