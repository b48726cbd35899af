"""Another model in the place of the one that is served, on real servers: nothing fails, and all workers end on the same."""

import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from exposed import number
from letters import write_runnable
from running import Service, served, wait_until

from detector import Detector
from detector.bundle import DEFAULT_BUNDLE, EMBEDDINGS, GRAPH, MANIFEST, read_bundle
from serve.keys import KeyStore

TEXTS = ["a driver is wanted", "zoo staff wanted", "typists for a quiet office", "we buy old books"]
TOPS = {"a": 4.0, "b": 7.0, "c": -4.0, "d": 5.0}


@dataclass
class Rollout:
    """A running service, and what may be swapped in: the bundles ``a`` (the configured one), ``b``, ``c`` and ``d``."""

    service: Service
    key: str
    identities: dict[str, str]
    scores: dict[str, dict[str, float]]

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Send a request by a connection of its own, so that any worker may get it."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        with closing(HTTPConnection("127.0.0.1", self.service.port, timeout=60)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def swap(self, folder: str) -> tuple[int, dict[str, Any]]:
        status, answer = self.ask("POST", "/v1/admin/model", {"folder": folder})
        return status, json.loads(answer)

    def models(self) -> set[str]:
        """Return the models that answer, of whichever worker."""
        return {self.score(place) for place in range(8)}

    def score(self, place: int) -> str:
        """Send texts, check that the answer is right for the model that it names, and return that."""
        chosen = random.Random(place).choices(TEXTS, k=3)
        status, answer = self.ask("POST", "/v1/score", {"items": [{"text": text} for text in chosen]})
        assert status == 200, answer
        found = json.loads(answer)
        model = str(found["model"])
        scores = self.scores[model]
        assert [entry["result"]["score"] for entry in found["results"]] == pytest.approx(
            [scores[text] for text in chosen], abs=1e-6
        )
        assert {entry["result"]["model"] for entry in found["results"]} == {model}
        return model

    def shadow(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.ask("GET", "/v1/shadow")[1])
        return report

    def numbers(self) -> str:
        return self.ask("GET", "/metrics")[1].decode()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bundles, and some that are broken."""
    root = tmp_path_factory.mktemp("models")
    for name, top in (TOPS | {"shadow": 2.0}).items():
        (root / name).mkdir()
        write_runnable(root / name, top)
    for name in ("changed", "cut", "gone", "absurd"):
        shutil.copytree(root / "b", root / name)
    manifest = root / "changed" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"overlap": 8', '"overlap": "8"'))
    with (root / "cut" / GRAPH).open("r+b") as stream:
        stream.truncate(200)
    (root / "gone" / EMBEDDINGS).unlink()
    # Whole, by its hashes; but it has one more label than its graph.
    manifest = root / "absurd" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"not_job"', '"not_job", "more"'))
    return root


@pytest.fixture(scope="module")
def scores(bundles: Path) -> dict[str, dict[str, float]]:
    """What each model says of each text, by its identity."""
    found = {}
    for name in TOPS:
        with Detector.load(bundles / name, threads=1) as detector:
            verdicts = detector.score(TEXTS)
            found[detector.bundle.identity] = {text: verdict.score or 0.0 for text, verdict in zip(TEXTS, verdicts, strict=True)}
    return found


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Path:
    """The configured folder: a link, as a deployment would have it."""
    link = tmp_path_factory.mktemp("configured") / "model"
    link.symlink_to(bundles / "a")
    return link


@pytest.fixture(scope="module")
def two(
    tmp_path_factory: pytest.TempPathFactory, bundles: Path, linked: Path, scores: dict[str, dict[str, float]]
) -> Iterator[Rollout]:
    """A service of two workers."""
    data = tmp_path_factory.mktemp("data")
    key = KeyStore(data).add("tests", ["score", "metrics", "admin"])
    settings = {"MODELS": str(bundles), "SHADOW": str(bundles / "shadow"), "SHADOW_SHARE": "1", "THREADS": "1"}
    with served(linked, data, workers=2, **settings) as service:
        yield Rollout(service, key, dict(zip(TOPS, scores, strict=True)), scores)


def point(link: Path, folder: Path) -> None:
    new = link.with_name("new")
    new.symlink_to(folder)
    new.replace(link)


def test_a_swap_among_twenty_clients_loses_and_mixes_up_nothing(two: Rollout) -> None:
    done = Event()

    def talk(place: int) -> list[str]:
        seen = []
        while not done.is_set() or len(seen) < 2:
            seen.append(two.score(place + 100 * len(seen)))
            time.sleep(0.2)
        return seen

    with ThreadPoolExecutor(20) as pool:
        clients = [pool.submit(talk, place) for place in range(20)]
        answers = []
        for name in ("c", "b"):
            answers.append(two.swap(name))
            time.sleep(0.3)
        done.set()
        seen = [model for client in clients for model in client.result()]
    assert [status for status, _ in answers] == [200] * 2
    assert answers[-1][1] == {
        "model": two.identities["b"],
        "sha256": read_bundle(Path(answers[-1][1]["folder"])).sha256,
        "folder": answers[-1][1]["folder"],
        "workers": 2,
        "following": 2,
    }
    assert {two.identities["b"], two.identities["c"]} <= set(seen) <= set(two.identities.values())
    assert two.models() == {two.identities["b"]}


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("changed", "expected whole numbers of tokens"),
        ("cut", "model.onnx: expected sha256"),
        ("gone", "embeddings.bin: cannot be read: No such file"),
        ("absurd", "the model stays as it is"),
        ("none", "no bundle.json; is this a model folder?"),
    ],
)
def test_a_broken_bundle_is_refused_and_it_is_said_why(two: Rollout, folder: str, reason: str) -> None:
    served = two.models()
    before = {fault: number(two.numbers(), "model_swaps_total", fault=fault) or 0 for fault in ("none", "bundle", "trial")}
    status, problem = two.swap(folder)
    assert status == 422
    assert reason in problem["detail"]
    wait_until(lambda: any(line["level"] == "error" and line["message"] == problem["detail"] for line in two.service.logged()))
    after = {fault: number(two.numbers(), "model_swaps_total", fault=fault) or 0 for fault in ("none", "bundle", "trial")}
    counted = "trial" if folder == "absurd" else "bundle"
    assert after == before | {counted: before[counted] + 1}
    assert two.models() == served
    assert len(served) == 1


@pytest.mark.parametrize("folder", ["/etc", "../data", "a/../..", "\0", "x" * 5000, "", "a/\ud800"])
def test_a_folder_elsewhere_is_not_looked_at(two: Rollout, folder: str) -> None:
    status, problem = two.swap(folder)
    assert status == 422
    assert problem["errors"][0]["pointer"] == "#/folder"


def test_a_killed_worker_comes_back_with_what_was_swapped_in(two: Rollout) -> None:
    two.swap("c")
    started = sum("Application startup complete." in line for line in two.service.lines)
    victim = next(line["process"] for line in reversed(two.service.logged()) if line.get("route") == "/v1/admin/model")
    os.kill(victim, signal.SIGKILL)
    two.service.wait_ready(started + 1)
    wait_until(lambda: number(two.numbers(), "workers") == 2)
    assert two.models() == {two.identities["c"]}


def test_sighup_reads_the_configured_folder_anew_in_all_workers(two: Rollout, linked: Path, bundles: Path) -> None:
    two.swap("c")
    before = len(two.service.lines)
    point(linked, bundles / "cut")
    two.service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "model.onnx: expected sha256" in "".join(two.service.lines[before:]))
    assert two.models() == {two.identities["c"]}
    point(linked, bundles / "b")
    two.service.process.send_signal(signal.SIGHUP)
    sha256 = read_bundle(bundles / "b").sha256
    wait_until(lambda: number(two.numbers(), "model_workers", sha256=sha256) == 2)
    assert two.models() == {two.identities["b"]}
    assert not re.search(r"Terminated child|restarting", "".join(two.service.lines))


@pytest.mark.slow  # within one process, tests/serve/test_models.py has it
def test_one_process_reads_its_folder_anew_on_sighup(
    bundles: Path, tmp_path: Path, linked: Path, scores: dict[str, dict[str, float]]
) -> None:
    key = KeyStore(tmp_path).add("tests", ["score", "metrics", "admin"])
    point(linked, bundles / "a")
    with served(linked, tmp_path, THREADS="1", MODELS=str(bundles)) as service:
        one = Rollout(service, key, dict(zip(TOPS, scores, strict=True)), scores)
        point(linked, bundles / "b")
        assert one.score(0) == one.identities["a"]
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: one.score(0) == one.identities["b"])


def test_the_shadow_is_counted_right_across_workers(two: Rollout) -> None:
    two.swap("d")  # which no other test compares
    texts = [f"{place} {text}" for place in range(10) for text in TEXTS]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda text: two.ask("POST", "/v1/score", {"items": [{"text": text}]}), texts))
    assert {status for status, _ in answers} == {200}
    wait_until(lambda: two.shadow()["all"]["items"] == len(texts))
    found = two.shadow()
    assert (found["state"], found["served"]) == ("running", two.identities["d"])
    assert found["dropped"] == found["failed"] == 0
    for part in ("bands", "differences", "languages"):
        assert sum(row["items"] for row in found[part]) == len(texts)
    assert len({line["process"] for line in two.service.logged() if line.get("route") == "/v1/score"}) >= 2
    assert (number(two.numbers(), "shadow_items_total", outcome="compared") or 0) >= len(texts)


@pytest.mark.slow
@pytest.mark.model
def test_twenty_swaps_of_the_bundled_model_take_no_more_memory_than_two(tmp_path: Path) -> None:
    other = tmp_path / "models" / "other"
    shutil.copytree(DEFAULT_BUNDLE, other)
    manifest = other / MANIFEST
    manifest.write_text(manifest.read_text().replace('"name": "', '"name": "other-'))
    key = KeyStore(tmp_path).add("tests", ["score", "admin"])
    sizes, longest = [], 0.0
    with served(DEFAULT_BUNDLE, tmp_path, THREADS="2") as service, service.client(key) as client:
        for place in range(21):
            client.post("/v1/score", json={"items": [{"text": text} for text in TEXTS]}).raise_for_status()
            sizes.append(resident_kb(service.process.pid, "VmRSS"))
            folder = "other" if place % 2 == 0 else str(DEFAULT_BUNDLE)
            started = time.monotonic()
            assert client.post("/v1/admin/model", json={"folder": folder}).status_code == 200
            longest = max(longest, time.monotonic() - started)
            time.sleep(1.5)  # the old one goes, and with it its memory
        peak = resident_kb(service.process.pid, "VmHWM")
    sys.stderr.write(
        f"resident MB before {sizes[0] // 1024}, after each swap {[size // 1024 for size in sizes[1:]]}, peak {peak // 1024}; longest {longest:.1f} s\n"
    )
    assert sizes[-1] < 1.1 * max(sizes[1:4])
    assert sizes[-1] < 1.4 * sizes[0]
    assert peak < 2.5 * sizes[0]


def resident_kb(process: int, which: str) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(rf"{which}:\s+(\d+)", status)[1])  # type: ignore[index]
