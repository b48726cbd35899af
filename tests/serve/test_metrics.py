"""What is counted, in one process; tests/serve/test_workers.py adds up several."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from exposed import number, numbers, total
from fastapi.testclient import TestClient

from detector import Detector
from detector.bundle import Bundle
from serve.app import create_app
from serve.drift import EDGES, Reference, stability_index
from serve.metrics import RECENT, Metrics, forget_dead
from serve.schemas import Failed, ItemError, Scored
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
    assert number(text, "scoring_duration_seconds_count") == 1
    assert number(text, "scoring_duration_seconds_sum") > 0
    assert total(text, "recent_scores") == len(bands)


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


def scored(score: float, language: str = "en", band: str = "low") -> Scored:
    plain = {"score": score, "language": language, "band": band}
    return Scored.model_construct(id=None, result=type("Verdict", (), plain)(), error=None)


def reference(bundle: Bundle, counts: tuple[int, ...] = (10, *[0] * 10)) -> Reference:
    return Reference(bundle.identity, "a test", EDGES, counts)


def test_the_drift_is_that_of_the_scores_of_late(bundle: Bundle) -> None:
    metrics = Metrics(reference=reference(bundle))
    metrics.serves(bundle)
    metrics.scored([scored(0.0)] * 199, 0.1)
    assert number(metrics.exposition().decode(), "score_drift") is None  # too few to say
    metrics.scored([scored(1.0)] * RECENT, 0.1)
    text = metrics.exposition().decode()
    assert number(text, "recent_scores", up_to="0.001") == 0  # all of the first are forgotten
    assert number(text, "recent_scores", up_to="1.0") == RECENT
    expected = stability_index((10, *[0] * 10), (*[0] * 10, RECENT))
    assert number(text, "score_drift") == pytest.approx(expected)


def test_scores_are_not_compared_with_those_of_another_model(bundle: Bundle) -> None:
    metrics = Metrics(reference=Reference("another/1", "a test", EDGES, (1,) * len(EDGES)))
    metrics.serves(bundle)
    metrics.scored([scored(0.5)] * RECENT, 0.1)
    assert number(metrics.exposition().decode(), "score_drift") is None


def test_a_change_of_model_starts_the_scores_of_late_anew(bundle: Bundle) -> None:
    metrics = Metrics(reference=reference(bundle))
    metrics.serves(bundle)
    metrics.scored([scored(0.5)] * 10, 0.1)
    metrics.serves(bundle)
    assert total(metrics.exposition().decode(), "recent_scores") == 0


def test_what_waits_is_shown_by_class(bundle: Bundle) -> None:
    metrics = Metrics()
    metrics.queued("interactive", requests=3, tokens=900)
    metrics.waited("batch", 0.2)
    metrics.batched(1000)
    failed = Failed(id=None, error=ItemError(code="scoring_failed", message="x"))
    metrics.scored([failed], 0.1)
    text = metrics.exposition().decode()
    assert number(text, "queue_depth", class_="interactive") == 3
    assert number(text, "queue_depth", class_="batch") == 0
    assert number(text, "queue_tokens", class_="interactive") == 900
    assert number(text, "queue_duration_seconds_count", class_="batch") == 1
    assert number(text, "batch_tokens_bucket", le="1024.0") == 1
    assert number(text, "items_total", outcome="scoring_failed", band="none") == 1


def test_the_present_of_a_dead_worker_is_forgotten_and_its_past_kept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    names = [f"gauge_livesum_{gone.pid}.db", f"gauge_livemax_{gone.pid}.db", f"counter_{gone.pid}.db", "gauge_livesum_1.db"]
    for name in names:
        (tmp_path / name).touch()
    forget_dead(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(names[2:])  # process 1 is not ours, and lives
