"""Tables of what was read: names and numbers as they are, in full. Cells are never read as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
import streamlit as st

from dashboard.states import state_of
from storage.distributions import Distribution
from storage.records import Alert, Judgement


def alert_table(alerts: Sequence[Alert]) -> pd.DataFrame:
    """Open alerts, one a row."""
    return pd.DataFrame(
        [
            {
                "status": f"{alert.status.value} (replay)" if alert.replay else alert.status.value,
                "since (UTC)": alert.starts_at,
                "model": alert.scope.model,
                "version": alert.scope.version,
                "slice": alert.scope.slice,
                "monitor": alert.monitor,
                "metric": alert.metric,
                "column": alert.column,
                "what": alert.summary,
            }
            for alert in alerts
        ]
    )


def measurement_table(judgements: Iterable[Judgement]) -> pd.DataFrame:
    """Measurements with the names that `/api/measurements` has for them."""
    rows = [
        {
            "model": each.scope.model,
            "version": each.scope.version,
            "arm": each.scope.arm.value,
            "slice": each.scope.slice,
            "monitor": each.monitor,
            "metric": each.measurement.metric,
            "column": each.measurement.column,
            "start": each.window.start,
            "end": each.window.end,
            "value": each.measurement.value,
            "interval low": each.measurement.interval[0] if each.measurement.interval else None,
            "interval high": each.measurement.interval[1] if each.measurement.interval else None,
            "lower bound": each.measurement.bounds.lower,
            "upper bound": each.measurement.bounds.upper,
            "n": each.measurement.n,
            "state": state_of(each.measurement).value,
        }
        for each in judgements
    ]
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    return frame.astype(dict.fromkeys(_NUMBERS, "float64"))


def bin_table(found: Distribution) -> pd.DataFrame:
    """A column's bins with the rows in each."""
    return pd.DataFrame(
        [
            {
                **({"above": each.lower, "up to": each.upper} if found.is_number else {"value": each.name}),
                "reference rows": each.reference,
                "current rows": each.current,
                "reference share": each.reference / found.reference_rows if found.reference_rows else None,
                "current share": each.current / found.current_rows if found.current_rows else None,
            }
            for each in found.bins
        ]
    )


def show(frame: pd.DataFrame, *, key: str, columns: Sequence[str] | None = None) -> None:
    """A table with numbers in full and times in UTC."""
    config = {
        name: st.column_config.NumberColumn(format="plain")
        if pd.api.types.is_numeric_dtype(frame[name])
        else st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone="UTC")
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name]) or isinstance(frame[name].dtype, pd.DatetimeTZDtype)
    }
    st.dataframe(frame, hide_index=True, column_config=config, column_order=columns, key=key)


_NUMBERS = ("value", "interval low", "interval high", "lower bound", "upper bound")
_COLUMNS = [
    *("model", "version", "arm", "slice", "monitor", "metric", "column", "start", "end"),
    *(*_NUMBERS, "n", "state"),
]
