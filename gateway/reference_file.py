"""`inferwatch reference set`: rows of a file become what current traffic is compared with."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ReplayError
from gateway.redaction import Redaction
from gateway.signature import Kind, Signature
from gateway.table import cells, check_columns, read_table
from inference.engine import Engine
from inference.errors import InvalidInputError
from inference.manifest import Manifest
from inference.repository import Repository
from inference.served import Served
from monitors import kinds
from monitors.errors import ScoringError
from monitors.frames import Frame
from monitors.reference import Reference, reference_of
from monitors.reporting.rows import sample_of_reference, to_bytes
from monitors.scores import TextScorer, scores_of_file, text_columns
from monitors.tables import frame_of_table
from storage.records import Value
from storage.scorer import Scorer

if TYPE_CHECKING:
    import pandas as pd

_ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSet:
    """What was made."""

    reference: Reference
    path: Path
    scored: bool  # the file had no outputs: the model made them
    refused: int  # rows that the model does not take; their outputs count as missing
    first_refusal: str | None
    not_scored: str | None  # why the texts were not scored for toxicity, where there are any


def set_reference(  # noqa: PLR0913, PLR0917  # each is one thing that it is made with
    file: Path,
    manifest: Manifest,
    repository: Repository,
    redaction: Redaction,
    engine: Callable[[], Engine],
    scorer: TextScorer | None,
) -> ReferenceSet:
    """Read, score where the file lacks the outputs, redact as traffic is, and write beside the model in one
    step.
    """
    table = read_table(file)
    signature = Signature.of(manifest)
    check_columns(signature.names, table, file)
    needed = [name for name in signature.outputs if name != "probabilities"]
    scored = not set(needed) <= set(table.columns)
    refused: list[str] = []
    if scored:
        table, refused = asyncio.run(_scored(table, signature, engine))
    table = _redacted(table, signature, redaction)
    frame, about, not_scored = _with_scores(frame_of_table(table, manifest), manifest, scorer)
    reference = reference_of(frame, manifest, file.name, kinds(), about)
    path = repository.reference_path(manifest.name, manifest.version)
    rows = to_bytes(sample_of_reference(frame, manifest), reference.hash)
    _write(repository.reference_rows_path(manifest.name, manifest.version), rows)
    _write(path, reference.to_bytes())  # after its rows: who sees it finds them
    return ReferenceSet(
        reference=reference,
        path=path,
        scored=scored,
        refused=len(refused),
        first_refusal=refused[0] if refused else None,
        not_scored=not_scored,
    )


def _with_scores(
    frame: Frame, manifest: Manifest, scorer: TextScorer | None
) -> tuple[Frame, Scorer | None, str | None]:
    """The frame with the scores of its texts, what scored them, and why they were not scored."""
    if scorer is None or not text_columns(manifest):
        return frame, None, None
    try:
        about = scorer.open()
        return frame.scored(scores_of_file(frame, manifest, scorer)), about, None
    except ScoringError as exc:  # the rest of the reference is as good without
        return frame, None, str(exc)
    finally:
        scorer.close()


async def _scored(
    table: pd.DataFrame, signature: Signature, engine: Callable[[], Engine]
) -> tuple[pd.DataFrame, list[str]]:
    """The table with the model's outputs, and why rows were refused."""
    import pandas as pd  # noqa: PLC0415  already loaded with the table

    running = engine()
    await running.start()
    try:
        served = await running.load(signature.name, signature.version)
        columns = {name: cells(table[name].tolist(), kind) for name, kind in signature.kinds.items()}
        outputs: dict[str, list[Value]] = {name: [] for name in signature.outputs}
        refused: list[str] = []
        for start in range(0, len(table), _ROWS_AT_ONCE):
            block = {name: values[start : start + _ROWS_AT_ONCE] for name, values in columns.items()}
            for name, values in (await _block(served, block, start, refused)).items():
                outputs[name] += values
    finally:
        await running.close()
    if len(refused) == len(table):
        raise ReplayError(f"the model takes none of the rows: {refused[0]}")
    return table.assign(
        **{name: pd.Series(values, index=table.index) for name, values in outputs.items()}
    ), refused


async def _block(
    served: Served, columns: dict[str, list[Value]], start: int, refused: list[str]
) -> dict[str, list[Value]]:
    rows = len(next(iter(columns.values())))
    try:
        return dict((await served.infer(columns, rows=rows)).outputs)
    except InvalidInputError as exc:
        if rows == 1:
            refused.append(f"row {start + 1}: {exc}")
            return {name: [None] for name in served.manifest.output_names}
    half = rows // 2
    first = await _block(served, {name: values[:half] for name, values in columns.items()}, start, refused)
    second = await _block(
        served, {name: values[half:] for name, values in columns.items()}, start + half, refused
    )
    return {name: [*values, *second[name]] for name, values in first.items()}


def _redacted(table: pd.DataFrame, signature: Signature, redaction: Redaction) -> pd.DataFrame:
    """The table with its columns, and the tags to slice by, as an event would hold them.

    A dropped column may stay: it is not watched, so nothing of it comes into the reference.
    """
    import pandas as pd  # noqa: PLC0415  as above

    if not redaction:
        return table
    columns = {name: cells(table[name].tolist(), kind) for name, kind in signature.kinds.items()}
    for name in set(signature.outputs) & set(table.columns):
        columns[name] = cells(table[name].tolist(), Kind.TEXT) if name == "text" else table[name].tolist()
    tags = {
        name: [None if cell is None else str(cell) for cell in cells(table[name].tolist(), Kind.CATEGORY)]
        for name in set(signature.manifest.group_names) & set(table.columns) - set(signature.names)
    }
    kept, kept_tags = redaction.columns(columns), redaction.tags(tags)
    changed: dict[str, Sequence[object]] = {}
    changed |= {name: values for name, values in kept.items() if values != columns[name]}
    changed |= {name: kept_tags[name] for name in kept_tags.keys() & tags.keys()}
    return table.assign(
        **{name: pd.Series([*values], index=table.index, dtype=object) for name, values in changed.items()}
    )


def _write(path: Path, data: bytes) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".reference-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(draft).chmod(0o644)
    Path(draft).replace(path)
