"""What a mail looks like, to the last header."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitors.alerts.charts import chart
from monitors.alerts.email import EmailChannel
from monitors.alerts.groups import History, Notice, NoticeReason, Point, Words
from monitors.settings import EmailSettings
from storage.records import AlertStatus, Bounds
from tests.helpers.alerts import AT, a_notice, an_alert

CHANNEL = EmailChannel(
    settings=EmailSettings(host="localhost", sender="watch@example.org", to=("ops@example.org",)),
    recipient="ops@example.org",
    dashboard_url="https://watch.example.org",
)


def mail_of(notice: Notice) -> EmailMessage:
    mail = message_from_bytes(CHANNEL.render(notice).body, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def with_history(notice: Notice) -> Notice:
    points = tuple(Point(at=AT + timedelta(hours=n - 15), value=n / 20) for n in range(20))
    history = History(fingerprint=notice.alerts[0].fingerprint, points=points, bounds=Bounds(upper=0.5))
    return replace(notice, histories=(history,))


def test_the_text_comes_first_and_the_html_second() -> None:
    mail = mail_of(a_notice())

    assert mail.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in mail.iter_parts()] == ["text/plain", "text/html"]


def test_the_first_line_says_what_where_how_bad_and_since_when() -> None:
    first = part(mail_of(a_notice()), "plain").splitlines()[0]

    assert first == (
        "churn 12: drift of age is 0.31 (healthy up to 0.1, 5,000 rows), warning, "
        "since 2026-03-02 12:00 UTC. 1 new."
    )


def test_both_parts_name_every_column_and_the_link() -> None:
    mail = mail_of(a_notice(an_alert("age"), an_alert("plan"), standing=(an_alert("loan"),)))

    for kind in ("plain", "html"):
        assert all(word in part(mail, kind) for word in ("age", "plan", "loan", "https://watch.example.org"))


def test_a_resolved_alert_says_from_when_to_when() -> None:
    text = part(mail_of(a_notice(an_alert("age", status=AlertStatus.RESOLVED))), "plain")

    assert "from 2026-03-02 12:00 UTC to 2026-03-02 13:00 UTC" in text


def test_a_replay_says_so() -> None:
    mail = mail_of(a_notice(an_alert(replay=True)))

    assert "replay of past traffic" in part(mail, "plain")
    assert "replay of past traffic" in part(mail, "html")
    assert "replay" not in part(mail_of(a_notice()), "plain")


def test_the_headers_are_those_of_a_machine_that_can_be_filtered_and_threaded() -> None:
    mail = mail_of(a_notice(an_alert("age"), an_alert("plan")))

    assert mail["Auto-Submitted"] == "auto-generated"
    assert "alerts.inferwatch.example.org" in mail["List-Id"]
    assert parsedate_to_datetime(mail["Date"]) == AT
    root = f"<alert-{an_alert('age').fingerprint}.20260302T120000@example.org>"
    assert mail["In-Reply-To"] == mail["References"] == root


def test_all_mails_of_a_thread_point_to_one_root_and_keep_their_stem() -> None:
    fired = a_notice(an_alert("age"))
    over = replace(
        a_notice(an_alert("age", status=AlertStatus.RESOLVED)), thread=fired.thread, stem=fired.stem
    )

    first, last = mail_of(fired), mail_of(over)

    assert first["References"] == last["References"] == last["In-Reply-To"]
    assert first["Message-ID"] != last["Message-ID"]
    assert (first["Subject"], last["Subject"]) == (
        "[FIRING:1] churn 12: drift in age",
        "[RESOLVED] churn 12: drift in age",
    )


def test_a_thread_of_any_name_gives_a_root_that_a_header_can_hold() -> None:
    mail = mail_of(replace(a_notice(), thread='{"model": "<churn>\r\n"}'))

    assert re.fullmatch(r"<alert-[0-9a-f]{64}@example\.org>", mail["References"])


def test_a_chart_lies_beside_the_html_and_says_what_it_shows() -> None:
    mail = mail_of(with_history(a_notice(an_alert("age"))))

    text, related = mail.iter_parts()
    html, picture = related.iter_parts()
    cid = picture["Content-ID"].strip("<>")
    assert [each.get_content_type() for each in (text, related, html, picture)] == [
        "text/plain", "multipart/related", "text/html", "image/png",
    ]  # fmt: skip
    assert picture["Content-Disposition"] == "inline"
    assert f'<img src="cid:{cid}" alt="drift: age: 20 windows from' in html.get_content()
    assert "http" not in re.sub(r"https://watch\.example\.org|http://localhost:8080", "", html.get_content())


def test_a_mail_with_a_chart_is_the_same_twice() -> None:
    notice = with_history(a_notice(an_alert("age")))
    first = CHANNEL.render(notice)

    chart.cache_clear()

    assert CHANNEL.render(notice) == first


def test_a_mail_says_how_to_silence_it_and_what_to_read() -> None:
    words = Words(text="Look upstream.", runbook="https://wiki.example.org/drift")
    notice = replace(a_notice(an_alert("age")), about={an_alert("age").fingerprint: words})

    mail = mail_of(notice)

    for kind in ("plain", "html"):
        assert all(
            word in part(mail, kind)
            for word in (
                "inferwatch silence add",
                "/api/silences",
                "Look upstream.",
                "wiki.example.org/drift",
            )
        )
    assert "silence" not in part(mail_of(a_notice(an_alert(status=AlertStatus.RESOLVED))), "plain")


def test_a_digest_lists_what_was_held_back() -> None:
    held = tuple(f"[FIRING:1] model {n}: drift in age" for n in range(300))
    notice = replace(a_notice(), reason=NoticeReason.DIGEST, fired=(), group={}, held=held, stem="300 more")

    mail = mail_of(notice)

    assert mail["Subject"] == "[DIGEST:300] 300 more"
    assert all(subject in part(mail, "plain") for subject in held[:200])
    assert "and 100 more" in part(mail, "plain")
    assert held[0] in part(mail, "html")


def test_the_same_notice_is_the_same_mail_to_the_last_byte() -> None:
    assert CHANNEL.render(a_notice()) == CHANNEL.render(a_notice())


def test_two_recipients_get_mails_of_their_own() -> None:
    other = EmailChannel(settings=CHANNEL.settings, recipient="boss@example.org")

    assert other.render(a_notice()).id != CHANNEL.render(a_notice()).id
    assert other.render(a_notice()).recipient == "boss@example.org"


def test_html_from_outside_is_escaped() -> None:
    notice = a_notice(an_alert("age", slice_='country=<img src="x" onerror=alert(1)>'))

    html = part(mail_of(notice), "html")

    assert "<img" not in html
    assert "&lt;img" in html


def test_a_text_of_many_alerts_stays_below_the_size_that_is_clipped() -> None:
    notice = a_notice(*(an_alert(f"{'c' * 150}{number}") for number in range(300)))

    assert len(part(mail_of(notice), "html").encode()) < 102 * 1024


@given(text=st.text(max_size=300))
def test_no_text_breaks_a_mail(text: str) -> None:
    mail = mail_of(a_notice(an_alert(text, slice_=f"country={text}", summary=text)))

    assert mail["Subject"].strip().startswith("[FIRING:1] churn 12: drift in")
    assert (
        mail["Message-ID"]
        == CHANNEL.render(a_notice(an_alert(text, slice_=f"country={text}", summary=text))).id
    )
    assert not mail.defects
    assert len(list(mail.iter_parts())) == 2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"sender": "nobody"}, "sender"),
        ({"to": ()}, "to"),
        ({"to": ("a@example.org\r\nBcc: b@example.org",)}, "to"),
        ({"username": "watch"}, "username and password"),
        ({"username": "watch", "password": "x", "security": "none"}, "unencrypted"),
        ({"hots": "localhost"}, "hots"),
    ],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, object], word: str) -> None:
    given = {"host": "localhost", "sender": "watch@example.org", "to": ("ops@example.org",)}

    with pytest.raises(ValidationError, match=word):
        EmailSettings.model_validate(given | change)


def test_a_password_is_not_printed() -> None:
    settings = EmailSettings.model_validate(
        {"host": "h", "sender": "a@b.c", "to": ["d@e.f"], "username": "u", "password": "s3cret"}
    )

    assert "s3cret" not in repr(settings)
