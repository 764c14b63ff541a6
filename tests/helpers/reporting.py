"""Reports that somebody wishes for, with only the facts that matter given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage.records import Action, ActionEvent, Arm, ReportKind, ReportWish

DAY = timedelta(days=1)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def a_wish(
    kind: ReportKind = ReportKind.DATA_DRIFT,
    *,
    model: str = "shop",
    version: str = "1",
    arm: Arm = Arm.STABLE,
    slice: str = "all",
    start: datetime = BEGIN,
    end: datetime = BEGIN + DAY,
) -> ReportWish:
    """A report of one day of the seeded shop."""
    return ReportWish(kind=kind, model=model, version=version, arm=arm, slice=slice, start=start, end=end)


def an_asking(
    wish: ReportWish | None = None, *, at: datetime = BEGIN, author: str = "ann", key: str | None = None
) -> ActionEvent:
    """Somebody asks for it."""
    return ActionEvent(at=at, action=Action.REPORT, author=author, key=key, report=wish or a_wish())
