"""Whether inferwatch itself is well: what waits, what was set aside, who was not told, what it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.api import ask
from dashboard.errors import DashboardError
from dashboard.reader import read
from dashboard.tables import message_table, show
from dashboard.views.system import BEHIND_AFTER, SystemView, system
from storage.clock import utc_now
from storage.outbox import Delivery

REFRESH_S = 15


@st.fragment(run_every=REFRESH_S)
def page() -> None:
    """The whole page. It reads anew by itself."""
    now = utc_now()
    view = read(lambda database: system(database, now))
    st.header("System", anchor=False)
    _verdict(view)
    _journals(view)
    _monitors(view)
    _set_aside(view)
    _told(view)
    _labels(view)
    _scorer(view)
    _database(view)
    st.caption(f"Read at {now:%H:%M:%S} UTC; reads anew every {REFRESH_S} s.")


def _verdict(view: SystemView) -> None:
    """What a person has to see to, the gravest first."""
    wrong = _wrong(view)
    for each in wrong:
        st.error(each, icon=":material/error:")
    if not view.at_work:
        st.warning(
            "No monitor process is at work: nothing is stored, judged or told. Start `inferwatch monitor`; "
            "what the gateway answers meanwhile waits in its journal.",
            icon=":material/pause_circle:",
        )
    if view.behind:
        monitors = ", ".join(sorted({f"`{lag.monitor}`" for lag in view.behind}))
        st.warning(
            f"Behind by more than {BEHIND_AFTER.seconds} s: {monitors}. Does `inferwatch monitor` run? "
            "Its log says what keeps it.",
            icon=":material/hourglass:",
        )
    elif not wrong and view.at_work:
        st.success("Nothing was set aside, nothing waits too long.", icon=":material/check_circle:")


def _wrong(view: SystemView) -> list[str]:
    """What does not mend itself, and what to do about each."""
    wrong = []
    if dead := view.messages.get(Delivery.DEAD, 0):
        wrong.append(
            f"{words.counted(dead, 'message', 'messages')} reached nobody: mend the channel under "
            "`alerts` in inferwatch.yaml, then run `inferwatch channels test`."
        )
    if view.accounting.quarantined:
        events = words.counted(view.accounting.quarantined, "event was", "events were")
        wrong.append(f"{events} set aside: a monitor could not digest them. The reasons stand below.")
    if view.damaged:
        places = words.counted(view.damaged, "place", "places")
        wrong.append(f"{places} in journals could not be read: look at the disk of that host.")
    if view.database.revision != view.expected_revision:
        wrong.append("The tables are not those of this release: restart the monitor, which upgrades them.")
    return wrong


def _journals(view: SystemView) -> None:
    st.subheader("Journals", anchor=False)
    _held()
    if not view.producers:
        st.caption("No gateway has sent anything to the database yet.")
        return
    show(
        pd.DataFrame(
            [
                {
                    "producer": each.producer,
                    "last told (UTC)": words.moment(each.updated_at),
                    "answered": each.answered,
                    "journalled": each.journalled,
                    "dropped": each.dropped,
                    "labels": each.labels,
                    "torn tails": each.torn,
                    "damaged places": each.damaged,
                }
                for each in view.producers
            ]
        ),
        key="journals",
    )


def _held() -> None:
    """What the gateway's journal holds: it alone knows."""
    try:
        held: Mapping[str, Any] = ask("GET", "/api/accounting")["journal"]
    except DashboardError as exc:
        st.text(str(exc))
        st.warning("What its journal holds is unknown.", icon=":material/help:")
        return
    oldest = held["oldest_unshipped_s"]
    waits = (
        "all of it is in the database" if oldest is None else f"the oldest waits for {words.seconds(oldest)}"
    )
    st.text(
        f"The journal of the gateway holds {words.size(held['held_bytes'])} "
        f"of {words.size(held['budget_bytes'])}; {waits}."
    )


