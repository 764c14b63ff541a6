"""What people did about open alerts, in words: who silenced them, who looks after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import pandas as pd

from dashboard import words
from storage.matching import LABELS, labels_of, matches
from storage.records import Alert, Matcher
from storage.silences import Acknowledgement, Silence

Episode = tuple[str, datetime]
"""Fingerprint and start."""


def care_of(
    alerts: Iterable[Alert],
    silences: Sequence[Silence],
    acknowledgements: Mapping[Episode, Acknowledgement],
    now: datetime,
) -> dict[Episode, str]:
    """What was done about each alert; those about which nothing was done are left out.

    Labels that rules add are not known here, so silences that ask for such are only listed.
    """
    in_force = [each for each in silences if each.active(now) and _is_plain(each.matchers)]
    found: dict[Episode, str] = {}
    for alert in alerts:
        labels = labels_of(alert)
        parts = [
            f"silenced by {each.author} until {words.moment(each.ends_at)}{_said(each.comment)}"
            for each in in_force
            if matches(each.matchers, labels)
        ]
        episode = (alert.fingerprint, alert.starts_at)
        if (seen := acknowledgements.get(episode)) is not None:
            parts.append(f"acknowledged by {seen.author}{_said(seen.comment)}")
        if parts:
            found[episode] = "; ".join(parts)
    return found


def silence_table(silences: Sequence[Silence], now: datetime) -> pd.DataFrame:
    """Silences in force and to come, one a row."""
    return pd.DataFrame(
        [
            {
                "state": "active" if each.active(now) else "pending",
                "from (UTC)": words.moment(each.starts_at),
                "until (UTC)": words.moment(each.ends_at),
                "matchers": ", ".join(f'{one.label}{one.operator}"{one.value}"' for one in each.matchers),
                "by": each.author,
                "why": each.comment,
                "id": each.id,
            }
            for each in silences
        ]
    )


def _is_plain(matchers: Iterable[Matcher]) -> bool:
    return all(each.label in LABELS for each in matchers)


def _said(comment: str) -> str:
    return f" ({comment})" if comment else ""
