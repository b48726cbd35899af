"""A small real detector behind the service."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from letters import LetterBackend, bundle, runnable_bundle

from detector import Detector
from detector.bundle import Bundle
from serve.app import create_app
from serve.settings import Settings

Score = Callable[[list[object]], list[dict[str, Any]]]


@pytest.fixture(scope="session", autouse=True)
def _nobody_s_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give services without a data directory of their own a new one: they would work on the batches they find."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def backend() -> LetterBackend:
    return LetterBackend()


@pytest.fixture
def load(bundle: Bundle, backend: LetterBackend) -> Callable[[], Detector]:
    return lambda: Detector(bundle, backend, threads=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(max_body_bytes=200_000, data=tmp_path / "data")


@pytest.fixture
def client(load: Callable[[], Detector], settings: Settings) -> Iterator[TestClient]:
    app = create_app(load, settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def score(client: TestClient) -> Score:
    """Send items and return their results."""

    def send(items: list[object]) -> list[dict[str, Any]]:
        body = json.dumps({"items": items})  # in ASCII, so that half surrogate pairs can be sent
        answer = client.post("/v1/score", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    return send


__all__ = ["bundle", "runnable_bundle"]
