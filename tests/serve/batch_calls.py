"""Batches as a client sends and fetches them."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from running import WAIT_S

JSONL = "application/jsonl"
CSV = "text/csv"
OPEN = {"queued", "running", "cancelling"}


def some_items(number: int) -> list[object]:
    """Return posts whose texts differ, with a few among them that are none."""
    random = Random(number)
    words = ["zoo", "tour", "suite", "staff", "driver", "wanted", "paid", "@example_hr", "quartz"]
    items: list[object] = [{"id": f"p-{place}", "text": " ".join(random.choices(words, k=3))} for place in range(number)]
    for place in range(5, number, 17):
        items[place] = {"id": f"p-{place}", "text": "", "more": place}
    return items


def jsonl(items: Sequence[object]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def send(
    client: httpx2.Client, body: bytes, kind: str = JSONL, *, headers: dict[str, str] | None = None, **params: Any
) -> httpx2.Response:
    return client.post("/v1/batches", content=body, params=params, headers={"content-type": kind, **(headers or {})})


def sent(client: httpx2.Client, body: bytes, kind: str = JSONL, *, headers: dict[str, str] | None = None, **params: Any) -> str:
    """Send a file that is to be taken in; return the path of its batch."""
    answer = send(client, body, kind, headers=headers, **params)
    assert answer.status_code == 202, answer.text
    path: str = answer.headers["location"]
    assert path == f"/v1/batches/{answer.json()['id']}"
    return path


def state(client: httpx2.Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(client: httpx2.Client, path: str) -> dict[str, Any]:
    """Wait until a batch has ended; return what is said of it."""
    deadline = time.monotonic() + WAIT_S
    while (found := state(client, path))["status"] in OPEN:
        if time.monotonic() > deadline:
            pytest.fail(f"the batch did not end: {found}")
        time.sleep(0.05)
    return found


def begun_with(client: httpx2.Client, path: str) -> None:
    """Wait until some of a batch is done."""
    deadline = time.monotonic() + WAIT_S
    while not state(client, path)["counts"]["done"]:
        if time.monotonic() > deadline:
            pytest.fail("the batch was not begun")
        time.sleep(0.05)


def fetched(client: httpx2.Client, path: str) -> tuple[bytes, bytes]:
    """Return the results and the errors of a batch."""
    answers = [client.get(f"{path}/{what}") for what in ("results", "errors")]
    assert [answer.status_code for answer in answers] == [200, 200]
    return answers[0].content, answers[1].content


def rows(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def folders(data: Path) -> list[Path]:
    """Return the folders of batches in a data directory."""
    return sorted((data / "batches").iterdir()) if (data / "batches").exists() else []
