"""What fires, what people do about it, who was told of it and why, and what fired before."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import streamlit as st

from dashboard import address, pickers, words
from dashboard.advice import ADVICE, site_about
from dashboard.api import ask
from dashboard.charts.episodes import timeline
from dashboard.errors import DashboardError
from dashboard.reader import read
from dashboard.tables import alert_table, episode_table, show, told_table
from dashboard.views.alerts import AlertsView, alerts, matchers_of, titles
from dashboard.views.care import silence_table
from storage.clock import utc_now
from storage.records import Alert, AlertStatus
from storage.silences import Silence

_LASTS: Mapping[str, str] = {
    "1h": "1 hour",
    "4h": "4 hours",
    "1d": "1 day",
    "7d": "7 days",
    "30d": "30 days",
}
_TRIES = 25
_PAUSE_S = 0.2
_DONE = "alerts-done"


def page() -> None:
    """The whole page."""
    st.header("Alerts", anchor=False)
    view = _view()
    if len(view.model.options) < 2:
        pickers.no_model()
        return
    _said()
    address.pick("Model", "model", view.model)
    if view.model.unknown:
        st.warning("The address of this page names a model that is not there; here are all.")
    _verdict(view)
    if view.open:
        show(alert_table(view.open, view.care), key="alerts")
    if view.picked is not None:
        _alert(view, view.picked)
    _silences(view)
    _history(view)


def _view() -> AlertsView:
    return read(lambda database: alerts(database, address.current(), utc_now()))


def _verdict(view: AlertsView) -> None:
    firing, pending = view.count(AlertStatus.FIRING), view.count(AlertStatus.PENDING)
    if firing:
        cared = view.cared_for
        tail = f"; {words.counted(cared, 'is', 'are')} acknowledged or silenced" if cared else ""
        st.error(f"{words.counted(firing, 'alert is', 'alerts are')} firing{tail}.", icon=":material/error:")
    elif pending:
        st.warning(f"{words.counted(pending, 'alert is', 'alerts are')} pending.", icon=":material/schedule:")
    else:
        st.success("No alert is open.", icon=":material/check_circle:")


def _alert(view: AlertsView, alert: Alert) -> None:
    """One alert: what it says, what to do, and the two things that can be done here."""
    st.subheader("One of them", anchor=False)
    if view.alert.unknown:
        st.warning("The alert that the address names is not open any more, or not about this model.")
    address.pick("Alert", "alert", view.alert, titles(view.open))
    st.text(alert.summary)
    st.text(f"{alert.status.value} since {words.moment(alert.starts_at)} UTC")
    if (advice := ADVICE.get(alert.monitor)) is not None:
        st.caption(advice)
    if (site := site_about(alert.monitor)) is not None:
        st.page_link(
            site.script, label=f"Look at it: {site.title}", icon=":material/open_in_new:",
            query_params=_place(alert),
        )  # fmt: skip
    left, right = st.columns(2, gap="large")
    with left:
        _acknowledge(view, alert)
    with right:
        _silence(alert)
    st.subheader("Who was told, and why", anchor=False)
    if view.told:
        show(told_table(view.told), key="told")
    else:
        st.caption(
            "No message about this model is kept. The first news waits for more of its kind "
            "(`alerts.group_wait`); without a channel under `alerts` in inferwatch.yaml nobody is told."
        )


def _place(alert: Alert) -> dict[str, str]:
    scope = alert.scope
    column = {} if alert.column is None else {"column": alert.column}
    return {
        "model": scope.model, "version": scope.version, "arm": scope.arm.value, "slice": scope.slice, **column
    }  # fmt: skip


def _acknowledge(view: AlertsView, alert: Alert) -> None:
    st.markdown("**Acknowledge**")
    seen = view.acknowledged.get((alert.fingerprint, alert.starts_at))
    if seen is not None:
        st.text(f"by {seen.author} at {words.moment(seen.made_at)} UTC {seen.comment}")
    else:
        st.caption(
            "Says that you look after it. Its repeats are held back; what is new or over is still told."
        )
    with st.form("acknowledge", border=False):
        comment = st.text_input("Comment", key="acknowledge-comment", max_chars=1000)
        if st.form_submit_button("Acknowledge"):
            _act(
                lambda: ask(
                    "POST", f"/api/alerts/{alert.fingerprint}/acknowledge", body={"comment": comment}
                ),
                lambda now: _acknowledged_after(now, alert, view),
                "Acknowledged.",
            )


def _acknowledged_after(now: AlertsView, alert: Alert, before: AlertsView) -> bool:
    place = (alert.fingerprint, alert.starts_at)
    return now.acknowledged.get(place) != before.acknowledged.get(place)


def _silence(alert: Alert) -> None:
    st.markdown("**Silence**")
    st.caption("Nobody is told of what it hits until it ends. One condition a line; all must hold.")
    with st.form("silence", border=False):
        matchers = st.text_area(
            "Matchers", "\n".join(matchers_of(alert)), key=f"matchers-{alert.fingerprint}", height=210
        )
        lasts = st.selectbox("For", list(_LASTS), index=1, format_func=lambda name: _LASTS[name], key="lasts")
        comment = st.text_input("Comment", key="silence-comment", max_chars=1000)
        if st.form_submit_button("Silence"):
            body = {
                "matchers": [line.strip() for line in matchers.splitlines() if line.strip()],
                "duration": lasts,
                "comment": comment,
            }
            made: list[str] = []
            _act(
                lambda: made.append(ask("POST", "/api/silences", body=body)["id"]),
                lambda now: any(each.id in made for each in now.silences),
                "Silenced.",
            )


def _silences(view: AlertsView) -> None:
    st.subheader("Silences", anchor=False)
    if not view.silences:
        st.caption("None is in force or to come.")
        return
    show(silence_table(view.silences, utc_now()), key="silences")
    by_id = {each.id: each for each in view.silences}
    with st.form("unsilence", border=False):
        picked = st.selectbox(
            "Silence", list(by_id), format_func=lambda id_: _silence_title(by_id[id_]), key="picked-silence"
        )
        if st.form_submit_button("End it now"):
            _act(
                lambda: ask("DELETE", f"/api/silences/{picked}"),
                lambda now: all(each.id != picked for each in now.silences),
                "The silence is over.",
            )


def _silence_title(silence: Silence) -> str:
    matchers = ", ".join(f'{one.label}{one.operator}"{one.value}"' for one in silence.matchers)
    return f"{matchers} (by {silence.author}, until {words.moment(silence.ends_at)} UTC)"


def _history(view: AlertsView) -> None:
    st.subheader("History", anchor=False)
    if not view.episodes:
        st.caption("No alert was ever raised.")
        return
    episodes = [each.alert for each in view.episodes]
    names = titles(episodes)
    st.altair_chart(
        timeline(episodes, [names[each.fingerprint] for each in episodes]),
        width="stretch",
        alt="When each alert was open; the table below holds the times",
    )
    with st.expander(f"The newest {words.counted(len(episodes), 'episode', 'episodes')}"):
        show(episode_table(view.episodes), key="episodes")
    with st.expander("Every message that was made lately, and why"):
        show(told_table(view.messages), key="messages")


def _act(do: Callable[[], object], done: Callable[[AlertsView], bool], said: str) -> None:
    """Do it, and wait until it is in force: it goes down the road of events, which takes a moment."""
    try:
        with st.spinner("On its way …", show_time=False):
            do()
            for _ in range(_TRIES):
                if done(_view()):
                    break
                time.sleep(_PAUSE_S)
            else:
                said = "Taken; it is in force as soon as the monitor process has read it."
    except DashboardError as exc:
        st.text(str(exc))
        st.error("Nothing was changed.", icon=":material/error:")
        return
    st.session_state[_DONE] = said
    st.rerun()


def _said() -> None:
    """What was done in the run before."""
    said = st.session_state.pop(_DONE, None)
    if said is not None:
        st.toast(said, icon=":material/check:")


if __name__ == "__main__":
    page()
