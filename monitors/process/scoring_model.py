"""Which model scores texts: that of the settings, or the bundled one, and what a person should know of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from inference.bundled import BUNDLED_TOXICITY
from inference.manifest import Manifest, Task, TextInput
from inference.repository import Repository
from monitors.errors import ScoringError
from monitors.settings import ScoringSettings
from storage.clock import Clock
from storage.scorer import TOXICITY, Scorer


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringModel:
    """The model of the settings, found on disk and not yet loaded."""

    repository: Repository
    manifest: Manifest
    bundled: bool


def scoring_model(settings: ScoringSettings, repository: Repository | None) -> ScoringModel:
    """The model of the settings, or the bundled one, added to a repository of its own at the first start.

    Raises `ScoringError` or `InferenceError`.
    """
    if settings.model is None:
        own = Repository(settings.folder)
        own.root.mkdir(parents=True, exist_ok=True)
        return ScoringModel(repository=own, manifest=own.add(BUNDLED_TOXICITY), bundled=True)
    versions = repository.versions(settings.model) if repository is not None else []
    if repository is None or not versions:
        known = ", ".join(sorted({name for name, _ in repository.places()})) if repository is not None else ""
        raise ScoringError(
            f"monitor.scoring.model: there is no model '{settings.model}' in the repository; there are "
            f"{known or 'none'}. Add it with `inferwatch models add`, or leave the setting out"
        )
    manifest = repository.manifest(settings.model, versions[-1])
    texts = len(manifest.inputs) == 1 and isinstance(manifest.inputs[0], TextInput)
    if manifest.task is not Task.TEXT_CLASSIFICATION or not texts:
        raise ScoringError(
            f"monitor.scoring.model: '{manifest.name}' {manifest.version} does not classify texts "
            f"(task {manifest.task}); name a model of the task {Task.TEXT_CLASSIFICATION}"
        )
    return ScoringModel(repository=repository, manifest=manifest, bundled=False)


def scorer_of(model: ScoringModel, clock: Clock) -> Scorer:
    """What is written down of a model that scores."""
    manifest = model.manifest
    return Scorer(
        name=TOXICITY,
        model=manifest.name,
        version=manifest.version,
        sha256=hashlib.sha256(json.dumps(manifest.files, sort_keys=True).encode()).hexdigest(),
        classes=classes_of(manifest),
        bundled=model.bundled,
        words=words_of(model),
        loaded_at=clock(),
    )


def classes_of(manifest: Manifest) -> tuple[str, ...]:
    """What a model gives scores for, in their order: of two exclusive classes the positive one."""
    return (manifest.positive,) if manifest.positive is not None else manifest.outputs.classes


def words_of(model: ScoringModel) -> str:
    """What a person should know of the model that scores their texts."""
    name = f"{model.manifest.name} {model.manifest.version}"
    if not model.bundled:
        return f"{name}, of your model repository"
    return (
        f"{name}, the small English model that comes with inferwatch: it sorts crude abuse and is no "
        "moderation model. For the published weights run `inferwatch models add detoxify:original` and set "
        "monitor.scoring.model to detoxify-original"
    )
