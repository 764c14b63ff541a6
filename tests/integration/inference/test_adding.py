"""`models add`: what is recorded, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from inference.errors import (
    HashMismatchError,
    LoadError,
    RefusedFileError,
    RepositoryError,
    SelfTestError,
    SpecError,
    UnknownModelError,
    VersionExistsError,
)
from inference.repository import Repository
from tests.helpers.models import CODE, bert_folder, echo_folder, mixed_folder, mlp_folder


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "models")


def test_an_added_model_can_be_read_back(repository: Repository, tmp_path: Path) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)

    manifest = repository.add(mixed_folder(tmp_path / "mixed"), [CODE], at=at)

    assert repository.manifests() == [manifest]
    assert repository.manifest("mixed", "1") == manifest
    assert manifest.added_at == "2026-01-02T00:00:00+00:00"
    assert list(manifest.files) == ["model.safetensors"]
    repository.verify(manifest)


def test_versions_are_listed_newest_last(repository: Repository, tmp_path: Path) -> None:
    for version in ("10", "2", "9"):
        repository.add(echo_folder(tmp_path / version, version=version))

    assert repository.versions("echo") == ["2", "9", "10"]


def test_the_same_again_changes_nothing(repository: Repository, tmp_path: Path) -> None:
    folder = mlp_folder(tmp_path / "mlp")
    first = repository.add(folder, [CODE])

    assert repository.add(folder, [CODE]) == first


def test_a_version_is_never_overwritten(repository: Repository, tmp_path: Path) -> None:
    repository.add(echo_folder(tmp_path / "a"))

    with pytest.raises(VersionExistsError, match="give this a new version"):
        repository.add(echo_folder(tmp_path / "b", description="another"))


def test_a_changed_file_is_found(repository: Repository, tmp_path: Path) -> None:
    manifest = repository.add(mlp_folder(tmp_path / "mlp"), [CODE])
    weights = repository.folder("mlp", "1") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")

    with pytest.raises(HashMismatchError, match=r"model\.safetensors"):
        repository.verify(manifest)


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "pytorch_model.bin", "model.pkl", "model.joblib"])
def test_a_pickle_is_refused_with_the_way_to_convert_it(
    repository: Repository, tmp_path: Path, name: str
) -> None:
    folder = mlp_folder(tmp_path / "mlp")
    spec = yaml.safe_load((folder / "model.yaml").read_text())
    spec["torch"]["weights"] = name
    (folder / "model.yaml").write_text(yaml.safe_dump(spec))
    (folder / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")

    with pytest.raises(RefusedFileError, match=r"safetensors\.torch\.save_file"):
        repository.add(folder, [CODE])

    assert repository.manifests() == []


def test_a_folder_with_a_pickle_only_is_told_what_to_do(repository: Repository, tmp_path: Path) -> None:
    folder = mlp_folder(tmp_path / "mlp")
    (folder / "model.safetensors").rename(folder / "model.pt")

    with pytest.raises(RefusedFileError, match=r"'model\.pt' is refused: reading it would run code"):
        repository.add(folder, [CODE])


def test_a_pickle_renamed_to_safetensors_is_not_loaded(repository: Repository, tmp_path: Path) -> None:
    folder = mlp_folder(tmp_path / "mlp")
    (folder / "model.safetensors").write_bytes(b"cos\nsystem\n(S'true'\ntR.")

    with pytest.raises(LoadError, match="not a readable safetensors file"):
        repository.add(folder, [CODE])


@pytest.mark.parametrize("weights", ["../outside.safetensors", "/etc/outside.safetensors"])
def test_a_path_out_of_the_folder_is_refused(repository: Repository, tmp_path: Path, weights: str) -> None:
    folder = mlp_folder(tmp_path / "mlp")
    (tmp_path / "outside.safetensors").write_bytes(b"")
    spec = yaml.safe_load((folder / "model.yaml").read_text())
    spec["torch"]["weights"] = weights
    (folder / "model.yaml").write_text(yaml.safe_dump(spec))

    with pytest.raises(RefusedFileError, match="lies outside"):
        repository.add(folder, [CODE])


def test_a_link_out_of_the_folder_is_refused(repository: Repository, tmp_path: Path) -> None:
    folder = mlp_folder(tmp_path / "mlp")
    (folder / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    (folder / "model.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")

    with pytest.raises(RefusedFileError, match="lies outside"):
        repository.add(folder, [CODE])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"backend": "tensorflow"},
            "backend 'tensorflow' does not exist; there are torch, huggingface, ngrams, echo",
        ),
        ({"task": "clasification"}, "task: Input should be"),
        ({"thresold": 0.4}, "thresold: Extra inputs are not permitted"),
        ({"torch": None}, "torch: backend torch needs this section"),
        ({"task": "embedding"}, "task: backend torch serves"),
        ({"inputs": [{"name": "t", "type": "text"}]}, "texts need backend huggingface"),
    ],
)
def test_a_wrong_model_yaml_is_refused_by_key(
    repository: Repository, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    folder = mlp_folder(tmp_path / "mlp", **change)

    with pytest.raises(SpecError, match=said):
        repository.add(folder, [CODE])


@pytest.mark.parametrize(
    ("torch", "said"),
    [
        ({"module": "no_such_module:Net"}, "'no_such_module' cannot be imported"),
        ({"module": "tests.helpers.nets:Nett"}, "has no torch.nn.Module called 'Nett'"),
        ({"module": "tests.helpers.nets:Net", "args": {"hiden": 3}}, "raised TypeError"),
        ({"module": "tests.helpers.nets:Net", "args": {"hidden": 3}}, "do not fit"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(
    repository: Repository, tmp_path: Path, torch: dict[str, Any], said: str
) -> None:
    folder = mlp_folder(tmp_path / "mlp", torch=torch)

    with pytest.raises(LoadError, match=said):
        repository.add(folder, [CODE])

    assert not list(repository.root.glob("*/*/*"))


def test_a_model_of_another_width_than_its_classes_is_refused(repository: Repository, tmp_path: Path) -> None:
    folder = mlp_folder(tmp_path / "mlp", outputs={"classes": ["a", "b", "c"]})

    with pytest.raises(LoadError, match=r"\[1, 3\] is wanted"):
        repository.add(folder, [CODE])


def test_a_folder_without_model_yaml_is_named(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"model\.yaml does not exist"):
        repository.add(tmp_path)


def test_a_damaged_manifest_is_named(repository: Repository, tmp_path: Path) -> None:
    repository.add(echo_folder(tmp_path / "echo"))
    (repository.folder("echo", "1") / "manifest.json").write_text("{}")

    with pytest.raises(RepositoryError, match="is damaged"):
        repository.manifest("echo", "1")


def test_a_version_that_was_never_added_is_unknown(repository: Repository) -> None:
    with pytest.raises(UnknownModelError, match="inferwatch models list"):
        repository.manifest("nothing", "1")


def test_what_is_found_out_of_a_text_model_must_fit_its_description(
    repository: Repository, tmp_path: Path
) -> None:
    fitting = bert_folder(tmp_path / "fitting", name="fitting", protected=["race"])
    independent = bert_folder(tmp_path / "bert", protected=["race"], outputs={"multi_label": True})

    assert repository.add(fitting).outputs.classes == ("calm", "angry")
    with pytest.raises(SpecError, match="protected: groups are compared where there are two classes"):
        repository.add(independent)


def test_the_classes_of_a_hugging_face_folder_come_from_its_configuration(
    repository: Repository, tmp_path: Path
) -> None:
    manifest = repository.add(bert_folder(tmp_path / "bert"))

    assert manifest.outputs.classes == ("calm", "angry")
    assert set(manifest.files) == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_a_hugging_face_folder_that_needs_code_is_refused(repository: Repository, tmp_path: Path) -> None:
    folder = bert_folder(tmp_path / "bert")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "modeling.Evil"}
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(RefusedFileError, match="auto_map"):
        repository.add(folder)


def test_a_hugging_face_folder_with_a_pickle_only_is_refused(repository: Repository, tmp_path: Path) -> None:
    folder = bert_folder(tmp_path / "bert")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(RefusedFileError, match=r"only 'pytorch_model\.bin'"):
        repository.add(folder)


def test_a_hugging_face_folder_without_its_head_is_refused(repository: Repository, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415  heavy

    folder = bert_folder(tmp_path / "bert")
    tensors = load_file(folder / "model.safetensors")
    headless = {name: tensor for name, tensor in tensors.items() if not name.startswith("classifier")}
    save_file(headless, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(LoadError, match=r"the weights lack 'classifier\.bias'"):
        repository.add(folder)


def test_a_self_test_is_recorded_with_the_model(repository: Repository, tmp_path: Path) -> None:
    folder = echo_folder(tmp_path / "echo")
    rows = {"inputs": {"a": [0.0, 1.0], "b": [0.0, 0.0]}, "outputs": {"score": [0.5, 0.7310585786300049]}}
    (folder / "selftest.json").write_text(json.dumps(rows))

    assert list(repository.add(folder).files) == ["selftest.json"]


def test_a_model_that_fails_its_self_test_is_not_added(repository: Repository, tmp_path: Path) -> None:
    folder = echo_folder(tmp_path / "echo")
    rows = {"inputs": {"a": [0.0, 1.0], "b": [0.0, 0.0]}, "outputs": {"score": [0.5, 0.75]}}
    (folder / "selftest.json").write_text(json.dumps(rows))

    with pytest.raises(SelfTestError, match=r"'score' of row 1 is 0\.019 away"):
        repository.add(folder)

    assert repository.places() == []
