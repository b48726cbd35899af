"""Copies are read once, and their verdicts are the same to the last bit as if each were read."""

import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from letters import LetterBackend

from detector import BackendError, Detector, InputError, Post
from detector.bundle import Bundle
from detector.copies import Copies

ROOT = Path(__file__).parents[2]
ZWSP = "\u200b"
PLAIN = "typists wanted in the city, two zones, write to @example_hr"
WAYS = [
    PLAIN,
    PLAIN.replace(" ", "  "),
    "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in PLAIN),
    f"{ZWSP}{PLAIN}{ZWSP}".replace("zones", f"zo{ZWSP}nes"),
]
"""The same words in ways that normalisation undoes."""


class CountingBackend(LetterBackend):
    """Counts the windows it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.windows = 0
        self.lock = threading.Lock()

    def token_scores(self, ids):
        with self.lock:
            self.windows += 1
        return super().token_scores(ids)


def test_copies_in_other_clothes_are_read_once_and_quoted_from_their_own_text(bundle: Bundle) -> None:
    backend = CountingBackend()
    with Detector(bundle, backend, threads=2, copies=10) as detector:
        found = detector.score([Post(text, id=str(place)) for place, text in enumerate(WAYS)])
        once, backend.windows = backend.windows, 0
        detector.score([PLAIN])
        assert (backend.windows, detector.copies_found) == (0, len(WAYS))
    with Detector(bundle, backend, threads=1) as detector:
        detector.score([PLAIN])
        assert once == backend.windows
    assert [verdict.id for verdict in found] == ["0", "1", "2", "3"]
    assert len({verdict.score for verdict in found}) == 1
    for text, verdict in zip(WAYS, found, strict=True):
        assert verdict.evidence
        pieces = [*verdict.evidence, *(piece for finding in verdict.indicators for piece in finding.evidence)]
        assert all(text[piece.start : piece.end] == piece.text for piece in pieces)
    assert len({verdict.evidence for verdict in found}) > 1


TEXTS = st.text(alphabet="abxyz zZ１ａ㈱ﬁ½\u200b\u0301.,@", max_size=30)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXTS, st.sampled_from([None, "en", "zh-Hant", "Tamil"])), max_size=12), st.integers(1, 4))
def test_verdicts_are_the_same_with_and_without_copies(bundle: Bundle, posts: list[tuple[str, str | None]], kept: int) -> None:
    items = [Post(text, str(place), language) for place, (text, language) in enumerate([*posts, *posts[::-1]])]
    backend = LetterBackend()
    with Detector(bundle, backend, threads=1) as plain, Detector(bundle, backend, threads=3, copies=kept) as keeping:
        assert keeping.score(items) == plain.score(items)
        assert list(keeping.stream(items, batch_size=3)) == plain.score(items)
        assert plain.copies_found == 0


def test_language_hints_and_contacts_are_each_post_s_own(bundle: Bundle) -> None:
    text = "kitchen help wanted, call 081 234 5678 today"
    with Detector(bundle, LetterBackend(), threads=1, copies=10) as detector:
        thai, english, told = detector.score([Post(text, language="th"), Post(text, language="en"), Post(text)])
        assert detector.copies_found == 2
    assert (thai.language, english.language, told.language) == ("th", "en", "en")
    assert [contact.value for contact in thai.contacts] == ["+66812345678"]
    assert english.contacts == told.contacts
    assert thai.score == english.score


def test_many_threads_at_once_get_the_same(bundle: Bundle) -> None:
    posts = [f"wanted: {word} for the zoo, today" for word in "cook guard tutor typist waiter".split()] * 20
    with Detector(bundle, LetterBackend(), threads=1) as plain, Detector(bundle, LetterBackend(), threads=4, copies=3) as keeping:
        expected = plain.score(posts)
        with ThreadPoolExecutor(8) as callers:
            assert all(found == expected for found in callers.map(lambda _: keeping.score(posts), range(8)))


def test_an_answer_on_its_way_is_waited_for_and_not_worked_out_twice() -> None:
    copies: Copies[str] = Copies(5)
    begun, go, calls = threading.Event(), threading.Event(), []

    def slow(text: str) -> str:
        calls.append(text)
        begun.set()
        assert go.wait(10)
        return text.upper()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(copies.answer, "a", slow)
        assert begun.wait(10)
        second = copies.answer("a", slow)
        assert not second.done()
        go.set()
        assert (first.result().result(), second.result(10)) == ("A", "A")
    assert (calls, copies.found) == (["a"], 1)


def test_the_answer_that_was_asked_for_least_lately_goes_first() -> None:
    copies: Copies[str] = Copies(2)
    calls: list[str] = []

    def work_out(text: str) -> str:
        calls.append(text)
        return text

    for text in "abacaba":
        assert copies.answer(text, work_out).result() == text
    # b goes for c, c for b: a is asked for again each time before.
    assert calls == ["a", "b", "c", "b"]


def test_a_failure_is_not_kept(bundle: Bundle) -> None:
    backend = LetterBackend()
    with Detector(bundle, backend, threads=2, copies=10) as detector:
        backend.poison = 5
        with pytest.raises(BackendError):
            detector.score(["a bad cab"] * 4)
        backend.poison = -1
        assert detector.score(["a bad cab"])[0].error is None


def test_less_than_no_copies_are_refused(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="copies must be at least 0, got -1"):
        Detector(bundle, LetterBackend(), copies=-1)


def test_no_text_is_kept(bundle: Bundle) -> None:
    with Detector(bundle, LetterBackend(), threads=1, copies=10) as detector:
        detector.score([PLAIN])
        ((key, reading),) = detector._copies._kept.items()
    assert len(key) == 32
    assert not any(word in repr(reading) for word in ("typists", "zones", "example_hr"))


def short_posts(number: int) -> list[str]:
    """Return posts of the corpus, short ones of all languages mixed, none twice."""
    texts: dict[str, None] = {}
    for path in sorted((ROOT / "data" / "corpus").glob("*.jsonl")):
        with path.open(encoding="utf-8") as stream:
            texts.update(dict.fromkeys(text for line in stream if len(text := json.loads(line)["text"]) < 250))
    return random.Random(4).sample(list(texts), number)


@pytest.mark.slow
@pytest.mark.model
def test_half_copies_are_scored_1_8_times_as_fast(capsys: pytest.CaptureFixture[str]) -> None:
    """Measured in turns on one machine, processor time: rounds of 20 posts of their own, and of 10 that each come twice."""
    posts = short_posts(240)
    spent = {"distinct": 0.0, "copies": 0.0}
    with Detector.load(copies=1000) as detector:
        detector.score(posts[-20:])
        for start in range(0, 220, 20):
            first, second = posts[start : start + 10], posts[start + 10 : start + 20]
            # Every post is read in both kinds of round; what is kept is forgotten in between.
            for kind, rounds in (("distinct", [first + second]), ("copies", [first * 2, second * 2])):
                for items in rounds:
                    detector._copies = Copies(1000)
                    began = time.process_time()
                    detector.score(random.Random(start).sample(items, len(items)))
                    spent[kind] += time.process_time() - began
    ratio = spent["distinct"] / (spent["copies"] / 2)
    with capsys.disabled():
        sys.stdout.write(f"\nthroughput with 50 % copies: {ratio:.2f} times that without\n")
    assert ratio >= 1.8
