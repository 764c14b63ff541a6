"""Warm-up: the first forwards, out of the way of requests, how long a row takes, and the self-test."""

from __future__ import annotations

import time

from inference.backend import Model, Payload, Source
from inference.errors import InferenceError, LoadError
from inference.selftest import SelfTest

_REPEATS = 40
_ENOUGH_S = 0.2


def warm(model: Model) -> float:
    """Run every example. Returns the seconds of the smallest, as a quiet machine would take them.

    Raises `LoadError` where the model fails on typical values: it would fail on requests too.
    """
    examples = model.prepare(model.examples())
    for example in examples:
        _run(model, example)
    seconds: list[float] = []
    while len(seconds) < _REPEATS and sum(seconds) < _ENOUGH_S:
        started = time.perf_counter()
        _run(model, examples[0])
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[len(seconds) // 4]


def self_test(model: Model, source: Source) -> None:
    """Run the self-test of the folder, where it has one. Raises `SelfTestError`."""
    selftest = SelfTest.of(source.folder)
    if selftest is not None:
        selftest.run(model, source.manifest.outputs.classes)


def _run(model: Model, payload: Payload) -> None:
    try:
        outcome = model.split(model.forward(model.collate([payload])), [payload])[0]
    except InferenceError as exc:
        raise LoadError(f"the model fails on typical values: {exc}") from exc
    except Exception as exc:  # the operator's code; whoever loads the model learns what it raised
        raise LoadError(f"the model fails on typical values: {type(exc).__name__}: {exc}") from exc
    if isinstance(outcome, InferenceError):
        raise LoadError(f"the model fails on typical values: {outcome}")
