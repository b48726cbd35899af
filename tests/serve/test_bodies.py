"""Bodies of requests: type, length and JSON."""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.types import Message

from detector import Detector
from serve.app import create_app
from serve.settings import Settings

Headers = Iterable[tuple[bytes, bytes]]

JSON = {"content-type": "application/json"}
ONE = b'{"items": [{"text": "a driver is wanted"}]}'


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_read_whatever_case_and_parameters_its_type_has(client: TestClient, kind: str) -> None:
    answer = client.post("/v1/score", content=ONE, headers={"content-type": kind})
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/jsonl", "application/x-www-form-urlencoded", "", "json"])
def test_another_content_type_is_refused(client: TestClient, kind: str) -> None:
    answer = client.post("/v1/score", content=ONE, headers={"content-type": kind})
    assert answer.status_code == 415


def test_a_body_without_content_type_is_refused(client: TestClient) -> None:
    assert client.post("/v1/score", content=ONE).status_code == 415


def test_a_compressed_body_is_refused(client: TestClient) -> None:
    headers = JSON | {"content-encoding": "gzip"}
    answer = client.post("/v1/score", content=gzip.compress(ONE), headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "expected JSON", id="nothing"),
        pytest.param(b'{"items": [', "fault at character 11", id="cut off"),
        pytest.param(b"{'items': []}", "fault at character 1", id="single quotes"),
        pytest.param(b'{"items": []} {}', "fault at character 14", id="two documents"),
        pytest.param(b'{"items": [NaN]}', "got NaN", id="NaN"),
        pytest.param(b'{"items": [{"text": "a", "b": -Infinity}]}', "got NaN", id="infinity"),
        pytest.param(b'{"items": [%s]}' % (b"9" * 5000), "number too long", id="long number"),
        pytest.param(b'{"items": "\xff"}', "expected UTF-8, byte 11", id="not UTF-8"),
        pytest.param('{"items": []}'.encode("utf-16"), "expected UTF-8", id="UTF-16"),
        pytest.param(b"[" * 100_000, "too many brackets", id="deep"),
    ],
)
def test_what_is_not_json_is_refused(client: TestClient, body: bytes, reason: str) -> None:
    answer = client.post("/v1/score", content=body, headers=JSON)
    assert answer.status_code == 400
    assert reason in answer.json()["detail"]


def test_a_byte_order_mark_is_passed_over(client: TestClient) -> None:
    answer = client.post("/v1/score", content=b"\xef\xbb\xbf" + ONE, headers=JSON)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ([], {"pointer": "#", "detail": "expected an object"}),
        (None, {"pointer": "#", "detail": "expected an object"}),
        ({}, {"pointer": "#/items", "detail": "expected a value, got none"}),
        ({"items": {}}, {"pointer": "#/items", "detail": "expected an array"}),
        ({"items": "a"}, {"pointer": "#/items", "detail": "expected an array"}),
        (
            {"items": [], "option": 1, "other": 2},
            {"pointer": "#", "detail": "expected no member other than those of the schema"},
        ),
    ],
)
def test_json_of_another_shape_is_refused_with_a_pointer(client: TestClient, body: object, fault: dict[str, str]) -> None:
    answer = client.post("/v1/score", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [fault]


def padded(length: int) -> bytes:
    body = b'{"items": []' + b" " * (length - 13) + b"}"
    assert len(body) == length
    return body


def pieces(body: bytes) -> Iterator[bytes]:
    """Cut a body up; sent this way, its length is not declared."""
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]


@pytest.mark.parametrize("send", [bytes, pieces], ids=["declared", "chunked"])
def test_the_longest_body_is_read_and_one_byte_more_is_not(
    client: TestClient, settings: Settings, send: Callable[[bytes], Any]
) -> None:
    limit = settings.max_body_bytes
    answers = [client.post("/v1/score", content=send(padded(length)), headers=JSON) for length in (limit, limit + 1)]
    assert [answer.status_code for answer in answers] == [200, 413]
    assert answers[1].headers["content-type"] == "application/problem+json"
    assert f"at most {limit} bytes" in answers[1].json()["detail"]


def status_for(app: FastAPI, messages: Iterator[Message], headers: Headers = ()) -> int:
    """Return the status that ``POST /v1/score`` answers to a body that arrives in ``messages``."""
    sent: list[Message] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/score",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json"), *headers],
        }
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    asyncio.run(run())
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize(
    ("headers", "most_chunks"),
    [
        pytest.param([], 21, id="length not declared"),
        pytest.param([(b"content-length", b"200001")], 0, id="declared"),
        pytest.param([(b"content-length", b"12")], 21, id="declared too short"),
        pytest.param([(b"content-length", b"many")], 21, id="nonsense declared"),
    ],
)
def test_no_more_is_read_than_the_limit(
    load: Callable[[], Detector], settings: Settings, headers: Headers, most_chunks: int
) -> None:
    chunk = {"type": "http.request", "body": b" " * 10_000, "more_body": True}
    endless = count()
    messages = (chunk for _ in endless)
    assert status_for(create_app(load, settings), messages, headers) == 413
    assert next(endless) <= most_chunks


def test_a_client_that_leaves_halfway_is_no_fault_of_the_service(load: Callable[[], Detector], settings: Settings) -> None:
    start = {"type": "http.request", "body": b'{"items', "more_body": True}
    messages: Iterator[Message] = iter([start, {"type": "http.disconnect"}])
    assert status_for(create_app(load, settings), messages) == 400


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "id", "language", "other"]), inner),
    max_leaves=6,
)


@examples(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(items=st.lists(VALUES, max_size=5))
def test_any_json_values_as_items_get_one_result_or_one_error_each(client: TestClient, items: list[object]) -> None:
    answer = client.post("/v1/score", content=json.dumps({"items": items}), headers=JSON)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert len(results) == len(items)
    assert all((entry["result"] is None) != (entry["error"] is None) for entry in results)
