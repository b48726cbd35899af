"""``/v1/batches``: a file in, one result or one error for each of its rows, for its owner alone."""

import asyncio
import csv
import gc
import gzip
import hashlib
import io
import json
import socket
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from batch_calls import CSV, JSONL, OPEN, begun_with, ended, fetched, folders, jsonl, rows, send, sent, some_items, state
from exposed import total
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from letters import LetterBackend
from running import SlowBackend, running, wait_until

from detector import Detector
from detector.bundle import Bundle
from serve import datafiles
from serve.app import create_app
from serve.batches import running as work
from serve.batches import upload
from serve.batches.folders import begin
from serve.batches.reading import MAX_LINE, slices
from serve.batches.running import BEGINNINGS
from serve.batches.schemas import BatchOptions
from serve.batches.store import Store
from serve.keys import KeyStore
from serve.schemas import Failed
from serve.security import Gate, guards
from serve.settings import Settings

Load = Callable[[], Detector]
LURE = "zoo staff wanted, tour and suite paid, write to @example_hr today"


@contextmanager
def serving(load: Load, data: Path, **members: Any) -> Iterator[TestClient]:
    """Run a service with its guards."""
    settings = Settings(data=data, **members)
    gate = Gate(settings)
    with TestClient(
        create_app(load, settings, guards=guards(gate)), base_url="http://127.0.0.1", raise_server_exceptions=False
    ) as client:
        yield client
    gate.close()


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def slow(bundle: Bundle) -> SlowBackend:
    return SlowBackend()


@pytest.fixture
def held(bundle: Bundle, slow: SlowBackend) -> Load:
    """A model that scores nothing until it is let."""
    slow.open.clear()
    return lambda: Detector(bundle, slow, threads=1)


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "Pace", partial(work.Pace, look_s=0.02, retry_s=0.001, most_s=0.05, room_s=0.05))


# A file in, results out.


def test_each_line_gets_what_score_says_of_it(client: TestClient) -> None:
    items = [
        {"id": "a", "text": LURE, "language": "id"},
        {"text": "a driver is wanted"},
        "no object",
        {"id": "c", "text": " "},
        {"id": 7, "text": LURE},
        {"id": "d", "text": LURE, "language": "Tamil"},
        {"id": "e", "text": "a\ud800"},
        {"id": "f"},
    ]
    path = sent(client, jsonl(items))
    found = ended(client, path)
    results, errors = map(rows, fetched(client, path))
    answer = client.post("/v1/score", json={"items": [items[0], items[1]]}).json()
    entries = answer["results"]
    assert results == [{"row": n, **{k: e[k] for k in ("id", "flagged", "result")}} for n, e in enumerate(entries, 1)]
    assert found["counts"] == {"total": 8, "done": 8, "scored": 2, "failed": 6}
    assert found["models"] == [answer["model"]]
    assert [(e["row"], e["id"], e["error"]["code"]) for e in errors] == [
        (3, None, "invalid_item"),
        (4, "c", "invalid_text"),
        (5, None, "invalid_id"),
        (6, "d", "invalid_language"),
        (7, "e", "invalid_text"),
        (8, "f", "invalid_text"),
    ]
    assert errors[0]["error"]["message"] == "line 3: expected a JSON object, got str"


