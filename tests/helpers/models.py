"""Small model folders, made on the spot without a network, as an operator would hand them to `models add`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

CODE = Path(__file__).resolve().parents[2]
"""The folder from which `tests.helpers.nets:Net` can be imported: hand it over as `code`."""

_TEXT = """
the a of to and in is it you that was for on are with as his they be at one have this from or had by hot word
but what some we can out other were all there when up use your how said an each she which do their time if
will way about many then them write would like so these her long make thing see him two has look more day
could go come did number sound
"""
WORDS = tuple(_TEXT.split())


def mlp_folder(
    folder: Path, *, name: str = "mlp", version: str = "1", numbers: int = 30, **settings: Any
) -> Path:
    """An MLP 30-64-64-2 over numbers x0, x1, … with a fixed seed. `settings` overrides keys of model.yaml."""
    settings.setdefault("inputs", [{"name": f"x{place}", "type": "number"} for place in range(numbers)])
    return torch_folder(folder, name=name, version=version, args={"numbers": numbers}, **settings)


def mixed_folder(folder: Path, *, name: str = "mixed", version: str = "1", **settings: Any) -> Path:
    """An MLP over two numbers, a category and a boolean."""
    inputs: list[dict[str, Any]] = [
        {"name": "age", "type": "number", "mean": 40.0, "std": 10.0},
        {"name": "income", "type": "number", "mean": 30000.0, "std": 9000.0, "missing": 30000.0},
        {"name": "city", "type": "category", "categories": ["Berlin", "Paris", "Rome"], "unseen": "Rome"},
        {"name": "owner", "type": "boolean"},
    ]
    args = {"numbers": 2, "categories": [3, 2], "hidden": 16}
    return torch_folder(folder, name=name, version=version, inputs=inputs, args=args, **settings)


def torch_folder(
    folder: Path,
    *,
    name: str,
    version: str,
    inputs: Sequence[dict[str, Any]],
    args: dict[str, Any],
    **settings: Any,
) -> Path:
    """A folder for the backend torch, with random weights of a fixed seed."""
    import torch  # noqa: PLC0415  tests that never make a model stay light
    from safetensors.torch import save_file  # noqa: PLC0415  as above

    from tests.helpers.nets import Net  # noqa: PLC0415  as above

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(int.from_bytes(version.encode()[:4], "big"))
        save_file(Net(**args).state_dict(), folder / "model.safetensors")
    return write_spec(
        folder,
        {
            "name": name,
            "version": version,
            "task": "classification",
            "backend": "torch",
            "torch": {"module": "tests.helpers.nets:Net", "args": args},
            "inputs": list(inputs),
            "outputs": {"classes": ["0", "1"], "positive": "1"},
            **settings,
        },
    )


def bert_folder(
    folder: Path,
    *,
    name: str = "bert",
    version: str = "1",
    hidden: int = 64,
    layers: int = 2,
    **settings: Any,
) -> Path:
    """A tiny BERT classifier of texts with a tokenizer of its own. `hidden` and `layers` make it larger."""
    import torch  # noqa: PLC0415  as above
    from transformers import BertConfig, BertForSequenceClassification  # noqa: PLC0415  as above

    folder.mkdir(parents=True, exist_ok=True)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=max(2, hidden // 32),
        intermediate_size=4 * hidden,
        max_position_embeddings=256,
        id2label={0: "calm", 1: "angry"},
        label2id={"calm": 0, "angry": 1},
        initializer_range=0.2,  # large enough that texts differ in their scores
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertForSequenceClassification(config).save_pretrained(folder)
    _write_tokenizer(folder, tokens)
    return write_spec(
        folder,
        {
            "name": name,
            "version": version,
            "task": "text-classification",
            "backend": "huggingface",
            "inputs": [{"name": "text", "type": "text"}],
            **settings,
        },
    )


def echo_folder(folder: Path, *, name: str = "echo", version: str = "1", **settings: Any) -> Path:
    """A model without torch: P(second class) = sigmoid(sum of the inputs a and b)."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_spec(
        folder,
        {
            "name": name,
            "version": version,
            "task": "classification",
            "backend": "echo",
            "inputs": [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}],
            "outputs": {"classes": ["no", "yes"]},
            **settings,
        },
    )


def write_spec(folder: Path, spec: dict[str, Any]) -> Path:
    """Write `model.yaml`. Returns the folder."""
    (folder / "model.yaml").write_text(
        yaml.safe_dump(spec, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    return folder


def _write_tokenizer(folder: Path, tokens: Sequence[str]) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415  as above

    places = {token: place for place, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(places, unk_token="[UNK]"))  # noqa: S106  a token of text
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    written = {"tokenizer_class": "BertTokenizer", "model_max_length": 256, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(written), encoding="utf-8")
