"""One round of the counting thread: count every partition, then judge, then tidy up now and then.

They share a thread so that the judge sees a model's clock only when every partition was counted that far.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from monitors.housekeeping import Housekeeping
from monitors.stages import Stages
from monitors.tenure import Tenure

REFRESH_S = 2.0
JUDGE_S = 1.0
RETRY_S = 1.0


class CountingRound:
    """What the counting thread does over and over."""

    def __init__(
        self,
        stages: Stages,
        tenure: Tenure,
        housekeeping: Housekeeping,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stages = stages
        self._tenure = tenure
        self._housekeeping = housekeeping
        self._monotonic = monotonic
        self._next: dict[str, float] = {}
        self._labels_tried = True  # whether the waiting labels were tried since anything was last counted

    def step(self) -> bool:
        """Whether there may be more to count at once."""
        if self._due("refresh", REFRESH_S):
            self._stages.watchlist.refresh()
        taken = self._count()
        if taken:
            self._labels_tried = False
        elif self._recount():
            return True
        if not self._labels_tried and self._due("labels", RETRY_S):
            self._retry_labels()
        if self._due("judge", JUDGE_S) and (lease := self._tenure.lease("judge")) is not None:
            judged = self._stages.judge.look(lease)
            if not judged and not taken:
                self._housekeeping.step(self._tenure)
        return taken > 0

    def forget(self) -> None:
        """After a failure: read everything anew from SQL."""
        self._tenure.forget()
        self._stages.runner.forget()
        self._stages.recounter.forget()

    def _count(self) -> int:
        taken = 0
        heads = self._stages.log.heads()
        for partition, head in sorted(heads.items()):
            lease = self._tenure.lease(f"partition-{partition}")
            if lease is not None and self._stages.runner.behind(partition, lease, head):
                taken += self._stages.runner.take(partition, lease)
        return taken

    def _recount(self) -> int:
        counted = 0
        for partition in self._stages.log.partitions:
            lease = self._tenure.lease(f"partition-{partition}")
            if lease is not None:
                counted += self._stages.recounter.take(partition, lease)
        return counted

    def _retry_labels(self) -> None:
        """One page of waiting labels. Only as long as events come: without new ones nothing can be found."""
        for partition in self._stages.log.partitions:
            lease = self._tenure.lease(f"partition-{partition}")
            if lease is not None:
                self._labels_tried = self._stages.joiner.retry(partition, lease) == 0
                return

    def _due(self, what: str, every_s: float) -> bool:
        now = self._monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + every_s
        return True
