"""Batches of real services that are killed, run out of disk, or are busy: nothing is lost or there twice.

What a batch gives is compared with what the same file gives without a break, to the last byte.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

import httpx2
import pytest
from batch_calls import JSONL, ended, fetched, folders, jsonl, rows, send, sent, some_items, state
from fastapi.testclient import TestClient
from letters import runnable_bundle
from real_posts import corpus_texts
from running import Service, served, wait_until

from detector import Detector
from detector.bundle import DEFAULT_BUNDLE, MANIFEST
from serve.app import create_app
from serve.batches import disk as free
from serve.batches import running as work
from serve.batches.store import File, Record, Store
from serve.settings import Settings

__all__ = ["runnable_bundle"]

needs_model = pytest.mark.skipif(not (DEFAULT_BUNDLE / MANIFEST).exists(), reason="no bundled model")
ROWS = 450
BODY = jsonl(some_items(ROWS))
Outputs = tuple[bytes, bytes]


@contextmanager
def here(model: Path, data: Path) -> Iterator[TestClient]:
    """Run the service in this process."""
    with TestClient(create_app(lambda: Detector.load(model, threads=1), Settings(data=data))) as client:
        yield client


@pytest.fixture(scope="module")
def whole(runnable_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """What the file gives without a break."""
    with here(runnable_bundle, tmp_path_factory.mktemp("whole")) as client:
        path = sent(client, BODY)
        assert ended(client, path)["counts"] == {"total": ROWS, "done": ROWS, "scored": ROWS - 27, "failed": 27}
        found = fetched(client, path)
    numbers = [row["row"] for content in found for row in rows(content)]
    assert sorted(numbers) == list(range(1, ROWS + 1))
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """What is known of the batches, without asking the service."""
    store = Store(tmp_path)
    yield store
    store.close()


def record_of(store: Store, path: str) -> Record:
    record = store.find(path.rpartition("/")[2])
    assert record is not None
    return record


def kill_amid(process: int, store: Store, path: str, random: Random) -> bool:
    """Kill a process while it works on a batch, at any point of a chunk; say whether the batch had ended before."""
    until = record_of(store, path).done + random.randrange(1, ROWS // 3)
    deadline = time.monotonic() + 60
    while (record := record_of(store, path)).ended is None and record.done < until:
        assert time.monotonic() < deadline, record
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.1))
    os.kill(process, signal.SIGKILL)
    return record_of(store, path).ended is not None


def killed_again_and_again(model: Path, data: Path, store: Store, kills: int, seed: int) -> Outputs:
    """Return what a file gives while the service is killed so many times; each time it is sent anew if it was done too soon."""
    random = Random(seed)
    path: str | None = None
    while kills:
        with served(model, data, THREADS="1") as service:
            with service.client() as client:
                path = path or sent(client, BODY)
            if kill_amid(service.process.pid, store, path, random):
                path = None
            kills -= 1
            service.process.wait(timeout=60)
    with served(model, data, THREADS="1") as service, service.client() as client:
        path = path or sent(client, BODY)
        assert ended(client, path)["status"] == "completed"
        return fetched(client, path)


@pytest.mark.slow
def test_twenty_kills_give_the_same(runnable_bundle: Path, tmp_path: Path, store: Store, whole: Outputs) -> None:
    for seed in range(5):
        data = tmp_path / str(seed)
        with_kills = Store(data)
        assert killed_again_and_again(runnable_bundle, data, with_kills, 4, seed) == whole
        with_kills.close()


def holder_of(service: Service, lock: Path) -> int | None:
    """Return the worker that holds a lock, or has its file open at least."""
    for process in {line["process"] for line in service.logged()} - {service.process.pid}:
        for descriptor in Path(f"/proc/{process}/fd").glob("*"):
            try:
                if descriptor.samefile(lock):
                    return int(process)
            except OSError:
                continue
    return None


def test_another_process_takes_over_from_one_that_is_killed(
    runnable_bundle: Path, tmp_path: Path, store: Store, whole: Outputs
) -> None:
    # Ready before the batch is begun, so that it is there in time.
    other = create_app(partial(Detector.load, runnable_bundle, threads=1), Settings(data=tmp_path))
    with served(runnable_bundle, tmp_path, THREADS="1") as service:
        with service.client() as client:
            path = sent(client, BODY)
        wait_until(lambda: record_of(store, path).done > 0)
        with TestClient(other) as client:
            service.process.kill()
            service.process.wait(timeout=60)
            killed, before = time.monotonic(), record_of(store, path).done
            assert 0 < before < ROWS
            wait_until(lambda: record_of(store, path).done > before)
            assert time.monotonic() - killed < 10
            assert ended(client, path)["status"] == "completed"
            assert fetched(client, path) == whole


@pytest.mark.slow
def test_another_worker_takes_over_from_one_that_is_killed(
    runnable_bundle: Path, tmp_path: Path, store: Store, whole: Outputs
) -> None:
    with served(runnable_bundle, tmp_path, workers=2, THREADS="1") as service:
        with service.client() as client:
            path = sent(client, BODY)
        wait_until(lambda: record_of(store, path).done > 0)
        lock = store.folder(path.rpartition("/")[2]) / "lock"
        victim = holder_of(service, lock)
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        assert record_of(store, path).done < ROWS
        wait_until(lambda: holder_of(service, lock) not in {None, victim})
        assert time.monotonic() - killed < 10
        wait_until(lambda: record_of(store, path).ended is not None)
        with service.client() as client:
            assert fetched(client, path) == whole


# Full disks.


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_is_full_holds_a_batch_up_and_more_room_ends_it(
    runnable_bundle: Path, disk: Path, whole: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "Pace", partial(work.Pace, room_s=0.2))
    monkeypatch.setattr(free, "RESERVE", 0)
    with here(runnable_bundle, disk) as client:
        refused = send(client, b" " * 400_000)
        assert refused.status_code == 507
        assert refused.json()["detail"] == "no room on the disk of the service for this; send it again later"
        assert folders(disk) == []
        path = sent(client, BODY)
        wait_until(lambda: state(client, path)["error"] == "no room on the disk; it waits for some")
        waiting = state(client, path)
        assert waiting["status"] == "running"
        assert waiting["counts"]["done"] < ROWS
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        found = ended(client, path)
        assert (found["status"], found["error"]) == ("completed", None)
        assert fetched(client, path) == whole


def test_a_batch_leaves_room_to_cancel_and_delete_it(runnable_bundle: Path, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free, "RESERVE", 130_000)
    with here(runnable_bundle, disk) as client:
        assert send(client, b" " * 150_000).status_code == 507
        path = sent(client, BODY)
        wait_until(lambda: state(client, path)["error"] == "no room on the disk; it waits for some")
        assert shutil.disk_usage(disk).free > 50_000
        assert client.post(f"{path}/cancel").status_code == 200
        assert ended(client, path)["status"] == "cancelled"
        assert client.delete(path).status_code == 204
        assert folders(disk) == []


@pytest.mark.parametrize("sweep", [False, True])
def test_what_is_deleted_makes_room_on_a_disk_that_others_filled(disk: Path, sweep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free, "RESERVE", 0)
    store = Store(disk)
    with store.begin("key a", most=1) as upload:
        upload.path.write_bytes(b" " * 50_000)
        batch = upload.queue(File("jsonl", 50_000, "0" * 64, "{}"))[0].id
        store.start(batch)
        store.end(batch, "completed")
        (upload.path.parent / "results.jsonl").write_bytes(b" " * 100_000)
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b" " * 4096):
            pass
    assert shutil.disk_usage(disk).free == 0
    if sweep:
        store.sweep(0.0)
    else:
        assert store.delete(batch)
    assert store.find(batch) is None
    assert folders(disk) == []
    store.close()


# Slow: large files, and a model that takes its time.


def memory_mb(process: int) -> float:
    """Return the most memory that a process has had, in megabytes."""
    (line,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


@pytest.mark.slow
@pytest.mark.parametrize("kind", [JSONL, "text/csv"])
def test_200_mb_take_no_memory(runnable_bundle: Path, tmp_path: Path, kind: str) -> None:
    line = b'{"id": "p", "text": "%s"}\n' if kind == JSONL else b'p,"%s"\n'
    lines = line % (b"zoo staff wanted " * 60)
    head = b"" if kind == JSONL else b"id,text\n"
    number = (200 * 1024 * 1024 - len(head)) // len(lines)

    def body() -> Iterator[bytes]:
        yield head
        for start in range(0, number, 1000):
            yield lines * min(1000, number - start)

    with served(runnable_bundle, tmp_path, THREADS="1") as service, service.client() as client:
        ended(client, sent(client, (head or b"") + lines * 70, kind))
        before = memory_mb(service.process.pid)
        answer = client.post("/v1/batches", content=body(), headers={"content-type": kind})
        assert answer.status_code == 202
        path = answer.headers["location"]
        started = time.monotonic()
        while not state(client, path)["counts"]["done"]:
            assert time.monotonic() < started + 300
            time.sleep(1)
        assert state(client, path)["counts"]["total"] == number
        after = memory_mb(service.process.pid)
        client.post(f"{path}/cancel")
        assert ended(client, path)["status"] == "cancelled"
    assert after < before + 60


@pytest.mark.slow
@pytest.mark.model
@needs_model
def test_the_bundled_model_says_the_same_of_a_batch_and_of_calls(tmp_path: Path) -> None:
    items = [{"id": str(place), "text": text} for place, text in enumerate(corpus_texts(4))]
    with served(DEFAULT_BUNDLE, tmp_path) as service, service.client() as client:
        path = sent(client, jsonl(items))
        assert ended(client, path)["counts"]["scored"] == len(items)
        found = rows(fetched(client, path)[0])
        answer: httpx2.Response = client.post("/v1/score", json={"items": items})
    assert [row["result"] for row in found] == [entry["result"] for entry in answer.json()["results"]]
