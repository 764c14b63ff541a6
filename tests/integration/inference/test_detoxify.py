"""Detoxify's checkpoints: served as Detoxify scores them, or refused with the reason."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from inference.detoxify.adding import Import, folder_to_add
from inference.detoxify.checkpoint import read_checkpoint
from inference.detoxify.converting import ARCHITECTURES, convert
from inference.detoxify.published import PUBLISHED
from inference.engine import State
from inference.errors import HashMismatchError, LoadError, RefusedFileError, SelfTestError, SpecError
from inference.repository import Repository, read_spec
from inference.texts import HARMLESS, RUDE
from tests.helpers.detoxify import (
    Made,
    albert_checkpoint,
    bert_checkpoint,
    roberta_checkpoint,
    write_json,
    xlm_roberta_checkpoint,
)
from tests.helpers.engines import serving
from tests.helpers.models import CODE

TEXTS = ["You stupid fool", "Good morning", "A word", *HARMLESS[:9], *RUDE[:9], " ".join(HARMLESS) * 4]
"""Of many lengths; the last is longer than the models take."""

MAKERS = [bert_checkpoint, roberta_checkpoint, albert_checkpoint, xlm_roberta_checkpoint]

Weights = dict[str, torch.Tensor]


@pytest.fixture
def bert(tmp_path: Path) -> Made:
    return bert_checkpoint(tmp_path)


def weights(made: Made) -> Weights:
    tensors: Weights = made.content["state_dict"]
    return tensors


def converted(made: Made) -> Path:
    return convert(read_checkpoint(made.saved()), made.tokenizer, made.tokenizer.parent / "folder")


@pytest.mark.parametrize("make", MAKERS)
def test_served_scores_are_those_of_detoxify(make: Callable[[Path], Made], tmp_path: Path) -> None:
    from detoxify import Detoxify  # noqa: PLC0415  heavy

    made = make(tmp_path)
    theirs = Detoxify(checkpoint=str(made.saved()), huggingface_config_path=str(made.tokenizer))

    async def scenario() -> None:
        async with serving(tmp_path, converted(made)) as engine:
            served = engine.find("detoxify-tiny")
            answer = await served.infer({"text": TEXTS}, rows=len(TEXTS))

        expected = theirs.predict(TEXTS)
        assert list(expected) == list(served.manifest.outputs.classes)
        assert answer.cut == 1
        ours = np.array(answer.outputs["probabilities"])
        assert np.abs(ours - np.array(list(expected.values())).T).max() <= 1e-5

    asyncio.run(scenario())


def test_the_classes_are_renamed_and_keep_the_order_of_the_file(bert: Made) -> None:
    folder = converted(bert)

    classes = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")
    assert read_spec(folder).outputs.classes == classes
    config = json.loads((folder / "config.json").read_text())
    assert tuple(config["id2label"].values()) == classes
    assert config["problem_type"] == "multi_label_classification"


def test_a_configuration_of_two_labels_gets_those_of_the_checkpoint(bert: Made) -> None:
    config = json.loads((bert.tokenizer / "config.json").read_text())
    for key in ("id2label", "label2id", "num_labels"):
        config.pop(key, None)
    write_json(bert.tokenizer / "config.json", config)  # as published: no labels, for which two are taken

    folder = converted(bert)

    assert len(json.loads((folder / "config.json").read_text())["id2label"]) == 6
    assert len(load_file(folder / "model.safetensors")["classifier.weight"]) == 6


def test_of_sixteen_outputs_those_with_a_class_are_served(tmp_path: Path) -> None:
    made = roberta_checkpoint(tmp_path)
    whole = weights(made)["classifier.out_proj.weight"]

    served = load_file(converted(made) / "model.safetensors")["classifier.out_proj.weight"]

    assert torch.equal(served, whole[:7])


def test_classes_that_detoxify_does_not_show_are_left_out(bert: Made) -> None:
    names = ["male", "toxic", "obscene", "female", "threat", "insult"]
    bert.content["config"]["dataset"]["args"]["classes"] = names

    checkpoint = read_checkpoint(bert.saved())

    assert checkpoint.classes == {"toxicity": 1, "obscene": 2, "threat": 4, "insult": 5}


def test_half_precision_weights_become_float32(bert: Made) -> None:
    for key, tensor in weights(bert).items():
        weights(bert)[key] = tensor.half()

    tensors = load_file(converted(bert) / "model.safetensors")

    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}


def test_tensors_that_older_libraries_saved_beside_the_weights_are_ignored(bert: Made) -> None:
    weights(bert)["bert.embeddings.position_ids"] = torch.arange(512)[None]

    assert "bert.embeddings.position_ids" not in load_file(converted(bert) / "model.safetensors")


def test_the_pooler_that_a_roberta_had_once_is_ignored(tmp_path: Path) -> None:
    made = roberta_checkpoint(tmp_path)
    weights(made)["roberta.pooler.dense.weight"] = torch.zeros(64, 64)

    assert "roberta.pooler.dense.weight" not in load_file(converted(made) / "model.safetensors")


def test_where_a_model_came_from_is_recorded_and_hashed(bert: Made, tmp_path: Path) -> None:
    folder = converted(bert)

    manifest = Repository(tmp_path / "models").add(folder)

    recorded = json.loads((folder / "provenance.json").read_text())
    file = (tmp_path / "tiny.ckpt").read_bytes()
    assert recorded["source"] == {"file": "tiny.ckpt", "sha256": hashlib.sha256(file).hexdigest()}
    assert recorded["classes"] == list(manifest.outputs.classes)
    assert recorded["files"].items() <= manifest.files.items()
    assert {"provenance.json", "selftest.json"} <= manifest.files.keys()
    assert manifest.version == hashlib.sha256(file).hexdigest()[:8]


def without_head(made: Made) -> None:
    del weights(made)["classifier.weight"]


def without_a_layer(made: Made) -> None:
    del weights(made)["bert.encoder.layer.1.output.dense.bias"]


def prefixed(made: Made) -> None:
    made.content["state_dict"] = {f"model.{key}": tensor for key, tensor in weights(made).items()}


def with_a_key_too_many(made: Made) -> None:
    weights(made)["bert.adapter.weight"] = torch.zeros(2)


def of_another_vocabulary(made: Made) -> None:
    words = (made.tokenizer / "vocab.txt").read_text()
    (made.tokenizer / "vocab.txt").write_text(words + "further\nwords\n")


def of_unknown_words(made: Made) -> None:
    words = (made.tokenizer / "vocab.txt").read_text().split()
    foreign = [*words[:5], *(f"{word}x" for word in words[5:])]
    (made.tokenizer / "vocab.txt").write_text("\n".join(foreign) + "\n")


def without_a_vocabulary(made: Made) -> None:
    (made.tokenizer / "vocab.txt").unlink()


def without_a_limit(made: Made) -> None:
    (made.tokenizer / "tokenizer_config.json").unlink()


def with_an_empty_limit(made: Made) -> None:
    write_json(made.tokenizer / "tokenizer_config.json", {"do_lower_case": True})


def of_another_size(made: Made) -> None:
    config = json.loads((made.tokenizer / "config.json").read_text())
    write_json(made.tokenizer / "config.json", {**config, "vocab_size": 30522})


def of_no_size(made: Made) -> None:
    config = json.loads((made.tokenizer / "config.json").read_text())
    write_json(made.tokenizer / "config.json", {**config, "hidden_size": "wide"})


def of_a_size_that_cannot_be(made: Made) -> None:
    config = json.loads((made.tokenizer / "config.json").read_text())
    write_json(made.tokenizer / "config.json", {**config, "num_attention_heads": 7})


def of_another_type(made: Made) -> None:
    config = json.loads((made.tokenizer / "config.json").read_text())
    write_json(made.tokenizer / "config.json", {**config, "model_type": "albert"})


def without_a_configuration(made: Made) -> None:
    (made.tokenizer / "config.json").unlink()


def padded_otherwise(made: Made) -> None:
    config = json.loads((made.tokenizer / "config.json").read_text())
    write_json(made.tokenizer / "config.json", {**config, "pad_token_id": 3})


def of_an_unknown_class(made: Made) -> None:
    made.content["config"]["arch"]["args"]["model_name"] = "AutoModelForSequenceClassification"


def of_an_unknown_tokenizer(made: Made) -> None:
    made.content["config"]["arch"]["args"]["tokenizer_name"] = "AutoTokenizer"


def with_an_argument_too_many(made: Made) -> None:
    made.content["config"]["arch"]["args"]["trust_remote_code"] = True


def without_weights(made: Made) -> None:
    del made.content["state_dict"]


def without_toxicity(made: Made) -> None:
    made.content["config"]["dataset"]["args"]["classes"] = ["spam", "ham"]


def with_too_many_classes(made: Made) -> None:
    made.content["config"]["dataset"]["args"]["classes"] = [f"class {n}" for n in range(7)]


def of_other_outputs(made: Made) -> None:
    made.content["config"]["arch"]["args"]["num_classes"] = 8


@pytest.mark.parametrize(
    ("spoiled", "error", "said"),
    [
        (without_head, LoadError, r"lacks 'classifier\.weight': its scores would be those of random weights"),
        (without_a_layer, LoadError, r"it lacks 'bert\.encoder\.layer\.1\.output\.dense\.bias'"),
        (prefixed, LoadError, r"lacks 'classifier\.weight'"),
        (with_a_key_too_many, LoadError, r"has, and the model has not, 'bert\.adapter\.weight'"),
        (of_another_vocabulary, LoadError, r"the vocabulary has \d+ words and the model \d+"),
        (of_unknown_words, LoadError, r"\d+% of the words .* are unknown to the vocabulary"),
        (without_a_vocabulary, LoadError, "are unknown to the vocabulary|cannot be loaded"),
        (without_a_limit, SpecError, r"tokenizer_config\.json does not exist, so nothing says how long"),
        (with_an_empty_limit, SpecError, "has no limit of length"),
        (of_another_size, LoadError, r"in another shape .* 'bert\.embeddings\.word_embeddings\.weight'"),
        (of_no_size, SpecError, "config.json is not one that transformers takes"),
        (of_a_size_that_cannot_be, SpecError, "config.json describes no model"),
        (of_another_type, SpecError, "is of the type 'albert', and 'tiny.ckpt' of the type 'bert'"),
        (without_a_configuration, SpecError, r"config\.json is needed"),
        (padded_otherwise, LoadError, "the tokenizer pads with 0 and config.json says 3"),
        (of_an_unknown_class, RefusedFileError, "wants the class 'AutoModelFor.*; taken are Bert"),
        (of_an_unknown_tokenizer, RefusedFileError, "wants the tokenizer 'AutoTokenizer'"),
        (with_an_argument_too_many, RefusedFileError, r"trust_remote_code: Extra inputs"),
        (without_weights, RefusedFileError, "no checkpoint of Detoxify 0.5: state_dict: Field required"),
        (without_toxicity, RefusedFileError, "has no class toxicity"),
        (with_too_many_classes, RefusedFileError, "names 7 classes for 6 outputs"),
        (of_other_outputs, LoadError, r"'classifier\.weight' has 6 rows for 8 outputs"),
    ],
)
def test_what_detoxify_would_run_with_random_weights_is_refused(
    bert: Made, spoiled: Callable[[Made], None], error: type[Exception], said: str
) -> None:
    spoiled(bert)

    with pytest.raises(error, match=said):
        converted(bert)


def test_prefixed_keys_are_named(bert: Made) -> None:
    head = {key: tensor for key, tensor in weights(bert).items() if key.startswith("classifier")}
    prefixed(bert)
    weights(bert).update(head)

    with pytest.raises(LoadError, match=r"the model has not, 'model\.bert\.embeddings"):
        converted(bert)


def test_weights_that_were_never_trained_are_refused(bert: Made, tmp_path: Path) -> None:
    weights(bert)["classifier.weight"][0] = weights(bert)["classifier.weight"][1]

    with pytest.raises(SelfTestError, match=r"'toxicity' puts .* of the pairs in order"):
        Repository(tmp_path / "models").add(converted(bert))


class Marker:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_that_would_run_code_does_not_run(bert: Made, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    bert.content["config"]["arch"]["extra"] = Marker(marker)

    with pytest.raises(RefusedFileError, match="reading that would run code") as refused:
        converted(bert)

    assert not marker.exists()
    assert "weights_only=False" not in str(refused.value)
    torch.load(tmp_path / "tiny.ckpt", weights_only=False)  # noqa: TID251  the proof that it would have run
    assert marker.exists()


def test_a_pickle_is_read_in_one_place_alone() -> None:
    packages = ("gateway", "inference", "monitors", "storage", "dashboard")
    files = [path for package in packages for path in (CODE / package).rglob("*.py")]

    places = {path.name for path in files if re.search(r"torch\.load\(|TID251", path.read_text())}

    assert places == {"checkpoint.py", "pickles.py"}  # the second tells people how to convert a file


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny.ckpt").write_bytes(b"no checkpoint")

    with pytest.raises(RefusedFileError, match="it is damaged"):
        read_checkpoint(tmp_path / "tiny.ckpt")


@pytest.mark.parametrize("digits", [64, 8])
def test_a_file_of_the_pinned_hash_is_taken(bert: Made, digits: int) -> None:
    path = bert.saved()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    assert read_checkpoint(path, pinned=sha256[:digits].upper()).sha256 == sha256


def test_a_file_of_another_hash_than_the_pinned_one_is_refused(bert: Made) -> None:
    with pytest.raises(HashMismatchError, match=f"you gave {'0' * 64}"):
        read_checkpoint(bert.saved(), pinned="0" * 64)


def test_a_pin_that_is_no_hash_is_refused(bert: Made) -> None:
    with pytest.raises(HashMismatchError, match="64 hexadecimal digits"):
        read_checkpoint(bert.saved(), pinned="c121")


def test_a_file_of_another_hash_than_its_name_says_is_refused(bert: Made) -> None:
    with pytest.raises(HashMismatchError, match="its name says c1212f89"):
        read_checkpoint(bert.saved("toxic_original-c1212f89.ckpt"))


def test_a_hash_is_compared_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "tiny.ckpt").write_bytes(b"no checkpoint")

    with pytest.raises(HashMismatchError):
        read_checkpoint(tmp_path / "tiny.ckpt", pinned="0" * 64)


def test_a_checkpoint_is_added_under_the_name_that_was_said(bert: Made, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "models")
    said = Import(tokenizer=bert.tokenizer, name="toxicity", version="2")

    with folder_to_add(str(bert.saved()), said) as folder:
        repository.add(folder)

    assert repository.places() == [("toxicity", "2")]
    assert not folder.exists()


def test_a_checkpoint_without_its_tokenizer_is_told_what_to_say(bert: Made) -> None:
    with pytest.raises(SpecError, match="say --tokenizer FOLDER"), folder_to_add(str(bert.saved()), Import()):
        pass


def test_a_folder_is_added_as_it_is(tmp_path: Path) -> None:
    with folder_to_add(str(tmp_path), Import()) as folder:
        assert folder == tmp_path

    with pytest.raises(SpecError, match="--name: for a Detoxify checkpoint"):
        folder_to_add(str(tmp_path), Import(name="other")).__enter__()


def test_a_published_model_that_does_not_exist_is_named() -> None:
    with (
        pytest.raises(SpecError, match="no model 'small'; it has original, unbiased, multilingual"),
        folder_to_add("detoxify:small", Import()),
    ):
        pass


def test_published_models_are_where_detoxify_looks_for_them() -> None:
    from detoxify.detoxify import DOWNLOAD_URL, MODEL_URLS  # noqa: PLC0415  heavy

    assert {name: DOWNLOAD_URL + one.checkpoint for name, one in PUBLISHED.items()} == MODEL_URLS


def test_every_class_that_is_taken_was_compared_with_detoxify(tmp_path: Path) -> None:
    made = [make(tmp_path / make.__name__).content["config"]["arch"]["args"] for make in MAKERS]

    assert {one["model_name"] for one in made} == ARCHITECTURES.keys()


def test_a_model_that_answers_otherwise_than_when_it_was_made_is_not_served(
    bert: Made, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "models")
    repository.add(converted(bert))
    (place,) = (repository.root / "detoxify-tiny").iterdir()
    tokenizer = json.loads((place / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary |= {"the": vocabulary["you"], "you": vocabulary["the"]}  # as a faulty library might read it
    write_json(place / "tokenizer.json", tokenizer)
    manifest = json.loads((place / "manifest.json").read_text())
    changed = hashlib.sha256((place / "tokenizer.json").read_bytes()).hexdigest()
    write_json(
        place / "manifest.json", {**manifest, "files": {**manifest["files"], "tokenizer.json": changed}}
    )

    async def scenario() -> None:
        async with serving(tmp_path) as engine:
            (state,) = engine.models()

        assert state.state is State.FAILED
        assert "self-test: 'probabilities' of row" in str(state.reason)

    asyncio.run(scenario())


def test_the_folder_names_its_backend_and_limits(bert: Made) -> None:
    spec = yaml.safe_load((converted(bert) / "model.yaml").read_text())

    assert (spec["backend"], spec["task"]) == ("huggingface", "text-classification")
    assert spec["outputs"]["multi_label"] is True
    limit = json.loads((bert.tokenizer.parent / "folder" / "tokenizer_config.json").read_text())
    assert limit["model_max_length"] == 512
