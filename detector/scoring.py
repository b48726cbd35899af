"""From posts to verdicts: the one path that every surface takes."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.backends import Backend, load_backend
from detector.bundle import DEFAULT_BUNDLE, TOKENIZER, Bundle, read_bundle
from detector.calibration import indicator_probabilities, label_probabilities
from detector.contacts import find_contacts
from detector.copies import Copies
from detector.encoder import Encoder, Window
from detector.errors import InputError
from detector.evidence import Span, TokenLine, pieces, quoted
from detector.language import UNDETERMINED, identify, load_ahead
from detector.language_tags import canonical_tag, is_among
from detector.pooling import Pooled, pool
from detector.readability import Reason, abstain_reason
from detector.records import ABSENCES, IndicatorFinding, Post, Verdict, check_are_posts
from detector.text import NormalisedText, normalise

FloatArray = NDArray[np.float32]
_In = TypeVar("_In")
_Out = TypeVar("_Out")

MAX_CHARACTERS = 100_000
"""Longest post that is read. A longer text is a document or a dump, and would hold up everything behind it."""


class Detector:
    """Scores posts with a bundle.

    :param bundle: The model folder, read and verified.
    :param backend: The runtime that holds its graph.
    :param threads: Posts read side by side; by default one for each core this process may use.
    :param copies: Texts whose reading is kept for posts of the same text, whatever they look like before normalisation. Verdicts
        are the same to the last bit with and without; by default nothing is kept.
    :ivar threads: Posts read side by side.
    :ivar watch: Is told the seconds that tokenizer and model took for each text they read, from any thread; by default nobody.
    :raises InputError: if ``threads`` is below 1, or ``copies`` below 0.
    """

    def __init__(self, bundle: Bundle, backend: Backend, *, threads: int | None = None, copies: int = 0) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}")
        if copies < 0:
            raise InputError(f"copies must be at least 0, got {copies}")
        manifest = bundle.manifest
        self.bundle = bundle
        self._backend = backend
        self._encoder = Encoder.shared(
            bundle.folder / TOKENIZER,
            sha256=manifest.files[TOKENIZER],
            max_tokens=manifest.max_tokens,
            overlap=manifest.overlap,
        )
        self._copies: Copies[_Reading] = Copies(copies)
        self.threads = threads or usable_cores()
        self.watch: Callable[[float, float], None] | None = None
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="score")
        self._closed = False

    @classmethod
    def load(cls, folder: Path = DEFAULT_BUNDLE, *, backend: str = "onnx", threads: int | None = None, copies: int = 0) -> Self:
        """Load a model folder, by default the bundled one.

        :param backend: ``onnx``, or ``torch`` for float32 arithmetic (extra ``train``).
        :param threads: Posts read side by side; by default one for each core this process may use.
        :param copies: Texts whose reading is kept for posts of the same text; by default none.
        :raises InputError: if there is no such backend, ``threads`` is below 1, or ``copies`` below 0.
        :raises BundleError: if the folder is not a whole bundle of this version.
        :raises MissingExtraError: if the backend's runtime is not installed.
        """
        bundle = read_bundle(Path(folder))
        load_ahead()
        return cls(bundle, load_backend(backend, bundle), threads=threads, copies=copies)

    def score(self, posts: Iterable[Post | str]) -> list[Verdict]:
        """Return one verdict for each post, in order.

        A post that cannot be read gets a verdict with ``error`` set; it never stops the others. A post scores the same alone
        and among others.

        :raises InputError: if the detector is closed, or there is one text instead of posts.
        :raises BackendError: if the runtime fails on valid input.
        """
        check_are_posts(posts)
        # Those that wait for another thread come last: no thread of the pool is held up by them.
        return [answer if isinstance(answer, Verdict) else answer() for answer in self._side_by_side(self._answer, posts)]

    def stream(self, posts: Iterable[Post | str], *, batch_size: int = 64) -> Iterator[Verdict]:
        """Yield one verdict for each post, in order, reading ``batch_size`` posts ahead and no more.

        :raises InputError: if ``batch_size`` is below 1, or there is one text instead of posts.
        """
        check_are_posts(posts)
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        source = iter(posts)
        while batch := list(islice(source, batch_size)):
            yield from self.score(batch)

    def logits(self, texts: Iterable[str]) -> FloatArray:
        """Return the uncalibrated outputs, labels first, *shape* ``(n_texts, n_outputs)``; :meth:`score` gives verdicts.

        This is what calibration is fitted on.
        """
        rows = self._side_by_side(self._logits, texts)
        manifest = self.bundle.manifest
        return np.asarray(rows, dtype=np.float32).reshape(len(rows), len(manifest.labels) + len(manifest.indicators))

    @property
    def copies_found(self) -> int:
        """Posts whose text had been read before, or was being read."""
        return self._copies.found

    @property
    def runtime(self) -> str:
        """Name of the backend in use: another may differ in the last bits."""
        return type(self._backend).__name__

    def close(self) -> None:
        """Stop the threads. A closed detector scores no more."""
        self._closed = True
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _side_by_side(self, work: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
        if self._closed:
            raise InputError("expected an open detector, got one that was closed")
        return list(self._pool.map(work, items))

    def _logits(self, text: str) -> FloatArray:
        return self._read(normalise(text).text)[2].logits

    def _answer(self, item: Post | str) -> "Verdict | Callable[[], Verdict]":
        """Return the verdict, or what gives it as soon as another thread has read a post of the same text."""
        post = item if isinstance(item, Post) else Post(item)
        fault = find_fault(post.text) or _language_fault(post.language)
        if fault is not None:
            return Verdict(post.id, model=self.bundle.identity, error=fault)
        text = normalise(post.text)
        reading = self._copies.answer(text.text, self._reading)
        finish = partial(self._verdict, post, text, reading)
        return finish() if reading.done() else finish

    def _verdict(self, post: Post, text: NormalisedText, answer: "Future[_Reading]") -> Verdict:
        """Return what the reading of a text says of one post that has it."""
        reading = answer.result()
        manifest = self.bundle.manifest
        score = reading.shares[0]
        unreadable = reading.reason == "nothing_readable"
        hint = canonical_tag(post.language or "")
        # A guess from what little can be read tells which country's numbers a contact may be, and is no language of the post.
        guess = hint or identify(text.text)
        language = hint or (UNDETERMINED if unreadable else guess)
        return Verdict(
            id=post.id,
            score=score,
            label=reading.label,
            label_scores=dict(zip(manifest.labels, reading.shares, strict=True)),
            band="abstain" if reading.reason else manifest.operating_points.band(score),
            reason=reading.reason,
            language=language,
            note=None if unreadable else self._note(language),
            windows=reading.windows,
            evidence=quoted(reading.headline, text, post.text),
            indicators=tuple(
                IndicatorFinding(code, chance, quoted(spans, text, post.text)) for code, chance, spans in reading.indicators
            ),
            contacts=find_contacts(text.text, guess),
            model=self.bundle.identity,
        )

    def _reading(self, text: str) -> "_Reading":
        windows, scores, pooled = self._read(text)
        manifest = self.bundle.manifest
        shares = label_probabilities(pooled.logits[None, : len(manifest.labels)], temperature=manifest.temperature)[0]
        reason = abstain_reason(text)
        line = TokenLine(windows, pooled.weights)
        joined = np.concatenate(scores)
        return _Reading(
            shares=tuple(shares.tolist()),
            label=manifest.labels[int(shares.argmax())],
            reason=reason,
            windows=len(windows),
            # What says too little to be judged holds no words that speak for anything either.
            headline=() if reason else self._headline(line, joined, pooled, text),
            indicators=() if reason else self._indicators(line, joined, pooled, text),
        )

    def _read(self, text: str) -> tuple[list[Window], list[FloatArray], Pooled]:
        started = time.perf_counter()
        windows = self._encoder.windows(text)
        tokenised = time.perf_counter()
        scores = [self._backend.token_scores(window.ids) for window in windows]
        if self.watch is not None:
            self.watch(tokenised - started, time.perf_counter() - tokenised)
        return windows, scores, pool(scores, n_labels=len(self.bundle.manifest.labels))

    def _note(self, language: str) -> str | None:
        if is_among(language, self.bundle.manifest.languages):
            return None
        return f"the model was not evaluated in language '{language}'; its score may be off"

    def _headline(self, line: TokenLine, scores: FloatArray, pooled: Pooled, text: str) -> tuple[Span, ...]:
        """Return the words that set the lure apart from the other labels, each weighed by how near it came."""
        n_labels = len(self.bundle.manifest.labels)
        near = label_probabilities(pooled.logits[None, 1:n_labels], temperature=1.0)[0]
        margins = scores[:, 0].astype(np.float64) - scores[:, 1:n_labels] @ near.astype(np.float64)
        return pieces(line, line.contributions(margins), text)

    def _indicators(self, line: TokenLine, scores: FloatArray, pooled: Pooled, text: str) -> "tuple[_Finding, ...]":
        manifest = self.bundle.manifest
        n_labels = len(manifest.labels)
        chances = indicator_probabilities(pooled.logits[None, n_labels:], temperature=manifest.indicator_temperature)[0]
        found: list[_Finding] = []
        for place, (code, chance) in enumerate(zip(manifest.indicators, chances.tolist(), strict=True)):
            if chance < manifest.indicator_thresholds.get(code, 0.5):
                continue
            spans: tuple[Span, ...] = ()
            if code not in ABSENCES:
                added = line.contributions(scores[:, n_labels + place].astype(np.float64))
                spans = pieces(line, added, text)
            found.append((code, chance, spans))
        return tuple(sorted(found, key=lambda finding: -finding[1]))


_Finding = tuple[str, float, tuple[Span, ...]]
"""An indicator: its code, its probability, and the words that carried it."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the model says of a normalised text, whichever post it came from; copies share it.

    :ivar shares: Probability of each label.
    :ivar headline: The words that raised the score most.
    """

    shares: tuple[float, ...]
    label: str
    reason: Reason | None
    windows: int
    headline: tuple[Span, ...]
    indicators: tuple[_Finding, ...]


def usable_cores() -> int:
    """Return how many cores this process may use; where the system does not say, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def find_fault(text: object) -> str | None:
    """Return why a text cannot be scored, or nothing if it can; never shows the text itself."""
    if not isinstance(text, str):
        return f"expected a text, got {type(text).__name__}"
    if not text or text.isspace():
        return "expected a text, got nothing but blanks"
    if len(text) > MAX_CHARACTERS:
        return f"expected at most {MAX_CHARACTERS} characters, got {len(text)}; split the document into posts"
    if "\0" in text:
        return f"expected text, got a NUL character at position {text.index(chr(0))}"
    return _surrogate_fault(text)


def _language_fault(language: object) -> str | None:
    if language is None or language == "":
        return None
    if not isinstance(language, str):
        return f"expected a language code, got {type(language).__name__}"
    return None if canonical_tag(language) else f"expected a BCP-47 code such as ta or zh-Hant, got {language[:40]!r}"


def _surrogate_fault(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"expected Unicode text, got half a surrogate pair at position {error.start}"
    return None


__all__: Sequence[str] = ("MAX_CHARACTERS", "Detector", "find_fault")
