"""What watches: every monitor there is, by name. A new one is one class and one line here.

The table holds names, imported on first use: the statistics are heavy, and a gateway that reads its
settings needs none.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast, get_type_hints

from pydantic import TypeAdapter, ValidationError

from monitors.errors import MonitorSettingsError, UnknownMonitorError

if TYPE_CHECKING:
    from monitors.base import ModelContext, Monitor

MONITORS: Mapping[str, str] = {
    "traffic": "monitors.traffic:Traffic",
    "drift": "monitors.drift:Drift",
    "quality": "monitors.quality:Quality",
    "accuracy": "monitors.accuracy:Accuracy",
    "toxicity": "monitors.toxicity:Toxicity",
    "sampling": "monitors.sampled:Sampled",
    "bias": "monitors.bias:Bias",
}


@cache
def kinds() -> Mapping[str, type[Monitor]]:
    """The class of every monitor."""
    return {name: _imported(place) for name, place in MONITORS.items()}


def build(kind: str, options: Mapping[str, object], context: ModelContext) -> Monitor:
    """A monitor of a model, with the operator's settings.

    Raises `UnknownMonitorError` or `MonitorSettingsError`, which list what there is.
    """
    if kind not in MONITORS:
        raise UnknownMonitorError(
            f"there is no monitor '{kind}'{_nearest(kind, MONITORS)}; there are {', '.join(MONITORS)}"
        )
    make: Callable[..., Monitor] = kinds()[kind]
    types = settings_of(kind)
    for name in options:
        if name not in types:
            known = ", ".join(types) or "none"
            raise MonitorSettingsError(
                f"monitor '{kind}' has no setting '{name}'{_nearest(name, types)}; it has {known}"
            )
    return make(
        model=context, **{name: _checked(kind, name, value, types[name]) for name, value in options.items()}
    )


def settings_of(kind: str) -> Mapping[str, type]:
    """The settings of a monitor: their names and types."""
    hints = get_type_hints(kinds()[kind].__init__)
    names = [field.name for field in fields(kinds()[kind]) if field.name != "model"]  # type: ignore[arg-type]
    return {name: hints[name] for name in names}


def _imported(place: str) -> type[Monitor]:
    module, _, name = place.partition(":")
    return cast("type[Monitor]", getattr(import_module(module), name))


def _checked(kind: str, name: str, value: object, wanted: type) -> object:
    try:
        return TypeAdapter(wanted).validate_python(value)
    except ValidationError as exc:
        reason = exc.errors()[0]["msg"]
        raise MonitorSettingsError(
            f"monitor '{kind}': setting '{name}' cannot be {value!r}: {reason}"
        ) from exc


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
