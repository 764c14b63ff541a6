"""How the dashboard is started: `python -m dashboard --host 127.0.0.1 --port 8501`, until SIGTERM.

Where the database is comes in the environment (`INFERWATCH_DATABASE_URL`), because it may hold a password and
command lines can be read by everybody on the machine. `INFERWATCH_KEYS_FILE` names the API keys that people
log in with, `INFERWATCH_GATEWAY_URL` the gateway that they act through. `inferwatch dashboard` and
`inferwatch up` start this.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager

from dashboard.colours import BLUE
from dashboard.login import Login
from storage.keys import KeyFile, KnownKeys, check_exposure

APP = Path(__file__).with_name("app.py")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Options = dict[str, str | int | bool | list[str]]


def serve(host: str, port: int, allowed_hosts: Sequence[str], keys: KeyFile) -> None:
    """Serve the pages behind the login until told to stop.

    Raises `ExposureError` where others could reach it and no key exists, and `KeyFileError`.
    """
    known = KnownKeys(keys)
    check_exposure("dashboard.host", host, has_keys=known.required)
    names = host_names(host, allowed_hosts)
    # Else Streamlit takes the folder `pages` for its older kind of app, and runs a first page without app.py.
    PagesManager.uses_pages_directory = False
    app = st.App(APP, middleware=[Middleware(Login, keys=known, hosts=names)])
    app.run(config=streamlit_options(host, port, names))


def host_names(host: str, allowed_hosts: Sequence[str] = ()) -> list[str]:
    """The names by which browsers may reach it."""
    return list(dict.fromkeys([*_LOOPBACK, host, *allowed_hosts]))


def streamlit_options(host: str, port: int, names: Sequence[str]) -> Options:
    """What Streamlit is told: nothing leaves the machine, and no page shows a stack trace."""
    return {
        "server.address": host,
        "server.port": port,
        "server.allowedHosts": list(names),
        "server.headless": True,
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "runner.magicEnabled": False,  # a text below a constant is for readers of the code
        "server.showEmailPrompt": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "logger.level": "warning",
        "logger.hideWelcomeMessage": True,  # it asks a server of others for our address, when host is 0.0.0.0
        "theme.light.primaryColor": BLUE,  # red is for what is wrong
        "theme.dark.primaryColor": BLUE,
    }
