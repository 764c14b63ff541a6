"""`python -m dashboard`: runs the pages in this process. `launch.py` says what it needs."""

from __future__ import annotations

import argparse

from streamlit.web import cli

from dashboard.launch import streamlit_arguments


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
    cli.main(
        streamlit_arguments(arguments.host, arguments.port, arguments.allowed_host), prog_name="streamlit"
    )


if __name__ == "__main__":
    main()
