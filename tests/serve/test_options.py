"""The options of ``POST /v1/score``."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from detector import Post, Verdict
from detector.bundle import Bundle
from detector.calibration import OperatingPoints
from serve.items import FLAGGED

LURE = "zzz yyy zzz zyzy zyyz zyzyz"
"""Late letters: above both operating points."""
BETWEEN = "zzzz yyyy zzzz xxxx zzzz write @zzuuxxyy zzzz yyyy"
"""Above the lower one; the handle is evidence."""

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def bundle(bundle: Bundle) -> Bundle:
    """A bundle whose operating points a few words reach."""
    return replace(bundle, manifest=replace(bundle.manifest, operating_points=OperatingPoints(high=0.6, review=0.4)))


@pytest.fixture
def ask(client: TestClient) -> Ask:
    """Score one item with options, and return its entry."""

    def send(item: object, **options: object) -> dict[str, Any]:
        answer = client.post("/v1/score", json={"items": [item], "options": options})
        assert answer.status_code == 200, answer.text
        (entry,) = answer.json()["results"]
        return dict(entry)

    return send


def test_without_options_evidence_and_contacts_are_shown(ask: Ask, client: TestClient) -> None:
    bare = client.post("/v1/score", json={"items": [{"text": BETWEEN}]}).json()["results"][0]
    assert bare == ask({"text": BETWEEN}) == ask({"text": BETWEEN}, evidence=True, mask_contacts=False, language=None)
    assert bare["result"]["evidence"]
    assert bare["result"]["contacts"] == [{"kind": "telegram", "value": "@zzuuxxyy"}]


def test_without_evidence_the_findings_stay(ask: Ask) -> None:
    shown, bare = ask({"text": LURE}), ask({"text": LURE}, evidence=False)
    assert bare["result"]["evidence"] == []
    assert any(finding["evidence"] for finding in shown["result"]["indicators"])
    for finding in shown["result"]["indicators"]:
        finding["evidence"] = []
    assert bare["result"] == shown["result"] | {"evidence": []}


def test_masked_contacts_are_nowhere_in_the_answer(ask: Ask) -> None:
    shown, masked = ask({"text": BETWEEN}), ask({"text": BETWEEN}, mask_contacts=True)
    assert "zzuuxxyy" in json.dumps(shown["result"]["evidence"])
    assert "zzuuxxyy" not in json.dumps(masked)
    assert masked["result"]["contacts"][0]["kind"] == "telegram"
    pieces = list(zip(shown["result"]["evidence"], masked["result"]["evidence"], strict=True))
    assert all((a["start"], a["end"], len(a["text"])) == (b["start"], b["end"], len(b["text"])) for a, b in pieces)
    assert masked["result"]["score"] == shown["result"]["score"]


def test_the_language_counts_for_items_without_one(ask: Ask) -> None:
    assert ask({"text": LURE}, language="sw")["result"]["language"] == "sw"
    assert ask({"text": LURE, "language": "id"}, language="sw")["result"]["language"] == "id"
    assert ask({"text": LURE, "language": None}, language="sw")["result"]["language"] == "sw"


@pytest.mark.parametrize(
    ("band", "review", "high"), [("high", True, True), ("review", True, False), ("low", False, False), ("abstain", False, False)]
)
def test_a_band_is_flagged_from_its_operating_point_up(band: str, review: bool, high: bool) -> None:
    assert (band in FLAGGED["review"], band in FLAGGED["high"]) == (review, high)


def test_what_is_flagged_depends_on_the_operating_point(ask: Ask, verdict: Callable[[str], Verdict]) -> None:
    assert (verdict(LURE).band, verdict(BETWEEN).band) == ("high", "review")
    assert ask({"text": BETWEEN})["flagged"] is True
    assert ask({"text": BETWEEN}, operating_point="high")["flagged"] is False
    assert ask({"text": LURE}, operating_point="high")["flagged"] is True
    assert ask({"text": "aaaa bbbb cccc dddd"})["flagged"] is False
    assert ask({"text": ""})["flagged"] is None


@pytest.fixture
def verdict(load: Callable[[], Any]) -> Callable[[str], Verdict]:
    detector = load()
    return lambda text: detector.score([Post(text)])[0]


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ([], "#/options"),
        (None, "#/options"),
        ({"evidence": "yes"}, "#/options/evidence"),
        ({"evidence": 1}, "#/options/evidence"),
        ({"mask_contacts": None}, "#/options/mask_contacts"),
        ({"language": "english, please"}, "#/options/language"),
        ({"operating_point": "low"}, "#/options/operating_point"),
        ({"operating_points": "high"}, "#/options"),
    ],
)
def test_options_that_are_none_are_refused_where_they_stand(client: TestClient, options: object, pointer: str) -> None:
    answer = client.post("/v1/score", json={"items": [], "options": options})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert "english" not in answer.text


@pytest.mark.parametrize("sent", ["soon", "0", "-1", "nan", "inf", ""])
def test_a_timeout_that_is_none_is_refused(client: TestClient, sent: str) -> None:
    answer = client.post("/v1/score", json={"items": []}, headers={"X-Request-Timeout": sent})
    assert answer.status_code == 422
    assert "X-Request-Timeout" in answer.json()["errors"][0]["detail"]