def test_a_batch_says_what_it_is(client: TestClient) -> None:
    body = jsonl(some_items(3))
    answer = send(client, body, language="id", evidence="false")
    found = answer.json()
    assert found["input"] == {
        "format": "jsonl",
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    assert found["options"] == {
        "evidence": False,
        "mask_contacts": False,
        "language": "id",
        "operating_point": "review",
        "text_column": None,
        "id_column": None,
    }
    assert (found["status"], found["started_at"], found["counts"]["total"], found["error"]) == ("queued", None, None, None)
    done = ended(client, answer.headers["location"])
    assert done["status"] == "completed"
    times = [done[name] for name in ("created_at", "started_at", "ended_at", "expires_at")]
    assert times == sorted(times)
    assert all(time.endswith("Z") for time in times)


@pytest.mark.parametrize("kind", [JSONL, "application/x-ndjson", "Application/JSONL; charset=utf-8"])
def test_json_lines_have_two_names(client: TestClient, kind: str) -> None:
    assert ended(client, sent(client, jsonl([{"text": LURE}]), kind))["counts"]["scored"] == 1


def test_a_custom_id_is_an_id_where_there_is_no_other(client: TestClient) -> None:
    path = sent(client, jsonl([{"custom_id": "a", "text": LURE}, {"custom_id": "b", "id": "c", "text": LURE}]))
    ended(client, path)
    assert [row["id"] for row in rows(fetched(client, path)[0])] == ["a", "c"]


def test_members_may_have_other_names(client: TestClient) -> None:
    path = sent(client, jsonl([{"ad": LURE, "key": "k", "text": ""}]), text_column="ad", id_column="key")
    ended(client, path)
    (row,) = rows(fetched(client, path)[0])
    assert row["id"] == "k"


def test_csv_of_any_dialect_and_encoding_is_read_and_a_broken_row_is_an_error_of_its_own(client: TestClient) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=";")
    writer.writerows([["post_id", "lang", "text"], ["a", "zh", "招聘客服，包吃住，机票报销\n联系 @example_hr"], ["b", "", LURE]])
    stream.write("c;en\r\n")
    writer.writerow(["d", "en", LURE])
    path = sent(client, stream.getvalue().encode("gb18030"), CSV)
    found = ended(client, path)
    results, errors = map(rows, fetched(client, path))
    assert [(row["row"], row["id"]) for row in results] == [(1, "a"), (2, "b"), (4, "d")]
    assert [row["result"]["language"] for row in results][::2] == ["zh", "en"]
    assert errors == [{"row": 3, "id": "c", "error": {"code": "invalid_item", "message": errors[0]["error"]["message"]}}]
    assert "expected 3 cells, got 2" in errors[0]["error"]["message"]
    assert found["input"]["format"] == "csv"


def test_columns_of_csv_may_be_named(client: TestClient) -> None:
    path = sent(client, b"text,ad,key\nx,%s,k1\n" % LURE.replace(",", "").encode(), CSV, text_column="ad", id_column="key")
    ended(client, path)
    (row,) = rows(fetched(client, path)[0])
    assert row["id"] == "k1"
    assert row["result"]["contacts"]


def test_options_are_those_of_score(client: TestClient) -> None:
    items = [{"text": LURE + " or call +85512345678 zzzz zzzz zzzz zzzz"}]
    for options in (
        {"evidence": False, "mask_contacts": True},
        {"operating_point": "high", "language": "sw"},
    ):
        path = sent(client, jsonl(items), **{name: json.dumps(value).strip('"') for name, value in options.items()})
        ended(client, path)
        (row,) = rows(fetched(client, path)[0])
        (entry,) = client.post("/v1/score", json={"items": items, "options": options}).json()["results"]
        assert row == {"row": 1, "id": None, "flagged": entry["flagged"], "result": entry["result"]}


def test_a_parameter_that_is_none_is_refused(client: TestClient) -> None:
    answer = send(client, jsonl(some_items(1)), textcolumn="text")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "expected no parameters but evidence, id_column" in answer.text


def test_what_is_wrong_with_the_disk_is_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(client.app.state.batches, "find", fail)
    assert client.get("/v1/batches/some").status_code == 503
    assert "the batches cannot be read or written: [Errno 13] Permission denied" in caplog.messages


def test_an_empty_file_is_done_at_once(client: TestClient) -> None:
    for kind in (JSONL, CSV):
        path = sent(client, b"", kind)
        assert ended(client, path)["counts"] == {"total": 0, "done": 0, "scored": 0, "failed": 0}
        assert fetched(client, path) == (b"", b"")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "id", "custom_id", "language"]), inner),
    max_leaves=6,
)
LINE = VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b""))


