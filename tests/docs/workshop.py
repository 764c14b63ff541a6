"""A folder in which a reader follows the documentation, with a real inferwatch at its side."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from gateway.settings_file import parse_settings
from inference.manifest import ModelSpec
from tests.docs.blocks import Block
from tests.helpers.deployment import Deployment, wait_until

ROOT = Path(__file__).resolve().parents[2]
_EVENT_ID = re.compile(r"x-request-id: (\S+)")
_STAND_INS = {
    "SMTP_PASSWORD": "secret",
    "SLACK_URL": "https://hooks.slack.example.org/T/B/x",
    "PAGERDUTY_KEY": "0123456789abcdef0123456789abcdef",
    "DATABASE_URL": "postgresql://watch:secret@db.example.org/inferwatch",
}


@dataclass(slots=True)
class Workshop:
    """Follows pages block by block. What a block needs of earlier ones is there as a reader would have it."""

    deployment: Deployment
    settings: str = ""  # the deployment's own, with free ports
    event_id: str = ""
    done: set[str] = field(default_factory=set)  # commands: one that an earlier page had is not run again

    @property
    def folder(self) -> Path:
        """Where the reader is."""
        return self.deployment.folder

    def follow(self, block: Block) -> None:
        """Do what a block says. Raises `AssertionError` where that cannot be done."""
        steps: Mapping[str, Callable[[Block], None]] = {
            "console": self._console, "python": self._python, "yaml": self._yaml, "json": self._file,
        }  # fmt: skip
        assert block.language in steps, f"{block.page}:{block.line}: nobody runs '{block.language}'"
        steps[block.language](block)

    def _console(self, block: Block) -> None:
        for command in block.commands:
            if command not in self.done:
                self._command(command)
            self.done.add(command)

    def _command(self, command: str) -> None:
        if command == "inferwatch up":
            self.deployment.start("up")
            return
        ran = self._run(["bash", "-c", self._filled(command)])
        if found := _EVENT_ID.search(ran):
            self.event_id = found[1]
        if command == "inferwatch init":
            self.deployment.config.write_text(self.settings)  # the same defaults, on ports that are free
        if " replay " in command:
            self._wait_judged()

    def _python(self, block: Block) -> None:
        if block.file is None:
            ast.literal_eval(block.text)  # a line of a table: what runs has a file
            return
        self._file(block)
        if block.file != "car_loan.py":  # which the console runs
            self._run([sys.executable, block.file])

    def _yaml(self, block: Block) -> None:
        content = yaml.safe_load(block.text)
        if block.file == "inferwatch.yaml":
            parse_settings(block.text, self.folder / block.file, _STAND_INS)
        elif block.text.startswith("# part of model.yaml"):
            ModelSpec.model_validate({**_BARE, "inputs": _inputs_of(content), **content})
        else:
            ModelSpec.model_validate(content)
            self._file(block)

    def _file(self, block: Block) -> None:
        assert block.file is not None, f"{block.page}:{block.line}: the block names no file"
        path = self.folder / block.file
        path.parent.mkdir(exist_ok=True)
        path.write_text(self._filled(block.text))

    def _filled(self, text: str) -> str:
        text = re.sub(r"^curl ", "curl --fail-with-body ", text)  # else it ends well whatever the answer
        text = text.replace("localhost:8080", f"localhost:{self.deployment.port}")
        text = text.replace("localhost:8081", f"localhost:{self.deployment.metrics_port}")
        for name, value in self._names().items():
            if name in text:
                text = text.replace(name, value())
        return text

    def _names(self) -> dict[str, Callable[[], str]]:
        return {
            "EVENT_ID": lambda: self.event_id,
            "FINGERPRINT": lambda: str(self._firing()[0]["fingerprint"]),
            "SILENCE_ID": self._silence_id,
        }

    def _firing(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.deployment.get("/api/alerts?status=firing")["alerts"]
        return found

    def _silence_id(self) -> str:
        wait_until(lambda: bool(self._silences()), "the silence to be in force", 30)
        return str(self._silences()[0]["id"])

    def _silences(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.deployment.get("/api/silences")["silences"]
        return found

    def _wait_judged(self) -> None:
        """Until what was replayed is counted, and alerts are there."""
        self.deployment.wait_counted()
        wait_until(lambda: bool(self._firing()), "an alert", 60)

    def _run(self, command: list[str]) -> str:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        ran = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=120, cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert ran.returncode == 0, f"{command[-1]} ended with {ran.returncode}: {ran.stderr[-2000:]}"
        return ran.stdout


_BARE = {
    "name": "m",
    "version": "1",
    "task": "classification",
    "backend": "echo",
    "outputs": {"classes": ["0", "1"]},
}


def _inputs_of(part: Mapping[str, Mapping[str, object]]) -> list[dict[str, str]]:
    """Inputs of the names that a part of a description speaks of."""
    columns = part.get("privacy", {}).get("columns", {})
    return [{"name": name, "type": "number"} for name in columns] if isinstance(columns, dict) else []
