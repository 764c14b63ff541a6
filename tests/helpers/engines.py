"""A running engine for tests and benchmarks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inference.engine import Engine
from inference.repository import Repository
from inference.settings import EngineSettings
from tests.helpers.models import CODE

AT = datetime(2026, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def serving(root: Path, *folders: Path, **settings: Any) -> AsyncIterator[Engine]:
    """An engine with the folders added to a repository under `root`, all of them loaded or failed."""
    repository = Repository(root / "models")
    for folder in folders:
        repository.add(folder, [CODE])
    chosen = EngineSettings.model_validate(
        {"repository": repository.root, "code": [CODE], "device": "cpu", "drain_s": 2.0, **settings}
    )
    engine = Engine(repository, chosen, clock=lambda: AT)
    await engine.start()
    try:
        await engine.settled()
        yield engine
    finally:
        await engine.close()
