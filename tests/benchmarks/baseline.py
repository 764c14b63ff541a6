"""The named baseline: a plain FastAPI app around a torch model, as one writes it on the first day.

No batching, no monitoring. Typed request and answer, uvicorn with uvloop and httptools, one torch thread:
the same server and the same thread count as inferwatch gets. The endpoint is `async`, which is the faster of
the two ways to write it for a model this small: a worker thread per request costs more than it gives.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
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


def mlp_app(folder: Path) -> FastAPI:
    """A multi-layer perceptron over rows of 30 numbers."""
    net = Net()
    net.load_state_dict(load_file(folder / "model.safetensors"))
    net.eval()
    app = FastAPI()

    @app.post("/predict")
    async def predict(rows: Rows) -> Predictions:
        numbers = torch.tensor(rows.instances, dtype=torch.float32)
        with torch.inference_mode():
            logits = net(numbers, torch.empty(len(rows.instances), 0, dtype=torch.int64))
        return _predictions(logits)

    return app


def bert_app(folder: Path) -> FastAPI:
    """A small BERT over texts of mixed length."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415  # seconds to import

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()
    app = FastAPI()

    @app.post("/predict")
    async def predict(texts: Texts) -> Predictions:
        encoded = tokenizer(texts.instances, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**encoded).logits
        return _predictions(logits)

    return app


def _predictions(logits: torch.Tensor) -> Predictions:
    scores = torch.softmax(logits, dim=-1)[:, 1].tolist()
    return Predictions(predictions=[{"class": str(int(score >= 0.5)), "score": score} for score in scores])


APPS: dict[str, Callable[[Path], FastAPI]] = {"mlp": mlp_app, "bert": bert_app}


def main() -> None:
    """Serve one of the two on a loopback port."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=APPS, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    app = APPS[options.model](options.folder)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
