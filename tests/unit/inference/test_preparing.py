"""Tokenising beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from inference.backend import Payload
from inference.errors import EngineError
from inference.preparing import Preparing
from tests.helpers.fakes import FakeModel


class Picky(FakeModel):
    """A tokenizer that cannot read "bad", and counts its calls."""

    def __init__(self) -> None:
        super().__init__(prepares=True)
        self.calls: list[int] = []

    def prepare(self, payloads: Sequence[Payload]) -> list[Payload]:
        self.calls.append(len(payloads))
        if any(payload.data == "bad" for payload in payloads):
            raise ValueError("bad")
        return list(payloads)


def payload(data: str) -> Payload:
    return Payload(data=data, rows=1, units=1)


def test_texts_that_come_together_are_one_job() -> None:
    async def scenario() -> None:
        model = Picky()
        preparing = Preparing(model)

        found = await asyncio.gather(*(preparing.prepare(payload(str(n))) for n in range(10)))

        assert [one.data for one in found] == [str(n) for n in range(10)]
        assert model.calls == [10]
        assert preparing.rows == 0
        preparing.close(EngineError("the test is over"))

    asyncio.run(scenario())


def test_a_text_that_cannot_be_tokenised_fails_alone() -> None:
    async def scenario() -> None:
        preparing = Preparing(Picky())

        results = await asyncio.gather(
            *(preparing.prepare(payload(data)) for data in ("good", "bad", "fine")), return_exceptions=True
        )

        assert isinstance(results[1], EngineError)
        assert not isinstance(results[0], BaseException)
        assert not isinstance(results[2], BaseException)
        preparing.close(EngineError("the test is over"))

    asyncio.run(scenario())


def test_close_fails_what_has_not_begun() -> None:
    async def scenario() -> None:
        preparing = Preparing(Picky())
        waiting = asyncio.create_task(preparing.prepare(payload("late")))
        await asyncio.sleep(0)

        preparing.close(EngineError("the engine stopped"))

        with pytest.raises(EngineError):
            await waiting
        assert preparing.rows == 0

    asyncio.run(scenario())
