"""One round of the counting thread: count every partition, judge, tell, and tidy up now and then.

They share a thread so that the judge sees a model's clock only when every partition was counted that far.
What needs scores of texts is counted in a round of another thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from monitors.errors import ScoringError
from monitors.process.housekeeping import Housekeeping
from monitors.process.recount import Recounter
from monitors.process.runner import Runner
from monitors.process.stages import Scoring, Stages
from monitors.process.tenure import Tenure
from storage.leases import Lease
from storage.scorers import put_scorer

log = logging.getLogger(__name__)

REFRESH_S = 3.0
JUDGE_S = 0.5  # while events come
IDLE_JUDGE_S = 5.0  # for the windows of models that have gone quiet
NOTIFY_S = 1.0
RETRY_S = 1.0
TRY_AGAIN_S = 10.0  # after texts could not be scored


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
        if self._due("notify", NOTIFY_S if self._stages.notifier.expecting else IDLE_JUDGE_S):
            self._notify()
        return taken + recounted > 0

    def _judge(self, *, counting: bool) -> None:
        lease = self._tenure.lease("judge")
        if lease is None:
            return
        judged = self._stages.judge.look(lease)
        if judged:
            self._last.pop("notify", None)  # what is new is told of in this round
        self._judged = not judged and not counting
        if self._judged:
            self._housekeeping.step(self._tenure)

    def _notify(self) -> None:
        lease = self._tenure.lease("judge")
        if lease is not None:
            self._stages.notifier.look(lease)

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


class ScoringRound:
    """What the scoring thread does over and over: count for the monitors that need scores of texts.

    It has leases and read positions of its own, so that slow scoring keeps nothing else waiting. While texts
    cannot be scored nothing is counted: what came waits in the log, and is seen to wait.
    """

    def __init__(
        self,
        stages: Stages,
        scoring: Scoring,
        tenure: Tenure,
        stop: threading.Event,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stages = stages
        self._scoring = scoring
        self._tenure = tenure
        self._stop = stop
        self._monotonic = monotonic
        self._announced = False
        self._try_at = 0.0
        self.problem: str | None = None  # what keeps texts from being scored

    def step(self) -> bool:
        """Whether there may be more to score at once."""
        heads = self._stages.log.heads()
        leases = {partition: self._tenure.lease(f"scores-{partition}") for partition in sorted(heads)}
        held = {partition: lease for partition, lease in leases.items() if lease is not None}
        for partition, lease in held.items():
            self._scoring.runner.enrol(partition, lease)
        if not held or (self.problem is not None and self._monotonic() < self._try_at):
            return False
        behind = {
            partition: lease
            for partition, lease in held.items()
            if self._scoring.runner.behind(partition, lease, heads[partition])
        }
        try:
            if not self._has_texts(behind):
                return False
            self._open()
            done = 0
            for partition in held:
                counter = self._scoring.runner if partition in behind else self._scoring.recounter
                done += self._take(partition, counter)
        except ScoringError as exc:
            if not self._stop.is_set():
                self._note(str(exc))
            return False
        self.problem = None
        return done > 0

    def forget(self) -> None:
        """After a failure: read everything anew from SQL."""
        self._tenure.forget()
        self._scoring.runner.forget()
        self._scoring.recounter.forget()

    def _has_texts(self, behind: Mapping[int, Lease]) -> bool:
        """Whether any model has texts. If none has, what lies ahead is passed over."""
        watchlist = self._stages.watchlist
        if watchlist.has_any(watchlist.scored):
            return True
        if not behind:
            return False
        watchlist.refresh()  # a model of texts may have come with what is about to be passed over
        if watchlist.has_any(watchlist.scored):
            return True
        for partition, lease in behind.items():
            self._scoring.runner.pass_over(partition, lease)
        return False

    def _open(self) -> None:
        """Load the model, and write down which one it is."""
        scorer = self._scoring.texts.scorer.open()
        if not self._announced:
            with self._stages.database.write() as connection:
                put_scorer(connection, scorer)
            self._stages.watchlist.refresh()
            self._announced = True
        self._scoring.texts.stats.ready = True

    def _take(self, partition: int, counter: Runner | Recounter) -> int:
        """Count in a partition that is still ours: those before it may have taken longer than a lease."""
        lease = self._tenure.lease(f"scores-{partition}")
        if lease is None:
            return 0
        self._scoring.texts.waiting = partial(self._keep, partition)
        return counter.take(partition, lease)

    def _keep(self, partition: int) -> None:
        """While scores are waited for: renew the lease, and leave when the process ends."""
        if self._stop.is_set():
            raise ScoringError("the process ends")
        self._tenure.lease(f"scores-{partition}")

    def _note(self, problem: str) -> None:
        self._scoring.texts.stats.failures += 1
        self._scoring.texts.stats.ready = False
        self._try_at = self._monotonic() + TRY_AGAIN_S
        if problem != self.problem:
            log.error("texts are not scored", extra={"error": problem})
        self.problem = problem
