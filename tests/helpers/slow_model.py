"""A backend that takes its time, so that tests can leave, wait or be refused meanwhile."""

from __future__ import annotations

import threading
from typing import Any

from inference.backends.echo import EchoModel

SECONDS = 0.3


class SlowModel(EchoModel):
    """The echo model, each batch of which takes a while."""

    def forward(self, batch: Any) -> Any:
        """Wait, then answer."""
        threading.Event().wait(SECONDS)
        return super().forward(batch)
