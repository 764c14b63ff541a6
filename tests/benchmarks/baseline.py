"""The named baseline: a plain FastAPI app around a torch model, as one writes it on the first day.

No batching, no monitoring. Typed request and answer, uvicorn with uvloop and httptools, one torch thread:
the same server and the same thread count as inferwatch gets. There are two ways to write its endpoint, and
both are measured: `def`, which FastAPI runs on a worker thread and advises for work that blocks, and
`async def`, which is faster for so small a model but stops the whole server while a forward runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from safetensors.torch import load_file

from tests.helpers.nets import Net


class Rows(BaseModel):
    """Rows of numbers."""

    instances: list[list[float]]


class Texts(BaseModel):
    """Texts, a row each."""

    instances: list[str]


class Predictions(BaseModel):
    """A class and its score for each row."""

    predictions: list[dict[str, str | float]]


class Mlp:
    """A multi-layer perceptron over rows of 30 numbers."""

    def __init__(self, folder: Path) -> None:
        self.net = Net()
        self.net.load_state_dict(load_file(folder / "model.safetensors"))
        self.net.eval()

    def predict(self, rows: Rows) -> Predictions:
        """The endpoint as `def`."""
        numbers = torch.tensor(rows.instances, dtype=torch.float32)
        with torch.inference_mode():
            logits = self.net(numbers, torch.empty(len(rows.instances), 0, dtype=torch.int64))
        return _predictions(logits)

    async def predict_on_loop(self, rows: Rows) -> Predictions:
        """The endpoint as `async def`."""
        return self.predict(rows)


class Bert:
    """A small BERT over texts of mixed length."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415  # slow

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()

    def predict(self, texts: Texts) -> Predictions:
        """The endpoint as `def`."""
        encoded = self.tokenizer(texts.instances, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            logits = self.model(**encoded).logits
        return _predictions(logits)

    async def predict_on_loop(self, texts: Texts) -> Predictions:
        """The endpoint as `async def`."""
        return self.predict(texts)


MODELS: dict[str, type[Mlp] | type[Bert]] = {"mlp": Mlp, "bert": Bert}


def main() -> None:
    """Serve one of the two on a loopback port."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--endpoint", choices=("def", "async"), required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = MODELS[options.model](options.folder)
    app = FastAPI()
    app.post("/predict")(model.predict if options.endpoint == "def" else model.predict_on_loop)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="error", access_log=False)


def _predictions(logits: torch.Tensor) -> Predictions:
    scores = torch.softmax(logits, dim=-1)[:, 1].tolist()
    return Predictions(predictions=[{"class": str(int(score >= 0.5)), "score": score} for score in scores])


if __name__ == "__main__":
    main()
