"""The HTML of a report, in which no value can do anything.

Evidently writes values of columns into a script as they are, so that one such as `</script><script>...` would
run. Here its three parts (data, library, the call that draws) are taken out of what it made and put together
anew: in the data every `<`, `>` and `&` is escaped, and a policy in the head lets exactly these scripts run,
by their hashes, and loads nothing from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import dataclass

from monitors.errors import ReportError

_DATA = re.compile(
    r"^ *<script>\n *var (metric_[0-9a-f]{32}) = (\{.*\});\n"
    r" *var additional_graphs_\1 = (\{.*\});\n</script>$",
    re.MULTILINE,
)
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
_LIBRARY = "<script>var global = globalThis</script>\n    <script>"
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
_LOOKS = """
body { margin: 0; padding: 0 12px; font-family: sans-serif; }
.about { margin: 16px 4px; line-height: 1.4; overflow-wrap: anywhere; }
div[id^=root_] { min-width: 1060px; }
@media (max-width: 1100px) { div[id^=root_] { zoom: .72; } }
.about h1 { font-size: 1.3rem; margin: 0 0 4px; }
.about p { margin: 0; font-size: .9rem; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What stands above the report."""

    title: str
    lines: tuple[str, ...]


def document(made: str, about: About) -> str:
    """The whole page, from what Evidently made."""
    data = _DATA.search(made)
    style = _STYLE.search(made)
    if data is None or style is None or style.end() > data.start():
        raise ReportError(
            "the page that Evidently makes is not as it was in 0.7.23; install that version of it"
        )
    name = data[1]
    scripts = (
        f"var global = globalThis; var inferwatch_data = {data[2].translate(_ESCAPES)}; "
        f"var inferwatch_graphs = {data[3].translate(_ESCAPES)};",
        _library(made, data.end(), name),
        f'window.drawDashboard(inferwatch_data, new Map(Object.entries(inferwatch_graphs)), "root_{name}");',
    )
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in about.lines)
    first, library, last = (f"<script>{script}</script>" for script in scripts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(about.title)}</title>\n{style[0]}\n<style>{_LOOKS}</style>\n</head>\n<body>\n"
        f'<div class="about"><h1>{html.escape(about.title)}</h1>{lines}</div>\n'
        f'<div id="root_{name}"></div>\n{first}\n{library}\n{last}\n</body>\n</html>\n'
    )


def _library(made: str, after: int, name: str) -> str:
    """Evidently's own code, which stands between the data and the call that draws."""
    start = made.find(_LIBRARY, after)
    end = made.rfind("</script>", 0, made.rfind(f"window.drawDashboard({name}"))
    if not after < start < end:
        raise ReportError(
            "the page that Evidently makes is not as it was in 0.7.23; install that version of it"
        )
    return made[start + len(_LIBRARY) : end]


def _policy(scripts: tuple[str, ...]) -> str:
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "font-src data:; base-uri 'none'; form-action 'none'"
    )
