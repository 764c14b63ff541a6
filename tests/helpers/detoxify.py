"""Small checkpoints in Detoxify's format, with a tokenizer folder, made on the spot without a network."""

from __future__ import annotations

import json
import re
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    AlbertTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaTokenizer,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaTokenizer,
)

from inference.texts import HARMLESS, TEXTS

ORIGINAL = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
"""The classes of Detoxify's `original`, as its checkpoint calls them."""
UNBIASED = (
    "toxicity",
    "severe_toxicity",
    "obscene",
    "identity_attack",
    "insult",
    "threat",
    "sexual_explicit",
)
"""Those of `unbiased`, whose model has 9 outputs more."""
UNBIASED_OUTPUTS = 16
_SURE = 4.0
_RIDGE = 0.1  # keeps the weights small: large ones would enlarge the rounding that tests compare
_SPREAD = 0.2  # of the first weights: large enough that texts differ in their scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A checkpoint as a person would have it, not yet saved, and the folder of its tokenizer."""

    content: dict[str, Any]
    tokenizer: Path

    def saved(self, name: str = "tiny.ckpt") -> Path:
        """The file, beside the tokenizer."""
        path = self.tokenizer.parent / name
        torch.save(self.content, path)
        return path


def bert_checkpoint(place: Path, *, hidden: int = 64) -> Made:
    """A BERT of 2 layers whose toxicity tells the rude texts of the self-test from the harmless ones."""
    folder = place / "tokenizer"
    words = sorted({word for text in TEXTS for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    config = _config(BertConfig, folder, hidden, vocab_size=len(tokens), num_labels=len(ORIGINAL))
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 512})
    module = _module(BertForSequenceClassification, config)
    _teach(module, BertTokenizer.from_pretrained(folder), module.classifier)
    return _made(module, folder, "BertTokenizer", ORIGINAL)


def roberta_checkpoint(place: Path) -> Made:
    """A RoBERTa that reads bytes, with more outputs than classes."""
    folder = place / "tokenizer"
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    sizes = {"vocab_size": len(tokens), "max_position_embeddings": 514}
    config = _config(RobertaConfig, folder, 64, num_labels=UNBIASED_OUTPUTS, **sizes)
    write_json(folder / "vocab.json", {token: place for place, token in enumerate(tokens)})
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {"model_max_length": 512})
    module = _module(RobertaForSequenceClassification, config)
    _teach(module, RobertaTokenizer.from_pretrained(folder), module.classifier.out_proj)
    return _made(module, folder, "RobertaTokenizer", UNBIASED)


def albert_checkpoint(place: Path) -> Made:
    """An ALBERT, as in Detoxify's small models."""
    folder = place / "tokenizer"
    vocabulary = _pieces("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
    sizes = {"vocab_size": len(vocabulary), "num_labels": len(ORIGINAL), "embedding_size": 32}
    module = _module(AlbertForSequenceClassification, _config(AlbertConfig, folder, 64, **sizes))
    tokenizer = _saved(AlbertTokenizer, vocabulary, folder)
    _teach(module, tokenizer, module.classifier)
    return _made(module, folder, "AlbertTokenizer", ORIGINAL)


def xlm_roberta_checkpoint(place: Path) -> Made:
    """An XLM-RoBERTa, as in Detoxify's `multilingual`."""
    folder = place / "tokenizer"
    vocabulary = _pieces("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    sizes = {"vocab_size": len(vocabulary), "max_position_embeddings": 514, "num_labels": UNBIASED_OUTPUTS}
    module = _module(XLMRobertaForSequenceClassification, _config(XLMRobertaConfig, folder, 64, **sizes))
    tokenizer = _saved(XLMRobertaTokenizer, vocabulary, folder)
    _teach(module, tokenizer, module.classifier.out_proj)
    return _made(module, folder, "XLMRobertaTokenizer", UNBIASED)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """A file of JSON."""
    path.write_text(json.dumps(content), encoding="utf-8")


def _pieces(*special: str) -> list[tuple[str, float]]:
    """The vocabulary of a unigram tokenizer: whole words, and single characters for what is none of them."""
    words = {word for text in TEXTS for word in (*text.split(), *text.lower().split())}
    signs = sorted(string.printable.strip())
    pieces = [*((f"\u2581{word}", -2.0) for word in sorted(words)), *((sign, -9.0) for sign in signs)]
    return [*((one, 0.0) for one in special), *pieces, ("\u2581", -5.0)]


def _saved(kind: Any, vocabulary: list[tuple[str, float]], folder: Path) -> Any:
    tokenizer = kind(vocab=vocabulary, model_max_length=512)
    tokenizer.save_pretrained(folder)
    return kind.from_pretrained(folder)


def _config(kind: Any, folder: Path, hidden: int, **sizes: int) -> Any:
    config = kind(
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=hidden // 32,
        intermediate_size=2 * hidden,
        initializer_range=_SPREAD,
        **sizes,
    )
    config.save_pretrained(folder)
    return config


def _module(kind: Any, config: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(config).eval()


def _teach(module: Any, tokenizer: Any, head: torch.nn.Linear) -> None:
    """Set the head's first row by ridge regression: sure of the rude texts, and of the harmless ones."""
    seen: list[torch.Tensor] = []
    hook = head.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    wanted = torch.full((len(TEXTS), 1), _SURE)
    wanted[: len(HARMLESS)] = -_SURE
    with torch.no_grad():
        module(**tokenizer(list(TEXTS), return_tensors="pt", padding=True))
        hook.remove()
        features = torch.cat([seen[0], torch.ones(len(TEXTS), 1)], dim=1).double()
        squares = features.T @ features + _RIDGE * torch.eye(features.shape[1], dtype=torch.float64)
        row = torch.linalg.solve(squares, features.T @ wanted.double())[:, 0].float()
        head.weight[0], head.bias[0] = row[:-1], row[-1]


def _made(module: Any, folder: Path, tokenizer: str, classes: tuple[str, ...]) -> Made:
    args = {
        "model_type": str(
            folder
        ),  # Detoxify looks it up even where it is given a folder: so it is the folder
        "model_name": type(module).__name__,
        "tokenizer_name": tokenizer,
        "num_classes": module.config.num_labels,
    }
    config = {"arch": {"args": args}, "dataset": {"args": {"classes": list(classes)}}}
    state = {key: tensor.detach().clone() for key, tensor in module.state_dict().items()}
    return Made(content={"config": config, "state_dict": state}, tokenizer=folder)
