"""The counts of the data card."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from detector.errors import InputError
from training.agreement import agreement, read_readings
from training.examples import read_corpus
from training.marked import replace_marked
from training.tally import tally

Row = dict[str, Any]


@pytest.fixture
def corpus(row: Row, write_corpus: Callable[..., Path]) -> Path:
    """Two lures and an honest vacancy in one language, a warning in another."""
    lure = row | {"id": "id-0002", "text": "WA 0812 🔥", "noise": "emoji", "hardness": "hard", "evidence": [], "pair": "p"}
    vacancy = row | {"id": "id-0003", "label": "legit_job", "text": "Montir", "evidence": [], "pair": "p", "kind": "board advert"}
    warning = {"id": "th-0001", "language": "th", "label": "not_job", "text": "ระวัง", "evidence": [], "group": "th-b01"}
    write_corpus([row | warning], "th")
    return write_corpus([row, lure, vacancy])


@pytest.mark.parametrize(
    "line",
    [
        "4 posts in 2 writing batches, 2 kinds. Minimal pairs: 1,\n1 `scam_compound` with `legit_job`.",
        "| `id` | 2 | 0 | 1 | 0 | 3 |",
        "| `th` | 0 | 0 | 0 | 1 | 1 |",
        "| hardness `hard` | 1 | 0 | 0 | 0 | 1 |",
        "| noise `none` | 1 | 0 | 1 | 1 | 3 |",
        "| `travel_paid` | 1 | 0 | 0 | 0 | 1 |",
        "| share with a digit | 0.50 | – | 0.00 | 0.00 | 0.25 |",
        "| share with an emoji or the like | 0.50 | – | 0.00 | 0.00 | 0.25 |",
        "| share naming a messenger | 0.50 | – | 0.00 | 0.00 | 0.25 |",
        "| evidence entries, mean | 1.00 | – | 0.00 | 0.00 | 0.50 |",
        "| characters, percentile 100 | 48 | – | 6 | 5 | 48 |",
    ],
)
def test_posts_are_counted_by_label(corpus: Path, line: str) -> None:
    assert line in tally(corpus)


def test_languages_with_the_same_counts_share_a_line(row: Row, write_corpus: Callable[..., Path]) -> None:
    write_corpus([row | {"id": "ms-0001", "language": "ms"}], "ms")
    assert "| `id` `ms`, each | 1 | 0 | 0 | 0 | 1 |" in tally(write_corpus([row]))


def test_a_card_is_brought_up_to_date_between_its_markers(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("before\n<!-- counts -->\nold\n<!-- /counts -->\nafter\n")
    for _ in range(2):
        replace_marked(card, "counts", "new")
        assert card.read_text() == "before\n<!-- counts -->\nnew\n<!-- /counts -->\nafter\n"


@pytest.mark.parametrize("text", ["", "<!-- counts -->\nold\n", "old\n<!-- /counts -->\n"])
def test_a_card_without_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    card = tmp_path / "README.md"
    card.write_text(text)
    with pytest.raises(InputError, match="expected the markers"):
        replace_marked(card, "counts", "new")
    assert card.read_text() == text


def test_swap_groups_are_counted_apart(row: Row, write_corpus: Callable[..., Path]) -> None:
    swapped = [row | {"id": f"id-{i}", "pair": "id-s1"} for i in range(3)]
    assert "Minimal pairs: 0.\nSwap groups: 1, of 3 posts." in tally(write_corpus([row, *swapped]))


def test_the_data_card_says_how_far_readers_agree() -> None:
    found = agreement(read_corpus(ROOT / "data/corpus"), read_readings(ROOT / "data/readings"))
    assert str(found) in (ROOT / "data/README.md").read_text("utf-8")


def test_the_data_card_says_what_the_corpus_holds() -> None:
    assert tally(ROOT / "data/corpus") in (ROOT / "data/README.md").read_text("utf-8")
