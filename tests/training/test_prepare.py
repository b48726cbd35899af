"""From posts to windows: quotes stay with their words, weights add up, and no text is cut off."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TINY, make_example, unigram
from tokenizers import Tokenizer

from detector.encoder import Encoder
from detector.errors import InputError
from detector.records import INDICATORS
from detector.text import normalise
from training.examples import Example, read_corpus
from training.prepare import (
    _READ_BY_TRAINING,
    EXCERPT_TOKENS,
    HELD_BACK_SHARE,
    MIN_TESTED,
    Prepared,
    _evaluated_languages,
    _fingerprint,
    load_prepared,
    prepare,
    quote_tokens,
)
from training.splits import Split

WORDS = ["kerja", "gaji", "admin", "tiket", "ditanggung", "hubungi", "paspor"]
LETTERS = sorted(set("".join(WORDS)) | set("abcdefghijklmnopqrstuvwxyzไม่ต้องมี工作!12"))
PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
PIECES += [(letter, -9.0) for letter in LETTERS] + [(f"▁{word}", -4.0) for word in WORDS]


def _found(original: str, quote: str, *, max_tokens: int = 48, overlap: int = 12) -> list[tuple[int, str]]:
    """Return window and the normalised text of the tokens found for a quote."""
    text = normalise(original)
    windows = Encoder(unigram(PIECES), max_tokens=max_tokens, overlap=overlap).windows(text.text)
    return [
        (place, text.text[windows[place].spans[first, 0] : windows[place].spans[end - 1, 1]].strip())
        for place, first, end in quote_tokens(text, original, quote, windows)
    ]


@pytest.mark.parametrize(
    ("original", "quote", "expected"),
    [
        ("admin gaji 12, tiket ditanggung!", "tiket ditanggung", "tiket ditanggung"),
        ("admin  gaji\n\n tiket", "gaji", "gaji"),
        ("ａｄｍｉｎ ｇａｊｉ tiket", "ｇａｊｉ", "gaji"),
        ("admin g\u200ba\u200bj\u200bi tiket", "g\u200ba\u200bj\u200bi", "gaji"),
        ("admin t i k e t ditanggung", "t i k e t", "tiket"),
        ("\u200b\u200b  admin gaji", "gaji", "gaji"),
        ("gaji admin gaji", "gaji", "gaji"),
        ("ไม่ต้องมี admin 工作", "工作", "工作"),
    ],
    ids=["plain", "blanks", "full-width", "zero-width", "spaced", "shifted", "first-of-two", "other-scripts"],
)
def test_a_quote_is_found_at_its_words_also_through_normalisation(original: str, quote: str, expected: str) -> None:
    assert _found(original, quote) == [(0, expected)]


def test_a_quote_takes_in_the_whole_of_a_token_that_it_touches() -> None:
    assert _found("gaji admin", "dmi") == [(0, "admin")]


@pytest.mark.parametrize("quote", ["", "\u200b"], ids=["missing-thing", "nothing-visible"])
def test_a_quote_of_nothing_is_found_nowhere(quote: str) -> None:
    assert _found("admin \u200bgaji", quote) == []


def test_a_quote_in_the_overlap_is_found_in_both_windows() -> None:
    # Windows of four words that share two: words 0-3, 2-5, 4-7.
    original = "admin admin tiket gaji kerja kerja paspor paspor"
    assert _found(original, "tiket gaji", max_tokens=6, overlap=2) == [(0, "tiket gaji"), (1, "tiket gaji")]


def test_a_quote_across_windows_is_found_in_each_as_far_as_it_sees() -> None:
    original = "admin admin tiket gaji kerja kerja paspor paspor"
    found = _found(original, "gaji kerja kerja paspor", max_tokens=6, overlap=2)
    assert found == [(0, "gaji"), (1, "gaji kerja kerja"), (2, "kerja kerja paspor")]


def test_the_first_of_two_equal_pieces_is_the_quote() -> None:
    text = normalise("gaji admin gaji")
    windows = Encoder(unigram(PIECES), max_tokens=48, overlap=12).windows(text.text)
    assert quote_tokens(text, "gaji admin gaji", "gaji", windows) == [(0, 1, 2)]  # behind <s>


ROOM = 20
SETS = {"board": ("train", 60), "exam": ("held_out", 10)}


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job board of short and of very long adverts, and one that is held out."""
    folder = tmp_path_factory.mktemp("public")
    random = np.random.default_rng(0)
    for name, (_, number) in SETS.items():
        texts = ["".join(random.choice([*"aeioubcdkmnprst "], 20 + 10 * i)) for i in range(number)]
        rows = [{"id": f"{name}-{i}", "lang": "id", "label": "legit", "text": text} for i, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return folder


@pytest.fixture(scope="module")
def sources(public: Path) -> Path:
    declared = [
        f'[{name}]\nuse = "{use}"\nsample = {ROOM}\nlabels = {{ legit = ["legit_job"] }}' for name, (use, _) in SETS.items()
    ]
    (public / "sources.toml").write_text("\n".join(declared))
    return public / "sources.toml"


@pytest.fixture(scope="module")
def prepared(tiny_base: Path, tiny_corpus: Path, public: Path, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    out = tmp_path_factory.mktemp("prepared")
    return prepare(out, base=str(tiny_base), corpus=tiny_corpus, sources=sources, public=public, config=TINY)


@pytest.fixture(scope="module")
def posts(prepared: Prepared) -> list[dict[str, Any]]:
    return list(prepared.posts)


@pytest.fixture(scope="module")
def tokenizer(prepared: Prepared) -> Tokenizer:
    return Tokenizer.from_file(str(prepared.base / "tokenizer.json"))


def _whole(post: Mapping[str, Any], tokenizer: Tokenizer) -> list[int]:
    return tokenizer.encode(normalise(post["text"]).text, add_special_tokens=False).ids


def _joined(windows: Sequence[Sequence[int]], n_tokens: int) -> list[int]:
    """Put windows back together: they lie at equal distances, and the last ends where the text does."""
    joined = [0] * n_tokens
    for place, window in enumerate(windows):
        inner = list(window)[1:-1]
        start = place * (n_tokens - len(inner)) // max(len(windows) - 1, 1)
        joined[start : start + len(inner)] = inner
    return joined


def test_no_text_is_cut_off_but_for_excerpts_of_public_posts_in_training(
    posts: Sequence[Mapping[str, Any]], tokenizer: Tokenizer
) -> None:
    whole = [post for post in posts if post["source"] == "corpus" or post["split"] != "train"]
    assert max(len(post["windows"]) for post in whole) > 3
    for post in whole:
        ids = _whole(post, tokenizer)
        assert _joined(post["windows"], len(ids)) == ids


def test_every_window_starts_and_ends_alike_and_fits(posts: Sequence[Mapping[str, Any]], tokenizer: Tokenizer) -> None:
    start, end = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    for window in (window for post in posts for window in post["windows"]):
        assert (window[0], window[-1]) == (start, end)
        assert len(window) <= TINY.max_tokens


def test_an_excerpt_is_one_piece_of_its_post_and_no_longer_than_posts_are(
    posts: Sequence[Mapping[str, Any]], tokenizer: Tokenizer
) -> None:
    excerpts = [post for post in posts if post["source"] == "board" and post["split"] == "train"]
    assert len(excerpts) == ROOM
    for post in excerpts:
        (window,) = post["windows"]
        ids, inner = _whole(post, tokenizer), list(window)[1:-1]
        assert len(window) <= EXCERPT_TOKENS
        assert any(ids[i : i + len(inner)] == inner for i in range(len(ids) - len(inner) + 1))


def test_of_each_set_no_more_rows_are_taken_than_declared_and_none_that_is_held_out(posts: Sequence[Mapping[str, Any]]) -> None:
    counts = Counter((post["source"], post["split"]) for post in posts if post["source"] != "corpus")
    assert counts["board", "train"] == ROOM
    assert 0 < counts["board", "validation"] <= ROOM // HELD_BACK_SHARE
    assert 0 < counts["board", "test"] <= ROOM // HELD_BACK_SHARE
    assert not any(source == "exam" for source, _ in counts)


def test_every_corpus_post_is_kept_with_its_label_indicators_and_quotes(
    posts: Sequence[Mapping[str, Any]], tiny_corpus: Path
) -> None:
    kept = {post["id"]: post for post in posts if post["source"] == "corpus"}
    examples = read_corpus(tiny_corpus)
    assert kept.keys() == {example.id for example in examples}
    for example in examples:
        post = kept[example.id]
        present = {code for code, marked in zip(INDICATORS, post["indicators"], strict=True) if marked}
        assert post["allowed"].count(True) == 1
        assert present == {quote.indicator for quote in example.quotes or ()}
        assert {INDICATORS[quote["indicator"]] for quote in post["quotes"]} == _quoted(example)


def _quoted(example: Example) -> set[str]:
    return {quote.indicator for quote in example.quotes or () if quote.text}


def test_quotes_point_into_their_windows(posts: Sequence[Mapping[str, Any]]) -> None:
    quotes = [(post["windows"], quote) for post in posts for quote in post["quotes"]]
    assert len(quotes) > 100
    for windows, quote in quotes:
        assert 0 < quote["first"] < quote["end"] < len(windows[quote["window"]])


def test_public_posts_have_no_annotation(posts: Sequence[Mapping[str, Any]]) -> None:
    public = [post for post in posts if post["source"] != "corpus"]
    assert all(not post["indicators"] and not post["quotes"] for post in public)


def test_the_same_data_give_the_same_folder(
    prepared: Prepared, tiny_base: Path, tiny_corpus: Path, public: Path, sources: Path, tmp_path: Path
) -> None:
    again = prepare(tmp_path, base=str(tiny_base), corpus=tiny_corpus, sources=sources, public=public, config=TINY)
    assert again.facts == prepared.facts
    assert list(again.posts) == list(prepared.posts)


def test_a_language_is_evaluated_from_a_few_test_posts_of_the_corpus_on() -> None:
    few = MIN_TESTED - 1
    posts: list[tuple[str, str, Split]] = [
        *[("am", "corpus", "test")] * MIN_TESTED,
        *[("id", "corpus", "test")] * few,
        *[("id", "corpus", "train")] * MIN_TESTED,
        *[("id", "board", "test")] * MIN_TESTED,
        *[("th", "corpus", "test")] * (MIN_TESTED + 1),
    ]
    examples = [make_example(f"p{i}", "kerja", "g", language=tag, source=source) for i, (tag, source, _) in enumerate(posts)]
    assert _evaluated_languages(examples, [place for *_, place in posts]) == ["am", "th"]


def test_a_folder_that_was_not_prepared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="python -m training prepare"):
        load_prepared(tmp_path)


def test_a_base_that_is_none_is_refused_before_anything_is_read(tmp_path: Path, tiny_corpus: Path) -> None:
    with pytest.raises(InputError, match="expected an encoder's folder"):
        prepare(tmp_path / "out", base=str(tmp_path / "none"), corpus=tiny_corpus, sources=tmp_path, public=None, config=TINY)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", _READ_BY_TRAINING)
def test_whatever_training_reads_of_a_post_is_in_the_fingerprint(key: str) -> None:
    row = dict.fromkeys(_READ_BY_TRAINING, "as it was")
    assert _fingerprint([row]) == _fingerprint([{**row, "text": "is in the windows"}])
    assert _fingerprint([row]) != _fingerprint([row | {key: "changed"}])
