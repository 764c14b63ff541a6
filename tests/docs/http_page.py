"""Every HTTP route, from the document that the gateway answers at `/openapi.json`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.build import gateway
from gateway.settings_file import parse_settings
from tests.docs.tables import code, table

_HEAD = """\
# HTTP

`/openapi.json` holds the same with every field, and `/docs` draws it. A key goes into the header
`Authorization: Bearer KEY`; the right that it needs stands beside each route. Without keys, all are open to
this machine alone.
"""
_RIGHT = re.compile(r"\s*A key needs the right `(\w+)`\.")


def http_page() -> str:
    """The page."""
    rows = [
        _row(method.upper(), path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]
    return f"{_HEAD}\n{table(('route', 'right', 'what it does', 'query'), rows)}"


def document() -> dict[str, Any]:
    """The OpenAPI document of a gateway."""
    with tempfile.TemporaryDirectory() as folder:
        made = gateway(parse_settings("{}", Path(folder) / "inferwatch.yaml", {}))
        try:
            found: dict[str, Any] = made.app.openapi()
            return found
        finally:
            made.journal.close()


def _row(method: str, path: str, operation: Mapping[str, Any]) -> tuple[str, str, str, str]:
    said = str(operation.get("description") or operation.get("summary") or "")
    right = _RIGHT.search(said)
    free = "security" not in operation
    query = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    return (
        code(f"{method} {path}"),
        code(right[1]) if right else "no key" if free else "any key",
        _RIGHT.sub("", said).split("\n\n")[0],
        ", ".join(map(code, query)),
    )
