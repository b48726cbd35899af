"""The measure of route, role and pay, by hand."""

import json
from pathlib import Path

import pytest

from detector.errors import InputError
from training.facts_quality import FACTS, quality_table, tally

ROOT = Path(__file__).parents[2]
CHECKED = ROOT / "data/facts/checked.jsonl"
POST = {
    "id": "x",
    "text": "Typist in Poipet, pick up from Manila, salary $900 per month",
    "language": "en",
}


def checked(**changes: object) -> dict[str, object]:
    pay = [{"low": 900, "high": 900, "currency": "USD", "period": "month"}]
    return {
        "id": "x",
        "part": "held",
        "destination": ["KH"],
        "origin": ["PH"],
        "transit": [],
        "role": ["clerk"],
        "pay": pay,
    } | changes


def test_what_the_reader_has_as_well_is_right() -> None:
    counted = tally([checked()], {"x": POST})
    assert [counted.right[fact] for fact in FACTS] == [1, 0, 1, 1, 1]
    assert [counted.there[fact] for fact in FACTS] == [1, 1, 1, 1, 1]


def test_what_the_reader_has_not_is_found_in_vain() -> None:
    counted = tally([checked(destination=["TH", "MM"], role=[], pay=[])], {"x": POST})
    assert (counted.right["destination"], counted.found["destination"], counted.there["destination"]) == (0, 1, 2)
    assert (counted.right["role"], counted.found["role"], counted.there["role"]) == (0, 1, 0)
    assert (counted.right["pay"], counted.found["pay"], counted.found["period"]) == (0, 1, 0)


def test_a_sample_that_is_not_in_the_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checked.jsonl").write_text(json.dumps(checked(id="nowhere")) + "\n", "utf-8")
    with pytest.raises(InputError, match="expected ids of posts in .*, got 'nowhere'"):
        quality_table(ROOT / "data/corpus", tmp_path / "checked.jsonl")


def test_the_sample_has_two_halves_and_no_text_of_posts() -> None:
    rows = [json.loads(line) for line in CHECKED.read_text("utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == 300
    assert sum(row["part"] == "held" for row in rows) == 150
    assert {key for row in rows for key in row} == {"id", "part", "destination", "origin", "transit", "role", "pay"}
