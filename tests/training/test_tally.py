"""The counts of the data card."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from training.tally import tally, write_tally

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
        write_tally(card, "new")
        assert card.read_text() == "before\n<!-- counts -->\nnew\n<!-- /counts -->\nafter\n"


def test_the_data_card_says_what_the_corpus_holds() -> None:
    assert tally(ROOT / "data/corpus") in (ROOT / "data/README.md").read_text("utf-8")
