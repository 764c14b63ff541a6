"""One gateway for all tests that change nothing about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.serving import ECHO, ONE_COLUMN, Serving, serving


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Two models of the echo backend."""
    with serving(tmp_path_factory.mktemp("gateway"), [ECHO, ONE_COLUMN]) as running:
        yield running
