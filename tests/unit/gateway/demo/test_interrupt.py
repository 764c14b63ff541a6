"""Ctrl-C in the seconds before the demo's processes run."""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from gateway.demo.interrupt import heeding_interrupts


def test_an_interrupt_that_a_library_swallowed_is_heeded_when_it_is_done() -> None:
    done = []

    def swallow() -> None:
        with heeding_interrupts():
            with suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        swallow()

    assert done == ["all of it"]


def test_what_was_done_about_interrupts_before_is_done_again_after() -> None:
    before = signal.getsignal(signal.SIGINT)

    with heeding_interrupts():
        pass

    assert signal.getsignal(signal.SIGINT) is before
