"""A second model in the shadow of the one that is served: it scores a share of the posts as well, and nobody waits for it.

A share of the texts is chosen by their hash, so that copies are treated alike, in every worker and after each restart. What was
answered is laid aside with the post, and a thread of its own scores the post again when nothing else is to be done: no post waits,
and a thread of the service is free. Little is laid aside; when there is no room, or the shadow is promoted, what waits
is dropped and counted. The shadow never holds a thread that calls need, so one that hangs or fails harms nothing but the
comparison.
"""

import hashlib
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread
from typing import Literal, Protocol

from detector import BackendError, Detector, Post, Verdict
from serve.comparisons import Comparisons, Kind, Pair, Tally, bin_of
from serve.metrics import Compared, Metrics
from serve.settings import Settings
from serve.trial import Refused, give_back_memory, load_tried
from serve.wanted import sha256_of

State = Literal["off", "loading", "running", "broken", "served"]
"""``served`` stands for a shadow that is the model that is served, and rests."""

UNKNOWN = "unknown"
"""Stands for a shadow that was never loaded."""
ROOM_ITEMS = 256
ROOM_CHARACTERS = 1_000_000
"""What is laid aside at most."""
FLUSH_S = 1.0
"""How often what was counted is written."""

_LOOK_S = 0.01
_AGAIN_S = 60.0
"""How long after it could not be loaded the shadow is tried again."""
_END_S = 5.0
_LOG = logging.getLogger(__name__)


