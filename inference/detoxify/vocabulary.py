"""The tokenizer of a checkpoint: whether it is the one that the weights were trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inference.errors import LoadError, SpecError
from inference.texts import TEXTS

MAX_LENGTH = 512
_UNLIMITED = 1_000_000  # transformers says 10**30 where nothing is said
_UNKNOWN_SHARE = 0.1


def read_tokenizer(folder: Path, tokenizer_class: Any) -> Any:
    """From files alone. Raises `SpecError` where nothing limits the length of a text."""
    path = folder / "tokenizer_config.json"
    if not path.exists():
        raise SpecError(
            f"{path} does not exist, so nothing says how long a text may be, and longer ones would fail; "
            f'write it with {{"model_max_length": {MAX_LENGTH}}} and what else the tokenizer needs'
        )
    try:
        tokens = tokenizer_class.from_pretrained(folder, local_files_only=True)
    except Exception as exc:  # transformers raises of all kinds; whoever imports learns of it
        raise LoadError(f"the tokenizer in {folder} cannot be loaded: {type(exc).__name__}: {exc}") from exc
    if not tokens.is_fast:
        raise LoadError(f"the tokenizer in {folder} has no fast form; it needs a tokenizer.json")
    if tokens.model_max_length > _UNLIMITED:
        raise SpecError(f'{path} has no limit of length; add "model_max_length": {MAX_LENGTH}')
    tokens.model_max_length = min(tokens.model_max_length, MAX_LENGTH)
    return tokens


def check_vocabulary(tokens: Any, config: Any) -> None:
    """Raises `LoadError` where the tokenizer is not the one that the weights were trained with."""
    ids: list[list[int]] = tokens(list(TEXTS))["input_ids"]
    largest = max(map(max, ids))
    if len(tokens) > config.vocab_size or largest >= config.vocab_size:
        raise LoadError(
            f"the vocabulary has {len(tokens)} words and the model {config.vocab_size}: it is another model's"
        )
    every = [one for text in ids for one in text]
    unknown = every.count(tokens.unk_token_id) / len(every)
    if unknown > _UNKNOWN_SHARE:
        raise LoadError(
            f"{unknown:.0%} of the words of plain English sentences are unknown to the vocabulary: its "
            "file is missing, was not read, or is another model's"
        )
    if len(set(map(tuple, ids))) != len(ids):
        raise LoadError("two different texts have the same token ids: the vocabulary is not the model's")
    if tokens.pad_token_id != config.pad_token_id:
        raise LoadError(
            f"the tokenizer pads with {tokens.pad_token_id} and config.json says {config.pad_token_id}: they "
            "are not of one model"
        )
