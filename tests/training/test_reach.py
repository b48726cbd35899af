"""Beyond the corpus: what is counted on texts in other languages and on everyday texts."""

import json
from pathlib import Path

import pytest

from detector.errors import InputError
from detector.records import LABELS
from detector.scoring import Detector
from training.reach import EVERYDAY, OTHER_LANGUAGES, everyday, other_languages, read_texts

REACH = Path(__file__).parents[2] / "data/reach"


@pytest.fixture(scope="module")
def corpus_languages() -> set[str]:
    return {path.stem.split("-")[0] for path in (REACH.parent / "corpus").glob("*.jsonl")}


def test_other_languages_are_none_of_the_corpus_and_each_has_lures_and_others(corpus_languages: set[str]) -> None:
    rows = read_texts(REACH / OTHER_LANGUAGES, labelled=True)
    languages = {row["language"] for row in rows}
    assert len(languages) >= 10
    assert not languages & corpus_languages
    for language in languages:
        labels = {row["label"] for row in rows if row["language"] == language}
        assert labels == set(LABELS)


def test_everyday_texts_cover_the_corpus_languages(corpus_languages: set[str]) -> None:
    rows = read_texts(REACH / EVERYDAY, labelled=False)
    assert {row["language"].split("-")[0] for row in rows} == corpus_languages
    assert len({row["text"] for row in rows}) == len(rows)


def test_what_is_flagged_adds_up() -> None:
    with Detector.load() as detector:
        _adds_up(detector)


def _adds_up(detector: Detector) -> None:
    rows = read_texts(REACH / OTHER_LANGUAGES, labelled=True)[:16]
    found = other_languages(detector, rows)
    assert found["posts"] == 16
    assert sum(row["lures_flagged"] for row in found["by_language"].values()) == sum(found["lures_flagged"].values())
    assert sum(row["others_flagged"] for row in found["by_language"].values()) == sum(found["others_flagged"].values())
    texts = read_texts(REACH / EVERYDAY, labelled=False)[:10]
    told = everyday(detector, texts)
    assert sum(told["flagged_by_language"].values()) == round(told["flagged"]["value"] * told["texts"])
    assert told["flagged"]["low"] <= told["flagged"]["value"] <= told["flagged"]["high"]


def test_a_row_without_a_field_or_with_an_unknown_label_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"id": "a", "language": "fr", "text": "salut", "label": "not_job"}) + "\n" + json.dumps({"id": "b"}))
    with pytest.raises(InputError, match="rows.jsonl:2: expected id, language, text, label, got no language, text, label"):
        read_texts(path, labelled=True)
    path.write_text("{")
    with pytest.raises(InputError, match=r"rows.jsonl: expected a JSON object a line"):
        read_texts(path, labelled=True)
    with pytest.raises(InputError, match=r"none.jsonl: expected a JSON object a line"):
        read_texts(tmp_path / "none.jsonl", labelled=True)
    path.write_text(json.dumps({"id": "a", "language": "fr", "text": "salut", "label": "scam"}))
    with pytest.raises(InputError, match="rows.jsonl:1: expected a label out of"):
        read_texts(path, labelled=True)
