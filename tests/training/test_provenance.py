"""Guesses from where a post comes from: AUC on values worked by hand."""

import pytest
from conftest import make_example

from detector.records import LABELS
from training.examples import Example
from training.provenance import Guess, guess_table, guesses
from training.sources import Source

LURE, FRAUD, HONEST, OTHER = LABELS
BOARD = Source("board", "train", {"legit": (HONEST,)}, sample=4)
KEPT_OUT = Source("kept_out", "held_out", {"legit": (HONEST,)}, sample=0)
SOURCES = {"board": BOARD, "kept_out": KEPT_OUT}


def _batch(number: int, lures: int, rest: int, author: str = "w1-id") -> list[Example]:
    labels = [LURE] * lures + [HONEST] * rest
    return [
        make_example(f"{author}-{number}-{i}", "text", f"id-b{number:02}", labels=(label,), author=author)
        for i, label in enumerate(labels)
    ]


def _rows(name: str, number: int, labels: tuple[str, ...] = (HONEST,)) -> list[Example]:
    names = [f"{name}-{i}" for i in range(number)]
    return [make_example(row, "text", row, labels=labels, source=name, author=None, quotes=None) for row in names]


def _named(found: list[Guess]) -> dict[str, Guess]:
    return {guess.name.split(",")[0]: guess for guess in found}


def test_a_set_without_lures_gives_the_label_away() -> None:
    corpus = _batch(1, 4, 4)
    everything, trained = guesses(corpus, _rows("board", 8) + _rows("kept_out", 8), sources=SOURCES)[:2]
    # A lure beats the 16 public rows and ties with the 4 of its own set.
    assert everything.seen == pytest.approx((16 + 4 / 2) / 20)
    assert (everything.posts, everything.lures, everything.values) == (24, 4, 3)
    # Training takes 4 of the board and none of the other set.
    assert trained.seen == pytest.approx((4 + 4 / 2) / 8)
    assert (trained.posts, trained.values) == (12, 2)


def test_rows_that_may_be_lures_are_left_out_and_others_of_unknown_label_are_not() -> None:
    public = _rows("board", 2, (FRAUD, OTHER)) + _rows("board", 3, (LURE, OTHER))
    assert guesses(_batch(1, 1, 1), public, sources=SOURCES)[0].posts == 4


def test_without_public_sets_only_the_hand_written_part_is_looked_at() -> None:
    found = guesses(_batch(1, 2, 3) + _batch(2, 3, 2, "w2-id"), sources={})
    assert [guess.name for guess in found] == ["writer, hand-written part", "batch, hand-written part"]


def test_a_writer_of_nothing_but_lures_is_told_in_batches_not_seen() -> None:
    corpus = [post for i in range(10) for post in (_batch(i, 4, 0, "w1-id") if i % 2 else _batch(i, 1, 3, "w2-id"))]
    writer = _named(guesses(corpus, sources={}))["writer"]
    # 20 of the lures beat all others, the 5 of the second writer tie with them.
    assert writer.seen == pytest.approx((20 + 5 / 2) / 25)
    assert writer.held_out is not None
    assert writer.held_out > 0.8


def test_planned_shares_give_nothing_away_and_tell_backwards_when_posts_are_held_out() -> None:
    batch = _named(guesses([post for i in range(10) for post in _batch(i, 5, 5)], sources={}))["batch"]
    assert batch.seen == pytest.approx(0.5)
    assert batch.held_out is not None
    assert batch.held_out < 0.5


def test_too_few_posts_to_hold_some_out_are_said_to_be() -> None:
    found = _named(guesses(_batch(1, 2, 1) + _batch(2, 1, 2, "w2-id"), sources={}))
    assert found["writer"].held_out is None
    assert guess_table([found["writer"]]).splitlines()[2] == "| writer, hand-written part | 2 | 6 | 3 | 0.667 | – |"


def test_a_corpus_of_one_kind_of_post_gives_nothing_to_guess() -> None:
    assert guesses(_batch(1, 3, 0) + _batch(2, 3, 0, "w2-id"), sources={}) == []
    assert guesses([], sources={}) == []
