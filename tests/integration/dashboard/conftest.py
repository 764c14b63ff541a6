"""One seeded database for all tests of pages."""

from __future__ import annotations

import pytest

from tests.helpers.harms import Harms, harms
from tests.helpers.labelled import Labelled, labelled_shop
from tests.helpers.seeded import Seeded, seeded_database


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """Ten days of a shop; `age` drifts on the seventh."""
    return seeded_database(tmp_path_factory.mktemp("seeded"))


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """Three days of a shop with slices and labels; on the last the answers are mostly wrong."""
    return labelled_shop(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="session")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Harms:
    """Half an hour of a bank that is unfair, and of a writer that turns rude."""
    return harms(tmp_path_factory.mktemp("harmed"))
