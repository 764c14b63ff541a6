"""The engine that scores texts: the same code as the gateway's, in a thread of its own, for one model.

It runs at a low priority of the operating system where threads have one (Linux), on as many threads as the
settings say. Texts leave for the engine in the order of their lengths, as requests of many rows, two at a
time; how many rows follows from how long the last ones took.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from inference.engine import Engine, Served
from inference.errors import DeadlineError, InferenceError, ModelNotReadyError, OverloadedError
from inference.repository import Repository
from inference.settings import EngineSettings
from monitors.errors import ScoringError
from monitors.process.scoring_model import ScoringModel, scorer_of, scoring_model
from monitors.scores import Scored
from monitors.settings import ScoringSettings
from storage.clock import Clock
from storage.scorer import Scorer

log = logging.getLogger(__name__)

NICENESS = 10
PRIORITY = 10
"""In the engine's queue: behind whatever else may come to wait there."""
_AT_ONCE = 2
_MOST_ROWS = 1024
_LEAST_CHARACTERS, _MOST_CHARACTERS = 200, 4_000_000
_START_CHARACTERS = 4_000
_QUICK_S, _SLOW_S = 0.5, 3.0
_BEAT_S = 0.5
_LOAD_S = 600.0
_STUCK_S = 600.0
_IDLE_POLL_S = 0.02
_PROBE = "Good morning, how are you today?"
_T = TypeVar("_T")


@dataclass(slots=True)
class _Loaded:
    loop: asyncio.AbstractEventLoop
    engine: Engine
    served: Served
    thread: threading.Thread
    scorer: Scorer
    characters: int = field(default=_START_CHARACTERS)  # of the next request


