"""Lists of words found in one pass: what the regular expressions find, character by character."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.facts.folding import folded
from detector.facts.jobs import _WORDS
from detector.facts.pay import _SUM, _written_sums
from detector.facts.wordlists import WordLists, alternatives, key_of
from detector.text import normalise

CORPUS = Path(__file__).parents[2] / "data" / "corpus"
WHOLE = {"one": r"\bab|ba|b", "two": r"cook\b|co(?:ok|ck)s|c|d\.e|日本|日"}


def readings() -> Iterator[str]:
    """Yield some posts of every language as words are looked up in them."""
    for path in sorted(CORPUS.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines()[::60]:
            yield folded(normalise(json.loads(line)["text"]).text)


def test_the_words_for_jobs_are_found_as_the_regular_expressions_find_them() -> None:
    lists = WordLists(_WORDS)
    patterns = {name: re.compile(words) for name, words in _WORDS.items()}
    found = 0
    for reading in readings():
        expected = {name: match.span() for name, pattern in patterns.items() if (match := pattern.search(reading)) is not None}
        told = {name: match.span() for name, match in lists.first_of_each(reading).items()}
        assert list(told.items()) == list(expected.items())
        found += len(told)
    assert found > 100


def test_sums_are_found_as_the_regular_expression_finds_them() -> None:
    found = 0
    for reading in readings():
        expected = [match.span() for match in _SUM.finditer(reading)]
        assert [match.span() for match in _written_sums(reading)] == expected
        found += len(expected)
    assert found > 100


@given(st.text(st.sampled_from("$€us dr m円万.,019p\n-a")))
def test_sums_in_any_text_are_found_as_the_regular_expression_finds_them(text: str) -> None:
    assert [match.span() for match in _written_sums(text)] == [match.span() for match in _SUM.finditer(text)]


@given(st.text(st.sampled_from("abcdek os.日本")))
def test_words_in_any_text_are_found_as_the_regular_expressions_find_them(text: str) -> None:
    expected = {name: match.span() for name, words in WHOLE.items() if (match := re.search(words, text)) is not None}
    assert {name: match.span() for name, match in WordLists(WHOLE).first_of_each(text).items()} == expected


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("a|b", ["a", "b"]),
        (r"a(?:b|c)|d[|]e|f\|g", ["a(?:b|c)", "d[|]e", r"f\|g"]),
        (r"[]|]a|\[b|c", ["[]|]a", r"\[b", "c"]),
        ("((a|b)|c)d", ["((a|b)|c)d"]),
        ("", [""]),
    ],
)
def test_an_expression_is_taken_apart_at_the_bars_outside_of_groups(pattern: str, parts: list[str]) -> None:
    assert alternatives(pattern) == parts


@pytest.mark.parametrize(
    ("alternative", "key"),
    [
        ("cook", "co"),
        (r"\bcook", "co"),
        ("co?ok", "c"),
        ("c(?:a|b)", "c"),
        (r"d\.e", "d."),
        (r"a\b", "a"),
        ("a{2}", None),
        ("日", "日"),
    ],
)
def test_what_an_alternative_begins_with_is_told(alternative: str, key: str | None) -> None:
    if key is None:
        with pytest.raises(ValueError, match="one certain character"):
            key_of(alternative)
    else:
        assert key_of(alternative) == key


@pytest.mark.parametrize("pattern", ["a?b", "[ab]c", r"\w+", "(?:a|b)", "(?<!a)b", "^a", "a|", ".a"])
def test_a_list_whose_words_can_begin_in_several_ways_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="expected a word that begins with one certain character"):
        WordLists({"x": pattern})
