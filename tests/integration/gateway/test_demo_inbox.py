"""The mail catcher and its inbox: a real client, a real page, and mails that mean harm."""

from __future__ import annotations

import re
import smtplib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import httpx
import pytest

from tests.helpers.demo import running
from tests.helpers.deployment import answers, wait_until
from tests.helpers.ports import free_port

SCRIPT = "<script>alert(1)</script>"
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Post:
    """A catcher that runs."""

    folder: Path
    smtp: int
    url: str

    def send(self, mail: EmailMessage | bytes) -> None:
        source = mail if isinstance(mail, bytes) else mail.as_bytes(policy=SMTP)
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=10) as client:
            client.sendmail("simulated@demo.invalid", ["you@demo.invalid"], source)

    @property
    def newest(self) -> str:
        return max(path.stem for path in self.folder.glob("*.eml"))

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=10)


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    folder = tmp_path_factory.mktemp("mails")
    smtp, inbox = free_port(), free_port()
    command = [sys.executable, "-m", "gateway.demo.catcher", str(folder), str(smtp), str(inbox)]
    with running(command, tmp_path_factory.mktemp("catcher") / "log"):
        url = f"http://127.0.0.1:{inbox}"
        wait_until(lambda: answers(url), "the inbox", 30)
        yield Post(folder, smtp, url)


def a_mail(subject: str = "[FIRING:1] demo-loans 1: drift in car_age") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "simulated@demo.invalid", "you@demo.invalid"
    mail.set_content("The plain words.")
    return mail


def test_an_empty_inbox_says_when_the_first_mail_comes(post: Post) -> None:
    for mail in post.folder.glob("*.eml"):
        mail.unlink()

    assert "No mail yet" in post.get("/").text
    assert post.get("/list").status_code == 200


def test_a_mail_is_a_file_and_is_listed_shown_and_downloaded_as_it_came(post: Post) -> None:
    post.send(a_mail())

    page, source = post.get("/").text, (post.folder / f"{post.newest}.eml").read_bytes()
    assert "[FIRING:1] demo-loans 1: drift in car_age" in page
    assert b"The plain words." in source
    assert post.get(f"/mails/{post.newest}.eml").content == source
    assert "The plain words." in post.get(f"/?mail={post.newest}&show=text").text
    assert "Subject: [FIRING:1]" in post.get(f"/?mail={post.newest}&show=headers").text
    assert "[FIRING:1]" in post.get("/list").text


def test_the_newest_mail_stands_first(post: Post) -> None:
    post.send(a_mail("the older one"))
    post.send(a_mail("the newer one"))

    listed = post.get("/list").text
    assert listed.index("the newer one") < listed.index("the older one")


def test_what_a_mail_says_in_its_headers_and_text_is_never_html_of_the_page(post: Post) -> None:
    mail = a_mail(f"{SCRIPT}\u202egnp")
    mail.set_content(SCRIPT)
    mail["X-Odd"] = SCRIPT
    post.send(mail)

    for path in ("/", "/list", f"/?mail={post.newest}&show=text", f"/?mail={post.newest}&show=headers"):
        text = post.get(path).text
        assert "<script>alert" not in text
        assert "\u202e" not in text


def test_the_html_of_a_mail_is_shown_in_a_sandbox_that_runs_and_loads_nothing(post: Post) -> None:
    mail = a_mail()
    mail.add_alternative(f"<p>Hello</p>{SCRIPT}<img src='http://tracker.invalid/x'>", subtype="html")
    post.send(mail)

    page, body = post.get("/"), post.get(f"/mails/{post.newest}/body")
    frame = re.search(r"<iframe[^>]*sandbox=\"([^\"]*)\"", page.text)
    assert frame is not None
    assert "allow-scripts" not in frame[1]
    assert "allow-same-origin" not in frame[1]
    policy = body.headers["content-security-policy"]
    assert policy.startswith(f"sandbox {frame[1]}; default-src 'none'")
    assert "script-src" not in policy
    assert "img-src data:;" in policy
    assert SCRIPT not in page.text


def test_pictures_that_came_with_a_mail_are_in_it_and_only_pictures(post: Post) -> None:
    mail = a_mail()
    mail.add_alternative("<img src='cid:one@x'><img src='cid:two@x'>", subtype="html")
    html = mail.get_body(("html",))
    assert isinstance(html, EmailMessage)
    html.add_related(PNG, "image", "png", cid="<one@x>")
    html.add_related(b"<svg onload=alert(1)>", "image", "svg+xml", cid="<two@x>")
    post.send(mail)

    body = post.get(f"/mails/{post.newest}/body").text
    assert "data:image/png;base64,iVBORw0KGgo=" in body
    assert "cid:two@x" in body
    assert "svg" not in body


def test_a_picture_is_not_copied_without_an_end(post: Post) -> None:
    mail = a_mail()
    mail.add_alternative("<img src='cid:one@x'>" * 1000, subtype="html")
    html = mail.get_body(("html",))
    assert isinstance(html, EmailMessage)
    html.add_related(PNG, "image", "png", cid="<one@x>")
    post.send(mail)

    assert post.get(f"/mails/{post.newest}/body").text.count("data:image") == 10


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"no mail at all",
        b"Subject: deep\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 2000,
        b"Subject: =?utf-8?b?/////w==?=\r\nContent-Type: text/html; charset=none-such\r\n\r\n<p>x</p>\xff",
        b"From: <<<>,;[\r\nTo: @\r\nSubject: \xff\xfe\r\nContent-Type: multipart/mixed\r\n\r\n--x",
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n====!",
        b"Subject: a\r\n b\r\n\tc\r\nContent-ID: <[\r\nDate: never\r\n\r\n",
    ],
)
def test_what_is_hardly_a_mail_breaks_no_page(post: Post, source: bytes) -> None:
    post.send(source)

    for path in ("/", "/list", f"/?mail={post.newest}&show=headers", f"/?mail={post.newest}&show=text"):
        assert post.get(path).status_code == 200
    assert post.get(f"/mails/{post.newest}/body").status_code in {200, 404}


@pytest.mark.parametrize("id_", ["..%2f..%2fetc%2fpasswd", "20260101T000000000000-0000", "x", "%00"])
def test_what_is_no_id_of_a_mail_is_not_found(post: Post, id_: str) -> None:
    assert post.get(f"/mails/{id_}.eml").status_code == 404
    assert post.get(f"/mails/{id_}/body").status_code == 404
    assert post.get(f"/?mail={id_}").status_code == 200


def test_other_sites_cannot_read_it_by_a_name_of_their_own(post: Post) -> None:
    answer = httpx.get(post.url, headers={"host": "evil.invalid"}, timeout=10)

    assert answer.status_code == 400
    assert post.get("/").headers["content-security-policy"].startswith("default-src 'none'")


def test_a_mail_that_is_deleted_is_gone_from_the_list(post: Post) -> None:
    post.send(a_mail("soon to be deleted"))
    assert "soon to be deleted" in post.get("/list").text

    (post.folder / f"{post.newest}.eml").unlink()

    assert "soon to be deleted" not in post.get("/").text
