"""The tables, as SQLAlchemy Core. `migrations/` makes them; a test holds the two equal.

Times are whole microseconds since 1970, so both databases order and compare them alike. A key's column that
may be absent in the records (a reference, a tenant, a column's name) is "" here: a primary key cannot hold
null.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from storage.clock import from_microseconds, to_microseconds


class Instant(TypeDecorator[datetime]):
    """An aware time in UTC, kept as whole microseconds."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_microseconds(value)


class Words(TypeDecorator[str]):
    """A text from outside. PostgreSQL cannot store the character 0, so it becomes the symbol for it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.replace("\0", "\u2400")


metadata = sa.MetaData()


def _text(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, Words, primary_key=primary_key, nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _at(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, Instant, nullable=nullable)


def _yes_no(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


head = sa.Table(
    "head",
    metadata,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    _count("seq"),  # the number given last; its row lock makes the order of numbers the order of commits
    _count("stored"),  # inference events ever stored; retention does not take from it
)

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("producer"),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),  # inference events
    sa.Column("others", sa.Integer, nullable=False),  # labels, label changes and actions
    _at("first_at"),
    _at("last_at"),
    _at("stored_at"),
    _at("retain_until"),
    _text("codec"),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("partition", "producer", "number", name="segment_place"),
    sa.Index("segment_retain", "retain_until"),
    sa.Index("segment_time", "last_at"),
)

producer = sa.Table(
    "producer",
    metadata,
    _text("producer", primary_key=True),
    _count("answered"),
    _count("journalled"),
    _count("dropped"),
    _count("labels"),
    _count("newest"),  # the highest number stored
    _count("damaged"),  # places in its segments where frames were skipped
    _count("torn"),  # its segments with a torn tail
    _at("updated_at"),
)

lease = sa.Table(
    "lease",
    metadata,
    _text("name", primary_key=True),
    _text("owner"),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("expires_us", sa.BigInteger, nullable=False),  # by the database's clock
)

cursor = sa.Table(
    "monitor_cursor",
    metadata,
    _text("monitor", primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    _count("seq"),
    _count("counted"),
    _count("quarantined"),
    _at("moved_at"),
)

summary = sa.Table(
    "summary",
    metadata,
    _text("monitor", primary_key=True),
    _text("model", primary_key=True),
    _text("version", primary_key=True),
    _text("arm", primary_key=True),
    _text("slice", primary_key=True),
    _text("reference", primary_key=True),
    sa.Column("start", Instant, primary_key=True, autoincrement=False),
    sa.Column("length_s", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("summary_age", "model", "version", "length_s", "start"),
)

_TO_JUDGE = sa.text("revision > judged")

window = sa.Table(
    "judge_window",
    metadata,
    _text("monitor", primary_key=True),
    _text("model", primary_key=True),
    _text("version", primary_key=True),
    _text("arm", primary_key=True),
    _text("slice", primary_key=True),
    sa.Column("start", Instant, primary_key=True, autoincrement=False),
    sa.Column("end", Instant, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.Integer, nullable=False),  # goes up with every change of its summaries
    sa.Column("judged", sa.Integer, nullable=False),  # the revision that was judged last; 0: none yet
    sa.Index(
        "judge_window_due",
        "model",
        "version",
        "end",
        sqlite_where=_TO_JUDGE,  # a year of judged windows is not read at every look
        postgresql_where=_TO_JUDGE,
    ),
)

model_clock = sa.Table(
    "model_clock",
    metadata,
    _text("model", primary_key=True),
    _text("version", primary_key=True),
    _at("newest_at"),  # its newest event
    _at("counted_at"),  # when that was counted, by the wall clock
    _yes_no("replay"),
)

model_version = sa.Table(
    "model_version",
    metadata,
    _text("model", primary_key=True),
    _text("version", primary_key=True),
    _text("manifest"),  # JSON
    _text("reference"),  # hash of the reference in force, or ""
    _at("registered_at"),
)

reference = sa.Table(
    "reference",
    metadata,
    _text("hash", primary_key=True),
    _text("model"),
    _text("version"),
    sa.Column("body", sa.LargeBinary, nullable=False),
    _at("made_at"),
)

reference_rows = sa.Table(
    "reference_rows",
    metadata,
    _text("hash", primary_key=True),  # of the reference that they are a sample of
    sa.Column("body", sa.LargeBinary, nullable=False),
)

app_event = sa.Table(
    "app_event",
    metadata,
    _text("tenant", primary_key=True),
    _text("app_id", primary_key=True),
    _text("event"),
    _at("stored_at"),
    sa.Index("app_event_age", "stored_at"),
)

label = sa.Table(
    "label",
    metadata,
    _text("event", primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", sa.LargeBinary, nullable=False),  # msgpack, so that true, 1 and "1" stay apart
    _at("labelled_at"),
    _text("place"),  # the event id of the label itself: of two labels of one time the later place wins
    _at("known_at", nullable=True),  # since when the row has a label; null: it has none
    _at("disputed_at", nullable=True),  # of the latest label that says otherwise
    sa.Column("disputed_place", Words, nullable=True),
    _at("taken_back_at", nullable=True),  # labels made before this, and its place, do not hold
    sa.Column("taken_back_place", Words, nullable=True),
    _at("stored_at"),
    sa.Index("label_age", "stored_at"),
)

label_waiting = sa.Table(
    "label_waiting",
    metadata,
    _text("place", primary_key=True),
    _text("tenant"),
    _text("event"),  # an event id, or the app's own id, not known yet
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    _at("labelled_at"),
    sa.Column("everyone", sa.Boolean, nullable=False, server_default=sa.false()),
    _at("stored_at"),
    sa.Index("label_waiting_event", "event"),
    sa.Index("label_waiting_age", "stored_at"),
)

label_refused = sa.Table(
    "label_refused",
    metadata,
    _text("reason", primary_key=True),
    _count("n"),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    _text("event", primary_key=True),
    _text("monitor", primary_key=True),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("model", Words, nullable=True),
    sa.Column("version", Words, nullable=True),
    _text("error"),
    _at("event_at"),
    _at("stored_at"),
    sa.Index("quarantine_age", "stored_at"),
)

measurement = sa.Table(
    "measurement",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    _text("monitor"),
    _text("model"),
    _text("version"),
    _text("arm"),
    _text("slice"),
    _at("start"),
    _at("end"),
    _text("metric"),
    _text("column"),
    sa.Column("value", sa.Double, nullable=True),
    sa.Column("interval_low", sa.Double, nullable=True),
    sa.Column("interval_high", sa.Double, nullable=True),
    sa.Column("bound_lower", sa.Double, nullable=True),
    sa.Column("bound_upper", sa.Double, nullable=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    _yes_no("significant"),
    _yes_no("breached"),
    _yes_no("replay"),
    _at("judged_at"),
    sa.UniqueConstraint(
        "model",
        "version",
        "arm",
        "slice",
        "monitor",
        "metric",
        "column",
        "start",
        "end",
        name="measurement_of",
    ),
    sa.Index("measurement_page", "start", "id"),
    sa.Index("measurement_scope", "model", "version", "arm", "slice", "start"),
)

alert = sa.Table(
    "alert",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    _text("fingerprint"),
    _at("starts_at"),
    _text("status"),
    _text("rule"),
    _text("severity"),
    _text("model"),
    _text("version"),
    _text("arm"),
    _text("slice"),
    _text("monitor"),
    _text("metric"),
    _text("column"),
    _text("summary"),
    _at("updated_at"),
    _at("ends_at", nullable=True),
    _yes_no("replay"),
    _at("stored_at"),
    sa.Column(
        "told", Words, nullable=False, server_default=sa.text("''")
    ),  # the status that people were told last
    sa.UniqueConstraint("fingerprint", "starts_at", name="alert_episode"),
    sa.Index("alert_model", "model", "status"),
    sa.Index("alert_told", "status", "told"),
)

alert_state = sa.Table(
    "alert_state",
    metadata,
    _text("fingerprint", primary_key=True),
    _text("model"),
    _text("version"),
    sa.Column("body", sa.LargeBinary, nullable=False),
    _at("updated_at"),
    sa.Index("alert_state_model", "model", "version"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    _text("message_id", primary_key=True),
    _text("channel", primary_key=True),
    _text("recipient", primary_key=True),
    _text("state"),  # waiting, sent or dead
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    _at("made_at"),
    _at("next_at"),
    _text("last_error"),
    sa.Column("reason", Words, nullable=False, server_default=sa.text("''")),  # why it goes out, by name
    sa.Column("subject", Words, nullable=False, server_default=sa.text("''")),  # for people who look for it
    sa.Column(
        "group", Words, nullable=False, server_default=sa.text("''")
    ),  # the alert group that it speaks of
    sa.Index("outbox_due", "state", "next_at"),
    sa.Index("outbox_made", "made_at"),
)

alert_group = sa.Table(
    "alert_group",
    metadata,
    _text("name", primary_key=True),  # a group of alerts, or a recipient whose mails are counted
    sa.Column("body", sa.LargeBinary, nullable=False),
    _at("updated_at"),
)

silence = sa.Table(
    "silence",
    metadata,
    _text("id", primary_key=True),  # the event id of the action that made it
    _text("matchers"),  # JSON
    _text("author"),
    _text("comment"),
    _at("starts_at"),
    _at("ends_at"),
    _at("made_at"),
    sa.Column(
        "ended_by", Words, nullable=False, server_default=sa.text("''")
    ),  # who ended it before its time
    sa.Index("silence_end", "ends_at"),
)

acknowledgement = sa.Table(
    "acknowledgement",
    metadata,
    _text("fingerprint", primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True, autoincrement=False),  # of the alert's episode
    _text("author"),
    _text("comment"),
    _at("made_at"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("place"),  # event id of the action
    _text("body"),  # the action, as JSON
    _text("hash"),  # of the row before, the place and the body
    sa.UniqueConstraint("place", name="audit_place"),
)

report = sa.Table(
    "report",
    metadata,
    _text("id", primary_key=True),  # the event id of the action that asked for it
    _text("kind"),
    _text("model"),
    _text("version"),
    _text("arm"),
    _text("slice"),
    _at("start"),
    _at("end"),
    _text("author"),
    _text("state"),  # asked, making, done or failed
    sa.Column("progress", sa.Double, nullable=False),  # from 0 to 1
    sa.Column("tries", sa.Integer, nullable=False),
    _text("words"),  # what it holds, or why it failed
    sa.Column("reference_rows", sa.BigInteger, nullable=True),
    sa.Column("current_rows", sa.BigInteger, nullable=True),
    _at("asked_at"),
    _at("made_at", nullable=True),  # when it was done, or failed
    sa.Column("size", sa.BigInteger, nullable=True),  # of the HTML, in bytes
    sa.Column("body", sa.LargeBinary, nullable=True),  # the HTML, compressed with zstd
    sa.Index("report_state", "state", "asked_at"),
    sa.Index("report_age", "asked_at"),
)

sampling_plan = sa.Table(
    "sampling_plan",
    metadata,
    _text("model", primary_key=True),
    _text("version", primary_key=True),
    sa.Column("day", Instant, primary_key=True, autoincrement=False),  # of the events that it is for
    sa.Column("body", sa.LargeBinary, nullable=False),
    _at("made_at"),
)

sample = sa.Table(
    "sample",
    metadata,
    _text("event", primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    _text("model"),
    _text("version"),
    _text("arm"),
    _text("tenant"),
    _at("at"),  # of the event
    sa.Column("pi", sa.Double, nullable=False),  # the probability with which it was chosen
    sa.Column("certainty", sa.Double, nullable=False),  # how likely the answer was right, as estimated then
    _at("labelled_at", nullable=True),
    _at("stored_at"),
    sa.Index("sample_open", "model", "version", "labelled_at", "at"),
    sa.Index("sample_age", "stored_at"),
)

scorer = sa.Table(
    "scorer",
    metadata,
    _text("name", primary_key=True),  # what it scores: "toxicity"
    _text("model"),
    _text("version"),
    _text("sha256"),  # over those of its files
    _text("classes"),  # JSON
    _yes_no("bundled"),  # the small model that comes with inferwatch
    _text("words"),  # what a person should know of it
    _at("loaded_at"),
)

slice_value = sa.Table(
    "slice_value",
    metadata,
    _text("model", primary_key=True),
    _text("version", primary_key=True),
    _text("name", primary_key=True),
    _text("value", primary_key=True),  # watched apart for good; values that found no place here are "other"
)

recount = sa.Table(
    "recount",
    metadata,
    _text("monitor", primary_key=True),
    _text("model", primary_key=True),
    _text("version", primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    _text("reference"),  # the one that new events are counted against
    sa.Column("seq", sa.BigInteger, nullable=False),  # segments up to here are still to be counted against it
)
