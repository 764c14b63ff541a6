"""The engine: which versions are loaded, which one answers, and how one replaces another.

Requests meet `find` and `Served.infer` alone. Everything else happens beside them: the repository is looked
at every few seconds, a new version is loaded in the background and warmed, then takes over in one assignment
while the old one drains.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from inference.backend import Model
from inference.device import Device
from inference.errors import (
    EngineError,
    InferenceError,
    LoadError,
    ModelNotReadyError,
    RepositoryError,
    UnknownModelError,
)
from inference.lifecycle import ModelState, State, Version
from inference.loading import Loading
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """What exists between `start` and `close`."""

    device: Device
    thread: DeviceThread
    loading: Loading


class Engine:
    """Loads model versions of a repository and answers with them. One to an event loop."""

    def __init__(
        self,
        repository: Repository,
        settings: EngineSettings,
        *,
        clock: Callable[[], datetime],
        only: tuple[str, str] | None = None,
    ) -> None:
        self._repository = repository
        self._only = only  # name and version; None: everything
        self._settings = settings
        self._clock = clock
        self._now = time.perf_counter
        self._versions: dict[tuple[str, str], Version] = {}
        self._serving: dict[tuple[str, str | None], Served] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._running: _Running | None = None

    async def start(self) -> None:
        """Begin to load the newest version of every model; `models` tells how far they are."""
        device = await self._in_loader(partial(Device.of, self._settings.device))
        self._running = _Running(
            device=device,
            thread=DeviceThread(device.kind, depth=device.depth),
            loading=Loading(self._repository, self._settings, device),
        )
        await self.refresh()
        self._begin(self._poll())

    async def close(self) -> None:
        """Drain for `drain_s`, then fail whoever still waits, and end the threads."""
        running, self._running = self._running, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        loaded = [one for one in self._versions.values() if one.served is not None]
        await asyncio.gather(*(self._drain(one, "the engine stopped") for one in loaded))
        self._loader.shutdown(wait=False, cancel_futures=True)
        if running is not None and not await asyncio.to_thread(running.thread.stop, _STOP_S):
            log.error("a batch did not return; its thread was left behind")

    def find(self, name: str, version: str | None = None) -> Served:
        """The version that answers; without one, the newest that is ready.

        Raises `UnknownModelError`, or `ModelNotReadyError` with the reason.
        """
        served = self._serving.get((name, version))
        if served is None:
            raise self._absent(name, version)
        return served

    def models(self) -> list[ModelState]:
        """Every version known, by name, newest last."""
        device = self._running.device.kind if self._running is not None else None
        order = sorted(self._versions.values(), key=lambda one: (one.name, natural(one.version)))
        return [one.seen(device, current=self._serving.get((one.name, None))) for one in order]

    def manifests(self) -> list[Manifest]:
        """Of every version known, in no order. Any thread may ask."""
        versions = list(self._versions.values())  # in one step: the event loop may add one meanwhile
        return [one.manifest for one in versions if one.manifest is not None]

    async def settled(self) -> None:
        """Wait until nothing is being loaded any more, whether it went well or not."""
        while loading := [one.loading for one in self._versions.values() if one.loading is not None]:
            await asyncio.wait(loading)

    async def refresh(self) -> None:
        """Look at the repository now, and begin to load what is new and newest."""
        newest: dict[str, Version] = {}
        for name, version in await asyncio.to_thread(self._repository.places):
            if self._only not in (None, (name, version)):
                continue
            if (name, version) not in self._versions:
                found = await asyncio.to_thread(self._known, name, version)
                self._versions.setdefault((name, version), found)
            newest[name] = self._versions[name, version]
        for one in self._versions.values():
            if one.state is not State.PENDING:
                continue
            if one is newest[one.name]:
                self._begin_load(one)
                continue
            one.state, one.reason = State.UNLOADED, f"version {newest[one.name].version} is newer"

    async def load(self, name: str, version: str) -> Served:
        """Load a version beside the others and wait for it. Raises `ModelNotReadyError` with what kept it."""
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
        known = sorted(
            (one for one in self._versions.values() if one.name == name), key=lambda one: natural(one.version)
        )
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

    def _known(self, name: str, version: str) -> Version:
        try:
            return Version(name=name, version=version, manifest=self._repository.manifest(name, version))
        except InferenceError as exc:
            return Version(name=name, version=version, state=State.FAILED, reason=str(exc))

    def _begin_load(self, one: Version) -> None:
        one.state, one.reason = State.LOADING, None
        one.loading = self._begin(self._load(one))

    async def _load(self, one: Version) -> None:
        """Load, warm, swap. A failure is written on the version, and leaves what serves as it was."""
        try:
            manifest = await self._in_loader(partial(self._repository.manifest, one.name, one.version))
            running = self._open()
            model = await self._in_loader(partial(running.loading.read, manifest, self._held_bytes()))
            one.manifest, one.state = manifest, State.WARMING
            seconds = await self._in_loader(partial(warm, model))
            self._take_over(one, self._serve(manifest, model, seconds))
        except InferenceError as exc:
            one.state, one.reason = State.FAILED, str(exc)
            fields = {"model": one.name, "version": one.version, "reason": str(exc)}
            log.error("model failed to load", extra=fields)
        except Exception as exc:  # a backend's fault must not end the engine; `models` shows it
            one.state, one.reason = State.FAILED, f"{type(exc).__name__}: {exc}"
            log.exception("model failed to load", extra={"model": one.name, "version": one.version})
        finally:
            one.loading = None

    def _open(self) -> _Running:
        if self._running is None:
            raise LoadError("the engine does not run; await start() first")
        return self._running

    def _held_bytes(self) -> int:
        return sum(one.served.model.memory_bytes for one in self._versions.values() if one.served is not None)

    def _serve(self, manifest: Manifest, model: Model, seconds: float) -> Served:
        running = self._open()
        fast = seconds * 1e6 < manifest.limits.inline_below_us and not model.prepares
        inline = fast and running.device.is_cpu
        runner: Runner = Inline(for_slower=running.thread) if inline else running.thread
        queue = ModelQueue(model, manifest.limits, runner, now=self._now, stuck_s=self._settings.stuck_s)
        return Served(manifest, model, queue, now=self._now)

    def _take_over(self, one: Version, served: Served) -> None:
        """From here on the new version answers; the one it replaces drains."""
        one.served, one.state, one.loaded_at = served, State.READY, self._clock()
        self._serving[one.name, one.version] = served
        self._point_to_newest(one.name)
        log.info("model ready", extra={"model": one.name, "version": one.version})
        for old in self._versions.values():
            older = old.name == one.name and natural(old.version) < natural(one.version)
            if older and old.state is State.READY and not old.asked_for:
                self._begin(self._drain(old, f"version {one.version} replaced it"))

    def _point_to_newest(self, name: str) -> None:
        ready = [one for one in self._versions.values() if one.name == name and one.state is State.READY]
        newest = max(ready, key=lambda one: natural(one.version), default=None)
        if newest is None or newest.served is None:
            self._serving.pop((name, None), None)
            return
        self._serving[name, None] = newest.served

    async def _drain(self, one: Version, reason: str) -> None:
        """Take no new requests, let the old ones end, then give the memory back."""
        served = one.served
        if served is None:
            return
        one.state, one.reason = State.DRAINING, reason
        self._serving.pop((one.name, one.version), None)
        self._point_to_newest(one.name)
        give_up = self._now() + self._settings.drain_s
        while not served.idle and self._now() < give_up:  # noqa: ASYNC110  an Event would cost every request
            await asyncio.sleep(_DRAIN_POLL_S)
        served.close(EngineError(f"model '{one.name}' version {one.version} stopped before it answered"))
        one.served, one.loaded_at, one.state = None, None, State.UNLOADED

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
