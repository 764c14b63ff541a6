"""`/api/reports`: asking for reports of windows, and getting them."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from gateway.api import Text, answers_with, body_of, json_answer
from gateway.body import decode
from gateway.documents import ERROR, RESPONSES, Document
from gateway.front import KEY
from gateway.reports import ReportAnswer, ReportBody, ReportDesk, ReportsAnswer

Id = Annotated[str, Path(max_length=256)]

HEADERS = {
    "content-security-policy": "sandbox allow-scripts",  # the page has no origin, so no cookie and no API
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-store",
}

_REPORT = msgspec.json.Decoder(ReportBody)
_HTML: dict[int | str, dict[str, Any]] = {
    **RESPONSES,
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "the report"},
}


def report_routes(desk: ReportDesk) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["reports"])

    async def ask(request: Request) -> Response:
        """Ask for an Evidently report of a window against the reference. It is made in the background."""
        body = decode(await request.body(), _REPORT)
        return json_answer(await run_in_threadpool(desk.ask, body, request.scope.get(KEY)))

    def reports(model: Text = None) -> Response:
        """The reports that are kept, the newest first."""
        return json_answer(desk.all(model=model))

    def report(id: Id) -> Response:
        """How far one is, and why it failed if it did."""
        return json_answer(desk.find(id))

    def html(id: Id) -> Response:
        """The report itself, to be opened apart: its scripts run without an origin."""
        headers = {**HEADERS, "content-disposition": f'attachment; filename="{_file_name(id)}"'}
        return Response(desk.html(id), media_type="text/html", headers=headers)

    away: dict[int | str, Document] = {400: ERROR, 503: ERROR}
    found = {**away, 404: ERROR}
    router.post(
        "/api/reports",
        responses={**answers_with(ReportAnswer), **found, 409: ERROR, 413: ERROR, 415: ERROR},
        openapi_extra={"requestBody": body_of(ReportBody)},
    )(ask)
    router.get("/api/reports", responses={**answers_with(ReportsAnswer), **away})(reports)
    router.get("/api/reports/{id}", responses={**answers_with(ReportAnswer), **found})(report)
    router.get("/api/reports/{id}/html", responses={**_HTML, **found}, response_class=Response)(html)
    return router


def _file_name(id: str) -> str:
    """Of letters, digits and dashes alone: it stands in a header."""
    return f"report-{re.sub(r'[^A-Za-z0-9-]', '', id[:80])}.html"
