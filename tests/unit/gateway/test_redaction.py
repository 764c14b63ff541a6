"""What becomes of columns, tags, ids and labels before they are kept."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PrivacyKeyError, RefusedError
from gateway.metrics import GatewayMetrics
from gateway.redaction import MASKED, Redaction, Redactions, described
from inference.manifest import Detector, Manifest
from storage.records import InferenceEvent, LabelEvent, Outcome, Value

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MAIL, CARD = "jane.doe@example.com", "4111 1111 1111 1111"


class Hash:
    """A hash without a key or a file."""

    def hash(self, text: str) -> str:
        return "h" + hashlib.sha256(text.encode()).hexdigest()[:16]


class NoHash:
    """The key cannot be read."""

    def hash(self, text: str) -> str:
        raise PrivacyKeyError("privacy.key: cannot be read")


def a_manifest(privacy: dict[str, Any] | None = None, **changes: Any) -> Manifest:
    return Manifest.model_validate(
        {
            "name": "shop",
            "version": "1",
            "task": "classification",
            "backend": "echo",
            "inputs": [
                {"name": "customer", "type": "text"},
                {"name": "comment", "type": "text"},
                {"name": "age", "type": "number"},
                {"name": "plan", "type": "category", "categories": ["free", "030 901820"], "unseen": "free"},
            ],
            "outputs": {"classes": ["0", "1"]},
            "privacy": privacy or {},
            "files": {},
            "added_at": "2026-01-01T00:00:00Z",
            **changes,
        }
    )


def a_redaction(**privacy: Any) -> Redaction:
    return Redaction(a_manifest(privacy), (), Hash())


def an_event(
    inputs: dict[str, list[Value]] | None = None,
    tags: dict[str, list[str | None]] | None = None,
    app_id: str | None = None,
) -> InferenceEvent:
    return InferenceEvent(
        at=AT, outcome=Outcome.OK, protocol="v1", total_s=0.1, model="shop", version="1", rows=1,
        inputs=inputs or {}, outputs={"class": ["1"], "score": [0.5]}, tags=tags or {}, app_id=app_id,
    )  # fmt: skip


def a_label(event: str = "order-7", value: str | float | bool = "1") -> LabelEvent:
    return LabelEvent(event=event, row=0, value=value, at=AT)


@dataclass
class Gate:
    """The redactions of a gateway with some models."""

    manifests: Sequence[Manifest]
    default: Sequence[Detector] = ()
    key: Any = field(default_factory=Hash)
    metrics: GatewayMetrics = field(default_factory=GatewayMetrics)

    @property
    def redactions(self) -> Redactions:
        return Redactions(
            default=self.default, manifests=lambda: self.manifests, key=self.key, metrics=self.metrics
        )


def test_a_model_without_privacy_keeps_the_very_same_event() -> None:
    event, manifest = an_event({"customer": [MAIL]}, {"mail": [MAIL]}, app_id=MAIL), a_manifest()

    assert Gate([manifest]).redactions.event(event, manifest) is event


def test_each_column_is_kept_hashed_masked_or_dropped() -> None:
    redaction = a_redaction(columns={"customer": "hash", "comment": "mask", "age": "drop", "plan": "keep"})

    kept = redaction.columns(
        {"customer": ["Jane", "Joe", "Jane"], "comment": ["a", "b", None], "age": [1], "plan": ["free"]}
    )

    jane, joe, again = kept["customer"]
    assert jane == again != joe
    assert str(jane).startswith("h")
    assert len(str(jane)) == 17
    assert kept["comment"] == [MASKED, MASKED, None]
    assert "age" not in kept
    assert kept["plan"] == ["free"]


def test_a_value_has_one_hash_however_it_is_written() -> None:
    # Files know 3.0 where an app sends 3 or "3".
    kept = a_redaction(columns={"age": "hash"}).columns({"age": [3, 3.0, "3", 3.5]})["age"]

    assert kept[0] == kept[1] == kept[2] != kept[3]


@pytest.mark.parametrize("action", ["hash", "mask"])
def test_what_is_missing_stays_missing(action: str) -> None:
    none, nan = a_redaction(columns={"age": action}).columns({"age": [None, math.nan]})["age"]

    assert none is None
    assert isinstance(nan, float)
    assert math.isnan(nan)


def test_texts_are_searched_and_numbers_stay() -> None:
    redaction = a_redaction(detect=list(Detector))
    columns: dict[str, list[Value]] = {
        "comment": [f"mail {MAIL}", None, math.nan, 4111111111111111, 17, True],
        "age": [1, 2.5, None],
    }

    kept = redaction.columns(columns)

    assert kept["comment"][:2] == ["mail [email]", None]
    assert kept["comment"][3:] == [MASKED, 17, True]
    assert kept["age"] is columns["age"]


def test_a_text_where_a_number_belongs_is_searched_too() -> None:
    # The model refuses such a request, and the event holds what came.
    assert a_redaction(detect=["email"]).columns({"age": [MAIL, 1]})["age"] == ["[email]", 1]


def test_a_known_category_is_no_personal_data_and_an_unseen_one_may_be() -> None:
    redaction = a_redaction(detect=["phone"])

    assert redaction.columns({"plan": ["030 901820", "030 901821"]})["plan"] == ["030 901820", "[phone]"]


def test_a_number_where_a_category_belongs_is_searched() -> None:
    # It is no measured number, and the event holds it, taken as unseen or refused.
    redaction = a_redaction(detect=["card"])

    assert redaction.columns({"plan": ["free", 4111111111111111, 17]})["plan"] == ["free", MASKED, 17]


def test_a_number_where_a_boolean_belongs_is_searched() -> None:
    member = [{"name": "member", "type": "boolean"}]
    redaction = Redaction(a_manifest({"detect": ["card"]}, inputs=member), (), Hash())

    assert redaction.columns({"member": [True, None, 4111111111111111]})["member"] == [True, None, MASKED]


def test_a_known_category_of_integers_is_kept_whatever_it_looks_like() -> None:
    bins = [{"name": "bin", "type": "category", "categories": [411111, 4111111111111111]}]
    redaction = Redaction(a_manifest({"detect": ["card"]}, inputs=bins), (), Hash())

    assert redaction.columns({"bin": [4111111111111111, 5500000000000004]})["bin"] == [
        4111111111111111,
        MASKED,
    ]


def test_what_the_caller_holds_is_never_changed() -> None:
    columns: dict[str, list[Value]] = {"customer": ["Jane"], "comment": [MAIL], "age": [1]}
    redaction = a_redaction(columns={"customer": "mask", "age": "drop"}, detect=["email"])

    redaction.columns(columns)

    assert columns == {"customer": ["Jane"], "comment": [MAIL], "age": [1]}


def test_tags_are_treated_by_name_and_searched() -> None:
    redaction = a_redaction(
        columns={"customer": "drop", "age": "mask"},
        tags={"clerk": "hash", "age": "keep"},
        detect=["email"],
    )

    kept = redaction.tags(
        {"clerk": ["Jane", None], "customer": ["Joe", "Joe"], "age": ["40", "41"], "via": [MAIL, "web"],
         MAIL: ["1", "2"]}
    )  # fmt: skip

    assert kept == {
        "clerk": [Hash().hash("Jane"), None],
        "age": ["40", "41"],
        "via": ["[email]", "web"],
        "[email]": ["1", "2"],
    }


def test_a_model_that_generates_has_its_text_searched() -> None:
    manifest = a_manifest({"detect": ["card"]}, task="generation", outputs={})

    kept = Redaction(manifest, (), Hash()).columns({"text": [f"your card {CARD}"]})

    assert kept == {"text": ["your card [card]"]}


def test_a_model_that_names_no_detectors_has_those_of_the_gateway() -> None:
    default = (Detector.EMAIL,)

    assert Redaction(a_manifest(), default, Hash()).detectors.kinds == default
    assert Redaction(a_manifest({"detect": []}), default, Hash()).detectors.kinds == ()


def test_an_id_with_personal_data_is_hashed_as_a_whole_alike_in_event_and_label() -> None:
    manifest = a_manifest({"detect": ["email"]})
    redactions = Gate([manifest]).redactions

    labelled = redactions.label(a_label(f"{MAIL}-1")).event
    recorded = redactions.event(an_event(app_id=f"{MAIL}-1"), manifest).app_id

    assert labelled == recorded == redactions.id(f"{MAIL}-1") == Hash().hash(f"{MAIL}-1")
    assert redactions.id("order-7") == "order-7"


def test_ids_have_no_model_so_the_detectors_of_any_model_count() -> None:
    bare, careful = a_manifest(name="bare"), a_manifest({"detect": ["email"]})
    redactions = Gate([bare, careful]).redactions

    assert redactions.event(an_event(app_id=MAIL), bare).app_id == redactions.id(MAIL) != MAIL


def test_the_id_of_an_event_is_never_hashed() -> None:
    # Ten digits and two more groups look like a phone number.
    ours = "0171123456-12-345"

    assert Gate([], default=list(Detector)).redactions.id(ours) == ours


def test_a_label_of_text_is_searched_and_a_number_stays() -> None:
    redactions = Gate([], default=list(Detector)).redactions

    assert redactions.label(a_label(value=f"fraud, ask {MAIL}")).value == "fraud, ask [email]"
    assert redactions.label(a_label(value=4111111111111111)).value == 4111111111111111
    assert redactions.label(a_label(value=True)).value is True


def test_should_redaction_fail_nothing_that_was_sent_is_kept() -> None:
    manifest = a_manifest({"columns": {"customer": "hash"}})
    gate = Gate([manifest], key=NoHash())
    event = an_event({"customer": ["Jane"]}, {"clerk": ["Joe"]}, app_id="order-7")

    kept = gate.redactions.event(event, manifest)

    assert (kept.inputs, kept.outputs, kept.tags, kept.app_id) == ({}, {}, {}, None)
    assert (kept.model, kept.rows, kept.outcome) == ("shop", 1, Outcome.OK)
    assert gate.metrics.redactions_failed == 1


def test_a_label_whose_id_cannot_be_hashed_is_refused() -> None:
    gate = Gate([], default=[Detector.EMAIL], key=NoHash())

    with pytest.raises(RefusedError) as refused:
        gate.redactions.label(a_label(MAIL))

    assert refused.value.status == 503
    assert MAIL not in refused.value.message
    assert gate.metrics.redactions_failed == 1


@given(
    st.lists(
        st.one_of(
            st.none(), st.integers(), st.floats(), st.booleans(), st.text(max_size=40),
            st.sampled_from([MAIL, CARD, f"to {MAIL} or +49 30 901820"]),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_what_was_redacted_stays_as_it_is(values: list[Value]) -> None:
    redaction = a_redaction(columns={"customer": "mask", "age": "drop"}, detect=list(Detector))

    once = redaction.columns({"customer": values, "comment": values, "age": values, "plan": values})
    twice = redaction.columns(once)

    assert repr(twice) == repr(once)  # NaN equals nothing, but looks the same
    assert MAIL not in repr(once)
    assert all(len(column) == len(values) for column in once.values())


def test_check_says_what_is_done_and_where_nothing_is_searched() -> None:
    privacy = {"columns": {"customer": "drop", "age": "hash"}, "tags": {"mail": "mask"}, "detect": ["ip"]}

    assert described(a_manifest(privacy), ()) == (
        "the rest kept, hashed age, masked tag mail, dropped customer, detectors ip"
    )
    assert described(a_manifest({"columns": {"customer": "drop"}}), ()) == (
        "the rest kept, dropped customer, no detectors, so comment is kept with whatever it holds "
        "(privacy.detect)"
    )
    assert described(a_manifest(inputs=[{"name": "age", "type": "number"}]), ()) == "all kept"
