"""How the dashboard is started: `python -m dashboard --host 127.0.0.1 --port 8501`, until SIGTERM.

Where the database is comes in the environment (`INFERWATCH_DATABASE_URL`), because it may hold a password and
command lines can be read by everybody on the machine. `inferwatch dashboard` and `inferwatch up` start this.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dashboard.colours import BLUE

APP = Path(__file__).with_name("app.py")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def streamlit_arguments(host: str, port: int, allowed_hosts: Sequence[str] = ()) -> list[str]:
    """What `streamlit` is told: nothing leaves the machine, and no page shows a stack trace."""
    names = list(dict.fromkeys([*_LOOPBACK, host, *allowed_hosts]))
    options = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": "true",
        "server.enableCORS": "true",
        "server.enableXsrfProtection": "true",
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "client.toolbarMode": "minimal",
        "logger.level": "warning",
        "theme.light.primaryColor": BLUE,  # red is for what is wrong
        "theme.dark.primaryColor": BLUE,
    }
    named = [f"--server.allowedHosts={name}" for name in names]
    return ["run", str(APP), *(f"--{name}={value}" for name, value in options.items()), *named]
