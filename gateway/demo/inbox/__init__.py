"""The inbox of the demo: a page that lists the mails that were caught, and shows one in a sandbox.

Nothing of a mail is run, and nothing remote is loaded: the HTML of a mail is a page of its own, sandboxed by
its frame and by its own headers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.demo.mails import Mails

_HERE = Path(__file__).parent
_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
"""A person may follow a link of a mail, into a tab of its own."""
_OF_PAGE = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_OF_MAIL = {
    **_OF_PAGE,
    "content-security-policy": f"sandbox {_SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
}
_WAYS = ("html", "text", "headers")


@dataclass(frozen=True, slots=True)
class _Pages:
    mails: Mails
    templates: jinja2.Environment

    def inbox(self, request: Request) -> Response:
        lines = self.mails.lines()
        chosen = request.query_params.get("mail") or (lines[0].id if lines else "")
        letter = self.mails.letter(chosen)
        shown = request.query_params.get("show", "html")
        if letter is None or shown not in _WAYS or (shown == "html" and not letter.has_html):
            shown = "text"
        return self._page("page.html", lines=lines, chosen=chosen, letter=letter, shown=shown)

    def listed(self, request: Request) -> Response:
        return self._page("list.html", lines=self.mails.lines(), chosen=request.query_params.get("mail", ""))

    def body(self, request: Request) -> Response:
        html = self.mails.html(request.path_params["mail"])
        if html is None:
            return _no_mail()
        return HTMLResponse(f'<base target="_blank">{html}'.encode("utf-8", "replace"), headers=_OF_MAIL)

    def download(self, request: Request) -> Response:
        id_ = request.path_params["mail"]
        source = self.mails.source(id_)
        if source is None:
            return _no_mail()
        headers = {**_OF_MAIL, "content-disposition": f'attachment; filename="{id_}.eml"'}
        return Response(source, media_type="message/rfc822", headers=headers)

    def _page(self, name: str, **values: Any) -> Response:
        text = self.templates.get_template(name).render(values, ways=_WAYS, sandbox=_SANDBOX)
        return HTMLResponse(text, headers=_OF_PAGE)


def inbox_app(mails: Mails) -> Starlette:
    """The page and what it needs."""
    loader = jinja2.FileSystemLoader(_HERE)
    pages = _Pages(
        mails, jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    )
    return Starlette(
        routes=[
            Route("/", pages.inbox),
            Route("/list", pages.listed),
            Route("/mails/{mail}/body", pages.body),
            Route("/mails/{mail}.eml", pages.download),
            _asset("inbox.css", "text/css"),
            _asset("inbox.js", "text/javascript"),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def _asset(name: str, media_type: str) -> Route:
    data = (_HERE / name).read_bytes()

    def answer(request: Request) -> Response:
        return Response(data, media_type=media_type, headers=_OF_PAGE)

    return Route(f"/{name}", answer)


def _no_mail() -> Response:
    return PlainTextResponse("there is no such mail", 404, headers=_OF_MAIL)
