"""Which model scores texts, and whether it does: one line on the overview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard import words
from storage.accounts import Lag
from storage.scorer import Scorer

LATE_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringLine:
    """What the overview says of it."""

    words: str
    late: bool  # texts wait for their scores


def scoring_line(scorer: Scorer | None, behind: Sequence[Lag], now: datetime) -> ScoringLine | None:
    """The line; None where no text was ever scored and none waits."""
    since = min((lag.since for lag in behind if lag.since is not None), default=now)
    if now - since < LATE_AFTER:
        if scorer is None:
            return None
        return ScoringLine(words=f"Texts are scored for toxicity by {scorer.words}.", late=False)
    events = words.counted(sum(lag.events for lag in behind), "event waits", "events wait")
    by = f"by {scorer.model} {scorer.version}" if scorer is not None else "and no model was ever loaded"
    return ScoringLine(
        words=f"{events} to be scored for toxicity since {words.moment(since)} UTC, {by}. "
        "`inferwatch check` says whether the model can be loaded, the log of the monitor what keeps it.",
        late=True,
    )
