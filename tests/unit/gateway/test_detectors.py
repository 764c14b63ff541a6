"""What the detectors find, and what looks like it and stays. Numbers are the published test numbers."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.detectors import CUT, LONGEST, Detectors
from inference.manifest import Detector

ALL = Detectors(Detector)
FULL_WIDTH = {ord("0") + n: 0xFF10 + n for n in range(10)}

EMAILS = [
    "jane.doe@example.com",
    "o'neil+tag@mail.example.co.uk",
    "jürgen@exämple.de",
    "x@xn--exmple-cua.xn--p1ai",
    "jane%40example.com",
]
PHONES = [
    "+49 30 901820",
    "+49 (0)30 901820",
    "+1 650-253-0000",
    "+44 20 7946 0958",
    "\uff0b49 30 901820",
    "0049 30 901820",
    "030 901820",
    "(030) 901820",
    "0171/1234567",
    "01 23 45 67 89",
    "(650) 253-0000",
    "650-253-0000",
    "1-650-253-0000",
]
CARDS = [  # of the brands: Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111.1111.1111.1111",
    "4012888888881881",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "3782 822463 10005",
    "6011111111111117",
    "30569309025904",
    "3530111333300000",
    "6200000000000005",
    "4111 1111 1111 1111".translate(FULL_WIDTH),
]
IBANS = [  # examples of the SWIFT registry
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "de89 3704 0044 0532 0130 00",
    "GB29 NWBK 6016 1331 9268 19",
    "FR14 2004 1010 0505 0001 3M02 606",
    "NO93 8601 1117 947",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
]
ADDRESSES = ["192.0.2.1", "255.255.255.255", "2001:db8::1", "::1", "fe80::1", "::ffff:192.0.2.128"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kind, text)
        for kind, texts in (
            (Detector.EMAIL, EMAILS),
            (Detector.PHONE, PHONES),
            (Detector.CARD, CARDS),
            (Detector.IBAN, IBANS),
            (Detector.IP, ADDRESSES),
        )
        for text in texts
    ],
)
def test_what_each_detector_finds_becomes_its_name(kind: Detector, text: str) -> None:
    alone = Detectors([kind])

    assert alone.scrub(text) == f"[{kind}]"
    assert alone.scrub(f"so ({text}), he said") == f"so ([{kind}]), he said"
    assert alone.scrub(f"it is {text}. And {text}\nthere") == f"it is [{kind}]. And [{kind}]\nthere"


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # the check digit is wrong
        "1700000000000",  # milliseconds since 1970
        "0.4111111111111111",
        "41111111111111111111",  # 20 digits
        "DE88 3704 0044",
        "DE88370400440532013000",  # mod 97 is not 1
        "XX89370400440532013000",  # no such country
        "999.1.1.1",
        "1.2.3.4.5",
        "12:30:45",
        "std::vector, a::b and ::",
        "2026-01-31T12:30:00Z",
        "on 01.02.2026 12 pieces came for 1,234.56",
        "order 123456789",
        "0.123456789012",
        "user@localhost, @handle, a @ b.com",
        "SSN 123-45-6789",
        "³²¹⁰⁹⁸⁷⁶⁵⁴³²¹",  # digits that are no decimals
        "",
    ],
)
def test_near_misses_stay(text: str) -> None:
    assert ALL.scrub(text) == text


def test_an_expiry_date_behind_a_card_does_not_hide_it() -> None:
    assert ALL.scrub("4111 1111 1111 1111 12/27 123") == "[card] 12/27 123"


def test_two_cards_in_a_row_are_two() -> None:
    assert ALL.scrub("5555555555554444 4111 1111 1111 1111") == "[card] [card]"


def test_what_overlaps_is_replaced_as_a_whole() -> None:
    # A phone number with its country can begin within an IBAN: "0044 0532 0130 00".
    assert ALL.scrub("DE89 3704 0044 0532 0130 00") == "[iban]"


def test_what_stands_glued_to_another_find_is_found_too() -> None:
    assert ALL.scrub("x@y.com+4930901820") == "[email][phone]"


def test_only_what_was_asked_for_is_looked_for() -> None:
    text = "jane@example.com has 4111 1111 1111 1111"

    assert Detectors([Detector.EMAIL]).scrub(text) == "[email] has 4111 1111 1111 1111"
    assert Detectors([]).scrub(text) == text


def test_a_long_text_is_kept_up_to_a_bound_and_no_card_is_cut_in_two() -> None:
    start = "x" * (LONGEST - len(CUT) - 13) + " "

    kept = ALL.scrub(start + "4111 1111 1111 1111 and more" * 10)

    assert kept == start + CUT


@given(st.text(alphabet="ab1240 @.:+-(/)%\u00a0", max_size=300) | st.text(max_size=300))
def test_looking_twice_finds_nothing_new(text: str) -> None:
    once = ALL.scrub(text)

    assert ALL.scrub(once) == once


@given(
    st.text(alphabet="abc ,", max_size=40),
    st.sampled_from(EMAILS + PHONES + CARDS + IBANS + ADDRESSES),
    st.text(alphabet="abc ,", max_size=40),
)
def test_it_is_found_among_words(before: str, planted: str, after: str) -> None:
    assert planted not in ALL.scrub(f"{before} {planted} {after}")


@pytest.mark.parametrize(
    "part",
    ["1 ", "2", "4111 1111 1111 1112 ", "20-", "a@b.cc+49309018201", "@a.bc", ".@", "+1 ((", "0(", "DE11 ",
     "222222222222 ", "12.", "1.1.1.1 ", "1:", "::", "%40", "x-", "aaaa"],
)  # fmt: skip
def test_a_hostile_text_takes_no_longer_per_character_when_it_is_longer(part: str) -> None:
    def seconds(characters: int) -> float:
        text = (part * (characters // len(part) + 1))[:characters]
        taken = []
        for _ in range(3):
            started = time.process_time()
            ALL.scrub(text)
            taken.append(time.process_time() - started)
        return max(min(taken), 0.002)

    short = seconds(LONGEST // 8)

    assert seconds(LONGEST) < 32 * short  # a straight line has 8, a square 64
    assert seconds(1_000_000) < 64 * short  # looked through up to the bound, twice
