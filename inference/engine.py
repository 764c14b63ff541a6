"""The engine: which versions are loaded, which one answers, and how one replaces another.

Requests meet `find` and `Served.infer` alone. Everything else happens beside them: the repository is looked at every few
seconds, a new version is loaded in the background and warmed, then takes over in one assignment while the old one drains.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from inference.backend import Model, Source, backend
from inference.device import Device
from inference.errors import (
    EngineError,
    InferenceError,
    LoadError,
    MemoryBudgetError,
    ModelNotReadyError,
    RepositoryError,
    UnknownModelError,
)
from inference.lifecycle import ModelState, State
from inference.manifest import Manifest
from inference.queues import ModelQueue
from inference.repository import Repository, natural
from inference.runners import DeviceThread, Inline, Runner
from inference.served import Served
from inference.settings import EngineSettings
from inference.warming import warm

log = logging.getLogger(__name__)

__all__ = ["Engine", "ModelState", "Served", "State"]

_T = TypeVar("_T")
_DRAIN_POLL_S = 0.02
_STOP_S = 5.0
_BUDGET_SHARE = 0.8


@dataclass(slots=True, kw_only=True)
class _Version:
    """What the engine knows of one version."""

    name: str
    version: str
    manifest: Manifest | None = None
    state: State = State.PENDING
    reason: str | None = None
    served: Served | None = None
    loaded_at: datetime | None = None
    asked_for: bool = False  # somebody loaded it by name: a newer version does not replace it
    loading: asyncio.Task[None] | None = None


class Engine:
    """Loads model versions of a repository and answers with them. One to an event loop."""

    def __init__(
        self, repository: Repository, settings: EngineSettings, *, clock: Callable[[], datetime]
    ) -> None:
        self._repository = repository
        self._settings = settings
        self._clock = clock
        self._now = time.perf_counter
        self._versions: dict[tuple[str, str], _Version] = {}
        self._serving: dict[tuple[str, str | None], Served] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._device: Device | None = None
        self._thread: DeviceThread | None = None
        self._budget_bytes = 0
        self._closed = False

    async def start(self) -> None:
        """Begin to load the newest version of every model. Returns at once; `models` tells how far they are."""
        self._device = await self._in_loader(lambda: Device.of(self._settings.device))
        self._thread = DeviceThread(self._device.kind, depth=self._device.depth)
        self._budget_bytes = self._settings.memory_bytes or int(
            self._device.memory().free_bytes * _BUDGET_SHARE
        )
        await self.refresh()
        self._begin(self._poll())

    async def close(self) -> None:
        """Drain for `drain_s`, then fail whoever still waits, and end the threads."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        ready = [version for version in self._versions.values() if version.served is not None]
        await asyncio.gather(*(self._drain(version, "the engine stopped") for version in ready))
        self._loader.shutdown(wait=False, cancel_futures=True)
        if self._thread is not None and not await asyncio.to_thread(self._thread.stop, _STOP_S):
            log.error("a batch did not return; its thread was left behind")

    def find(self, name: str, version: str | None = None) -> Served:
        """The version that answers. Without one: the newest that is ready."""
        served = self._serving.get((name, version))
        if served is None:
            raise self._absent(name, version)
        return served

    def models(self) -> list[ModelState]:
        """Every version known, by name, newest last."""
        order = sorted(self._versions.values(), key=lambda one: (one.name, natural(one.version)))
        return [self._state(one) for one in order]

    async def settled(self) -> None:
        """Wait until nothing is being loaded any more, whether it went well or not."""
        while loading := [one.loading for one in self._versions.values() if one.loading is not None]:
            await asyncio.wait(loading)

    async def refresh(self) -> None:
        """Look at the repository now, and begin to load what is new and newest."""
        for name, version in await asyncio.to_thread(self._repository.places):
            if (name, version) not in self._versions:
                self._versions[name, version] = await asyncio.to_thread(self._known, name, version)
        newest = {
            one.name: one for one in sorted(self._versions.values(), key=lambda one: natural(one.version))
        }
        for one in self._versions.values():
            if one is newest[one.name] and one.state is State.PENDING:
                self._begin_load(one)
            elif one.state is State.PENDING and one.loading is None:
                one.state, one.reason = State.UNLOADED, f"version {newest[one.name].version} is newer"

    async def load(self, name: str, version: str) -> Served:
        """Load a version beside the others and wait for it. Raises what kept it from loading."""
        if (name, version) not in self._versions:
            await self.refresh()
        one = self._versions.get((name, version))
        if one is None:
            raise self._absent(name, version)
        one.asked_for = True
        if one.served is None and one.loading is None:
            self._begin_load(one)
        if one.loading is not None:
            await asyncio.wait([one.loading])
        return self.find(name, version)

    async def unload(self, name: str, version: str) -> None:
        """Drain a version and give its memory back."""
        self.find(name, version)
        await self._drain(self._versions[name, version], "it was unloaded")

    def _absent(self, name: str, version: str | None) -> InferenceError:
        known = [one for one in self._versions.values() if one.name == name]
        if not known:
            names = sorted({one.name for one in self._versions.values()})
            return UnknownModelError(
                f"model '{name[:80]}' does not exist; there are {', '.join(names) or 'none'}"
            )
        one = self._versions.get((name, version)) if version is not None else known[-1]
        if one is None:
            listed = ", ".join(one.version for one in known)
            return UnknownModelError(
                f"model '{name}' has no version '{str(version)[:80]}'; there are {listed}"
            )
        why = f": {one.reason}" if one.reason else ""
        return ModelNotReadyError(f"model '{name}' version {one.version} is {one.state}{why}")

    def _known(self, name: str, version: str) -> _Version:
        try:
            return _Version(name=name, version=version, manifest=self._repository.manifest(name, version))
        except InferenceError as exc:
            return _Version(name=name, version=version, state=State.FAILED, reason=str(exc))

    def _begin_load(self, one: _Version) -> None:
        one.state, one.reason = State.LOADING, None
        one.loading = self._begin(self._load(one))

    async def _load(self, one: _Version) -> None:
        """Load, warm, swap. A failure is written on the version, and leaves what serves as it was."""
        try:
            model = await self._in_loader(lambda: self._read(one))
            one.state = State.WARMING
            seconds = await self._in_loader(lambda: warm(model))
            self._take_over(one, model, seconds)
        except InferenceError as exc:
            one.state, one.reason = State.FAILED, str(exc)
            log.error(
                "model failed to load", extra={"model": one.name, "version": one.version, "reason": str(exc)}
            )
        except Exception as exc:  # noqa: BLE001  a backend's fault must not end the engine; `models` shows it
            one.state, one.reason = State.FAILED, f"{type(exc).__name__}: {exc}"
            log.exception("model failed to load", extra={"model": one.name, "version": one.version})
        finally:
            one.loading = None

    def _read(self, one: _Version) -> Model:
        """On the loader thread: hashes, budget, weights."""
        manifest = self._repository.manifest(one.name, one.version)
        one.manifest = manifest
        self._repository.verify(manifest)
        folder = self._repository.folder(one.name, one.version)
        self._refuse_beyond_budget(sum((folder / name).stat().st_size for name in manifest.files))
        if self._device is None:
            raise LoadError("the engine was not started; await start() first")
        return backend(manifest.backend).load(
            Source(
                manifest=manifest,
                folder=folder,
                device=self._device,
                code=self._settings.code,
                threads=self._settings.threads,
            )
        )

    def _refuse_beyond_budget(self, wanted_bytes: int) -> None:
        held = sum(one.served.model.memory_bytes for one in self._versions.values() if one.served is not None)
        if held + wanted_bytes > self._budget_bytes:
            raise MemoryBudgetError(
                f"it needs about {wanted_bytes} bytes, and {held} of {self._budget_bytes} are taken; "
                "unload another model or raise engine.memory_bytes"
            )

    def _take_over(self, one: _Version, model: Model, seconds: float) -> None:
        if self._closed or self._thread is None or self._device is None or one.manifest is None:
            model.close()
            raise LoadError("the engine stopped")
        limits = one.manifest.limits
        inline = self._device.is_cpu and not model.prepares and seconds * 1e6 < limits.inline_below_us
        runner: Runner = Inline() if inline else self._thread
        queue = ModelQueue(
            model,
            limits,
            runner,
            now=self._now,
            stuck_s=self._settings.stuck_s,
            fallback=self._thread if inline else None,
        )
        one.served = Served(one.manifest, model, queue, now=self._now)
        one.state, one.loaded_at = State.READY, self._clock()
        self._serving[one.name, one.version] = one.served
        self._point_to_newest(one.name)
        log.info("model ready", extra={"model": one.name, "version": one.version, "inline": inline})
        for old in self._versions.values():
            replaced = (
                old.name == one.name and natural(old.version) < natural(one.version) and not old.asked_for
            )
            if replaced and old.state is State.READY:
                self._begin(self._drain(old, f"version {one.version} replaced it"))

    def _point_to_newest(self, name: str) -> None:
        ready = [one for one in self._versions.values() if one.name == name and one.state is State.READY]
        newest = max(ready, key=lambda one: natural(one.version), default=None)
        if newest is None or newest.served is None:
            self._serving.pop((name, None), None)
            return
        self._serving[name, None] = newest.served

    async def _drain(self, one: _Version, reason: str) -> None:
        """Take no new requests, let the old ones end, then give the memory back."""
        served = one.served
        if served is None or one.state is State.DRAINING:
            return
        one.state, one.reason = State.DRAINING, reason
        self._serving.pop((one.name, one.version), None)
        self._point_to_newest(one.name)
        give_up = self._now() + self._settings.drain_s
        while (served.waiting_rows or not served.queue.idle) and self._now() < give_up:
            await asyncio.sleep(_DRAIN_POLL_S)
        served.close(EngineError(f"model '{one.name}' version {one.version} stopped before it answered"))
        served.model.close()
        one.served, one.state, one.loaded_at = None, State.UNLOADED, None

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._settings.poll_s)
            try:
                await self.refresh()
            except (OSError, RepositoryError) as exc:
                log.warning("the model repository cannot be read", extra={"reason": str(exc)})

    async def _in_loader(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._loader, work)

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _state(self, one: _Version) -> ModelState:
        served = one.served
        if served is None:
            return ModelState(
                name=one.name,
                version=one.version,
                state=one.state,
                current=False,
                reason=one.reason,
                manifest=one.manifest,
            )
        stuck = served.queue.stuck
        return ModelState(
            name=one.name,
            version=one.version,
            state=State.FAILED if stuck else one.state,
            current=self._serving.get((one.name, None)) is served,
            reason="unhealthy: a batch does not return" if stuck else one.reason,
            manifest=one.manifest,
            loaded_at=one.loaded_at,
            memory_bytes=served.model.memory_bytes,
            inline=isinstance(served.queue.runner, Inline),
            device=self._device.kind if self._device is not None else None,
            waiting_rows=served.waiting_rows,
            in_flight=served.queue.in_flight,
            eta_s=served.queue.eta_s(),
            counts=served.queue.counts,
        )
