"""The pages of the reference that are made from the code: which function writes which file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs.commands_page import commands_page
from tests.docs.http_page import http_page
from tests.docs.metrics_page import metrics_page
from tests.docs.plugins_page import plugins_page
from tests.docs.settings_page import settings_page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
GRAFANA = ROOT / "docs" / "grafana" / "inferwatch-dashboard.json"
GRAFANA_RULES = GRAFANA.with_name("alerts.yml")

PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "http.md": http_page,
    "commands.md": commands_page,
    "plugins.md": plugins_page,
}
