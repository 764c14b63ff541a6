"""What every test shares: a quiet environment, and the way to the data that is not part of the project."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "XDG_RUNTIME_DIR" not in os.environ:  # the PostgreSQL wheel warns on import without it
    runtime = Path(tempfile.gettempdir()) / f"inferwatch-runtime-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)

pytest_plugins = ["tests.helpers.postgres"]

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets beside the checkout. Skips where there is none, but never in CI."""
    if SHARED.is_dir():
        return SHARED
    reason = "needs the public data sets in ../shared/data (their origins are listed in tests/README.md)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
