"""What a model is: the `model.yaml` that its operator writes, and the manifest that `inferwatch models add`
makes of it."""

from __future__ import annotations

import difflib
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME)]
Duration = timedelta
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Task(StrEnum):
    """What a model answers with."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    TEXT_CLASSIFICATION = "text-classification"
    EMBEDDING = "embedding"
    GENERATION = "generation"


class Section(BaseModel):
    """A part of `model.yaml`: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NumberInput(Section):
    """A number. The model sees `(value - mean) / std`."""

    name: str = Field(min_length=1, max_length=200)
    type: Literal["number"] = "number"
    mean: float = 0.0
    std: float = Field(default=1.0, gt=0)
    missing: float | None = Field(
        default=None, description="value used where none came; without it such a row is refused"
    )


class CategoryInput(Section):
    """One of a list of values. The model sees its place in the list."""

    name: str = Field(min_length=1, max_length=200)
    type: Literal["category"] = "category"
    categories: tuple[str | int, ...] = Field(min_length=1)
    missing: str | int | None = Field(
        default=None, description="category used where no value came; else such a row is refused"
    )
    unseen: str | int | None = Field(
        default=None, description="category used for a value not in the list; else such a row is refused"
    )

    @model_validator(mode="after")
    def _stand_ins_are_listed(self) -> CategoryInput:
        if len(set(self.categories)) != len(self.categories):
            raise ValueError("categories must differ from each other")
        for stand_in in (self.missing, self.unseen):
            if stand_in is not None and stand_in not in self.categories:
                raise ValueError(f"'{stand_in}' is not one of the categories")
        return self


class BooleanInput(Section):
    """True or false. The model sees 1 or 0, among the categories."""

    name: str = Field(min_length=1, max_length=200)
    type: Literal["boolean"] = "boolean"
    missing: bool | None = None


class TextInput(Section):
    """A text."""

    name: str = Field(min_length=1, max_length=200)
    type: Literal["text"] = "text"


Input = Annotated[NumberInput | CategoryInput | BooleanInput | TextInput, Field(discriminator="type")]


class Outputs(Section):
    """What comes out. `classes` and `positive` are for classification, `name` for regression."""

    name: str = "prediction"
    classes: tuple[str, ...] = ()
    positive: str | None = Field(
        default=None, description="the class that `score` is the probability of (two classes)"
    )
    threshold: float = Field(default=0.5, ge=0, le=1)
    multi_label: bool = Field(
        default=False, description="every class has a probability of its own (text classification)"
    )

    @model_validator(mode="after")
    def _positive_is_a_class(self) -> Outputs:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes must differ from each other")
        if self.positive is not None and self.positive not in self.classes:
            raise ValueError(f"positive '{self.positive}' is not one of the classes {list(self.classes)}")
        return self


