"""The records that every surface shows."""

import json
from dataclasses import FrozenInstanceError, fields

import pytest

from detector.records import ABSENCES, INDICATORS, LABELS, Contact, Evidence, IndicatorFinding, Post, Verdict

VERDICT = Verdict(
    id="p-17",
    score=0.9,
    label="scam_compound",
    label_scores={"scam_compound": 0.9, "other_job_fraud": 0.06, "legit_job": 0.03, "not_job": 0.01},
    band="high",
    language="id",
    windows=1,
    evidence=(Evidence(0, 5, "tiket"),),
    indicators=(IndicatorFinding("travel_paid", 0.97, (Evidence(0, 5, "tiket"),)),),
    contacts=(Contact("telegram", "@example"),),
    model="letters/0.0.1+sha256:0123456789ab",
)


def test_a_post_is_one_of_four_labels_the_headline_first() -> None:
    assert LABELS == ("scam_compound", "other_job_fraud", "legit_job", "not_job")


def test_there_are_29_indicators_each_with_a_name_of_its_own() -> None:
    assert len(INDICATORS) == len(set(INDICATORS)) == 29
    assert all(code == code.lower() and code.replace("_", "").isalpha() for code in INDICATORS)
    assert not set(INDICATORS) & set(LABELS)


def test_an_absence_is_an_indicator() -> None:
    assert set(INDICATORS) > ABSENCES


def test_a_post_needs_no_more_than_its_text() -> None:
    assert Post("chef") == Post(text="chef", id=None, language=None)


@pytest.mark.parametrize("record", [Post("chef"), VERDICT, Evidence(0, 1, "a"), Contact("url", "www.example.com")])
def test_records_cannot_be_changed(record: object) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(record, fields(record)[0].name, "other")  # type: ignore[arg-type]


def test_a_verdict_as_a_dictionary_keeps_the_documented_order() -> None:
    assert list(VERDICT.to_dict()) == [
        "id", "score", "label", "label_scores", "band", "reason", "language", "note", "windows", "evidence", "indicators", "contacts",
        "model", "error",
    ]  # fmt: skip


def test_a_verdict_as_json_is_plain() -> None:
    plain = json.loads(json.dumps(VERDICT.to_dict()))
    assert plain["evidence"] == [{"start": 0, "end": 5, "text": "tiket"}]
    assert plain["indicators"] == [{"code": "travel_paid", "score": 0.97, "evidence": [{"start": 0, "end": 5, "text": "tiket"}]}]
    assert plain["contacts"] == [{"kind": "telegram", "value": "@example"}]
    assert plain["label_scores"] == dict(VERDICT.label_scores)


def test_a_verdict_on_a_post_that_cannot_be_read_has_no_score() -> None:
    plain = Verdict("p-1", error="expected a text, got int").to_dict()
    assert {key for key, value in plain.items() if value} == {"id", "error"}
    assert plain["score"] is None
