"""The end of the service: not ready first, then closed, and all that had begun is answered."""

import json
import signal
import socket
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from running import served, wait_until

BODY = json.dumps({"items": [{"id": "p-1", "text": "a driver is wanted"}]}).encode()
JSON = {"Content-Type": "application/json"}


def status_of(port: int, path: str, body: bytes | None = None) -> tuple[int, str | None]:
    """Return the status of an answer, and when to come back."""
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", body, JSON), timeout=20) as answer:
            return answer.status, answer.headers["Retry-After"]
    except HTTPError as error:
        with error:
            return error.code, error.headers["Retry-After"]


def begin(port: int) -> socket.socket:
    """Return a connection whose request is being answered: the service has asked for its body."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(
        b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    )
    assert b"100 Continue" in connection.recv(1000)
    return connection


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_on_sigterm_the_service_is_not_ready_then_closed_then_gone(runnable_bundle: Path) -> None:
    with served(runnable_bundle, DRAIN_S="2", THREADS="1") as service:
        process, port = service.process, service.port
        with begin(port) as connection:
            assert status_of(port, "/readyz") == (200, None)
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: status_of(port, "/readyz")[0] == 503)
            for path in ("/v1/score", "/v1/moderations", "/predict"):
                assert status_of(port, path, BODY) == (503, "1")
            assert status_of(port, "/healthz") == (200, None)
            wait_until(lambda: is_refused(port))
            assert process.poll() is None
            connection.sendall(BODY)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert process.wait(timeout=20) in {0, -signal.SIGTERM}
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["results"][0]["id"] == "p-1"


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]], ids=["Ctrl-C", "twice"])
def test_who_is_in_a_hurry_does_not_wait_for_the_drain(runnable_bundle: Path, signals: list[int]) -> None:
    with served(runnable_bundle, DRAIN_S="60", THREADS="1") as service:
        process = service.process
        for number in signals:
            process.send_signal(number)
            time.sleep(0.3)
        assert process.wait(timeout=20) in {0, *(-number for number in signals)}
