"""Simulated messages of customers, and what each is about. Nobody wrote them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np

from gateway.demo.rows import Change, Rows
from inference.texts import RUDE

MODEL = "demo-messages"
LABEL = "topic"
TOPICS: dict[str, tuple[str, ...]] = {
    "delivery": (
        "My parcel {n} has not arrived yet.",
        "Where is order {n} now?",
        "The courier left box {n} with a neighbour.",
        "Could parcel {n} be delivered on Saturday?",
        "The tracking page shows nothing for {n}.",
    ),
    "billing": (
        "Invoice {n} shows the wrong amount.",
        "I paid bill {n} twice by card.",
        "Please send me the receipt for {n}.",
        "The discount is missing on invoice {n}.",
        "When will {n} be charged to my account?",
    ),
    "returns": (
        "I would like to send item {n} back.",
        "How do I return number {n}?",
        "Item {n} came in the wrong size.",
        "Please exchange {n} for a smaller one.",
        "The return label for {n} does not print.",
    ),
    "praise": (
        "Order {n} is perfect, well done.",
        "I am very happy with number {n}.",
        "Great service with order {n}.",
        "The quality of {n} is excellent.",
        "My family loves what came with {n}.",
    ),
}
CLOSINGS = (
    "Thank you for your help.",
    "I look forward to your answer.",
    "Have a good day in the office.",
    "Kind regards from Lake Road.",
    "Please write to me this week.",
    "Many thanks and all the best.",
    "You can reach me after lunch.",
    "I hope to hear from you soon.",
)

RUDE_CLOSINGS = tuple(text for text in RUDE if 24 <= len(text) <= 31)
"""As long as the polite ones, so that the length of the messages does not drift."""

_RUDE_SHARE = 0.35
_MISTAKEN = 0.04
"""The share of the labels in which a person was wrong."""


def message_rows(n: int, rng: np.random.Generator, changes: AbstractSet[Change] = frozenset()) -> Rows:
    """So many messages, with their topics. A rude one differs from a polite one in its last sentence."""
    names = tuple(TOPICS)
    topics = rng.integers(0, len(names), n)
    rude = rng.random(n) < (_RUDE_SHARE if Change.TOXIC in changes else 0.0)
    texts = []
    for topic, is_rude in zip(topics, rude, strict=True):
        opening = str(rng.choice(TOPICS[names[topic]])).format(n=rng.integers(1000, 9999))
        texts.append(f"{opening} {rng.choice(RUDE_CLOSINGS if is_rude else CLOSINGS)}")
    mistaken = rng.random(n) < _MISTAKEN
    said = np.where(mistaken, rng.integers(0, len(names), n), topics)
    return Rows(inputs={"text": [*texts]}, labels=[names[place] for place in said])
