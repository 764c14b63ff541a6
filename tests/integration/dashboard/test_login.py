"""The door of the dashboard, asked at a real process: nothing is seen without a key that may read."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from dashboard.login_tries import WRONG_TRIES
from dashboard.visitor import COOKIE
from storage.keys import KeyFile, Right
from tests.helpers.browser import ROOT, chromium, dashboard_on, visiting
from tests.helpers.ports import free_port
from tests.helpers.seeded import Seeded

pytestmark = pytest.mark.xdist_group("pages")  # what they share is set up once

READ = frozenset({Right.READ})
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A dashboard that asks for a key."""

    url: str
    folder: Path
    keys: KeyFile
    key: str  # may read

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def new_key(
        self, name: str, rights: frozenset[Right] = READ, *, expires_at: datetime | None = None
    ) -> str:
        key = self.keys.create(name, rights, datetime.now(UTC), expires_at)
        time.sleep(0.6)  # the dashboard looks at the file twice a second
        return key

    def get(self, path: str, *, key: str | None = None, **headers: str) -> httpx.Response:
        return self.ask("GET", path, key=key, **headers)

    def ask(self, method: str, path: str, *, key: str | None = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        cookie = {"cookie": f"{COOKIE}={key}"} if key else {}
        return httpx.request(method, self.url + path, headers={**named, **cookie})

    def log_in(self, key: str, next_path: str = "/", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        form = {"key": key, "next": next_path}
        return httpx.post(f"{self.url}/login", data=form, headers={"origin": self.url, **named})

    def socket(self, key: str | None, *, origin: str | None = None) -> ClientConnection:
        """What a page of Streamlit opens."""
        return connect(
            f"ws://{self.host}/_stcore/stream",
            origin=Origin(origin or self.url),
            additional_headers={"cookie": f"{COOKIE}={key}"} if key else {},
        )


@pytest.fixture(scope="module")
def guarded(seeded: Seeded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    keys = KeyFile(folder / ".inferwatch" / "keys.json")
    key = keys.create("<b>ops</b>", READ, datetime.now(UTC))
    with dashboard_on(seeded.settings.url, folder) as url:
        yield Guarded(url=url, folder=folder, keys=keys, key=key)


PATHS = (
    "/", "/drift?model=shop", "/nowhere", "/index.html", "/favicon.png", "/static/index.html", "/media/a.csv",
    "/_stcore/host-config", "/_stcore/metrics", "/_stcore/upload_file/a/b", "/_stcore/script-health-check",
    "/component/a/b.js", "/_stcore/bidi-components/a/b.js", "/auth/login", "/oauth2callback", "/app/static/a",
    "//_stcore/health", "/_stcore/health/", "/_stcore/health/../host-config", "/_STCORE/health", "/LOGIN",
)  # fmt: skip


def test_without_a_key_no_path_gives_anything_whatever_the_method(guarded: Guarded) -> None:
    with httpx.Client(base_url=guarded.url) as client:
        for path in PATHS:
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
                plain = client.request(method, guarded.url + path)
                assert plain.status_code == 401, (method, path)
            page = client.get(guarded.url + path, headers=HTML)
            assert page.status_code == 303, path
            assert page.headers["location"].startswith("/login?next=%2F"), path
            assert not page.content


@pytest.mark.parametrize("key", [None, "iw_wrong"])
def test_no_web_socket_opens_without_a_key(guarded: Guarded, key: str | None) -> None:
    with pytest.raises(InvalidStatus) as caught, guarded.socket(key):
        pass

    assert caught.value.response.status_code == 403


def test_a_probe_needs_no_key(guarded: Guarded) -> None:
    assert guarded.get("/_stcore/health", host="10.0.0.1").text == "ok"


def test_the_form_needs_no_script_and_loads_nothing(guarded: Guarded) -> None:
    form = guarded.get("/login?next=%2Fdrift%3Fmodel%3D%22%3E%3Cscript%3E", **HTML)

    assert form.status_code == 200
    assert "<script" not in form.text
    assert "default-src 'none'" in form.headers["content-security-policy"]
    assert form.headers["cache-control"] == "no-store"


def test_a_key_opens_the_pages_and_the_web_socket(guarded: Guarded) -> None:
    assert "streamlit" in guarded.get("/drift", key=guarded.key).text.lower()
    with guarded.socket(guarded.key) as socket:
        socket.ping().wait(5)


def test_a_login_leads_where_the_link_led_and_the_cookie_is_out_of_reach(guarded: Guarded) -> None:
    reply = guarded.log_in(guarded.key, "/drift?model=shop&column=age")

    assert (reply.status_code, reply.headers["location"]) == (303, "/drift?model=shop&column=age")
    name_and_key, *flags = reply.headers["set-cookie"].split("; ")
    assert name_and_key == f"{COOKIE}={guarded.key}"
    assert {flag.lower() for flag in flags} == {"httponly", "path=/", "samesite=strict"}


def test_behind_tls_the_cookie_is_sent_over_tls_alone(guarded: Guarded) -> None:
    reply = guarded.log_in(guarded.key, x_forwarded_proto="https")

    assert "secure" in reply.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
        "/\n/evil.example", "javascript:alert(1)", "", "drift", "/logout", "/login?next=/", "/" + "a" * 3000,
    ],
)  # fmt: skip
def test_a_login_never_leads_elsewhere(guarded: Guarded, elsewhere: str) -> None:
    assert guarded.log_in(guarded.key, elsewhere).headers["location"] == "/"


def test_a_key_that_does_not_do_is_told_why_and_gives_no_cookie(guarded: Guarded) -> None:
    in_no_time = datetime.now(UTC) + timedelta(milliseconds=1)
    writer = guarded.keys.create("writer", frozenset({Right.INFER}), datetime.now(UTC))
    ended = guarded.new_key("ended", expires_at=in_no_time)

    replies = {key: guarded.log_in(key) for key in ("iw_wrong", ended, writer, " ")}

    said = {key: (reply.status_code, reply.text) for key, reply in replies.items()}
    assert all("set-cookie" not in reply.headers for reply in replies.values())
    for key, status, words in (
        ("iw_wrong", 401, "is not known"),
        (ended, 401, "has expired or was revoked"),
        (writer, 403, "lacks the right to read"),
        (" ", 401, "Enter an API key"),
    ):
        assert said[key][0] == status
        assert words in said[key][1]
    assert guarded.get("/", key=writer).status_code == 401
    assert "lacks the right to read" in guarded.get("/login", key=writer).text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://["])
def test_a_form_of_another_site_logs_nobody_in(guarded: Guarded, origin: str) -> None:
    reply = guarded.log_in(guarded.key, origin=origin)

    assert reply.status_code == 403
    assert "set-cookie" not in reply.headers


def test_a_foreign_name_or_a_page_of_another_site_is_refused_even_with_a_key(guarded: Guarded) -> None:
    assert guarded.get("/", key=guarded.key, host="evil.example").status_code == 403
    assert guarded.log_in(guarded.key, host="evil.example", origin="http://evil.example").status_code == 403
    with pytest.raises(InvalidStatus), guarded.socket(guarded.key, origin="https://evil.example"):
        pass


def test_a_link_in_a_web_mail_is_followed_once_more_since_the_cookie_is_strict(guarded: Guarded) -> None:
    first = guarded.get("/login?next=%2Fdrift", sec_fetch_site="cross-site")
    second = guarded.get("/login?again=1&next=%2Fdrift", sec_fetch_site="cross-site")

    assert '<meta http-equiv="refresh" content="0; url=/login?again=1&amp;next=%2Fdrift">' in first.text
    assert "refresh" not in second.text
    assert guarded.get("/login?next=%2Fdrift", key=guarded.key).headers["location"] == "/drift"


def test_a_revoked_key_ends_its_web_socket_within_seconds(guarded: Guarded) -> None:
    key = guarded.new_key("leaver")

    with guarded.socket(key) as socket:
        guarded.keys.revoke("leaver", datetime.now(UTC))
        assert closing_code(socket, within_s=3) == 1008

    assert guarded.get("/", key=key).status_code == 401
    assert "has expired or was revoked" in guarded.get("/login", key=key).text


def test_a_logout_takes_the_cookie_back_and_ends_the_web_sockets_of_that_key_alone(guarded: Guarded) -> None:
    with guarded.socket(guarded.new_key("other")) as others, guarded.socket(guarded.key) as socket:
        reply = guarded.get("/logout", key=guarded.key)

        assert "You are logged out." in reply.text
        assert "max-age=0" in reply.headers["set-cookie"].lower()
        assert closing_code(socket, within_s=3) == 1008
        others.ping().wait(5)


def test_another_site_logs_nobody_out(guarded: Guarded) -> None:
    reply = guarded.get("/logout", sec_fetch_site="cross-site")

    assert reply.status_code == 303
    assert "set-cookie" not in reply.headers


def test_an_address_that_tries_wrong_keys_has_to_wait_and_others_need_not(guarded: Guarded) -> None:
    # A proxy on loopback is believed whom it forwards.
    tries = [
        guarded.log_in("iw_guess", x_forwarded_for="203.0.113.9").status_code for _ in range(WRONG_TRIES)
    ]
    then = guarded.log_in(guarded.key, x_forwarded_for="203.0.113.9")

    assert set(tries) == {401}
    assert then.status_code == 429
    assert 0 < int(then.headers["retry-after"]) <= 60
    assert guarded.log_in(guarded.key, x_forwarded_for="203.0.113.10").status_code == 303


def test_a_form_that_is_too_long_or_of_another_kind_is_refused(guarded: Guarded) -> None:
    assert guarded.log_in("a" * 9000).status_code == 400
    assert httpx.post(f"{guarded.url}/login", json={}, headers={"origin": guarded.url}).status_code == 400


def test_no_key_is_written_down(guarded: Guarded) -> None:
    guarded.log_in(guarded.key)
    guarded.log_in(f"{guarded.key}x")

    log = (guarded.folder / "dashboard.log").read_text()
    assert "login refused" in log
    assert guarded.key[8:] not in log


def test_a_person_logs_in_stays_in_and_logs_out(guarded: Guarded) -> None:
    with chromium() as browser, visiting(browser, guarded.url) as visit:
        page = visit.page
        page.goto(f"{guarded.url}/drift?column=income")
        page.get_by_label("API key").fill(guarded.key)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Drift", exact=True).wait_for(timeout=60_000)
        assert page.url.endswith("/drift?column=income")

        page.reload()
        page.get_by_role("heading", name="Drift", exact=True).wait_for(timeout=60_000)
        page.get_by_text("<b>ops</b>", exact=True).wait_for()  # the name, as it is
        page.get_by_role("link", name="Overview").first.wait_for()  # the whole site, and not one page alone

        page.get_by_role("link", name="Log out").click()
        page.get_by_text("You are logged out.").wait_for()
        page.goto(f"{guarded.url}/drift")
        page.get_by_label("API key").wait_for()
        assert visit.complaints == []


def test_it_does_not_listen_where_others_reach_it_before_a_key_exists(tmp_path: Path) -> None:
    started = subprocess.run(  # our own command line
        [sys.executable, "-m", "dashboard", "--host", "0.0.0.0", "--port", str(free_port())],  # noqa: S104  refused
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert started.returncode == 1
    assert "run `inferwatch keys create NAME` first" in started.stderr


def closing_code(socket: ClientConnection, *, within_s: float) -> int | None:
    """How the other side closed; it may have sent something before."""
    deadline = time.monotonic() + within_s
    try:
        while True:
            socket.recv(timeout=max(0.0, deadline - time.monotonic()))
    except ConnectionClosed as exc:
        return exc.rcvd.code if exc.rcvd else None
