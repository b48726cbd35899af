"""Measures the service with the bundled model, beside the library on the same posts; wants a quiet machine.

PYTHONPATH=.:tests python tests/serve/load.py rate        items per second of service and library, in turn; times of calls
PYTHONPATH=.:tests python tests/serve/load.py starvation  times of single calls alone, and while a job keeps all threads busy
PYTHONPATH=.:tests python tests/serve/load.py batching    the library's rate by the number of posts it is handed at once
"""

import asyncio
import http.client
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from real_posts import corpus_texts
from running import served

from detector import Detector, Post, Verdict
from detector.bundle import DEFAULT_BUNDLE
from serve.admission import Admission, Priority
from serve.app import create_app
from serve.connections import PromptProtocol
from serve.settings import Settings

Send = Callable[[Sequence[str]], list[dict[str, Any]]]


@contextmanager
def calling(port: int) -> Iterator[Send]:
    """A client that keeps its connection; it sends texts and returns the entries of their results."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def send(texts: Sequence[str]) -> list[dict[str, Any]]:
        body = json.dumps({"items": [{"text": text} for text in texts]})
        connection.request("POST", "/v1/score", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        received = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {received.decode()}")
        results: list[dict[str, Any]] = json.loads(received)["results"]
        return results

    try:
        yield send
    finally:
        connection.close()


@dataclass(frozen=True)
class Times:
    """Times of calls, in milliseconds."""

    p50: float
    p95: float
    p99: float

    def __str__(self) -> str:
        return f"p50 {self.p50:.1f} ms, p95 {self.p95:.1f} ms, p99 {self.p99:.1f} ms"


def times_of(port: int, texts: Sequence[str], *, pause_s: float = 0.0) -> Times:
    """Send texts one by one, and return how long the answers took."""
    taken = []
    with calling(port) as send:
        for text in texts:
            started = time.perf_counter()
            send([text])
            taken.append(1000 * (time.perf_counter() - started))
            time.sleep(pause_s)
    cuts = statistics.quantiles(taken, n=100, method="inclusive")
    return Times(cuts[49], cuts[94], cuts[98])


def service_rate(port: int, texts: Sequence[str], *, clients: int = 4, size: int = 32) -> float:
    """Return the items a second that several clients get from the service together."""
    pieces = [texts[start : start + size] for start in range(0, len(texts), size)]

    def work(mine: list[Sequence[str]]) -> None:
        with calling(port) as send:
            for piece in mine:
                send(piece)

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, [pieces[place::clients] for place in range(clients)]))
    return len(texts) / (time.perf_counter() - started)


def library_rate(detector: Detector, texts: Sequence[str]) -> float:
    """Return the posts a second that the library scores."""
    started = time.perf_counter()
    detector.score(texts)
    return len(texts) / (time.perf_counter() - started)


def compare_rates(*, number: int = 416, rounds: int = 5) -> tuple[list[float], list[float], Times]:
    """Return the rates of library and service, measured in turn, and the times of single calls."""
    texts = corpus_texts(number // 26)
    with Detector.load() as detector, served(DEFAULT_BUNDLE) as (_, port):
        library_rate(detector, texts[:52])
        service_rate(port, texts[:52], size=8)
        library, service = [], []
        for _ in range(rounds):
            library.append(library_rate(detector, texts))
            service.append(service_rate(port, texts))
        return library, service, times_of(port, texts[:300])


def compare_starvation(*, calls: int = 300) -> tuple[Times, Times, int]:
    """Return the times of single calls alone and beside a job, and how many posts of the job were scored meanwhile."""
    texts = corpus_texts(calls // 26 + 1)[:calls]
    with served(DEFAULT_BUNDLE, command=(__file__, "serve")) as (_, port):
        times_of(port, texts[:50])
        alone = times_of(port, texts, pause_s=0.02)
        start_job(port, 100_000)
        beside = times_of(port, texts, pause_s=0.02)
        return alone, beside, job_done(port)


def start_job(port: int, number: int) -> None:
    """Let a service with a job route begin a job."""
    _ask(port, "POST", f"/job?number={number}")


def job_done(port: int) -> int:
    """Return how many posts of the job are scored."""
    return int(_ask(port, "GET", "/job"))


def _ask(port: int, method: str, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path)
        return connection.getresponse().read()
    finally:
        connection.close()


def add_job(app: FastAPI, texts: Sequence[str]) -> None:
    """Give a service a route that begins a job of so many posts, and one that says how many are scored."""
    done: list[Verdict] = []
    tasks: list[asyncio.Task[None]] = []

    async def run(number: int) -> None:
        admission: Admission = app.state.admission
        detector: Detector = app.state.detector

        def score(post: Post) -> None:
            done.extend(detector.score([post]))

        for start in range(0, number, 256):
            posts = [Post(texts[(start + place) % len(texts)]) for place in range(min(256, number - start))]
            await admission.score(score, posts, priority=Priority.JOB)

    async def begin(number: int) -> int:
        tasks.append(asyncio.create_task(run(number)))
        return number

    async def ask() -> int:
        return len(done)

    app.add_api_route("/job", begin, methods=["POST"])
    app.add_api_route("/job", ask, methods=["GET"])


def serve_with_job() -> None:
    """Serve the bundled model, with a job route."""
    settings = Settings.from_environment()
    app = create_app(partial(Detector.load, settings.model, threads=settings.threads), settings)
    add_job(app, corpus_texts(10, seed=2))
    uvicorn.run(app, port=settings.port, http=PromptProtocol, access_log=False)


def compare_batching(*, number: int = 416, rounds: int = 3) -> dict[int, float]:
    """Return the library's median rate when it is handed 1, 8 or all posts at once, by as many callers as it has threads."""
    texts = corpus_texts(number // 26)
    rates: dict[int, list[float]] = {1: [], 8: [], number: []}
    with Detector.load() as detector, ThreadPoolExecutor(detector.threads) as callers:
        library_rate(detector, texts[:52])
        for _ in range(rounds):
            for size, found in rates.items():
                pieces = [texts[start : start + size] for start in range(0, number, size)]
                started = time.perf_counter()
                list(callers.map(detector.score, pieces))
                found.append(number / (time.perf_counter() - started))
    return {size: statistics.median(found) for size, found in rates.items()}


def report(what: str) -> str:
    """Measure, and return the figures in words."""
    if what == "rate":
        library, service, times = compare_rates()
        shares = [b / a for a, b in zip(library, service, strict=True)]
        return (
            f"library {statistics.median(library):.1f} items/s, service {statistics.median(service):.1f} items/s, "
            f"medians of {len(library)} rounds in turn; service / library by round: {' '.join(f'{share:.3f}' for share in shares)}\n"
            f"one post a call, one call after the other: {times}"
        )
    if what == "starvation":
        alone, beside, done = compare_starvation()
        return (
            f"alone: {alone}\nbeside a job: {beside}\n"
            f"p95 beside the job / alone: {beside.p95 / alone.p95:.2f}; the job scored {done} posts meanwhile"
        )
    return "\n".join(f"{size} posts at once: {rate:.1f} items/s" for size, rate in compare_batching().items())


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve_with_job()
    else:
        sys.stdout.write(report(sys.argv[1]) + "\n")
