"""Real processes: two workers that count, let in and limit as one, and write no word of what was sent."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx2
import pytest
from exposed import number, total
from letters import runnable_bundle
from running import ROOT, Service, served, wait_until

from detector.errors import EXIT_CODES, InputError
from serve.keys import KeyStore

__all__ = ["runnable_bundle"]

SECRET = "kerjadikamboja"
SCOPES = ["score", "metrics"]
TEN = {"items": [{"id": f"p-{place}", "text": "zoo staff wanted, write to @example_hr"} for place in range(10)]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def key(data: Path) -> str:
    return KeyStore(data).add("tests", SCOPES)


@pytest.fixture(scope="module")
def service(runnable_bundle: Path, data: Path, key: str) -> Iterator[Service]:
    with served(runnable_bundle, data, workers=2, THREADS="1") as service:
        yield service


def send(service: Service, key: str, body: object = TEN) -> httpx2.Response:
    """Send one request by a connection of its own, so that any worker may get it."""
    with service.client(key) as client:
        return client.post("/v1/score", json=body)


def shown(service: Service, key: str) -> str:
    with service.client(key) as client:
        return client.get("/metrics").text


def scored_by(service: Service) -> set[int]:
    """Return the processes that answered requests to score."""
    return {line["process"] for line in service.logged() if line.get("route") == "/v1/score"}


def send_to_both(service: Service, key: str) -> int:
    """Send requests until both workers have answered some; return how many."""
    before, sent = scored_by(service), 0
    with ThreadPoolExecutor(4) as pool:
        for _ in range(50):
            answers = list(pool.map(lambda _: send(service, key), range(8)))
            assert [answer.status_code for answer in answers] == [200] * 8
            sent += 8
            if len(scored_by(service)) >= max(2, len(before)):
                return sent
    pytest.fail("one worker got everything")


def test_numbers_add_up_across_workers_whoever_is_asked(service: Service, key: str) -> None:
    before = shown(service, key)
    sent = send_to_both(service, key)
    for _ in range(6):
        after = shown(service, key)
        assert total(after, "items_total") - total(before, "items_total") == 10 * sent
        assert (number(after, "score_count") or 0) - (number(before, "score_count") or 0) == 10 * sent
        assert (number(after, "batch_items_sum") or 0) - (number(before, "batch_items_sum") or 0) == 10 * sent
        assert number(after, "workers") == 2
        assert total(after, "model_info") == 1


def test_a_key_that_is_revoked_or_made_counts_for_all_workers_at_once(service: Service, key: str, data: Path) -> None:
    command = [sys.executable, "-m", "serve", "keys"]
    environ = os.environ | {"SCAM_DETECTOR_DATA": str(data)}

    def keys(*arguments: str) -> str:
        return subprocess.run([*command, *arguments], env=environ, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    made = keys("add", "for a while").strip()
    assert {send(service, made).status_code for _ in range(10)} == {200}
    keys("revoke", made.split("_")[1])
    assert {send(service, made).status_code for _ in range(10)} == {401}
    assert send(service, key).status_code == 200


def test_a_rate_is_shared_by_the_workers(service: Service, key: str, data: Path) -> None:
    limited = KeyStore(data).add("limited", SCOPES, rate=300)
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(service, limited), range(60)))
    elapsed = time.monotonic() - started
    granted = 10 * sum(answer.status_code == 200 for answer in answers)
    # Ten at a time out of 300, and of what flows in meanwhile.
    assert 300 <= granted <= 300 + 300 * elapsed / 60
    assert {answer.status_code for answer in answers} == {200, 429}
    assert number(shown(service, key), "rejected_total", reason="rate") == 60 - granted / 10


def test_a_killed_worker_is_replaced_and_what_it_counted_stays(service: Service, key: str) -> None:
    send_to_both(service, key)
    before = shown(service, key)
    victim = sorted(scored_by(service))[0]
    started = sum('"Application startup complete."' in line for line in service.lines)
    os.kill(victim, signal.SIGSTOP)
    time.sleep(1.5)  # by now it is asked whether it lives; its death is the answer
    os.kill(victim, signal.SIGKILL)
    service.wait_ready(started + 1, timeout_s=30)
    after = shown(service, key)
    assert total(after, "items_total") == total(before, "items_total")
    assert (number(before, "worker_starts_total"), number(after, "worker_starts_total")) == (2, 3)
    assert number(after, "workers") == 2
    assert total(after, "recent_scores") < total(before, "recent_scores")
    assert send(service, key).status_code == 200


def test_no_word_of_what_was_sent_nor_a_key_is_logged_counted_or_refused(service: Service, key: str) -> None:
    where = {
        "text": {"items": [{"text": SECRET}, {"text": SECRET + "\0"}, {"text": [SECRET]}, SECRET, {"text": SECRET * 10_000}]},
        "id": {"items": [{"text": "", "id": SECRET}, {"text": "x", "id": [SECRET]}]},
        "language": {"items": [{"text": "a driver is wanted", "language": SECRET}, {"text": "x", "language": "x-" + SECRET}]},
        "name": {SECRET: 1},
    }
    headers = {
        "user-agent": SECRET,
        "referer": f"http://example/{SECRET}",
        "x-request-id": SECRET,
        "cookie": f"a={SECRET}",
        "x-forwarded-for": SECRET,
    }
    refusals = []
    with service.client(key) as client:
        for body in where.values():
            client.post(f"/v1/score?{SECRET}={SECRET}", json=body, headers=headers)
        refusals += [
            client.get(f"/v1/{SECRET}/{SECRET}?{SECRET}"),
            client.request(SECRET.upper(), "/v1/score"),
            client.post("/v1/score", content=SECRET, headers={"content-type": SECRET}),
            client.post("/v1/score", content=SECRET, headers={"content-type": "application/json"}),
            client.post("/v1/score", content=SECRET, headers={"content-type": "application/json", "content-encoding": SECRET}),
            client.get("/v1/model", headers={"authorization": f"Bearer {SECRET}"}),
            client.get("/v1/model", headers={"authorization": SECRET}),
            client.get("/metrics", params={"name[]": SECRET}),
        ]
        refusals.append(client.post("/v1/score", json={SECRET: SECRET}))
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(f"{SECRET} / {SECRET}\r\n{SECRET}\r\n\r\n".encode())
        answered = connection.recv(10_000)
    wait_until(lambda: any(line.get("status") == 422 for line in service.logged()))
    seen = "".join(service.lines) + shown(service, key) + "".join(answer.text for answer in refusals) + answered.decode()
    assert '"route": "/v1/score"' in seen
    assert SECRET not in seen.lower()
    assert key.rpartition("_")[2] not in seen
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert key.rpartition("_")[2] not in processes


def test_each_request_is_one_line_of_json(service: Service, key: str) -> None:
    answer = send(service, key)
    wanted = answer.headers["x-request-id"]
    wait_until(lambda: any(line.get("request_id") == wanted for line in service.logged()))
    (line,) = [line for line in service.logged() if line.get("request_id") == wanted]
    assert line | {"time": "", "process": 0, "duration_ms": 0} == {
        "time": "",
        "level": "info",
        "logger": "serve.access",
        "process": 0,
        "message": "request",
        "request_id": wanted,
        "method": "POST",
        "route": "/v1/score",
        "status": 200,
        "duration_ms": 0,
        "items": 10,
        "key": key.split("_")[1],
    }
    assert line["duration_ms"] > 0


def test_at_sigterm_the_port_closes_what_is_being_answered_is_answered_and_all_workers_end(
    runnable_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    body = json.dumps(TEN).encode()
    with served(runnable_bundle, tmp_path / "data", workers=2, THREADS="1", DRAIN_S="4") as service:
        processes = {line["process"] for line in service.logged()}
        assert len(processes) == 3
        assert len(list(tmp_path.glob("scam-detector-metrics-*/*.db"))) >= 6
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
            connection.sendall(
                b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
            )
            assert b"100 Continue" in connection.recv(1000)
            service.process.send_signal(signal.SIGTERM)
            # Each of them says so, whoever is asked.
            wait_until(lambda: [_ready(service) for _ in range(8)] == [503] * 8)
            wait_until(lambda: _refused(service.port))
            connection.sendall(body)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        assert service.process.wait(timeout=20) == 0
    assert received.startswith(b"HTTP/1.1 200 ")
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    assert not list(tmp_path.glob("scam-detector-metrics-*"))


def test_a_second_sigterm_is_handed_on_to_workers_that_drain(runnable_bundle: Path, tmp_path: Path) -> None:
    with served(runnable_bundle, tmp_path, workers=2, THREADS="1", DRAIN_S="60") as service:
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: _ready(service) == 503)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=20) == 0


def _ready(service: Service) -> int:
    with closing(HTTPConnection("127.0.0.1", service.port, timeout=20)) as connection:
        connection.request("GET", "/readyz")
        return connection.getresponse().status


def _refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        # The port was closed while this connection waited to be taken: ask again until it is refused.
        return False
    return False


def test_a_service_for_others_does_not_start_without_a_key(runnable_bundle: Path, tmp_path: Path) -> None:
    environ = os.environ | {
        "SCAM_DETECTOR_HOST": "0.0.0.0",
        "SCAM_DETECTOR_PORT": "0",
        "SCAM_DETECTOR_MODEL": str(runnable_bundle),
        "SCAM_DETECTOR_DATA": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-m", "serve"], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == EXIT_CODES[InputError]
    (line,) = done.stderr.splitlines()
    assert line.endswith("make one: python -m serve keys add NAME --scopes score")
