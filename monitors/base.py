"""What a monitor is: two pure functions, and what it is told about the model that it watches.

A monitor is a frozen dataclass whose first field is `model: ModelContext`; its other fields are its settings
and have defaults. It becomes known by one line in the table of `monitors/__init__.py`, and the contract tests
then run over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from storage.records import Measurement
from storage.summary import Summary

if TYPE_CHECKING:
    from inference.manifest import ModelSpec
    from monitors.frames import Frame
    from monitors.reference import Reference
    from storage.scorer import Scorer


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelContext:
    """What a monitor may know of the model version that it watches."""

    manifest: ModelSpec
    reference: Reference | None = None  # None: the operator has not set one
    scorer: Scorer | None = None  # which model scores texts; None: none was ever loaded


class Monitor(Protocol):
    """Counts what it sees (`observe`), and says what the counts mean (`assess`).

    Neither has a memory or a clock. One that needs longer windows than the model's also has a `least_window`.
    """

    uses_labels: ClassVar[bool]
    """Whether it is shown label changes too: `observe(after) - observe(before)` is then added."""

    uses_reference: ClassVar[bool]
    """Whether its cells are those of the reference: then it counts anew when the reference changes."""

    uses_scores: ClassVar[bool]
    """Whether its frames carry scores (`Frame.scores`): then it is counted apart, at its own pace."""

    uses_slices: ClassVar[bool]
    """Whether it is shown each slice apart too. One that compares groups is shown the whole alone."""

    @classmethod
    def applies(cls, context: ModelContext) -> bool:
        """Whether there is anything for it to watch in this model."""
        ...

    def observe(self, frame: Frame) -> Summary:
        """Integer counts of a frame, which add in any order."""
        ...

    def assess(self, current: Summary, reference: Summary | None) -> Iterable[Measurement]:
        """What the counts of a window say, beside this monitor's counts of the reference, if there is one."""
        ...
