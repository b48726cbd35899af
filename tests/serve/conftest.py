"""A small real detector behind the service."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from letters import LetterBackend, bundle, runnable_bundle

from detector import Detector
from detector.bundle import Bundle
from serve.app import create_app
from serve.settings import Settings

Score = Callable[[list[object]], list[dict[str, Any]]]


@pytest.fixture
def backend() -> LetterBackend:
    return LetterBackend()


@pytest.fixture
def load(bundle: Bundle, backend: LetterBackend) -> Callable[[], Detector]:
    return lambda: Detector(bundle, backend, threads=1)


@pytest.fixture
def settings() -> Settings:
    return Settings(max_body_bytes=200_000)


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
