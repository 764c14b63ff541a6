"""The page that asks about rows, on a gateway and a monitor process: answers go down the road and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.launch import APP
from dashboard.pages import label
from dashboard.settings import DATABASE_URL, GATEWAY_URL
from storage.keys import KeyFile, Right
from tests.helpers.overseeing import Overseen, overseen
from tests.helpers.ports import free_port
from tests.helpers.serving import ECHO, ONE_COLUMN, serving

pytestmark = pytest.mark.xdist_group("label-page")  # what they share is set up once

LATE = "2026-01-05T23:59:00Z"  # few rows are to come that day, so many of these are chosen
HOSTILE = "![x](http://127.0.0.1:9/x.png) <script>alert(1)</script>"
MODELS: list[dict[str, Any]] = [
    {**ECHO, "label": HOSTILE, "outputs": {"classes": ["no", HOSTILE]}},
    {**ONE_COLUMN, "label": "price"},
    {**ONE_COLUMN, "name": "idle"},
    {**ECHO, "name": "many", "outputs": {"classes": [f"class {number}" for number in range(40)]}},
]
PEOPLE = [{"age": age, "country": "DE", "member": True} for age in range(300)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overseen]:
    with overseen(tmp_path_factory.mktemp("label"), models=MODELS) as running:
        post = running.gateway.post
        post("/v1/models/echo:predict", {"instances": PEOPLE, "at": LATE})
        post("/v1/models/one:predict", {"instances": [{"x": x / 7} for x in range(200)], "at": LATE})
        post("/v1/models/many:predict", {"instances": PEOPLE, "at": LATE})
        running.wait_for(lambda: progress(running, "echo"))
        running.wait_for(lambda: progress(running, "many"))
        running.wait_for(lambda: progress(running, "one"))
        yield running


@pytest.fixture(autouse=True)
def surroundings(both: Overseen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATABASE_URL, both.gateway.settings.database.url)
    monkeypatch.setenv(GATEWAY_URL, both.gateway.url)


def progress(both: Overseen, model: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = both.gateway.get(f"/api/samples?model={model}").json["progress"]
    return found


def open_rows(both: Overseen, model: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = both.gateway.get(f"/api/samples?model={model}&limit=200").json["samples"]
    return found


def label_page(model: str | None = None) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page("pages/label.py")
    if model is not None:
        app.query_params["model"] = model
    return app.run()


def press(app: AppTest, start: str) -> AppTest:
    """The first button whose key starts so."""
    return next(button for button in app.button if str(button.key).startswith(start)).click().run()


def texts(app: AppTest) -> str:
    kinds = ("text", "info", "warning", "error", "success", "caption", "code")
    return "\n".join(str(getattr(element, "value", "")) for kind in kinds for element in app.get(kind))


def labels_of(both: Overseen, sample: dict[str, Any]) -> list[Any]:
    story = both.gateway.get(f"/api/events/{sample['event']}").json
    return [each["label"] for each in story["labels"] if each["row"] == sample["row"]]


def test_an_answer_is_sent_and_undo_takes_it_back(both: Overseen) -> None:
    first, second = open_rows(both, "echo")[:2]
    app = label_page("echo")
    shown = app.dataframe[0].value
    outputs = len(app.dataframe)

    app = press(app, "answer-")
    both.wait_for(lambda: labels_of(both, first) == ["no"])
    after = app.dataframe[0].value
    app = press(app, "undo-")
    both.wait_for(lambda: labels_of(both, first) == [])

    assert not app.exception
    assert dict(shown.values) == {name: str(value) for name, value in first["inputs"].items()}
    assert dict(after.values) == {name: str(value) for name, value in second["inputs"].items()}
    assert dict(app.dataframe[0].value.values) == dict(shown.values)
    assert outputs == 1  # what the model said is not on the page until it is asked for
    assert len(press(app, "show-").dataframe) == 2


def test_names_of_classes_and_labels_are_never_read_as_markdown(both: Overseen) -> None:
    app = label_page("echo")

    labels = [button.label for button in app.button]
    assert r"\!\[x\]\(http\:\/\/127\.0\.0\.1\:9\/x\.png\) \<script\>alert\(1\)\<\/script\>" in labels
    assert f"Wanted: {HOSTILE}" in [element.value for element in app.text]


def test_a_number_is_asked_for_where_the_model_gives_one(both: Overseen) -> None:
    first = open_rows(both, "one")[0]
    app = label_page("one")

    app.number_input(key="number").set_value(3.25)
    app = next(button for button in app.button if button.label == "Send").click().run()
    both.wait_for(lambda: labels_of(both, first) == [3.25])

    assert "You said: 3.25" in texts(app)
    assert "Wanted: price" in texts(app)


def test_of_very_many_classes_one_is_picked_from_a_list(both: Overseen) -> None:
    first = open_rows(both, "many")[0]
    app = label_page("many")

    app = app.selectbox(key="class").set_value("class 37").run()
    both.wait_for(lambda: labels_of(both, first) == ["class 37"])

    assert "You said: class 37" in texts(app)
    assert app.selectbox(key="class").value is None  # ready for the next


def test_the_progress_counts_what_was_answered_here_at_once(both: Overseen) -> None:
    (day,) = progress(both, "echo")
    app = label_page("echo")

    app = press(app, "answer-")

    assert f"{day['answered'] + 1} of {day['chosen']} chosen rows are answered; about 100" in texts(app)
    both.wait_for(lambda: progress(both, "echo")[0]["answered"] == day["answered"] + 1)


def test_where_nothing_was_chosen_the_page_says_why(both: Overseen) -> None:
    app = label_page("idle")

    assert not app.exception
    assert "No row was chosen yet." in texts(app)
    assert "budget_per_day" in texts(app)


def test_rows_that_were_skipped_can_be_asked_about_again(both: Overseen) -> None:
    left = len(open_rows(both, "one"))
    app = label_page("one")
    for _ in range(left):
        app = press(app, "skip-")
    said = texts(app)

    app = next(button for button in app.button if button.label == "Ask about them again").click().run()

    assert f"All that is left was skipped: {left} rows." in said
    assert "Wanted: price" in texts(app)


def test_while_the_gateway_is_away_the_row_stays_and_nothing_is_lost(
    both: Overseen, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = label_page("echo")
    before = app.dataframe[0].value
    monkeypatch.setenv(GATEWAY_URL, f"http://127.0.0.1:{free_port()}")

    app = press(app, "answer-")

    assert not app.exception
    assert "The gateway does not answer. Nothing is lost" in texts(app)
    assert dict(app.dataframe[0].value.values) == dict(before.values)


def test_without_the_right_the_page_says_which_key_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = KeyFile(tmp_path / ".inferwatch" / "keys.json")
    file.create("app", frozenset({Right.INFER}), datetime.now(UTC))
    with serving(tmp_path, MODELS[:1]) as locked:
        monkeypatch.setenv(GATEWAY_URL, locked.url)
        app = label_page("echo")

    assert not app.exception
    assert "inferwatch keys create NAME --right label --right read" in texts(app)


def test_an_address_of_a_model_that_is_not_there_shows_all(both: Overseen) -> None:
    app = label_page("nobody")

    assert not app.exception
    assert "names a model that is not there" in texts(app)
    assert app.selectbox(key="pick-model").options == ["every model", "echo", "idle", "many", "one"]


@pytest.mark.parametrize(
    ("classes", "keys"),
    [(["0", "1"], ["0", "1"]), (["no", "yes"], ["1", "2"]), (["1", "10"], ["1", "2"])],
)
def test_a_class_that_is_a_digit_is_answered_by_that_key(classes: list[str], keys: list[str]) -> None:
    assert list(label.keys_of(classes)) == keys
