"""What the server bears: slow clients, too many, some that leave, pages of others, a full journal."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from gateway.errors import StartError
from gateway.supervisor import Child, Supervisor
from tests.helpers.serving import ECHO, Serving, serving

BODY = json.dumps({"instances": [{"age": 1, "country": "FR", "member": True}]}).encode()


def wait_for(true: Callable[[], bool], within_s: float = 10.0) -> None:
    pause, give_up = threading.Event(), time.monotonic() + within_s
    while not true():
        assert time.monotonic() < give_up, "it never came"
        pause.wait(0.02)


def test_a_client_that_drips_its_head_or_its_body_is_closed(tmp_path: Path) -> None:
    impatient = {"gateway": {"header_timeout_s": 0.5, "body_timeout_s": 0.5}}
    head = b"POST /v1/models/echo:predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n"
    with serving(tmp_path, [ECHO], impatient) as running:
        for sent in (b"", head, head + b"\r\n{"):
            with socket.create_connection(("127.0.0.1", running.port), timeout=10) as client:
                client.sendall(sent)

                answer = client.recv(1000)

            assert answer.startswith(b"HTTP/1.1 408")


def test_one_connection_too_many_is_refused_and_a_place_is_free_again(tmp_path: Path) -> None:
    with serving(tmp_path, [ECHO], {"gateway": {"max_connections": 2}}) as running:
        held = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(2)]
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as third:
            assert third.recv(1000).startswith(b"HTTP/1.1 503")

        for client in held:
            client.close()

        wait_for(lambda: running.get("/livez").status == 200)


def test_a_head_without_end_is_refused(gateway: Serving) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 300_000)
        try:
            answer = client.recv(1000)
        except ConnectionResetError:  # closed with bytes of ours unread
            answer = b"HTTP/1.1 431"

    assert answer.startswith(b"HTTP/1.1 431")


def test_a_client_that_leaves_takes_its_request_back_and_it_is_an_event(tmp_path: Path) -> None:
    slow = {**ECHO, "name": "slow", "backend": "tests.helpers.slow_model:SlowModel"}
    head = b"POST /v1/models/slow:predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(
        BODY
    )
    with serving(tmp_path, [slow]) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(head + BODY)
            wait_for(lambda: b"requests_in_flight 1.0" in running.get("/metrics").body)

        wait_for(lambda: bool(running.events()))

        event = running.events()[0]
        assert (event.outcome, event.reason, event.rows) == ("cancelled", "client_left", 1)
        assert b"requests_in_flight 0.0" in running.get("/metrics").body


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"origin": "https://evil.example"}, "origin"),
        ({"host": "rebound.example"}, "host"),
        ({"origin": "null"}, "origin"),
        ({"origin": "http://["}, "origin"),
    ],
)
def test_pages_of_others_may_not_ask(gateway: Serving, headers: dict[str, str], said: str) -> None:
    reply = gateway.ask("POST", "/v1/models/echo:predict", BODY, headers)

    assert reply.status == 403
    assert said in reply.error


def test_an_own_page_may_ask(gateway: Serving) -> None:
    headers = {"host": f"localhost:{gateway.port}", "origin": f"http://localhost:{gateway.port}"}

    assert gateway.ask("POST", "/v1/models/echo:predict", BODY, headers).status == 200


def test_a_full_journal_refuses_requests_where_that_is_the_policy(tmp_path: Path) -> None:
    settings = {"journal": {"budget_bytes": 65536, "policy": "refuse"}}
    large = json.dumps({"instances": [[1, "FR", True]] * 1000}).encode()
    with serving(tmp_path, [ECHO], settings) as running:
        statuses = [running.ask("POST", "/v1/models/echo:predict", large).status for _ in range(20)]
        last = running.ask("POST", "/v1/models/echo:predict", large)

        assert statuses[0] == 200
        assert last.status == 503
        assert int(last.headers["retry-after"]) >= 1
        assert len(running.events()) == statuses.count(200)
        assert running.get("/readyz").status == 503


def test_a_full_journal_drops_and_counts_by_default(tmp_path: Path) -> None:
    large = json.dumps({"instances": [[1, "FR", True]] * 1000}).encode()
    with serving(tmp_path, [ECHO], {"journal": {"budget_bytes": 65536}}) as running:
        replies = [running.ask("POST", "/v1/models/echo:predict", large) for _ in range(20)]

        tally = running.gateway.journal.tally
        assert [reply.status for reply in replies] == [200] * 20
        assert tally.answered == 20 == tally.journalled + tally.dropped
        assert tally.dropped > 0


def test_requests_at_a_time_each_get_their_own_answer_id_and_event(gateway: Serving) -> None:
    before = len(gateway.events())

    def ask(number: int) -> tuple[float, str]:
        reply = gateway.post("/v1/models/one:predict", {"instances": [number], "id": f"n{number}"})
        return reply.json["predictions"][0], reply.headers["x-request-id"]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(200)))

    events = gateway.events()[before:]
    assert [answer for answer, _ in answers] == [float(number) for number in range(200)]
    assert len({event_id for _, event_id in answers}) == 200
    assert sorted((event.app_id, event.outputs["prediction"]) for event in events) == sorted(
        (f"n{number}", [float(number)]) for number in range(200)
    )


def test_capture_can_be_switched_off(tmp_path: Path) -> None:
    with serving(tmp_path, [ECHO], {"gateway": {"capture": False}}) as running:
        reply = running.ask("POST", "/v1/models/echo:predict", BODY)

        assert reply.status == 200
        assert reply.headers["x-request-id"]
        assert running.events() == []


SUPERVISE = """
import sys
from gateway.supervisor import Child, Supervisor
sleeper = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
Supervisor([Child(name="one", command=sleeper), Child(name="two", command=sleeper)]).run()
"""


def test_children_start_again_and_end_together() -> None:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISE], stdout=subprocess.DEVNULL)
    supervisor = psutil.Process(process.pid)
    wait_for(lambda: len(supervisor.children()) == 2)
    first = supervisor.children()
    first[0].send_signal(signal.SIGKILL)

    wait_for(
        lambda: len({child.pid for child in supervisor.children()} - {child.pid for child in first}) == 1
    )
    children = supervisor.children()
    process.terminate()

    assert process.wait(20) == 0
    assert not any(child.is_running() for child in children)


def test_a_child_that_cannot_start_ends_the_rest() -> None:
    fails = Child(name="broken", command=[sys.executable, "-c", "raise SystemExit(1)"])
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    try:
        with pytest.raises(StartError, match="broken ended with code 1"):
            Supervisor([fails]).run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_what_a_child_says_goes_into_its_log_and_the_error_names_that(tmp_path: Path) -> None:
    log = tmp_path / "broken.log"
    says = "import sys; print('why it fails', flush=True); sys.exit(1)"
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    try:
        with pytest.raises(StartError, match=r"its error is in .*broken\.log"):
            Supervisor([Child(name="broken", command=[sys.executable, "-c", says], log=log)]).run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert log.read_text() == "why it fails\n"
