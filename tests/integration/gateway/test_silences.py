"""What a person does about alerts: posted to the gateway, carried by the journal, found in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storage.database import open_writer
from storage.keys import KeyFile, Right
from storage.records import AlertStatus
from storage.silences import add_silence
from tests.helpers.acting import AT, a_firing_alert, a_standing_silence
from tests.helpers.overseeing import Overseen, overseen
from tests.helpers.serving import Reply, Serving, serving

pytestmark = pytest.mark.xdist_group("silences")  # what they share is set up once

ALERTS = (
    a_firing_alert("age", fingerprint="f1"),
    a_firing_alert("plan", fingerprint="f2"),
    a_firing_alert("age", model="fraud", fingerprint="f3"),
    replace(a_firing_alert("age", fingerprint="f4"), status=AlertStatus.RESOLVED, ends_at=AT),
)
AGE = {"matchers": ['model="churn"', 'column=~"ag."'], "duration": "4h", "author": "ann", "comment": "known"}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overseen]:
    rules = [{"name": "drift", "labels": {"team": "risk"}}]
    with overseen(tmp_path_factory.mktemp("both"), ALERTS, {"alerts": {"rules": rules}}) as running:
        yield running


def made(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    return str(reply.json["id"])


def delete(gateway: Serving, id_: str, author: str = "bob") -> Reply:
    return gateway.ask("DELETE", f"/api/silences/{id_}?author={author}")


def test_a_silence_says_what_it_hits_and_is_in_force_until_somebody_ends_it(both: Overseen) -> None:
    reply = both.gateway.post("/api/silences", AGE)
    id_ = made(reply)

    assert [hit["fingerprint"] for hit in reply.json["hits"]] == ["f1"]
    assert reply.json["hits"][0]["labels"]["column"] == "age"
    shown = both.wait_for(lambda: [each for each in both.silences() if each["id"] == id_])[0]
    assert (shown["state"], shown["author"], shown["comment"]) == ("active", "ann", "known")
    assert shown["matchers"][1] == {"label": "column", "operator": "=~", "value": "ag."}
    assert both.alert("f1")["silenced"] == [id_]
    assert both.alert("f2")["silenced"] == both.alert("f4")["silenced"] == []

    ended = delete(both.gateway, id_)

    assert ended.status == 200
    both.wait_for(lambda: not both.silences())
    (over,) = (each for each in both.silences(expired=True) if each["id"] == id_)
    assert (over["state"], over["ended_by"], over["ends_at"]) == ("expired", "bob", ended.json["ends_at"])
    assert both.alert("f1")["silenced"] == []


def test_a_silence_may_hit_by_the_labels_that_a_rule_adds(both: Overseen) -> None:
    reply = both.gateway.post("/api/silences", {**AGE, "matchers": ["team=risk"]})

    assert {hit["fingerprint"] for hit in reply.json["hits"]} == {"f1", "f2", "f3"}
    delete(both.gateway, made(reply))


def test_a_silence_ended_before_it_came_to_sql_is_over_when_it_does(both: Overseen) -> None:
    id_ = made(both.gateway.post("/api/silences", {**AGE, "comment": "a slip"}))
    delete(both.gateway, id_)

    over = both.wait_for(lambda: [each for each in both.silences(expired=True) if each["id"] == id_])[0]

    both.wait_for(lambda: id_ not in [each["id"] for each in both.silences()])
    assert over["comment"] == "a slip"


def test_a_silence_to_come_is_pending_and_silences_nothing_yet(both: Overseen) -> None:
    starts_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    id_ = made(both.gateway.post("/api/silences", {**AGE, "starts_at": starts_at}))

    shown = both.wait_for(lambda: [each for each in both.silences() if each["id"] == id_])[0]

    assert shown["state"] == "pending"
    assert both.alert("f1")["silenced"] == []
    delete(both.gateway, id_)


def test_what_is_over_may_be_ended_again(both: Overseen) -> None:
    id_ = made(both.gateway.post("/api/silences", AGE))
    first = delete(both.gateway, id_)
    assert delete(both.gateway, id_, "eve").json == first.json
    both.wait_for(
        lambda: [each for each in both.silences(expired=True) if each["ended_by"] and each["id"] == id_]
    )

    second = delete(both.gateway, id_, "eve")

    assert second.status == 200
    (over,) = (each for each in both.silences(expired=True) if each["id"] == id_)
    assert (over["ended_by"], over["ends_at"]) == ("bob", first.json["ends_at"])


@pytest.mark.parametrize("id_", ["nobody", "f00-1-39", "%00", "x" * 300])
def test_a_silence_that_nobody_made_cannot_be_ended(both: Overseen, id_: str) -> None:
    reply = delete(both.gateway, id_)

    assert (reply.status, "error" in reply.json) == (404, True)


def test_an_alert_is_acknowledged_and_the_latest_word_wins(both: Overseen) -> None:
    both.gateway.post("/api/alerts/f2/acknowledge", {"author": "ann", "comment": "mine"})
    reply = both.gateway.post("/api/alerts/f2/acknowledge", {"author": "bob"})

    assert (reply.status, reply.json["author"], reply.json["fingerprint"]) == (200, "bob", "f2")
    both.wait_for(lambda: (both.alert("f2")["acknowledged"] or {}).get("author") == "bob")
    assert both.alert("f1")["acknowledged"] is None


def test_an_empty_body_acknowledges_too(both: Overseen) -> None:
    reply = both.gateway.ask("POST", "/api/alerts/f3/acknowledge", b"")

    assert (reply.status, reply.json["author"], reply.json["comment"]) == (200, "unknown", "")


@pytest.mark.parametrize("fingerprint", ["f4", "nobody", "%00", "x" * 300])
def test_only_an_open_alert_can_be_acknowledged(both: Overseen, fingerprint: str) -> None:
    assert both.gateway.post(f"/api/alerts/{fingerprint}/acknowledge", {}).status == 404


def test_a_body_that_is_wrong_changes_nothing(both: Overseen) -> None:
    before = len(both.silences(expired=True))

    bodies: list[object] = [{}, {**AGE, "matchers": ["model=~("]}, {**AGE, "duration": "400d"}, [], 7]
    for body in bodies:
        reply = both.gateway.post("/api/silences", body)
        assert (reply.status, bool(reply.error)) == (400, True)

    assert len(both.silences(expired=True)) == before


def test_hostile_words_come_back_as_they_were_sent(both: Overseen) -> None:
    words = "<script>alert(1)</script>\r\nBcc: eve\u202e \x00"
    id_ = made(both.gateway.post("/api/silences", {**AGE, "comment": words}))

    shown = both.wait_for(lambda: [each for each in both.silences() if each["id"] == id_])[0]

    assert shown["comment"] == words.replace("\0", "\u2400")  # PostgreSQL cannot store the character 0
    delete(both.gateway, id_)


@pytest.fixture(scope="module")
def without_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway whose database nobody has made yet."""
    with serving(tmp_path_factory.mktemp("alone")) as running:
        yield running


