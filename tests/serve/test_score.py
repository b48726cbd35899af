"""``POST /v1/score``: one result or one error for each item, in order."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Protocol

import pytest
from fastapi.testclient import TestClient

from detector import Detector, Verdict
from serve import schemas

Load = Callable[[], Detector]
Score = Callable[[list[object]], list[dict[str, Any]]]


class Poisoned(Protocol):
    """A backend that fails on one token."""

    poison: int


LURE = "zoo staff wanted, tour and suite paid, write to @example_hr today"


def letters(place: int) -> str:
    """Return a text of its own for each place."""
    return " ".join("abcdefghijklmnopqrstuvwxyz"[int(digit)] * 4 for digit in f"{place:03d}") * 2


def test_256_items_come_back_in_the_order_they_were_sent(score: Score, load: Load) -> None:
    texts = [letters(place) for place in range(256)]
    results = score([{"id": f"p-{place}", "text": text} for place, text in enumerate(texts)])
    assert [entry["id"] for entry in results] == [f"p-{place}" for place in range(256)]
    expected = [verdict.score for verdict in load().score(texts)]
    assert [entry["result"]["score"] for entry in results] == pytest.approx(expected)
    assert len(set(expected)) > 30


def test_257_items_are_refused_whole(client: TestClient) -> None:
    answer = client.post("/v1/score", json={"items": [{"text": LURE}] * 257})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "#/items", "detail": "expected at most 256 items"}]


def test_no_items_have_no_results(client: TestClient, load: Load) -> None:
    answer = client.post("/v1/score", json={"items": []})
    assert answer.status_code == 200
    assert answer.json() == {"model": load().bundle.identity, "results": []}


def test_a_result_is_the_verdict_of_every_other_surface(score: Score, load: Load) -> None:
    (entry,) = score([{"id": "p-1", "text": LURE, "language": "en"}])
    verdict = load().score([LURE])[0].to_dict() | {"id": "p-1", "language": "en", "note": None}
    assert entry == {"id": "p-1", "flagged": False, "result": json.loads(json.dumps(verdict)), "error": None}
    assert entry["result"]["contacts"] == [{"kind": "telegram", "value": "@example_hr"}]


def test_the_schema_of_a_verdict_has_the_members_of_the_record_in_their_order() -> None:
    assert list(schemas.Verdict.model_fields) == [field.name for field in fields(Verdict)]


def test_evidence_counts_code_points_of_the_text_as_sent(score: Score) -> None:
    text = "\U0001f600 aaaa bbbb \u200bzzzz zzzz aaaa bbbb aaaa"
    (entry,) = score([{"text": text}])
    pieces = entry["result"]["evidence"]
    assert pieces
    assert [text[piece["start"] : piece["end"]] for piece in pieces] == [piece["text"] for piece in pieces]


@pytest.mark.parametrize(
    ("item", "code", "message"),
    [
        pytest.param("a text", "invalid_item", "item: expected an object", id="a string"),
        pytest.param(None, "invalid_item", "item: expected an object", id="null"),
        pytest.param([["a"]], "invalid_item", "item: expected an object", id="an array"),
        pytest.param({}, "invalid_text", "text: expected a value, got none", id="no text"),
        pytest.param({"text": None}, "invalid_text", "text: expected a string", id="null text"),
        pytest.param({"text": 7}, "invalid_text", "text: expected a string", id="a number"),
        pytest.param({"text": {"a": 1}}, "invalid_text", "text: expected a string", id="object"),
        pytest.param({"text": ""}, "invalid_text", "nothing but blanks", id="empty text"),
        pytest.param({"text": " \n\u3000"}, "invalid_text", "nothing but blanks", id="blanks"),
        pytest.param({"text": "a\0b"}, "invalid_text", "NUL character at position 1", id="NUL"),
        pytest.param({"text": "a\ud800"}, "invalid_text", "surrogate pair", id="surrogate"),
        pytest.param({"text": "a" * 100_001}, "invalid_text", "at most 100000", id="too long"),
        pytest.param({"text": LURE, "id": 7}, "invalid_id", "id: expected a string", id="id"),
        pytest.param({"text": LURE, "id": "\udfff"}, "invalid_id", "surrogate", id="bad id"),
        pytest.param({"text": LURE, "language": "e"}, "invalid_language", "BCP-47", id="code"),
        pytest.param({"text": LURE, "language": "Tamil"}, "invalid_language", "BCP-47", id="name"),
        pytest.param({"text": LURE, "language": 1}, "invalid_language", "string", id="language"),
        pytest.param({"text": LURE, "language": "\ud800"}, "invalid_language", "surr", id="half"),
    ],
)
def test_an_item_at_fault_gets_an_error_and_leaves_the_others_alone(score: Score, item: object, code: str, message: str) -> None:
    first, middle, last = score([{"id": "a", "text": LURE}, item, {"id": "z", "text": LURE}])
    assert middle["result"] is None
    assert middle["error"]["code"] == code
    assert message in middle["error"]["message"]
    assert [first["id"], last["id"]] == ["a", "z"]
    assert first["error"] is None
    assert first["result"]["score"] == last["result"]["score"]


def test_an_item_at_fault_keeps_its_id(score: Score) -> None:
    (entry,) = score([{"id": "p-1", "text": 7}])
    assert entry["id"] == "p-1"


def test_an_id_at_fault_is_not_echoed(score: Score) -> None:
    (entry,) = score([{"id": [LURE], "text": LURE}])
    assert entry["id"] is None


def test_an_item_may_carry_more_and_nothing_but_its_text(score: Score) -> None:
    plain, null, more = score(
        [
            {"text": LURE},
            {"text": LURE, "id": None, "language": None},
            {"text": LURE, "author": "x", "metadata": {"likes": 3}},
        ]
    )
    assert plain == null == more


def test_the_last_of_two_members_of_the_same_name_counts(client: TestClient) -> None:
    body = b'{"items": [{"id": "a", "id": "b", "text": "first", "text": ""}]}'
    answer = client.post("/v1/score", content=body, headers={"content-type": "application/json"})
    (entry,) = answer.json()["results"]
    assert (entry["id"], entry["error"]["code"]) == ("b", "invalid_text")


def test_a_language_that_was_not_evaluated_is_noted(score: Score) -> None:
    (entry,) = score([{"text": LURE, "language": "sw"}])
    assert entry["result"]["language"] == "sw"
    assert "not evaluated in language 'sw'" in entry["result"]["note"]


def test_a_post_the_model_fails_on_leaves_the_others_alone(score: Score, backend: Poisoned) -> None:
    backend.poison = 4 + ord("q") - ord("a") + 1
    bad, good, broken = score([{"id": "q", "text": "quiet quarters"}, {"text": LURE}, 3])
    assert bad["id"] == "q"
    assert bad["error"]["code"] == "scoring_failed"
    assert good["result"]["label"]
    assert broken["error"]["code"] == "invalid_item"


def test_a_model_that_fails_on_every_post_is_unavailable(client: TestClient, backend: Poisoned) -> None:
    backend.poison = 0  # the start of every window
    answer = client.post("/v1/score", json={"items": [{"text": LURE}, {"text": LURE}]})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


def test_a_post_scores_the_same_alone_and_among_others(score: Score) -> None:
    texts = [letters(place) * (place + 1) for place in range(12)]
    together = score([{"text": text} for text in texts])
    assert [score([{"text": text}])[0] for text in texts] == together
