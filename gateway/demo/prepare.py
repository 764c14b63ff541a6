"""What the demo makes before it starts: settings, two models and the references of both."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from gateway.build import set_reference_of
from gateway.demo import loans, messages
from gateway.demo.folder import DemoFolder
from gateway.demo.loan_model import make_loan_model
from gateway.demo.message_model import make_message_model
from gateway.demo.ports import DemoPorts, settings_text
from gateway.settings import Settings
from gateway.settings_file import load_settings
from inference.repository import Repository

REFERENCE_LOANS = 5_000
REFERENCE_MESSAGES = 2_000


def prepare(folder: DemoFolder, ports: DemoPorts) -> Settings:
    """Make what is not there yet. Run again, it goes on with what it has."""
    if not folder.config.exists():
        folder.write_settings(settings_text(ports))
    for place in (folder.mails, folder.logs, folder.references):
        place.mkdir(exist_ok=True)
    settings = load_settings(folder.config)
    settings.engine.repository.mkdir(parents=True, exist_ok=True)
    for model, label, make, rows_of, n in (
        (loans.MODEL, loans.LABEL, make_loan_model, loans.loan_rows, REFERENCE_LOANS),
        (messages.MODEL, messages.LABEL, make_message_model, messages.message_rows, REFERENCE_MESSAGES),
    ):
        repository = Repository(settings.engine.repository)
        if not repository.versions(model):
            make(folder.path / model, rows_of(n, np.random.default_rng(1)))
            repository.add(folder.path / model, settings.engine.code, at=datetime.now(UTC))
        if not repository.reference_path(model, "1").exists():
            rows = rows_of(n, np.random.default_rng(2))  # not those it learned from: it is surer of them
            file = folder.references / f"{model}.csv"
            pd.DataFrame({**rows.inputs, **rows.tags, label: rows.labels}).to_csv(file, index=False)
            set_reference_of(settings, model, None, file)
    return settings
