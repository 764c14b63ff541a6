"""Personal data in free text, found by its form and checked where it has a checksum.

E-mail addresses; cards (Luhn, ISO/IEC 7812); IBANs (length of the country, then mod 97, ISO 13616); IP
addresses (`ipaddress`); phone numbers with `+` or `00` and a country, with a leading 0, or as North America
writes them. What is found is replaced by its kind: `[email]`. Names and postal addresses have no form: mask
or drop such a column.

It runs on the event loop for every text that is kept, so every pattern is bounded and linear, and a text is
looked through up to `LONGEST` characters; the rest is not kept. There is no library behind it: `phonenumbers`
(48 MB) finds national numbers only if told the country, and takes 24 ms for a hostile text of 10 kB;
`python-stdnum` is 6 MB for two checksums.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate

from inference.manifest import Detector

LONGEST = 32_768
"""Characters of a text that are looked through, and kept, where detectors are on."""

CUT = "[cut]"

Span = tuple[int, int]


class Detectors:
    """Those of one model."""

    def __init__(self, kinds: Iterable[Detector]) -> None:
        wanted = frozenset(kinds)
        self.kinds = tuple(kind for kind in Detector if kind in wanted)
        self._finders = [(f"[{kind}]", _FINDERS[kind]) for kind in self.kinds]

    def scrub(self, text: str) -> str:
        """The text with what was found replaced by its kind: the same text where nothing was."""
        if len(text) > LONGEST:
            text = self._shortened(text)
        for _ in range(_PASSES):
            if _WORTH_A_LOOK.search(text) is None:
                return text
            scrubbed = self._replaced(text)
            if scrubbed == text:
                return text
            text = scrubbed  # a mark is a boundary: what stood glued to its span may show now
        return text

    def find(self, text: str) -> bool:
        """Whether there is anything in it."""
        return self.scrub(text) != text

    def _replaced(self, text: str) -> str:
        found = sorted(self._spans(text), key=lambda one: (one[0], -one[1]))
        parts: list[str] = []
        place = 0
        for start, end, mark in found:
            if start >= place:
                parts += (text[place:start], mark)
            place = max(place, end)  # an overlapping one is part of the mark before it
        return "".join((*parts, text[place:]))

    def _spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        return ((start, end, mark) for mark, find in self._finders for start, end in find(text))

    def _shortened(self, text: str) -> str:
        """Its beginning, cut where no span is cut in two."""
        end = LONGEST - len(CUT)
        for start, stop, _ in sorted(self._spans(text[: LONGEST + _LONGEST_SPAN])):
            if start < end < stop:
                end = start
        return text[:end] + CUT


_PASSES = 8
_LONGEST_SPAN = 512
_WORTH_A_LOOK = re.compile(r"[@\d]")


def _emails(text: str) -> Iterator[Span]:
    if "@" not in text and "%40" not in text:
        return
    for domain in _DOMAIN.finditer(text):
        before = text[max(0, domain.start() - 64) : domain.start()]
        local = _LOCAL_REVERSED.match(before[::-1])
        if local is not None:
            yield domain.start() - local.end(), domain.end()


_DOMAIN = re.compile(r"(?:@|%40)(?:[\w-]{1,63}\.){1,8}(?:xn--[\w-]{2,59}|[^\W\d_]{2,63})")
_LOCAL_REVERSED = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}")

_GAP = r" .\-/\u00a0\u2007\u2009\u202f\u2010-\u2013"  # what people write between groups of digits


def _phones(text: str) -> Iterator[Span]:
    if _SEVEN_DIGITS.search(text) is None:
        return
    for sign, pattern in _PHONES:
        if sign in text:
            yield from (found.span() for found in pattern.finditer(text))


_NOT_IN_A_NUMBER = r"(?<!\w)(?<!\d[.,])"
_DATE = r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?!\d)"
_DIGITS = rf"(?:[{_GAP}()]{{0,3}}\d)"
_SEVEN_DIGITS = re.compile(rf"\d{_DIGITS}{{6}}")
_INTERNATIONAL = rf"{_DIGITS}{{6,14}}(?!\d)"  # E.164: up to 15 digits
_PHONES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("+", re.compile(rf"\+[ (]{{0,2}}[1-9]{_INTERNATIONAL}")),
    ("\uff0b", re.compile(rf"\uff0b[ (]{{0,2}}[1-9]{_INTERNATIONAL}")),
    ("00", re.compile(rf"{_NOT_IN_A_NUMBER}00[1-9]{_INTERNATIONAL}")),
    ("0", re.compile(rf"{_NOT_IN_A_NUMBER}(?!{_DATE})(?:\((?=0\d{{1,5}}\)))?0[1-9]{_DIGITS}{{7,10}}(?!\d)")),
    (
        "",
        re.compile(
            rf"{_NOT_IN_A_NUMBER}(?:1[{_GAP}])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[{_GAP}])"
            rf"[2-9]\d\d[{_GAP}]\d{{4}}(?!\d)"
        ),
    ),
)


def _cards(text: str) -> Iterator[Span]:
    for run in _THIRTEEN_DIGITS.finditer(text):
        yield from _cards_in(text, *run.span())


def _cards_in(text: str, start: int, end: int) -> Iterator[Span]:
    """Groups within a run of digits that make a card number: an expiry date may follow them."""
    places = [place for place in range(start, end) if text[place].isdecimal()]
    values = [int(text[place]) for place in places]
    doubled = [value * 2 - 9 * (value > 4) for value in values]
    sums = [  # Luhn's sum doubles every second digit from the right, so from an even or from an odd place
        list(accumulate((doubled[n] if n % 2 == odd else values[n] for n in range(len(values))), initial=0))
        for odd in (0, 1)
    ]
    taken = 0
    for n, place in enumerate(places):
        if n < taken or not 2 <= values[n] <= 6 or not _begins(text, place):
            continue
        for digits in _CARD_DIGITS:
            stop = n + digits
            if stop > len(places) or text[places[stop - 1] + 1 : places[stop - 1] + 2].isdecimal():
                continue
            if (sums[stop % 2][stop] - sums[stop % 2][n]) % 10 == 0:
                yield place, places[stop - 1] + 1
                taken = stop
                break


def _begins(text: str, place: int) -> bool:
    """Whether a group of digits begins here that is not the fraction of a number."""
    before = text[max(0, place - 2) : place]
    return not (before[-1:].isdecimal() or (before[-1:] in (".", ",") and before[:1].isdecimal()))


_THIRTEEN_DIGITS = re.compile(rf"\d(?:[{_GAP}]{{0,2}}\d){{12,}}")  # or more
_CARD_DIGITS = range(19, 12, -1)


def _ibans(text: str) -> Iterator[Span]:
    for head in _IBAN_HEAD.finditer(text):
        start = head.start() - 2
        length = _IBAN_LENGTHS.get(text[start : start + 2].upper())
        found = None if length is None else _iban_of(length).match(text, start)
        if found is not None and _mod_97(found[0]) == 1:
            yield found.span()


@lru_cache(maxsize=64)
def _iban_of(length: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Za-z0-9](?:[ \-\u00a0]?[A-Za-z0-9]){{{length - 1}}}(?![A-Za-z0-9])")


def _mod_97(written: str) -> int:
    plain = "".join(letter for letter in written if letter.isalnum())
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97


_IBAN_HEAD = re.compile(r"[0-9](?<=[A-Za-z]{2}[0-9])(?<![^\W_][A-Za-z]{2}[0-9])[0-9]")  # digits are rarer
# The IBAN registry of SWIFT: country and length.
_IBAN_REGISTRY = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20
EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30
KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23
PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26
UA29 VA22 VG24 XK20 YE30
"""
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN_REGISTRY.split()}


def _addresses(text: str) -> Iterator[Span]:
    for pattern, hint in ((_IP4, _TWO_DOTS), (_IP6, _TWO_COLONS)):
        if hint.search(text) is None:
            continue
        for found in pattern.finditer(text):
            written = found[0]
            if written.endswith(":") and not written.endswith("::"):
                written = written[:-1]  # the colon of the sentence
            if _is_address(written):
                yield found.start(), found.start() + len(written)


def _is_address(written: str) -> bool:
    if not any(letter.isdigit() for letter in written):
        return False  # `::` and `a::b` are more often code
    try:
        ipaddress.ip_address(written)
    except ValueError:
        return False
    return True


_TWO_DOTS = re.compile(r"[0-9]\.[0-9]{1,3}\.")
_TWO_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
_IP4 = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?\d)")
_IP6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{2,45}(?:\.[0-9]{1,3}){0,3}(?!\w)")

_FINDERS: dict[Detector, Callable[[str], Iterator[Span]]] = {
    Detector.EMAIL: _emails,
    Detector.PHONE: _phones,
    Detector.CARD: _cards,
    Detector.IBAN: _ibans,
    Detector.IP: _addresses,
}
