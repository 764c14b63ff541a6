"""What a person sees who has to log in: one form, without Streamlit and without a script."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from urllib.parse import quote

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #57606c; --paper: #f5f6f8; --card: #fff;
  --line: #8a929d; --blue: #2f6ea8; --on-blue: #fff; --wrong: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --soft: #a7afba; --paper: #0e1117;
  --card: #171b23; --line: #737c89; --blue: #6fb0ea; --on-blue: #0e1117; --wrong: #ff9c93; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border-radius: .75rem;
  box-shadow: 0 1px 4px #0003; }
h1 { margin: 0 0 1.25rem; font-size: 1.35rem; line-height: 1.3; }
label { display: block; font-weight: 600; margin-bottom: .35rem; }
input, button { width: 100%; font: inherit; padding: .6rem .75rem; border-radius: .4rem; }
input { border: 1px solid var(--line); background: var(--paper); color: var(--ink); }
button { margin-top: 1rem; border: 0; background: var(--blue); color: var(--on-blue); font-weight: 600;
  cursor: pointer; }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
p { margin: 0 0 1rem; }
[role=alert] { color: var(--wrong); border-left: 4px solid var(--wrong); padding-left: .75rem; }
#help { margin: 1.25rem 0 0; color: var(--soft); font-size: .9rem; }
code { font-size: .95em; overflow-wrap: anywhere; }
"""

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",  # with `no-referrer` the form would come without an origin
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""They go with the page: nothing but its own style is loaded, nobody frames it, and nobody keeps it."""


def login_page(
    *, next_path: str, wrong: str | None = None, said: str | None = None, again: bool = False
) -> str:
    """The form, with what was wrong. `again`: the browser asks a second time, by itself and at once."""
    refresh = f"/login?again=1&next={quote(next_path, safe='')}"
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="refresh" content="0; url={escape(refresh)}">' if again else "",
        "<title>Log in - inferwatch</title>",
        '<link rel="icon" href="data:,">',
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        "<h1>inferwatch</h1>",
        f'<p role="status">{escape(said)}</p>' if said else "",
        f'<p role="alert" id="wrong">{escape(wrong)}</p>' if wrong else "",
        '<form method="post" action="/login">',
        f'<input type="hidden" name="next" value="{escape(next_path)}">',
        '<label for="key">API key</label>',
        '<input id="key" name="key" type="password" required autofocus autocomplete="current-password"',
        'spellcheck="false" maxlength="512"',
        'aria-invalid="true" aria-describedby="wrong help">' if wrong else 'aria-describedby="help">',
        '<button type="submit">Log in</button>',
        "</form>",
        '<p id="help">It needs the right to read. Whoever runs inferwatch makes one with '
        "<code>inferwatch keys create NAME --right read</code></p>",
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(line for line in lines if line)
