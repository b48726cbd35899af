"""The OpenAPI document against the behaviour of the service."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.openapi import from_asgi
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from detector import Detector
from serve.app import create_app
from serve.compat import SHAPES
from serve.settings import Settings

generated = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def api(load: Callable[[], Detector]) -> BaseSchema:
    return from_asgi("/openapi.json", create_app(load, Settings()))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/model", "/v1/admin/model", "/v1/shadow"])
@generated
@given(data=st.data())
def test_what_is_asked_for_is_answered_as_documented(api: BaseSchema, path: str, data: st.DataObject) -> None:
    data.draw(api[path]["GET"].as_strategy()).call_and_validate()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("path", ["/v1/score", "/v1/moderations", "/predict"])
@generated
@given(data=st.data())
def test_documented_bodies_are_scored_and_all_others_refused_as_documented(
    api: BaseSchema, path: str, mode: GenerationMode, data: st.DataObject
) -> None:
    operation = api[path]["POST"]
    case = data.draw(operation.as_strategy(generation_mode=mode))
    if mode is GenerationMode.POSITIVE:
        # Who allows next to no time gets 504, and rightly so.
        case.headers.pop("X-Request-Timeout", None)
    case.call_and_validate()


@generated
@given(data=st.data())
def test_only_folders_that_may_be_named_are_swapped_in_as_documented(api: BaseSchema, data: st.DataObject) -> None:
    data.draw(api["/v1/admin/model"]["POST"].as_strategy()).call_and_validate(excluded_checks=[positive_data_acceptance])


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_every_status_is_documented(document: dict[str, Any]) -> None:
    statuses = {
        (method, path): list(operation["responses"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert statuses == {
        ("get", "/healthz"): ["200"],
        ("get", "/readyz"): ["200", "503"],
        ("get", "/metrics"): ["200"],
        ("get", "/v1/model"): ["200", "500", "503"],
        ("post", "/v1/score"): ["200", "400", "408", "413", "415", "422", "500", "503", "504"],
        ("get", "/v1/admin/model"): ["200", "500", "503"],
        ("post", "/v1/admin/model"): ["200", "202", "400", "408", "409", "413", "415", "422", "500", "503"],
        ("get", "/v1/shadow"): ["200", "500", "503"],
        ("post", "/v1/moderations"): ["200", "400", "408", "413", "415", "500", "503", "504"],
        ("post", "/predict"): ["200", "400", "408", "413", "415", "422", "424", "429", "500", "503", "504"],
    }


def test_every_error_is_documented_as_a_problem_but_for_the_interfaces_of_others(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        answer = "text/plain" if path == "/metrics" else "application/json"
        error = "application/json" if path in SHAPES else "application/problem+json"
        for operation in operations.values():
            for status, response in operation["responses"].items():
                assert list(response["content"]) == [answer if status < "300" else error]


def test_the_item_is_documented_with_its_limits(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["ScoreRequest"]["properties"]["items"]["maxItems"] == 256
    item = schemas["Item"]
    assert list(item["properties"]) == ["text", "id", "language"]
    assert item["required"] == ["text"]
    assert item["properties"]["text"]["maxLength"] == 100_000


def test_the_document_is_the_same_each_time(client: TestClient) -> None:
    assert client.get("/openapi.json").json() == client.get("/openapi.json").json()