@examples(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(lines=st.lists(LINE, max_size=12))
def test_any_lines_get_one_result_or_one_error_each(client: TestClient, lines: list[bytes]) -> None:
    # The first line decides whether it is a file of objects at all, and in which encoding.
    body = b"\n".join([b'{"text": "a driver is wanted"}', *lines])
    path = sent(client, body)
    found = ended(client, path)
    results, errors = map(rows, fetched(client, path))
    wanted = 1 + sum(not _is_blank(line) for line in lines)
    assert found["counts"] == {"total": wanted, "done": wanted, "scored": len(results), "failed": len(errors)}
    assert sorted(row["row"] for row in results + errors) == list(range(1, wanted + 1))
    for found_rows in (results, errors):
        assert [row["row"] for row in found_rows] == sorted(row["row"] for row in found_rows)
    client.delete(path)


def _is_blank(line: bytes) -> bool:
    text = line.decode("utf-8", "surrogateescape")
    return not text or text.isspace()


def lists(length: int) -> bytes:
    """Return a row that takes forty times its length once it is parsed."""
    return b'{"text": [' + b"[]," * ((length - 15) // 3) + b"0]}\n"


def test_rows_are_parsed_up_to_a_length_that_any_post_fits_in(tmp_path: Path) -> None:
    longest = {"text": "\U0001f600" * 100_000}
    (tmp_path / "posts").write_bytes(jsonl([longest]) + lists(2 * MAX_LINE) + lists(100_000))
    (_, post), (_, error), (_, lists_too) = (row for some in slices(tmp_path / "posts", "jsonl", BatchOptions()) for row in some)
    assert post == longest
    assert isinstance(error, Failed)
    assert isinstance(lists_too, Failed)
    assert lists_too.error.message == "line 3: expected at most 20000 brackets in a line"
    assert error.error.message == f"line 2: expected at most {MAX_LINE} bytes in a line"


def test_what_is_scored_together_is_bounded_by_its_bytes_whatever_the_rows_hold(tmp_path: Path) -> None:
    (tmp_path / "posts").write_bytes(jsonl([{"text": ["x" * 100_000]}] * 6))
    assert [len(some) for some in slices(tmp_path / "posts", "jsonl", BatchOptions())] == [3, 3]


# What is refused, and leaves nothing behind.


@pytest.mark.parametrize(
    ("kind", "headers", "body", "status"),
    [
        pytest.param("application/json", {}, b"{}", 415, id="JSON"),
        pytest.param("multipart/form-data; boundary=x", {}, b"--x--", 415, id="a form"),
        pytest.param("", {}, b"{}", 415, id="no type"),
        pytest.param(JSONL, {"content-encoding": "gzip"}, gzip.compress(b"{}"), 415, id="compressed"),
        pytest.param(JSONL, {}, gzip.compress(b"{}"), 422, id="compressed, and not said"),
        pytest.param(JSONL, {}, b'[{"text": "a"}]', 422, id="one list"),
        pytest.param(CSV, {}, b"\0\0\0\x01\x02binary\n", 422, id="binary"),
        pytest.param(CSV, {}, b",secret" * 1001 + b"\n", 422, id="too many columns"),
        pytest.param(CSV, {}, b"secret words of a post,other words\nmore,cells\n", 422, id="no column of texts"),
        pytest.param(JSONL, {}, b" " * 10_001, 413, id="too long"),
        pytest.param(JSONL, {"idempotency-key": ""}, b"{}", 422, id="a key of nothing"),
    ],
)
def test_what_cannot_be_read_is_refused(
    load: Load, tmp_path: Path, kind: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    with serving(load, tmp_path, max_batch_bytes=10_000) as client:
        answer = send(client, body, kind, headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert "secret" not in answer.text
        assert client.get("/v1/batches").json() == {"data": [], "next": None}
    assert folders(tmp_path) == []


def test_a_column_that_is_not_there_is_refused_without_a_word_of_the_header(load: Load, tmp_path: Path) -> None:
    with serving(load, tmp_path) as client:
        answer = send(client, b"text,secret\na,b\n", CSV, text_column="ad")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "the file: expected the columns that were asked for, got 2 others; name it with text_column"


@pytest.mark.parametrize("params", [{"evidence": "x"}, {"operating_point": "low"}, {"language": "Tamil"}, {"text_column": ""}])
def test_an_option_that_is_none_is_named(client: TestClient, params: dict[str, str]) -> None:
    answer = send(client, b"", **params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"].startswith(f"query {next(iter(params))}: ")


def test_a_file_of_undeclared_length_is_read_up_to_the_limit(load: Load, tmp_path: Path) -> None:
    with serving(load, tmp_path, max_batch_bytes=100_000) as client:
        answer = client.post("/v1/batches", content=iter([b" " * 10_000] * 11), headers={"content-type": JSONL})
        assert answer.status_code == 413
    assert folders(tmp_path) == []


@pytest.fixture
def begun(load: Load, tmp_path: Path) -> Iterator[socket.socket]:
    """A connection on which half a file has come."""
    with (
        running(create_app(load, Settings(data=tmp_path))) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as one,
    ):
        one.sendall(
            b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jsonl\r\nContent-Length: 90000\r\n\r\n"
        )
        one.sendall(b'{"text": "half a po')
        wait_until(lambda: len(folders(tmp_path)) == 1)
        yield one


def test_a_client_that_leaves_amid_its_file_leaves_nothing_behind(begun: socket.socket, tmp_path: Path) -> None:
    begun.close()
    wait_until(lambda: folders(tmp_path) == [])


def test_a_file_that_comes_too_slowly_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    monkeypatch.setattr(upload, "PAUSE_S", 0.5)
    connection: socket.socket = request.getfixturevalue("begun")
    assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")
    wait_until(lambda: folders(tmp_path) == [])


def test_a_refused_file_holds_nobody_up_while_another_process_writes(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datafiles, "WAIT_S", 1.5)
    writer = sqlite3.connect(tmp_path / "batches.sqlite", isolation_level=None, check_same_thread=False)

    def body() -> Iterator[bytes]:
        yield b'[{"text": "a"}]'
        wait_until(lambda: len(folders(tmp_path)) == 1)
        writer.execute("BEGIN IMMEDIATE")

    slowest = 0.0
    with (
        running(create_app(load, Settings(data=tmp_path))) as port,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        refused = pool.submit(httpx2.post, f"{client.base_url}/v1/batches", content=body(), headers={"content-type": JSONL})
        while not refused.done():
            started = time.monotonic()
            client.get("/healthz")
            slowest = max(slowest, time.monotonic() - started)
            time.sleep(0.01)
        writer.close()
    assert refused.result().status_code == 422
    assert slowest < 0.75


def test_a_request_that_is_cancelled_as_its_batch_is_queued_leaves_it_whole(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, began = Store.queue, threading.Event()

    def slow_queue(self: Store, *arguments: Any) -> Any:
        began.set()
        time.sleep(0.2)
        return queue(self, *arguments)

    async def cancelled_and_sent_again() -> httpx2.Response:
        app = create_app(load, Settings(data=tmp_path))
        transport = httpx2.ASGITransport(app)
        async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:

            async def post() -> httpx2.Response:
                headers = {"content-type": JSONL, "idempotency-key": "once"}
                return await client.post("/v1/batches", content=jsonl(some_items(3)), headers=headers)

            first = asyncio.create_task(post())
            await asyncio.to_thread(began.wait)
            first.cancel()
            await asyncio.wait({first})
            assert first.cancelled()
            answer = await post()
            while (await client.get(answer.headers["location"])).json()["status"] in OPEN:
                await asyncio.sleep(0.05)
            return await client.get(answer.headers["location"])

    monkeypatch.setattr(Store, "queue", slow_queue)
    found = asyncio.run(cancelled_and_sent_again()).json()
    assert (found["status"], found["counts"]["done"]) == ("completed", 3)
    assert [folder.name for folder in folders(tmp_path)] == [found["id"]]


# The same request again; how many; whose.


def test_the_same_request_makes_one_batch(client: TestClient, tmp_path: Path) -> None:
    body, key = jsonl(some_items(3)), {"idempotency-key": "once"}
    path = sent(client, body, headers=key)
    again = send(client, body, headers=key)
    assert (again.status_code, again.headers["location"]) == (200, path)
    assert send(client, body + b"{}", headers=key).status_code == 409
    assert send(client, body, headers=key, evidence="false").status_code == 409
    assert send(client, body, headers={"idempotency-key": "twice"}).status_code == 202
    assert len(client.get("/v1/batches").json()["data"]) == 2
    assert len(folders(tmp_path / "data")) == 2


def test_so_many_batches_of_a_caller_may_wait(held: Load, slow: SlowBackend, tmp_path: Path) -> None:
    key = {"idempotency-key": "first"}
    with serving(held, tmp_path, max_batches=2, rate=1) as client:
        path = sent(client, jsonl(some_items(3)), headers=key)
        sent(client, jsonl(some_items(4)))
        answer = send(client, jsonl(some_items(5)))
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "60"
        assert send(client, jsonl(some_items(3)), headers=key).status_code == 200
        slow.open.set()
        ended(client, path)
        sent(client, jsonl(some_items(5)))


def test_who_keeps_too_many_results_has_to_delete_some(load: Load, tmp_path: Path) -> None:
    key = {"idempotency-key": "first"}
    with serving(load, tmp_path, max_kept_bytes=1) as client:
        path = sent(client, jsonl(some_items(3)), headers=key)
        ended(client, path)
        answer = send(client, jsonl(some_items(4)))
        assert answer.status_code == 507
        assert answer.json()["detail"] == (
            "expected at most 1000 batches that have ended, with 1 bytes of results in all; delete those that were fetched"
        )
        assert send(client, jsonl(some_items(3)), headers=key).status_code == 200
        client.delete(path)
        sent(client, jsonl(some_items(4)))


def test_what_was_sent_is_not_kept_beyond_the_end(held: Load, slow: SlowBackend, tmp_path: Path) -> None:
    with serving(held, tmp_path) as client:
        first, second = sent(client, jsonl(some_items(3))), sent(client, jsonl(some_items(4)))
        assert len(list(tmp_path.rglob("input"))) == 2
        client.post(f"{second}/cancel")
        assert [file.parent.name for file in tmp_path.rglob("input")] == [first[-38:]]
        slow.open.set()
        ended(client, first)
        wait_until(lambda: not list(tmp_path.rglob("input")))


def test_a_batch_is_of_everybody_with_a_key_of_its_name_and_of_no_one_else(load: Load, tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    old, new, other = (store.add(name, ["batch"]) for name in ("platform", "platform", "other"))
    admin, scoring = store.add("lead", ["batch", "admin"]), store.add("platform", ["score", "admin"])
    with serving(load, tmp_path) as client:
        path = sent(client, jsonl(some_items(3)), headers=bearer(old))
        client.headers.update(bearer(new))
        ended(client, path)
        for key, seen in ((old, 1), (other, 0), (admin, 1)):
            client.headers.update(bearer(key))
            assert len(client.get("/v1/batches").json()["data"]) == seen
            assert client.get(path).status_code == (200 if seen else 404)
        client.headers.update(bearer(other))
        answers = [client.get(path), client.get(f"{path}/results"), client.get(f"{path}/errors")]
        answers += [client.post(f"{path}/cancel"), client.delete(path)]
        assert {answer.status_code for answer in answers} == {404}
        assert client.get(path, headers=bearer(scoring)).status_code == 403
        assert client.get(path, headers={"authorization": ""}).status_code == 401
        assert client.delete(path, headers=bearer(admin)).status_code == 204


def test_a_name_cannot_be_that_of_callers_without_a_key(load: Load, tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    with serving(load, tmp_path, anonymous="yes") as client:
        path = sent(client, jsonl(some_items(3)))
        key = store.add("anonymous", ["batch"])
        assert client.get(path, headers=bearer(key)).status_code == 404


@pytest.mark.parametrize("name", ["x", "batch_" + "0" * 32, "..", "%00", "%F0%9F%98%80", "%ED%A0%80", "a" * 5000])
def test_what_is_no_batch_is_not_found(client: TestClient, name: str) -> None:
    for answer in (
        client.get(f"/v1/batches/{name}"),
        client.get(f"/v1/batches/{name}/results"),
        client.delete(f"/v1/batches/{name}"),
    ):
        assert answer.status_code in {404, 405}
        assert answer.headers["content-type"] == "application/problem+json"


# While it runs, and afterwards.


def test_batches_are_listed_newest_first_page_by_page(client: TestClient) -> None:
    made = [sent(client, jsonl(some_items(1)))[-38:] for _ in range(5)]
    seen, after = [], None
    while True:
        page = client.get("/v1/batches", params={"limit": 2} | ({"after": after} if after else {})).json()
        seen += [batch["id"] for batch in page["data"]]
        assert len(page["data"]) <= 2
        if (after := page["next"]) is None:
            break
    assert seen == made[::-1]
    assert client.get("/v1/batches", params={"after": "x"}).status_code == 422
    assert client.get("/v1/batches", params={"limit": 0}).status_code == 422


def test_a_page_comes_after_the_one_before_also_when_that_was_deleted(client: TestClient) -> None:
    made = [sent(client, jsonl(some_items(1))) for _ in range(3)]
    page = client.get("/v1/batches", params={"limit": 2}).json()
    for path in made:
        ended(client, path)
    for batch in page["data"]:
        assert client.delete(f"/v1/batches/{batch['id']}").status_code == 204
    page = client.get("/v1/batches", params={"after": page["next"]}).json()
    assert [batch["id"] for batch in page["data"]] == [made[0][-38:]]


def test_a_file_that_comes_slowly_holds_no_model(load: Load, tmp_path: Path) -> None:
    app = create_app(load, Settings(data=tmp_path))
    with running(app) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as one:
        one.sendall(
            b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jsonl\r\nContent-Length: 9\r\n\r\n{"
        )
        wait_until(lambda: len(folders(tmp_path)) == 1)
        before = weakref.ref(app.state.detector)
        app.state.detector.close()
        app.state.detector = load()
        gc.collect()
        assert before() is None


def test_what_has_not_ended_has_no_results_yet_and_cannot_be_deleted(held: Load, slow: SlowBackend, tmp_path: Path) -> None:
    with serving(held, tmp_path) as client:
        path = sent(client, jsonl(some_items(3)))
        answers = [client.get(f"{path}/results"), client.get(f"{path}/errors"), client.delete(path)]
        assert [answer.status_code for answer in answers] == [409, 409, 409]
        slow.open.set()
        ended(client, path)
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404
    assert folders(tmp_path) == []


@pytest.mark.usefixtures("_hasty")
def test_a_cancelled_batch_keeps_what_was_done(bundle: Bundle, tmp_path: Path) -> None:
    backend = SlowBackend(0.004)
    body = jsonl(some_items(150))
    with serving(lambda: Detector(bundle, backend, threads=1), tmp_path) as client:
        whole = sent(client, body)
        ended(client, whole)
        path, waiting = sent(client, body), sent(client, body)
        begun_with(client, path)
        assert client.post(f"{waiting}/cancel").json()["status"] == "cancelled"
        assert client.post(f"{path}/cancel").json()["status"] in {"cancelling", "cancelled"}
        found = ended(client, path)
        assert found["status"] == "cancelled"
        assert 0 < found["counts"]["done"] < 150
        for part, all_of_it in zip(fetched(client, path), fetched(client, whole), strict=True):
            assert all_of_it.startswith(part)
        assert len(rows(b"".join(fetched(client, path)))) == found["counts"]["done"]
        assert fetched(client, waiting) == (b"", b"")
        assert client.post(f"{path}/cancel").json() == found


def test_a_part_of_the_results_can_be_fetched(client: TestClient) -> None:
    path = sent(client, jsonl(some_items(20)))
    ended(client, path)
    whole = client.get(f"{path}/results")
    assert whole.headers["content-type"] == JSONL
    for wanted, expected in (
        ("bytes=100-", whole.content[100:]),
        ("bytes=0-9", whole.content[:10]),
        ("bytes=-7", whole.content[-7:]),
    ):
        part = client.get(f"{path}/results", headers={"range": wanted})
        assert (part.status_code, part.content) == (206, expected)
    refused = [
        client.get(f"{path}/results", headers={"range": wanted})
        for wanted in ("bytes=9-1", "lines=1-2", "bytes=999999-", "bytes=-0")
    ]
    assert [answer.status_code for answer in refused] == [400, 400, 416, 416]
    for answer in refused[2:]:
        assert answer.headers["content-range"] == f"bytes */{len(whole.content)}"
        assert answer.headers["content-type"] == "application/problem+json"


def test_files_of_batches_are_for_this_user_alone(client: TestClient, tmp_path: Path) -> None:
    ended(client, sent(client, jsonl(some_items(20))))
    found = list((tmp_path / "data").rglob("*"))
    assert {path.name for path in found} >= {"lock", "results.jsonl", "errors.jsonl", "batches.sqlite"}
    assert not [path for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_rows_are_counted_as_items_are(client: TestClient) -> None:
    items = some_items(40)
    ended(client, sent(client, jsonl(items)))
    assert total(client.get("/metrics").text, "items_total") == 40


# A model that fails.


@pytest.mark.usefixtures("_hasty")
def test_a_post_that_the_model_fails_on_is_an_error_even_alone(client: TestClient, backend: LetterBackend) -> None:
    backend.poison = 4 + ord("q") - ord("a") + 1
    path = sent(client, jsonl([{"id": "q", "text": "quiet quarters"}]))
    assert ended(client, path)["counts"]["failed"] == 1
    assert rows(fetched(client, path)[1])[0]["error"]["code"] == "scoring_failed"


@pytest.mark.usefixtures("_hasty")
def test_a_model_that_fails_for_a_while_costs_no_row(client: TestClient, backend: LetterBackend) -> None:
    backend.poison = 0  # the start of every window
    path = sent(client, jsonl(some_items(100)))
    wait_until(lambda: state(client, path)["error"] == "the model fails; it is tried again")
    backend.poison = -1
    found = ended(client, path)
    assert (found["status"], found["error"], found["counts"]["failed"]) == ("completed", None, 6)


@pytest.mark.usefixtures("_hasty")
def test_a_model_that_goes_on_to_fail_fails_the_batch_with_what_it_had(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "TRIES", 3)
    backend = SlowBackend(0.001)
    with serving(lambda: Detector(bundle, backend, threads=1), tmp_path) as client:
        path = sent(client, jsonl(some_items(150)))
        begun_with(client, path)
        backend.poison = 0
        found = ended(client, path)
        assert (found["status"], found["error"]) == ("failed", "the model failed 3 times in a row; send the file again")
        assert 0 < found["counts"]["done"] < 150
        assert len(rows(b"".join(fetched(client, path)))) == found["counts"]["done"]


@pytest.mark.usefixtures("_hasty")
def test_each_chunk_is_scored_by_the_model_of_the_moment(bundle: Bundle, tmp_path: Path) -> None:
    first, second = (Detector(bundle, SlowBackend(0.001), threads=1) for _ in range(2))
    settings = Settings(data=tmp_path)
    app = create_app(lambda: first, settings)
    with TestClient(app) as client:
        path = sent(client, jsonl(some_items(150)))
        begun_with(client, path)
        app.state.detector = second
        first.close()
        assert ended(client, path)["counts"] == {"total": 150, "done": 150, "scored": 141, "failed": 9}
    second.close()


def test_a_batch_that_processes_died_over_fails_with_what_it_had(held: Load, slow: SlowBackend, tmp_path: Path) -> None:
    with serving(held, tmp_path) as client:
        first, second = sent(client, jsonl(some_items(3))), sent(client, jsonl(some_items(4)))
        for _ in range(BEGINNINGS):
            begin(tmp_path / "batches" / second[-38:])  # as each process does that is killed soon after
        slow.open.set()
        assert ended(client, first)["status"] == "completed"
        found = ended(client, second)
        assert (found["status"], found["counts"]["done"]) == ("failed", 0)
        assert found["error"].startswith("5 processes died over the same rows; ")
        assert fetched(client, second) == (b"", b"")


def test_work_that_gets_on_may_be_begun_as_often_as_it_takes(load: Load, tmp_path: Path) -> None:
    with serving(load, tmp_path) as client:
        path = sent(client, jsonl(some_items(150)))
        ended(client, path)
    assert (tmp_path / "batches" / path[-38:] / "lock").stat().st_size == 0


def test_batches_whose_results_are_gone_end_and_hold_no_other_up(held: Load, slow: SlowBackend, tmp_path: Path) -> None:
    with serving(held, tmp_path) as client:
        paths = [sent(client, jsonl(some_items(number))) for number in (3, 4, 5)]
        wait_until(lambda: slow.seen > 0)
        for path in paths[:2]:  # one that is worked on, and one that waits
            (tmp_path / "batches" / path[-38:] / "errors.jsonl").unlink()
        slow.open.set()
        found = [ended(client, path) for path in paths]
        assert [each["status"] for each in found] == ["completed", "failed", "completed"]
        assert found[1]["error"] == "errors.jsonl: expected 0 bytes, got no file; the disk lost what was written"


@pytest.mark.usefixtures("_hasty")
def test_a_batch_that_cannot_be_begun_holds_no_other_up(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[str] = []

    def take(self: work.Runner, batch: str) -> Any:
        refused[:] = refused or [batch]
        if batch in refused:
            raise PermissionError
        return taken(self, batch)

    taken = work.Runner._take
    monkeypatch.setattr(work.Runner, "_take", take)
    with serving(load, tmp_path) as client:
        first, second = sent(client, jsonl(some_items(3))), sent(client, jsonl(some_items(4)))
        assert ended(client, second)["status"] == "completed"
        assert (refused, state(client, first)["status"]) == ([first[-38:]], "queued")


def test_files_that_are_gone_fail_their_batch(held: Load, slow: SlowBackend, tmp_path: Path) -> None:
    with serving(held, tmp_path) as client:
        first, second = sent(client, jsonl(some_items(3))), sent(client, jsonl(some_items(4)))
        for path in (tmp_path / "batches" / second[-38:]).iterdir():
            path.unlink()
        (tmp_path / "batches" / second[-38:]).rmdir()
        slow.open.set()
        assert ended(client, first)["status"] == "completed"
        found = ended(client, second)
        assert (found["status"], found["error"]) == ("failed", "its files are gone; send the file again")
        assert client.get(f"{second}/results").status_code == 404


# The end of a service in good order, and no word of what was sent.


def test_the_next_service_goes_on_where_the_last_one_ended(bundle: Bundle, load: Load, tmp_path: Path) -> None:
    body = jsonl(some_items(150))
    with serving(load, tmp_path / "other") as client:
        path = sent(client, body)
        ended(client, path)
        whole = fetched(client, path)
    backend = SlowBackend(0.004)
    with serving(lambda: Detector(bundle, backend, threads=1), tmp_path) as client:
        path = sent(client, body)
        begun_with(client, path)
    left = Store(tmp_path).find(path[-38:])
    assert left is not None
    assert left.status in OPEN
    assert left.done % 64 == 0
    assert 0 < left.done < 150
    with serving(load, tmp_path) as client:
        found = ended(client, path)
        assert fetched(client, path) == whole
    assert found["counts"]["done"] == 150


def test_no_word_of_what_was_sent_is_logged(load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "serve")
    secret = "kerjadikamboja"
    bodies = [
        (JSONL, jsonl([{"text": secret, "id": secret}, secret, {secret: secret}, {"text": secret + "\0"}]) + secret.encode()),
        (CSV, f"text,{secret}\n{secret}\n{secret},x,{secret}\n".encode()),
        (CSV, f"{secret},{secret}\n{secret},x\n".encode()),
    ]
    with serving(load, tmp_path) as client:
        answers = [send(client, body, kind, text_column="text") for kind, body in bodies]
        refused = [answer.text for answer in answers if answer.status_code != 202]
        assert len(refused) == 1
        paths = [answer.headers["location"] for answer in answers if answer.status_code == 202]
        errors = b""
        for path in paths:
            refused.append(json.dumps(ended(client, path)))
            errors += fetched(client, path)[1]
        shown = caplog.text + "".join(refused) + client.get("/metrics").text
    assert "request" in shown
    assert secret not in shown
    assert secret not in "".join(row["error"]["message"] for row in rows(errors))


def test_a_batch_expires(load: Load, tmp_path: Path) -> None:
    with serving(load, tmp_path) as client:
        path = sent(client, jsonl(some_items(3)))
        ended(client, path)
    store = Store(tmp_path)
    store.sweep(1e-9)
    store.close()
    with serving(load, tmp_path) as client:
        answers: list[httpx2.Response] = [client.get(path), client.get(f"{path}/results")]
    assert folders(tmp_path) == []
    assert [answer.status_code for answer in answers] == [404, 404]
