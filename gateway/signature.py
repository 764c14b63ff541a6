"""What a model takes and gives, made once per loaded version so that requests find it ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from inference.manifest import BooleanInput, CategoryInput, Input, Manifest, NumberInput


class Kind(StrEnum):
    """What the cells of a column are."""

    NUMBER = "number"
    CATEGORY = "category"
    INTEGER_CATEGORY = "category of integers"
    BOOLEAN = "boolean"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The columns of one model version, by name."""

    manifest: Manifest
    name: str
    version: str
    kinds: Mapping[str, Kind]  # of the inputs, in their order
    names: tuple[str, ...]  # of the inputs
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> Signature:
        """The signature that a manifest describes."""
        kinds = {column.name: kind_of(column) for column in manifest.inputs}
        return cls(
            manifest=manifest,
            name=manifest.name,
            version=manifest.version,
            kinds=kinds,
            names=tuple(kinds),
            outputs=manifest.output_names,
        )

    @property
    def listed(self) -> str:
        """The inputs, as an error may list them."""
        return ", ".join(self.names[:30]) + (" .." if len(self.names) > 30 else "")


def kind_of(column: Input) -> Kind:
    """The kind of an input column."""
    if isinstance(column, NumberInput):
        return Kind.NUMBER
    if isinstance(column, CategoryInput):
        whole = all(type(category) is int for category in column.categories)
        return Kind.INTEGER_CATEGORY if whole else Kind.CATEGORY
    return Kind.BOOLEAN if isinstance(column, BooleanInput) else Kind.TEXT
