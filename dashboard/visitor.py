"""Who looks at the pages: the owner of a key, or anybody where no key is needed."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from dashboard.settings import keys_file
from storage.errors import KeyFileError
from storage.keys import ApiKey, KeyFile, KnownKeys, Right

COOKIE = "inferwatch_key"
"""The cookie that holds the key of the person who is logged in; there is none where no key is needed."""

LOGIN = "/login"
LOGOUT = "/logout"


def show_visitor() -> None:
    """At the end of the side bar: whose key is used here, and the way out. Nothing where no key is needed."""
    name = _key_name()
    if name is None:
        return
    with st.sidebar.container(key="visitor", gap="xxsmall"):
        st.caption("Logged in with the key")
        st.text(name)
        st.html(f'<a href="{LOGOUT}" target="_self" style="color: inherit">Log out</a>')


def _key_name() -> str | None:
    text = st.context.cookies.get(COOKIE)
    if not text:
        return None
    try:
        found = _keys(keys_file(os.environ)).judge(text, Right.READ)
    except KeyFileError:  # the server keeps to the keys of before, and its log says so
        return None
    return found.name if isinstance(found, ApiKey) else None


@st.cache_resource(show_spinner=False)
def _keys(path: Path) -> KnownKeys:
    return KnownKeys(KeyFile(path))
