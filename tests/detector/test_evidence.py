"""Which words carried a score: exact shares, and pieces that lie where they say in the text as written."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from detector.encoder import Encoder, Window
from detector.evidence import MAX_PIECES, TokenLine, pieces, quoted
from detector.pooling import pool
from detector.records import Evidence
from detector.text import NormalisedText, normalise

ZWSP = "\u200b"


def encoder(max_tokens: int = 64, overlap: int = 8) -> Encoder:
    """Return an encoder whose tokens are the words of a text, all unknown to it."""
    tokenizer = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return Encoder(tokenizer, max_tokens=max_tokens, overlap=overlap)


def window(*spans: tuple[int, int]) -> Window:
    rows = [(0, 0), *spans, (0, 0)]
    return Window(np.arange(len(rows)), np.array(rows, dtype=np.int64))


def shown(original: str, heavy: dict[str, float], *, max_tokens: int = 64) -> tuple[Evidence, ...]:
    """Return the pieces of a text in which the given words weigh something."""
    text = normalise(original)
    windows = encoder(max_tokens).windows(text.text)
    line = TokenLine(windows, np.full(len(windows), 1 / len(windows), dtype=np.float32))
    weights = np.array([heavy.get(text.text[start:end], 0.0) for start, end in line.spans.tolist()])
    return quoted(pieces(line, weights, text.text), text, original)


def texts(found: Sequence[Evidence]) -> list[str]:
    return [piece.text for piece in found]


def test_a_token_s_contribution_is_its_score_by_its_share_of_the_window() -> None:
    # Four tokens with <s> and </s>: a quarter each.
    line = TokenLine([window((0, 1), (2, 3))], np.array([1.0], dtype=np.float32))
    np.testing.assert_array_equal(line.spans, [[0, 1], [2, 3]])
    np.testing.assert_allclose(line.contributions(np.array([9.0, 4.0, -8.0, 9.0])), [1.0, -2.0])


def test_a_token_that_two_windows_see_is_counted_once_with_both_shares() -> None:
    windows = [window((0, 1), (2, 3)), window((2, 3))]
    line = TokenLine(windows, np.array([0.25, 0.75], dtype=np.float32))
    # By hand: 0.25 * 4 / 4 for the first; 0.25 * 8 / 4 + 0.75 * 2 / 3 for the second.
    np.testing.assert_array_equal(line.spans, [[0, 1], [2, 3]])
    np.testing.assert_allclose(line.contributions(np.array([0, 4.0, 8.0, 0, 0, 2.0, 0])), [0.25, 1.0])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 40), st.integers(4, 12), st.integers(0, 2**32 - 1))
def test_the_contributions_sum_to_the_logit(n_words: int, max_tokens: int, seed: int) -> None:
    windows = encoder(max_tokens, overlap=1).windows(" ".join("w" * (n % 5 + 1) for n in range(n_words)))
    random = np.random.default_rng(seed)
    scores = [random.normal(0, 5, (len(one.ids), 6)).astype(np.float32) for one in windows]
    for table in scores:
        table[[0, -1]] = 0  # what <s> and </s> say belongs to no word
    pooled = pool(scores, n_labels=4)
    line = TokenLine(windows, pooled.weights)
    joined = np.concatenate(scores)
    sums = [line.contributions(joined[:, output].astype(np.float64)).sum() for output in range(6)]
    np.testing.assert_allclose(sums, pooled.logits, rtol=1e-5, atol=1e-5)


def test_the_heaviest_words_are_shown_the_strongest_first() -> None:
    original = "we need typists in Laos with free tickets and rooms for all"
    assert texts(shown(original, {"typists": 1.5, "tickets": 2.0})) == ["tickets", "typists"]


def test_heavy_words_side_by_side_are_one_piece() -> None:
    (piece,) = shown("we pay ticket and passport for all who come to us today", {"ticket": 2.0, "and": 1.5, "passport": 2.0})
    assert piece == Evidence(7, 26, "ticket and passport")


def test_no_more_than_the_limit_are_shown() -> None:
    original = " ".join(f"heavy{n} light light light" for n in range(9))
    assert len(shown(original, {f"heavy{n}": 3.0 for n in range(9)})) == MAX_PIECES


def test_a_piece_that_weighs_little_beside_the_first_is_not_shown() -> None:
    original = "one two three four five six seven eight nine ten"
    assert texts(shown(original, {"two": 10.0, "eight": 2.0})) == ["two"]


def test_words_that_spoke_against_the_score_are_never_shown() -> None:
    assert shown("one two three", {"one": -3.0, "two": -1.0, "three": -3.0}) == ()


@pytest.mark.parametrize("original", ["", "one two three"])
def test_where_no_word_stands_out_nothing_is_shown(original: str) -> None:
    assert shown(original, {}) == ()


def test_punctuation_at_the_edges_of_a_piece_is_dropped() -> None:
    (piece,) = shown("hello there (tickets!!), more of it here and there", {"(tickets!!),": 2.0})
    assert piece == Evidence(13, 20, "tickets")


def test_a_piece_of_nothing_but_punctuation_is_not_shown() -> None:
    assert shown("hello there ... and more of it here", {"...": 2.0}) == ()


@pytest.mark.parametrize(
    ("original", "word", "written"),
    [
        pytest.param(f"we need t{ZWSP}y{ZWSP}pists in Laos today and more", "typists", f"t{ZWSP}y{ZWSP}pists", id="zero-width"),
        pytest.param("we need ｔｙｐｉｓｔｓ in Laos today and more", "typists", "ｔｙｐｉｓｔｓ", id="full-width"),
        pytest.param("we need 𝐭𝐲𝐩𝐢𝐬𝐭𝐬 in Laos today and more", "typists", "𝐭𝐲𝐩𝐢𝐬𝐭𝐬", id="fancy-letters"),
        pytest.param("we need tyрists in Laos today and more", "typists", "tyрists", id="look-alike-letter"),
        pytest.param("we need   t y p i s t s   in Laos today and more", "typists", "t y p i s t s", id="spaced-letters"),
        pytest.param("🔥🔥 we need typists in Laos today", "typists", "typists", id="behind-emoji"),
    ],
)
def test_a_piece_shows_the_text_as_it_was_written(original: str, word: str, written: str) -> None:
    (piece,) = shown(original, {word: 2.0})
    assert piece.text == written
    assert original[piece.start : piece.end] == written


def test_a_piece_in_a_late_window_lies_where_it_says() -> None:
    original = f"{ZWSP}so ｆａｒ " * 60 + "ｔｙｐｉｓｔｓ wanted" + " so far" * 60
    (piece,) = shown(original, {"typists": 5.0}, max_tokens=16)
    assert piece.text == "ｔｙｐｉｓｔｓ"
    assert original[piece.start : piece.end] == "ｔｙｐｉｓｔｓ"


def test_a_part_of_a_word_is_widened_to_the_word() -> None:
    original = "we need typists today"
    line = TokenLine([window((0, 2), (3, 7), (8, 11), (11, 15), (16, 21))], np.array([1.0], dtype=np.float32))
    (piece,) = pieces(line, np.array([0, 0, 0, 3.0, 0]), original)
    assert original[slice(*piece)] == "typists"


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=60), st.integers(0, 2**32 - 1))
def test_pieces_of_any_text_lie_where_they_say_and_apart(original: str, seed: int) -> None:
    text: NormalisedText = normalise(original)
    windows = encoder(6, overlap=1).windows(text.text)
    line = TokenLine(windows, np.full(len(windows), 1 / len(windows), dtype=np.float32))
    weights = np.random.default_rng(seed).normal(0, 1, len(line.spans))
    found = quoted(pieces(line, weights, text.text), text, original)
    assert all(piece.text and piece.text == original[piece.start : piece.end] for piece in found)
    ordered = sorted(found, key=lambda piece: piece.start)
    assert all(one.end <= two.start for one, two in zip(ordered, ordered[1:], strict=False))
