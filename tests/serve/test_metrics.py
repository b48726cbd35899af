"""What is counted, in one process; tests/serve/test_workers.py adds up several."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from exposed import number, numbers, total
from fastapi.testclient import TestClient
from letters import LetterBackend
from running import SlowBackend, running, wait_until

from detector import Detector, Verdict
from detector.bundle import Bundle
from serve.admission import Priority, Timing, count_tokens
from serve.app import create_app
from serve.batches.store import Standing
from serve.drift import EDGES, Reference, stability_index
from serve.metrics import RECENT, Metrics, forget_dead
from serve.settings import Settings

Load = Callable[[], Detector]
LURE = "zoo staff wanted, tour and suite paid, write to @example_hr today"


@pytest.fixture
def shown(client: TestClient) -> Callable[[], str]:
    return lambda: client.get("/metrics").text


def test_the_format_is_that_of_prometheus(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert not [name for name, _ in numbers(answer.text) if name.endswith("_created")]


def test_items_are_counted_by_what_became_of_them(client: TestClient, shown: Callable[[], str]) -> None:
    items = [{"text": LURE}, {"text": "a driver is wanted", "language": "id"}, {"text": "a"}, {"text": 7}, {"text": ""}, 3]
    answer = client.post("/v1/score", json={"items": items}).json()
    bands = [entry["result"]["band"] for entry in answer["results"] if entry["result"]]
    text = shown()
    for band in ("high", "review", "low", "abstain"):
        assert number(text, "items_total", outcome="scored", band=band) == bands.count(band)
    assert number(text, "items_total", outcome="invalid_text", band="none") == 2
    assert number(text, "items_total", outcome="invalid_item", band="none") == 1
    assert number(text, "items_total", outcome="scoring_failed", band="none") == 0
    assert number(text, "score_count") == number(text, "score_bucket", le="1.0") == len(bands)
    assert number(text, "batch_items_sum") == 6
    # Four are texts, and one of these is refused by the detector itself.
    assert number(text, "scoring_duration_seconds_count") == number(text, "batch_tokens_count") == 4
    assert number(text, "queue_duration_seconds_count", class_="interactive") == 4
    assert number(text, "scoring_duration_seconds_sum") > 0
    assert number(text, "tokenize_duration_seconds_count") == number(text, "inference_duration_seconds_count") == 3
    assert number(text, "inference_duration_seconds_sum") > 0
    assert number(text, "queue_tokens", class_="interactive") == 0
    assert total(text, "recent_scores") == len(bands)


def test_items_of_the_interfaces_of_others_are_counted_as_well(
    client: TestClient, shown: Callable[[], str], backend: LetterBackend
) -> None:
    client.post("/v1/moderations", json={"input": [LURE, "a driver is wanted"]})
    client.post("/predict", json={"inputs": [[LURE], ["a driver is wanted"], ["a"]]})
    text = shown()
    assert number(text, "batch_items_count") == 2
    assert number(text, "batch_items_sum") == number(text, "score_count") == total(text, "items_total") == 5
    assert number(text, "items_total", outcome="scored", band="abstain") == 1
    backend.poison = 0
    client.post("/v1/moderations", json={"input": [LURE, LURE]})
    client.post("/predict", json={"inputs": LURE})
    client.post("/v1/score", json={"items": [{"text": LURE}]})
    assert number(shown(), "items_total", outcome="scoring_failed", band="none") == 4
    assert number(shown(), "rejected_total", reason="unavailable") == 3


def test_what_waits_and_what_is_turned_away_is_counted(bundle: Bundle) -> None:
    """One thread that is held up; a second post waits, and a third is too much."""
    backend = SlowBackend()
    backend.open.clear()
    app = create_app(lambda: Detector(bundle, backend, threads=1), Settings(max_waiting_tokens=20))
    paths = {"/v1/score": {"items": [{"text": LURE}]}, "/v1/moderations": {"input": LURE}, "/predict": {"inputs": LURE}}
    with running(app) as port, httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

        def shown() -> str:
            return client.get("/metrics").text

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(client.post, "/predict", json={"inputs": LURE})
            wait_until(lambda: backend.seen == 1)
            second = pool.submit(client.post, "/v1/score", json={"items": [{"text": LURE}] * 2})
            wait_until(lambda: number(shown(), "queue_depth", class_="interactive") == 1)
            assert number(shown(), "queue_tokens", class_="interactive") == 2 * count_tokens(LURE)
            statuses = [client.post(path, json=body).status_code for path, body in paths.items()]
            backend.open.set()
            assert (first.result().status_code, second.result().status_code) == (200, 200)
        late = client.post("/v1/score", json={"items": [{"text": LURE}]}, headers={"x-request-timeout": "1e-9"})
        app.state.draining = True
        ending = client.post("/predict", json={"inputs": LURE})
        text = shown()
    assert (statuses, late.status_code, ending.status_code) == ([503, 503, 429], 504, 503)
    assert number(text, "rejected_total", reason="overload") == 3
    assert number(text, "rejected_total", reason="deadline") == 1
    assert number(text, "rejected_total", reason="draining") == 1
    assert number(text, "queue_depth", class_="interactive") == number(text, "queue_tokens", class_="interactive") == 0


def test_a_client_that_left_was_not_refused(bundle: Bundle) -> None:
    backend = SlowBackend()
    backend.open.clear()
    app = create_app(lambda: Detector(bundle, backend, threads=1), Settings())
    body = b'{"inputs": "%s"}' % LURE.encode()
    with running(app) as port, httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for sent in (body, body[:-1]):  # while it is scored, and while its body is read
            with socket.create_connection(("127.0.0.1", port)) as connection:
                head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + sent)
                wait_until(lambda: backend.seen == 1)
        wait_until(lambda: number(client.get("/metrics").text, "requests_total", route="/predict", code="499") == 2)
        backend.open.set()
        assert total(client.get("/metrics").text, "rejected_total") == 0


def test_languages_outside_the_model_are_one_label(client: TestClient, shown: Callable[[], str]) -> None:
    languages = ["id", "id-ID", "en", "sw", "zh-Hant", "tlh", "x-klingon"]
    client.post("/v1/score", json={"items": [{"text": LURE, "language": language} for language in languages]})
    text = shown()
    counted = {dict(labels)["language"]: value for (name, labels), value in numbers(text).items() if "language_items_total" in name}
    assert counted == {"id": 2, "en": 1, "other": 3}  # x-klingon is refused


def test_requests_are_counted_by_template_and_status(client: TestClient, shown: Callable[[], str]) -> None:
    client.post("/v1/score", json={"items": []})
    client.post("/v1/score", content=b"{", headers={"content-type": "application/json"})
    client.get("/v1/score")
    client.get("/v1/secret-name?text=secret")
    client.request("SECRET", "/healthz")
    client.get("/v1/model")
    text = shown()
    assert number(text, "requests_total", route="/v1/score", code="200") == 1
    assert number(text, "requests_total", route="/v1/score", code="400") == 1
    assert number(text, "requests_total", route="/v1/score", code="405") == 1
    assert number(text, "requests_total", route="unknown", code="404") == 1
    assert number(text, "requests_total", route="/healthz", code="405") == 1
    assert number(text, "requests_total", route="/v1/model", code="200") == 1
    assert number(text, "request_duration_seconds_count", route="/v1/score") == 3
    assert "secret" not in text.lower()


@pytest.mark.parametrize(
    ("reason", "status", "body", "kind"),
    [
        ("malformed", 400, b"{", "application/json"),
        ("too_large", 413, b" " * 200_001, "application/json"),
        ("media_type", 415, b"{}", "text/plain"),
        ("invalid", 422, b"{}", "application/json"),
    ],
)
def test_a_refusal_is_counted_by_its_reason(
    client: TestClient, shown: Callable[[], str], reason: str, status: int, body: bytes, kind: str
) -> None:
    assert number(shown(), "rejected_total", reason=reason) == 0
    assert client.post("/v1/score", content=body, headers={"content-type": kind}).status_code == status
    text = shown()
    assert number(text, "rejected_total", reason=reason) == total(text, "rejected_total") == 1


def test_a_bug_is_counted(load: Load) -> None:
    app = create_app(load, Settings())

    def fail() -> None:
        raise KeyError("x")

    app.add_api_route("/fail", fail)
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/fail").status_code == 500
        assert number(client.get("/metrics").text, "requests_total", route="/fail", code="500") == 1


def test_two_services_in_one_process_count_apart(load: Load) -> None:
    with TestClient(create_app(load, Settings())) as one, TestClient(create_app(load, Settings())) as other:
        one.get("/readyz")
        assert number(one.get("/metrics").text, "requests_total", route="/readyz", code="200") == 1
        assert number(other.get("/metrics").text, "requests_total", route="/readyz", code="200") is None


def test_the_model_is_named(client: TestClient, shown: Callable[[], str], load: Load) -> None:
    assert number(shown(), "model_info", name="letters", version="0.0.1", sha256=load().bundle.sha256) == 1
    assert number(shown(), "workers") == 1


def scored(score: float) -> Verdict:
    return Verdict("p-1", score=score, band="low", language="en")


def reference(bundle: Bundle, counts: tuple[int, ...] = (10, *[0] * 10)) -> Reference:
    return Reference(bundle.identity, "a test", EDGES, counts)


def test_the_drift_is_that_of_the_scores_of_late(bundle: Bundle) -> None:
    metrics = Metrics(reference=reference(bundle))
    metrics.serves(bundle)
    metrics.scored([scored(0.0)] * 199)
    assert number(metrics.exposition().decode(), "score_drift") is None  # too few to say
    metrics.scored([scored(1.0)] * RECENT)
    text = metrics.exposition().decode()
    assert number(text, "recent_scores", up_to="0.001") == 0  # all of the first are forgotten
    assert number(text, "recent_scores", up_to="1.0") == RECENT
    expected = stability_index((10, *[0] * 10), (*[0] * 10, RECENT))
    assert number(text, "score_drift") == pytest.approx(expected)


def test_scores_are_not_compared_with_those_of_another_model(bundle: Bundle) -> None:
    metrics = Metrics(reference=Reference("another/1", "a test", EDGES, (1,) * len(EDGES)))
    metrics.serves(bundle)
    metrics.scored([scored(0.5)] * RECENT)
    assert number(metrics.exposition().decode(), "score_drift") is None


def test_a_change_of_model_starts_the_scores_of_late_anew(bundle: Bundle) -> None:
    metrics = Metrics(reference=reference(bundle))
    metrics.serves(bundle)
    metrics.scored([scored(0.5)] * 10)
    metrics.serves(bundle)
    assert total(metrics.exposition().decode(), "recent_scores") == 0


def test_what_waits_is_shown_by_class(bundle: Bundle) -> None:
    metrics = Metrics()
    metrics.queued(Priority.INTERACTIVE, 3, 900)
    metrics.timed(Timing(Priority.JOB, 1000, 0.2, 0.1))
    metrics.failed("scoring_failed", 2)
    text = metrics.exposition().decode()
    assert number(text, "queue_depth", class_="interactive") == 3
    assert number(text, "queue_depth", class_="job") == 0
    assert number(text, "queue_tokens", class_="interactive") == 900
    assert number(text, "queue_duration_seconds_sum", class_="job") == 0.2
    assert number(text, "scoring_duration_seconds_sum") == 0.1
    assert number(text, "batch_tokens_bucket", le="1024.0") == 1
    assert number(text, "items_total", outcome="scoring_failed", band="none") == 2


def test_the_present_of_a_dead_worker_is_forgotten_and_its_past_kept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    names = [f"gauge_livesum_{gone.pid}.db", f"gauge_livemax_{gone.pid}.db", f"counter_{gone.pid}.db", "gauge_livesum_1.db"]
    for name in names:
        (tmp_path / name).touch()
    forget_dead(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(names[2:])  # process 1 is not ours, and lives


def test_how_batches_stand_is_shown_while_their_file_can_be_read(bundle: Bundle) -> None:
    def standing() -> Standing:
        if broken:
            raise sqlite3.OperationalError("database or disk is full")
        return Standing({"queued": 2, "running": 1}, 700, 90.5)

    broken = False
    metrics = Metrics(batches=standing)
    text = metrics.exposition().decode()
    assert number(text, "batches", status="queued") == 2
    assert number(text, "batch_rows_left") == 700
    assert number(text, "batch_oldest_seconds") == 90.5
    broken = True
    text = metrics.exposition().decode()
    assert number(text, "batches", status="queued") is None
    assert number(text, "workers") is not None


def test_what_the_shadow_takes_is_timed_where_it_scored() -> None:
    metrics = Metrics()
    metrics.shadowed("dropped")
    metrics.shadowed("compared", 0.25)
    text = metrics.exposition().decode()
    assert number(text, "shadow_duration_seconds_count") == 1
    assert number(text, "shadow_duration_seconds_sum") == 0.25