def _monitors(view: SystemView) -> None:
    st.subheader("How far each monitor is", anchor=False)
    if not view.lags:
        st.caption("No monitor has counted anything yet.")
    else:
        show(
            pd.DataFrame(
                [
                    {
                        "monitor": lag.monitor,
                        "partition": lag.partition,
                        "events behind": lag.events,
                        "since": "" if lag.since is None else f"{words.age(lag.since, view.now)} ago",
                    }
                    for lag in sorted(view.lags, key=lambda lag: -lag.events)
                ]
            ),
            key="lags",
        )
    if view.recounts:
        st.caption("Being counted anew, because a reference or a model of texts came into force:")
        show(
            pd.DataFrame(
                [
                    {
                        "monitor": each.monitor,
                        "model": each.model,
                        "version": each.version,
                        "partition": each.partition,
                        "segments left": each.seq,
                    }
                    for each in view.recounts
                ]
            ),
            key="recounts",
        )
    with st.expander("Who does what only one worker may do"):
        leases = [
            {
                "what": each.name,
                "who": each.owner,
                "now": "held" if each.held else "free",
                "changes of hands": each.epoch,
            }
            for each in view.leases
        ]
        show(pd.DataFrame(leases), key="leases")


def _set_aside(view: SystemView) -> None:
    st.subheader("Quarantine", anchor=False)
    if not view.quarantined:
        st.caption("Every event could be digested by every monitor.")
        return
    by_monitor = ", ".join(f"{name} {n:,}" for name, n in sorted(view.set_aside.items()))
    st.text(f"Set aside by monitor: {by_monitor}")
    show(
        pd.DataFrame(
            [
                {
                    "set aside (UTC)": words.moment(each.stored_at),
                    "monitor": each.monitor,
                    "why": each.error,
                    "model": each.model or "",
                    "version": each.version or "",
                    "event": str(each.event),
                    "event time (UTC)": words.moment(each.event_at),
                }
                for each in view.quarantined
            ]
        ),
        key="quarantine",
    )
    st.caption(f"The newest {len(view.quarantined)}. Look into one by its id on the page Events.")


def _told(view: SystemView) -> None:
    st.subheader("Messages", anchor=False)
    counts = ", ".join(f"{view.messages.get(state, 0):,} {state.value}" for state in Delivery)
    st.text(f"In the outbox: {counts}")
    if view.dead:
        st.caption("Nobody got these, and they are not tried again:")
        show(message_table(view.dead), key="dead-messages")
    if view.late:
        st.caption("These did not get through yet, and are tried again:")
        show(message_table(view.late), key="late-messages")


def _labels(view: SystemView) -> None:
    st.subheader("Labels", anchor=False)
    st.text(f"{words.counted(view.labels_waiting, 'label waits', 'labels wait')} for their event.")
    if view.labels_refused:
        st.caption("Refused, by reason:")
        refused = [{"why": why, "labels": n} for why, n in sorted(view.labels_refused.items())]
        show(pd.DataFrame(refused), key="refused-labels")


def _scorer(view: SystemView) -> None:
    st.subheader("The model that scores texts", anchor=False)
    scorer = view.scorer
    if scorer is None:
        st.caption("None was ever loaded: no text is scored until one is.")
        return
    bundled = "comes with inferwatch" if scorer.bundled else "given by the operator"
    st.text(f"{words.of_scorer(scorer)} ({bundled})")
    st.text(f"Classes: {', '.join(scorer.classes)}")
    st.text(f"Loaded {words.moment(scorer.loaded_at)} UTC; SHA-256 of its files {scorer.sha256}")


def _database(view: SystemView) -> None:
    st.subheader("Database and versions", anchor=False)
    facts = view.database
    rows = {
        "database": f"{facts.kind} {facts.version}",
        "size": words.size(facts.size_bytes),
        "tables": f"{facts.revision or words.UNKNOWN} (this release: {view.expected_revision})",
        "events ever stored": f"{facts.stored:,}",
        "segments kept": f"{facts.segments:,}",
        "oldest event kept (UTC)": _moment(facts.oldest_at),
        "newest event (UTC)": _moment(facts.newest_at),
        "next deletion of a segment (UTC)": _moment(facts.kept_until),
        **view.versions,
    }
    show(pd.DataFrame({"what": list(rows), "which": list(rows.values())}), key="facts")


def _moment(at: datetime | None) -> str:
    return words.UNKNOWN if at is None else words.moment(at)


if __name__ == "__main__":
    page()
