"""A gateway on a free loopback port, in a thread: real HTTP, a real journal, models made on the spot."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from gateway.build import Gateway, gateway
from gateway.server import make_server
from gateway.settings import Settings
from gateway.settings_file import parse_settings
from inference.repository import Repository
from storage.framing import Kind, scan
from storage.records import InferenceEvent, LabelEvent
from tests.helpers.ports import free_port

ECHO: dict[str, Any] = {
    "name": "echo",
    "version": "1",
    "task": "classification",
    "backend": "echo",
    "inputs": [
        {"name": "age", "type": "number"},
        {"name": "country", "type": "category", "categories": ["DE", "FR"]},
        {"name": "member", "type": "boolean"},
    ],
    "outputs": {"classes": ["0", "1"]},
}
"""A model without torch: two classes, a number, a category, a boolean."""

ONE_COLUMN: dict[str, Any] = {
    "name": "one",
    "version": "1",
    "task": "regression",
    "backend": "echo",
    "inputs": [{"name": "x", "type": "number"}],
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The text under `error`."""
        error = self.json["error"]
        assert isinstance(error, str)
        return error


@dataclass(slots=True)
class Serving:
    """A running gateway."""

    port: int
    settings: Settings
    gateway: Gateway
    headers: dict[str, str] = field(default_factory=dict)  # sent with every request

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """One request, byte for byte."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        """Ask for a page."""
        return self.ask("GET", path)

    def post(self, path: str, body: object) -> Reply:
        """Send JSON."""
        return self.ask("POST", path, json.dumps(body).encode(), {"content-type": "application/json"})

    def events(self) -> list[InferenceEvent]:
        """Every event in the journal, in order."""
        return [record for record in self._records() if isinstance(record, InferenceEvent)]

    def labels(self) -> list[LabelEvent]:
        """Every label in the journal, in order."""
        return [record for record in self._records() if isinstance(record, LabelEvent)]

    def _records(self) -> Iterator[object]:
        files = [path for path in self.settings.journal.folder.rglob("*") if path.suffix in (".open", ".seg")]
        for path in sorted(files, key=lambda path: path.stem):
            for frame in scan(path.read_bytes()).frames:
                if frame.kind in (Kind.EVENT, Kind.LABEL):
                    yield frame.record()


@contextmanager
def serving(
    folder: Path, models: Sequence[dict[str, Any]] = (ECHO,), settings: dict[str, Any] | None = None
) -> Iterator[Serving]:
    """Serve models, from their `model.yaml` as dicts, until the block ends."""
    port = free_port()
    text = yaml.safe_dump(
        {**(settings or {}), "gateway": {"port": port, **(settings or {}).get("gateway", {})}}
    )
    read = parse_settings(text, folder / "inferwatch.yaml", {})
    add_models(folder, read, models)
    made = gateway(read)
    server = make_server(made.front, read.gateway)
    thread = threading.Thread(target=server.run, name="gateway")
    thread.start()
    running = Serving(port, read, made)
    try:
        _wait_ready(running, thread)
        yield running
    finally:
        server.should_exit = True
        thread.join(30)


def add_models(folder: Path, settings: Settings, models: Sequence[dict[str, Any]]) -> None:
    """Put models into the repository, as `inferwatch models add` does."""
    settings.engine.repository.mkdir(parents=True, exist_ok=True)
    repository = Repository(settings.engine.repository)
    for number, model in enumerate(models):
        source = folder / f"model-{number}"
        source.mkdir()
        (source / "model.yaml").write_text(yaml.safe_dump(model))
        repository.add(source, settings.engine.code, at=datetime.now(UTC))


def _wait_ready(running: Serving, thread: threading.Thread) -> None:
    pause = threading.Event()
    for _ in range(600):
        if not thread.is_alive():
            raise RuntimeError("the gateway ended at its start")
        try:
            if running.get("/readyz").status == 200:
                return
        except OSError:
            pass
        pause.wait(0.05)
    raise TimeoutError("the gateway was not ready within 30 s")
