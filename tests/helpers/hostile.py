"""A database in which all texts that somebody else chose would do harm: as HTML, markdown, or a formula.

Names of models are held to a pattern where they are added; here they lie in SQL all the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import tables
from storage.alerts import save_alerts
from storage.labels import store_labels
from storage.outbox import Delivery, OutboxMessage, add_messages
from storage.quarantine import Quarantined, add_quarantined
from storage.records import EventId, InferenceEvent, Matcher, Outcome, Scope
from storage.reports import ask_for_report, fail_report
from storage.settings import DatabaseSettings
from storage.settling import Label
from storage.silences import Silence, acknowledge, add_silence
from tests.helpers.acting import a_firing_alert
from tests.helpers.harms import BANK, harms
from tests.helpers.reporting import a_wish
from tests.helpers.station import NOON, a_station

HARM = "<img src=x onerror='hacked=1'><script>hacked=2</script>[x](javascript:hacked=3) **b**"
FORMULA = "=HYPERLINK(1)"
HOSTILE_BANK = f"{HARM} bank"


def hostile(folder: Path) -> DatabaseSettings:
    """Make it, anew, in a folder: the windows of `harms`, and everything else that a page can show."""
    settings = harms(folder).settings
    now = datetime.now(NOON.tzinfo)
    with a_station(settings.url, partitions=1, at=now) as station:
        (event,) = station.store([_event(now)], producer="hostile")
        with station.database.write() as connection:
            _rename_the_bank(connection)
            _raise_alerts(connection, now)
            _act(connection, now)
            _leave_behind(connection, event, now)
    return settings


def _event(at: datetime) -> InferenceEvent:
    return InferenceEvent(
        at=at, outcome=Outcome.OK, protocol=HARM, total_s=0.1, model=HOSTILE_BANK, version="1", rows=1,
        inputs={HARM: [FORMULA], FORMULA: [HARM]}, outputs={"class": [FORMULA], HARM: [HARM]},
        tags={HARM: [FORMULA], FORMULA: [HARM]}, app_id=FORMULA, key=HARM,
    )  # fmt: skip


def _rename_the_bank(connection: Connection) -> None:
    for table in tables.metadata.tables.values():
        if "model" in table.c:
            connection.execute(sa.update(table).where(table.c.model == BANK).values(model=HOSTILE_BANK))


def _raise_alerts(connection: Connection, at: datetime) -> None:
    """One that somebody looks after, and one that is over."""
    alert = replace(
        a_firing_alert(HARM, fingerprint="hostile"),
        scope=Scope(model=HOSTILE_BANK, version="1", slice=f"{HARM} = {FORMULA}"),
        rule=HARM,
        metric=FORMULA,
        summary=HARM,
        starts_at=at,
        updated_at=at,
    )
    other = replace(alert, fingerprint="formula", column=FORMULA, summary=FORMULA)
    save_alerts(connection, [alert, other], stored_at=at)
    for fingerprint, comment in (("hostile", HARM), ("formula", FORMULA)):
        acknowledge(connection, fingerprint, author=comment, comment=comment, made_at=at)


def _act(connection: Connection, at: datetime) -> None:
    for text in (HARM, FORMULA):
        silence = Silence(
            id=f"silence-{len(text)}", matchers=(Matcher(label="column", value=text),), author=text,
            comment=text, starts_at=at, ends_at=at + timedelta(days=1), made_at=at,
        )  # fmt: skip
        add_silence(connection, silence)
        id_ = f"report-{len(text)}"
        ask_for_report(connection, id_, a_wish(model=HOSTILE_BANK), author=text, asked_at=at)
        fail_report(connection, id_, text, made_at=at)


def _leave_behind(connection: Connection, event: EventId, at: datetime) -> None:
    """A label, an event that no monitor could digest, and messages that nobody got."""
    label = Label(event=event, row=0, said=FORMULA, labelled_at=at, place=event, known_at=at)
    store_labels(connection, [label], stored_at=at)
    broken = Quarantined(
        event=event, monitor=HARM, partition=0, error=f"{FORMULA} {HARM}", event_at=at, stored_at=at,
        model=HOSTILE_BANK, version="1",
    )  # fmt: skip
    add_quarantined(connection, [broken])
    messages = [
        OutboxMessage(
            message_id=f"{state}-{len(text)}", channel=text, recipient=text, body=b"", made_at=at, next_at=at,
            state=state, attempts=9, last_error=text, reason=text, subject=text,
        )
        for text in (HARM, FORMULA)
        for state in Delivery
    ]  # fmt: skip
    add_messages(connection, messages)
