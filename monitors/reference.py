"""What current traffic is compared with: bins and known values of every column, and what each monitor counts
there.

Reference and current go through the same code: a reference holds the Summary that each monitor makes of the
reference's own rows. Its hash covers all of it; Summaries counted in its bins carry the hash, so that counts
of two references never add.

As bytes it is a msgpack map that needs nothing of ours to read: `{"format": 1, "hash", "model", "version",
"source", "rows", "columns": [{"name", "kind", "role", "rows", "edges", "minimum", "maximum", "median",
"mean", "sd", "categories", "category_counts", "top"}], "summaries": {monitor: bytes of a Summary}}`. In
drift's Summary, `counts/<column>` are the bins `(-inf, e0], (e0, e1], ..., (ek, inf)` of a number, or the
first `top` categories, then other, then unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference.manifest import ModelSpec
from monitors.base import ModelContext
from monitors.bins import moments, quantile_edges
from monitors.columns import Kind, Role, WatchedColumn
from monitors.errors import InvalidReferenceError
from storage.summary import Summary

if TYPE_CHECKING:
    from monitors.base import Monitor
    from monitors.frames import Frame
    from storage.scorer import Scorer

FORMAT = 1
TOP_CATEGORIES = 50
KNOWN_CATEGORIES = 10_000


@dataclass(frozen=True, kw_only=True)  # not slotted: what follows from the edges is kept once it was made
class ReferenceColumn:
    """What is known of a column.

    A number has edges and moments; a category its values, the most frequent first.
    """

    name: str
    kind: Kind
    role: Role
    rows: int  # with a value that can be used
    edges: tuple[float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    median: float | None = None
    mean: float | None = None
    sd: float | None = None  # of the population (ddof 0)
    categories: tuple[str, ...] = ()
    category_counts: tuple[int, ...] = ()
    top: int = 0  # the first so many categories have a cell of their own

    @property
    def is_number(self) -> bool:
        """Whether it has edges, and not categories."""
        return self.kind in (Kind.NUMBER, Kind.LENGTH)

    @cached_property
    def edge_array(self) -> NDArray[np.float64]:
        """The edges between its bins."""
        return np.array(self.edges, dtype=np.float64)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The cell of each known category: its own, or the one that the rare ones share."""
        return {name: min(place, self.top) for place, name in enumerate(self.categories)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Columns of a model version as they should be."""

    hash: str
    model: str
    version: str
    source: str  # where its rows came from, for people
    rows: int
    columns: Mapping[str, ReferenceColumn]
    summaries: Mapping[str, Summary]  # by monitor: what it counts in the reference's own rows

    def to_bytes(self) -> bytes:
        """A file's or a database's worth of it."""
        return msgspec.msgpack.encode(_stored(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """Read it back. Raises `InvalidReferenceError` for anything that `to_bytes` did not write."""
        try:
            stored = msgspec.msgpack.decode(data, type=_Stored)
        except msgspec.MsgspecError as exc:
            raise InvalidReferenceError(
                f"these bytes are no reference ({exc}); make it anew with `inferwatch reference set`"
            ) from exc
        if stored.format != FORMAT:
            raise InvalidReferenceError(
                f"the reference has format {stored.format}, this version reads {FORMAT}; make it anew"
            )
        reference = cls(
            hash=stored.hash,
            model=stored.model,
            version=stored.version,
            source=stored.source,
            rows=stored.rows,
            columns={column.name: column for column in stored.columns},
            summaries={name: Summary.from_bytes(body) for name, body in stored.summaries.items()},
        )
        if _hash(replace(reference, hash="")) != reference.hash:
            raise InvalidReferenceError(
                "the reference was altered: its hash is not that of its content; make it anew"
            )
        return reference


def reference_of(
    frame: Frame,
    manifest: ModelSpec,
    source: str,
    kinds: Mapping[str, type[Monitor]],
    scorer: Scorer | None = None,
) -> Reference:
    """The reference that the rows of a frame make. Outputs and labels count where the frame has them.

    `scorer` is the model that its texts were scored with, if they were.
    """
    if frame.rows == 0:
        raise InvalidReferenceError(f"{source} has no rows: a reference needs some")
    columns = [_column(frame, column) for column in frame.columns.values() if column.kind is not Kind.TEXT]
    draft = Reference(
        hash="",
        model=manifest.name,
        version=manifest.version,
        source=source,
        rows=frame.rows,
        columns={column.name: column for column in columns if column.rows},
        summaries={},
    )
    context = ModelContext(manifest=manifest, reference=draft, scorer=scorer)
    summaries = {name: _observed(kind, frame, context) for name, kind in sorted(kinds.items())}
    draft = replace(draft, summaries={name: summary for name, summary in summaries.items() if summary})
    digest = _hash(draft)
    return replace(
        draft,
        hash=digest,
        summaries={
            name: Summary(summary.counts, digest if kinds[name].uses_reference else summary.reference)
            for name, summary in draft.summaries.items()
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    format: int
    hash: str
    model: str
    version: str
    source: str
    rows: int
    columns: list[ReferenceColumn]
    summaries: dict[str, bytes]


def _stored(reference: Reference) -> _Stored:
    return _Stored(
        format=FORMAT,
        hash=reference.hash,
        model=reference.model,
        version=reference.version,
        source=reference.source,
        rows=reference.rows,
        columns=list(reference.columns.values()),
        summaries={name: summary.to_bytes() for name, summary in sorted(reference.summaries.items())},
    )


def _hash(reference: Reference) -> str:
    bare = {name: Summary(summary.counts) for name, summary in reference.summaries.items()}
    return hashlib.sha256(replace(reference, hash="", summaries=bare).to_bytes()).hexdigest()


def _observed(kind: type[Monitor], frame: Frame, context: ModelContext) -> Summary:
    make: Callable[..., Monitor] = kind
    return make(model=context).observe(frame) if kind.applies(context) else Summary()


def _column(frame: Frame, column: WatchedColumn) -> ReferenceColumn:
    return _number(frame, column) if column.is_number else _category(frame, column)


def _number(frame: Frame, column: WatchedColumn) -> ReferenceColumn:
    numbers = frame.numbers(column.name)
    values = numbers.values[numbers.present]
    known = ReferenceColumn(name=column.name, kind=column.kind, role=column.role, rows=len(values))
    if not len(values):
        return known
    mean, sd = moments(values)
    return replace(
        known,
        edges=tuple(quantile_edges(values, column.bins).tolist()),
        minimum=float(values.min()),
        maximum=float(values.max()),
        median=float(np.median(values / 2)) * 2,  # a sum of two of the largest floats would overflow
        mean=mean,
        sd=sd,
    )


def _category(frame: Frame, column: WatchedColumn) -> ReferenceColumn:
    groups = frame.categories(column.name)
    counts = groups.counts()[2:]
    ranked = sorted((-int(count), name) for name, count in zip(groups.names, counts, strict=True) if count)
    ranked = ranked[:KNOWN_CATEGORIES]
    return ReferenceColumn(
        name=column.name,
        kind=column.kind,
        role=column.role,
        rows=int(counts.sum()),
        categories=tuple(name for _, name in ranked),
        category_counts=tuple(-count for count, _ in ranked),
        top=min(TOP_CATEGORIES, len(ranked)),
    )
