"""Measures the service with the bundled model, beside the library on the same posts; wants a quiet machine.

PYTHONPATH=.:tests python tests/serve/load.py rate 416        items per second of service and library, in turn; times of calls
PYTHONPATH=.:tests python tests/serve/load.py starvation 300  times of single calls alone, and while a batch keeps all threads busy
PYTHONPATH=.:tests python tests/serve/load.py batching 416    the library's rate by the number of posts it is handed at once
PYTHONPATH=.:tests python tests/serve/load.py swaps 20        times of calls alone, and while the model is exchanged so often
"""

import http.client
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real_posts import corpus_texts
from running import Service, served

from detector import Detector
from detector.bundle import DEFAULT_BUNDLE, MANIFEST
from serve.keys import KeyStore

Send = Callable[[Sequence[str]], list[dict[str, Any]]]


@contextmanager
def calling(port: int, key: str | None = None) -> Iterator[Send]:
    """A client that keeps its connection; it sends texts and returns the entries of their results."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Content-Type": "application/json"} | ({} if key is None else {"X-API-Key": key})

    def send(texts: Sequence[str]) -> list[dict[str, Any]]:
        body = json.dumps({"items": [{"text": text} for text in texts]})
        connection.request("POST", "/v1/score", body, headers)
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


def times_of(port: int, texts: Sequence[str], *, pause_s: float = 0.0, key: str | None = None) -> Times:
    """Send texts one by one, and return how long the answers took."""
    taken = []
    with calling(port, key) as send:
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


@dataclass(frozen=True)
class Rates:
    """Rates of library and service by round, in items a second, and the processor time of each for an item, in milliseconds."""

    library: list[float]
    service: list[float]
    library_ms: float
    service_ms: float
    calls: Times

    @property
    def shares(self) -> list[float]:
        """The service's rate as a share of the library's, by round."""
        return [served / scored for scored, served in zip(self.library, self.service, strict=True)]


def compare_rates(*, number: int = 416, rounds: int = 5) -> Rates:
    """Return the rates of library and service, measured in turn, and the times of single calls.

    Processor times tell how much the service adds on a machine that has other things to do, where rates do not.
    """
    texts = corpus_texts(number // 26)
    with Detector.load() as detector, served(DEFAULT_BUNDLE) as service:
        process, port = service.process, service.port
        library_rate(detector, texts[:52])
        service_rate(port, texts[:52], size=8)
        library, service, library_s, service_s = [], [], 0.0, 0.0
        for _ in range(rounds):
            before = time.process_time()
            library.append(library_rate(detector, texts))
            library_s += time.process_time() - before
            before = processor_time_s(process.pid)
            service.append(service_rate(port, texts))
            service_s += processor_time_s(process.pid) - before
        each = 1000 / (rounds * len(texts))
        return Rates(library, service, library_s * each, service_s * each, times_of(port, texts[:300]))


def processor_time_s(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare_starvation(*, calls: int = 300) -> tuple[Times, Times, int]:
    """Return the times of single calls alone and beside a batch, and how many posts of the batch were scored meanwhile."""
    texts = corpus_texts(calls // 26 + 1)[:calls]
    with served(DEFAULT_BUNDLE) as service:
        port = service.port
        times_of(port, texts[:50])
        alone = times_of(port, texts, pause_s=0.02)
        batch = start_batch(port, corpus_texts(10, seed=2) * 80)
        # So short a while is not measured in which its rows are counted.
        while not rows_done(port, batch):
            time.sleep(0.1)
        before = rows_done(port, batch)
        beside = times_of(port, texts, pause_s=0.02)
        return alone, beside, rows_done(port, batch) - before


def compare_swaps(swaps: int) -> tuple[Times, Times, list[float]]:
    """Return the times of two clients' calls alone and while the model is exchanged, the slower client's of both, and how many
    seconds each exchange took."""
    texts = corpus_texts(4)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as clients:
        manifest = Path(shutil.copytree(DEFAULT_BUNDLE, Path(folder) / "models" / "other")) / MANIFEST
        manifest.write_text(manifest.read_text("utf-8").replace('"name": "', '"name": "other-', 1), "utf-8")
        key = KeyStore(Path(folder)).add("load", ["score", "admin"])
        with served(DEFAULT_BUNDLE, Path(folder), THREADS="1") as service:

            def slower(repeats: int) -> Times:
                times = clients.map(lambda _: times_of(service.port, texts * repeats, key=key), range(2))
                return max(times, key=lambda found: found.p99)

            times_of(service.port, texts[:20], key=key)
            alone = slower(1)
            with ThreadPoolExecutor(1) as talking:
                beside = talking.submit(slower, 3)
                took = [_swap(service, key, "other" if number % 2 == 0 else str(DEFAULT_BUNDLE)) for number in range(swaps)]
                return alone, beside.result(), took


def _swap(service: Service, key: str, folder: str) -> float:
    started = time.perf_counter()
    with service.client(key) as client:
        client.post("/v1/admin/model", json={"folder": folder}).raise_for_status()
    took_s = time.perf_counter() - started
    time.sleep(1)
    return took_s


def start_batch(port: int, texts: Sequence[str]) -> str:
    """Send a batch, and return its path."""
    body = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    return f"/v1/batches/{_ask(port, 'POST', '/v1/batches', body)['id']}"


def rows_done(port: int, batch: str) -> int:
    """Return how many rows of a batch are done."""
    return int(_ask(port, "GET", batch)["counts"]["done"])


def _ask(port: int, method: str, path: str, body: str | None = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/jsonl"})
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        return found
    finally:
        connection.close()


def compare_batching(*, number: int = 416, rounds: int = 3) -> dict[int, tuple[float, float]]:
    """Return the library's median rate and processor time for a post, in milliseconds, when it is handed 1, 8 or all at once.

    It is called by as many threads as it has itself. More than this cannot be gained: the graph takes one window at a time.
    """
    texts = corpus_texts(number // 26)
    rates: dict[int, list[tuple[float, float]]] = {1: [], 8: [], number: []}
    with Detector.load() as detector, ThreadPoolExecutor(detector.threads) as callers:
        library_rate(detector, texts[:52])
        for _ in range(rounds):
            for size, found in rates.items():
                pieces = [texts[start : start + size] for start in range(0, number, size)]
                started, before = time.perf_counter(), time.process_time()
                list(callers.map(detector.score, pieces))
                used_ms = 1000 * (time.process_time() - before) / number
                found.append((number / (time.perf_counter() - started), used_ms))
    return {size: (statistics.median(a for a, _ in found), statistics.median(b for _, b in found)) for size, found in rates.items()}


def report(what: str, number: int) -> str:
    """Measure with so many posts, and return the figures in words."""
    if what == "rate":
        rates = compare_rates(number=number)
        return (
            f"library {statistics.median(rates.library):.1f} items/s, service {statistics.median(rates.service):.1f} items/s "
            f"(medians of {len(rates.shares)} rounds in turn)\n"
            f"service / library by round: {' '.join(f'{share:.2f}' for share in rates.shares)}\n"
            f"processor time an item: library {rates.library_ms:.1f} ms, service {rates.service_ms:.1f} ms\n"
            f"one post a call, one call after the other: {rates.calls}"
        )
    if what == "starvation":
        alone, beside, done = compare_starvation(calls=number)
        return (
            f"alone: {alone}\nbeside a batch: {beside}\n"
            f"p95 beside the batch / alone: {beside.p95 / alone.p95:.2f}; {done} posts of the batch were scored meanwhile"
        )
    if what == "swaps":
        alone, beside, took = compare_swaps(number)
        return f"alone: {alone}\nwith swaps: {beside}\nseconds for each swap: {' '.join(f'{each:.1f}' for each in took)}"
    found = compare_batching(number=number)
    return "\n".join(f"{size} posts at once: {rate:.1f} items/s, {ms:.1f} ms each" for size, (rate, ms) in found.items())


if __name__ == "__main__":
    sys.stdout.write(report(sys.argv[1], int(sys.argv[2])) + "\n")
