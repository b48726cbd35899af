"""Health, readiness and the model."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from detector import INDICATORS, LABELS, BundleError, Detector, InputError
from serve.app import create_app
from serve.settings import Settings

Load = Callable[[], Detector]


def test_the_service_is_ready_from_when_the_model_is_loaded_until_it_shuts_down(
    load: Load,
) -> None:
    app = create_app(load, Settings())
    outside = TestClient(app)  # starts nothing: only the block below does
    seen = [outside.get("/readyz").status_code]
    with TestClient(app):
        seen.append(outside.get("/readyz").status_code)
    seen.append(outside.get("/readyz").status_code)
    assert seen == [503, 200, 503]


@pytest.mark.parametrize("path", ["/v1/model", "/v1/score", "/readyz"])
def test_what_needs_the_model_is_unavailable_without_it(load: Load, path: str) -> None:
    outside = TestClient(create_app(load, Settings()))
    answer = outside.request("POST" if path == "/v1/score" else "GET", path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["detail"] == "the model is not loaded; try again"


def test_the_service_is_alive_before_and_after_it_is_ready(load: Load) -> None:
    app = create_app(load, Settings())
    outside = TestClient(app)
    before = outside.get("/healthz")
    with TestClient(app) as client:
        during = client.get("/healthz")
    after = outside.get("/healthz")
    assert [answer.json() for answer in (before, during, after)] == [{"status": "ok"}] * 3


def test_the_model_is_loaded_once_and_closed_at_the_end(load: Load) -> None:
    loaded: list[Detector] = []

    def load_and_note() -> Detector:
        loaded.append(load())
        return loaded[-1]

    with TestClient(create_app(load_and_note, Settings())) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/model").status_code == 200
    (detector,) = loaded
    with pytest.raises(InputError, match="closed"):
        detector.score(["a driver is wanted"])


def test_building_the_service_loads_nothing() -> None:
    def load() -> Detector:
        raise BundleError("loaded too early")

    app = create_app(load, Settings())
    assert TestClient(app).get("/healthz").status_code == 200
    with pytest.raises(BundleError, match="loaded too early"), TestClient(app):
        pass


def test_the_model_says_what_it_is_and_what_is_accepted(client: TestClient, load: Load) -> None:
    bundle = load().bundle
    assert client.get("/v1/model").json() == {
        "model": bundle.identity,
        "name": "letters",
        "version": "0.0.1",
        "sha256": bundle.sha256,
        "labels": list(LABELS),
        "indicators": list(INDICATORS),
        "languages": ["en", "id"],
        "operating_points": {"high": 0.9, "review": 0.4},
        "limits": {"items": 256, "characters": 100_000, "body_bytes": 200_000},
    }
