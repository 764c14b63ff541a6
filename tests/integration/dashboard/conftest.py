"""One seeded database for all tests of pages."""

from __future__ import annotations

import pytest

from tests.helpers.seeded import Seeded, seeded_database


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """Ten days of a shop; `age` drifts on the seventh."""
    return seeded_database(tmp_path_factory.mktemp("seeded"))
