"""Texts are scored beside the other monitors: once each, judged when they were, never by two models."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from monitors.process.metrics import MonitorCollector
from monitors.process.rounds import ScoringRound
from monitors.process.tenure import Tenure
from monitors.scores import Scored
from monitors.settings import MonitorSettings
from storage import tables
from storage.accounts import accounting, counted_up_to, lags
from storage.database import Database
from storage.records import AlertStatus, Window
from storage.scorers import ExampleFilter, find_scorer, put_scorer, worst_examples
from storage.summary import Summary
from tests.helpers.scoring import FORUM, HIGH, WordScorer, a_comment, comments
from tests.helpers.station import NOON, CrashError, Pane, Station, a_station, an_event

LENGTH = timedelta(minutes=10)


@pytest.fixture
def scorer() -> WordScorer:
    return WordScorer()


@pytest.fixture
def station(database_url: str, scorer: WordScorer) -> Iterator[Station]:
    with a_station(database_url, partitions=2, scorer=scorer) as made:
        made.register(FORUM)
        yield made


def store(
    station: Station, n: int, *, rude: int = 0, start: float = 0, span: float = 10, producer: str = "p"
) -> None:
    """Comments, twenty in a segment."""
    made = comments(n, rude=rude, start=start, span=span)
    for first in range(0, n, 20):
        station.store(made[first : first + 20], producer=producer)


def toxicity(station: Station) -> dict[Pane, Summary]:
    return station.summaries("toxicity")


def judged(station: Station, metric: str, column: str) -> dict[Window, tuple[float | None, int]]:
    return {
        Window(start=row.start, end=row.end): (row.value, row.n)
        for row in station.rows(tables.measurement)
        if (row.metric, row.column, row.slice) == (metric, column, "all")
    }


def metrics(station: Station) -> dict[str, float]:
    collector = MonitorCollector(station.stages, [], clock=station.clock)
    return {
        sample.name.removeprefix("inferwatch_"): sample.value
        for family in collector.collect()
        for sample in family.samples
        if not sample.labels
    }


def test_rude_comments_are_counted_judged_told_of_and_found_again(station: Station) -> None:
    store(station, 200, rude=2)
    store(station, 200, rude=120, start=10)
    station.store([a_comment("the last", minute=25)])

    station.count()
    station.score()
    station.judge()

    first, second = (Window(start=NOON + n * LENGTH, end=NOON + (n + 1) * LENGTH) for n in (0, 1))
    found = judged(station, "toxic_share", "comment.toxicity")
    assert found[first] == (0.01, 200)
    assert found[second] == (0.6, 200)
    alerts = [row for row in station.rows(tables.alert) if row.rule == "toxicity"]
    assert {row.status for row in alerts} == {AlertStatus.FIRING.value}
    assert "comment.toxicity" in {row.column for row in alerts}
    with station.database.read() as connection:
        asked = ExampleFilter(model="forum", column="comment", class_name="insult", end=second.start)
        worst = worst_examples(connection, asked, 10)
    assert [example.score for example in worst] == [HIGH, HIGH]
    events = [station.log.event(example.event) for example in worst]
    assert all(event and "rude" in str(event.inputs["comment"][0]) for event in events)


def test_slices_are_judged_apart(station: Station) -> None:
    store(station, 40, rude=10)

    station.score()

    cells: dict[str, list[int]] = {}
    for pane, summary in station.summaries("toxicity").items():
        before = cells.get(pane.scope.slice, [0] * 8)
        cells[pane.scope.slice] = [
            a + int(b) for a, b in zip(before, summary["texts input comment"], strict=True)
        ]
    assert {name: counts[:2] for name, counts in cells.items()} == {
        "all": [40, 40],
        "country=DE": [20, 20],
        "country=FR": [20, 20],
    }


def test_places_of_the_worst_texts_are_kept_for_the_whole_and_not_again_for_each_slice(
    station: Station,
) -> None:
    store(station, 40, rude=10)

    station.score()

    kept = {
        pane.scope.slice
        for pane, summary in station.summaries("toxicity").items()
        if any(summary.examples.values())
    }
    assert kept == {"all"}


def test_a_window_is_judged_only_when_its_texts_were_scored(station: Station) -> None:
    store(station, 200)
    station.store([a_comment("the last", minute=25)])

    station.count()
    station.judge()
    before = judged(station, "toxic_share", "comment.toxicity")
    others = judged(station, "requests", "")
    station.score()
    station.judge()

    assert before == {}
    assert others
    assert len(judged(station, "toxic_share", "comment.toxicity")) == 1


def test_a_half_scored_window_is_left_alone(station: Station, scorer: WordScorer) -> None:
    store(station, 100)
    station.score()
    store(station, 100, rude=50, start=5, span=5)
    station.store([a_comment("the last", minute=25)])
    station.count()

    station.judge()

    assert judged(station, "toxic_share", "comment.toxicity") == {}
    with station.database.read() as connection:
        waiting = counted_up_to(connection, ["toxicity", "traffic"])
    assert waiting.keys() == {"toxicity"}
    assert waiting["toxicity"] <= NOON + timedelta(minutes=5)


def test_while_a_text_waits_for_its_score_everything_else_is_counted_and_judged(
    station: Station, scorer: WordScorer
) -> None:
    scorer.held = threading.Event()
    store(station, 200, rude=100)
    station.store([a_comment("the last", minute=25), an_event()])
    thread = threading.Thread(target=station.scoring.step)
    thread.start()

    try:
        station.count()
        station.judge()

        assert judged(station, "requests", "")
        assert judged(station, "toxic_share", "comment.toxicity") == {}
        with station.database.read() as connection:
            behind = {lag.monitor: lag.events for lag in lags(connection) if lag.events}
        assert set(behind) == {"toxicity"}
    finally:
        scorer.held.set()
        thread.join()
    station.score()
    station.judge()

    assert judged(station, "toxic_share", "comment.toxicity")


def test_a_process_that_ends_while_it_waits_for_scores_counts_nothing(
    station: Station, scorer: WordScorer
) -> None:
    scorer.held = threading.Event()
    store(station, 20)
    assert station.stages.scoring is not None
    stop = threading.Event()
    stop.set()
    scoring = ScoringRound(
        station.stages, station.stages.scoring, Tenure(station.stages.leases, ttl_s=15.0), stop
    )

    assert not scoring.step()

    assert toxicity(station) == {}
    assert scoring.problem is None
    scorer.held = None
    station.score()
    assert toxicity(station)


class SlowScorer(WordScorer):
    """Takes longer than a lease lasts: what is not renewed meanwhile goes to another worker."""

    now = 0.0
    database: Database | None = None

    def score(self, texts: Sequence[str], waiting: Callable[[], object]) -> Scored:
        assert self.database is not None
        self.now += 60.0
        waiting()
        taken = tables.lease.update().where(tables.lease.c.name == "scores-1")
        with self.database.write() as connection:
            connection.execute(taken.values(owner="another", epoch=tables.lease.c.epoch + 1))
        return super().score(texts, waiting)


def test_a_partition_that_another_worker_took_over_meanwhile_is_left_to_it(database_url: str) -> None:
    scorer = SlowScorer()
    with a_station(database_url, partitions=2, scorer=scorer) as station:
        scorer.database = station.database
        station.register(FORUM)
        for producer in ("p", "q", "r", "s"):
            store(station, 20, producer=producer)
        assert station.stages.scoring is not None
        tenure = Tenure(station.stages.leases, ttl_s=15.0, monotonic=lambda: scorer.now)
        scoring = ScoringRound(station.stages, station.stages.scoring, tenure, threading.Event())

        scoring.step()

        assert all(station.log.heads().values())
        assert {row.partition for row in station.rows(tables.summary)} == {0}


@pytest.mark.parametrize(("step", "moment"), [("add_summaries", "before"), ("move_cursor", "after")])
def test_a_crash_while_scoring_loses_and_repeats_nothing(
    station: Station, tmp_path: Path, step: str, moment: str
) -> None:
    with a_station(f"sqlite:///{tmp_path}/one.db", partitions=1, scorer=WordScorer()) as one_pass:
        one_pass.register(FORUM)
        store(one_pass, 100, rude=30)
        one_pass.score()
        store(station, 100, rude=30)

        station.counting.crash_at = (step, moment, 2)
        with pytest.raises(CrashError):
            station.score()
        station.restart()
        station.score()

        assert any(summary.examples for summary in toxicity(one_pass).values())
        assert toxicity(station) == toxicity(one_pass)


def test_a_change_of_model_scores_what_is_stored_anew_and_never_adds_the_two(
    database_url: str, tmp_path: Path
) -> None:
    with a_station(database_url, partitions=1, scorer=WordScorer()) as old:
        old.register(FORUM)
        store(old, 100, rude=40)
        old.count()
        old.score()
        before = {pane.reference for pane in old.summaries("toxicity")}
    with a_station(database_url, partitions=1, scorer=WordScorer(version="2", high=0.3), owner="one") as new:
        new.stages.watchlist.refresh()
        store(new, 100, rude=40, start=10, producer="q")
        new.store([a_comment("the last", minute=25)], producer="q")
        new.count()
        new.score()
        new.judge()

        hashes = {pane.reference for pane in new.summaries("toxicity")}
        with new.database.read() as connection:
            in_force = find_scorer(connection)
        assert in_force is not None
        assert in_force.version == "2"
        assert hashes == before | {in_force.hash}
        found = judged(new, "toxic_share", "comment.toxicity")
        assert found == {
            Window(start=NOON, end=NOON + LENGTH): (0.0, 100),
            Window(start=NOON + LENGTH, end=NOON + 2 * LENGTH): (0.0, 100),
        }
        with new.database.read() as connection:
            asked = ExampleFilter(model="forum", column="comment", class_name="toxicity")
            assert {example.score for example in worst_examples(connection, asked, 100)} == {0.3}


def test_a_model_that_is_missing_keeps_texts_waiting_and_is_seen_to(
    station: Station, scorer: WordScorer
) -> None:
    scorer.missing = True
    store(station, 200, rude=100)
    station.store([a_comment("the last", minute=25)])
    station.count()

    scoring = station.score()
    station.judge()

    assert scoring.problem == "there is no such model"
    shown = metrics(station)
    assert (shown["scoring_ready"], shown["scoring_failures_total"], shown["texts_scored_total"]) == (0, 1, 0)
    assert judged(station, "toxic_share", "comment.toxicity") == {}
    assert judged(station, "requests", "")
    with station.database.read() as connection:
        account = accounting(connection)
        assert {lag.monitor for lag in lags(connection) if lag.events} == {"toxicity"}
        assert find_scorer(connection) is None
    assert account.counted == 0

    scorer.missing = False
    station.restart()
    station.score()
    station.judge()

    assert judged(station, "toxic_share", "comment.toxicity")
    shown = metrics(station)
    assert (shown["scoring_ready"], shown["texts_scored_total"]) == (1, 201)


def test_a_process_whose_model_is_no_longer_in_force_counts_nothing(station: Station) -> None:
    station.score()
    with station.database.write() as connection:
        put_scorer(connection, WordScorer(version="2").open())
    station.stages.watchlist.refresh()
    store(station, 20)

    scoring = station.score()

    assert scoring.problem is not None
    assert "words 2 is in force" in scoring.problem
    assert toxicity(station) == {}


def test_where_no_texts_are_the_model_is_not_loaded_and_nothing_waits(
    database_url: str, scorer: WordScorer
) -> None:
    scorer.missing = True
    with a_station(database_url, partitions=1, scorer=scorer) as station:
        station.register()
        station.store([an_event() for _ in range(10)])
        station.count()

        scoring = station.score()

        assert scoring.problem is None
        with station.database.read() as connection:
            assert accounting(connection).counted == 10


def test_events_that_retention_deleted_before_scoring_began_are_not_missed(
    station: Station, scorer: WordScorer
) -> None:
    store(station, 40)
    station.count()
    with station.database.write() as connection:
        connection.execute(tables.segment.delete())

    station.score()

    with station.database.read() as connection:
        account = accounting(connection)
    assert (account.stored, account.counted) == (40, 40)


def test_only_the_chosen_share_is_scored_and_the_rest_is_said_to_be_unscored(database_url: str) -> None:
    settings = MonitorSettings.model_validate({"scoring": {"share": 0.5}})
    scorer = WordScorer()
    with a_station(database_url, partitions=1, scorer=scorer, settings=settings) as station:
        station.register(FORUM)
        store(station, 400)
        station.store([a_comment("the last", minute=25)])
        station.count()
        station.score()
        station.judge()

        ((share, n),) = judged(station, "scored_share", "comment").values()

    assert n == 400
    assert share is not None
    assert 0.4 < share < 0.6
    assert len(scorer.asked) == pytest.approx(400 * share, abs=1.5)
