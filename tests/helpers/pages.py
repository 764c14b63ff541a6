"""A page of the dashboard as Streamlit runs it, without a browser."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from dashboard.launch import APP


def page_at(path: str, **address: str) -> AppTest:
    """The page, with this in its address."""
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page(f"pages/{path}.py")
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def texts(app: AppTest) -> str:
    """All that it says in words."""
    kinds = ("text", "info", "warning", "error", "success", "caption", "code", "subheader")
    return "\n".join(str(getattr(element, "value", "")) for kind in kinds for element in app.get(kind))


def rows_with(app: AppTest, *columns: str) -> list[dict[str, Any]]:
    """The rows of every table that has all of these columns, in their order on the page."""
    frames = [frame.value for frame in app.dataframe if set(columns) <= set(frame.value)]
    return [
        {str(name): value for name, value in row.items()}
        for frame in frames
        for row in frame.to_dict("records")
    ]


def measurements_on(app: AppTest) -> list[dict[str, Any]]:
    """Every measurement that it shows in full."""
    return rows_with(app, "metric", "start", "value")
