"""Reading a version from disk onto the device: hashes, memory budget, weights, self-test.

Runs on the loader thread.
"""

from __future__ import annotations

from inference.backend import Model, Source, backend
from inference.device import Device
from inference.errors import MemoryBudgetError
from inference.manifest import Manifest
from inference.repository import Repository
from inference.settings import EngineSettings
from inference.warming import self_test

_BUDGET_SHARE = 0.8


class Loading:
    """Loads versions of one repository onto one device."""

    def __init__(self, repository: Repository, settings: EngineSettings, device: Device) -> None:
        self._repository = repository
        self._settings = settings
        self._device = device
        self._budget_bytes = settings.memory_bytes or int(device.memory().free_bytes * _BUDGET_SHARE)

    def read(self, manifest: Manifest, held_bytes: int) -> Model:
        """The loaded model, tested, not yet warm. Raises `RepositoryError` and leaves nothing behind."""
        folder = self._repository.folder(manifest.name, manifest.version)
        self._repository.verify(manifest)
        wanted_bytes = sum((folder / name).stat().st_size for name in manifest.files)
        if held_bytes + wanted_bytes > self._budget_bytes:
            raise MemoryBudgetError(
                f"it needs about {wanted_bytes} bytes, and {held_bytes} of {self._budget_bytes} are taken; "
                "unload another model or raise engine.memory_bytes"
            )
        source = Source(
            manifest=manifest,
            folder=folder,
            device=self._device,
            code=self._settings.code,
            threads=self._settings.threads,
        )
        model = backend(manifest.backend, source.code).load(source)
        self_test(model, source)
        return model
