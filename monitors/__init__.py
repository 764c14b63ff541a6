"""What watches: every monitor there is, by name. A new one is one class and one line here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import get_type_hints

from pydantic import TypeAdapter, ValidationError

from monitors.accuracy import Accuracy
from monitors.base import ModelContext, Monitor
from monitors.drift import Drift
from monitors.errors import MonitorSettingsError, UnknownMonitorError
from monitors.quality import Quality
from monitors.traffic import Traffic

MONITORS: Mapping[str, type[Monitor]] = {
    "traffic": Traffic,
    "drift": Drift,
    "quality": Quality,
    "accuracy": Accuracy,
}


def build(kind: str, options: Mapping[str, object], context: ModelContext) -> Monitor:
    """A monitor of a model, with the operator's settings.

    Raises `UnknownMonitorError` or `MonitorSettingsError`, which list what there is.
    """
    if kind not in MONITORS:
        raise UnknownMonitorError(
            f"there is no monitor '{kind}'{_nearest(kind, MONITORS)}; there are {', '.join(MONITORS)}"
        )
    make: Callable[..., Monitor] = MONITORS[kind]
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
    hints = get_type_hints(MONITORS[kind].__init__)
    names = [field.name for field in fields(MONITORS[kind]) if field.name != "model"]  # type: ignore[arg-type]
    return {name: hints[name] for name in names}


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
