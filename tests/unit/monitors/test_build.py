"""Monitors made from settings, and errors that say what there is."""

from __future__ import annotations

import pytest

from monitors import build, kinds, settings_of
from monitors.base import ModelContext
from monitors.drift import Drift
from monitors.errors import MonitorSettingsError, UnknownMonitorError
from tests.helpers.monitoring import model

CONTEXT = ModelContext(manifest=model())


def test_settings_become_fields() -> None:
    assert build("drift", {"min_effect": 0.2, "min_rows": 50}, CONTEXT) == Drift(
        model=CONTEXT, min_effect=0.2, min_rows=50
    )


def test_an_unknown_monitor_is_named_with_the_nearest_one() -> None:
    with pytest.raises(
        UnknownMonitorError, match=r"'drif' \(did you mean 'drift'\?\); there are traffic, drift"
    ):
        build("drif", {}, CONTEXT)


def test_an_unknown_setting_is_named_with_the_nearest_one() -> None:
    with pytest.raises(
        MonitorSettingsError, match=r"'min_row' \(did you mean 'min_rows'\?\); it has min_effect"
    ):
        build("drift", {"min_row": 5}, CONTEXT)


@pytest.mark.parametrize("value", ["many", None, [1]])
def test_a_value_of_the_wrong_type_is_refused(value: object) -> None:
    with pytest.raises(MonitorSettingsError, match="'min_rows' cannot be"):
        build("drift", {"min_rows": value}, CONTEXT)


def test_every_setting_of_every_monitor_has_a_default() -> None:
    for kind in kinds():
        build(kind, {}, CONTEXT)
        assert "model" not in settings_of(kind)
