"""A batch on its way through a model: launched, finished, one outcome for each piece of work in any case."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from inference.backend import Model, Outputs, Payload
from inference.errors import EngineError, InferenceError
from inference.work import Work

log = logging.getLogger(__name__)

RETRY_UP_TO = 8
"""A failing batch of so many pieces or fewer runs once more, one by one, so that a bad one fails alone."""

Outcome = Outputs | InferenceError


class Batch:
    """Pieces of work that run together. Everything that a model may raise is kept inside."""

    def __init__(self, model: Model, works: list[Work]) -> None:
        self.works = works
        self.rows = sum(work.payload.rows for work in works)
        self.units = sum(work.payload.units for work in works)
        self.started: float | None = None  # by time.perf_counter; None: not yet
        self.seconds = 0.0  # from its start to its end
        self.busy_s = 0.0  # of which the device was its own; set by the runner
        self.retried = False
        self._model = model
        self._payloads = [work.payload for work in works]
        self._answer: Any = None
        self._error: Exception | None = None

    def launch(self) -> None:
        """Collate and start the forward. On an accelerator it may still run when this returns."""
        self.started = time.perf_counter()
        try:
            self._answer = self._model.forward(self._model.collate(self._payloads))
        except Exception as exc:  # noqa: BLE001  the model is the operator's code; `finish` tells the waiters
            self._error = exc

    def finish(self) -> list[Outcome]:
        """Wait for the answer. As many outcomes as there are pieces of work, in their order."""
        outcomes = self._outcomes()
        self.seconds = time.perf_counter() - (self.started or 0.0)
        return outcomes

    def _outcomes(self) -> list[Outcome]:
        if self._error is None:
            try:
                return _counted(self._model.split(self._answer, self._payloads), self._payloads)
            except Exception as exc:  # noqa: BLE001  as in `launch`
                self._error = exc
        error = self._error
        log.error(
            "batch failed", extra={"error": type(error).__name__, "at": _place(error), "rows": self.rows}
        )
        if not 1 < len(self._payloads) <= RETRY_UP_TO:
            return [_failed(error) for _ in self._payloads]
        self.retried = True
        return [self._alone(payload) for payload in self._payloads]

    def _alone(self, payload: Payload) -> Outcome:
        try:
            answer = self._model.forward(self._model.collate([payload]))
            return _counted(self._model.split(answer, [payload]), [payload])[0]
        except Exception as exc:  # noqa: BLE001  the waiter of this piece learns of it
            return _failed(exc)


def _counted(outcomes: Sequence[Outcome], payloads: Sequence[Payload]) -> list[Outcome]:
    """Results are matched by position, so a backend that returns too few or too many must not be believed."""
    if len(outcomes) != len(payloads):
        raise EngineError(f"the backend gave {len(outcomes)} answers for {len(payloads)} requests")
    for outcome, payload in zip(outcomes, payloads, strict=True):
        if isinstance(outcome, InferenceError):
            continue
        for name, values in outcome.items():
            if len(values) != payload.rows:
                raise EngineError(
                    f"the backend gave {len(values)} values of '{name}' for {payload.rows} rows"
                )
    return list(outcomes)


def _failed(error: Exception) -> InferenceError:
    if isinstance(error, InferenceError):
        return error
    return EngineError(f"the model failed on this request: {type(error).__name__}")


def _place(error: Exception) -> str:
    """Where it was raised. Its text is left out: it may repeat what a user sent."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "unknown"
