"""The way of every page to SQL: open, read one moment, close. What cannot be read is said in plain words."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import NoReturn, TypeVar

import streamlit as st

from dashboard.settings import database_settings
from storage.database import Database, open_reader
from storage.errors import DatabaseUnavailableError, StorageError

log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


def read(question: Callable[[Database], _Answer]) -> _Answer:
    """The answer to a page's question. Where there is none, the page says what to do, and ends there."""
    try:
        database = open_reader(database_settings(os.environ))
        try:
            with st.spinner("Reading the database …", show_time=False):
                return question(database)
        finally:
            database.close()
    except DatabaseUnavailableError as exc:
        log.warning("database unavailable", extra={"reason": str(exc)})
        st.info("There is no database to read yet, or it is away. It is made when the monitor starts:")
        st.code("inferwatch up", language=None)
        st.caption("Then reload this page. The reason is in the log of the dashboard.")
        _end()
    except StorageError as exc:
        log.error("database refused a question", extra={"reason": str(exc)})
        st.error(
            "The database could not answer. The log of the dashboard says why; this looks for the cause:"
        )
        st.code("inferwatch check", language=None)
        _end()


def _end() -> NoReturn:
    st.stop()
