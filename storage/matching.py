"""Whether a silence hits an alert: matchers on the labels of the alert, by Alertmanager's rules.

Regular expressions come from people, so they run in RE2 (as in Alertmanager): its time grows with the length
of the text and nothing else. Python's own engine would hang on `(a+)+b`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from storage.records import Alert, Matcher, MatchOperator

LABELS = ("alertname", "rule", "severity", "model", "version", "arm", "slice", "monitor", "metric", "column")
"""What every alert has; `alertname` is Alertmanager's word for the rule. A rule may add labels of its own."""

MAX_LABEL_CHARACTERS = 200
"""A matcher sees this much of a label."""

_TEXT = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED = {'"': '"', "\\": "\\", "n": "\n"}  # others stay as they are: expressions are full of them
_EXPRESSIONS = frozenset({MatchOperator.MATCHES, MatchOperator.MATCHES_NOT})


class InvalidMatcherError(ValueError):
    """The text is no matcher, or its expression none that RE2 takes: mend it, as the message says."""


def labels_of(alert: Alert, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What matchers look at. `more`: labels that its rule adds; they replace none of the alert's own."""
    own = {
        "alertname": alert.rule,
        "rule": alert.rule,
        "severity": alert.severity.value,
        "model": alert.scope.model,
        "version": alert.scope.version,
        "arm": alert.scope.arm.value,
        "slice": alert.scope.slice,
        "monitor": alert.monitor,
        "metric": alert.metric,
        "column": alert.column or "",
    }
    return {**(more or {}), **own}


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether all of them hold. A label that is not there is the empty text; no matcher matches nothing."""
    asked = list(matchers)
    return bool(asked) and all(_holds(each, labels.get(each.label, "")) for each in asked)


def read_matcher(text: str) -> Matcher:
    """A matcher as Alertmanager writes it: `model="churn"`, `column=~"age|plan"`. Quotes may be left out."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise InvalidMatcherError('write label="value", with =, !=, =~ or !~ between them')
    label, operator, value = found.groups()
    if value.startswith('"'):
        if not _QUOTED.fullmatch(value):
            raise InvalidMatcherError('a quoted value ends with a quote; inside write \\" and \\\\')
        value = re.sub(r"\\(.)", lambda pair: _ESCAPED.get(pair[1], pair[0]), value[1:-1])
    return Matcher(label=label, operator=MatchOperator(operator), value=value)


def check_matchers(matchers: Sequence[Matcher]) -> None:
    """Raises `InvalidMatcherError` for an expression that cannot be read."""
    for each in matchers:
        if each.operator in _EXPRESSIONS:
            try:
                _fits(each.value, "")
            except ValueError as exc:
                words = str(exc).removeprefix("Invalid regular expression: ").partition(": ")[0]
                raise InvalidMatcherError(words) from exc


def _holds(matcher: Matcher, text: str) -> bool:
    seen = text[:MAX_LABEL_CHARACTERS]
    match matcher.operator:
        case MatchOperator.EQUAL:
            return seen == matcher.value
        case MatchOperator.NOT_EQUAL:
            return seen != matcher.value
    try:
        found = _fits(matcher.value, seen)
    except ValueError:
        return False  # no gateway lets it in; a silence that cannot be read must not hide anything
    return found is (matcher.operator is MatchOperator.MATCHES)


def _fits(expression: str, text: str) -> bool:
    """Whether the whole text is as the expression says. Raises `ValueError` where it is none."""
    _search(expression, "")  # by itself: `a)(b` would make sense between the brackets below
    return _search(rf"\A(?:{expression})\z", text)


@lru_cache(maxsize=4096)
def _search(pattern: str, text: str) -> bool:
    # 50 MB that only those need who use expressions.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    return bool(
        pc.match_substring_regex(pa.array([_encodable(text)]), pattern=_encodable(pattern))[0].as_py()
    )


def _encodable(text: str) -> str:
    """Without halves of surrogate pairs, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
