"""Names and versions of the repository, without a disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inference.errors import UnknownModelError
from inference.repository import Repository, natural


def test_versions_sort_as_people_count() -> None:
    versions = ["10", "9", "1.10", "1.9", "v2", "v11"]

    assert sorted(versions, key=natural) == ["v2", "v11", "1.9", "1.10", "9", "10"]


@pytest.mark.parametrize("name", ["..", "../up", "a/b", "", ".hidden", "a" * 65, "a\x00b"])
def test_a_name_cannot_lead_out_of_the_repository(name: str) -> None:
    with pytest.raises(UnknownModelError):
        Repository(Path("models")).folder(name, "1")


def test_reading_the_repository_imports_no_torch() -> None:
    code = "import inference.repository, inference.engine, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
