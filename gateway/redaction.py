"""What of a request is kept as it came, hashed, masked or dropped, just before its event is written.

The model and the answer have the values as they were. `Redaction` is made once per model version;
`Redactions` is what the gateway asks, for events, labels and the ids that apps give.

An app's own id and a label come without a model, and must be treated alike wherever they come: for them every
detector counts that any model or `gateway.detect` asks for.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from gateway.detectors import Detectors
from gateway.errors import PrivacyKeyError, RefusedError
from gateway.metrics import GatewayMetrics
from inference.manifest import Action, CategoryInput, Detector, Input, ModelSpec, NumberInput, Task, TextInput
from storage.records import InferenceEvent, LabelEvent, Value

log = logging.getLogger(__name__)

MASKED = "[masked]"

Cells = list[Value]
_Rewrite = Callable[[Cells], Cells]
_OUR_ID = re.compile(r"[0-9a-f]{10}-[0-9a-f]{1,16}-[0-9a-f]{1,16}")  # of an event; it names nobody


class Hasher(Protocol):
    """What hashes: `PrivacyKey`."""

    def hash(self, text: str) -> str:
        """The same for the same text, and of no use without the key."""


class Redaction:
    """What is done to the columns and tags of one model version."""

    def __init__(self, manifest: ModelSpec, default: Iterable[Detector], key: Hasher) -> None:
        privacy = manifest.privacy
        self.detectors = Detectors(default if privacy.detect is None else privacy.detect)
        self._key = key
        self._actions: dict[str, Action] = {name: privacy.columns[name] for name in privacy.altered}
        tags = {**privacy.columns, **privacy.tags}
        self._tags = {name: action for name, action in tags.items() if action is not Action.KEEP}
        self._rewrites = self._columns(manifest)

    def __bool__(self) -> bool:
        """Whether anything is done at all."""
        return bool(self._actions or self._tags or self.detectors.kinds)

    def columns(self, columns: Mapping[str, Cells]) -> dict[str, Cells]:
        """Inputs or outputs as they are kept. A column that nothing is done to is the same list."""
        kept: dict[str, Cells] = {}
        for name, values in columns.items():
            if self._actions.get(name) is not Action.DROP:
                rewrite = self._rewrites.get(name)
                kept[name] = values if rewrite is None else rewrite(values)
        return kept

    def tags(self, tags: Mapping[str, list[str | None]]) -> dict[str, list[str | None]]:
        """Tags as they are kept, their names too."""
        kept: dict[str, list[str | None]] = {}
        for name, values in tags.items():
            action = self._tags.get(name)
            if action is Action.DROP:
                continue
            rewrite = self._text if action is None else self._done(action)
            known = {value: None if value is None else rewrite(value) for value in set(values)}
            kept[self._text(name)] = [known[value] for value in values]
        return kept

    def _columns(self, manifest: ModelSpec) -> dict[str, _Rewrite]:
        """What is done to a column. Nothing: it is not named here."""
        found: dict[str, _Rewrite] = {}
        if self.detectors.kinds:
            found = {column.name: self._kept(column) for column in manifest.inputs}
            if manifest.task is Task.GENERATION:
                found["text"] = self._free_text
        for name, action in self._actions.items():
            found[name] = self._column(self._done(action))
        return found

    def _done(self, action: Action) -> Callable[[Value], str]:
        return self._hashed if action is Action.HASH else _masked

    def _column(self, done: Callable[[Value], str]) -> _Rewrite:
        return lambda values: [value if _missing(value) else done(value) for value in values]

    def _kept(self, column: Input) -> _Rewrite:
        """A kept input is searched too: a request that the model refused is recorded with whatever came."""
        if isinstance(column, TextInput):
            return self._free_text
        if isinstance(column, NumberInput):
            return self._numbers
        known = frozenset(column.categories) if isinstance(column, CategoryInput) else frozenset()

        def rewrite(values: Cells) -> Cells:
            if known.issuperset(values):
                return values
            return [value if value in known else self._searched(value) for value in values]

        return rewrite

    def _numbers(self, values: Cells) -> Cells:
        """Numbers stay, whatever they look like: the model was made for them."""
        if str not in set(map(type, values)):
            return values
        return [self._text(value) if isinstance(value, str) else value for value in values]

    def _free_text(self, values: Cells) -> Cells:
        """Numbers too: a card number need not come as a text."""
        return [self._searched(value) for value in values]

    def _searched(self, value: Value) -> Value:
        if isinstance(value, str):
            return self._text(value)
        if _missing(value) or value in (True, False):
            return value
        return MASKED if self.detectors.find(str(value)) else value

    def _text(self, text: str) -> str:
        return self.detectors.scrub(text)

    def _hashed(self, value: Value) -> str:
        return self._key.hash(_written(value))


class Redactions:
    """Those of all models, as the gateway asks for them."""

    def __init__(
        self,
        *,
        default: Iterable[Detector],
        manifests: Callable[[], Iterable[ModelSpec]],
        key: Hasher,
        metrics: GatewayMetrics,
    ) -> None:
        self._default = tuple(default)
        self._manifests = manifests
        self._key = key
        self._metrics = metrics
        self._known: dict[tuple[str, str], tuple[ModelSpec, Redaction | None]] = {}
        self._everywhere = Detectors(self._default)

    def event(self, event: InferenceEvent, manifest: ModelSpec) -> InferenceEvent:
        """The event as it is kept: without anything that was sent, and counted, should that fail."""
        try:
            redaction = self._of(manifest)
            if redaction is None:
                if event.app_id is None or not self._everywhere.kinds:
                    return event
                return msgspec.structs.replace(event, app_id=self._id(event.app_id))
            return msgspec.structs.replace(
                event,
                inputs=redaction.columns(event.inputs),
                outputs=redaction.columns(event.outputs),
                tags=redaction.tags(event.tags),
                app_id=None if event.app_id is None else self._id(event.app_id),
            )
        except Exception as exc:  # noqa: BLE001  whatever it was, nothing may be kept as it came; it is counted
            self._failed(exc)
            return msgspec.structs.replace(event, inputs={}, outputs={}, tags={}, app_id=None)

    def label(self, label: LabelEvent) -> LabelEvent:
        """A label as it is kept. Raises `RefusedError`."""
        try:
            self._look()
            if not self._everywhere.kinds:
                return label
            value = self._everywhere.scrub(label.value) if isinstance(label.value, str) else label.value
            return msgspec.structs.replace(label, event=self._id(label.event), value=value)
        except Exception as exc:  # noqa: BLE001  the client hears of it, and it is counted
            raise self._refused(exc) from None  # its text may repeat what was sent

    def id(self, text: str) -> str:
        """An event's id as it is; an app's own id as it is kept, or hashed. Raises `RefusedError`."""
        try:
            self._look()
            return self._id(text)
        except Exception as exc:  # noqa: BLE001  as above
            raise self._refused(exc) from None  # as above

    def _id(self, text: str) -> str:
        """The whole id is hashed, so that ids which differ in what is found there stay different."""
        if not self._everywhere.kinds or _OUR_ID.fullmatch(text):
            return text
        return self._key.hash(text) if self._everywhere.find(text) else text

    def _of(self, manifest: ModelSpec) -> Redaction | None:
        known = self._known.get((manifest.name, manifest.version))
        if known is not None and known[0] is manifest:
            return known[1]
        self._look()
        redaction = Redaction(manifest, self._default, self._key)
        found = redaction if redaction else None
        self._known[manifest.name, manifest.version] = manifest, found
        return found

    def _look(self) -> None:
        """Which detectors any model asks for: they only become more while the gateway runs."""
        kinds = {*self._default, *self._everywhere.kinds}
        for manifest in self._manifests():
            kinds.update(manifest.privacy.detect or ())
        if len(kinds) > len(self._everywhere.kinds):
            self._everywhere = Detectors(kinds)

    def _refused(self, exc: Exception) -> RefusedError:
        self._failed(exc)
        return RefusedError(
            503, "labels cannot be recorded now; send them again later", reason="redaction", retry_after_s=1.0
        )

    def _failed(self, exc: Exception) -> None:
        """Counted each time, and logged the 1st, 2nd, 4th, 8th: it lasts until somebody mends it."""
        count = self._metrics.redactions_failed = self._metrics.redactions_failed + 1
        if count & (count - 1) == 0:
            why = (
                str(exc) if isinstance(exc, PrivacyKeyError) else type(exc).__name__
            )  # else it may repeat a value
            log.error("redaction failed", extra={"failures": count, "error": why})


def described(manifest: ModelSpec, default: Iterable[Detector]) -> str:
    """In words for `inferwatch check`: what is kept of a model, and what no detector looks through."""
    privacy = manifest.privacy
    written = [(name, action) for name, action in privacy.columns.items()]
    written += [(f"tag {name}", action) for name, action in privacy.tags.items()]
    parts = []
    for action, past in ((Action.HASH, "hashed"), (Action.MASK, "masked"), (Action.DROP, "dropped")):
        names = [name for name, chosen in written if chosen is action]
        parts += [f"{past} {', '.join(names)}"] if names else []
    detectors = Detectors(default if privacy.detect is None else privacy.detect).kinds
    texts = [column.name for column in manifest.inputs if isinstance(column, TextInput)]
    texts = [
        name for name in (*texts, *manifest.output_names) if name in texts or manifest.task is Task.GENERATION
    ]
    texts = [name for name in texts if name not in privacy.altered]
    if detectors:
        parts.append(f"detectors {', '.join(detectors)}")
    elif texts:
        parts.append(f"no detectors, so {', '.join(texts)} is kept with whatever it holds (privacy.detect)")
    return ", ".join(["the rest kept" if parts else "all kept", *parts])


def _masked(value: Value) -> str:
    return MASKED


def _missing(value: Value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _written(value: Value) -> str:
    """A value as text, the same for 3, 3.0 and "3": apps and files write one thing in several ways."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
