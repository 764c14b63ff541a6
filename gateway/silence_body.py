"""What `POST /api/silences` and `…/acknowledge` take, checked: each error says what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from gateway.errors import RefusedError, invalid
from gateway.question import read_at
from inference.manifest import parse_duration
from storage.matching import InvalidMatcherError, check_matchers, matches, read_matcher
from storage.records import Action, ActionEvent, Matcher, MatchOperator

MAX_MATCHERS = 20
MAX_LABEL_NAME = 64
MAX_VALUE_CHARACTERS = 500
LONGEST = timedelta(days=366)
"""A silence for longer is a rule to switch off."""

LabelName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
LabelValue = Annotated[str, msgspec.Meta(max_length=MAX_VALUE_CHARACTERS)]
MatcherText = Annotated[str, msgspec.Meta(max_length=MAX_VALUE_CHARACTERS + 100)]
Author = Annotated[str, msgspec.Meta(max_length=100)]
Signed = Annotated[Author | None, msgspec.Meta(description="the name of the key if not given")]
Comment = Annotated[str, msgspec.Meta(max_length=1000)]


class MatcherBody(msgspec.Struct, forbid_unknown_fields=True):
    """One condition on the labels of an alert. Expressions are RE2's and match as a whole."""

    label: LabelName
    value: LabelValue
    operator: MatchOperator = MatchOperator.EQUAL


class SilenceBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which alerts nobody is to be told of, until when, and why. All matchers must hold."""

    matchers: Annotated[
        list[MatcherBody | MatcherText],
        msgspec.Meta(
            min_length=1, max_length=MAX_MATCHERS, description='a text is as Alertmanager\'s: model="churn"'
        ),
    ]
    author: Signed = None
    comment: Comment = ""
    starts_at: Annotated[str | None, msgspec.Meta(description="ISO 8601; now if not given")] = None
    ends_at: Annotated[str | None, msgspec.Meta(description="ISO 8601; or say `duration`")] = None
    duration: Annotated[str | None, msgspec.Meta(description="in place of `ends_at`: 30m, 4h, 1d")] = None


class AcknowledgeBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who looks after the alert, and a word to the others."""

    author: Signed = None
    comment: Comment = ""


def silencing(body: SilenceBody, now: datetime, key: str | None) -> ActionEvent:
    """The silence that a body asks for. Raises `RefusedError`."""
    starts_at = _start(body, now)
    return ActionEvent(
        at=now,
        action=Action.SILENCE,
        author=author_of(body.author, key),
        comment=body.comment,
        key=key,
        matchers=_matchers(body.matchers),
        starts_at=starts_at,
        ends_at=_end(body, starts_at),
    )


def author_of(given: str | None, key: str | None) -> str:
    """Who did it, on one line."""
    return " ".join((given or "").split()) or key or "unknown"


def _matchers(given: Sequence[MatcherBody | str]) -> tuple[Matcher, ...]:
    matchers = tuple(_matcher(each, place) for place, each in enumerate(given))
    for place, matcher in enumerate(matchers):
        try:
            check_matchers([matcher])
        except InvalidMatcherError as exc:
            message = f"matchers[{place}].value: not a regular expression that RE2 takes ({exc})"
            raise invalid(message, reason="invalid_matcher") from exc
    if all(matches([matcher], {}) for matcher in matchers):
        raise invalid(
            "matchers: at least one must not match the empty text, or every alert without these labels would "
            'be silenced; such as model="churn" or column=~".+"',
            reason="invalid_matcher",
        )
    return matchers


def _matcher(given: MatcherBody | str, place: int) -> Matcher:
    if isinstance(given, MatcherBody):
        return Matcher(label=given.label, operator=given.operator, value=given.value)
    try:
        matcher = read_matcher(given)
    except InvalidMatcherError as exc:
        raise invalid(f"matchers[{place}]: {exc}", reason="invalid_matcher") from exc
    if len(matcher.label) > MAX_LABEL_NAME or len(matcher.value) > MAX_VALUE_CHARACTERS:
        raise invalid(
            f"matchers[{place}]: up to {MAX_LABEL_NAME} characters before the sign and "
            f"{MAX_VALUE_CHARACTERS} after it are wanted",
            reason="invalid_matcher",
        )
    return matcher


def _start(body: SilenceBody, now: datetime) -> datetime:
    """One that began a moment ago, by the caller's clock, begins now."""
    starts_at = max(read_at(body.starts_at, "starts_at") or now, now)
    if starts_at - now > LONGEST:
        raise _bad_time(f"starts_at: it lies more than {LONGEST.days} days ahead")
    return starts_at


def _end(body: SilenceBody, starts_at: datetime) -> datetime:
    if (body.ends_at is None) == (body.duration is None):
        raise _bad_time('either ends_at or duration is wanted, such as "duration": "4h"')
    ends_at = read_at(body.ends_at, "ends_at") or starts_at + _length(body.duration or "")
    if ends_at <= starts_at:
        raise _bad_time(f"ends_at: it must lie after the start, {starts_at:%Y-%m-%dT%H:%M:%SZ}")
    if ends_at - starts_at > LONGEST:
        raise _bad_time(
            f"a silence lasts {LONGEST.days} days at most; a rule that nobody needs can be switched off"
        )
    return ends_at


def _length(text: str) -> timedelta:
    try:
        return min(parse_duration(text[:64]), 2 * LONGEST)
    except OverflowError:
        return 2 * LONGEST  # too long is too long
    except ValueError as exc:
        raise _bad_time("duration: write 30s, 5m, 4h, 1d or 1h 30m") from exc


def _bad_time(message: str) -> RefusedError:
    return invalid(message, reason="invalid_time")
