"""Leases are asked for rarely, renewed in time, and forgotten when they are lost."""

from __future__ import annotations

from typing import cast

from monitors.process.tenure import Tenure
from storage.errors import LeaseLostError
from storage.leases import Lease, Leases


class FakeLeases:
    """Leases of one owner, without a database."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.taken_by_other = False
        self.epoch = 0

    def acquire(self, name: str) -> Lease | None:
        self.asked.append("acquire")
        self.epoch += 1
        return None if self.taken_by_other else Lease(name=name, owner="me", epoch=self.epoch)

    def renew(self, lease: Lease) -> None:
        self.asked.append("renew")
        if self.taken_by_other:
            raise LeaseLostError("gone")

    def release(self, lease: Lease) -> None:
        self.asked.append("release")


class Hand:
    """A clock moved by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def a_tenure() -> tuple[Tenure, FakeLeases, Hand]:
    leases, clock = FakeLeases(), Hand()
    return Tenure(cast(Leases, leases), ttl_s=15.0, monotonic=clock), leases, clock


def test_a_lease_is_taken_once_and_renewed_after_a_third_of_its_term() -> None:
    tenure, leases, clock = a_tenure()

    first = tenure.lease("judge")
    for clock.now_s in (1.0, 4.9, 5.0, 9.9):
        assert tenure.lease("judge") == first

    assert leases.asked == ["acquire", "renew"]


def test_a_lease_that_another_holds_is_asked_for_again_after_a_while() -> None:
    tenure, leases, clock = a_tenure()
    leases.taken_by_other = True

    assert tenure.lease("judge") is None
    assert tenure.lease("judge") is None
    leases.taken_by_other = False
    clock.now_s = 5.0

    assert tenure.lease("judge") is not None
    assert leases.asked == ["acquire", "acquire"]


def test_a_lost_lease_is_not_worked_under_any_more() -> None:
    tenure, leases, clock = a_tenure()
    tenure.lease("judge")
    leases.taken_by_other = True
    clock.now_s = 5.0

    assert tenure.lease("judge") is None


def test_after_a_failure_every_lease_is_taken_anew() -> None:
    tenure, _, _ = a_tenure()
    first = tenure.lease("judge")

    tenure.forget()

    assert tenure.lease("judge") != first


def test_leases_are_given_back_at_the_end() -> None:
    tenure, leases, _ = a_tenure()
    tenure.lease("judge")

    tenure.release()

    assert leases.asked == ["acquire", "release"]
