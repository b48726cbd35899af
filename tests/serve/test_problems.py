"""Errors: always a problem, never with a word of a post."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.testclient import TestClient
from httpx2 import Response

import detector.errors
from detector import BackendError, BundleError, Detector, DetectorError, InputError, RecordError
from serve.app import create_app
from serve.problems import STATUS, status_of
from serve.settings import Settings

Load = Callable[[], Detector]

SECRET = "kerjadikamboja"
JSON = {"content-type": "application/json"}


def assert_problem(answer: Response, status: int) -> dict[str, Any]:
    """Check the members that every problem has, and return them."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["instance"] == f"urn:uuid:{problem['request_id']}"
    return problem


@pytest.mark.parametrize("path", ["/v1", "/v1/score/", "/v2/score", "/docs", "/redoc"])
def test_an_unknown_path_is_a_problem(client: TestClient, path: str) -> None:
    assert_problem(client.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/score", "POST"), ("PUT", "/v1/score", "POST"), ("POST", "/healthz", "GET")],
)
def test_a_method_that_a_path_does_not_take_is_a_problem(client: TestClient, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert_problem(answer, 405)
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        pytest.param(400, f'{{"items": [{{"text": "{SECRET}"}}', JSON, id="cut off"),
        pytest.param(400, f'{{"items": [{{"text": "{SECRET}", "b": NaN}}]}}', JSON, id="NaN"),
        pytest.param(400, f'{SECRET}{{"items": []}}', JSON, id="no JSON"),
        pytest.param(413, f'{{"items": ["{SECRET * 20_000}"]}}', JSON, id="too long"),
        pytest.param(415, SECRET, {"content-type": "text/plain"}, id="plain text"),
        pytest.param(415, SECRET, {"content-type": SECRET}, id="text as content type"),
        pytest.param(422, f'"{SECRET}"', JSON, id="a string"),
        pytest.param(422, f'["{SECRET}"]', JSON, id="an array"),
        pytest.param(422, f'{{"items": "{SECRET}"}}', JSON, id="text as items"),
        pytest.param(422, f'{{"items": [], "{SECRET}": 1}}', JSON, id="text as a name"),
        pytest.param(422, f'{{"items": [{f"{chr(34)}{SECRET}{chr(34)}," * 256}1]}}', JSON, id="257"),
    ],
)
def test_no_problem_shows_what_was_sent(client: TestClient, status: int, body: str, headers: dict[str, str]) -> None:
    answer = client.post("/v1/score", content=body, headers=headers)
    assert_problem(answer, status)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "item",
    [
        SECRET,
        [SECRET],
        {"text": [SECRET]},
        {"text": {"text": SECRET}},
        {"text": SECRET + "\0"},
        {"text": SECRET + "\ud800"},
        {"text": SECRET * 8_000},
        {"text": "a driver is wanted", "id": [SECRET]},
        {"text": "a driver is wanted", "id": SECRET + "\ud800"},
        {"text": "a driver is wanted", "language": SECRET},
        {SECRET: SECRET},
    ],
)
def test_no_error_of_an_item_shows_what_was_sent(client: TestClient, item: object) -> None:
    body = json.dumps({"items": [item]})
    answer = client.post("/v1/score", content=body, headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["results"][0]["error"]
    assert SECRET not in answer.text


def test_a_path_with_a_post_in_it_is_not_echoed(client: TestClient) -> None:
    answer = client.get(f"/v1/{SECRET}?text={SECRET}")
    assert_problem(answer, 404)
    assert SECRET not in answer.text


def broken_app(load: Load, error: Exception) -> TestClient:
    """Return a service with a route that fails, as a later one may."""
    app = create_app(load, Settings())

    def fail() -> None:
        raise error

    app.add_api_route("/fail", fail)
    return TestClient(app, raise_server_exceptions=False)


def test_a_bug_is_a_problem_that_says_nothing_of_itself(load: Load) -> None:
    answer = broken_app(load, KeyError(SECRET)).get("/fail")
    assert_problem(answer, 500)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (InputError("expected a, got b"), 422, "expected a, got b"),
        (RecordError(3, "expected a"), 422, "record 3: expected a"),
        (BackendError("/srv/model.onnx broke"), 503, "the model failed on valid input; try again"),
        (BundleError("/srv/model"), 500, "the service failed; report it with the request id"),
    ],
)
def test_an_error_of_the_library_is_a_problem(load: Load, error: Exception, status: int, detail: str) -> None:
    problem = assert_problem(broken_app(load, error).get("/fail"), status)
    assert problem["detail"] == detail


def test_every_error_of_the_library_has_a_status() -> None:
    found = [kind for kind in vars(detector.errors).values() if isinstance(kind, type) and issubclass(kind, DetectorError)]
    assert len(found) > 5
    statuses = {kind.__name__: status_of(kind.__new__(kind)) for kind in found}
    assert set(statuses.values()) == set(STATUS.values())
    assert statuses["ColumnError"] == 422
    assert statuses["MissingExtraError"] == 500


def test_validation_of_a_later_route_does_not_show_its_input(load: Load) -> None:
    app: FastAPI = create_app(load, Settings())

    def later(count: Annotated[int, Query()]) -> int:
        return count

    app.add_api_route("/later", later)
    answer = TestClient(app).get("/later", params={"count": SECRET})
    problem = assert_problem(answer, 422)
    assert "query count" in problem["errors"][0]["detail"]
    assert SECRET not in answer.text


def test_each_request_has_an_id_of_its_own(client: TestClient) -> None:
    ids = {client.get("/healthz").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


def test_a_guard_refuses_before_the_body_is_looked_at_and_leaves_health_open(load: Load) -> None:
    def refuse() -> None:
        raise HTTPException(401, "expected a key", headers={"WWW-Authenticate": "Bearer"})

    app = create_app(load, Settings(), guards=[Depends(refuse)])
    with TestClient(app) as client:
        for answer in (client.get("/v1/model"), client.post("/v1/score", content=b"no JSON")):
            assert_problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
