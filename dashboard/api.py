"""The way of a page to the gateway: what a person does (silence, acknowledge, label) goes down the one road.

Pages read SQL; here they act, with the key of the person who is logged in. What the gateway alone knows of
this moment (which models are loaded) is asked here too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import httpx
import streamlit as st

from dashboard.errors import GatewayAwayError, GatewayRefusedError
from dashboard.settings import gateway_url
from dashboard.visitor import COOKIE

_PATIENCE_S = 10.0


def ask(
    method: str,
    path: str,
    *,
    body: object = None,
    query: Mapping[str, str | int | bool] | None = None,
) -> Any:
    """The gateway's answer, decoded from JSON.

    Raises `GatewayAwayError`, and `GatewayRefusedError` with the gateway's own words.
    """
    url = gateway_url(os.environ)
    key = st.context.cookies.get(COOKIE)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx.request(
            method, url + path, json=body, params=query, headers=headers, timeout=_PATIENCE_S, trust_env=False
        )
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise GatewayAwayError(
            f"The gateway at {url} does not answer. Nothing was changed; try again when it runs."
        ) from exc
    if not answer.is_success:
        raise GatewayRefusedError(_words(answer), status=answer.status_code)
    return answer.json()


def _words(answer: httpx.Response) -> str:
    try:
        said = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = answer.text[:200]
    return f"The gateway refused ({answer.status_code}): {said}"
