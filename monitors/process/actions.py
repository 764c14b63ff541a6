"""Writes what people did from the log to SQL (about alerts, or which reports they want): a stage of its own
beside the monitors.

Actions lie in several partitions and come in any order, some of them twice; storage sees to it that every
order ends the same. They commit with what the monitors count, and the read position, so none is lost.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from monitors.process.decoding import Decoded
from storage.audit import add_actions
from storage.counting import CountingWrite
from storage.records import Action, ActionEvent, EventId, ReportWish
from storage.reports import ask_for_report
from storage.silences import Silence, acknowledge, add_silence, end_silence

ACTIONS = "actions"
"""Its name among the read positions."""


class Actions:
    """Applies actions."""

    def __init__(self) -> None:
        # By action, since the process began: ends of silences and acknowledgements of alerts that are not
        # known here. The silence may still come; the alert is over.
        self.unknown: Counter[Action] = Counter()

    def apply(self, decoded: Decoded, write: CountingWrite) -> None:
        """Apply the actions of some segments."""
        if decoded.actions:
            add_actions(write.connection, decoded.actions)
        for id_, action in decoded.actions:
            if not _applied(write, id_, action):
                self.unknown[action.action] += 1
        write.move_cursor(ACTIONS, decoded.partition, seq=decoded.seq, counted=decoded.n, quarantined=0)


def _applied(write: CountingWrite, id_: EventId, action: ActionEvent) -> bool:
    """Whether what it is about is known."""
    author = _signed(action)
    match action:
        case ActionEvent(action=Action.SILENCE, ends_at=datetime() as ends_at, matchers=(_, *_)):
            silence = Silence(
                id=str(id_),
                matchers=action.matchers,
                author=author,
                comment=action.comment,
                starts_at=action.starts_at or action.at,
                ends_at=ends_at,
                made_at=action.at,
            )
            add_silence(write.connection, silence)
            return True
        case ActionEvent(action=Action.UNSILENCE, silence=str(silence_id)):
            return end_silence(write.connection, silence_id, ends_at=action.at, ended_by=author)
        case ActionEvent(action=Action.REPORT, report=ReportWish() as wish):
            ask_for_report(write.connection, str(id_), wish, author=author, asked_at=action.at)
            return True
        case ActionEvent(action=Action.ACKNOWLEDGE, fingerprint=str(fingerprint)):
            return acknowledge(
                write.connection,
                fingerprint,
                author=author,
                comment=action.comment,
                made_at=action.at,
                starts_at=action.starts_at,
            )
        case _:
            return False  # no gateway of ours writes such a one


def _signed(action: ActionEvent) -> str:
    """Who did it. Whoever has a key may write any name, so the key is named too."""
    if action.key is None or action.key == action.author:
        return action.author
    return f"{action.author} (key {action.key})"
