"""`python -m dashboard`: runs the pages in this process. `launch.py` says what it needs."""

from __future__ import annotations

import argparse
import os

from dashboard.launch import serve
from dashboard.settings import keys_file
from storage.errors import StorageError
from storage.keys import KeyFile


def main() -> None:
    """Read the command line and serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        help="a further name by which browsers reach it; may be repeated",
    )
    arguments = parser.parse_args()
    try:
        serve(arguments.host, arguments.port, arguments.allowed_host, KeyFile(keys_file(os.environ)))
    except KeyboardInterrupt:
        parser.exit(130)
    except StorageError as exc:
        parser.exit(1, f"inferwatch: {exc}\n")


if __name__ == "__main__":
    main()
