"""One round of the counting thread: count every partition, then judge, then tidy up now and then.

They share a thread so that the judge sees a model's clock only when every partition was counted that far.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from monitors.housekeeping import Housekeeping
from monitors.stages import Stages
from monitors.tenure import Tenure

REFRESH_S = 3.0
JUDGE_S = 0.5  # while events come
IDLE_JUDGE_S = 5.0  # for the windows of models that have gone quiet
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
        self._last: dict[str, float] = {}  # when each was last due
        self._labels_tried = True  # whether the waiting labels were tried since anything was last counted
        self._judged = False  # whether nothing was left to judge at the last look

    def step(self) -> bool:
        """Whether there may be more to count at once."""
        if self._due("refresh", REFRESH_S):
            self._stages.watchlist.refresh()
        taken = self._count()
        if taken:
            self._labels_tried = self._judged = False
        recounted = 0 if taken else self._recount()
        if not self._labels_tried and self._due("labels", RETRY_S):
            self._retry_labels()
        if self._due("judge", IDLE_JUDGE_S if self._judged else JUDGE_S):
            self._judge(counting=taken > 0)
        return taken + recounted > 0

    def _judge(self, *, counting: bool) -> None:
        lease = self._tenure.lease("judge")
        if lease is None:
            return
        judged = self._stages.judge.look(lease)
        self._judged = not judged and not counting
        if self._judged:
            self._housekeeping.step(self._tenure)

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
        if what in self._last and now - self._last[what] < every_s:
            return False
        self._last[what] = now
        return True