class EngineScorer:
    """Scores texts with the model of the settings, or the bundled one. For one thread at a time."""

    def __init__(
        self, settings: ScoringSettings, repository: Repository | None, *, code: Sequence[Path], clock: Clock
    ) -> None:
        self._settings = settings
        self._repository = repository
        self._code = tuple(code)
        self._clock = clock
        self._loaded: _Loaded | None = None

    def open(self) -> Scorer:
        """Load the model, unless it is loaded. Raises `ScoringError` with what keeps it from scoring."""
        if self._loaded is None:
            try:
                self._loaded = self._load(scoring_model(self._settings, self._repository))
            except (InferenceError, OSError) as exc:
                raise ScoringError(f"the toxicity model cannot be loaded: {exc}") from exc
            about = self._loaded.scorer
            log.info("texts are scored", extra={"model": about.model, "version": about.version})
        return self._loaded.scorer

    def close(self) -> None:
        """End the engine and its threads."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            _result(_begun(loaded.loop, loaded.engine.close()), lambda: None)
            _end(loaded.loop, loaded.thread)

    def score(self, texts: Sequence[str], waiting: Callable[[], object] = lambda: None) -> Scored:
        """Score texts that are whole Unicode. Calls `waiting` twice a second; what that raises ends it."""
        self.open()
        loaded = self._loaded
        if loaded is None:
            raise ScoringError("the toxicity model was closed meanwhile")
        job = _Job(loaded, texts)
        try:
            _result(_begun(loaded.loop, job.run()), waiting)
        except ModelNotReadyError as exc:
            self.close()
            raise ScoringError(f"the toxicity model stopped: {exc}") from exc
        return Scored(scores=job.scores, truncated=job.truncated)

    def _load(self, model: ScoringModel) -> _Loaded:
        manifest = model.manifest
        settings = EngineSettings(
            repository=model.repository.root,
            code=self._code,
            device=self._settings.device,
            threads=self._settings.threads,
            poll_s=3600.0,  # the version is fixed: another one needs its own counts, so a new start
            drain_s=0.0,
            stuck_s=_STUCK_S,
        )
        place = manifest.name, manifest.version
        engine = Engine(model.repository, settings, clock=self._clock, only=place)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop,), name="scoring", daemon=True)
        thread.start()

        async def started() -> Served:
            await engine.start()
            return await engine.load(*place)

        try:
            served = _result(_begun(loop, started()), lambda: None, timeout_s=_LOAD_S)
        except BaseException:
            _result(_begun(loop, engine.close()), lambda: None)
            _end(loop, thread)
            raise
        scorer = scorer_of(model, self._clock)
        return _Loaded(loop=loop, engine=engine, served=served, thread=thread, scorer=scorer)


class _Job:
    """The texts of one take on their way through the engine. On the engine's event loop."""

    def __init__(self, loaded: _Loaded, texts: Sequence[str]) -> None:
        self.scores = np.full((len(texts), len(loaded.scorer.classes)), np.nan, dtype=np.float32)
        self.truncated = np.zeros(len(texts), dtype=np.bool_)
        self._loaded = loaded
        self._served = loaded.served
        self._texts = texts
        self._input = loaded.served.manifest.inputs[0].name
        self._most_rows = min(_MOST_ROWS, loaded.served.manifest.limits.max_rows)
        self._waiting = deque(sorted(range(len(texts)), key=lambda place: len(texts[place])))

    async def run(self) -> None:
        """Score all of them. Raises `ModelNotReadyError`, or `ScoringError` where every text fails."""
        tasks = [asyncio.create_task(self._work()) for _ in range(_AT_ONCE)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _work(self) -> None:
        while self._waiting:
            await self._ask(self._next())

    def _next(self) -> list[int]:
        """The shortest that wait: rows of near length, and no more characters than will not take long."""
        taken = [self._waiting.popleft()]
        characters = len(self._texts[taken[0]])
        while self._waiting and len(taken) < self._most_rows:
            characters += len(self._texts[self._waiting[0]])
            if characters > self._loaded.characters:
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _ask(self, rows: list[int]) -> None:
        started = time.perf_counter()
        try:
            await self._infer(rows)
        except ModelNotReadyError:
            raise
        except InferenceError as exc:
            if isinstance(exc, OverloadedError | DeadlineError):
                self._pace(0.25)
            await self._in_halves(rows)
            return
        took_s = time.perf_counter() - started
        if took_s > _SLOW_S:
            self._pace(0.5)
        elif took_s < _QUICK_S:
            self._pace(2.0)

    def _pace(self, factor: float) -> None:
        wanted = int(self._loaded.characters * factor)
        self._loaded.characters = max(_LEAST_CHARACTERS, min(_MOST_CHARACTERS, wanted))

    async def _in_halves(self, rows: list[int]) -> None:
        """Of a request that failed: find the text that it failed for, once what ran then has ended."""
        await self._until_idle()
        if len(rows) == 1:
            await self._alone(rows[0])
            return
        half = len(rows) // 2
        await self._ask(rows[:half])
        await self._ask(rows[half:])

    async def _alone(self, row: int) -> None:
        """A text that fails even now has no scores, as long as the model answers any other."""
        try:
            await self._infer([row])
        except ModelNotReadyError:
            raise
        except InferenceError:
            await self._until_idle()
            try:
                await self._served.infer({self._input: [_PROBE]}, rows=1, priority=PRIORITY)
            except InferenceError as exc:
                raise ScoringError(f"the toxicity model answers nothing any more: {exc}") from exc

    async def _until_idle(self) -> None:
        give_up = time.monotonic() + _STUCK_S
        while not self._served.idle:
            if time.monotonic() > give_up:
                raise ScoringError(f"the toxicity model did not return within {_STUCK_S:.0f} s")
            await asyncio.sleep(_IDLE_POLL_S)

    async def _infer(self, rows: list[int]) -> None:
        answer = await self._served.infer(
            {self._input: [self._texts[place] for place in rows]}, rows=len(rows), priority=PRIORITY
        )
        outputs = answer.outputs
        found = outputs["probabilities"] if "probabilities" in outputs else outputs["score"]
        self.scores[rows] = np.asarray(found, dtype=np.float32).reshape(len(rows), -1)
        if answer.cut:  # the engine says how many; they are the longest
            self.truncated[rows[-answer.cut :]] = True


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """The thread of the event loop. Threads that begin in it, those of the engine, inherit its niceness."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        except OSError as exc:
            log.warning("scoring runs at normal priority", extra={"error": str(exc)})
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()


def _begun(loop: asyncio.AbstractEventLoop, work: Coroutine[None, None, _T]) -> Future[_T]:
    return asyncio.run_coroutine_threadsafe(work, loop)


def _result(future: Future[_T], waiting: Callable[[], object], timeout_s: float = float("inf")) -> _T:
    """Wait for it, calling `waiting` now and then. Takes it back when that raises."""
    give_up = time.monotonic() + timeout_s
    try:
        while True:
            try:
                return future.result(timeout=_BEAT_S)
            except TimeoutError:
                if future.done():
                    raise
            waiting()
            if time.monotonic() > give_up:
                raise ScoringError(f"it did not come up within {timeout_s:.0f} s")
    except BaseException:
        future.cancel()
        raise


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=10.0)
