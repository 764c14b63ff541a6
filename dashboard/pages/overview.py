"""Is anything wrong, where, and since when: open alerts, every model version, and where every event is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import pickers, words
from dashboard.advice import ADVICE, site_about
from dashboard.charts.trend_rows import CELL, Cell, TrendRow, trend_rows
from dashboard.reader import read
from dashboard.site import ALERTS
from dashboard.states import State
from dashboard.tables import alert_table, measurement_table, message_table, show, show_to_pick
from dashboard.views.care import silence_table
from dashboard.views.overview import WATCHES, Overview, VersionRow, overview
from storage.clock import utc_now
from storage.reading import Accounting
from storage.records import Alert, AlertStatus, Arm, Judgement, Scope

REFRESH_S = 15
_INK: Mapping[str | None, str] = {"dark": "#fafafa"}
_FIRST = ("status", "since (UTC)", "model", "version", "column", "slice", "what", "people")


@st.fragment(run_every=REFRESH_S)
def page() -> None:
    """The whole page. It reads anew by itself."""
    now = utc_now()
    found = read(lambda database: overview(database, now))
    st.header("Overview", anchor=False)
    _verdict(found)
    if found.alerts:
        _alerts(found)
    if found.silences:
        with st.expander(f"{words.counted(len(found.silences), 'silence', 'silences')} in force or to come"):
            show(silence_table(found.silences, now), key="silences")
    if found.rows:
        _versions(found)
    _account(found.accounting)
    if found.scoring is not None and found.scoring.late:
        st.warning(found.scoring.words, icon=":material/hourglass:")
    elif found.scoring is not None:
        st.caption(found.scoring.words)
    st.caption(f"Read at {now:%H:%M:%S} UTC; reads anew every {REFRESH_S} s.")


def _alerts(found: Overview) -> None:
    """What is open: since when, why, and what to do. A picked row opens the page that explains it."""
    frame = alert_table(found.alerts, found.care)
    others = [str(name) for name in frame if name not in _FIRST]
    picked = show_to_pick(frame, key="alerts", columns=[*_FIRST, *others], whole=8)
    by_monitor = {alert.monitor: alert for alert in reversed(found.alerts)}
    for monitor, alert in reversed(by_monitor.items()):
        _advise(monitor, alert)
    st.page_link(ALERTS.script, label="Acknowledge or silence", icon=":material/notifications:")
    if picked is not None:
        _look_at(found.alerts[picked[0]])


def _advise(monitor: str, alert: Alert) -> None:
    site, advice = site_about(monitor), ADVICE.get(monitor)
    if site is None or advice is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            site.script, label=site.title, icon=":material/open_in_new:", query_params=_address_of(alert)
        )
        st.caption(advice, width="stretch")


def _look_at(alert: Alert) -> None:
    site = site_about(alert.monitor)
    if site is not None:
        st.switch_page(site.script, query_params=_address_of(alert))


def _address_of(alert: Alert) -> dict[str, str]:
    column = {} if alert.column is None else {"column": alert.column}
    return _address(alert.scope) | {"slice": alert.scope.slice} | column


def _address(scope: Scope) -> dict[str, str]:
    return {"model": scope.model, "version": scope.version, "arm": scope.arm.value}


def _versions(found: Overview) -> None:
    rows = found.rows
    drawn = st.altair_chart(
        trend_rows(
            [_drawn(row) for row in rows],
            [watch.title for watch in WATCHES],
            _INK.get(st.context.theme.type, "#31333f"),
        ),
        width="stretch",
        key="versions",
        on_select="rerun",
        selection_mode=CELL,
        alt="Every version with all that is watched of it; the table below says the same in words",
    )
    st.caption(
        "The worst first; a click opens the page about it. Each line covers the newest windows, between its "
        "own least and largest value: of drift the column that moved furthest, of quality how many numbers "
        "are breached, of bias the largest gap that has a bound. A number alone has no bounds. Unknown: too "
        "few rows, no reference, no labels, or no traffic lately. Nothing: not watched here."
    )
    lacking = dict.fromkeys(row.scope.model for row in rows if not row.has_reference)
    if lacking:
        st.caption("Without a reference, drift is unknown. Give them one:")
        st.code("\n".join(f"inferwatch reference set {name} --from FILE" for name in lacking), language=None)
    _tables(found)
    by_name = {_name(row): row for row in rows}
    for cell in drawn["selection"].get(CELL, []):
        clicked = by_name.get((cell["model"], cell["version"], cell["arm"]))
        if clicked is not None:
            _open(clicked, cell["watch"])


def _tables(found: Overview) -> None:
    """What the lines show, in words (drawn when somebody opens them) and in numbers."""
    in_words = st.expander(
        "The same in words; a picked cell opens the page about it", key="in-words", on_change="rerun"
    )
    with st.expander("The numbers behind the newest points, in full"):
        show(measurement_table(_behind(found)), key="numbers")
    if not in_words.open:
        return
    with in_words:
        picked = show_to_pick(_in_words(found.rows), key="words")
    if picked is not None:
        _open(found.rows[picked[0]], picked[1])


def _name(row: VersionRow) -> tuple[str, str, str]:
    return row.scope.model, row.scope.version, row.scope.arm.value


def _drawn(row: VersionRow) -> TrendRow:
    scope = row.scope
    arm = "" if scope.arm is Arm.STABLE else f", {scope.arm.value} arm"
    return TrendRow(
        model=scope.model,
        version=scope.version,
        arm=scope.arm.value,
        name=f"{scope.model}, version {scope.version}{arm}",
        when=_when(row),
        cells=[
            Cell(watch=trend.watch.title, points=trend.points, words=trend.words, state=trend.state)
            for trend in row.trends
        ],
    )


def _in_words(rows: Sequence[VersionRow]) -> pd.DataFrame:
    """One version a row, one thing that is watched a column. Empty: it is not watched there."""
    return pd.DataFrame(
        [
            {
                "model": row.scope.model,
                "version": row.scope.version,
                "arm": row.scope.arm.value,
                "newest window": _when(row),
                **dict.fromkeys((watch.title for watch in WATCHES), ""),
                **{trend.watch.title: trend.words for trend in row.trends},
            }
            for row in rows
        ]
    )


def _open(row: VersionRow, watch: str) -> None:
    """Open the page about one thing that is watched of a version; stays where there is none."""
    monitors = [
        trend.monitor or trend.watch.metrics[0][0] for trend in row.trends if trend.watch.title == watch
    ]
    site = site_about(monitors[0]) if monitors else None
    if site is not None:
        st.switch_page(site.script, query_params=_address(row.scope))


def _verdict(found: Overview) -> None:
    firing, pending = found.count(AlertStatus.FIRING), found.count(AlertStatus.PENDING)
    unknown = sum(trend.state is State.UNKNOWN for row in found.rows for trend in row.trends)
    if not found.rows:
        pickers.no_model()
    elif firing:
        tail = f", {pending} pending" if pending else ""
        st.error(f"{words.counted(firing, 'alert is', 'alerts are')} firing{tail}.", icon=":material/error:")
    elif pending:
        st.warning(
            f"{words.counted(pending, 'alert is', 'alerts are')} pending: not yet often enough to fire.",
            icon=":material/schedule:",
        )
    elif unknown:
        st.warning(
            f"No alert is open, but {words.counted(unknown, 'thing is', 'things are')} unknown.",
            icon=":material/help:",
        )
    else:
        st.success("No alert is open, and all that is watched is known.", icon=":material/check_circle:")
    _undelivered(found)


def _undelivered(found: Overview) -> None:
    """Who was not told, and why: a silent channel looks like a day without alerts."""
    if found.dead_messages:
        dead = words.counted(len(found.dead_messages), "message", "messages")
        st.error(
            f"{dead} about alerts did not arrive and will not be tried again. Mend the channel under "
            "`alerts` in inferwatch.yaml, then run `inferwatch channels test`.",
            icon=":material/mail_off:",
        )
        show(message_table(found.dead_messages), key="dead-messages")
    if found.late_messages:
        late = words.counted(len(found.late_messages), "message", "messages")
        st.warning(
            f"{late} about alerts did not get through yet. They are tried again, for three days; "
            "`inferwatch check` says whether the server answers.",
            icon=":material/schedule_send:",
        )
        show(message_table(found.late_messages), key="late-messages")


def _account(accounting: Accounting) -> None:
    """Where every event is."""
    parts = {
        "counted": accounting.counted,
        "quarantined": accounting.quarantined,
        "dropped": accounting.dropped,
        "waiting": accounting.waiting,
    }
    written = " + ".join(f"{n:,} {name}" for name, n in parts.items())
    st.text(f"Every event: {accounting.answered:,} answered = {written}")
    if accounting.answered != sum(parts.values()):
        st.caption("The two sides differ while events are on their way, and agree when all have arrived.")


def _when(row: VersionRow) -> str:
    """Up to when it was judged."""
    if row.window is None:
        return "no traffic yet" if row.newest_at is None else "its first window is not over yet"
    return f"until {words.moment(row.window.end)} UTC{', a replay' if row.replay else ''}"


def _behind(found: Overview) -> list[Judgement]:
    return [judgement for row in found.rows for trend in row.trends for judgement in trend.behind]


if __name__ == "__main__":
    page()