def test_without_a_database_a_silence_is_taken_and_what_it_hits_is_unknown(without_database: Serving) -> None:
    reply = without_database.post("/api/silences", AGE)

    assert (reply.status, reply.json["hits"]) == (200, None)
    assert delete(without_database, made(reply)).status == 200
    assert without_database.post("/api/alerts/f1/acknowledge", {}).status == 503
    assert without_database.get("/api/silences").status == 503


def test_a_full_journal_takes_no_silence_and_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    small = {"journal": {"budget_bytes": 64 * 1024, "policy": "drop"}}
    with serving(tmp_path_factory.mktemp("full"), settings=small) as running:
        label = {"id": "order-7", "label": "x" * 900}
        for _ in range(200):
            if running.post("/api/labels", {"labels": [label]}).status == 503:
                break

        reply = running.post("/api/silences", {**AGE, "comment": "x" * 1000})

    assert (reply.status, "retry-after" in reply.headers) == (503, True)


def test_there_is_a_bound_to_silences(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("many")) as running:
        database = open_writer(running.settings.database)
        with database.write() as connection:
            for place in range(1000):
                add_silence(connection, a_standing_silence(f"p-1-{place:x}", hours=1_000_000))
        database.close()

        reply = running.post("/api/silences", AGE)

    assert (reply.status, "end some first" in reply.error) == (409, True)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Serving]]:
    """A gateway with keys, as it is asked with each of them."""
    folder = tmp_path_factory.mktemp("guarded")
    file = KeyFile(folder / ".inferwatch" / "keys.json")
    rights = {
        "reader": {Right.READ}, "actor": {Right.ACT}, "operator": {Right.ACT, Right.READ},
        "old": {Right.INFER, Right.LABEL, Right.READ},
    }  # fmt: skip
    keys = {name: file.create(name, frozenset(each), datetime.now(UTC)) for name, each in rights.items()}
    with overseen(folder, ALERTS) as running:
        gateway = running.gateway
        asked = {
            name: Serving(gateway.port, gateway.settings, gateway.gateway, {"authorization": f"Bearer {key}"})
            for name, key in keys.items()
        }
        yield asked


@pytest.mark.parametrize("name", ["reader", "old"])
def test_a_key_without_the_right_to_act_may_look_and_not_touch(
    guarded: dict[str, Serving], name: str
) -> None:
    asked = guarded[name]

    assert asked.get("/api/silences").status == asked.get("/api/alerts").status == 200
    for method, path in (
        ("POST", "/api/silences"), ("DELETE", "/api/silences/f00-1-39"),
        ("POST", "/api/alerts/f1/acknowledge"), ("PUT", "/api/silences"),
    ):  # fmt: skip
        reply = asked.ask(method, path, json.dumps(AGE).encode())
        assert (reply.status, "'act'" in reply.error) == (403, True), (method, path)


def test_a_key_that_may_act_may_not_read(guarded: dict[str, Serving]) -> None:
    assert guarded["actor"].get("/api/silences").status == 403
    assert guarded["actor"].post("/api/alerts/f1/acknowledge", {}).status == 200


def test_the_key_signs_where_no_author_is_given_and_is_named_where_one_is(
    guarded: dict[str, Serving],
) -> None:
    both = Overseen(guarded["operator"])
    own = made(both.gateway.post("/api/silences", {**AGE, "author": None}))
    other = made(both.gateway.post("/api/silences", AGE))

    found = both.wait_for(
        lambda: {each["id"]: each["author"] for each in both.silences()} if len(both.silences()) == 2 else {}
    )

    assert found == {own: "operator", other: "ann (key operator)"}
    assert guarded["actor"].ask("DELETE", f"/api/silences/{own}").status == 200
    over = both.wait_for(lambda: [each for each in both.silences(expired=True) if each["ended_by"]])
    assert [(each["id"], each["ended_by"]) for each in over] == [(own, "actor")]
