"""What the service counts and times, for Prometheus; right across workers.

With one worker the numbers are kept in memory. With several, each writes into files of its own in one folder, and whichever is
asked adds them up: counters and histograms of workers that died go on to count, their gauges do not.

No label holds anything that was sent: routes are templates, languages those of the model or ``other``.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from detector import Verdict
from detector.bundle import Bundle
from detector.records import Band
from serve import schemas
from serve.admission import Priority, Timing
from serve.batches.store import Standing
from serve.drift import EDGES, Reference, bin_of, stability_index
from serve.schemas import Code

Rejection = Literal[
    "malformed",
    "key",
    "scope",
    "too_slow",
    "too_large",
    "media_type",
    "invalid",
    "rate",
    "overload",
    "deadline",
    "draining",
    "unavailable",
]
"""Why a request was refused."""
Swap = Literal["none", "bundle", "trial", "record"]
"""What was wrong with a model that was to be taken over, if anything."""
Compared = Literal["compared", "dropped", "failed"]
"""What became of an item that the shadow was to score as well."""

RECENT = 2_000
"""Scores that each worker remembers for the drift."""

_ENOUGH = 200
"""Scores of all workers together below which the drift says nothing yet."""
_NAME = "scam_detector"
_FAST_S: tuple[float, ...] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FASTEST_S = (0.0001, 0.00025, 0.0005, *_FAST_S)
_TOKENS = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
_ITEMS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_OTHER = "other"


class Metrics:
    """The numbers of one service.

    :param folder: Where workers share theirs; nothing for a service of one process.
    :param reference: What recent scores are compared with, if anything.
    :param batches: Says how the batches stand, if there can be any: all workers find the same in their file.
    """

    def __init__(
        self, folder: Path | None = None, *, reference: Reference | None = None, batches: Callable[[], Standing] | None = None
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        self._folder = folder
        self._source = registry if folder is None else _shared(folder)
        self._reference = reference
        self._batches = batches
        self._lock = Lock()
        self._recent: deque[int] = deque()
        self._model: tuple[str, ...] | None = None
        self._identity = ""
        self._languages: frozenset[str] = frozenset()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"{_NAME}_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str, *labels: str, mode: Literal["livesum", "livemax"] = "livesum") -> Gauge:
            return Gauge(f"{_NAME}_{name}", what, labels, registry=registry, multiprocess_mode=mode)

        def histogram(name: str, what: str, *labels: str, buckets: Sequence[float] = _FAST_S) -> Histogram:
            return Histogram(f"{_NAME}_{name}", what, labels, registry=registry, buckets=buckets)

        self._requests = counter("requests", "Requests answered", "route", "code")
        self._duration = histogram("request_duration_seconds", "From the first byte asked to the last answered", "route")
        self._rejected = counter("rejected", "Requests refused", "reason")
        self._items = counter("items", "Items by what became of them, and the band of those scored", "outcome", "band")
        self._by_language = counter("language_items", "Items scored, by language", "language")
        self._scores = histogram("score", "Scores of items", buckets=EDGES)
        self._scoring = histogram("scoring_duration_seconds", "Time in the detector, for each post that it reads")
        self._tokenise = histogram("tokenize_duration_seconds", "Time in the tokenizer, for each post it reads", buckets=_FASTEST_S)
        self._inference = histogram("inference_duration_seconds", "Time in the model, for each post it reads")
        self._batch_items = histogram("batch_items", "Items of each request that was let in", buckets=_ITEMS)
        self._batch_tokens = histogram("batch_tokens", "Tokens of each post that the detector reads, about", buckets=_TOKENS)
        self._waited = histogram("queue_duration_seconds", "Time that each post waited for its turn", "class")
        self._queued = gauge("queue_depth", "Requests that wait", "class")
        self._queued_tokens = gauge("queue_tokens", "Tokens that wait, about", "class")
        self._recent_scores = gauge("recent_scores", f"The last {RECENT} scores of each worker, by bin", "up_to")
        self._info = gauge("model_info", "The model that is served", "name", "version", "sha256", mode="livemax")
        self._serving = gauge("model_workers", "Processes that serve a model", "sha256")
        self._swaps = counter("model_swaps", "Models that were to be taken over, by what was wrong with them, if anything", "fault")
        self._shadowed = counter("shadow_items", "Items that the shadow was to score as well, by what became of them", "outcome")
        self._shadow_took = histogram("shadow_duration_seconds", "Time in the shadow, for each post that it compares")
        self._workers = gauge("workers", "Processes that serve")
        self._starts = counter("worker_starts", "Processes that began to serve")
        self._prepare()

    def started(self) -> None:
        """Count this process as one that serves."""
        self._workers.set(1)
        self._starts.inc()

    def stopped(self) -> None:
        """Count this process no more."""
        self._workers.set(0)
        if self._model is not None:
            self._serving.labels(self._model[-1]).set(0)

    def serves(self, bundle: Bundle) -> None:
        """Say which model is served from now on."""
        manifest = bundle.manifest
        with self._lock:
            if self._model is not None:
                self._info.labels(*self._model).set(0)
                self._serving.labels(self._model[-1]).set(0)
            self._model = (manifest.name, manifest.version, bundle.sha256)
            self._identity = bundle.identity
            self._info.labels(*self._model).set(1)
            self._serving.labels(bundle.sha256).set(1)
            # Scores of another model say nothing of this one.
            self._recent.clear()
            for place in range(len(EDGES)):
                self._bin(place).set(0)
            self._languages = frozenset(manifest.languages)

    def compare_with(self, reference: Reference | None) -> None:
        """Compare recent scores with another reference; with none as long as it is of another model than the one that is served."""
        self._reference = reference

    def swapped(self, fault: Swap) -> None:
        """Count a model that was to be taken over."""
        self._swaps.labels(fault).inc()

    def shadowed(self, outcome: Compared, took_s: float | None = None) -> None:
        """Count an item that the shadow was to score as well.

        :param took_s: What scoring it took, if it was scored.
        """
        self._shadowed.labels(outcome).inc()
        if took_s is not None:
            self._shadow_took.observe(took_s)

    def workers_on(self, sha256: str) -> tuple[int, int]:
        """Return how many processes serve a model, and how many serve."""
        found = {
            sample.name: sample.value
            for metric in self.collect()
            for sample in metric.samples
            if sample.name == f"{_NAME}_workers" or sample.labels.get("sha256") == sha256
        }
        return int(found.get(f"{_NAME}_model_workers", 0)), int(found.get(f"{_NAME}_workers", 0))

    def answered(self, route: str, code: int, duration_s: float) -> None:
        """Count a request.

        :param route: Template of its path.
        """
        self._requests.labels(route, str(code)).inc()
        self._duration.labels(route).observe(duration_s)

    def rejected(self, reason: Rejection) -> None:
        """Count a request that was refused."""
        self._rejected.labels(reason).inc()

    def asked(self, items: int) -> None:
        """Count the items of a request that was let in."""
        self._batch_items.observe(items)

    def scored(self, verdicts: Iterable[Verdict | schemas.Verdict]) -> None:
        """Count items that have a result."""
        for verdict in verdicts:
            if verdict.score is None:
                continue  # only of a post that could not be read, which counts as failed
            self._items.labels("scored", verdict.band).inc()
            self._by_language.labels(self.known_language(verdict.language or _OTHER)).inc()
            self._scores.observe(verdict.score)
            self._remember(bin_of(verdict.score))

    def failed(self, code: Code, number: int = 1) -> None:
        """Count items that have none."""
        self._items.labels(code, "none").inc(number)

    def timed(self, timing: Timing) -> None:
        """Count what a post took."""
        self._waited.labels(timing.priority.value).observe(timing.waited_s)
        self._scoring.observe(timing.took_s)
        self._batch_tokens.observe(timing.tokens)

    def read(self, tokenise_s: float, inference_s: float) -> None:
        """Count what tokenizer and model took of that; see :attr:`detector.Detector.watch`."""
        self._tokenise.observe(tokenise_s)
        self._inference.observe(inference_s)

    def queued(self, priority: Priority, requests: int, tokens: int) -> None:
        """Say how much waits in this process."""
        self._queued.labels(priority.value).set(requests)
        self._queued_tokens.labels(priority.value).set(tokens)

    def known_language(self, language: str) -> str:
        """Return the language of the model that a language is counted as, or ``other``: no label holds what a caller made up."""
        return next((known for known in (language, language.split("-")[0]) if known in self._languages), _OTHER)

    def exposition(self) -> bytes:
        """Return the numbers of all workers in the text format of Prometheus."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers of all workers, and what can only be said of all together."""
        if self._folder is not None:
            forget_dead(self._folder)
        for metric in self._source.collect():
            yield metric
            if metric.name == f"{_NAME}_recent_scores":
                yield from self._drift(metric)
        yield from self._standing()

    def _prepare(self) -> None:
        """Have every series that is known from the start: what is not there cannot be seen to rise."""
        for reason in get_args(Rejection):
            self._rejected.labels(reason)
        for band in get_args(Band):
            self._items.labels("scored", band)
        for code in get_args(Code):
            self._items.labels(code, "none")
        for fault in get_args(Swap):
            self._swaps.labels(fault)
        for outcome in get_args(Compared):
            self._shadowed.labels(outcome)
        for priority in Priority:
            self._waited.labels(priority.value)
            self.queued(priority, 0, 0)

    def _bin(self, place: int) -> Gauge:
        return self._recent_scores.labels(str(EDGES[place]))

    def _remember(self, place: int) -> None:
        with self._lock:
            self._recent.append(place)
            self._bin(place).inc()
            if len(self._recent) > RECENT:
                self._bin(self._recent.popleft()).dec()

    def _drift(self, recent: Metric) -> Iterable[Metric]:
        counts = {sample.labels["up_to"]: sample.value for sample in recent.samples}
        found = [counts.get(str(edge), 0.0) for edge in EDGES]
        if self._reference is None or self._reference.model != self._identity or sum(found) < _ENOUGH:
            return
        index = stability_index(self._reference.counts, found)
        what = "Population stability index of the recent scores against the reference"
        yield GaugeMetricFamily(f"{_NAME}_score_drift", what, value=index)

    def _standing(self) -> Iterable[Metric]:
        try:
            standing = self._batches() if self._batches is not None else None
        except (OSError, sqlite3.Error):
            return  # as while there is no room on the disk: the other numbers count the more then
        if standing is None:
            return
        by_status = GaugeMetricFamily(f"{_NAME}_batches", "Batches that are kept, by status", labels=["status"])
        for status, number in standing.numbers.items():
            by_status.add_metric([status], number)
        yield by_status
        left = "Rows that are still to be scored, of the batches whose rows were counted"
        yield GaugeMetricFamily(f"{_NAME}_batch_rows_left", left, value=standing.rows_left)
        age = "Since the oldest batch came that has not ended"
        yield GaugeMetricFamily(f"{_NAME}_batch_oldest_seconds", age, value=standing.oldest_s)


def forget_dead(folder: Path) -> None:
    """Remove what workers that are no more said of the present; what they counted stays."""
    for process in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}:
        if not _alive(process):
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]


def _shared(folder: Path) -> Collector:
    return MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def routes() -> APIRouter:
    """Return the route of ``/metrics``."""
    router = APIRouter(tags=["metrics"])
    router.add_api_route("/metrics", metrics, methods=["GET"], response_class=PlainTextResponse)
    return router


def metrics(request: Request) -> PlainTextResponse:
    """Say what the service counted, for Prometheus."""
    found: Metrics = request.app.state.metrics
    return PlainTextResponse(found.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
