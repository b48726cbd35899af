"""The interfaces of OpenAI and of text-embeddings-inference."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from letters import LetterBackend
from openai import OpenAI
from running import running

from detector import LABELS, Detector
from detector.bundle import Bundle
from detector.calibration import OperatingPoints
from serve.app import create_app
from serve.settings import Settings

Load = Callable[[], Detector]

LURE = "zzz yyy zzz zyzy zyyz zyzyz"
HARMLESS = "aaaa bbbb cccc dddd"
BETWEEN = "zzzz yyyy zzzz xxxx zzzz write @zzuuxxyy zzzz yyyy"
"""Above the operating point for review and below the high one."""
JSON = {"content-type": "application/json"}
HARMFUL = ["scam_compound", "other_job_fraud"]


@pytest.fixture
def bundle(bundle: Bundle) -> Bundle:
    """A bundle whose operating points a few words reach."""
    return replace(bundle, manifest=replace(bundle.manifest, operating_points=OperatingPoints(high=0.6, review=0.4)))


def moderate(client: TestClient, input_: object, **members: object) -> Response:
    return client.post("/v1/moderations", content=json.dumps({"input": input_, **members}), headers=JSON)


def predict(client: TestClient, inputs: object, **members: object) -> Response:
    return client.post("/predict", content=json.dumps({"inputs": inputs, **members}), headers=JSON)


def test_a_moderation_has_the_shape_of_openai(client: TestClient, load: Load) -> None:
    answer = moderate(client, LURE, model="omni-moderation-latest")
    assert answer.status_code == 200
    body = answer.json()
    assert re.fullmatch(r"modr-[0-9a-f-]{36}", body["id"])
    assert body["model"] == load().bundle.identity
    (result,) = body["results"]
    verdict = load().score([LURE])[0]
    assert result == {
        "flagged": True,
        "categories": {"scam_compound": True, "other_job_fraud": False},
        "category_scores": {label: pytest.approx(verdict.label_scores[label]) for label in HARMFUL},
        "category_applied_input_types": {label: ["text"] for label in HARMFUL},
    }


def test_several_posts_are_moderated_in_order(client: TestClient) -> None:
    results = moderate(client, [HARMLESS, LURE, BETWEEN]).json()["results"]
    assert [result["flagged"] for result in results] == [False, True, True]


def test_the_operating_point_says_what_is_flagged(client: TestClient) -> None:
    results = moderate(client, [HARMLESS, LURE, BETWEEN], operating_point="high").json()["results"]
    assert [result["flagged"] for result in results] == [False, True, False]


def test_the_parts_of_an_input_are_one_post(client: TestClient) -> None:
    parts = [{"type": "text", "text": text} for text in ("zzz yyy zzz zyzy", "zyyz zyzyz")]
    together = moderate(client, parts).json()["results"]
    assert together == moderate(client, "zzz yyy zzz zyzy\nzyyz zyzyz").json()["results"]
    assert len(together) == 1


@pytest.mark.parametrize(
    ("input_", "param", "message"),
    [
        (None, "input", "expected a text, got NoneType"),
        ("", "input", "nothing but blanks"),
        ([], None, "expected 1 to 256 texts, got 0"),
        ([LURE] * 257, None, "expected 1 to 256 texts, got 257"),
        ([LURE, " "], "input[1]", "nothing but blanks"),
        ([LURE, "\0"], "input[1]", "NUL"),
        ([LURE, "\ud800"], "input[1]", "half a surrogate pair"),
        ([LURE, 7], "input[1]", "got int"),
        ([[1, 2, 3]], "input[0]", "got list"),
        ([{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}], "input[0]", "pictures are not read"),
        ([{"type": "text", "text": LURE}, {"type": "image_url"}], "input[1]", "pictures are not read"),
        ([{"type": "text"}], "input[0].text", "expected a string"),
        ([LURE, {"type": "text", "text": LURE}], "input[0]", "expected a part"),
    ],
)
def test_what_cannot_be_moderated_is_refused_as_openai_does(
    client: TestClient, input_: object, param: str | None, message: str
) -> None:
    answer = moderate(client, input_)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, None)
    assert message in error["message"]
    assert "zyzy" not in answer.text


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [(400, b"{", JSON), (400, b'{"input": NaN}', JSON), (400, b"[]", JSON), (413, b" " * 200_001, JSON), (415, b"{}", {})],
)
def test_every_error_of_a_moderation_has_the_shape_of_openai(
    client: TestClient, status: int, body: bytes, headers: dict[str, str]
) -> None:
    answer = client.post("/v1/moderations", content=body, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_model_that_fails_is_a_server_error(client: TestClient, backend: LetterBackend) -> None:
    backend.poison = 0
    answer = moderate(client, LURE)
    assert answer.status_code == 503
    assert answer.json()["error"]["type"] == "server_error"
    answer = predict(client, LURE)
    assert answer.status_code == 424
    assert answer.json()["error_type"] == "backend"


@pytest.fixture
def official(load: Load) -> Iterator[OpenAI]:
    """The official client, beside a real server."""
    with running(create_app(load, Settings())) as port, OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none") as client:
        yield client


def test_the_official_client_moderates(official: OpenAI) -> None:
    one = official.moderations.create(input=LURE)
    assert one.id.startswith("modr-")
    assert one.results[0].flagged
    assert one.results[0].categories.scam_compound is True  # type: ignore[attr-defined]
    assert one.results[0].category_scores.scam_compound > 0.6  # type: ignore[attr-defined]
    many = official.moderations.create(input=[HARMLESS, LURE], model="omni-moderation-latest")
    assert [result.flagged for result in many.results] == [False, True]
    parts = official.moderations.create(input=[{"type": "text", "text": LURE}])
    assert parts.results[0].flagged


def test_the_official_client_understands_what_is_refused(official: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="nothing but blanks") as refused:
        official.moderations.create(input=[LURE, " "])
    assert refused.value.param == "input[1]"
    assert refused.value.type == "invalid_request_error"
    assert refused.value.request_id
    with pytest.raises(openai.BadRequestError, match="pictures are not read"):
        official.moderations.create(input=[{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}])


def test_a_prediction_has_the_shape_of_tei(client: TestClient, load: Load) -> None:
    answer = predict(client, LURE, truncate=True)
    assert answer.status_code == 200
    predictions = answer.json()
    scores = load().score([LURE])[0].label_scores
    assert {entry["label"]: entry["score"] for entry in predictions} == pytest.approx(dict(scores))
    assert [entry["score"] for entry in predictions] == sorted(scores.values(), reverse=True)
    assert {entry["label"] for entry in predictions} == set(LABELS)


def test_an_array_with_one_string_is_one_text_and_an_array_of_arrays_a_batch(client: TestClient) -> None:
    one = predict(client, LURE).json()
    assert predict(client, [LURE]).json() == one
    assert predict(client, [[LURE]]).json() == [one]
    assert predict(client, [[HARMLESS], [LURE]]).json() == [predict(client, HARMLESS).json(), one]


def test_raw_scores_are_logits_of_the_probabilities(client: TestClient) -> None:
    shares = predict(client, LURE).json()
    raw = predict(client, LURE, raw_scores=True).json()
    assert [entry["label"] for entry in raw] == [entry["label"] for entry in shares]
    powers = [math.exp(entry["score"]) for entry in raw]
    assert [power / sum(powers) for power in powers] == pytest.approx([entry["score"] for entry in shares], rel=1e-5)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (None, "#/inputs: expected a text"),
        (" ", "#/inputs: expected a text, got nothing but blanks"),
        ([], "#/inputs: expected one string"),
        ([LURE, LURE], "#/inputs: expected one string; a batch is an array of arrays"),
        ([[LURE, LURE]], "#/inputs/0: expected one string"),
        ([[LURE], LURE], "#/inputs/1: expected one string"),
        ([[LURE], []], "#/inputs/1: expected one string"),
        ([[LURE], ["\0"]], "#/inputs/1: expected text, got a NUL"),
        ([[LURE], [3]], "#/inputs/1: expected a text, got int"),
        ([[LURE]] * 257, "expected 1 to 256 texts"),
    ],
)
def test_what_cannot_be_predicted_is_refused_as_tei_does(client: TestClient, inputs: object, message: str) -> None:
    answer = predict(client, inputs)
    assert answer.status_code == 422
    assert answer.json()["error_type"] == "validation"
    assert message in answer.json()["error"]
    assert "zyzy" not in answer.text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9) | st.just("\ud800\0"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "input", "inputs", "raw_scores", "operating_point"]), inner)
    ),
    max_leaves=6,
)


@examples(
    max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=st.sampled_from(["/v1/moderations", "/predict"]), value=VALUES, inside=st.booleans())
def test_whatever_is_sent_is_answered_or_refused_in_the_clients_own_words(
    client: TestClient, path: str, value: Any, inside: bool
) -> None:
    member = "input" if path == "/v1/moderations" else "inputs"
    answer = client.post(path, content=json.dumps({member: value} if inside else value), headers=JSON)
    assert answer.status_code in {200, 400, 422}
    if answer.status_code != 200:
        assert "error" in answer.json()
        assert "x-request-id" in answer.headers


@pytest.mark.parametrize("path", ["/v1/score", "/v1/moderations", "/predict"])
@pytest.mark.parametrize(
    "body", [b"[" * 150_000, b'{"a":' * 30_000, b'"' + b"a" * 10_000_000 + b'"'], ids=["arrays", "objects", "10 MB"]
)
def test_what_is_too_deep_or_too_long_is_refused(client: TestClient, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers=JSON)
    assert answer.status_code == (413 if len(body) > 200_000 else 400)
