"""Another model in the place of the one that is served, within one process: what is held, let go, refused and written down."""

import asyncio
import gc
import http.client
import json
import os
import signal
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exposed import number
from fastapi import FastAPI
from fastapi.testclient import TestClient
from letters import LetterBackend
from numpy.typing import NDArray
from running import SlowBackend, running, wait_until

from detector import BundleError, Detector, InputError
from detector.bundle import GRAPH, Bundle, read_bundle
from serve import metrics, models
from serve.app import create_app
from serve.drift import EDGES, Reference
from serve.settings import Settings
from serve.trial import Refused, load_tried, load_wanted
from serve.wanted import FILE, Wanted, WantedFile, sha256_of

ONE = json.dumps({"items": [{"text": "a driver is wanted"}]})
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def other(bundle: Bundle, tmp_path: Path) -> Bundle:
    """A bundle with another hash, where a call may name it."""
    folder = tmp_path / "models" / "other"
    folder.mkdir(parents=True)
    for file in bundle.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    manifest = folder / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"0.0.1"', '"0.0.2"'))
    return read_bundle(folder)


def with_letters(folder: Path) -> Detector:
    return Detector(read_bundle(folder), LetterBackend(), threads=1)


@pytest.fixture
def settings(bundle: Bundle, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, model=bundle.folder)


@pytest.fixture
def app(bundle: Bundle, settings: Settings) -> FastAPI:
    return create_app(lambda: with_letters(bundle.folder), settings, load_folder=with_letters)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def test_who_began_with_the_old_model_ends_with_it_and_then_it_is_gone(bundle: Bundle, other: Bundle, settings: Settings) -> None:
    slow = SlowBackend()
    app = create_app(lambda: Detector(bundle, slow, threads=1), settings, load_folder=with_letters)
    with running(app) as port, ThreadPoolExecutor(1) as pool:
        old = weakref.ref(app.state.detector)
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=20)  # and its connection stays open
        slow.open.clear()

        def ask() -> str:
            kept.request("POST", "/v1/score", ONE, HEADERS)
            return str(json.load(kept.getresponse())["model"])

        before = pool.submit(ask)
        wait_until(lambda: slow.seen == 1)
        swapped = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        swapped.request("POST", "/v1/admin/model", json.dumps({"folder": "other"}), HEADERS)
        assert json.load(swapped.getresponse())["model"] == other.identity
        assert app.state.detector.bundle.identity == other.identity
        assert old() is not None
        gc.disable()  # nobody is to wait for the collector
        slow.open.set()
        assert before.result() == bundle.identity
        wait_until(lambda: old() is None, timeout_s=5)
        gc.enable()
        wait_until(lambda: sum(thread.name.startswith("score") for thread in threading.enumerate()) <= 1)
        assert ask() == other.identity
        kept.close()
        swapped.close()


def test_the_answer_says_what_is_served_and_metrics_follow(client: TestClient, bundle: Bundle, other: Bundle) -> None:
    answer = client.post("/v1/admin/model", json={"folder": "other"})
    assert (answer.status_code, answer.json()["model"]) == (200, other.identity)
    assert client.get("/v1/admin/model").json() == answer.json()
    assert client.get("/v1/model").json()["model"] == other.identity
    text = client.get("/metrics").text
    assert number(text, "model_workers", sha256=other.sha256) == 1
    assert number(text, "model_workers", sha256=bundle.sha256) == 0
    assert number(text, "model_swaps_total", fault="none") == 1