class Judged(Protocol):
    """As much of a verdict as is compared."""

    @property
    def score(self) -> float | None: ...  # noqa: D102
    @property
    def band(self) -> str | None: ...  # noqa: D102
    @property
    def label(self) -> str | None: ...  # noqa: D102
    @property
    def language(self) -> str | None: ...  # noqa: D102
    @property
    def model(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class _Answered:
    post: Post
    model: str
    score: float
    band: str
    label: str
    language: str


class Shadow:
    """Compares a second model with the one that is served.

    :param settings: Which folder, if any, and which share of the posts.
    :param load: Loads a folder.
    :param idle: Whether nothing else is to be done; called from a thread.
    """

    def __init__(self, settings: Settings, load: Callable[[Path], Detector], metrics: Metrics, idle: Callable[[], bool]) -> None:
        self.comparisons = Comparisons(settings.data)
        self.share = settings.shadow_share
        self.folder = settings.shadow
        self.state: State = "off" if settings.shadow is None else "loading"
        self.model: str | None = None
        self._load = load
        self._metrics = metrics
        self._idle = idle
        self._served = ""
        self._detector: Detector | None = None
        self._room = Condition()
        self._waiting: deque[_Answered] = deque()
        self._characters = 0
        self._tally = Tally()
        self._flushed = self._again = 0.0
        self._failing = False
        self._closed = False
        self._thread = Thread(target=self._run, name="shadow", daemon=True)

    def start(self, sha256: str) -> None:
        """Begin, unless there is no second model.

        :param sha256: Hash of the bundle that is served.
        """
        self._served = sha256
        if self.folder is not None:
            self._thread.start()

    def beside(self, sha256: str) -> None:
        """Say which model is served from now on."""
        with self._room:
            self._served = sha256
            self._again = 0.0
            self._room.notify()

    def offer(self, post: Post, verdict: Judged) -> None:
        """Lay a post aside with what was answered, if it is chosen."""
        if self.state in {"off", "served"} or verdict.score is None or not chosen(post.text, self.share):
            return
        model, band, label, language = verdict.model or "", verdict.band or "", verdict.label or "", verdict.language or ""
        with self._room:
            if self.state == "broken":
                self._count(model, "failed")
            elif self.state == "served" or self._is_full(post):
                self._count(model, "dropped")
            else:
                self._waiting.append(_Answered(post, model, verdict.score, band, label, language))
                self._characters += len(post.text)
                self._room.notify()

    def close(self) -> None:
        """Stop comparing; what is laid aside counts as dropped."""
        with self._room:
            self._closed = True
            self._room.notify()
        if self._thread.is_alive():
            self._thread.join(_END_S)

    def flush(self) -> None:
        """Write what was counted.

        :raises OSError: if the file cannot be made; likewise ``sqlite3.Error`` if it cannot be written.
        """
        with self._room:
            tally, self._tally = self._tally, Tally()
            self._flushed = time.monotonic()
        if tally.outcomes:
            self.comparisons.add(tally)

    def _run(self) -> None:
        while not self._closed:
            self._prepare()
            answered = self._next()
            if answered is not None and self._wait_idle():
                self._compare(answered)
            self._flush_if_due()
        with self._room:
            self._drop_waiting()
            self._flushed = 0.0
        self._flush_if_due()

    def _prepare(self) -> None:
        """Load the model when it is time to, and let it go if it is the one that is served."""
        if self.folder is None:
            return
        if self._served == (self._detector.bundle.sha256 if self._detector else sha256_of(self.folder)):
            with self._room:
                self.state = "served"
                self._drop_waiting()
            if self._detector is not None:
                self._detector = None
                give_back_memory()
        elif self._detector is None and time.monotonic() >= self._again:
            self._again = time.monotonic() + _AGAIN_S
            try:
                self._detector = load_tried(self._load, self.folder)
            except Refused as refused:
                _LOG.error("the shadow cannot be loaded: %s", refused.reason)
                self.state = "broken"
            else:
                self.model = self._detector.bundle.identity
                self.state = "running"

    def _next(self) -> _Answered | None:
        """Return what was laid aside first, or nothing if nothing comes in a while."""
        with self._room:
            if not self._waiting:
                self._room.wait(FLUSH_S)
            if not self._waiting or self._closed:
                return None
            answered = self._waiting.popleft()
            self._characters -= len(answered.post.text)
            return answered

    def _wait_idle(self) -> bool:
        """Wait until nothing else is to be done; false if the end came first."""
        while not self._idle():
            if self._closed:
                return False
            time.sleep(_LOOK_S)
            self._flush_if_due()
        return True

    def _compare(self, answered: _Answered) -> None:
        started = time.perf_counter()
        try:
            verdict = _score(self._detector, answered.post)
        except BackendError as error:
            if not self._failing:
                _LOG.error("the shadow fails; until it does not, failures are counted only: %s", error)
            self._failing = True
            with self._room:
                self._count(answered.model, "failed")
            return
        took_s = time.perf_counter() - started
        self._failing = False
        difference = (verdict.score or 0.0) - answered.score
        kind = Kind(
            self._metrics.known_language(answered.language),
            answered.band,
            verdict.band or "",
            verdict.label == answered.label,
            bin_of(difference),
        )
        with self._room:
            self._tally.add(self._pair(answered.model), kind, difference)
        self._metrics.shadowed("compared", took_s)

    def _is_full(self, post: Post) -> bool:
        return len(self._waiting) >= ROOM_ITEMS or self._characters + len(post.text) > ROOM_CHARACTERS

    def _drop_waiting(self) -> None:
        for answered in self._waiting:
            self._count(answered.model, "dropped")
        self._waiting.clear()
        self._characters = 0

    def _count(self, served: str, outcome: Compared) -> None:
        self._tally.count(self._pair(served), outcome)
        self._metrics.shadowed(outcome)

    def _pair(self, served: str) -> Pair:
        return Pair(served, self.model or UNKNOWN)

    def _flush_if_due(self) -> None:
        if time.monotonic() < self._flushed + FLUSH_S:
            return
        try:
            self.flush()
        except (OSError, sqlite3.Error):
            _LOG.exception("comparisons with the shadow cannot be written; a second's worth is lost")


def _score(detector: Detector | None, post: Post) -> Verdict:
    """Return the verdict.

    :raises BackendError: if there is none, whatever the reason.
    """
    if detector is None:
        raise BackendError("it is not loaded")
    try:
        (verdict,) = detector.score([post])
    except Exception as error:  # its files may trip any library on the way
        raise BackendError(type(error).__qualname__) from error
    return verdict


def chosen(text: str, share: float) -> bool:
    """Say whether a text is among so large a share of all texts, 0 to 1."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64
