"""Slow, half-closed and vanished clients, over real sockets."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from urllib.request import urlopen

import pytest
from fastapi import FastAPI
from running import SlowBackend, running, wait_until

from detector import Detector
from detector.bundle import Bundle
from serve import bodies, connections
from serve.admission import Priority
from serve.app import create_app
from serve.settings import Settings

HEAD = b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def backend() -> SlowBackend:
    return SlowBackend()


@pytest.fixture
def app(bundle: Bundle, backend: SlowBackend) -> FastAPI:
    return create_app(lambda: Detector(bundle, backend, threads=1), Settings())


@pytest.fixture
def port(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A service that loses patience after 0.3 s."""
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 0.3)
    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.3)
    with running(app) as port:
        yield port


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        yield connection


def request(number: int) -> bytes:
    """Return a whole request with so many posts."""
    body = json.dumps({"items": [{"text": "a driver is wanted"}] * number}).encode()
    return HEAD % len(body) + body


def answer_to(connection: socket.socket) -> tuple[HTTPResponse, bytes]:
    """Return the next answer, and its body."""
    with HTTPResponse(connection) as answer:
        answer.begin()
        return answer, answer.read()


def read_to_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: local"], ids=["nothing", "half a head"])
def test_a_connection_without_a_head_is_closed(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(sent)
        started = time.monotonic()
        assert read_to_end(connection) == b""
        assert time.monotonic() - started < 5


def trickle(connection: socket.socket, sent: bytes, until_s: float) -> bool:
    """Send something byte by byte; return whether the other side closed the connection before the end."""
    started = time.monotonic()
    for place in range(len(sent)):
        try:
            connection.sendall(sent[place : place + 1])
        except OSError:
            return True
        if time.monotonic() - started > until_s:
            pytest.fail("the connection is still open")
        time.sleep(0.02)
    return False


def test_a_head_that_trickles_in_is_cut_off(port: int) -> None:
    with connected(port) as connection:
        assert trickle(connection, b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 1000, until_s=10)


def test_a_second_head_that_trickles_in_is_cut_off(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer_to(connection)[1] == b'{"status":"ok"}'
        assert trickle(connection, b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 1000, until_s=10)


def test_a_body_that_trickles_in_is_refused_and_cut_off(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD % 1000)
        assert trickle(connection, b'{"items": [' + b" " * 900, until_s=10)
    with connected(port) as connection:
        connection.sendall(HEAD % 1000 + b'{"items": [')
        answer, _ = answer_to(connection)
    assert answer.status == 408
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_head_without_end_is_refused(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 65_536)
        assert connection.recv(20).startswith(b"HTTP/1.1 400 ")


def test_connections_beyond_the_bound_are_turned_away_until_others_close(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 20)
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    with connected(port), connected(port):
        with connected(port) as third:
            answer, body = answer_to(third)
            assert (answer.status, answer.headers["retry-after"], body) == (503, "1", b"")
            assert read_to_end(third) == b""
    wait_until(lambda: is_alive(port))


def is_alive(port: int) -> bool:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return answer_to(connection)[0].status == 200


def test_a_request_that_is_being_scored_has_more_time_than_a_head(port: int, backend: SlowBackend) -> None:
    backend.window_s = 0.8
    with connected(port) as connection:
        connection.sendall(request(1))
        assert answer_to(connection)[0].status == 200


def waiting(app: FastAPI) -> int:
    tokens: int = app.state.admission.waiting_tokens(Priority.INTERACTIVE)
    return tokens


@pytest.mark.parametrize("how", ["closed", "half-closed", "reset"])
def test_work_of_a_client_that_left_is_dropped(app: FastAPI, port: int, backend: SlowBackend, how: str) -> None:
    backend.open.clear()
    with connected(port) as connection:
        connection.sendall(request(200))
        wait_until(lambda: waiting(app) > 0)
        if how == "half-closed":
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(65_536) == b""
        elif how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: waiting(app) == 0)
    backend.open.set()
    with connected(port) as connection:
        connection.sendall(request(1))
        assert answer_to(connection)[0].status == 200
    assert backend.seen == 2


def test_a_client_that_left_before_its_turn_costs_nothing(app: FastAPI, port: int, backend: SlowBackend) -> None:
    backend.open.clear()
    with connected(port) as first:
        first.sendall(request(1))
        wait_until(lambda: backend.seen == 1)
        with connected(port) as second:
            second.sendall(request(1))
            wait_until(lambda: waiting(app) > 0)
        wait_until(lambda: waiting(app) == 0)
        backend.open.set()
        assert answer_to(first)[0].status == 200
    assert backend.seen == 1


def test_a_deadline_past_is_504_and_the_rest_is_dropped(app: FastAPI, port: int, backend: SlowBackend) -> None:
    backend.open.clear()
    body = request(50).replace(b"Host:", b"X-Request-Timeout: 0.2\r\nHost:")
    with connected(port) as connection:
        connection.sendall(body)
        assert answer_to(connection)[0].status == 504
    assert waiting(app) == 0
    backend.open.set()
    assert backend.seen == 1


def test_too_much_at_once_is_refused_with_the_time_to_come_back(bundle: Bundle) -> None:
    backend = SlowBackend()
    backend.open.clear()
    app = create_app(lambda: Detector(bundle, backend, threads=1), Settings(max_waiting_tokens=100))
    with running(app) as port, connected(port) as first, connected(port) as second:
        first.sendall(request(100))
        wait_until(lambda: waiting(app) > 0)
        second.sendall(request(10))
        refused, problem = answer_to(second)
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as ready:
            assert ready.status == 200
        backend.open.set()
        assert answer_to(first)[0].status == 200
    assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
    assert b"more posts wait than this service takes on" in problem