class Windows(Section):
    """What a summary covers (`pane`), and what is judged as one (`length`).

    Both lie on the UTC grid from 1970.
    """

    pane: Duration = timedelta(minutes=1)
    length: Duration = timedelta(hours=1)
    lateness: Duration | None = Field(
        default=None, description="how long a window stays open for late events; one pane if not given"
    )

    @field_validator("pane", "length", "lateness", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        return parse_duration(value) if isinstance(value, str) and not value.startswith("P") else value

    @model_validator(mode="after")
    def _whole_panes(self) -> Windows:
        if self.pane < timedelta(seconds=1) or self.length % self.pane:
            raise ValueError(f"window length {self.length} must be a whole number of panes of {self.pane}")
        return self


class Limits(Section):
    """How much of a model runs or waits at once. None: the engine's own default."""

    max_batch: int = Field(default=512, ge=1, description="rows in one batch")
    token_budget: int = Field(default=16384, ge=1, description="padded tokens in one batch (texts)")
    max_padding: float = Field(
        default=0.2, ge=0, le=0.33, description="share of a batch of texts that may be padding"
    )
    max_length: int = Field(
        default=512, ge=1, description="tokens of one text; longer ones are cut and marked"
    )
    max_waiting: int = Field(default=8192, ge=1, description="rows that may wait; more are refused with 503")
    max_rows: int = Field(default=4096, ge=1, description="rows in one request")
    deadline_s: float = Field(default=30.0, gt=0, description="a request older than this is given up")
    inline_below_us: float = Field(
        default=100.0, ge=0, description="a CPU model faster than this runs on the event loop; 0: never"
    )


class Action(StrEnum):
    """What becomes of a column before an event is kept. The model, and the answer, have it as it is."""

    KEEP = "keep"
    HASH = "hash"  # keyed: equal values stay equal, so it can be joined and sliced by
    MASK = "mask"  # that something was there
    DROP = "drop"


class Detector(StrEnum):
    """Personal data that has a form by which free text can be searched for it."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    IP = "ip"


class Privacy(Section):
    """What is never kept as it came."""

    columns: dict[str, Action] = Field(
        default_factory=dict, description="inputs and outputs by name; holds for tags of that name too"
    )
    tags: dict[str, Action] = Field(default_factory=dict, description="tags by name")
    detect: tuple[Detector, ...] | None = Field(
        default=None, description="looked for in kept texts; without it, what gateway.detect says"
    )

    @property
    def altered(self) -> frozenset[str]:
        """The inputs and outputs that an event does not hold as the model saw them."""
        return frozenset(name for name, action in self.columns.items() if action is not Action.KEEP)


class TorchPart(Section):
    """The operator's own `torch.nn.Module`, found by name, with weights from a safetensors file."""

    module: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    args: dict[str, Any] = Field(default_factory=dict)
    weights: str = "model.safetensors"


class HuggingFacePart(Section):
    """A Hugging Face folder with safetensors weights, relative to `model.yaml`."""

    folder: str = "."


class NgramsPart(Section):
    """A linear classifier of hashed n-grams: its weights, and the lengths of the n-grams, from and to."""

    weights: str = "model.safetensors"
    words: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(le=3)]] = (1, 2)
    characters: tuple[Annotated[int, Field(ge=3)], Annotated[int, Field(le=8)]] = (3, 5)

    @field_validator("words", "characters")
    @classmethod
    def _rises(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] > value[1]:
            raise ValueError(f"the shortest comes first: [{value[1]}, {value[0]}]")
        return value


