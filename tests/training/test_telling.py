"""Telling n-grams: planted ones are found, once each, with the posts that have them; and the commands that report on a corpus."""

import random
from collections.abc import Callable
from math import log, sqrt
from pathlib import Path
from typing import Any

import pytest
from conftest import make_example
from typer.testing import CliRunner

from detector.errors import InputError
from detector.records import LABELS
from training.__main__ import app
from training.examples import Example, Quote
from training.telling import Telling, tell_apart, z_score

LURE, FRAUD, HONEST, OTHER = LABELS


def _filler(seed: int) -> str:
    return " ".join("".join(random.Random(f"{seed}/{i}").choices("abcdefgh", k=5)) for i in range(8))


def _corpus(marks: dict[str, str], number: int = 10) -> list[Example]:
    """Ten posts of each label, of random letters but for a mark."""
    return [
        make_example(f"{label}-{i}", f"{_filler(place * 100 + i)} {marks.get(label, '')}", "id-b01", labels=(label,))
        for place, label in enumerate(LABELS)
        for i in range(number)
    ]


def test_z_is_the_smoothed_log_odds_ratio_in_standard_errors() -> None:
    # Three of four lures have it, one of four others.
    expected = (log(3.5 / 1.5) - log(1.5 / 3.5)) / sqrt(1 / 3.5 + 1 / 1.5 + 1 / 1.5 + 1 / 3.5)
    assert z_score(3, 4, lures=4, posts=8) == pytest.approx(expected)
    assert z_score(1, 4, lures=4, posts=8) == pytest.approx(-expected)
    assert z_score(2, 4, lures=4, posts=8) == 0


def test_a_phrase_of_the_lures_and_one_of_the_rest_are_found_with_their_posts() -> None:
    found = tell_apart(_corpus({LURE: "xyzzyx", HONEST: "qrstuq", OTHER: "qrstuq"}), number=1)
    lure, rest = found
    assert (lure.ngram.strip(), lure.posts) == ("xyzzy", (10, 0, 0, 0))
    assert (rest.ngram.strip(), rest.posts) == ("qrstu", (0, 0, 10, 10))
    assert lure.z > 0 > rest.z


@pytest.mark.parametrize(("pair", "told"), [("统一", True), ("xy", False)])
def test_two_characters_of_han_are_an_ngram_and_two_letters_are_none(pair: str, told: bool) -> None:
    """Their neighbours differ from post to post."""
    sides = "甲乙丙丁戊己庚辛壬癸"
    posts = [
        make_example(f"{label}-{i}", f"{side}{pair if label == LURE else ''}{sides[-i]}", "zh-b01", labels=(label,))
        for label in LABELS
        for i, side in enumerate(sides)
    ]
    assert any(row.ngram == pair for row in tell_apart(posts, number=1)) == told


def test_an_ngram_counts_once_a_post() -> None:
    once, often = (tell_apart(_corpus({LURE: mark}), number=1)[0] for mark in ("xyzzyx", "xyzzyx xyzzyx xyzzyx"))
    assert (once.posts, once.z) == (often.posts, often.z) == ((10, 0, 0, 0), once.z)


def test_pieces_of_a_phrase_with_the_same_posts_are_shown_once() -> None:
    found = tell_apart(_corpus({LURE: "xyzzyx"}), number=50)
    assert [row.ngram for row in found if set(row.ngram) & set("xyz")] == [" xyzzy"]


def test_phrases_in_other_posts_are_shown_apart_even_with_common_letters() -> None:
    posts = _corpus({LURE: "xyzw", HONEST: "xyzv"})
    found = {row.ngram.strip(): row.posts for row in tell_apart(posts, number=5)}
    assert found["xyzw"] == (10, 0, 0, 0)
    assert found["xyzv"] == (0, 0, 10, 0)


def test_case_digits_and_line_breaks_are_folded_and_made_visible() -> None:
    found = tell_apart(_corpus({LURE: "\n \nXK 15"}), number=3)[0]
    assert found.ngram in ("\nxk 00", "xk 00\n")
    assert str(Telling("\nxk 00", 2.0, (10, 0, 0, 3), "\nxk 00")) == "  +2.0     10     0     0     3  ↵xk␣00  ↵xk␣00"


