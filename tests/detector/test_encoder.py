"""Texts to windows: all of a text is read, in order, at known places."""

import gc
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from detector.bundle import file_sha256
from detector.encoder import Encoder
from detector.errors import BundleError

WORDS = [*"abcdefghij"]
VOCABULARY = ["<s>", "</s>", "<unk>", *WORDS]
START, END, UNKNOWN = 0, 1, 2


def words_tokenizer(vocabulary: list[str] = VOCABULARY) -> Tokenizer:
    """Return a tokenizer that knows one word for each letter."""
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def read(text: str, *, max_tokens: int, overlap: int) -> list[str]:
    """Return the words of each window."""
    windows = Encoder(words_tokenizer(), max_tokens=max_tokens, overlap=overlap).windows(text)
    return ["".join(text[start:end] for start, end in window.spans) for window in windows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a b", ["ab"], id="shorter-than-a-window"),
        pytest.param("a b c", ["abc"], id="as-long-as-a-window"),
        pytest.param("a b c d", ["abc", "bcd"], id="one-more"),
        pytest.param("a b c d e", ["abc", "cde"], id="a-whole-step-more"),
        pytest.param("a b c d e f", ["abc", "bcd", "def"], id="at-equal-distances"),
        pytest.param("a b c d e f g", ["abc", "cde", "efg"], id="two-steps"),
    ],
)
def test_windows_of_three_words_share_one_with_the_one_before(text: str, expected: list[str]) -> None:
    assert read(text, max_tokens=5, overlap=1) == expected


def test_a_text_a_little_longer_than_a_window_is_read_in_two_halves() -> None:
    assert read("a b c d e f", max_tokens=7, overlap=2) == ["abcd", "cdef"]


def test_without_overlap_the_windows_stand_side_by_side() -> None:
    assert read("a b c d e f", max_tokens=4, overlap=0) == ["ab", "cd", "ef"]


@pytest.mark.parametrize("text", ["", "   "])
def test_a_text_without_words_is_one_window_of_the_two_special_tokens(text: str) -> None:
    (window,) = Encoder(words_tokenizer(), max_tokens=5, overlap=1).windows(text)
    assert window.ids.tolist() == [START, END]
    assert window.spans.tolist() == [[0, 0], [0, 0]]


def test_a_window_holds_ids_and_places_between_the_special_tokens() -> None:
    (window,) = Encoder(words_tokenizer(), max_tokens=9, overlap=1).windows("b zz a")
    assert window.ids.tolist() == [START, VOCABULARY.index("b"), UNKNOWN, VOCABULARY.index("a"), END]
    assert window.spans.tolist() == [[0, 0], [0, 1], [2, 4], [5, 6], [0, 0]]
    assert window.ids.dtype == window.spans.dtype == np.int64


@settings(deadline=None, max_examples=50)
@given(st.text("ab ", max_size=40), st.integers(3, 9), st.data())
def test_every_word_is_read_in_order_and_no_window_is_too_long(text: str, max_tokens: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, max_tokens - 3))
    windows = Encoder(words_tokenizer(), max_tokens=max_tokens, overlap=overlap).windows(text)
    assert all(len(window.ids) == len(window.spans) <= max_tokens for window in windows)
    spans = [tuple(span) for window in windows for span in window.spans[1:-1].tolist()]
    whole = Encoder(words_tokenizer(), max_tokens=1000, overlap=0).windows(text)[0].spans[1:-1].tolist()
    assert sorted(set(spans)) == [tuple(span) for span in whole]
    assert len({len(window.ids) for window in windows}) == 1
    starts = [whole.index(window.spans[1].tolist()) if len(window.ids) > 2 else 0 for window in windows]
    size = len(windows[0].ids) - 2
    assert all(start + size - after >= overlap for start, after in itertools.pairwise(starts))


def test_the_tokenizer_s_own_truncation_and_padding_are_not_used() -> None:
    tokenizer = words_tokenizer()
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=8)
    (window,) = Encoder(tokenizer, max_tokens=9, overlap=1).windows("a b c d")
    assert len(window.ids) == 6


@pytest.mark.parametrize(("max_tokens", "overlap"), [(5, 3), (5, 4), (5, -1), (2, 0), (0, 0)])
def test_numbers_that_leave_no_room_to_move_on_are_refused(max_tokens: int, overlap: int) -> None:
    with pytest.raises(BundleError, match="expected 0 <= overlap"):
        Encoder(words_tokenizer(), max_tokens=max_tokens, overlap=overlap)


@pytest.mark.parametrize("name", ["<s>", "</s>"])
def test_a_tokenizer_without_its_special_tokens_is_refused(name: str) -> None:
    with pytest.raises(BundleError, match=f"no token {name}"):
        Encoder(words_tokenizer([word for word in VOCABULARY if word != name]), max_tokens=5, overlap=1)


def test_a_saved_tokenizer_reads_as_before(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    words_tokenizer().save(str(path))
    (window,) = Encoder.from_file(path, max_tokens=5, overlap=1).windows("a b")
    assert window.ids.tolist() == [START, 3, 4, END]


def test_an_encoder_in_use_is_shared_and_goes_with_the_last_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    words_tokenizer().save(str(path))
    sha256 = file_sha256(path)
    held = Encoder.shared(path, sha256=sha256, max_tokens=5, overlap=1)
    assert Encoder.shared(path, sha256=sha256, max_tokens=6, overlap=1) is not held
    path.unlink()
    assert Encoder.shared(path, sha256=sha256, max_tokens=5, overlap=1) is held
    with pytest.raises(BundleError, match="expected a tokenizer file"):
        Encoder.shared(path, sha256="0" * 64, max_tokens=5, overlap=1)
    del held
    gc.collect()
    with pytest.raises(BundleError, match="expected a tokenizer file"):
        Encoder.shared(path, sha256=sha256, max_tokens=5, overlap=1)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x00\xff", b'{"version": "1.0"}'])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BundleError, match="expected a tokenizer file"):
        Encoder.from_file(path, max_tokens=5, overlap=1)