class ModelSpec(Section):
    """The whole of `model.yaml`."""

    name: Name
    version: Name
    task: Task
    backend: str
    torch: TorchPart | None = None
    huggingface: HuggingFacePart | None = None
    ngrams: NgramsPart | None = None
    inputs: tuple[Input, ...] = Field(min_length=1)
    outputs: Outputs = Outputs()
    label: str | None = Field(
        default=None, description="name of the truth, as reference files and replays call it"
    )
    slices: tuple[str, ...] = Field(
        default=(), description="input columns or tags whose groups are watched apart"
    )
    protected: tuple[str | tuple[str, ...], ...] = Field(
        default=(),
        description="input columns or tags whose groups must be treated alike: bias compares them, in models "
        "of two classes; a list stands for its intersections, as in [race, sex, [race, sex]]",
    )
    window: Windows = Windows()
    privacy: Privacy = Privacy()
    limits: Limits = Limits()
    description: str = ""

    @field_validator("version", mode="before")
    @classmethod
    def _version_is_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _hangs_together(self) -> ModelSpec:
        names = [column.name for column in self.inputs]
        if len(set(names)) != len(names):
            raise ValueError("two inputs have the same name")
        clash = set(names) & set(self.output_names)
        if clash:
            raise ValueError(f"an input may not be called like an output: {sorted(clash)}")
        if self.task is Task.CLASSIFICATION and len(self.outputs.classes) < 2:
            raise ValueError("outputs.classes must name two classes or more")
        self._protected_fits()
        self._privacy_fits(names)
        return self

    def _protected_fits(self) -> None:
        classifies = self.task in (Task.CLASSIFICATION, Task.TEXT_CLASSIFICATION)
        unnamed = self.task is Task.TEXT_CLASSIFICATION and not self.outputs.classes  # the backend knows them
        if self.protected and not (classifies and (self.binary or unnamed)):
            raise ValueError("protected: groups are compared where there are two classes; use slices here")
        for entry, names in zip(self.protected, self.groupings, strict=True):
            if not isinstance(entry, str) and len(names) < 2:
                raise ValueError("protected: an intersection has two names or more, such as [race, sex]")
            if len(set(names)) < len(names):
                raise ValueError(f"protected: {list(names)} holds a name twice")
            bad = [name for name in names if not name or set(name) & set("=&|")]
            if bad:
                raise ValueError(f"protected: '{bad[0]}' must have a character, and none of '=', '&' and '|'")
        if len({frozenset(names) for names in self.groupings}) < len(self.protected):
            raise ValueError("protected: the same names stand there twice")

    def _privacy_fits(self, names: list[str]) -> None:
        known = [*names, *self.output_names]
        for name, action in self.privacy.columns.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                advice = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known[:20])}"
                raise ValueError(
                    f"privacy.columns: '{name}' is no input or output; {advice} "
                    "(a tag belongs in privacy.tags)"
                )
            judged = self.task not in (Task.GENERATION, Task.EMBEDDING) and name in self.output_names
            if judged and action is not Action.KEEP:
                raise ValueError(
                    f"privacy.columns: output '{name}' must be kept: drift, accuracy and bias need it"
                )
        for name in self.group_names:
            action = self.privacy.tags.get(name, self.privacy.columns.get(name, Action.KEEP))
            if action in (Action.MASK, Action.DROP):
                raise ValueError(
                    f"privacy: '{name}' is in slices or protected: '{action}' would leave no groups; hash it"
                )

    @property
    def groupings(self) -> tuple[tuple[str, ...], ...]:
        """What is protected: each entry by its one name, or by those of an intersection."""
        return tuple((entry,) if isinstance(entry, str) else entry for entry in self.protected)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Every input or tag whose groups are told apart, by slices or as protected."""
        return tuple(dict.fromkeys([*self.slices, *(name for names in self.groupings for name in names)]))

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the output columns that every answer and every event carries."""
        match self.task:
            case Task.REGRESSION:
                return (self.outputs.name,)
            case Task.CLASSIFICATION | Task.TEXT_CLASSIFICATION:
                return ("class", "score") if self.binary else ("class", "score", "probabilities")
            case Task.EMBEDDING:
                return ("embedding",)
            case Task.GENERATION:
                return ("text",)

    @property
    def binary(self) -> bool:
        """Two exclusive classes: `score` is the probability of the positive one (the last, unless named)."""
        return len(self.outputs.classes) == 2 and not self.outputs.multi_label

    @property
    def positive(self) -> str | None:
        """The class that `score` speaks of, in a task of two classes."""
        return (self.outputs.positive or self.outputs.classes[-1]) if self.binary else None


class Manifest(ModelSpec):
    """A model version as it was added: the specification, and the SHA-256 of every file it needs, by
    relative path."""

    files: dict[str, str]
    added_at: str = Field(description="UTC, ISO 8601")


def parse_duration(text: str) -> timedelta:
    """`"1m"`, `"1h 30m"` or `"30d"` as a time span. Raises ValueError for anything else."""
    total = 0.0
    for part in text.split():
        number = part.rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = part[len(number) :]
        if unit not in _UNITS or not number:
            raise ValueError(f"'{text}' is not a duration; write 30s, 1m, 1h, 1d or 1h 30m")
        total += float(number) * _UNITS[unit]
    if total <= 0:
        raise ValueError(f"'{text}' is not a duration; write 30s, 1m, 1h, 1d or 1h 30m")
    return timedelta(seconds=total)
