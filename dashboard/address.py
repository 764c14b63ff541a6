"""What was picked stays in the address of a page: a reload keeps it, a link shares it, pages hand it on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard.subjects import OWN, Choice

SHARED = ("model", "version", "arm", "slice", "range", "from", "to")
"""What one page hands to the next."""

_OF_ONE_PAGE = ("column", "columns", "grouping", "metric", "gap", "window")

_RESTS_ON_IT: Mapping[str, tuple[str, ...]] = {
    "model": ("version", "arm", "slice", "from", "to", *_OF_ONE_PAGE),
    "version": ("arm", "slice", "from", "to", "window"),
    "arm": ("slice", "window"),
    "slice": ("window",),
    "range": ("from", "to", "window"),
}
"""What is asked anew when this is picked."""

_KEPT = "address-kept"


def current() -> dict[str, str]:
    """What the address says now."""
    return st.query_params.to_dict()


def carry() -> None:
    """Hand on what was picked on the page before, and keep what is picked on this one for the next."""
    kept: dict[str, str] = st.session_state.get(_KEPT, {})
    if kept and not any(name in st.query_params for name in SHARED):
        st.query_params.update(kept)
    st.session_state[_KEPT] = {name: st.query_params[name] for name in SHARED if name in st.query_params}


def go(**picked: str) -> None:
    """Write what was picked into the address."""
    for name in picked:
        for other in _RESTS_ON_IT.get(name, ()):
            st.query_params.pop(other, None)
    st.query_params.update(picked)


def pick(label: str, name: str, choice: Choice, titles: Mapping[str, str] | None = None) -> None:
    """A list to pick from. The address decides what it shows, and a pick changes the address."""
    key = f"pick-{name}"
    st.session_state[key] = choice.chosen
    st.selectbox(
        label,
        list(choice.options),
        key=key,
        format_func=lambda name: (titles or {}).get(name, name),
        on_change=lambda: go(**{name: st.session_state[key]}),
        disabled=len(choice.options) < 2,
    )


def pick_span(label: str, stamps: Sequence[str], first: str, last: str) -> None:
    """From when to when, by the windows that there are."""
    key = f"pick-span-{first}-{last}"  # a slider of its own for each address: it begins where that says

    def picked() -> None:
        start, end = st.session_state[key]
        go(range=OWN)
        go(**{"from": start, "to": end})

    st.select_slider(
        label,
        stamps,
        value=(first, last),
        key=key,
        format_func=lambda text: text.replace("T", " ").removesuffix(":00Z").removesuffix(" 00:00"),
        on_change=picked,
    )
