"""From posts to verdicts: the one path that every surface takes."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.backends import Backend, load_backend
from detector.bundle import DEFAULT_BUNDLE, TOKENIZER, Bundle, read_bundle
from detector.calibration import indicator_probabilities, label_probabilities
from detector.contacts import find_contacts
from detector.encoder import Encoder, Window
from detector.errors import InputError
from detector.evidence import TokenLine, pieces
from detector.language import identify, load_ahead
from detector.language_tags import canonical_tag
from detector.pooling import Pooled, pool
from detector.readability import abstain_reason
from detector.records import ABSENCES, Evidence, IndicatorFinding, Post, Verdict
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
    :raises InputError: if ``threads`` is below 1.
    """

    def __init__(self, bundle: Bundle, backend: Backend, *, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}")
        manifest = bundle.manifest
        self.bundle = bundle
        self._backend = backend
        self._encoder = Encoder.from_file(bundle.folder / TOKENIZER, max_tokens=manifest.max_tokens, overlap=manifest.overlap)
        self._threads = threads or usable_cores()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="score")
        self._closed = False

    @classmethod
    def load(cls, folder: Path = DEFAULT_BUNDLE, *, backend: str = "onnx", threads: int | None = None) -> Self:
        """Load a model folder, by default the bundled one.

        :param backend: ``onnx``, or ``torch`` for float32 arithmetic (extra ``train``).
        :param threads: Posts read side by side; by default one for each core this process may use.
        :raises InputError: if there is no such backend, or ``threads`` is below 1.
        :raises BundleError: if the folder is not a whole bundle of this version.
        :raises MissingExtraError: if the backend's runtime is not installed.
        """
        bundle = read_bundle(Path(folder))
        load_ahead()
        return cls(bundle, load_backend(backend, bundle), threads=threads)

    def score(self, posts: Iterable[Post | str]) -> list[Verdict]:
        """Return one verdict for each post, in order.

        A post that cannot be read gets a verdict with ``error`` set; it never stops the others. A post scores the same alone
        and among others.

        :raises InputError: if the detector is closed.
        :raises BackendError: if the runtime fails on valid input.
        """
        return self._side_by_side(self._verdict, posts)

    def stream(self, posts: Iterable[Post | str], *, batch_size: int = 64) -> Iterator[Verdict]:
        """Yield one verdict for each post, in order, reading ``batch_size`` posts ahead and no more.

        :raises InputError: if ``batch_size`` is below 1.
        """
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
        return self._read(normalise(text))[2].logits

    def _verdict(self, item: Post | str) -> Verdict:
        post = item if isinstance(item, Post) else Post(item)
        fault = find_fault(post.text) or _language_fault(post.language)
        if fault is not None:
            return Verdict(post.id, model=self.bundle.identity, error=fault)
        text = normalise(post.text)
        windows, scores, pooled = self._read(text)
        manifest = self.bundle.manifest
        n_labels = len(manifest.labels)
        shares = label_probabilities(pooled.logits[None, :n_labels], temperature=manifest.temperature)[0]
        score = float(shares[0])
        language = canonical_tag(post.language or "") or identify(text.text)
        reason = abstain_reason(text.text)
        line = TokenLine(windows, pooled.weights)
        joined = np.concatenate(scores)
        return Verdict(
            id=post.id,
            score=score,
            label=manifest.labels[int(shares.argmax())],
            label_scores=dict(zip(manifest.labels, shares.tolist(), strict=True)),
            band="abstain" if reason else manifest.operating_points.band(score),
            reason=reason,
            language=language,
            note=self._note(language),
            windows=len(windows),
            # What says too little to be judged holds no words that speak for anything either.
            evidence=() if reason else self._headline(line, joined, pooled, text, post.text),
            indicators=() if reason else self._indicators(line, joined, pooled, text, post.text),
            contacts=find_contacts(text.text, language),
            model=self.bundle.identity,
        )

    def _read(self, text: NormalisedText) -> tuple[list[Window], list[FloatArray], Pooled]:
        windows = self._encoder.windows(text.text)
        scores = [self._backend.token_scores(window.ids) for window in windows]
        return windows, scores, pool(scores, n_labels=len(self.bundle.manifest.labels))

    def _note(self, language: str) -> str | None:
        spoken = {known.split("-")[0].lower() for known in self.bundle.manifest.languages}
        if language.split("-")[0].lower() in spoken:
            return None
        return f"the model was not evaluated in language '{language}'; its score may be off"

    def _headline(
        self, line: TokenLine, scores: FloatArray, pooled: Pooled, text: NormalisedText, original: str
    ) -> tuple[Evidence, ...]:
        """Return the words that set the lure apart from the other labels, each weighed by how near it came."""
        n_labels = len(self.bundle.manifest.labels)
        near = label_probabilities(pooled.logits[None, 1:n_labels], temperature=1.0)[0]
        margins = scores[:, 0].astype(np.float64) - scores[:, 1:n_labels] @ near.astype(np.float64)
        return pieces(line, line.contributions(margins), text, original)

    def _indicators(
        self, line: TokenLine, scores: FloatArray, pooled: Pooled, text: NormalisedText, original: str
    ) -> tuple[IndicatorFinding, ...]:
        manifest = self.bundle.manifest
        n_labels = len(manifest.labels)
        chances = indicator_probabilities(pooled.logits[None, n_labels:], temperature=manifest.indicator_temperature)[0]
        found = []
        for place, (code, chance) in enumerate(zip(manifest.indicators, chances.tolist(), strict=True)):
            if chance < manifest.indicator_thresholds.get(code, 0.5):
                continue
            shown: tuple[Evidence, ...] = ()
            if code not in ABSENCES:
                added = line.contributions(scores[:, n_labels + place].astype(np.float64))
                shown = pieces(line, added, text, original)
            found.append(IndicatorFinding(code, chance, shown))
        return tuple(sorted(found, key=lambda finding: -finding.score))


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