def test_the_commonest_surroundings_are_shown() -> None:
    posts = _corpus({})
    lures = [
        make_example(f"l-{i}", f"{'mno' if i else 'rst'}wxyzzyxwklm {_filler(i)}", "id-b01", labels=(LURE,)) for i in range(10)
    ]
    best = tell_apart(lures + posts, number=1)[0]
    assert best.posts == (10, 0, 0, 0)
    assert best.example.strip() == "mnowxyzzyxwklm"


def test_words_quoted_as_evidence_can_be_left_out() -> None:
    quotes = (Quote("travel_paid", "xyzzyx"), Quote("no_employer_identity", ""))
    posts = [
        make_example(e.id, e.text, e.group, labels=e.labels, quotes=quotes if e.label == LURE else ())
        for e in _corpus({LURE: "xyzzyx kkmmkk"})
    ]
    assert any("zzy" in row.ngram for row in tell_apart(posts, number=5))
    bare = tell_apart(posts, number=5, unquoted=True)
    assert not any(set("xyz\0") & set(row.ngram) for row in bare)
    assert bare[0].ngram in (" kkmmk", "kkmmkk", "kmmkk\n")


def test_rare_ngrams_and_posts_of_one_kind_tell_nothing() -> None:
    assert tell_apart(_corpus({LURE: "xyzzyx"}, number=4)[:4], number=5) == []
    assert tell_apart([], number=5) == []


@pytest.fixture
def folder(row: dict[str, Any], write_corpus: Callable[..., Path]) -> Path:
    """Six batches of two writers, each of a lure that says so and an honest vacancy."""
    return write_corpus([
        row | {"id": f"id-{i}{mark}", "text": f"{_filler(i)} {mark}", "label": label, "evidence": [],
               "group": f"id-b{i:02}", "author": f"w{i % 2}-id"}
        for i in range(6)
        for label, mark in ((LURE, "xyzzyx"), (HONEST, "qrstuq"))
    ])  # fmt: skip


def test_the_command_prints_ngrams_of_the_languages_asked_for(folder: Path) -> None:
    shown = CliRunner().invoke(app, ["corpus", "telling", "--corpus", str(folder), "--language", "id", "--number", "1"])
    head, lure, rest = shown.output.splitlines()
    assert head == "id: z, posts that are scam_compound, other_job_fraud, legit_job, not_job, n-gram, commonest surroundings"
    assert lure.split()[1:5] == ["6", "0", "0", "0"]
    assert rest.split()[1:5] == ["0", "0", "6", "0"]


@pytest.mark.parametrize("number", ["0", "-3"])
def test_no_number_of_ngrams_is_refused(folder: Path, number: str) -> None:
    asked = CliRunner().invoke(app, ["corpus", "telling", "--corpus", str(folder), "--number", number])
    assert asked.exit_code == 2
    assert "--number" in asked.output


def test_a_language_that_is_not_there_is_refused(folder: Path) -> None:
    asked = CliRunner().invoke(app, ["corpus", "telling", "--corpus", str(folder), "--language", "fr"])
    assert isinstance(asked.exception, InputError)
    assert str(asked.exception) == "expected languages out of id, got fr"


@pytest.mark.parametrize(("public", "provenance"), [([], "old"), (["--public"], "| source, all rows | 2 | 14 | 6 |")])
def test_statistics_bring_the_card_up_to_date(folder: Path, tmp_path: Path, public: list[str], provenance: str) -> None:
    card, sources = tmp_path / "README.md", tmp_path / "sources.toml"
    card.write_text("".join(f"<!-- {name} -->\nold\n<!-- /{name} -->\n" for name in ("variety", "provenance")))
    sources.write_text('[board]\nuse = "train"\nsample = 1\nlabels = { legit = ["legit_job"] }')
    rows = '{"id": "b1", "lang": "id", "label": "legit", "text": "Montir"}\n{"id": "b2", "lang": "id", "label": "legit", "text": "Sopir"}'
    (tmp_path / "board.jsonl").write_text(rows)
    options = ["--corpus", str(folder), "--sources", str(sources), "--card", str(card), *public, *[str(tmp_path)] * len(public)]
    shown = CliRunner().invoke(app, ["corpus", "statistics", *options])
    assert shown.exit_code == 0
    variety, rest = card.read_text().split("<!-- /variety -->")
    assert "| `id` | words | 12 |" in variety
    assert provenance in rest
    assert "| writer, hand-written part | 2 | 12 | 6 | 0.500 |" in shown.output