def test_the_drift_is_compared_with_the_reference_of_the_model_that_is_served(
    bundle: Bundle, other: Bundle, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_ENOUGH", 3)
    path = tmp_path / "reference.json"
    path.write_text(Reference(bundle.identity, "a test", EDGES, (1,) * len(EDGES)).to_json())
    app = create_app(lambda: with_letters(bundle.folder), replace(settings, reference=path), load_folder=with_letters)
    many = {"items": [{"text": "a driver is wanted"}] * 3}
    with TestClient(app) as client:

        def drift() -> float | None:
            client.post("/v1/score", json=many)
            return number(client.get("/metrics").text, "score_drift")

        seen = [drift() is None]
        client.post("/v1/admin/model", json={"folder": "other"})
        seen.append(drift() is None)
        path.write_text(Reference(other.identity, "a test", EDGES, (1,) * len(EDGES)).to_json())
        client.post("/v1/admin/model", json={"folder": "other"})
        seen.append(drift() is None)
        path.write_text("{")
        assert client.post("/v1/admin/model", json={"folder": "other"}).status_code == 200
        seen.append(drift() is None)
    assert seen == [False, True, False, True]


class Uneven(LetterBackend):
    """Another answer each time."""

    def __init__(self) -> None:
        super().__init__()
        self._random = np.random.default_rng(0)

    def token_scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        return super().token_scores(ids) * self._random.random(dtype=np.float32)


class Unfinished(LetterBackend):
    """No number."""

    def token_scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        return super().token_scores(ids) * np.float32("nan")


class Foreign(LetterBackend):
    """Fails in a way that nobody thought of."""

    def token_scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        raise KeyError("secret")


@pytest.mark.parametrize(
    ("backend", "reason"),
    [(Uneven(), "the same verdicts"), (Unfinished(), "not finite|invalid value"), (Foreign(), "KeyError|secret")],
    ids=["uneven", "unfinished", "foreign"],
)
def test_a_model_that_fails_its_trial_is_refused(bundle: Bundle, backend: LetterBackend, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        load_tried(lambda _folder: Detector(bundle, backend, threads=1), bundle.folder)
    assert (refused.value.fault, refused.value.status_code) == ("trial", 422)


def test_a_model_with_another_headline_is_refused(bundle: Bundle) -> None:
    turned = replace(bundle, manifest=replace(bundle.manifest, labels=bundle.manifest.labels[::-1]))
    with pytest.raises(Refused, match="expected the first label scam_compound, got not_job"):
        load_tried(lambda _folder: Detector(turned, LetterBackend(), threads=1), bundle.folder)


def test_two_swaps_at_once_are_one_too_many(client: TestClient, app: FastAPI, other: Bundle, tmp_path: Path) -> None:
    with WantedFile(tmp_path).alone() as alone:  # as another worker would
        assert alone
        answer = client.post("/v1/admin/model", json={"folder": "other"})
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert client.post("/v1/admin/model", json={"folder": "other"}).status_code == 200


def test_without_a_place_to_write_it_down_nothing_is_swapped(
    bundle: Bundle, other: Bundle, settings: Settings, tmp_path: Path
) -> None:
    told = replace(settings, data=tmp_path / "data", models=tmp_path / "models")
    app = create_app(lambda: with_letters(bundle.folder), told, load_folder=with_letters)
    (tmp_path / "data" / "model.new").mkdir(parents=True)  # where the new file would be written first
    with TestClient(app) as client:
        answer = client.post("/v1/admin/model", json={"folder": "other"})
        assert answer.status_code == 503
        assert client.get("/v1/model").json()["model"] == bundle.identity
        assert number(client.get("/metrics").text, "model_swaps_total", fault="record") == 1


def test_the_folders_of_the_settings_may_be_named_and_no_others(
    bundle: Bundle, other: Bundle, settings: Settings, tmp_path: Path
) -> None:
    told = replace(settings, shadow=other.folder, models=tmp_path / "none")
    app = create_app(lambda: with_letters(bundle.folder), told, load_folder=with_letters)
    with TestClient(app) as client:
        names = [str(other.folder), str(bundle.folder), str(tmp_path / "models"), "../models/other", "/"]
        assert [client.post("/v1/admin/model", json={"folder": name}).status_code for name in names] == [200, 200, 422, 200, 422]


def test_a_worker_follows_what_another_wrote_down_and_says_so_if_it_cannot(
    client: TestClient, app: FastAPI, bundle: Bundle, other: Bundle, tmp_path: Path
) -> None:
    file = WantedFile(tmp_path)
    wanted = Wanted(folder=other.folder, sha256=other.sha256, configured=bundle.folder, configured_sha256=bundle.sha256)
    file.write(replace(wanted, sha256="0" * 64))
    wait_until(lambda: number(client.get("/metrics").text, "model_swaps_total", fault="bundle") == 1)
    assert app.state.detector.bundle.identity == bundle.identity
    file.write(wanted)
    wait_until(lambda: app.state.detector.bundle.identity == other.identity)


def test_sighup_reads_the_configured_folder_anew(bundle: Bundle, other: Bundle, settings: Settings, tmp_path: Path) -> None:
    link = tmp_path / "configured"
    link.symlink_to(bundle.folder)
    app = create_app(lambda: with_letters(bundle.folder), replace(settings, model=link), load_folder=with_letters)

    async def hang_up() -> list[str]:
        async with app.router.lifespan_context(app):
            before = app.state.detector.bundle.identity
            link.unlink()
            link.symlink_to(other.folder)
            assert callable(signal.getsignal(signal.SIGHUP))  # or else it would end the tests
            os.kill(os.getpid(), signal.SIGHUP)
            async with asyncio.timeout(20):
                while app.state.detector.bundle.identity == before:
                    await asyncio.sleep(0.01)
            return [before, app.state.detector.bundle.identity]

    assert asyncio.run(hang_up()) == [bundle.identity, other.identity]


def test_a_service_that_starts_again_serves_what_was_swapped_in_until_another_model_is_configured(
    runnable_bundle: Path, other: Bundle, tmp_path: Path
) -> None:
    link = tmp_path / "configured"
    link.symlink_to(runnable_bundle)
    settings = Settings(data=tmp_path, model=link, threads=1)
    file = WantedFile(tmp_path)
    file.forget_unless(link)
    swapped = tmp_path / "swapped"
    swapped.mkdir()
    for path in runnable_bundle.iterdir():
        (swapped / path.name).write_bytes(path.read_bytes())
    manifest = swapped / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"0.0.1"', '"0.0.3"'))
    sha256 = read_bundle(swapped).sha256
    file.write(Wanted(folder=swapped, sha256=sha256, configured=link, configured_sha256=sha256_of(link)))
    file.forget_unless(link)
    assert load_wanted(settings, runnable_bundle).bundle.sha256 == sha256
    (swapped / GRAPH).unlink()
    assert load_wanted(settings, runnable_bundle).bundle.folder == runnable_bundle  # better than none
    link.unlink()
    link.symlink_to(other.folder)
    WantedFile(tmp_path).forget_unless(link)
    assert WantedFile(tmp_path).read() is None


def test_what_was_told_and_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}")
    file = WantedFile(tmp_path)
    with pytest.raises(InputError, match=r"model\.json: expected the model that the service was told to serve"):
        file.read()
    assert file.read() is None  # told once


def test_a_worker_that_cannot_follow_tries_more_and_more_seldom(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch, bundle: Bundle, tmp_path: Path
) -> None:
    tried: list[Path] = []

    def load(folder: Path) -> Detector:
        tried.append(folder)
        raise BundleError("broken")

    monkeypatch.setattr(models, "LOOK_S", 0.01)
    monkeypatch.setattr(app.state.models, "_load", load)
    WantedFile(tmp_path).write(Wanted(folder=tmp_path, sha256="0", configured=bundle.folder, configured_sha256=None))
    wait_until(lambda: len(tried) == 1)
    threading.Event().wait(2.5)
    assert len(tried) == 2  # after one second, and two later a third
